"""A small shop: the app that the tests beside it look at through a load balancer."""

from __future__ import annotations

import asyncio

import grpc
from aiohttp import WSMsgType, web

EVENT = b"data: sold\n\n"


class Shop:
    """One instance of the shop.

    Attributes:
        name: In its answers, so that a test sees which instance has answered.
        items: The basket, which lives in this instance's memory.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.items: list[str] = []

    def app(self) -> web.Application:
        """The instance as an app."""
        app = web.Application()
        app.add_routes(
            [
                web.get("/health", self.health),
                web.get("/whoami", self.whoami),
                web.get("/basket", self.basket),
                web.get("/events", self.events),
                web.get("/chat", self.chat),
            ]
        )
        return app

    async def health(self, request: web.Request) -> web.Response:
        """What the load balancer asks."""
        return web.Response(text="fit")

    async def whoami(self, request: web.Request) -> web.Response:
        """Which instance this is, the address that it believes to have, and whom it talks to."""
        scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
        client = request.headers.get("X-Amzn-Mtls-Clientcert-Subject")
        return web.json_response({"name": self.name, "self": f"{scheme}://{request.host}/whoami", "client": client})

    async def basket(self, request: web.Request) -> web.Response:
        """One apple more; another instance would begin anew."""
        self.items.append("apple")
        return web.json_response({"name": self.name, "items": self.items})

    async def events(self, request: web.Request) -> web.StreamResponse:
        """A stream that says something at its beginning, and then only every two minutes."""
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(EVENT)
            await asyncio.sleep(120)

    async def chat(self, request: web.Request) -> web.WebSocketResponse:
        """Says everything back."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(f"{self.name}: {message.data}")
        return socket


def stock_service() -> grpc.GenericRpcHandler:
    """How much of something there is: a gRPC service without generated code, whose messages are text as bytes."""

    def count(item: bytes, context: grpc.ServicerContext) -> bytes:
        if item != b"apples":
            context.abort(grpc.StatusCode.NOT_FOUND, f"no {item.decode()}")
        return b"7 " + item

    return grpc.method_handlers_generic_handler("shop.Stock", {"Count": grpc.unary_unary_rpc_method_handler(count)})
