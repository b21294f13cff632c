"""The documentation as a site: it builds without a warning, and needs nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DOCS, ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a broken link, anchor or include fails the build."""
    folder = tmp_path_factory.mktemp("site")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == built.returncode, built.stdout + built.stderr
    return folder


def test_every_page_is_built(site: Path) -> None:
    assert {page.stem for page in DOCS.glob("*.md")} | {"404"} == {page.stem for page in site.glob("*.html")}


def test_pages_fetch_nothing_from_elsewhere(site: Path) -> None:
    """No fonts, scripts or pictures of other hosts: the site works without a network."""
    for page in site.glob("*.html"):
        text = page.read_text()
        fetched = re.findall(r'<(?:script|img|iframe)\b[^>]*\bsrc="([^"]+)"', text)
        fetched += re.findall(r'<link\b(?=[^>]*rel="(?:stylesheet|preconnect|icon)")[^>]*href="([^"]+)"', text)
        assert [] == [address for address in fetched if re.match(r"(https?:)?//", address)], page.name


def test_nothing_included_is_missing(site: Path) -> None:
    for page in site.glob("*.html"):
        assert "--8&lt;--" not in page.read_text(), page.name
