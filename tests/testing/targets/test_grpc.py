"""gRPC services as targets."""

from __future__ import annotations

import threading
from typing import Any

import grpc
import pytest

from edgeproxy.testing import Alb, targets
from tests.helpers.grpc_service import GrpcService
from tests.helpers.wait import until_blocking


def wrap(message: bytes, context: Any) -> bytes:
    return b"<%b>" % message


SERVICE = grpc.method_handlers_generic_handler("test.Service", {"Wrap": grpc.unary_unary_rpc_method_handler(wrap)})


def register(server: Any) -> None:
    server.add_generic_rpc_handlers([SERVICE])


def test_it_answers_calls_and_leaves_no_thread_behind() -> None:
    def workers() -> list[str]:
        return [each.name for each in threading.enumerate() if each.name.startswith("edgeproxy-grpc")]

    with targets.grpc(register) as target:
        with grpc.insecure_channel(f"{target.host}:{target.port}") as channel:
            assert b"<a>" == channel.unary_unary("/test.Service/Wrap")(b"a", timeout=10)
        assert workers()
    until_blocking(lambda: not workers())


def test_options_are_the_server_s() -> None:
    class Closed(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(
                lambda _, context: context.abort(grpc.StatusCode.UNAUTHENTICATED, "closed")
            )

    with targets.grpc(register, interceptors=[Closed()]) as target:
        channel = grpc.insecure_channel(f"{target.host}:{target.port}")
        with channel, pytest.raises(grpc.RpcError, match="closed"):
            channel.unary_unary("/test.Service/Wrap")(b"a", timeout=10)


def test_a_server_of_one_s_own_is_registered_by_its_address() -> None:
    """Unary calls and streams; checked as gRPC groups are; what it got is told from its HTTP/2 head."""
    with GrpcService() as service, Alb() as alb:
        alb.add_target_group("grpc", service.port, ProtocolVersion="GRPC")
        alb.add_rule(path="/test.Service/*", forward="grpc")
        alb.wait_healthy("grpc")
        channel = alb.clients.grpc()

        assert b"<a>" == channel.unary_unary("/test.Service/Wrap")(b"a", metadata=[("x-own", "1")], timeout=10)
        assert [b"0", b"1"] == list(channel.unary_stream("/test.Service/Count")(b"2", timeout=10))
        alb.advance(60)

        assert ["healthy"] == [each.state for each in alb.target_health("grpc")]
        call, _ = alb.expect(target_group="grpc", status=200, times=2)
        assert (call.target_line, "1", "http") == (
            "POST /test.Service/Wrap HTTP/2.0",
            call.target_headers["x-own"],
            call.target_headers[":scheme"],
        )
        got = {name: value for name, value in call.target_headers if not name.startswith(":")}
        assert got.items() >= {name: value for name, value in service.metadata[0].items() if name != "x-own"}.items()
