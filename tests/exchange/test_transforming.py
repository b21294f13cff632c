"""Transforms on the path of a request: what the target gets, what a redirect says, what is logged."""

from __future__ import annotations

from typing import Any

import pytest

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.action import FixedResponseConfig, RedirectConfig
from edgeproxy.model.transform import HostHeaderRewriteConfig, RewriteConfig, RuleTransform, UrlRewriteConfig
from edgeproxy.rules.transform import TransformStatus
from tests.helpers.exchange_ports import DNS_NAME, Stage


def url(regex: str, replace: str) -> RuleTransform:
    config = UrlRewriteConfig(rewrites=(RewriteConfig(regex=regex, replace=replace),))
    return RuleTransform(type="url-rewrite", url_rewrite_config=config)


def host(regex: str, replace: str) -> RuleTransform:
    config = HostHeaderRewriteConfig(rewrites=(RewriteConfig(regex=regex, replace=replace),))
    return RuleTransform(type="host-header-rewrite", host_header_rewrite_config=config)


STRIP = url("^/my-service(/.*)$", "$1")


def asked(*lines: str, transforms: tuple[RuleTransform, ...], **settings: Any) -> Stage:
    stage = Stage(transforms=transforms, **settings)
    stage.client().sends(*lines)
    return stage


def seen_by_target(stage: Stage) -> tuple[str, str]:
    """The request line and the Host header."""
    line, *headers = stage.target.received.decode("latin-1").split("\r\n")
    (value,) = [header.removeprefix("Host: ") for header in headers if header.startswith("Host: ")]
    return line, value


@pytest.mark.conformance("transforms", "the target gets the rewritten path and query", "rule-transforms")
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/my-service/a", "/a"),
        ("/my-service/a?x=%20", "/a?x=%20"),
        ("/my-service/api/items/2024-01-15T10%3A30%3A00/123", "/api/items/2024-01-15T10:30:00/123"),
        ("/my-service/x/../a", "/a"),
        ("/my-service/a%20b", "/a%20b"),
    ],
)
def test_the_target_gets_the_rewritten_url(target: str, expected: str) -> None:
    stage = asked(f"GET {target} HTTP/1.1", "Host: a.test", transforms=(STRIP,))
    assert (f"GET {expected} HTTP/1.1", "a.test") == seen_by_target(stage)


@pytest.mark.conformance("transforms", "without a match the request is forwarded untouched", "rule-transforms")
@pytest.mark.parametrize("target", ["/other", "/%6dy/a%3Ab", "/a?", "/x/../y", "/a%2Fb"])
def test_without_a_match_not_a_byte_changes(target: str) -> None:
    stage = asked(f"GET {target} HTTP/1.1", "Host: A.test", transforms=(STRIP, host("^b", "c")))
    untouched = asked(f"GET {target} HTTP/1.1", "Host: A.test", transforms=())

    assert untouched.target.received == stage.target.received
    stage.target.answers("HTTP/1.1 204 No Content")
    assert ("forward", TransformStatus.NONE) == _logged(stage)


def _logged(stage: Stage) -> tuple[str, TransformStatus]:
    transformed = stage.record.transformed
    assert transformed is not None
    return stage.record.actions, transformed.status


@pytest.mark.conformance("access log fields", "a rewrite is listed before the action", "load-balancer-access-logs")
def test_a_rewrite_is_an_action_of_the_log() -> None:
    stage = asked("GET /my-service/a HTTP/1.1", "Host: a", transforms=(STRIP,))
    stage.target.answers("HTTP/1.1 204 No Content")

    assert ("rewrite,forward", TransformStatus.SUCCESS) == _logged(stage)
    assert "/my-service/a" == getattr(stage.record.head, "target", None)


@pytest.mark.conformance("transforms", "a match whose result cannot be used is a 500", "rule-transforms")
@pytest.mark.parametrize(
    ("transform", "status"),
    [
        (url("^/x/(.*)$", "$1"), TransformStatus.INVALID_PATH),
        (host("^(.*)$", "bad host"), TransformStatus.INVALID_HOST),
        (url("^/x", "/$1"), TransformStatus.REPLACE_ERROR),
    ],
)
def test_a_failure_is_answered_with_500(transform: RuleTransform, status: TransformStatus) -> None:
    stage = Stage(transforms=(transform,))
    client = stage.client().sends("GET /x/y HTTP/1.1", "Host: a")

    assert client.received.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert (500, Outcome.TRANSFORM_FAILED, "0") == (stage.record.status, stage.record.outcome, stage.record.priority)
    assert ("rewrite", status) == _logged(stage)
    assert ["close"] == client.events
    assert [] == stage.targets


