"""Heads as they travel on, in both directions."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.exchange.forwarding import split_host
from edgeproxy.model.listener_settings import CLIENT_CERTIFICATE_HEADERS
from tests.helpers.exchange_ports import DNS_NAME, TRACE, Stage


def forwarded(*lines: str, body: str = "", source_ip: str = "192.0.2.7", **stage: Any) -> list[str]:
    """The head that the target gets, as lines without the empty one."""
    scene = Stage(**stage)
    scene.client(source_ip=source_ip).sends(*lines, body=body)
    assert scene.targets, "the request was not forwarded"
    return scene.target.received.decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")


def values(lines: list[str], name: str) -> list[str]:
    """All values of one header."""
    return [value for key, _, value in (line.partition(": ") for line in lines) if key.lower() == name.lower()]


# ---- requests: the order


@pytest.mark.conformance(
    "request headers", "the load balancer's own headers come first, in this order", "x-forwarded-headers"
)
def test_own_headers_come_first_and_the_clients_keep_order_and_spelling() -> None:
    lines = forwarded(
        "GET /a%20b?x=%2F&y HTTP/1.1",
        "accept: */*",
        "Host: Example.COM",
        "X-CuStOm: Some  Value",
        "Via: 1.1 elsewhere",
        "Cookie: a=1",
        "X-Forwarded-Host: kept.example",
        "cookie: b=2",
        "x-empty:",
    )

    assert [
        "GET /a%20b?x=%2F&y HTTP/1.1",
        "X-Forwarded-For: 192.0.2.7",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Port: 80",
        "Host: example.com",
        f"X-Amzn-Trace-Id: Root={TRACE}",
        "accept: */*",
        "X-CuStOm: Some  Value",
        "Via: 1.1 elsewhere",
        "Cookie: a=1",
        "X-Forwarded-Host: kept.example",
        "cookie: b=2",
        "x-empty:",
    ] == lines


@pytest.mark.conformance(
    "request headers", "Via, Forwarded and X-Real-IP are not added", "x-forwarded-headers", status="default"
)
def test_nothing_else_is_added() -> None:
    lines = forwarded("GET / HTTP/1.1", "Host: a")

    assert [
        "GET / HTTP/1.1",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Port",
        "Host",
        "X-Amzn-Trace-Id",
    ] == [line.partition(":")[0] for line in lines]


@pytest.mark.conformance(
    "request headers", "headers with the same name stay separate lines", "x-forwarded-headers", status="default"
)
def test_duplicates_stay_apart() -> None:
    assert ["1", "2", "1"] == values(forwarded("GET / HTTP/1.1", "Host: a", "X-A: 1", "x-a: 2", "X-A: 1"), "x-a")


def test_the_length_stays_where_the_client_put_it_and_as_it_spelled_it() -> None:
    lines = forwarded("POST / HTTP/1.1", "Host: a", "X-A: 1", "content-length: 2", "X-B: 2", body="ab")

    assert ["X-A: 1", "content-length: 2", "X-B: 2"] == lines[-3:]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (["Content-Length: 002", "X-B: 2"], ["Content-Length: 2", "X-B: 2"]),
        (["Content-Length: 2", "X-B: 2", "Content-Length: 2"], ["Content-Length: 2", "X-B: 2"]),
        (["Transfer-Encoding: identity", "X-B: 2", "Content-Length: 2"], ["X-B: 2", "Content-Length: 2"]),
    ],
)
def test_the_length_is_stated_once(sent: list[str], expected: list[str]) -> None:
    """A target that read two statements differently would see another request in the body."""
    assert expected == forwarded("POST / HTTP/1.1", "Host: a", *sent, body="ab")[-2:]


def test_chunked_wins_over_a_length() -> None:
    sent = ("POST / HTTP/1.1", "Host: a", "Content-Length: 2", "X-B: 2", "Transfer-Encoding: Chunked")

    lines = forwarded(*sent, body="2\r\nab\r\n0\r\n\r\n")

    assert ["X-B: 2", "Transfer-Encoding: chunked"] == lines[-2:]


def test_an_empty_body_that_was_stated_stays_stated() -> None:
    assert ["0"] == values(forwarded("POST / HTTP/1.1", "Host: a", "Content-Length: 0"), "content-length")


# ---- requests: X-Forwarded-*

XFF_TABLE = [
    ("append", [], ["192.0.2.7"]),
    ("append", ["A"], ["A, 192.0.2.7"]),
    ("append", ["A, B"], ["A, B, 192.0.2.7"]),
    ("preserve", [], []),
    ("preserve", ["A"], ["A"]),
    ("preserve", ["A, B"], ["A, B"]),
    ("remove", [], []),
    ("remove", ["A"], []),
    ("remove", ["A, B"], []),
]


@pytest.mark.conformance("X-Forwarded-For", "append, preserve and remove", "x-forwarded-headers")
@pytest.mark.parametrize(("mode", "sent", "expected"), XFF_TABLE)
def test_x_forwarded_for_follows_the_mode(mode: str, sent: list[str], expected: list[str]) -> None:
    lines = forwarded("GET / HTTP/1.1", "Host: a", *(f"X-Forwarded-For: {value}" for value in sent), xff_mode=mode)

    assert expected == values(lines, "X-Forwarded-For")


@pytest.mark.conformance(
    "X-Forwarded-For", "several lines are joined in their order", "x-forwarded-headers", status="default"
)
@pytest.mark.parametrize(
    ("mode", "expected"), [("append", ["A, B, C, 192.0.2.7"]), ("preserve", ["A, B, C"]), ("remove", [])]
)
def test_several_x_forwarded_for_lines_become_one(mode: str, expected: list[str]) -> None:
    sent = ("X-Forwarded-For: A, B", "x-forwarded-for: C")

    assert expected == values(forwarded("GET / HTTP/1.1", "Host: a", *sent, xff_mode=mode), "X-Forwarded-For")


@pytest.mark.conformance(
    "X-Forwarded-For", "the client's port, with an IPv6 address in brackets", "x-forwarded-headers"
)
@pytest.mark.parametrize(
    ("source_ip", "is_with_port", "expected"),
    [
        ("192.0.2.7", False, "192.0.2.7"),
        ("192.0.2.7", True, "192.0.2.7:5000"),
        ("2001:db8::1", False, "2001:db8::1"),
        ("2001:db8::1", True, "[2001:db8::1]:5000"),
    ],
)
def test_the_port_of_the_client_is_an_attribute(source_ip: str, is_with_port: bool, expected: str) -> None:
    lines = forwarded("GET / HTTP/1.1", "Host: a", source_ip=source_ip, xff_client_port=is_with_port)

    assert [expected] == values(lines, "X-Forwarded-For")


@pytest.mark.conformance("X-Forwarded-For", "preserve and remove ignore the port attribute", "x-forwarded-headers")
@pytest.mark.parametrize(("mode", "expected"), [("preserve", ["A"]), ("remove", []), ("append", ["A, 192.0.2.7:5000"])])
def test_only_append_writes_a_port(mode: str, expected: list[str]) -> None:
    lines = forwarded("GET / HTTP/1.1", "Host: a", "X-Forwarded-For: A", xff_mode=mode, xff_client_port=True)

    assert expected == values(lines, "X-Forwarded-For")


@pytest.mark.conformance(
    "X-Forwarded-Proto and -Port", "what the client sent is replaced by the listener's", "x-forwarded-headers"
)
@pytest.mark.parametrize(("protocol", "port", "scheme"), [("HTTP", 80, "http"), ("HTTPS", 8443, "https")])
def test_proto_and_port_are_the_listeners(protocol: str, port: int, scheme: str) -> None:
    sent = ("x-forwarded-proto: gopher", "X-Forwarded-Port: 70", "X-Forwarded-Proto: ftp")

    lines = forwarded("GET / HTTP/1.1", "Host: a", *sent, protocol=protocol, port=port)

    assert ([scheme], [str(port)]) == (values(lines, "X-Forwarded-Proto"), values(lines, "X-Forwarded-Port"))


# ---- requests: Host

HOST_TABLE = [
    (80, "Host: example.com", "example.com", "example.com"),
    (443, "Host: example.com", "example.com", "example.com"),
    (80, "Host: example.com:80", "example.com", "example.com:80"),
    (443, "Host: example.com:8443", "example.com", "example.com:8443"),
    (8080, "Host: example.com", "example.com:8080", "example.com"),
    (8080, "Host: example.com:8080", "example.com:8080", "example.com:8080"),
    (8080, "Host: example.com:81", "example.com:81", "example.com:81"),
    (80, "Host: EXAMPLE.com", "example.com", "EXAMPLE.com"),
    (80, "Host: [2001:DB8::1]:80", "[2001:db8::1]", "[2001:DB8::1]:80"),
    (8080, "Host: [2001:db8::1]", "[2001:db8::1]:8080", "[2001:db8::1]"),
]


@pytest.mark.conformance(
    "Host", "ports come and go by the listener's port unless the header is preserved", "edit-load-balancer-attributes"
)
@pytest.mark.parametrize(("port", "sent", "rewritten", "preserved"), HOST_TABLE)
def test_host_is_rewritten_or_preserved(port: int, sent: str, rewritten: str, preserved: str) -> None:
    both = [
        values(forwarded("GET / HTTP/1.1", sent, port=port, preserve_host_header=is_preserved), "Host")
        for is_preserved in (False, True)
    ]

    assert [[rewritten], [preserved]] == both


@pytest.mark.conformance(
    "Host",
    "the authority of an absolute-form target replaces it unless it is preserved",
    "edit-load-balancer-attributes",
)
@pytest.mark.parametrize(
    ("port", "is_preserved", "host"),
    [(80, False, "dns-name.example"), (80, True, "example.com"), (8080, False, "dns-name.example:8080")],
)
def test_an_absolute_target_names_the_host(port: int, is_preserved: bool, host: str) -> None:
    lines = forwarded(
        "GET http://DNS-name.example/a?b HTTP/1.1", "Host: example.com", port=port, preserve_host_header=is_preserved
    )

    assert ("GET /a?b HTTP/1.1", [host]) == (lines[0], values(lines, "Host"))


@pytest.mark.conformance(
    "Host", "HTTP/1.0 without a Host gets the load balancer's DNS name", "how-elastic-load-balancing-works"
)
@pytest.mark.parametrize("host", [[], ["Host:"]])
def test_http_1_0_without_a_host_gets_the_dns_name(host: list[str]) -> None:
    lines = forwarded("GET /a HTTP/1.0", *host, "X-A: 1")

    assert ("GET /a HTTP/1.1", [DNS_NAME], "X-A: 1") == (lines[0], values(lines, "Host"), lines[-1])


@pytest.mark.conformance("Host", "several Host headers are all kept when preserved", "edit-load-balancer-attributes")
def test_preserved_hosts_are_all_kept() -> None:
    lines = forwarded("GET / HTTP/1.1", "Host: a", "X-A: 1", "host: b:80", preserve_host_header=True)

    assert ["a", "b:80"] == values(lines, "Host")


@pytest.mark.parametrize(
    ("host", "name", "port"),
    [
        ("a", "a", ""),
        ("a:1", "a", "1"),
        ("a:", "a", ""),
        ("", "", ""),
        ("[::1]", "[::1]", ""),
        ("[::1]:80", "[::1]", "80"),
        ("a:b", "a:b", ""),
    ],
)
def test_a_host_is_split_at_its_port(host: str, name: str, port: str) -> None:
    assert (name, port) == split_host(host)


# ---- requests: hop by hop


@pytest.mark.conformance(
    "hop-by-hop headers", "Connection is consumed, an upgrade does not happen", "how-elastic-load-balancing-works"
)
@pytest.mark.parametrize(
    "line",
    ["Connection: keep-alive", "connection: close", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "Expect: x"],
)
def test_headers_for_this_hop_are_not_forwarded(line: str) -> None:
    assert forwarded("GET / HTTP/1.1", "Host: a") == forwarded("GET / HTTP/1.1", "Host: a", line)


@pytest.mark.conformance(
    "hop-by-hop headers",
    "Keep-Alive and Proxy-Connection are dropped; TE, Trailer, Proxy-Authorization, Via, Forwarded, Date pass",
    "how-elastic-load-balancing-works",
    status="default",
)
@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("Keep-Alive: timeout=5", False),
        ("Proxy-Connection: keep-alive", False),
        ("TE: trailers", True),
        ("Trailer: X-Sum", True),
        ("Proxy-Authorization: Basic eDp5", True),
        ("Accept-Encoding: gzip", True),
        ("Forwarded: for=1.2.3.4", True),
        ("Via: 1.1 elsewhere", True),
        ("Date: Sun, 22 Nov 2026 10:00:00 GMT", True),
    ],
)
def test_other_hop_by_hop_headers_follow_nginx(line: str, passes: bool) -> None:
    assert passes is (line in forwarded("GET / HTTP/1.1", "Host: a", line))


@pytest.mark.conformance(
    "invalid header names", "routing.http.drop_invalid_header_fields removes them", "application-load-balancers"
)
@pytest.mark.parametrize("name", ["X_Foo", "X.Foo", "X Foo", "X(Foo)", "X~"])
def test_names_that_are_not_letters_digits_and_hyphens_are_dropped_on_request(name: str) -> None:
    kept = forwarded("GET / HTTP/1.1", "Host: a", f"{name}: 1", "X-Bar: 2")
    dropped = forwarded("GET / HTTP/1.1", "Host: a", f"{name}: 1", "X-Bar: 2", drop_invalid_header_fields=True)

    assert [[f"{name}: 1", "X-Bar: 2"], ["X-Bar: 2"]] == [kept[6:], dropped[6:]]


@pytest.mark.conformance(
    "folded headers", "the continuation becomes a header of its own with a colon", "load-balancer-troubleshooting"
)
def test_a_folded_line_gets_a_colon() -> None:
    assert ["Foo: a", " b:"] == forwarded("GET / HTTP/1.1", "Host: a", "Foo: a", " b")[-2:]


def test_a_section_that_repeats_is_rewritten_the_same_way() -> None:
    """What is remembered of a header section must not carry over what belongs to one request or one client."""
    stage = Stage()
    request = ("Host: a", "X-Forwarded-For: 10.0.0.1")
    for path, source_ip in (("/1", "192.0.2.1"), ("/2", "192.0.2.2"), ("/3", "192.0.2.3")):
        stage.client(source_ip=source_ip).sends(f"GET {path} HTTP/1.1", *request)

    sent = [target.received.decode().split("\r\n")[:2] for target in stage.targets]

    assert [[f"GET /{n} HTTP/1.1", f"X-Forwarded-For: 10.0.0.1, 192.0.2.{n}"] for n in (1, 2, 3)] == sent


def test_listeners_that_share_a_memory_rewrite_each_in_its_own_way() -> None:
    plain, other = Stage(port=80), Stage(port=8080)
    other.request_memo = plain.request_memo
    hosts = []
    for stage in (plain, other, plain, other, plain, other):
        stage.client().sends("GET / HTTP/1.1", "Host: a")
        hosts += values(stage.target.received.decode().split("\r\n"), "Host")

    assert ["a", "a:8080"] * 3 == hosts


_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=20)


@given(
    st.lists(st.tuples(st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z -]{1,12}", fullmatch=True), _TEXT), max_size=6),
    _TEXT,
)
def test_no_header_can_add_a_line(headers: list[tuple[str, str]], trace: str) -> None:
    """Whatever the client writes, the head for the target ends once and has no more lines than it should."""
    stage = Stage()
    sent = [f"{name}: {value}" for name, value in headers]
    stage.client().sends("GET / HTTP/1.1", "Host: a", *sent, f"X-Amzn-Trace-Id: {trace}")
    if not stage.targets:
        return

    head, end, rest = stage.target.received.partition(b"\r\n\r\n")

    assert (b"\r\n\r\n", b"") == (end, rest)
    assert head.count(b"\n") == head.count(b"\r") == head.count(b"\r\n")
    assert head.count(b"\r\n") <= 5 + len(headers)


# ---- requests: what TLS was negotiated


class Negotiated:
    """What the runtime knows of a TLS connection."""

    protocol = "TLSv1.2"
    cipher = "ECDHE-RSA-AES128-GCM-SHA256"

    def __init__(self, client_certificate: Presented | None = None) -> None:
        self.client_certificate = client_certificate


class Presented:
    """A client's certificate, as headers carry it."""

    pem_chain = "-----BEGIN%20CERTIFICATE-----%0Achain"
    pem_leaf = "-----BEGIN%20CERTIFICATE-----%0Aleaf"
    serial_number = "03A5B1"
    issuer = "CN=ca"
    subject = "CN=joe"
    validity = "NotBefore=2025-01-01T00:00:00Z;NotAfter=2026-01-01T00:00:00Z"


