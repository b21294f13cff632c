"""What conditions see of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.rules.facts import WithoutDroppedHeaders, has_conforming_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.rules.facts import RequestFacts


@pytest.mark.conformance(
    "request headers", "names are letters, digits and hyphens where others are dropped", "application-load-balancers"
)
@pytest.mark.parametrize(
    ("name", "expected"),
    [("X-A1", True), ("x", True), ("X_A", False), ("X.A", False), ("X-A\n", False), ("", False)],
)
def test_conforming_names(name: str, expected: bool) -> None:
    assert expected == has_conforming_name(name)


def test_headers_that_are_dropped_are_not_seen(request_for: Callable[..., RequestFacts]) -> None:
    facts = request_for("/a?x=1", host="A.test", method="PUT", headers=(("X_A", "1"), ("X-B", "2")))
    hidden = WithoutDroppedHeaders(facts)

    assert (["1"], []) == (list(facts.header_values("x_a")), list(hidden.header_values("x_a")))
    assert ["2"] == hidden.header_values("x-b")
    assert ("PUT", "a.test", "/a", "x=1", [("x", "1")], "192.0.2.1") == (
        hidden.method,
        hidden.host,
        hidden.path,
        hidden.query,
        hidden.query_pairs,
        hidden.source_ip,
    )