HOST_DEFAULT = pytest.mark.conformance(
    "transforms", "a rewritten host is sent as it is, whatever is preserved", "rule-transforms", status="default"
)


@HOST_DEFAULT
@pytest.mark.parametrize("preserves", [True, False])
@pytest.mark.parametrize("port", [80, 8080])
def test_a_rewritten_host_is_sent_as_it_is(port: int, preserves: bool) -> None:
    stage = asked(
        "GET / HTTP/1.1",
        "Host: mywebsite-example.com",
        transforms=(host("^mywebsite-(.+).com$", "Internal.dev.$1.myweb.com"),),
        port=port,
        preserve_host_header=preserves,
    )
    assert ("GET / HTTP/1.1", "Internal.dev.example.myweb.com") == seen_by_target(stage)


def test_the_port_is_part_of_the_hosts_text() -> None:
    stage = asked("GET / HTTP/1.1", "Host: a.test:8080", transforms=(host(":8080$", ":9090"),), port=8080)
    assert "a.test:9090" == seen_by_target(stage)[1]


def test_an_absolute_target_names_the_host() -> None:
    stage = asked("GET http://b.test/x HTTP/1.1", "Host: a.test", transforms=(host("^b", "c"), url("^/x", "/y")))
    assert ("GET /y HTTP/1.1", "c.test") == seen_by_target(stage)


def test_a_1_0_client_without_a_host_has_none_to_rewrite() -> None:
    stage = asked("GET / HTTP/1.0", transforms=(host(".*", "c.test"),))
    assert ("GET / HTTP/1.1", DNS_NAME.lower()) == seen_by_target(stage)


def test_only_the_first_of_several_hosts_is_rewritten_and_it_is_the_only_one_left() -> None:
    stage = asked(
        "GET / HTTP/1.1", "Host: a.test", "Host: b.test", transforms=(host("^a", "c"),), preserve_host_header=True
    )
    assert "c.test" == seen_by_target(stage)[1]


def test_the_query_of_a_fragment_is_not_rewritten_into_the_path() -> None:
    stage = asked("GET /my-service/a?x#f?y HTTP/1.1", "Host: a", transforms=(STRIP,))
    assert "GET /a?x HTTP/1.1" == seen_by_target(stage)[0]


def location(transforms: tuple[RuleTransform, ...], target: str, **redirect: Any) -> str:
    stage = Stage(transforms=transforms, action=RedirectConfig(status_code="HTTP_302", **redirect))
    stage.client().sends(f"GET {target} HTTP/1.1", "Host: h.test")
    assert stage.record.actions in {"rewrite,redirect", "redirect"}
    return stage.record.redirect_url


@pytest.mark.conformance("transforms", "a redirect repeats the rewritten path", "rule-transforms")
def test_a_redirect_sees_the_rewritten_url() -> None:
    strip = url("(^/api(/)?)", "/v2$2")
    expected = "https://api.example.com:80/v2/v1/users"
    assert expected == location((strip,), "/api/v1/users", protocol="HTTPS", host="api.example.com")
    assert "https://h.test:80/v2?x=1" == location((strip,), "/api?x=1", protocol="HTTPS")


@pytest.mark.conformance("transforms", "a redirect repeats the rewritten host", "rule-transforms", status="default")
def test_a_redirect_sees_the_rewritten_host() -> None:
    assert "https://new.test:80/a%20b" == location((host("^h", "new"),), "/a%20b", protocol="HTTPS")


def test_a_fixed_response_is_what_it_is() -> None:
    stage = Stage(transforms=(STRIP,), action=FixedResponseConfig(status_code="200", message_body="ok"))
    client = stage.client().sends("GET /my-service/a HTTP/1.1", "Host: a")

    assert client.received.endswith(b"\r\n\r\nok")
    assert "rewrite,fixed-response" == stage.record.actions
