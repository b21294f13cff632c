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
    try:
        with socket.create_connection((place.host, place.port), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(request)
            received = b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError as error:
        reason = error.strerror or str(error)
        raise NotAnsweredError(
            f"No edgeproxy answers at {place}: {reason}. Is it running with --admin {place}?"
        ) from error
    head, _, text = received.partition(b"\r\n\r\n")
    try:
        document = json.loads(text)
        return AdminAnswer(int(head.split(b" ")[1]), dict(document))
    except (ValueError, IndexError, TypeError) as error:
        raise NotAnsweredError(f"What answers at {place} is not edgeproxy's admin endpoint.") from error
