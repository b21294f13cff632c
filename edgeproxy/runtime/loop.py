"""Which event loop: uvloop where the platform has it, asyncio's own elsewhere."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

_log = logging.getLogger(__name__)


def run(main: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine on the fastest loop there is."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.get_loop().set_exception_handler(on_exception)
        return runner.run(main)


def on_exception(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody else has caught, as the loop reports it.

    Where the other end resets a TLS connection, uvloop may still have something to write. It ends the connection as it
    should and calls that fatal, with a traceback; to us it is a client or a target that has left.

    Where a target resets a connection in the very round of the loop in which the attempt is given up, nobody looks any
    more at the future that the loop has made for it. Futures of our own are looked at.
    """
    message, error = context.get("message"), context.get("exception")
    if message == "Fatal error on SSL protocol" and isinstance(error, RuntimeError):
        _log.debug("A TLS connection was reset: %s", error)
    elif message == "Future exception was never retrieved" and isinstance(error, ConnectionError):
        _log.debug("A connection ended as it was given up: %s", error)
    else:
        loop.default_exception_handler(context)


def loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """Uvloop's loop class, or None for asyncio's default."""
    try:
        import uvloop  # noqa: PLC0415 - absent on some platforms
    except ImportError:
        return None
    return uvloop.Loop
