"""What is recorded of the others, and that each difference from them has its reason."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.differential.cases import (
    OTHERS,
    OURS,
    Difference,
    differences,
    differing,
    encoded,
    explained,
    recorded,
    requests,
)

PAGES = {
    "default",
    "edit-load-balancer-attributes",
    "how-elastic-load-balancing-works",
    "load-balancer-access-logs",
    "load-balancer-limits",
    "load-balancer-troubleshooting",
    "rule-condition-types",
}


def test_every_case_is_recorded_for_everybody() -> None:
    versions, outcomes = recorded()
    assert list(requests()) == list(outcomes)
    assert {OURS, *OTHERS} == set(versions)
    assert [] == [name for name, each in outcomes.items() if {OURS, *OTHERS} != set(each)]


@pytest.mark.parametrize("server", OTHERS)
def test_every_difference_is_explained_once_and_nothing_else_is(server: str) -> None:
    """An entry whose difference has gone is as wrong as a difference without an entry."""
    _, outcomes = recorded()
    listed = explained(differences(), server)
    assert differing(outcomes, server) == set(listed)
    assert [] == [name for name, count in Counter(listed).items() if count > 1]


def test_every_reason_names_its_page() -> None:
    assert [] == [difference for difference in differences() if difference.page not in PAGES or not difference.fact]


def test_nobody_but_the_client_decides_where_a_request_ends() -> None:
    """The smuggled request of the classic attack reaches nobody's target."""
    _, outcomes = recorded()
    assert {"takes 0", "refuses 400"} == set(outcomes["chunked, a length and a request behind"].values())


def test_repetitions_are_written_out() -> None:
    assert b"GET /aaa\xff{b}\r\n" == encoded("GET /{a*3}\xff{b}\r\n")
    assert b"A: b\r\nA: b\r\n" == encoded("{A: b\r\n*2}")


def test_cases_that_differ_are_found_and_those_that_are_explained() -> None:
    outcomes = {"a": {"edgeproxy": "takes 0", "nginx": "takes 0"}, "b": {"edgeproxy": "takes 0", "nginx": "waits"}}
    assert {"b"} == differing(outcomes, "nginx")
    assert ["b", "c"] == explained(
        [Difference("f", "p", {"nginx": ["b"]}), Difference("g", "p", {"nginx": ["c"]})], "nginx"
    )
