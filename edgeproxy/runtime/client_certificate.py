r"""What targets and logs are told about a client's certificate, in the load balancer's spelling.

* PEM, percent-encoded but for letters, digits and `-._~+/=`: a `+` is a plus, so it is decoded by `unquote`, not by
  `unquote_plus`. The guide says so, although its own sample writes `=` as `%3D`.
* Names as RFC 2253 has them, the last part first, as OpenSSL prints them: `CN=app,O=Example\, Inc.,C=US`.
* The serial number in upper-case hex, two digits a byte.
* `NotBefore=2023-09-21T01:50:17Z;NotAfter=2024-09-20T01:50:17Z`.

All of it is printable ASCII whatever the certificate holds, so it can stand in a header and in a log line.
Source: user guide, mutual-authentication (HTTP headers and mutual TLS).
"""

from __future__ import annotations

import base64
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from cryptography import x509

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

_PEM_LINE: Final = 64
_LITERAL: Final = "+/="

# What OpenSSL calls the types of a name's parts; others are written as numbers.
_TYPES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.4": "SN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "street",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.12": "title",
    "2.5.4.13": "description",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.41": "name",
    "2.5.4.42": "GN",
    "2.5.4.43": "initials",
    "2.5.4.44": "generationQualifier",
    "2.5.4.45": "x500UniqueIdentifier",
    "2.5.4.46": "dnQualifier",
    "2.5.4.65": "pseudonym",
    "2.5.4.97": "organizationIdentifier",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
    "1.2.840.113549.1.9.2": "unstructuredName",
    "1.3.6.1.4.1.311.60.2.1.1": "jurisdictionL",
    "1.3.6.1.4.1.311.60.2.1.2": "jurisdictionST",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionC",
}

_ESCAPED: Final = frozenset(',+"\\<>;')


class ClientCertificate:
    """The chain that a client presented, leaf first; each text is made when it is first asked for.

    Attributes:
        chain: Every certificate, DER.
    """

    def __init__(self, chain: Sequence[bytes]) -> None:
        self.chain = tuple(chain)

    @cached_property
    def _parsed(self) -> x509.Certificate | None:
        """The leaf; None if it is damaged in a way that OpenSSL does not mind."""
        return parsed(self.chain[0])

    @cached_property
    def pem_chain(self) -> str:
        """All certificates, percent-encoded."""
        return "".join(map(encoded_pem, self.chain))

    @cached_property
    def pem_leaf(self) -> str:
        """The client's own certificate, percent-encoded."""
        return encoded_pem(self.chain[0])

    @cached_property
    def subject(self) -> str:
        """Whom it was issued to, as in RFC 2253; `-` if it cannot be read."""
        return "-" if self._parsed is None else _name(self._parsed, "subject")

    @cached_property
    def issuer(self) -> str:
        """Who issued it, as in RFC 2253; `-` if it cannot be read."""
        return "-" if self._parsed is None else _name(self._parsed, "issuer")

    @cached_property
    def serial_number(self) -> str:
        """Upper-case hex; `-` if it cannot be read."""
        return "-" if self._parsed is None else _hexadecimal(self._parsed.serial_number)

    @cached_property
    def validity(self) -> str:
        """From when to when; `-` if it cannot be read."""
        if self._parsed is None:
            return "-"
        begin, end = self._parsed.not_valid_before_utc, self._parsed.not_valid_after_utc
        return f"NotBefore={_moment(begin)};NotAfter={_moment(end)}"

    def __repr__(self) -> str:
        return f"<ClientCertificate {self.subject} +{len(self.chain) - 1}>"


def parsed(der: bytes) -> x509.Certificate | None:
    """A certificate; None if it cannot be read, which OpenSSL is less strict about."""
    try:
        return x509.load_der_x509_certificate(der)
    except (ValueError, x509.InvalidVersion):
        return None


def encoded_pem(der: bytes) -> str:
    """A certificate as PEM, percent-encoded; it ends with an encoded line feed."""
    text = base64.b64encode(der).decode()
    lines = [text[start : start + _PEM_LINE] for start in range(0, len(text), _PEM_LINE)]
    pem = "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])
    return quote(pem, safe=_LITERAL)


def rfc2253(name: x509.Name) -> str:
    """A distinguished name, the last part first, escaped as OpenSSL does."""
    parts = ["+".join(_attribute(each) for each in reversed(list(rdn))) for rdn in name.rdns]
    return ",".join(reversed(parts))


def _attribute(attribute: x509.NameAttribute[str | bytes]) -> str:
    kind = _TYPES.get(attribute.oid.dotted_string)
    value = attribute.value
    if kind is None or isinstance(value, bytes):
        return f"{kind or attribute.oid.dotted_string}={_dumped(attribute)}"
    return f"{kind}={_escaped(value)}"


def _escaped(value: str) -> str:
    text = "".join(_character(character) for character in value)
    if text.startswith(("#", " ")):
        text = "\\" + text
    return f"{text[:-1]}\\ " if len(value) > 1 and value.endswith(" ") else text


def _character(character: str) -> str:
    if character in _ESCAPED:
        return "\\" + character
    if " " <= character <= "~":
        return character
    return "".join(f"\\{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _dumped(attribute: x509.NameAttribute[str | bytes]) -> str:
    """The value's DER in hex, which stands where the type has no name that everybody knows."""
    der = x509.Name([attribute]).public_bytes()
    # SEQUENCE { SET { SEQUENCE { OBJECT IDENTIFIER, value } } }
    inside = _content(_content(_content(der)))
    return "#" + _after(inside).hex().upper()


def _content(der: bytes) -> bytes:
    """What a DER value holds."""
    first = der[1]
    return der[2:] if first < 0x80 else der[2 + (first & 0x7F) :]


def _after(der: bytes) -> bytes:
    """What follows the first DER value, an object identifier, which is never long."""
    return der[2 + der[1] :]


def _name(certificate: x509.Certificate, which: str) -> str:
    try:
        return rfc2253(getattr(certificate, which))
    except ValueError:
        return "-"


def _hexadecimal(number: int) -> str:
    digits = f"{abs(number):X}"
    return ("-" if number < 0 else "") + ("0" if len(digits) % 2 else "") + digits


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
