"""Ports that a test names before anybody listens on them, or on which nobody ever does.

    with reserved_port() as port: ...

A port that was free a moment ago is anybody's: the kernel gives it to the next test that asks for port 0. One that a
socket holds without listening is given to nobody, and refuses connections. A server may still listen there, since it
sets SO_REUSEADDR, as servers do.
"""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def reserved_ports(count: int) -> Iterator[list[int]]:
    """So many ports, held until the block is left."""
    with contextlib.ExitStack() as stack:
        holding = [stack.enter_context(_unbound()) for _ in range(count)]
        for each in holding:
            # Before it is bound, or the port would be the only one's that has not asked to share it.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            each.bind(("", 0))
        yield [each.getsockname()[1] for each in holding]


def _unbound() -> socket.socket:
    """For every address: a port of ::1 that somebody else has is none to listen on everywhere."""
    if not socket.has_dualstack_ipv6():
        return socket.socket()
    sock = socket.socket(socket.AF_INET6)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    return sock


@contextlib.contextmanager
def reserved_port() -> Iterator[int]:
    """One."""
    with reserved_ports(1) as (port,):
        yield port
