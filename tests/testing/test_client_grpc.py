"""grpcio's channel leads to the load balancer."""

from __future__ import annotations

from typing import Any

import grpc

from edgeproxy.testing import Alb, targets


def test_it_asks_for_the_name_that_the_test_wants() -> None:
    handler = grpc.unary_unary_rpc_method_handler(lambda message, context: message)
    service = grpc.method_handlers_generic_handler("test.Service", {"Echo": handler})

    def register(server: Any) -> None:
        server.add_generic_rpc_handlers([service])

    with Alb(names=["grpc.example.com"]) as alb:
        alb.add_target_group("grpc", targets.grpc(register), ProtocolVersion="GRPC")
        alb.add_rule(path="/*", host="grpc.example.com", forward="grpc")
        echo = alb.clients.grpc(host="grpc.example.com").unary_unary("/test.Service/Echo")

        assert b"hi" == echo(b"hi", timeout=10)
        (request,) = alb.requests
        assert ("HTTP/2.0", "POST /test.Service/Echo HTTP/2.0") == (request.version, request.target_line)
