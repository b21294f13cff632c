from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from edgeproxy.control.doctor.probe import Connection, Dialer, why
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.protocol.limits import MAX_RESPONSE_HEAD
from edgeproxy.runtime.target_connector import UnreachableError
from tests.helpers.ports import reserved_port
from tests.helpers.targets import (
    ScriptedTarget,
    answering,
    garbage,
    leaving_after,
    resetting_after,
    saying,
    silent,
)

if TYPE_CHECKING:
    from edgeproxy.control.doctor.asking import Answer
    from tests.helpers.conversation import Conversation

pytestmark = pytest.mark.both_loops

REQUEST = b"GET / HTTP/1.1\r\nHost: app\r\n\r\n"


async def ask(target: ScriptedTarget, subject_of: Any, dialer: Dialer, **times: float) -> tuple[Connection, Answer]:
    connection = await dialer.connect_h1(subject_of(target))
    limits: dict[str, Any] = {"idle_timeout": 20, "at_most": 20} | times
    return connection, await connection.ask(REQUEST, **limits)


async def test_a_whole_answer_is_measured(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(answering(b"hello")) as target:
        connection, answer = await ask(target, subject_of, dialer)

        assert (Outcome.FORWARDED, 200, 5, True) == (
            answer.outcome,
            answer.status,
            answer.body_size,
            answer.is_complete,
        )
        assert len(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n") == answer.head_size
        connection.close()


async def test_a_connection_can_be_used_again(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(answering(b"hello")) as target:
        connection, _ = await ask(target, subject_of, dialer)
        answer = await connection.ask(REQUEST, idle_timeout=20, at_most=20)

        assert 200 == answer.status
        assert 1 == target.accepted
        connection.close()


async def test_the_longest_silence_is_measured_from_byte_to_byte(subject_of: Any, clock: Any) -> None:
    async def script(conversation: Conversation, head: bytes) -> None:
        clock.seconds += 1
        await conversation.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for gap in (2, 7, 3):
            await heard.wait()
            heard.clear()
            clock.seconds += gap
            await conversation.send(b"1\r\nx\r\n")
        await conversation.send(b"0\r\n\r\n")

    heard = asyncio.Event()

    class Listening(Connection):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            heard.set()

    async with ScriptedTarget(script) as target:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(lambda: Listening(clock), "127.0.0.1", target.port)
        answer = await connection.ask(REQUEST, idle_timeout=20, at_most=100)
        connection.close()

    assert (1, 7, 3) == (answer.first_byte, answer.longest_gap, answer.body_size)


@pytest.mark.parametrize(
    ("script", "outcome", "fault"),
    [
        (garbage, Outcome.TARGET_MALFORMED, "is not HTTP/1"),
        (leaving_after(b""), Outcome.TARGET_CLOSED, "the target closed the connection"),
        (resetting_after(b"HTTP/1.1 200"), Outcome.TARGET_CLOSED, "the target reset the connection"),
        (leaving_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), Outcome.TARGET_CLOSED, "closed"),
    ],
)
async def test_what_the_load_balancer_would_not_pass_on_is_named(
    script: Any, outcome: Outcome, fault: str, subject_of: Any, dialer: Dialer
) -> None:
    async with ScriptedTarget(script) as target:
        _, answer = await ask(target, subject_of, dialer)

    assert outcome is answer.outcome
    assert fault in answer.fault
    assert not answer.is_complete


async def test_silence_ends_an_answer(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(silent) as target:
        connection, answer = await ask(target, subject_of, dialer, idle_timeout=0.02)
        connection.close()

    assert (Outcome.TARGET_SILENT, 504) == (answer.outcome, answer.status)


async def test_what_comes_after_the_end_does_not_change_an_answer(subject_of: Any, dialer: Dialer) -> None:
    gate = asyncio.Event()

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha")
        await gate.wait()
        await conversation.send(b"lf")

    async with ScriptedTarget(script) as target:
        connection, answer = await ask(target, subject_of, dialer, idle_timeout=1.0)
        gate.set()
        assert await connection.closed_within(20) is not None

    assert (Outcome.TARGET_SILENT, 2, False) == (answer.outcome, answer.body_size, answer.is_complete)


async def test_an_endless_answer_is_left_alone_in_the_end(subject_of: Any, dialer: Dialer) -> None:
    stream = saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
    async with ScriptedTarget(stream) as target:
        connection, answer = await ask(target, subject_of, dialer, at_most=0.5)
        connection.close()

    assert (Outcome.FORWARDED, 200, False) == (answer.outcome, answer.status, answer.is_complete)


class FakeTransport(asyncio.Transport):
    def write(self, data: bytes | bytearray | memoryview) -> None:
        """What is asked is no matter."""


async def hearing(*pieces: bytes) -> tuple[Connection, Answer]:
    """The answer to a request when these reads have come."""
    connection = Connection(lambda: 0.0)
    connection.connection_made(FakeTransport())
    task = asyncio.ensure_future(connection.ask(REQUEST, idle_timeout=20, at_most=20))
    await asyncio.sleep(0)
    for piece in pieces:
        connection.data_received(piece)
    return connection, await task


async def test_a_head_that_is_too_long_is_counted_if_its_end_came_along() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: " + b"x" * (200 << 10)
    _, whole = await hearing(head[:1000], head[1000:] + b"\r\n\r\nbody")
    _, begun = await hearing(head, b"\r\n\r\n")

    assert (Outcome.TARGET_MALFORMED, len(head) + 4) == (whole.outcome, whole.head_size)
    assert (Outcome.TARGET_MALFORMED, 0) == (begun.outcome, begun.head_size)


async def test_a_head_that_is_too_long_is_counted_without_the_interim_ones_before_it() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: " + b"x" * (40 << 10) + b"\r\n\r\n"
    _, whole = await hearing(interim + head)
    _, pieces = await hearing(interim[:30], interim[30:] + head)

    assert [len(head)] * 2 == [whole.head_size, pieces.head_size]


async def test_an_endless_head_is_given_up_at_the_limit() -> None:
    """What comes before the connection is closed is not kept."""
    line = b"X-Long: " + b"x" * 1014 + b"\r\n"
    connection, answer = await hearing(b"HTTP/1.1 200 OK\r\n", *[line] * 3000)

    assert (Outcome.TARGET_MALFORMED, 502, 0) == (answer.outcome, answer.status, answer.head_size)
    assert "the response headers are longer than 32768 bytes" == answer.fault
    assert len(connection._received) <= MAX_RESPONSE_HEAD + len(line)


async def test_an_endless_head_of_a_target_is_given_up(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(saying(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * (3 << 20))) as target:
        connection, answer = await ask(target, subject_of, dialer)
        connection.close()

    assert (Outcome.TARGET_MALFORMED, 0) == (answer.outcome, answer.head_size)


async def test_a_close_is_seen_and_dated(subject_of: Any, dialer: Dialer) -> None:
    gate = asyncio.Event()

    async def script(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await gate.wait()

    async with ScriptedTarget(script) as target:
        connection, _ = await ask(target, subject_of, dialer)
        assert await connection.closed_within(0.01) is None
        gate.set()
        kept = await connection.closed_within(20)
        assert kept is not None
        assert 0 <= kept < 20

        again = await connection.ask(REQUEST, idle_timeout=20, at_most=20)
        assert (Outcome.TARGET_CLOSED, True) == (again.outcome, again.is_closed_by_target)


async def test_nobody_listening_is_a_refusal_with_a_reason(subject_of: Any, dialer: Dialer) -> None:
    with reserved_port() as port, pytest.raises(UnreachableError) as caught:
        await dialer.connect(subject_of(port))

    assert Outcome.CONNECT_FAILED is caught.value.outcome
    assert "Connection refused" == why(caught.value)


async def test_a_certificate_that_nobody_trusts_is_good_enough(subject_of: Any, dialer: Dialer) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("elsewhere.example").configure_cert(context)
    async with ScriptedTarget(answering(b"hello"), tls=context) as target:
        connection = await dialer.connect(subject_of(target, protocol="HTTPS"))
        answer = await connection.ask(REQUEST, idle_timeout=20, at_most=20)
        connection.close()

    assert (200, True) == (answer.status, answer.is_complete)


async def test_tls_with_a_target_that_speaks_none_fails(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), speaks_first=True) as target:
        with pytest.raises(UnreachableError) as caught:
            await dialer.connect(subject_of(target, protocol="HTTPS"))

    assert Outcome.TARGET_TLS_FAILED is caught.value.outcome
    assert "WRONG_VERSION_NUMBER" == why(caught.value)


def test_an_error_of_tls_without_a_reason_speaks_for_itself() -> None:
    error = UnreachableError(Outcome.TARGET_TLS_FAILED)
    error.__cause__ = ssl.SSLError(1, "no more to say")

    assert "no more to say" in why(error)
