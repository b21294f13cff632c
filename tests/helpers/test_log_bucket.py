from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from tests.helpers.log_bucket import LogBucket

if TYPE_CHECKING:
    from pathlib import Path

START = "123456789012_elasticloadbalancing_us-east-1_app"


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).write_bytes(gzip.compress(text.encode()))


def test_objects_are_found_by_log_and_owner(tmp_path: Path) -> None:
    put(tmp_path, f"{START}.dev.{'0' * 16}_20220428T2345Z_10.0.0.1_bbbbbbbb.log.gz", "second\n")
    put(tmp_path, f"{START}.dev.{'0' * 16}_20220428T2340Z_10.0.0.1_cccccccc.log.gz", "first\n")
    put(tmp_path, f"conn_log_{START}.dev.{'0' * 16}_20220428T2340Z_10.0.0.1_aaaaaaaa.log.gz", "connection\n")
    put(tmp_path, f"{START}.other.{'0' * 16}_20220428T2340Z_10.0.0.1_aaaaaaaa.log.gz", "other\n")
    (tmp_path / "ELBAccessLogTestFile").touch()
    (tmp_path / ".aaaaaaaa.log.gz.partial").touch()
    bucket = LogBucket(tmp_path)

    assert ["first", "second"] == bucket.lines()
    assert ["connection"] == bucket.lines("connection_logs")
    assert ["other"] == bucket.lines(owner="other")
    assert {"ELBAccessLogTestFile"} == bucket.test_objects()
    assert 1 == len(bucket.partial())


def test_what_has_another_name_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "something.log.gz").touch()
    with pytest.raises(AssertionError):
        LogBucket(tmp_path).objects()
