from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.model.condition import (
    HostHeaderConfig,
    HttpHeaderConfig,
    HttpRequestMethodConfig,
    PathPatternConfig,
    QueryStringConfig,
    QueryStringKeyValue,
    RuleCondition,
    SourceIpConfig,
)

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]

host = HostHeaderConfig(values=("a.test",))
path = PathPatternConfig(values=("/a", "/b*"))
query = QueryStringConfig(values=(QueryStringKeyValue(key="k*", value="v?"), QueryStringKeyValue(value="w")))


def test_every_spelling_reads_the_same() -> None:
    written = RuleCondition(field="path-pattern", values=("/a", "/b*"))
    nested = RuleCondition(field="path-pattern", path_pattern_config=path)
    assert written.patterns == nested.patterns == ("/a", "/b*")


@pytest.mark.parametrize(
    ("condition", "patterns"),
    [
        (RuleCondition(field="host-header", host_header_config=host), ("a.test",)),
        (
            RuleCondition(
                field="http-header", http_header_config=HttpHeaderConfig(http_header_name="X", values=("1",))
            ),
            ("1",),
        ),
        (
            RuleCondition(
                field="http-request-method", http_request_method_config=HttpRequestMethodConfig(values=("GET",))
            ),
            ("GET",),
        ),
        (
            RuleCondition(field="source-ip", source_ip_config=SourceIpConfig(values=("10.0.0.0/8",))),
            ("10.0.0.0/8",),
        ),
        (RuleCondition(field="query-string", query_string_config=query), ()),
    ],
)
def test_patterns_of_each_field(condition: RuleCondition, patterns: tuple[str, ...]) -> None:
    assert patterns == condition.patterns
    assert () == condition.regex_patterns


def test_a_query_has_pairs() -> None:
    condition = RuleCondition(field="query-string", query_string_config=query)
    assert query.values == condition.pairs
    assert () == RuleCondition(field="host-header", values=("a.test",)).pairs


@pytest.mark.conformance("Condition quotas", "pairs count once; header names and keys are free", "observed")
def test_values_and_wildcards_are_counted() -> None:
    condition = RuleCondition(field="query-string", query_string_config=query)
    assert (2, 2) == (condition.value_count, condition.wildcard_count)
    header = HttpHeaderConfig(http_header_name="X-?", values=("a*",))
    condition = RuleCondition(field="http-header", http_header_config=header)
    assert (1, 1) == (condition.value_count, condition.wildcard_count)
    condition = RuleCondition(field="source-ip", source_ip_config=SourceIpConfig(values=("::/0",)))
    assert (1, 0) == (condition.value_count, condition.wildcard_count)


@pytest.mark.conformance("Conditions", "the field is one of six", "observed error text")
def test_other_fields_are_refused(refusals: Read) -> None:
    reason = (
        "Condition field 'port' must be one of "
        "'[path-pattern,host-header,http-header,http-request-method,query-string,source-ip]'"
    )
    assert [("Field", reason)] == refusals(lambda: RuleCondition(field="port"))  # type: ignore[arg-type]


@pytest.mark.conformance("Conditions", "Values belongs to host-header and path-pattern", "API reference")
@pytest.mark.parametrize("field", ["http-header", "http-request-method", "query-string", "source-ip"])
def test_the_old_spelling_is_for_host_and_path(field: Any, refusals: Read) -> None:
    expected = [("Values", f"The 'Values' field is not compatible with '{field}'")]
    assert expected == refusals(lambda: RuleCondition(field=field, values=("GET",)))


@pytest.mark.conformance("Conditions", "Values and the config exclude each other", "observed error text")
def test_one_spelling_at_a_time(refusals: Read) -> None:
    expected = [
        (
            "Values",
            "You cannot provide both Values and 'PathPatternConfig' for a condition of type 'path-pattern'",
        )
    ]
    assert expected == refusals(lambda: RuleCondition(field="path-pattern", values=("/a",), path_pattern_config=path))


def test_a_config_of_another_field_is_refused(refusals: Read) -> None:
    expected = [("HostHeaderConfig", "The 'HostHeaderConfig' field is not compatible with 'path-pattern'")]
    assert expected == refusals(lambda: RuleCondition(field="path-pattern", host_header_config=host))


