from __future__ import annotations

from edgeproxy.testing.memory_log import MemoryLog


def test_lines_are_there_at_once_and_without_their_ends() -> None:
    log = MemoryLog()
    log.write("first\n")
    log.write("second\n")

    assert ["first", "second"] == log.lines
