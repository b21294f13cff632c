"""ListenerSettings: the typed view of a listener's attributes, which rename, add and replace headers.

Source: user guide, header-modification; API reference, ListenerAttribute. An empty value, the default, leaves a header
alone.
"""

from __future__ import annotations

import re
from typing import Final

from edgeproxy.model.attributes import Spec, flag
from edgeproxy.model.base import Model

MAX_VALUE: Final = 1024

_VALUE: Final = re.compile(r"""[a-zA-Z0-9_ :;.,\\/'?!(){}\[\]@<>=\-+*#&`|~^%]*\Z""")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]*\Z")

_RESERVED: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
    }
)


def header_value(text: str) -> str:
    """The value of a header, at most 1 KB; only its characters are checked, not whether it makes sense there."""
    if len(text) > MAX_VALUE:
        raise ValueError(f"is too long; the limit is '{MAX_VALUE}'")
    if not _VALUE.match(text):
        allowed = r"a-z, A-Z, 0-9, space and _ : ; . , \ / ' ? ! ( ) { } [ ] @ < > = - + * # & ` | ~ ^ %"
        raise ValueError(f"is invalid; the allowed characters are {allowed}")
    return text


def header_name(text: str) -> str:
    """The name of a header that may be written anew."""
    if not _NAME.match(text):
        raise ValueError("is invalid; the allowed characters are a-z, A-Z, 0-9, hyphen and underscore")
    if text.lower() in _RESERVED:
        raise ValueError("is the name of a header that the load balancer writes itself")
    return text


class ListenerSettings(Model, frozen=True):
    """The typed view of a listener's attributes, defaults filled in."""

    server_header: bool = True
    """`routing.http.response.server.enabled`: the load balancer's own answers carry `Server: awselb/2.0`."""
    strict_transport_security: str = ""
    """Put on every response, in place of the target's: Strict-Transport-Security."""
    access_control_allow_origin: str = ""
    """Put on every response, in place of the target's: Access-Control-Allow-Origin."""
    access_control_allow_methods: str = ""
    """Put on every response, in place of the target's: Access-Control-Allow-Methods."""
    access_control_allow_headers: str = ""
    """Put on every response, in place of the target's: Access-Control-Allow-Headers."""
    access_control_allow_credentials: str = ""
    """Put on every response, in place of the target's: Access-Control-Allow-Credentials."""
    access_control_expose_headers: str = ""
    """Put on every response, in place of the target's: Access-Control-Expose-Headers."""
    access_control_max_age: str = ""
    """Put on every response, in place of the target's: Access-Control-Max-Age."""
    content_security_policy: str = ""
    """Put on every response, in place of the target's: Content-Security-Policy."""
    x_content_type_options: str = ""
    """Put on every response, in place of the target's: X-Content-Type-Options."""
    x_frame_options: str = ""
    """Put on every response, in place of the target's: X-Frame-Options."""
    tls_version_name: str = ""
    """HTTPS: the name under which targets get X-Amzn-Tls-Version."""
    tls_cipher_suite_name: str = ""
    """HTTPS: the name under which targets get X-Amzn-Tls-Cipher-Suite."""

    client_certificate_name: str = ""
    """HTTPS with client certificates passed through: the name under which targets get X-Amzn-Mtls-Clientcert."""
    client_certificate_leaf_name: str = ""
    """HTTPS with client certificates verified: the name under which targets get X-Amzn-Mtls-Clientcert-Leaf."""
    client_certificate_serial_number_name: str = ""
    """HTTPS with client certificates verified: the name under which targets get
    X-Amzn-Mtls-Clientcert-Serial-Number."""
    client_certificate_issuer_name: str = ""
    """HTTPS with client certificates verified: the name under which targets get X-Amzn-Mtls-Clientcert-Issuer."""
    client_certificate_subject_name: str = ""
    """HTTPS with client certificates verified: the name under which targets get X-Amzn-Mtls-Clientcert-Subject."""
    client_certificate_validity_name: str = ""
    """HTTPS with client certificates verified: the name under which targets get X-Amzn-Mtls-Clientcert-Validity."""

    @property
    def client_certificate_names(self) -> dict[str, str]:
        """What the headers about client certificates are called, by the fact that they carry."""
        return {
            fact: getattr(self, _CLIENT_CERTIFICATE_FIELDS[fact]) or name
            for fact, name in CLIENT_CERTIFICATE_HEADERS.items()
        }

    @property
    def tls_names(self) -> tuple[str, str]:
        """What the headers with the TLS version and the cipher suite are called."""
        return self.tls_version_name or "X-Amzn-Tls-Version", self.tls_cipher_suite_name or "X-Amzn-Tls-Cipher-Suite"

    @property
    def response_headers(self) -> tuple[tuple[str, str], ...]:
        """Names and values of what is put on every response."""
        values = ((name, getattr(self, field)) for field, name in RESPONSE_HEADERS.items())
        return tuple((name, value) for name, value in values if value)


RESPONSE_HEADERS: Final = {
    "strict_transport_security": "Strict-Transport-Security",
    "access_control_allow_origin": "Access-Control-Allow-Origin",
    "access_control_allow_methods": "Access-Control-Allow-Methods",
    "access_control_allow_headers": "Access-Control-Allow-Headers",
    "access_control_allow_credentials": "Access-Control-Allow-Credentials",
    "access_control_expose_headers": "Access-Control-Expose-Headers",
    "access_control_max_age": "Access-Control-Max-Age",
    "content_security_policy": "Content-Security-Policy",
    "x_content_type_options": "X-Content-Type-Options",
    "x_frame_options": "X-Frame-Options",
}
"""The fields of `ListenerSettings` that are headers of responses, and their names."""

CLIENT_CERTIFICATE_HEADERS: Final = {
    "pem_chain": "X-Amzn-Mtls-Clientcert",
    "pem_leaf": "X-Amzn-Mtls-Clientcert-Leaf",
    "serial_number": "X-Amzn-Mtls-Clientcert-Serial-Number",
    "issuer": "X-Amzn-Mtls-Clientcert-Issuer",
    "subject": "X-Amzn-Mtls-Clientcert-Subject",
    "validity": "X-Amzn-Mtls-Clientcert-Validity",
}
"""What targets are told about a client's certificate, and under which names.

Source: user guide, mutual-authentication.
"""

_CLIENT_CERTIFICATE_FIELDS: Final = {
    "pem_chain": "client_certificate_name",
    "pem_leaf": "client_certificate_leaf_name",
    **{fact: f"client_certificate_{fact}_name" for fact in ("serial_number", "issuer", "subject", "validity")},
}

SPECS: Final = {
    "routing.http.response.server.enabled": Spec("server_header", flag),
    **{f"routing.http.response.{field}.header_value": Spec(field, header_value) for field in RESPONSE_HEADERS},
    "routing.http.request.x_amzn_tls_version.header_name": Spec("tls_version_name", header_name),
    "routing.http.request.x_amzn_tls_cipher_suite.header_name": Spec("tls_cipher_suite_name", header_name),
    **{
        f"routing.http.request.{header.lower().replace('-', '_')}.header_name": Spec(
            _CLIENT_CERTIFICATE_FIELDS[fact], header_name
        )
        for fact, header in CLIENT_CERTIFICATE_HEADERS.items()
    },
}

FOREIGN: Final = {"tcp.": "Network Load Balancers"}
"""Keys that a listener of an application load balancer must refuse. Source: API reference, ListenerAttribute."""
