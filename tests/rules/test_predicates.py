"""Each condition type, one value against one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from edgeproxy.model.condition import ConditionField
from edgeproxy.rules.predicates import (
    BUILDERS,
    COST,
    MAX_REMEMBERED,
    MAX_REMEMBERED_SIZE,
    _remembering,
    address_number,
    build_predicate,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.model.condition import RuleCondition
    from edgeproxy.rules.facts import RequestFacts

PATH = pytest.mark.conformance("path-pattern", "the whole path is compared, case-sensitive", "rule-condition-types")
HOST = pytest.mark.conformance("host-header", "host names are compared without case", "rule-condition-types")
PORT = pytest.mark.conformance("host-header", "the port is not stripped", "rule-condition-types")
SLASHES = pytest.mark.conformance("path-pattern", "double slashes are not merged", "rule-condition-types")


def test_every_field_has_a_builder_and_a_cost() -> None:
    assert set(get_args(ConditionField)) == set(BUILDERS) == set(COST)


@pytest.mark.parametrize(
    ("patterns", "target", "expected"),
    [
        pytest.param("/img/*", "/img/picture.jpg", True, marks=PATH),
        pytest.param("/img/*", "/img/", True, marks=PATH),
        pytest.param("/img/*", "/img", False, marks=PATH),
        pytest.param("/img/*", "/IMG/a.png", False, marks=PATH),
        pytest.param("/img/*", "/img/a.png?next=/other", True, marks=PATH),
        pytest.param("/img/*", "/other?next=/img/a", False, marks=PATH),
        pytest.param("/img/*/pics", "/img/a/b/pics", True, marks=PATH),
        pytest.param("/img/*/pics", "/img/pics", False, marks=PATH),
        pytest.param("/api/v?/*", "/api/v1/x", True, marks=PATH),
        pytest.param("/api/v?/*", "/api/v12/x", False, marks=PATH),
        pytest.param("*.php", "/a/b.php", True, marks=PATH),
        pytest.param("*/", "/docs/", True, marks=PATH),
        pytest.param("/error", "/error/", False, marks=PATH),
        pytest.param("/get_roles?*", "/get_roles", False, marks=PATH),
        pytest.param("/application/*", "/application//api", True, marks=SLASHES),
        pytest.param("//application", "//application", True, marks=SLASHES),
        pytest.param("/application", "//application", False, marks=SLASHES),
        pytest.param("/path2 /anno/path2", "/anno/path2", True, marks=PATH),
        pytest.param(
            "/a?b",
            "/a%20b",
            True,
            marks=pytest.mark.conformance(
                "path-pattern", "the path is percent-decoded once", "rule-condition-types", status="default"
            ),
        ),
    ],
)
def test_path_pattern(
    condition: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    patterns: str,
    target: str,
    expected: bool,
) -> None:
    predicate = build_predicate(condition("path-pattern", *patterns.split()))
    assert expected == predicate(request_for(target))


@pytest.mark.parametrize(
    ("patterns", "host", "expected"),
    [
        pytest.param("*.example.com", "test.example.com", True, marks=HOST),
        pytest.param("*.example.com", "example.com", False, marks=HOST),
        pytest.param("*.example.com", "a.b.example.com", True, marks=HOST),
        pytest.param("*.example.com", "TEST.Example.COM", True, marks=HOST),
        pytest.param("*.Example.COM", "test.example.com", True, marks=HOST),
        pytest.param("*.example.com", "test.example.com:8080", False, marks=PORT),
        pytest.param("example.com", "example.com:80", False, marks=PORT),
        pytest.param("www.example.com anno.example.com", "other.example.com", False, marks=HOST),
        pytest.param("www.example.com anno.example.com", "Anno.example.com", True, marks=HOST),
        pytest.param("example.com", "", False, marks=HOST),
    ],
)
def test_host_header(
    condition: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    patterns: str,
    host: str,
    expected: bool,
) -> None:
    predicate = build_predicate(condition("host-header", *patterns.split()))
    assert expected == predicate(request_for(host=host))


@pytest.mark.parametrize(
    ("name", "values", "headers", "expected"),
    [
        ("User-Agent", ("*Chrome*", "*Safari*"), (("user-agent", "mozilla/5.0 chrome/120"),), True),
        ("X-Env", ("prod",), (("x-env", "PROD"),), True),
        ("X-Env", ("prod",), (), False),
        ("X-Env", ("*",), (), False),
        ("X-Env", ("*",), (("X-Env", ""),), True),
        ("X-A", ("2",), (("X-A", "1"), ("X-A", "2")), True),
        ("X-A", ("1, 2",), (("X-A", "1"), ("X-A", "2")), False),
        ("Cookie", ("*user=jeff*",), (("Cookie", "a=b; user=jeff; c=d"),), True),
    ],
)
@pytest.mark.conformance(
    "http-header", "each occurrence is compared on its own, without case; an absent header never matches",
    "rule-condition-types",
)  # fmt: skip
def test_http_header(
    *,
    condition: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    name: str,
    values: tuple[str, ...],
    headers: tuple[tuple[str, str], ...],
    expected: bool,
) -> None:
    predicate = build_predicate(condition("http-header", *values, name=name))
    assert expected == predicate(request_for(headers=headers))


@pytest.mark.parametrize(
    ("methods", "method", "expected"),
    [
        (("GET", "HEAD"), "POST", False),
        (("GET", "HEAD"), "HEAD", True),
        (("GET",), "HEAD", False),
        (("GET",), "get", False),
        (("PURGE-ALL",), "PURGE-ALL", True),
    ],
)
@pytest.mark.conformance("http-request-method", "methods are exact and case-sensitive", "rule-condition-types")
def test_http_request_method(
    condition: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    methods: tuple[str, ...],
    method: str,
    expected: bool,
) -> None:
    predicate = build_predicate(condition("http-request-method", *methods))
    assert expected == predicate(request_for(method=method))


QUERY = pytest.mark.conformance("query-string", "some pair matches key and value, without case", "rule-condition-types")
OPEN = pytest.mark.conformance(
    "query-string", "compared as sent first and percent-decoded second; a missing = is an empty value",
    "rule-condition-types", status="default",
)  # fmt: skip


@pytest.mark.parametrize(
    ("values", "target", "expected"),
    [
        pytest.param([("version", "v1")], "/?VERSION=V1", True, marks=QUERY),
        pytest.param([("version", "v1")], "/?a=b&version=v1&c=d", True, marks=QUERY),
        pytest.param([("version", "v1")], "/?version=v10", False, marks=QUERY),
        pytest.param([("version", "v1")], "/", False, marks=QUERY),
        pytest.param(["*example*"], "/?foo=myexample1", True, marks=QUERY),
        pytest.param(["*example*"], "/?example=1", False, marks=QUERY),
        pytest.param([r"a\*b"], "/?q=a*b", True, marks=QUERY),
        pytest.param([r"a\*b"], "/?q=axxb", False, marks=QUERY),
        pytest.param([("paramA", "valueA1"), ("paramA", "valueA2")], "/?paramA=valueA2", True, marks=QUERY),
        pytest.param([("version", "v1")], "/?a=v1&version=2", False, marks=QUERY),
        pytest.param([("flag", "*")], "/?flag", True, marks=OPEN),
        pytest.param([("k", "*")], "/?k=", True, marks=OPEN),
        pytest.param([("k", "?")], "/?k=", False, marks=OPEN),
        pytest.param([("k", "a:b")], "/?%6B=A%3ab", True, marks=OPEN),
        pytest.param([("k", "a:b")], "/?k=a%253Ab", False, marks=OPEN),
        pytest.param([("k", "a+b")], "/?k=a+b", True, marks=OPEN),
        pytest.param([("k", "a?b")], "/?k=a%20b", True, marks=OPEN),
        pytest.param([("k", "v")], "/?a=1;k=v", False, marks=OPEN),
    ],
)
def test_query_string(
    condition: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    values: list[str | tuple[str, str]],
    target: str,
    expected: bool,
) -> None:
    predicate = build_predicate(condition("query-string", *values))
    assert expected == predicate(request_for(target))


SOURCE = pytest.mark.conformance("source-ip", "the TCP peer counts, X-Forwarded-For does not", "rule-condition-types")
MASKED = pytest.mark.conformance(
    "source-ip", "host bits of a CIDR block are masked", "rule-condition-types", status="default"
)


@pytest.mark.parametrize(
    ("blocks", "peer", "expected"),
    [
        pytest.param(("192.0.2.0/24",), "192.0.2.77", True, marks=SOURCE),
        pytest.param(("192.0.2.0/24",), "192.0.3.0", False, marks=SOURCE),
        pytest.param(("192.0.2.0/24",), "10.0.0.1", False, marks=SOURCE),
        pytest.param(("2001:db8::/32",), "2001:db8::1", True, marks=SOURCE),
        pytest.param(("2001:db8::/32",), "2001:db9::", False, marks=SOURCE),
        pytest.param(("10.0.0.0/8", "2001:db8::/32"), "2001:db8:ffff::1", True, marks=SOURCE),
        pytest.param(("0.0.0.0/0",), "255.255.255.255", True, marks=SOURCE),
        pytest.param(("0.0.0.0/0",), "::1", False, marks=SOURCE),
        pytest.param(("::/0",), "10.0.0.1", False, marks=SOURCE),
        pytest.param(("192.0.2.77/24",), "192.0.2.1", True, marks=MASKED),
        pytest.param(("192.0.2.1/32",), "::ffff:192.0.2.1", True),
        pytest.param(("192.0.2.0/24",), "", False),
    ],
)
def test_source_ip(
    condition: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    blocks: tuple[str, ...],
    peer: str,
    expected: bool,
) -> None:
    predicate = build_predicate(condition("source-ip", *blocks))
    request = request_for(source_ip=peer, headers=(("X-Forwarded-For", "192.0.2.77"),))
    assert expected == predicate(request)


def test_address_families_are_numbered_apart() -> None:
    numbers = [address_number(address) for address in ("0.0.0.0", "255.255.255.255", "::", "ffff::")]
    assert sorted(number for number in numbers if number is not None) == numbers
    assert len(set(numbers)) == len(numbers)


def test_text_that_is_no_address_has_no_number() -> None:
    assert address_number("localhost") is None


CASE = pytest.mark.conformance(
    "regular expressions",
    "hosts are compared without case, paths and headers with it",
    "rule-condition-types",
    status="default",
)


@pytest.mark.parametrize(
    ("pattern", "host", "expected"),
    [
        pytest.param(r"^example\.com:8443$", "example.com:8443", True, marks=PORT),
        pytest.param(r"^example\.com$", "example.com:8443", False, marks=PORT),
        pytest.param(r"^(.*)\.example\.com$", "www.example.com", True, marks=HOST),
        pytest.param(r"^(.+)\.example\.com", "www.example.com.evil.test", True, marks=HOST),
        pytest.param(r"^WWW\.", "www.example.com", True, marks=CASE),
    ],
)
def test_host_header_by_expression(
    regex: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    pattern: str,
    host: str,
    expected: bool,
) -> None:
    assert expected == build_predicate(regex("host-header", pattern))(request_for(host=host))


@pytest.mark.parametrize(
    ("pattern", "target", "expected"),
    [
        pytest.param("/regex/[a-z]+/items", "/regex/abc/items", True, marks=PATH),
        pytest.param("^/API/", "/api/x", False, marks=CASE),
        pytest.param("(?i)^/API/", "/api/x", True, marks=CASE),
        pytest.param("^/a b$", "/a%20b", True, marks=CASE),
        pytest.param("next", "/a?next=1", False, marks=PATH),
    ],
)
def test_path_pattern_by_expression(
    regex: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    pattern: str,
    target: str,
    expected: bool,
) -> None:
    assert expected == build_predicate(regex("path-pattern", pattern))(request_for(target))


@pytest.mark.parametrize(
    ("pattern", "headers", "expected"),
    [
        pytest.param(
            ".+",
            (("X-A", "1"),),
            True,
            marks=pytest.mark.conformance("http-header", ".+ asks for presence", "rule-condition-types"),
        ),
        (".+", (("X-B", "1"),), False),
        (".+", (("X-A", ""),), False),
        ("^2$", (("X-A", "1"), ("x-a", "2")), True),
        pytest.param("^prod$", (("X-A", "PROD"),), False, marks=CASE),
    ],
)
def test_http_header_by_expression(
    regex: Callable[..., RuleCondition],
    request_for: Callable[..., RequestFacts],
    pattern: str,
    headers: tuple[tuple[str, str], ...],
    expected: bool,
) -> None:
    assert expected == build_predicate(regex("http-header", pattern, name="X-A"))(request_for(headers=headers))


def test_a_remembered_verdict_is_the_test_of_the_lower_cased_text() -> None:
    asked: list[str] = []

    def test(text: str) -> bool:
        asked.append(text)
        return text == "yes"

    remembered = _remembering(test)
    assert [True, True, False, False] == [remembered("YES"), remembered("YES"), remembered("no"), remembered("no")]
    assert ["yes", "no"] == asked


def test_what_verdicts_remember_is_bounded() -> None:
    asked: list[str] = []
    remembered = _remembering(lambda text: not asked.append(text))  # type: ignore[func-returns-value]
    for number in range(MAX_REMEMBERED + 1):
        remembered(str(number))
    remembered("0")
    for _ in range(2):
        remembered("x" * (MAX_REMEMBERED_SIZE + 1))

    assert MAX_REMEMBERED + 4 == len(asked), "the first was forgotten, and the long one never kept"
