"""The writer that keeps the access log's file off the request path."""

from __future__ import annotations

import io
import threading

import pytest

from edgeproxy.runtime import access_log
from edgeproxy.runtime.access_log import AccessLog


class GatedStream(io.StringIO):
    """A stream whose reader takes nothing until the gate opens."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.is_blocked = threading.Event()

    def write(self, text: str) -> int:
        self.is_blocked.set()
        self.gate.wait(10)
        return super().write(text)


def test_nothing_is_lost_at_close() -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    lines = [f"line {n}\n" for n in range(1000)]
    for each in lines:
        log.write(each)
    log.close()

    assert ("".join(lines), 0) == (stream.getvalue(), log.dropped)


def test_a_flush_writes_an_unfinished_block() -> None:
    stream = GatedStream()
    log = AccessLog(stream)
    log.write("one\n")
    assert not stream.is_blocked.is_set()
    log.flush()
    assert stream.is_blocked.wait(10)
    stream.gate.set()
    log.close()

    assert "one\n" == stream.getvalue()


def test_a_log_without_lines_needs_no_thread() -> None:
    log = AccessLog(io.StringIO())
    log.flush()
    log.close()

    assert log._thread is None


def test_a_blocked_stream_costs_lines_and_not_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serving goes on while nobody reads; what does not fit is dropped and counted, and the rest stays in order."""
    monkeypatch.setattr(access_log, "MAX_WAITING_BLOCKS", 2)
    monkeypatch.setattr(access_log, "BLOCK_LINES", 10)
    stream = GatedStream()
    log = AccessLog(stream)
    for n in range(10):
        log.write(f"{n}\n")
    assert stream.is_blocked.wait(10)
    for n in range(10, 100):
        log.write(f"{n}\n")
    stream.gate.set()
    log.close()

    assert (70, [str(n) for n in range(30)]) == (log.dropped, stream.getvalue().split())


@pytest.mark.parametrize("error", [OSError("no space left on device"), ValueError("I/O operation on closed file")])
def test_a_stream_that_fails_does_not_stop_the_log(error: Exception) -> None:
    class Failing(io.StringIO):
        failures = 1

        def write(self, text: str) -> int:
            if self.failures:
                self.failures -= 1
                raise error
            return super().write(text)

    stream = Failing()
    log = AccessLog(stream)
    log.write("lost\n")
    log.flush()
    log.write("kept\n")
    log.close()

    assert (1, "kept\n") == (log.dropped, stream.getvalue())