def forwarded_over_tls(*more: str, certificate: Presented | None = None, **options: Any) -> list[str]:
    stage = Stage(protocol="HTTPS", port=443, **options)
    client = stage.client()
    client.tls = Negotiated(certificate)
    client.sends("GET / HTTP/1.1", "Host: a", *more)
    return stage.target.received.decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")


@pytest.mark.conformance(
    "request headers", "the TLS version and cipher suite are told where enabled", "edit-load-balancer-attributes"
)
def test_the_target_is_told_what_tls_was_negotiated() -> None:
    lines = forwarded_over_tls("X-Amzn-Tls-Version: mine", tls_version_and_cipher_headers=True)

    assert ["TLSv1.2"] == values(lines, "X-Amzn-Tls-Version")
    assert ["ECDHE-RSA-AES128-GCM-SHA256"] == values(lines, "X-Amzn-Tls-Cipher-Suite")


def test_without_the_attribute_nothing_is_told_and_the_clients_headers_pass() -> None:
    lines = forwarded_over_tls("X-Amzn-Tls-Version: mine")

    assert ["mine"] == values(lines, "X-Amzn-Tls-Version")
    assert [] == values(lines, "X-Amzn-Tls-Cipher-Suite")


def test_without_tls_nothing_is_told() -> None:
    assert [] == values(
        forwarded("GET / HTTP/1.1", "Host: a", tls_version_and_cipher_headers=True), "X-Amzn-Tls-Version"
    )


