"""Targets for a load balancer under test: apps as they are, and scripted ones that do what apps do on bad days.

    targets.asgi(app)          targets.answering("hello")     targets.silent()
    targets.wsgi(app)          targets.slow(0.2)              targets.resetting()
    targets.aiohttp(app)       targets.handler(function)      targets.half_closing()
    targets.grpc(register)     targets.scripted(script)       targets.garbage()
    targets.process([...])     targets.keep_alive(0.05)       targets.keep_alive_race()

Each is a target that is not started. A load balancer that is given one starts it on a free port, and stops it when it
stops itself; `with targets.wsgi(app) as target:` does the same without one.
"""

from __future__ import annotations

from edgeproxy.testing.targets.base import LocalTarget
from edgeproxy.testing.targets.grpc import GrpcTarget
from edgeproxy.testing.targets.http import Handler, Request, Response
from edgeproxy.testing.targets.misbehaving import (
    garbage,
    half_closing,
    keep_alive,
    keep_alive_race,
    resetting,
    silent,
    slow,
    streaming,
)
from edgeproxy.testing.targets.process import ProcessTarget
from edgeproxy.testing.targets.scripted import Script, ScriptedTarget, TargetSide
from edgeproxy.testing.targets.served import AiohttpTarget, AsgiTarget, WsgiTarget
from edgeproxy.testing.targets.simple import HandlerTarget, answering

asgi = AsgiTarget
wsgi = WsgiTarget
aiohttp = AiohttpTarget
grpc = GrpcTarget
handler = HandlerTarget
process = ProcessTarget
scripted = ScriptedTarget

__all__ = [
    "AiohttpTarget",
    "AsgiTarget",
    "GrpcTarget",
    "Handler",
    "HandlerTarget",
    "LocalTarget",
    "ProcessTarget",
    "Request",
    "Response",
    "Script",
    "ScriptedTarget",
    "TargetSide",
    "WsgiTarget",
    "aiohttp",
    "answering",
    "asgi",
    "garbage",
    "grpc",
    "half_closing",
    "handler",
    "keep_alive",
    "keep_alive_race",
    "process",
    "resetting",
    "scripted",
    "silent",
    "slow",
    "streaming",
    "wsgi",
]
