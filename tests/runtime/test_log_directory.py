"""One log in a directory: which objects there are, when, and what is in them."""

from __future__ import annotations

import errno
import gzip
import logging
import os
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from edgeproxy.runtime.log_directory import LogDirectory
from edgeproxy.runtime.log_object import ACCESS, CONNECTION, LogFamily, LogOwner
from tests.helpers.log_bucket import LogBucket, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OWNER = LogOwner("123456789012", "us-east-1", "dev")
NOON = 1795348800.0
"""2026-11-22T12:00:00Z, where an interval begins."""

PAGE = "load-balancer-access-logs"


class Writing:
    """A log directory, and its bucket."""

    def __init__(self, path: Path, family: LogFamily = ACCESS, prefix: str = "") -> None:
        self.bucket = LogBucket(path)
        self.now = NOON
        self.log = LogDirectory(family, OWNER, bucket=path, prefix=prefix, epoch=lambda: self.now)

    def at(self, moment: float, text: str = "x", *, node: str = "10.0.0.5", handed_over: float | None = None) -> str:
        """Writes a line of a time, in seconds since noon, and hands it over."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(NOON + moment)) + f".{int(moment % 1 * 1e6):06d}Z"
        self.now = NOON + moment
        line = f"http {stamp} {text} {node}" if self.log.family.time_field else f"{stamp} {text} {node}"
        self.log.write(line + "\n")
        if handed_over is not None:
            self.flush(handed_over)
        return line

    def flush(self, moment: float) -> None:
        self.now = NOON + moment
        self.log.flush()
        self.settle()

    def settle(self) -> None:
        """Waits until the thread has done what it was told."""
        self.log._blocks.join()

    def deliver(self, moment: float) -> None:
        self.now = NOON + moment
        assert self.log.deliver().wait(10)

    def close(self, moment: float) -> None:
        self.now = NOON + moment
        self.log.close()

    @property
    def ends(self) -> list[str]:
        return [path.name.split("_")[-3] for path in self.bucket.objects()]


@pytest.fixture
def writing(tmp_path: Path) -> Writing:
    return Writing(tmp_path)


@pytest.mark.conformance("log files", "an object of five minutes is there whole when they are over", PAGE)
def test_an_object_appears_whole_when_its_interval_is_over(writing: Writing) -> None:
    first = writing.at(0.0, handed_over=1)
    second = writing.at(299.9, handed_over=299.95)
    assert [] == writing.bucket.objects()
    assert 1 == len(writing.bucket.partial())
    writing.flush(300)

    assert [first, second] == writing.bucket.lines()
    assert ["20261122T1205Z"] == writing.ends
    assert [] == writing.bucket.partial()
    writing.close(301)


def test_a_line_belongs_to_the_interval_of_its_own_time(writing: Writing) -> None:
    """Both were handed over together, a moment after the interval's end."""
    before = writing.at(299.9)
    after = writing.at(300.1)
    writing.flush(300.2)
    writing.close(301)

    assert [[before], [after]] == [read_lines(path) for path in writing.bucket.objects()]
    assert ["20261122T1205Z", "20261122T1210Z"] == writing.ends


def test_a_line_that_comes_late_goes_to_the_open_interval(writing: Writing) -> None:
    """Health checks carry the time when they began."""
    now = writing.at(301, handed_over=302)
    late = writing.at(299, handed_over=303)
    writing.close(304)

    assert [[now, late]] == [read_lines(path) for path in writing.bucket.objects()]


def test_a_line_from_the_future_does_not_open_a_future_interval(writing: Writing) -> None:
    writing.at(900)
    writing.flush(1)
    writing.close(2)

    assert ["20261122T1205Z"] == writing.ends


def test_intervals_without_lines_have_no_object(writing: Writing) -> None:
    writing.at(0, handed_over=1)
    for moment in range(2, 2000, 7):
        writing.flush(moment)
    writing.close(2000)

    assert ["20261122T1205Z"] == writing.ends


def test_delivery_on_demand_makes_an_object_of_the_same_interval(writing: Writing) -> None:
    """As a busy real load balancer does: several objects in a period, told apart by their random part."""
    first = writing.at(1)
    writing.deliver(2)
    assert [first] == writing.bucket.lines()
    second = writing.at(3)
    writing.deliver(4)
    writing.deliver(5)

    assert [{first}, {second}] == sorted(({*read_lines(path)} for path in writing.bucket.objects()), key=sorted)
    assert ["20261122T1205Z"] * 2 == writing.ends
    writing.close(6)


def test_nothing_is_lost_at_close(writing: Writing) -> None:
    lines = [writing.at(n / 10) for n in range(2000)]
    writing.close(200)

    assert lines == writing.bucket.lines()
    assert 0 == writing.log.dropped


