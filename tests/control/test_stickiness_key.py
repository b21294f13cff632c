from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.stickiness_key import existing_key, stickiness_key

if TYPE_CHECKING:
    from pathlib import Path


def test_the_key_is_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    key = stickiness_key(folder)

    assert (32, key) == (len(key), stickiness_key(folder))
    assert 0o600 == stat.S_IMODE((folder / "stickiness.key").stat().st_mode)
    assert ["stickiness.key"] == [each.name for each in folder.iterdir()]


def test_those_who_start_at_once_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        assert 1 == len(set(threads.map(stickiness_key, [tmp_path] * 32)))


def test_what_is_no_key_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "stickiness.key").write_bytes(b"short")

    assert stickiness_key(tmp_path) == stickiness_key(tmp_path)
    assert f"'{tmp_path}/stickiness.key' is no key of stickiness cookies and is replaced." in caplog.messages


def test_a_folder_that_cannot_be_used_costs_only_the_restart(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "certs").write_text("a file")
    first, second = stickiness_key(tmp_path / "certs"), stickiness_key(tmp_path / "certs")

    assert (32, 32) == (len(first), len(second))
    assert first != second
    assert "sessions will not survive a restart" in caplog.text


@pytest.mark.parametrize("content", [None, b"short"])
def test_asking_makes_no_key(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "stickiness.key").write_bytes(content)

    assert existing_key(tmp_path) is None
