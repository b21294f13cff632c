"""`edgeproxy logs`: follows the requests of a running edgeproxy.

It reads the admin endpoint's stream of JSON lines over a plain socket (HTTP/1.0: the answer ends with the connection)
and shows each as `logs_view.py` says. Filters are the admin endpoint's, so that only what is shown travels.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from edgeproxy.control.admin_client import NotAnsweredError, connected, foreign
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.logs_view import HEADING, coloured_line, event_line, plain_line

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator, Sequence

    from edgeproxy.control.addresses import Address

_READ_SIZE: Final = 1 << 16


def follow(address: Address, wanted: Sequence[tuple[str, str]]) -> Iterator[list[bytes]]:
    """The lines of the stream, some at a time, until edgeproxy ends; at first none, when it has begun.

    Args:
        address: The admin endpoint's.
        wanted: Filters, as names and values.

    Raises:
        NotAnsweredError: Nothing listens there, or what does is no edgeproxy that has this stream.
    """
    place = address.connectable
    path = f"/_edgeproxy/requests?{urlencode([('follow', '1'), *wanted])}"
    with connected(address) as connection:
        received = _answer(connection, f"GET {path} HTTP/1.0\r\nHost: {place}\r\n\r\n".encode(), address)
        # Behind the head, silence only means that there are no requests.
        connection.settimeout(None)
        yield []
        while True:
            *lines, received = received.split(b"\n")
            if lines:
                yield lines
            try:
                data = connection.recv(_READ_SIZE)
            except OSError:
                return  # it was ended at once
            if not data:
                return
            received += data


def _answer(connection: socket.socket, request: bytes, address: Address) -> bytes:
    """What came behind the head of a good answer."""
    received = b""
    try:
        connection.sendall(request)
        while b"\r\n\r\n" not in received and (data := connection.recv(_READ_SIZE)):
            received += data
        head, _, body = received.partition(b"\r\n\r\n")
        if b"application/x-ndjson" in head:
            return body
        while data := connection.recv(_READ_SIZE):
            body += data
        message = json.loads(body)["Message"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise foreign(address) from error
    raise NotAnsweredError(f"What answers at {address.connectable} has no requests to follow: {message}")


def show_json(line: bytes) -> None:
    """The line as it is."""
    sys.stdout.write(line.decode() + "\n")


def show_coloured(line: bytes) -> None:
    """For people."""
    _show(line, coloured_line)


def show_plain(line: bytes) -> None:
    """For programs, and for people who want no colours."""
    _show(line, plain_line)


def _show(line: bytes, render: Callable[[dict[str, Any]], str]) -> None:
    document: dict[str, Any] = json.loads(line)
    if "event" in document:
        sys.stderr.write(event_line(document) + "\n")
    else:
        sys.stdout.write(render(document) + "\n")


def run(address: Address, wanted: Sequence[tuple[str, str]], *, as_json: bool) -> ExitCode:
    """Follow until edgeproxy ends or somebody ends this; what to exit with."""
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    show = show_json if as_json else show_coloured if in_colour else show_plain
    try:
        stream = follow(address, wanted)
        next(stream)
        sys.stderr.write(f"Following the requests of the edgeproxy at {address.connectable}. Ctrl-C ends.\n")
        if show is show_coloured:
            sys.stdout.write(HEADING + "\n")
            sys.stdout.flush()
        for lines in stream:
            for line in lines:
                show(line)
            sys.stdout.flush()
    except NotAnsweredError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.NOT_FINE
    except KeyboardInterrupt:
        return ExitCode.FINE
    except BrokenPipeError:
        # Whoever read this, as `head` does, has seen enough; Python would complain again when it closes the stream.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.FINE
    sys.stderr.write(f"The edgeproxy at {address.connectable} has stopped.\n")
    return ExitCode.FINE
