"""Processor time of a proxy: user plus system time of its whole process tree, from /proc (proc(5), `stat`)."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def parse_stat(text: str) -> tuple[int, int]:
    """(parent pid, ticks of user plus system time) of one /proc/PID/stat line.

    The command in parentheses may itself contain blanks and parentheses, so fields are counted from the last `)`.
    """
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[1]), int(fields[11]) + int(fields[12])


def _read_all() -> dict[int, tuple[int, int]]:
    found: dict[int, tuple[int, int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = parse_stat((entry / "stat").read_text(encoding="utf-8", errors="replace"))
            except (FileNotFoundError, ProcessLookupError):
                continue  # it ended while we looked
    return found


def process_tree(root: int) -> list[int]:
    """`root` and everything it has started, directly or not."""
    parents = {pid: parent for pid, (parent, _) in _read_all().items()}
    tree = [root]
    for member in tree:  # grows while we walk: children of children
        tree.extend(pid for pid, parent in parents.items() if parent == member)
    return tree


def cpu_seconds(root: int) -> float:
    """Processor seconds that the tree under `root` has used so far (resolution: one tick, usually 10 ms)."""
    stats = _read_all()
    return sum(stats[pid][1] for pid in process_tree(root) if pid in stats) / _TICKS_PER_SECOND
