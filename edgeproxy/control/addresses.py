"""Addresses as people type them: `8443`, `127.0.0.1:8443`, `[::1]:8443`, and `443=…` for a listener's real place."""

from __future__ import annotations

from typing import NamedTuple

_MAX_PORT = 65535


class Address(NamedTuple):
    """A host and a port; no host means all interfaces where one listens, and is up to the caller elsewhere."""

    host: str | None
    port: int

    def __str__(self) -> str:
        return join_host_port(self.host, self.port)

    @property
    def connectable(self) -> Address:
        """Where a client on this machine reaches what listens here: all interfaces include the loopback."""
        if self.host in (None, "", "0.0.0.0"):
            return Address("127.0.0.1", self.port)
        return Address("::1", self.port) if self.host == "::" else self


def join_host_port(host: str | None, port: int) -> str:
    """`127.0.0.1:80`, `[::1]:80`, `*:80` for all interfaces."""
    if not host:
        return f"*:{port}"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_port(text: str, *, lowest: int = 0) -> int:
    """A port number.

    Raises:
        ValueError: The text is no number between `lowest` and 65535; the message is a full sentence.
    """
    # isascii, because isdigit also takes digits of other scripts, which int() would accept
    if not (text.isascii() and text.isdigit() and lowest <= int(text) <= _MAX_PORT):
        raise ValueError(f"'{text}' is not a port: it must be a number between {lowest} and {_MAX_PORT}.")
    return int(text)


def parse_address(text: str, *, lowest_port: int = 0) -> Address:
    """`PORT`, `HOST:PORT` or `[IPV6]:PORT`.

    Raises:
        ValueError: The text is none of these; the message is a full sentence.
    """
    host, separator, port = text.rpartition(":")
    if not separator:
        return Address(None, parse_port(text, lowest=lowest_port))
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"'{text}' is not an address: write an IPv6 address in brackets, as in [::1]:8443.")
    if not host or "/" in host or " " in host:
        raise ValueError(f"'{text}' is not an address: it must be HOST:PORT, as in 127.0.0.1:8443.")
    return Address(host, parse_port(port, lowest=lowest_port))


def parse_bind(text: str) -> tuple[int, Address]:
    """`DECLARED=ADDRESS`: a listener's port in the configuration, and where it is really bound (0: any free port).

    Raises:
        ValueError: The text is not of that form; the message is a full sentence.
    """
    declared, separator, address = text.partition("=")
    if not separator:
        raise ValueError(f"'{text}' is not a bind: it must be PORT=HOST:PORT, as in 443=127.0.0.1:8443.")
    return parse_port(declared, lowest=1), parse_address(address)
