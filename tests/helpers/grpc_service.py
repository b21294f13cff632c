"""A gRPC service and its clients, by `grpcio`; messages are plain bytes, so no code is generated.

with GrpcService() as service, grpc_channel(port) as channel:
    assert b"<a>" == unary(channel, "Wrap")(b"a")
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

import grpc

from tests.helpers.https import CA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

SERVICE = "/test.Service/"


class GrpcService(grpc.GenericRpcHandler):  # type: ignore[misc]
    """A server on a free port of the loopback.

    Attributes:
        port: Where it listens.
        metadata: What came with each call, in order.
        cancelled: Set when a call that waits was cancelled.
    """

    def __init__(self, *, is_tls: bool = False) -> None:
        self.metadata: list[dict[str, str | bytes]] = []
        self.cancelled = threading.Event()
        self.waiting = threading.Event()
        self._pool = ThreadPoolExecutor(16)
        self._server = grpc.server(self._pool)
        self._server.add_generic_rpc_handlers((self,))
        if is_tls:
            leaf = CA.issue_cert("elsewhere.test")
            pair = (leaf.private_key_pem.bytes(), leaf.cert_chain_pems[0].bytes())
            self.port: int = self._server.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        else:
            self.port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End everything at once."""
        self._server.stop(0).wait()
        self._pool.shutdown()

    # ---- the methods

    def service(self, details: Any) -> Any:
        """The handler of a call; None for methods that there are not."""
        name = details.method.removeprefix(SERVICE)
        method: Callable[..., Any] | None = getattr(self, name, None) if details.method.startswith(SERVICE) else None
        if method is None:
            return None
        self.metadata.append(dict(details.invocation_metadata))
        return _KINDS[name](method)

    def Wrap(self, message: bytes, context: Any) -> bytes:  # noqa: N802 - gRPC's names
        """One message, one answer."""
        context.set_trailing_metadata((("x-trailing", "1"), ("x-bytes-bin", b"\x00\xff")))
        return b"<%b>" % message

    def Count(self, message: bytes, context: Any) -> Iterator[bytes]:  # noqa: N802
        """One message, many answers."""
        for number in range(int(message)):
            yield b"%d" % number

    def Join(self, messages: Iterator[bytes], context: Any) -> bytes:  # noqa: N802
        """Many messages, one answer."""
        return b",".join(messages)

    def Echo(self, messages: Iterator[bytes], context: Any) -> Iterator[bytes]:  # noqa: N802
        """Each message as it comes."""
        yield from messages

    def Refuse(self, message: bytes, context: Any) -> bytes:  # noqa: N802
        """An error of the service."""
        context.set_trailing_metadata((("x-why", "closed"),))
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: ü")
        raise AssertionError

    def Wait(self, message: bytes, context: Any) -> bytes:  # noqa: N802
        """Answers when nobody wants the answer any more."""
        over = threading.Event()
        context.add_callback(over.set)
        self.waiting.set()
        over.wait(30)
        self.cancelled.set()
        return b""


_KINDS = {
    "Wrap": grpc.unary_unary_rpc_method_handler,
    "Count": grpc.unary_stream_rpc_method_handler,
    "Join": grpc.stream_unary_rpc_method_handler,
    "Echo": grpc.stream_stream_rpc_method_handler,
    "Refuse": grpc.unary_unary_rpc_method_handler,
    "Wait": grpc.unary_unary_rpc_method_handler,
}


@contextlib.contextmanager
def grpc_channel(port: int) -> Iterator[Any]:
    """A channel to a load balancer that listens with TLS on a port of the loopback, as `app.test`."""
    credentials = grpc.ssl_channel_credentials(CA.cert_pem.bytes())
    options = [("grpc.ssl_target_name_override", "app.test"), ("grpc.enable_retries", 0)]
    with grpc.secure_channel(f"127.0.0.1:{port}", credentials, options) as channel:
        yield channel


def refusal(call: Callable[[], object]) -> tuple[str, str]:
    """Code and details of a call that fails."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code().name, error.details()
    raise AssertionError("the call did not fail")
