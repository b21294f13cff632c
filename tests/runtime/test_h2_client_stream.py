"""One request of an HTTP/2 client, between its exchange and the codec; both are recorded."""

from __future__ import annotations

from typing import Any, cast

import pytest

from edgeproxy.protocol.h2_frames import ErrorCode
from edgeproxy.runtime.h2_client_stream import ClientStream


class Recorder:
    """Notes every call; `answers` are what some of them return."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            self.calls.append((name, *arguments, *named.values()))
            return self._answers.get(name)

        return call


class Exchange(Recorder):
    """An exchange on a stream."""

    port: Any = None


def stream(**answers: Any) -> tuple[ClientStream, Recorder, Recorder, Exchange]:
    """With its connection, its codec and its exchange."""
    connection, codec, exchange = Recorder(), Recorder(**answers), Exchange()
    made = ClientStream(cast("Any", connection), cast("Any", codec), 5, now=100.0)
    made.exchange = cast("Any", exchange)
    return made, connection, codec, exchange


def test_windows_are_given_back_when_the_target_has_taken_the_bytes() -> None:
    made, _, codec, _ = stream()
    made.on_body(b"abc", False, 1.0)
    made.pause_reading()
    made.on_body(b"de", False, 2.0)
    assert [("acknowledge", 5, 3)] == codec.calls

    made.resume_reading()

    assert [("acknowledge", 5, 3), ("acknowledge", 5, 2)] == codec.calls


def test_an_exchange_is_paused_when_the_client_s_windows_are_full() -> None:
    made, _, _, exchange = stream(send_data=False)
    made.send_data(b"abc", False)
    made.on_drained(3.0)

    assert (["on_client_blocked", "on_client_drained"], 3.0) == (
        [name for name, *_ in exchange.calls],
        made.last_activity,
    )


def test_nothing_to_send_is_not_sent() -> None:
    made, _, codec, _ = stream(send_data=True)
    made.send_data(b"", False)

    assert [] == codec.calls


def test_a_stream_that_is_given_up_is_reset_and_forgotten() -> None:
    """A response that cannot be completed must not look complete."""
    made, connection, codec, _ = stream()
    made.abort()

    assert [("reset_stream", 5, ErrorCode.INTERNAL_ERROR)] == codec.calls
    assert ([("on_stream_answered", 5)], None) == (connection.calls, made.exchange)


@pytest.mark.parametrize(
    ("client", "taken", "target", "is_over"),
    [(0.0, 0.0, None, True), (50.0, 0.0, None, False), (0.0, 50.0, None, False), (0.0, 0.0, 50.0, False)],
)
def test_a_sign_of_life_of_either_side_keeps_a_stream(
    client: float, taken: float, target: float | None, *, is_over: bool
) -> None:
    made, _, _, exchange = stream()
    made.last_activity = client
    if target is not None:
        exchange.port = Recorder()
        exchange.port.last_activity = target
    made.check(100.0, 60.0, taken)

    assert ([("on_idle", False)] if is_over else []) == exchange.calls
