"""The routing table: priority decides, whatever the index narrows to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.rules.table import MAX_KNOWN, MAX_KNOWN_CANDIDATES, MAX_KNOWN_SIZE, RoutingTable
from edgeproxy.rules.wildcard import has_control

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from edgeproxy.model.condition import RuleCondition
    from edgeproxy.model.rule import Rule
    from edgeproxy.rules.facts import RequestFacts

    Conditions = Callable[..., RuleCondition]
    Requests = Callable[..., RequestFacts]
    Rules = Callable[..., Rule]

ORDER = pytest.mark.conformance("rules", "the lowest priority number that matches answers", "listener-rules")


@pytest.fixture
def abc_rules(condition: Conditions, rule: Rules) -> Callable[[int], RoutingTable[str]]:
    """A for the API, B for its admin part on our hosts at a chosen priority, C for the canary."""

    def build(priority_of_b: int) -> RoutingTable[str]:
        api = rule(10, condition("path-pattern", "/api/*"))
        admin = rule(
            priority_of_b, condition("host-header", "*.example.com"), condition("path-pattern", "/api/admin/*")
        )
        canary = rule(30, condition("http-header", "true", name="X-Canary"))
        return RoutingTable.build([(canary, "C"), (admin, "B"), (api, "A")], default="404")

    return build


@ORDER
def test_lower_priority_number_wins(abc_rules: Callable[[int], RoutingTable[str]], request_for: Requests) -> None:
    assert abc_rules(20).match(request_for("/api/admin/x", host="w.example.com")) == "A"


@ORDER
def test_more_specific_rule_wins_only_by_its_number(
    abc_rules: Callable[[int], RoutingTable[str]], request_for: Requests
) -> None:
    table = abc_rules(5)
    assert table.match(request_for("/api/admin/x", host="w.example.com")) == "B"
    assert table.match(request_for("/api/admin/x", host="other.net")) == "A"


@ORDER
def test_rule_without_host_and_path_is_asked_for_every_request(
    abc_rules: Callable[[int], RoutingTable[str]], request_for: Requests
) -> None:
    assert abc_rules(20).match(request_for("/x", headers=(("X-Canary", "TRUE"),))) == "C"


@ORDER
def test_default_answers_when_nothing_matches(
    abc_rules: Callable[[int], RoutingTable[str]], request_for: Requests
) -> None:
    assert abc_rules(20).match(request_for("/x")) == "404"


def test_table_without_rules_answers_with_the_default(request_for: Requests) -> None:
    assert RoutingTable.build([], default="default").match(request_for("/")) == "default"


@pytest.mark.parametrize(
    ("target", "expected"), [("/?paramA=valueB&paramB=valueB", "default"), ("/?paramA=valueA&paramB=valueB", "rule")]
)
@pytest.mark.conformance("rules", "all conditions of a rule have to hold", "rule-condition-types")
def test_two_query_conditions_both_have_to_hold(
    condition: Conditions, rule: Rules, request_for: Requests, target: str, expected: str
) -> None:
    first = condition("query-string", ("paramA", "valueA"))
    second = condition("query-string", ("paramB", "valueB"))
    table = RoutingTable.build([(rule(1, first, second), "rule")], default="default")
    assert expected == table.match(request_for(target))


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("/img/*", "/img/", True),
        ("/img/*", "/img", False),
        ("/img", "/img", True),
        ("/img", "/img/", False),
        ("/img/", "/img/", True),
        ("/img/", "/img/a", False),
        ("/", "/", True),
        ("/", "//", False),
        ("//", "//", True),
        ("//*", "//a", True),
        ("/im*", "/img/a", True),
        ("*", "/anything", True),
        ("/img/*", "/img/%01", False),
        ("/img/*", "/img/%C3%A9%A0", True),
    ],
)
def test_being_found_by_segment_proves_exactly_what_the_pattern_says(
    *, condition: Conditions, rule: Rules, request_for: Requests, pattern: str, path: str, expected: bool
) -> None:
    """Rules under a segment are not asked again for their path, so the key has to be exact."""
    table = RoutingTable.build([(rule(1, condition("path-pattern", pattern)), "rule")], default="default")
    assert ("rule" if expected else "default") == table.match(request_for(path))


def test_control_character_still_reaches_rules_without_a_path(
    condition: Conditions, rule: Rules, request_for: Requests
) -> None:
    rules = [
        (rule(1, condition("path-pattern", "/img/*")), "path"),
        (rule(2, condition("http-request-method", "GET")), "method"),
    ]
    assert RoutingTable.build(rules, default="default").match(request_for("/img/%01")) == "method"


def test_rules_of_any_host_and_of_one_host_are_merged_by_priority(
    condition: Conditions, rule: Rules, request_for: Requests
) -> None:
    rules = [
        (rule(3, condition("host-header", "a.example.com")), "host 3"),
        (rule(2, condition("path-pattern", "/two/*")), "path 2"),
        (rule(1, condition("host-header", "a.example.com"), condition("path-pattern", "/one/*")), "both 1"),
        (rule(4, condition("path-pattern", "/four/*")), "path 4"),
    ]
    table = RoutingTable.build(rules, default="default")
    answers = [
        table.match(request_for(path, host=host))
        for host in ("a.example.com", "b.example.com")
        for path in ("/one/x", "/two/x", "/four/x")
    ]
    assert answers == ["both 1", "path 2", "host 3", "default", "path 2", "path 4"]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("w.example.com", "w 2"),
        ("v.example.com", "example 3"),
        ("a.b.example.com", "b 1"),
        (".example.com", "example 3"),
        ("example.com", "default"),
        ("notexample.com", "default"),
        ("v.example.com:80", "default"),
        ("a\x01.example.com", "default"),
        ("x." * 5000 + "example.com", "example 3"),
        ("." * 5000, "default"),
    ],
)
def test_domains_and_hosts_are_merged_by_priority(
    condition: Conditions, rule: Rules, request_for: Requests, host: str, expected: str
) -> None:
    rules = [
        (rule(1, condition("host-header", "*.b.example.com")), "b 1"),
        (rule(2, condition("host-header", "w.example.com")), "w 2"),
        (rule(3, condition("host-header", "*.example.com")), "example 3"),
        (rule(4, condition("host-header", "v.example.com")), "v 4"),
    ]
    assert expected == RoutingTable.build(rules, default="default").match(request_for(host=host))


PATHS = ["/", "/a", "/a/", "/a/b", "/b/a", "//a", "/a//b", "/ab", "/a/b/c", "/%01/a", "/a/%7F"]
HOSTS = ["a.example.com", "b.example.com", "example.com", "a.example.com:80", "c.a.example.com", ".com", ""]
PATH_PATTERNS = ["/", "/a", "/a/", "/a/*", "/a*", "/?/b", "*", "*/b", "/a/b", "//*", "/b/*", "/a/*/c"]
HOST_PATTERNS = [
    "a.example.com",
    "b.example.com",
    "*.example.com",
    "?.example.com",
    "*.A.Example.com",
    "*.com",
    "a*.com",
]
# an expression is written with a tilde in front
PATH_REGEXES = ["~^/a", "~b$", "~/[ab]/", "~."]
HOST_REGEXES = ["~^a", r"~example\.com$", "~:80"]


def some(values: list[str], most: int) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.sampled_from(values), min_size=1, max_size=most, unique=True).map(tuple)


RULES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "path-pattern": some(PATH_PATTERNS, 2) | some(PATH_REGEXES, 2),
            "host-header": some(HOST_PATTERNS, 2) | some(HOST_REGEXES, 2),
            "http-request-method": some(["GET", "POST"], 1),
        },
    ).filter(bool),
    max_size=8,
)


def glob(pattern: str, text: str) -> bool:
    if pattern.startswith("~"):
        return re.search(pattern[1:], text) is not None and not has_control(text)
    translated = "".join(
        {"*": "[^\x00-\x1f\x7f]*", "?": "[^\x00-\x1f\x7f]"}.get(sign, re.escape(sign)) for sign in pattern
    )
    return re.fullmatch(translated, text) is not None


def obvious_match(rules: list[dict[str, tuple[str, ...]]], request: RequestFacts) -> int | None:
    """Ask every rule in turn, every condition in full."""
    for number, conditions in enumerate(rules):
        seen = {"path-pattern": request.path, "host-header": request.host, "http-request-method": request.method}
        if all(
            any(glob(value.lower() if field == "host-header" else value, seen[field]) for value in values)
            for field, values in conditions.items()
        ):
            return number
    return None


@given(
    rules=RULES,
    path=st.sampled_from(PATHS),
    host=st.sampled_from(HOSTS),
    method=st.sampled_from(["GET", "POST"]),
    order=st.randoms(),
)
def test_table_agrees_with_asking_every_rule_in_turn(
    *,
    condition: Conditions,
    regex: Conditions,
    rule: Rules,
    request_for: Requests,
    rules: list[dict[str, tuple[str, ...]]],
    path: str,
    host: str,
    method: str,
    order: Random,
) -> None:
    """The index may only make it faster; the order in which rules are given does not matter."""

    def make(field: str, values: tuple[str, ...]) -> RuleCondition:
        if values[0].startswith("~"):
            return regex(field, *(value[1:] for value in values))
        return condition(field, *values)

    built = [
        (rule(number + 1, *(make(field, values) for field, values in conditions.items())), number)
        for number, conditions in enumerate(rules)
    ]
    order.shuffle(built)
    request = request_for(path, host=host, method=method)
    expected = obvious_match(rules, request)
    table: RoutingTable[int | None] = RoutingTable.build(built, default=None)
    assert expected == table.match(request)
    answering = [verdict.rule for verdict in table.explain(request) if verdict.answers]
    assert [expected] == [None if found is None else found.priority - 1 for found in answering]


ADDRESSES = ["192.0.2.1", "198.51.100.1"]


@given(
    rules=RULES,
    requests=st.lists(
        st.tuples(*map(st.sampled_from, (PATHS, HOSTS, ["GET", "POST"], ADDRESSES))), min_size=2, max_size=12
    ),
)
def test_what_a_table_remembers_of_some_requests_never_changes_its_answer_to_others(
    *,
    condition: Conditions,
    regex: Conditions,
    rule: Rules,
    request_for: Requests,
    rules: list[dict[str, tuple[str, ...]]],
    requests: list[tuple[str, str, str, str]],
) -> None:
    """Half of the rules ask for an address, so that every lasting fact decides something."""

    def make(field: str, values: tuple[str, ...]) -> RuleCondition:
        if values[0].startswith("~"):
            return regex(field, *(value[1:] for value in values))
        return condition(field, *values)

    built = []
    for number, conditions in enumerate(rules):
        if number % 2:
            made = [make(field, values) for field, values in conditions.items() if field != "path-pattern"]
            made.append(condition("source-ip", "192.0.2.0/24"))
        else:
            made = [make(field, values) for field, values in conditions.items()]
        built.append((rule(number + 1, *made), number))
    table: RoutingTable[int | None] = RoutingTable.build(built, default=None)
    for path, host, method, address in requests:
        request = request_for(path, host=host, method=method, source_ip=address)
        assert RoutingTable.build(built, default=None).match(request) == table.match(request)


def test_what_a_table_remembers_is_bounded(condition: Conditions, rule: Rules, request_for: Requests) -> None:
    many = [
        (rule(number + 1, condition("host-header", "*.com"), condition("path-pattern", f"*{number}")), number)
        for number in range(64)
    ]
    table: RoutingTable[int | None] = RoutingTable.build(many, default=None)
    for number in range(2 * MAX_KNOWN_CANDIDATES // 64):
        table.match(request_for("/", host=f"{number}.example.com"))
        assert sum(map(len, table._known.values())) <= MAX_KNOWN_CANDIDATES
    few: RoutingTable[int | None] = RoutingTable.build(many[:1], default=None)
    for number in range(MAX_KNOWN + 1):
        few.match(request_for("/", host=f"{number}.example.com"))
    assert len(few._known) <= MAX_KNOWN
    few.match(request_for("/", host="x" * (MAX_KNOWN_SIZE + 1)))
    assert all(len(host) <= MAX_KNOWN_SIZE for _, host in few._known)


def test_repr_tells_an_operator_its_size(condition: Conditions, rule: Rules) -> None:
    rules = [(rule(1, condition("host-header", "a.example.com", "b.example.com")), "x")]
    assert repr(RoutingTable.build(rules, default="default")) == "<RoutingTable rules=1 hosts=2>"
