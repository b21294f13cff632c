"""Targets that behave: a function that answers, or always the same answer."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, cast

from edgeproxy.testing.targets.http import Response, response_of
from edgeproxy.testing.targets.scripted import ScriptedTarget, TargetSide

if TYPE_CHECKING:
    from edgeproxy.testing.targets.http import Answer, Handler, Request


class HandlerTarget(ScriptedTarget):
    """Answers every request with what a function says, and keeps the connection."""

    def __init__(self, handler: Handler, *, health_status: int | None = 200) -> None:
        """`health_status` is what health checks are answered with; None has the function answer them too."""
        super().__init__(self._answer_all, health_status=health_status)
        self._handler = handler

    async def _answer_all(self, side: TargetSide) -> None:
        while (request := await side.read_request()) is not None:
            response = await self._answer(request)
            await side.send(response.encode(is_head=request.method == "HEAD"))

    async def _answer(self, request: Request) -> Response:
        if inspect.iscoroutinefunction(self._handler):
            return response_of(await self._handler(request))
        # In a thread: it may block, or ask the load balancer something.
        return response_of(cast("Answer", await asyncio.to_thread(self._handler, request)))


def answering(
    body: object = "ok", *, status: int = 200, headers: dict[str, str] | None = None, health_status: int | None = 200
) -> HandlerTarget:
    """Answers every request with the same."""
    response = Response(body, status, headers or {})

    async def answer(request: Request) -> Response:  # noqa: ARG001 - a handler; asynchronous ones need no thread
        return response

    return HandlerTarget(answer, health_status=health_status)
