"""Names are compared with what OpenSSL prints, because that is what the load balancer's names look like."""

from __future__ import annotations

import re
import subprocess
from typing import Any
from urllib.parse import unquote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from cryptography.x509.oid import ObjectIdentifier as Oid
from hypothesis import given, settings
from hypothesis import strategies as st

from edgeproxy.runtime.client_certificate import ClientCertificate, encoded_pem, rfc2253
from tests.helpers.client_authority import NOW, ClientAuthority, of_version

PAGE = "mutual-authentication"
ROOT = ClientAuthority("root")
Part = x509.NameAttribute


def presented(*names: str | x509.Name, **options: Any) -> ClientCertificate:
    leaves = [ROOT.issue(name, **options) for name in names]
    return ClientCertificate([leaf.certificate.public_bytes(Encoding.DER) for leaf in leaves])


def as_openssl_prints(name: x509.Name) -> str:
    pem = ROOT.issue(name).certificate.public_bytes(Encoding.PEM)
    command = ["openssl", "x509", "-noout", "-subject", "-nameopt", "RFC2253"]
    printed = subprocess.run(command, input=pem, capture_output=True, check=True).stdout
    return printed.decode("ascii").removeprefix("subject=").removesuffix("\n")


NAMES: dict[str, list[Any]] = {
    "a usual one": [
        Part(NameOID.COUNTRY_NAME, "US"),
        Part(NameOID.STATE_OR_PROVINCE_NAME, "Washington"),
        Part(NameOID.LOCALITY_NAME, "Seattle"),
        Part(NameOID.ORGANIZATION_NAME, "Example, Inc."),
        Part(NameOID.ORGANIZATIONAL_UNIT_NAME, "a+b=c"),
        Part(NameOID.COMMON_NAME, "app"),
    ],
    "spaces, quotes and brackets": [
        Part(NameOID.COMMON_NAME, ' "q" <x>;\\ '),
        Part(NameOID.COMMON_NAME, "#hash"),
        Part(NameOID.COMMON_NAME, " "),
    ],
    "other scripts and control characters": [Part(NameOID.COMMON_NAME, "Bücher \u4e2d\r\n\x7f\U0001f600")],
    "every type with a name": [
        Part(oid, "US" if oid == NameOID.JURISDICTION_COUNTRY_NAME else "x")
        for oid in (
            NameOID.EMAIL_ADDRESS,
            NameOID.DOMAIN_COMPONENT,
            NameOID.USER_ID,
            NameOID.SURNAME,
            NameOID.GIVEN_NAME,
            NameOID.STREET_ADDRESS,
            NameOID.POSTAL_CODE,
            NameOID.SERIAL_NUMBER,
            NameOID.JURISDICTION_COUNTRY_NAME,
            NameOID.JURISDICTION_LOCALITY_NAME,
            NameOID.JURISDICTION_STATE_OR_PROVINCE_NAME,
            NameOID.BUSINESS_CATEGORY,
            NameOID.ORGANIZATION_IDENTIFIER,
            NameOID.DN_QUALIFIER,
            NameOID.PSEUDONYM,
            NameOID.TITLE,
            NameOID.GENERATION_QUALIFIER,
            NameOID.UNSTRUCTURED_NAME,
            NameOID.INITIALS,
        )
    ],
    "types without a name": [Part(Oid("1.2.3.4.5"), "x y"), Part(Oid("1.2.3.4.6"), "x" * 200)],
    "bits": [Part(NameOID.X500_UNIQUE_IDENTIFIER, b"\x00\x01", _ASN1Type.BitString)],
    "nothing": [],
}


@pytest.mark.conformance("Mutual TLS", "names are written as in RFC 2253", PAGE)
@pytest.mark.parametrize("kind", NAMES)
def test_names_look_as_openssl_prints_them(kind: str) -> None:
    name = x509.Name(NAMES[kind])
    assert as_openssl_prints(name) == rfc2253(name)


def test_parts_of_one_rank_are_joined_by_a_plus() -> None:
    pair = [Part(NameOID.COMMON_NAME, "a"), Part(NameOID.ORGANIZATION_NAME, "b")]
    single = x509.RelativeDistinguishedName([Part(NameOID.COMMON_NAME, "c")])
    name = x509.Name([x509.RelativeDistinguishedName(pair), single])
    assert as_openssl_prints(name) == rfc2253(name)


@given(st.text(min_size=1, max_size=16))
@settings(max_examples=200)
def test_a_name_never_breaks_a_header_or_a_log_line(text: str) -> None:
    written = rfc2253(x509.Name([Part(NameOID.COMMON_NAME, text)]))
    assert written.isascii()
    assert written.isprintable()
    assert not re.search(r'(?<!\\)(\\\\)*"', written)


@pytest.mark.conformance("Mutual TLS", "the serial number is upper-case hex", PAGE)
@pytest.mark.parametrize(
    ("number", "expected"), [(0x03A5B1, "03A5B1"), (0xFEF257372D5C14D4, "FEF257372D5C14D4"), (1, "01"), (16, "10")]
)
def test_serial_numbers(number: int, expected: str) -> None:
    assert expected == presented("joe", serial=number).serial_number


@pytest.mark.conformance("Mutual TLS", "validity is NotBefore and NotAfter in ISO 8601", PAGE)
def test_validity() -> None:
    expected = f"NotBefore={NOW:%Y-%m-%dT%H:%M:%SZ};NotAfter=2052-09-20T01:50:17Z"
    later = NOW.replace(year=2052, month=9, day=20, hour=1, minute=50, second=17)
    assert expected == presented("joe", not_before=NOW, not_after=later).validity


@pytest.mark.conformance("Mutual TLS", "PEM is percent-encoded but for + = /", PAGE, status="default")
@given(st.binary(min_size=1, max_size=300))
def test_pem_survives_decoding_and_needs_no_more_than_the_guide_says(der: bytes) -> None:
    encoded = encoded_pem(der)
    lines = unquote(encoded).split("\n")

    assert re.fullmatch(r"[A-Za-z0-9._~+=/-]*(%[0-9A-F]{2}[A-Za-z0-9._~+=/-]*)*", encoded)
    assert encoded.startswith("-----BEGIN%20CERTIFICATE-----%0A")
    assert encoded.endswith("%0A-----END%20CERTIFICATE-----%0A")
    assert max(len(line) for line in lines) <= 64
    assert {64} >= {len(line) for line in lines[1:-3]}


@pytest.mark.conformance("Mutual TLS", "the chain is sent leaf first", PAGE)
def test_the_chain_begins_with_the_leaf() -> None:
    certificate = presented("leaf", "above")
    assert certificate.pem_chain.startswith(certificate.pem_leaf)
    assert certificate.pem_chain == "".join(map(encoded_pem, certificate.chain))
    assert ("CN=leaf", "CN=root") == (certificate.subject, certificate.issuer)
    assert "<ClientCertificate CN=leaf +1>" == repr(certificate)


@pytest.mark.parametrize(
    "der",
    [b"\x30\x03\x02\x01\x01", *(of_version(ROOT.certificate, number) for number in (1, 3, 9))],
    ids=["damaged", "version 2", "version 4", "version 10"],
)
def test_what_cannot_be_read_is_a_dash_and_passes_all_the_same(der: bytes) -> None:
    odd = ClientCertificate([der])
    facts = (odd.subject, odd.issuer, odd.serial_number, odd.validity)
    assert ("-", "-", "-", "-") == facts
    assert encoded_pem(der) == odd.pem_leaf
