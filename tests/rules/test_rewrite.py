"""Redirect locations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.model.action import RedirectConfig
from edgeproxy.rules.rewrite import compile_redirect

PORT_SHOWN = pytest.mark.conformance("redirect", "the port is always in the Location", "rule-action-types")
PARTS = pytest.mark.conformance("redirect", "omitted parts keep the request's", "rule-action-types")
KEYWORDS = pytest.mark.conformance("redirect", "#{path} has no leading slash", "rule-action-types")


@pytest.mark.parametrize(
    ("config", "port", "asked", "expected"),
    [
        pytest.param(
            {"protocol": "HTTPS", "port": "443"},
            80,
            ("example.com", "/a/b", "x=1"),
            "https://example.com:443/a/b?x=1",
            marks=PORT_SHOWN,
        ),
        pytest.param(
            {"protocol": "HTTPS", "port": "443"},
            80,
            ("example.com", "/", ""),
            "https://example.com:443/",
            marks=PORT_SHOWN,
        ),
        pytest.param(
            {"protocol": "HTTPS"}, 80, ("example.com", "/a", ""), "https://example.com:80/a", marks=PORT_SHOWN
        ),
        pytest.param(
            {"protocol": "HTTPS", "host": "aws.amazon.com", "port": "443", "path": "/eks/", "query": "k=v"},
            80,
            ("h.net", "/redirect-to-aws", ""),
            "https://aws.amazon.com:443/eks/?k=v",
            marks=PARTS,
        ),
        pytest.param(
            {"protocol": "HTTPS", "host": "example.com", "port": "80", "path": "/new-path"},
            80,
            ("h.net", "/old-path", ""),
            "https://example.com:80/new-path",
            marks=PARTS,
        ),
        pytest.param(
            {"path": "/new/#{path}"}, 80, ("h.net", "/a/b", "x=1"), "http://h.net:80/new/a/b?x=1", marks=KEYWORDS
        ),
        pytest.param({"path": "/new/#{path}"}, 8080, ("h.net", "/a", ""), "http://h.net:8080/new/a", marks=KEYWORDS),
        pytest.param(
            {"path": "/#{path}index.html"},
            80,
            ("h.net", "/docs/", ""),
            "http://h.net:80/docs/index.html",
            marks=KEYWORDS,
        ),
        pytest.param(
            {"protocol": "HTTPS", "port": "443", "path": "/", "query": ""},
            80,
            ("h.net", "/a", "x=1"),
            "https://h.net:443/",
            marks=PARTS,
        ),
        pytest.param(
            {"protocol": "HTTPS", "port": "443"},
            80,
            ("example.com", "/PaTh", ""),
            "https://example.com:443/PaTh",
            marks=PARTS,
        ),
        pytest.param(
            {"host": "m.example.com"},
            80,
            ("www.example.com", "/x", "y=1"),
            "http://m.example.com:80/x?y=1",
            marks=PARTS,
        ),
        pytest.param(
            {"protocol": "HTTPS", "host": "secure.example.com", "port": "8443"},
            80,
            ("h.net", "/secure", ""),
            "https://secure.example.com:8443/secure",
            marks=PARTS,
        ),
        ({"host": "#{host}.mirror.net"}, 80, ("h.net", "/", ""), "http://h.net.mirror.net:80/"),
        ({"path": "/#{host}/#{port}/#{path}"}, 81, ("h.net", "/a", ""), "http://h.net:81/h.net/81/a"),
        ({"path": "/new/#{path}"}, 80, ("h.net", "//a", ""), "http://h.net:80/new//a"),
        ({"path": "/*?#{path}"}, 80, ("h.net", "/a%20b", ""), "http://h.net:80/*?a%20b"),
        (
            {"host": "m.net", "query": "u=#{protocol}://#{host}:#{port}/#{path}?#{query}"},
            80,
            ("h.net", "/a", "b"),
            "http://m.net:80/a?u=http://h.net:80/a?b",
        ),
    ],
)
def test_location(config: dict[str, str], port: int, asked: tuple[str, str, str], expected: str) -> None:
    redirect = compile_redirect(RedirectConfig(status_code="HTTP_301", **config), protocol="HTTP", port=port)  # type: ignore[arg-type]
    assert expected == redirect(*asked)


@pytest.mark.conformance("redirect", "keywords are plain text substitution", "rule-action-types", status="default")
def test_empty_query_inside_other_text_leaves_the_text() -> None:
    config = RedirectConfig(status_code="HTTP_302", host="m.net", query="#{query}&value=xyz")
    assert compile_redirect(config, protocol="HTTP", port=80)("h.net", "/", "") == "http://m.net:80/?&value=xyz"


def test_protocol_keyword_is_the_listeners_protocol() -> None:
    config = RedirectConfig(status_code="HTTP_302", host="m.net")
    assert compile_redirect(config, protocol="HTTPS", port=443)("h.net", "/", "") == "https://m.net:443/"


@given(st.text(alphabet="a#{}hostpathquery/%s", max_size=30))
def test_what_replaces_a_keyword_is_never_expanded_again(text: str) -> None:
    """A client that writes `#{host}` into its path gets it back as text."""
    config = RedirectConfig(status_code="HTTP_301", port="443", path="/x/#{path}", query="#{query}")
    location = compile_redirect(config, protocol="HTTP", port=80)("h.net", f"/{text}", text)
    assert f"http://h.net:443/x/{text}" + (f"?{text}" if text else "") == location
