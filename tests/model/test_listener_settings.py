"""The attributes of listeners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.model.action import Action
from edgeproxy.model.attributes import attributes_from
from edgeproxy.model.listener import Listener
from edgeproxy.model.listener_settings import RESPONSE_HEADERS, SPECS, ListenerSettings

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]

STS = "routing.http.response.strict_transport_security.header_value"
VERSION = "routing.http.request.x_amzn_tls_version.header_name"


def listener(**attributes: object) -> Listener:
    return Listener(
        port=80,
        protocol="HTTP",
        default_actions=(Action(type="forward", target_group_arn="a"),),
        listener_attributes=attributes_from(attributes),
    )


def test_without_attributes_nothing_is_changed() -> None:
    settings = listener().settings

    assert ListenerSettings() == settings
    assert () == settings.response_headers
    assert settings.server_header


@pytest.mark.conformance("Listener attributes", "ten response headers can be set", "header-modification")
def test_every_response_header_has_a_key() -> None:
    keys = {f"routing.http.response.{field}.header_value": "1" for field in RESPONSE_HEADERS}

    assert tuple((name, "1") for name in RESPONSE_HEADERS.values()) == listener(**keys).settings.response_headers
    assert 10 == len(keys)


@pytest.mark.conformance("Listener attributes", "an empty value leaves the header alone", "header-modification")
def test_an_empty_value_is_the_default() -> None:
    assert () == listener(**{STS: ""}).settings.response_headers


@pytest.mark.conformance("Listener attributes", "eight request headers can be renamed", "header-modification")
def test_every_renamed_header_has_a_key() -> None:
    assert 8 == sum(key.startswith("routing.http.request.") for key in SPECS)


def test_renamed_tls_headers() -> None:
    assert ("X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite") == listener().settings.tls_names
    assert ("X-Tls", "X-Amzn-Tls-Cipher-Suite") == listener(**{VERSION: "X-Tls"}).settings.tls_names


@pytest.mark.conformance("Listener attributes", "a value has at most 1 KB", "header-modification")
def test_values_have_a_length(refusals: Read) -> None:
    listener(**{STS: "a" * 1024})
    expected = [f"'{STS}' value '{'a' * 1025}' is too long; the limit is '1024'"]
    assert expected == [reason for _, reason in refusals(lambda: listener(**{STS: "a" * 1025}))]


@pytest.mark.conformance("Listener attributes", "a value has the characters of a list", "header-modification")
@pytest.mark.parametrize(
    ("value", "is_taken"),
    [
        ("max-age=31536000; includeSubDomains; preload", True),
        (r"_ :;.,\/'?!(){}[]@<>=-+*#&`|~^%azAZ09", True),
        ('"quoted"', False),
        ("$1", False),
        ("a\r\nb: c", False),
        ("a\n", False),
        ("é", False),
    ],
)
def test_values_have_an_alphabet(value: str, is_taken: bool, refusals: Read) -> None:
    assert is_taken == (refusals(lambda: listener(**{STS: value})) == [])


@pytest.mark.parametrize("name", ["Host", "content-length", "Transfer-Encoding", "X-Forwarded-For", "a b", "a:b"])
def test_names_that_would_break_a_request_are_refused(name: str, refusals: Read) -> None:
    assert [f"ListenerAttributes[{VERSION}]"] == [path for path, _ in refusals(lambda: listener(**{VERSION: name}))]


def test_the_server_header_is_on_or_off(refusals: Read) -> None:
    key = "routing.http.response.server.enabled"

    assert not listener(**{key: False}).settings.server_header
    expected = [(f"ListenerAttributes[{key}]", f"'{key}' value 'no' must be one of [true, false]")]
    assert expected == refusals(lambda: listener(**{key: "no"}))


@pytest.mark.conformance("Attributes", "unknown keys are kept", "API reference, ListenerAttribute", status="default")
def test_unknown_keys_are_kept() -> None:
    assert "routing.http.new" == listener(**{"routing.http.new": "1"}).listener_attributes[0].key