@pytest.mark.conformance(
    "request headers", "renamed headers replace a client's of the same name", "header-modification", status="default"
)
def test_the_tls_headers_may_have_other_names() -> None:
    lines = forwarded_over_tls(
        "x-tls: mine", tls_version_and_cipher_headers=True, tls_names=("X-Tls", "X-Amzn-Tls-Cipher-Suite")
    )
    assert ["TLSv1.2"] == values(lines, "X-Tls")
    assert [] == values(lines, "X-Amzn-Tls-Version")
    assert ["ECDHE-RSA-AES128-GCM-SHA256"] == values(lines, "X-Amzn-Tls-Cipher-Suite")


MTLS: dict[str, Any] = {"client_certificate_mode": "verify"}


@pytest.mark.conformance("Mutual TLS", "each mode has its headers", "mutual-authentication")
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("off", []),
        ("passthrough", ["X-Amzn-Mtls-Clientcert: -----BEGIN%20CERTIFICATE-----%0Achain"]),
        (
            "verify",
            [
                "X-Amzn-Mtls-Clientcert-Leaf: -----BEGIN%20CERTIFICATE-----%0Aleaf",
                "X-Amzn-Mtls-Clientcert-Serial-Number: 03A5B1",
                "X-Amzn-Mtls-Clientcert-Issuer: CN=ca",
                "X-Amzn-Mtls-Clientcert-Subject: CN=joe",
                "X-Amzn-Mtls-Clientcert-Validity: NotBefore=2025-01-01T00:00:00Z;NotAfter=2026-01-01T00:00:00Z",
            ],
        ),
    ],
)
def test_the_target_is_told_about_the_clients_certificate(mode: str, expected: list[str]) -> None:
    lines = forwarded_over_tls(certificate=Presented(), client_certificate_mode=mode)

    assert expected == [line for line in lines if line.lower().startswith("x-amzn-mtls-")]


