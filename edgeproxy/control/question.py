"""A request that was never sent: the bytes that curl would send, read by the load balancer's own codec."""

from __future__ import annotations

import dataclasses
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edgeproxy.protocol.head_parser import parse_request_fields, parse_request_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.protocol.message import RequestHead

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """One request, as `edgeproxy explain` gets it.

    Attributes:
        method: As typed; methods are case-sensitive.
        url: As typed.
        protocol: `HTTP` or `HTTPS`, the listener's name for the URL's scheme.
        server_name: The host of the URL, which a TLS client asks for.
        port: The port that the client connects to.
        target: Path and query as they would be sent.
        source_ip: The client's address.
        headers: Name and value in the order sent, Host first.
    """

    method: str
    url: str
    protocol: str
    server_name: str
    port: int
    target: str
    source_ip: str
    headers: Sequence[tuple[str, str]]

    @classmethod
    def parse(cls, method: str, url: str, *, headers: Sequence[tuple[str, str]] = (), source_ip: str) -> Question:
        """Read a URL as curl would; a Host header goes before the URL's host.

        Raises:
            ValueError: The URL or the address is none; the message is a full sentence.
        """
        # one character a byte from here on, as everywhere in the codec
        parts = urlsplit(_as_bytes(url))
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError(f"'{url}' is not a URL: it must be http://HOST/PATH or https://HOST/PATH.")
        default_port = _DEFAULT_PORTS[parts.scheme]
        authority = parts.netloc.rpartition("@")[2].removesuffix(f":{default_port}")
        hosts = [_as_bytes(value) for name, value in headers if name.lower() == "host"] or [authority]
        others = [(name, _as_bytes(value)) for name, value in headers if name.lower() != "host"]
        return cls(
            method=method,
            url=url,
            protocol=parts.scheme.upper(),
            server_name=parts.hostname,
            port=parts.port or default_port,
            target=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            source_ip=str(ipaddress.ip_address(source_ip)),
            headers=[*(("Host", host) for host in hosts), *others],
        )

    def head(self) -> RequestHead:
        """The request as the load balancer reads it; the path as the client sent it.

        Raises:
            ProtocolError: The load balancer would refuse it before any rule is asked.
        """
        section = "".join(f"{name}: {value}\r\n" for name, value in self.headers).encode("latin-1")
        line = f"{self.method} {self.target} HTTP/1.1"
        head = parse_request_line(line, parse_request_fields(section), len(line) + len(section) + 4)
        head.source_ip = self.source_ip
        return head


def _as_bytes(text: str) -> str:
    return text.encode().decode("latin-1")
