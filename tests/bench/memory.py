"""Memory of a proxy's process tree, from /proc (proc(5), `smaps_rollup` and `status`). All sizes in bytes.

Two different questions, two different figures. *How much does it cost?* PSS: pages shared by a master and its worker
are counted once. *How high did it get?* VmHWM: the kernel itself keeps the highest RSS since the mark was reset, so no
peak between two samples is missed.
"""

from __future__ import annotations

from pathlib import Path

from tests.bench.cpu import process_tree

MIB = 1024 * 1024


def parse_kib(text: str, field: str) -> int:
    """The value of a `Field:   123 kB` line, in bytes; 0 where the field is missing."""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    return 0


def _sum(root: int, file: str, field: str) -> int:
    return sum(parse_kib(Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8"), field) for pid in process_tree(root))


def pss(root: int) -> int:
    """Proportional set size of the tree."""
    return _sum(root, "smaps_rollup", "Pss")


def rss(root: int) -> int:
    """Resident set size of the tree (shared pages counted once per process)."""
    return _sum(root, "status", "VmRSS")


def reset_peak(root: int) -> None:
    """Make `peak_rss` start again from the present RSS (proc(5), `clear_refs`, value 5)."""
    for pid in process_tree(root):
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="utf-8")


def peak_rss(root: int) -> int:
    """Highest RSS since `reset_peak`, summed over the tree."""
    return _sum(root, "status", "VmHWM")
