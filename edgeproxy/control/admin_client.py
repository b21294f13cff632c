"""Asking the admin endpoint of an edgeproxy that runs, over a plain socket: HTTP/1.0, one request, one JSON object."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from edgeproxy.control.addresses import Address

TIMEOUT_SECONDS: Final = 5.0


class NotAnsweredError(Exception):
    """No edgeproxy answers at the admin endpoint's address; the message is a full sentence."""


class AdminAnswer(NamedTuple):
    """The status, and the JSON object that came with it."""

    status: int
    document: dict[str, Any]


def connected(address: Address) -> socket.socket:
    """A connection to the admin endpoint.

    Raises:
        NotAnsweredError: Nothing listens there.
    """
    place = address.connectable
    try:
        return socket.create_connection((place.host, place.port), timeout=TIMEOUT_SECONDS)
    except OSError as error:
        raise _nobody(place, error) from error


def _nobody(place: Address, error: OSError) -> NotAnsweredError:
    reason = error.strerror or str(error)
    return NotAnsweredError(f"No edgeproxy answers at {place}: {reason}. Is it running with --admin {place}?")


def foreign(address: Address) -> NotAnsweredError:
    """What is to be said when the answer makes no sense."""
    return NotAnsweredError(f"What answers at {address.connectable} is not edgeproxy's admin endpoint.")


def ask(address: Address, method: str, path: str, body: dict[str, Any] | None = None) -> AdminAnswer:
    """What the edgeproxy answers whose admin endpoint is there.

    Raises:
        NotAnsweredError: Nothing listens there, or what does is no edgeproxy.
    """
    place = address.connectable
    data = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.0", f"Host: {place}", f"Content-Length: {len(data)}"]
    if body is not None:
        lines.append("Content-Type: application/json")
    request = "\r\n".join([*lines, "", ""]).encode() + data
    with connected(address) as connection:
        try:
            connection.sendall(request)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        except OSError as error:
            raise _nobody(place, error) from error
    head, _, text = received.partition(b"\r\n\r\n")
    try:
        document = json.loads(text)
        return AdminAnswer(int(head.split(b" ")[1]), dict(document))
    except (ValueError, IndexError, TypeError) as error:
        raise foreign(address) from error
