"""Which field lines HTTP/2 allows, and which of them need a look. RFC 9113 section 8.2."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol.h2_fields import LENGTH, MALFORMED, PSEUDO, SPECIAL, fault_of, field_line, path_line


@pytest.mark.parametrize(
    ("name", "value", "line", "kind"),
    [
        ("accept", "*/*", "accept: */*", 0),
        ("x-empty", "", "x-empty:", 0),
        ("x_odd.name!", "caf\xe9", "x_odd.name!: caf\xe9", 0),
        ("x", "a \t b", "x: a \t b", 0),
        (":method", "GET", ":method: GET", PSEUDO),
        (":unknown", "", ":unknown:", PSEUDO),
        ("content-length", "5", "content-length: 5", LENGTH),
        ("cookie", "a=1", "cookie: a=1", SPECIAL),
        ("host", "x", "host: x", SPECIAL),
        ("te", "trailers", "te: trailers", SPECIAL),
        ("expect", "100-continue", "expect: 100-continue", SPECIAL),
    ],
)
def test_a_line_says_what_kind_of_field_it_is(name: str, value: str, line: str, kind: int) -> None:
    assert (line, kind, name, value) == field_line(name, value)


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("Accept", "*/*", "the field name 'Accept' is not a token in lower case"),
        ("a b", "", "the field name 'a b' is not a token in lower case"),
        (":", "", "the field name ':' is not a token in lower case"),
        (":Method", "", "the field name ':Method' is not a token in lower case"),
        ("", "", "the field name '' is not a token in lower case"),
        ("caf\xe9", "", "the field name 'caf\xe9' is not a token in lower case"),
        ("connection", "close", "the field connection belongs to HTTP/1.1 connections"),
        ("transfer-encoding", "chunked", "the field transfer-encoding belongs to HTTP/1.1 connections"),
        ("x", "a\nb", "the value 'a\\nb' of x is not a field value"),
        ("x", "a\rb", "the value 'a\\rb' of x is not a field value"),
        ("x", "a\0b", "the value 'a\\x00b' of x is not a field value"),
        ("x", " a", "the value ' a' of x is not a field value"),
        ("x", "a\t", "the value 'a\\t' of x is not a field value"),
        (":path", "/ ", "the value '/ ' of :path is not a field value"),
        ("cookie", "a\n", "the value 'a\\n' of cookie is not a field value"),
    ],
)
def test_what_is_malformed_is_explained(name: str, value: str, fault: str) -> None:
    line = field_line(name, value)
    assert line[1] & MALFORMED
    assert fault == fault_of([field_line("ok", "1"), line])


def test_without_a_malformed_line_the_order_is_wrong() -> None:
    assert "a pseudo-header stands behind a field or in trailers" == fault_of([field_line(":path", "/")])


@given(st.text(st.characters(max_codepoint=255)) | st.sampled_from(["", " ", "/a", "/a ", "\t/", "/\n", "/\0b"]))
def test_a_path_is_a_field_like_any_other(value: str) -> None:
    assert field_line(":path", value) == path_line(value)
