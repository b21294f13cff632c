"""The access log as a stream of lines; how they get there off the request path is `test_log_writer.py`'s."""

from __future__ import annotations

import io

from edgeproxy.runtime.access_log import AccessLog


class CountingStream(io.StringIO):
    """Knows how often it was told to hold nothing back."""

    flushes = 0

    def flush(self) -> None:
        self.flushes += 1
        super().flush()


def test_lines_reach_the_stream_in_order_and_are_not_held_back() -> None:
    stream = CountingStream()
    log = AccessLog(stream)
    log.write("one\n")
    log.write("two\n")
    log.close()

    assert "one\ntwo\n" == stream.getvalue()
    assert 1 <= stream.flushes


def test_the_stream_stays_open_for_whoever_opened_it() -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    log.write("line\n")
    log.close()

    assert not stream.closed


def test_a_log_of_another_kind_is_named_in_its_thread() -> None:
    log = AccessLog(io.StringIO(), words="connection log")
    log.write("line\n")
    log.flush()
    thread = log._thread
    assert thread is not None
    name = thread.name
    log.close()

    assert "edgeproxy-connection-log" == name