@pytest.mark.conformance("log files", "a test object where the log is switched on", PAGE)
def test_the_test_object_is_written_when_the_log_is_switched_on(tmp_path: Path) -> None:
    writing = Writing(tmp_path / "new" / "bucket", prefix="a/b")
    writing.log.announce()
    writing.settle()

    assert {"a/b/AWSLogs/123456789012/ELBAccessLogTestFile"} == writing.bucket.test_objects()
    (path,) = writing.bucket.path.rglob("ELB*")
    assert "Enable AccessLog for ELB: dev at 2026-11-22T12:00:00.000Z" == path.read_text()
    writing.close(1)
    assert [] == writing.bucket.objects()


def test_the_name_has_the_nodes_address_that_the_lines_tell(writing: Writing) -> None:
    writing.at(0, node="-", handed_over=1)
    writing.deliver(2)
    writing.at(301, node="10.9.8.7")
    writing.deliver(302)
    writing.at(601, node="::1")
    writing.deliver(602)
    writing.close(603)

    assert ["127.0.0.1", "10.9.8.7", "10.9.8.7"] == [path.name.split("_")[-2] for path in writing.bucket.objects()]


def test_the_connection_log_has_its_time_first(tmp_path: Path) -> None:
    writing = Writing(tmp_path, CONNECTION)
    writing.at(299)
    writing.at(301)
    writing.flush(302)
    writing.close(303)

    assert [1, 1] == [len(read_lines(path)) for path in writing.bucket.objects("connection_logs")]


def test_an_object_is_one_gzip_member(writing: Writing) -> None:
    """Some readers stop after the first."""
    writing.at(0, handed_over=1)
    writing.at(1, handed_over=2)
    writing.close(3)
    (path,) = writing.bucket.objects()

    assert 1 == path.read_bytes().count(b"\x1f\x8b\x08")
    assert path.read_bytes().startswith(b"\x1f\x8b\x08")


# ---- trouble


class Disk:
    """Lets a number of bytes through and is full then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = 1 << 30
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, number: int, data: memoryview) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(number, data[: self.room])
        self.room -= written
        return written


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_full_disk_costs_the_lines_that_found_it_full_and_is_said_once(
    writing: Writing, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    before = writing.at(0, handed_over=1)
    disk.room = 5
    for n in range(3):
        writing.at(2 + n, "lost", handed_over=3 + n)
    disk.room = 1 << 30
    after = writing.at(10, handed_over=11)
    writing.close(12)

    assert [before, after] == writing.bucket.lines()
    assert 3 == writing.log.dropped
    full, fine = caplog.messages
    assert (
        f"The access log of load balancer dev cannot be written to {writing.bucket.path}: No space left on device. "
        "Serving goes on; its lines are lost."
    ) == full
    assert "The access log of load balancer dev is written again; 3 lines were lost." == fine


def test_an_object_that_cannot_be_completed_is_tried_again(
    writing: Writing, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    before = writing.at(0, handed_over=1)
    disk.room = 3
    writing.flush(300)
    assert [] == writing.bucket.objects()
    disk.room = 1 << 30
    after = writing.at(301, handed_over=302)
    writing.close(303)

    assert [[before], [after]] == [read_lines(path) for path in writing.bucket.objects()]
    assert 0 == writing.log.dropped
    assert 1 == len([message for message in caplog.messages if "No space left" in message])


def test_what_cannot_be_completed_at_the_end_is_counted_and_can_still_be_read(writing: Writing, disk: Disk) -> None:
    line = writing.at(0, handed_over=1)
    disk.room = 0
    writing.close(2)

    assert 1 == writing.log.dropped
    (partial,) = writing.bucket.partial()
    with gzip.open(partial) as file:
        assert f"{line}\n".encode() == file.readline()
        with pytest.raises(EOFError):
            file.read()


def _a_file(path: Path) -> Path:
    path.write_text("not a directory")
    return path


def _below_a_file(path: Path) -> Path:
    return _a_file(path) / "bucket"


@pytest.mark.parametrize("place", [_a_file, _below_a_file])
def test_a_directory_that_cannot_be_is_said_once_and_its_lines_are_counted(
    place: Callable[[Path], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writing = Writing(place(tmp_path / "file"))
    writing.log.announce()
    for n in range(3):
        writing.at(n, handed_over=n)
    writing.close(4)

    assert 3 == writing.log.dropped
    assert 1 == len(caplog.messages)
    assert "The access log of load balancer dev cannot be written to " in caplog.messages[0]


def test_a_directory_that_was_removed_is_made_again(writing: Writing) -> None:
    writing.at(0, handed_over=1)
    shutil.rmtree(writing.bucket.path)
    writing.deliver(2)
    after = writing.at(3, handed_over=4)
    writing.close(5)

    assert [after] == writing.bucket.lines()
    assert 1 == writing.log.dropped
