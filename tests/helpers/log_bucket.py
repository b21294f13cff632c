"""Reading the objects that logs leave in a directory."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MARKERS = {"access_logs": "", "connection_logs": "conn_log_", "health_check_logs": "health_check_log_"}
_NAME = re.compile(
    r"(?P<marker>|conn_log_|health_check_log_)\d{12}_elasticloadbalancing_[a-z0-9-]+_app\.(?P<owner>[A-Za-z0-9-]+)\."
    r"[0-9a-f]{16}_(?P<end>\d{8}T\d{4}Z)_[0-9.]+_[a-z0-9]{8}\.log\.gz"
)


class LogBucket:
    """A directory that is a bucket.

    Every look at it checks that whatever is there has the name of a whole object, of a test object, or of one that is
    being written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def url(self) -> str:
        """What the attribute says."""
        return f"file://{self.path}"

    def objects(self, log: str = "access_logs", owner: str = "dev") -> list[Path]:
        """The objects of one log, those of the earliest interval first."""
        return [path for path, match in self._found() if (match["marker"], match["owner"]) == (MARKERS[log], owner)]

    def lines(self, log: str = "access_logs", owner: str = "dev") -> list[str]:
        """Their lines."""
        return [line for path in self.objects(log, owner) for line in read_lines(path)]

    def test_objects(self) -> set[str]:
        """The keys of the objects that say that a log was switched on."""
        return {str(path.relative_to(self.path)) for path in self.path.rglob("ELB*TestFile")}

    def partial(self) -> list[Path]:
        """What is being written."""
        return list(self.path.glob(".*.log.gz.partial"))

    def _found(self) -> Iterator[tuple[Path, re.Match[str]]]:
        known = {*self.partial(), *self.path.rglob("ELB*TestFile")}
        for path in sorted(self.path.rglob("*"), key=lambda path: path.name.rpartition("_app.")[2]):
            if path.is_file() and path not in known:
                match = _NAME.fullmatch(path.name)
                assert match is not None, path
                yield path, match


def read_lines(path: Path) -> list[str]:
    """The lines of one object."""
    text = gzip.decompress(path.read_bytes()).decode("ascii")
    assert text.endswith("\n")
    return text.splitlines()