def test_without_a_certificate_nothing_is_told() -> None:
    assert not [line for line in forwarded_over_tls(client_certificate_mode="passthrough") if "Mtls" in line]


@pytest.mark.conformance("Mutual TLS", "a client's own copies never arrive", "mutual-authentication", status="default")
@pytest.mark.parametrize("mode", ["passthrough", "verify"])
def test_what_a_client_claims_about_its_certificate_does_not_pass(mode: str) -> None:
    """Under AWS's names and under the listener's, whether or not this mode sends them."""
    names = {**CLIENT_CERTIFICATE_HEADERS, "subject": "X-Who", "pem_chain": "X-Chain"}
    claims = [f"{name.lower()}: forged" for name in (*CLIENT_CERTIFICATE_HEADERS.values(), "X-Who", "X-Chain")]
    lines = forwarded_over_tls(*claims, client_certificate_mode=mode, client_certificate_names=names)

    assert not [line for line in lines if "forged" in line]


def test_certificates_and_the_version_are_told_together() -> None:
    lines = forwarded_over_tls(certificate=Presented(), tls_version_and_cipher_headers=True, **MTLS)

    assert (["TLSv1.2"], ["CN=joe"]) == (
        values(lines, "X-Amzn-Tls-Version"),
        values(lines, "X-Amzn-Mtls-Clientcert-Subject"),
    )


