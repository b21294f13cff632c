from __future__ import annotations

import pytest

from edgeproxy.model import condition_values

page = "rule-condition-types"


@pytest.mark.conformance("host-header values", "characters, one period, letters at the end", page)
@pytest.mark.parametrize(
    "value", ["example.com", "*.example.com", "a_b.c-d.org", "*.localhost", "Example.COM", "w?w.a.b"]
)
def test_host_names(value: str) -> None:
    assert [] == list(condition_values.host_problems("Values", [value]))


@pytest.mark.conformance("host-header values", "a wildcard after the last period is accepted", page, status="default")
def test_a_wildcard_may_stand_for_the_last_label() -> None:
    assert [] == list(condition_values.host_problems("Values", ["example.*"]))


@pytest.mark.conformance("host-header values", "no port, a period, letters at the end", page)
@pytest.mark.parametrize("value", ["localhost", "*", "example.com1", "127.0.0.1"])
def test_host_names_need_a_period_and_letters_after_it(value: str) -> None:
    (error,) = condition_values.host_problems("Values", ["a.b", value])
    reason = (
        f"The 'host-header' value '{value}' is invalid; it must include at least one '.', "
        "with only letters after the last one"
    )
    assert ("Values[1]", reason) == (error.path, error.reason)


@pytest.mark.parametrize("value", ["example.com:8080", "a/b.com", "a b.com", "é.com"])
def test_host_names_have_few_characters(value: str) -> None:
    (error,) = condition_values.host_problems("Values", [value])
    assert error.reason.startswith("The 'host-header' value is invalid; the allowed characters are a-z, A-Z, 0-9")


@pytest.mark.conformance("Condition values", "at most 128 characters", page)
def test_values_have_a_length() -> None:
    assert [] == list(condition_values.path_problems("Values", ["/" + "a" * 127]))
    (error,) = condition_values.path_problems("Values", ["/" + "a" * 128])
    assert "The 'path-pattern' value is too long; the limit is '128'" == error.reason
    (error,) = condition_values.host_problems("Values", ["a" * 127 + ".b"])
    assert "The 'host-header' value is too long; the limit is '128'" == error.reason
    (error,) = condition_values.header_value_problems("Values", ["a" * 129])
    assert "The 'http-header' value is too long; the limit is '128'" == error.reason
    (error,) = condition_values.query_problems("Key", "a" * 129)
    assert "The 'Key' value is too long; the limit is '128'" == error.reason


@pytest.mark.conformance("Condition values", "a value may not be empty", "API reference, RuleCondition")
def test_values_are_not_empty() -> None:
    (error,) = condition_values.path_problems("Values", [""])
    assert ("Values[0]", "A condition value must be specified") == (error.path, error.reason)


@pytest.mark.conformance("path-pattern values", "a pattern need not begin with a slash", page)
@pytest.mark.parametrize("value", ["/img/*", "*.png", "*/", "/a_b-c.d$e~f\"g'h@i:j+k&l", "/v?/x"])
def test_paths(value: str) -> None:
    assert [] == list(condition_values.path_problems("Values", [value]))


@pytest.mark.conformance("path-pattern values", "percent signs, spaces, brackets are refused", page)
@pytest.mark.parametrize("value", ["/a%20b", "/a b", "/[ab]", "/a|b", "/ü", "/a#b", "/a,b"])
def test_paths_have_few_characters(value: str) -> None:
    (error,) = condition_values.path_problems("Values", [value])
    assert error.reason.startswith("The 'path-pattern' value is invalid; the allowed characters are")


@pytest.mark.conformance("http-header names", "at most 40 characters, not Host", page)
def test_header_names() -> None:
    assert [] == list(condition_values.header_name_problems("HttpHeaderName", "X-Canary_1*?"))
    (error,) = condition_values.header_name_problems("HttpHeaderName", "a" * 41)
    assert "The 'HttpHeaderName' value is too long; the limit is '40'" == error.reason
    (error,) = condition_values.header_name_problems("HttpHeaderName", "hOST")
    assert "The 'HttpHeaderName' cannot be 'Host'; use a 'host-header' condition" == error.reason
    (error,) = condition_values.header_name_problems("HttpHeaderName", "X:A")
    assert error.reason.startswith("The 'HttpHeaderName' value is invalid")


@pytest.mark.conformance("http-header values", "the allowed characters", page)
def test_header_values() -> None:
    allowed = " !\"#$%&'()+,./:;<=>@[]^_`{|}~-*?aZ0"
    assert [] == list(condition_values.header_value_problems("Values", [allowed, "*user=jeff*"]))
    for bad in ("\\", "\t", "é", "\r\n"):
        (error,) = condition_values.header_value_problems("Values", [f"a{bad}"])
        assert error.reason.startswith("The 'http-header' value is invalid")


@pytest.mark.conformance("http-request-method values", "upper case, at most 40", page)
@pytest.mark.parametrize("value", ["get", "GET1", "GET*", "G E T"])
def test_methods(value: str) -> None:
    assert [] == list(condition_values.method_problems("Values", ["GET", "MY-OWN_METHOD"]))
    (error,) = condition_values.method_problems("Values", [value])
    expected = "The 'http-request-method' value is invalid; the allowed characters are A-Z, hyphen and underscore"
    assert expected == error.reason


def test_methods_have_a_length() -> None:
    (error,) = condition_values.method_problems("Values", ["A" * 41])
    assert "The 'http-request-method' value is too long; the limit is '40'" == error.reason


@pytest.mark.conformance("query-string values", "characters; a backslash escapes a wildcard", page)
def test_query_texts() -> None:
    assert [] == list(condition_values.query_problems("Value", "a_-.$/~\"'@:+&()!,;=*?\\*\\?"))
    for bad in ("a\\b", "\\", "a b", "é", "a%20", "a#"):
        (error,) = condition_values.query_problems("Value", bad)
        assert error.reason.startswith("The 'Value' value is invalid")


@pytest.mark.conformance("source-ip values", "IPv4 and IPv6 blocks", page)
@pytest.mark.parametrize("value", ["10.0.0.0/8", "0.0.0.0/0", "::/0", "2001:db8::/32", "192.0.2.7/32", "10.1.2.3/8"])
def test_blocks(value: str) -> None:
    assert [] == list(condition_values.source_ip_problems("Values", [value]))


@pytest.mark.conformance("source-ip values", "255.255.255.255/32 is refused", page)
def test_the_broadcast_address_is_refused() -> None:
    (error,) = condition_values.source_ip_problems("Values", ["255.255.255.255/32"])
    assert "The 'source-ip' value '255.255.255.255/32' cannot be specified" == error.reason


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("10.0.0.1", "10.0.0.1/32"),
        ("::1", "::1/128"),
        ("10.0.0.0/33", None),
        ("10.0.0.0/255.0.0.0", "10.0.0.0/8"),
        ("10.0.0.*", None),
        ("", None),
    ],
)
def test_what_is_no_block_is_refused(value: str, meant: str | None) -> None:
    (error,) = condition_values.source_ip_problems("Values", [value])
    reason = f"The 'source-ip' value '{value}' must be in CIDR notation, such as 10.0.0.0/8 or 2001:db8::/32"
    assert (reason, meant) == (error.reason, error.suggestion)


@pytest.mark.conformance("Condition quotas", "escaped wildcards of a query are characters", page)
def test_wildcards_are_counted() -> None:
    assert 3 == condition_values.wildcards_in("*a?b*", "path-pattern")
    assert 1 == condition_values.wildcards_in(r"\*a\?b*", "query-string")
