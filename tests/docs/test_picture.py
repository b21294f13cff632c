from __future__ import annotations

import html
import re
from xml.etree import ElementTree as ET

from tests.docs.picture import PICTURE, draw

MAX_BYTES = 60_000


def test_the_picture_is_small_text_and_fetches_nothing() -> None:
    text = PICTURE.read_text()

    assert "{http://www.w3.org/2000/svg}svg" == ET.fromstring(text).tag
    assert len(text) < MAX_BYTES
    assert [] == re.findall(r"url\((?!#)|<image|href=|@import|@font-face", text)


def test_the_picture_shows_what_happens_now() -> None:
    """But for the time of day: everything else is the same in every run."""
    assert words(draw()) == words(PICTURE.read_text())


def words(svg: str) -> list[str]:
    found = [html.unescape(text).replace("\xa0", " ") for text in re.findall(r"<text [^>]*>([^<]*)</text>", svg)]
    shown = [re.sub(r"\d\d:\d\d:\d\d", "hh:mm:ss", text).strip() for text in found]
    return [text for text in shown if text]