@pytest.mark.conformance("Conditions", "a value must be specified", "observed error text")
@pytest.mark.parametrize("field", ["host-header", "path-pattern", "http-header", "http-request-method", "query-string"])
def test_a_condition_without_values(field: Any, refusals: Read) -> None:
    assert [("", "A condition value must be specified")] == refusals(lambda: RuleCondition(field=field))


def test_a_source_ip_without_values(refusals: Read) -> None:
    assert [("", "A 'source-ip' value must be specified")] == refusals(
        lambda: RuleCondition(field="source-ip", source_ip_config=SourceIpConfig())
    )


@pytest.mark.conformance("query-string", "a Value is mandatory", "observed error text")
def test_a_pair_needs_a_value(refusals: Read) -> None:
    expected = [("Value", "A 'Value' must be specified in 'QueryStringKeyValuePair'")]
    assert expected == refusals(lambda: QueryStringKeyValue(key="k"))


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: HostHeaderConfig(values=("a.b", "a b")), "Values[1]"),
        (lambda: PathPatternConfig(values=("/%",)), "Values[0]"),
        (lambda: HttpHeaderConfig(http_header_name="Host", values=("a",)), "HttpHeaderName"),
        (lambda: HttpHeaderConfig(http_header_name="A", values=("é",)), "Values[0]"),
        (lambda: HttpRequestMethodConfig(values=("get",)), "Values[0]"),
        (lambda: QueryStringKeyValue(key="é", value="a"), "Key"),
        (lambda: SourceIpConfig(values=("x",)), "Values[0]"),
        (lambda: RuleCondition(field="host-header", values=("localhost",)), "Values[0]"),
        (lambda: RuleCondition(field="path-pattern", values=("/a", "/ ")), "Values[1]"),
    ],
)
def test_values_are_checked_in_every_config(make: Callable[[], Any], where: str, refusals: Read) -> None:
    assert [where] == [place for place, _ in refusals(make)]


REGEX = ("^/a",)


@pytest.mark.conformance("Conditions", "Values and RegexValues exclude each other", "rule-condition-types")
@pytest.mark.parametrize(
    ("make", "field"),
    [
        (lambda: HostHeaderConfig(values=("a.test",), regex_values=REGEX), "host-header"),
        (lambda: PathPatternConfig(values=("/a",), regex_values=REGEX), "path-pattern"),
        (lambda: HttpHeaderConfig(http_header_name="A", values=("a",), regex_values=REGEX), "http-header"),
        (lambda: RuleCondition(field="path-pattern", values=("/a",), regex_values=REGEX), "path-pattern"),
    ],
)
def test_values_and_expressions_are_not_mixed(make: Callable[[], Any], field: str, refusals: Read) -> None:
    reason = f"You cannot provide both Values and RegexValues for a condition of type '{field}'"
    assert [("RegexValues", reason)] == refusals(make)


@pytest.mark.parametrize(
    "make",
    [
        lambda bad: HostHeaderConfig(regex_values=bad),
        lambda bad: PathPatternConfig(regex_values=bad),
        lambda bad: HttpHeaderConfig(http_header_name="A", regex_values=bad),
        lambda bad: RuleCondition(field="host-header", regex_values=bad),
    ],
)
def test_expressions_are_checked_wherever_they_stand(make: Callable[[Any], Any], refusals: Read) -> None:
    make(REGEX)
    assert ["RegexValues[1]"] == [path for path, _ in refusals(lambda: make(("a", "(?=a)")))]


def test_expressions_are_found_under_either_spelling() -> None:
    assert REGEX == RuleCondition(field="path-pattern", regex_values=REGEX).regex_patterns
    config = PathPatternConfig(regex_values=REGEX)
    assert REGEX == RuleCondition(field="path-pattern", path_pattern_config=config).regex_patterns


@pytest.mark.conformance(
    "Condition quotas", "expressions count as values, not as wildcards", "load-balancer-limits", status="default"
)
def test_expressions_count_as_values() -> None:
    condition = RuleCondition(field="path-pattern", regex_values=("^/a*", "^/b?"))
    assert (2, 0) == (condition.value_count, condition.wildcard_count)
