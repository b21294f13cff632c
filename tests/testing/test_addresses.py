from __future__ import annotations

import types

import pytest

from edgeproxy.model.target import Target
from edgeproxy.testing.addresses import TargetLike, target_of


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        (8080, ("127.0.0.1", 8080)),
        ("8080", ("127.0.0.1", 8080)),
        ("app.test:81", ("app.test", 81)),
        ("http://localhost:81/x", ("127.0.0.1", 81)),
        ("https://10.0.0.1", ("10.0.0.1", 443)),
        ("http://10.0.0.1", ("10.0.0.1", 80)),
        ("[::1]:81", ("::1", 81)),
        (("::1", 81), ("::1", 81)),
        (Target(id="10.0.0.1", port=1), ("10.0.0.1", 1)),
        (types.SimpleNamespace(port=81), ("127.0.0.1", 81)),
        (types.SimpleNamespace(host="0.0.0.0", port=81), ("127.0.0.1", 81)),
        (types.SimpleNamespace(host="10.0.0.1", port=81), ("10.0.0.1", 81)),
    ],
)
def test_what_a_test_may_say(what: TargetLike, expected: tuple[str, int]) -> None:
    found = target_of(what)

    assert expected == (found.id, found.port)


@pytest.mark.parametrize(
    "what", [None, types.SimpleNamespace(port=0), types.SimpleNamespace(port=None), ":80", "host:abc", "[::1"]
)
def test_what_is_none(what: TargetLike) -> None:
    with pytest.raises(ValueError, match="is not a target: it must be"):
        target_of(what)
