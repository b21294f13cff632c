"""A request that was never sent: what a rule would be asked about it."""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from edgeproxy.rules.normalise import normalise_path

if TYPE_CHECKING:
    from collections.abc import Sequence

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Question:
    """One request, as `edgeproxy explain` gets it.

    Text that goes to the load balancer has one character a byte, as everywhere below the command line.

    Attributes:
        method: As typed; methods are case-sensitive.
        url: As typed.
        protocol: `HTTP` or `HTTPS`, the listener's name for the URL's scheme.
        host: The Host header: the URL's, unless a header says otherwise; the port only where it is not the default.
        port: The port that the client connects to.
        raw_path: The path as it would be sent.
        query: What follows the `?`.
        source_ip: The client's address.
        headers: Name and value, in the order given, without Host.
    """

    method: str
    url: str
    protocol: str
    host: str
    port: int
    raw_path: str
    query: str
    source_ip: str
    headers: Sequence[tuple[str, str]]

    @classmethod
    def parse(cls, method: str, url: str, *, headers: Sequence[tuple[str, str]] = (), source_ip: str) -> Question:
        """Read a URL as curl would.

        Raises:
            ValueError: The URL or the address is none; the message is a full sentence.
        """
        parts = urlsplit(_as_bytes(url))
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError(f"'{url}' is not a URL: it must be http://HOST/PATH or https://HOST/PATH.")
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
        authority = parts.netloc.rpartition("@")[2].removesuffix(f":{_DEFAULT_PORTS[parts.scheme]}")
        hosts = [value for name, value in headers if name.lower() == "host"]
        return cls(
            method=method,
            url=url,
            protocol=parts.scheme.upper(),
            host=_as_bytes(hosts[0]) if hosts else authority,
            port=port,
            raw_path=parts.path or "/",
            query=parts.query,
            source_ip=str(ipaddress.ip_address(source_ip)),
            headers=[(name, _as_bytes(value)) for name, value in headers if name.lower() != "host"],
        )

    @property
    def host_without_port(self) -> str:
        """The Host header's name or address."""
        name, separator, port = self.host.rpartition(":")
        return name if separator and port.isdigit() else self.host

    def facts(self) -> Facts | None:
        """What the rules may look at; None where the path is refused before any rule is asked."""
        path = normalise_path(self.raw_path)
        return None if path is None else Facts(self, path)


class Facts:
    """A question as `rules.facts.RequestFacts`."""

    def __init__(self, question: Question, path: str) -> None:
        self._question = question
        self.path = path
        self.method = question.method
        self.host = question.host.lower()
        self.query = question.query
        self.source_ip = question.source_ip

    @functools.cached_property
    def query_pairs(self) -> Sequence[tuple[str, str]]:
        """See `RequestFacts.query_pairs`."""
        parts = [part.partition("=") for part in self.query.split("&")] if self.query else []
        return [(key, value) for key, _, value in parts]

    def header_values(self, name: str, /) -> Sequence[str]:
        """See `RequestFacts.header_values`."""
        return [value for header, value in self._question.headers if header.lower() == name]


def _as_bytes(text: str) -> str:
    return text.encode().decode("latin-1")
