from __future__ import annotations

import pytest

from edgeproxy.testing.headers import Headers

HEADERS = Headers([("X-A", "1"), ("X-A", "2")])


def test_names_do_not_care_for_case() -> None:
    assert ("1", ["1", "2"], None, True, False) == (
        *(HEADERS["x-a"], HEADERS.all("x-A"), HEADERS.get("x-b"), "X-a" in HEADERS, "x-b" in HEADERS),
    )


def test_the_order_is_kept() -> None:
    assert HEADERS == [("X-A", "1"), ("X-A", "2")]
    assert (2, list(HEADERS)) == (len(HEADERS), HEADERS.pairs)


def test_what_is_missing_is_told_with_what_is_there() -> None:
    with pytest.raises(KeyError, match="there is no header X-B; there are: X-A, X-A"):
        _ = HEADERS["X-B"]
