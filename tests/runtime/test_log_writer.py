"""The writer that keeps files and pipes off the request path."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import threading
from typing import TYPE_CHECKING

import pytest

from edgeproxy.runtime import log_writer
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.log_writer import Descriptor

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    monkeypatch.setattr(log_writer, "MAX_WAITING_BLOCKS", 2)
    monkeypatch.setattr(log_writer, "BLOCK_LINES", 10)
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


def test_lines_that_are_lost_are_not_lost_in_silence(caplog: pytest.LogCaptureFixture) -> None:
    """Once when it begins, with the reason, and once when it is over."""

    class FullDisk(io.StringIO):
        is_full = True

        def write(self, text: str) -> int:
            if self.is_full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(text)

    stream = FullDisk()
    log = AccessLog(stream, words="connection log")
    caplog.set_level(logging.INFO)
    for is_full in (True, True, False, False):
        stream.is_full = is_full
        log.write("a line\n")
        assert log.deliver().wait(10)
        log.flush()
    log.close()

    assert [
        "The connection log cannot be written: No space left on device. Serving goes on; its lines are lost.",
        "The connection log is written again; 2 lines were lost.",
    ] == caplog.messages


def test_a_reader_that_is_too_slow_is_named(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(log_writer, "MAX_WAITING_BLOCKS", 1)
    reader, writer = pipe
    log = AccessLog(Descriptor(writer))
    for _ in range(3):
        log.write("x" * 200_000 + "\n")
        log.flush()
    os.close(reader)
    log.close()

    assert (
        "The access log cannot be written: what it is written to takes too long. Serving goes on; its lines are lost."
    ) == caplog.messages[0]


def test_delivery_is_told_when_it_is_done() -> None:
    stream = GatedStream()
    log = AccessLog(stream)
    assert log.deliver().is_set()
    log.write("one\n")
    delivered = log.deliver()
    assert stream.is_blocked.wait(10)
    assert not delivered.is_set()
    stream.gate.set()

    assert delivered.wait(10)
    assert "one\n" == stream.getvalue()
    log.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        with contextlib.suppress(OSError):
            os.close(end)


def test_a_pipe_that_nobody_reads_cannot_keep_the_log_from_closing(pipe: tuple[int, int]) -> None:
    """The thread stays in `write` until the pipe is read or its reader leaves; whoever closes the log goes on."""
    reader, writer = pipe
    log = AccessLog(Descriptor(writer))
    log.write("x" * 200_000 + "\n")
    log.flush()
    thread = log._thread
    assert thread is not None
    log.close(within=0.05)
    assert thread.is_alive()
    os.close(reader)
    thread.join(10)

    assert not thread.is_alive()
    assert 1 == log.dropped


def test_even_with_a_full_queue(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "MAX_WAITING_BLOCKS", 1)
    reader, writer = pipe
    log = AccessLog(Descriptor(writer))
    for _ in range(5):
        log.write("x" * 200_000 + "\n")
        log.flush()
    thread = log._thread
    assert thread is not None
    log.close(within=0.05)
    assert thread.is_alive()
    os.close(reader)
    # Room comes as soon as the thread has noticed.
    log._blocks.put(None, timeout=30)
    thread.join(30)

    assert not thread.is_alive()


def test_a_descriptor_writes_all_of_it(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    text = "".join(f"{n}\n" for n in range(40_000))
    found: list[bytes] = []

    def read() -> None:
        while data := os.read(reader, 10_000):
            found.append(data)

    thread = threading.Thread(target=read)
    thread.start()
    stream = Descriptor(writer)
    stream.write(text)
    stream.flush()
    os.close(writer)
    thread.join(10)

    assert text.encode() == b"".join(found)
