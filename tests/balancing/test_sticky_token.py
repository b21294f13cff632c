"""Marks: what a token names a target or a target group by."""

from __future__ import annotations

from edgeproxy.balancing.sticky_token import group_mark, target_mark


def test_marks_tell_groups_ids_and_ports_apart() -> None:
    marks = {
        group_mark("arn:a"),
        group_mark("arn:b"),
        *(target_mark(arn, host, port) for arn in ("arn:a", "arn:b") for host in ("h1", "h") for port in (1, 11)),
    }
    assert 10 == len(marks)
    assert {16} == {len(mark) for mark in marks}