def test_the_certificates_of_other_connections_are_not_told() -> None:
    """Header sections are remembered, what a connection says about itself is not."""
    stage = Stage(protocol="HTTPS", port=443, **MTLS)
    for certificate in (Presented(), None):
        client = stage.client()
        client.tls = Negotiated(certificate)
        client.sends("GET / HTTP/1.1", "Host: a")

    assert [True, False] == [b"X-Amzn-Mtls-Clientcert-Subject" in target.received for target in stage.targets]


def test_a_forwarded_address_does_not_drop_what_tls_was_negotiated() -> None:
    lines = forwarded_over_tls("X-Forwarded-For: 10.0.0.1", tls_version_and_cipher_headers=True)

    assert ["10.0.0.1, 192.0.2.7"] == values(lines, "X-Forwarded-For")
    assert ["https"] == values(lines, "X-Forwarded-Proto")
    assert ["TLSv1.2"] == values(lines, "X-Amzn-Tls-Version")


def test_names_of_dropped_headers_are_reported() -> None:
    dropped: list[str] = []
    lines = forwarded(
        "GET / HTTP/1.1", "Host: a", "X_A: 1", "X-B: 2", on_dropped=dropped.append, drop_invalid_header_fields=True
    )
    assert (["X_A"], [], ["2"]) == (dropped, values(lines, "X_A"), values(lines, "X-B"))
