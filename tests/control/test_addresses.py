from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.control.addresses import Address, join_host_port, parse_address, parse_bind


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8443", Address(None, 8443)),
        ("0", Address(None, 0)),
        ("127.0.0.1:8443", Address("127.0.0.1", 8443)),
        ("app.internal:80", Address("app.internal", 80)),
        ("[::1]:8443", Address("::1", 8443)),
        ("[::]:0", Address("::", 0)),
    ],
)
def test_an_address_is_a_port_with_or_without_a_host(text: str, expected: Address) -> None:
    assert expected == parse_address(text)


@pytest.mark.parametrize(
    "text", ["", ":", ":80", "host:", "host:http", "host:65536", "host:-1", "::1:80", "a b:80", "http://a:80", "host:٣"]
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^'.*' is not (a port|an address): .*\.$"):
        parse_address(text)


def test_a_target_needs_a_real_port() -> None:
    with pytest.raises(ValueError, match="between 1 and 65535"):
        parse_address("127.0.0.1:0", lowest_port=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("443=127.0.0.1:8443", (443, Address("127.0.0.1", 8443))),
        ("443=8443", (443, Address(None, 8443))),
        ("443=0", (443, Address(None, 0))),
        ("443=[::1]:8443", (443, Address("::1", 8443))),
    ],
)
def test_a_bind_says_where_a_declared_port_really_is(text: str, expected: tuple[int, Address]) -> None:
    assert expected == parse_bind(text)


@pytest.mark.parametrize("text", ["443", "443=", "=8443", "0=8443", "https=8443"])
def test_a_bind_that_is_none_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^'.*' is not (a bind|a port): .*\.$"):
        parse_bind(text)


@pytest.mark.parametrize(
    ("listening", "reachable"),
    [
        (Address("0.0.0.0", 80), Address("127.0.0.1", 80)),
        (Address(None, 80), Address("127.0.0.1", 80)),
        (Address("::", 80), Address("::1", 80)),
        (Address("10.0.0.5", 80), Address("10.0.0.5", 80)),
    ],
)
def test_all_interfaces_are_reached_through_the_loopback(listening: Address, reachable: Address) -> None:
    assert reachable == listening.connectable


@given(st.sampled_from(["127.0.0.1", "::1", "app.internal"]), st.integers(0, 65535))
def test_what_is_written_reads_back(host: str, port: int) -> None:
    assert Address(host, port) == parse_address(join_host_port(host, port))


@given(st.text())
def test_parsing_never_fails_otherwise(text: str) -> None:
    """Whatever is typed, it is an address or a ValueError."""
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert 0 <= address.port <= 65535
