"""gRPC services as targets, served by `grpcio`. They belong into a target group with `ProtocolVersion="GRPC"`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from edgeproxy.testing.targets.base import HOST, LocalTarget

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

WORKERS = 8
"""Threads: as many calls as are answered at a time."""


class GrpcTarget(LocalTarget):
    """A gRPC server; health checks get what its services say, `12` (unimplemented) where none knows the method.

    Attributes:
        server: grpcio's, while it runs.
    """

    def __init__(self, register: Callable[[Any], object], **options: Any) -> None:
        """A server that is not started.

        Args:
            register: Gets the server and adds services to it, as generated functions do:
                `lambda server: add_GreeterServicer_to_server(Greeter(), server)`.
            options: Those of `grpc.server`, such as `interceptors`.
        """
        super().__init__()
        self._register = register
        self._options = options
        self._workers: ThreadPoolExecutor | None = None
        self.server: Any = None

    def _serve(self, listening: socket.socket) -> None:
        try:
            import grpc  # noqa: PLC0415 - where it is installed
        except ImportError as error:
            raise RuntimeError(
                "A gRPC service is served by grpcio, which is not installed: pip install grpcio."
            ) from error
        listening.close()  # the server binds for itself, a port that nobody else is given that soon
        self._workers = ThreadPoolExecutor(WORKERS, thread_name_prefix="edgeproxy-grpc-target")
        self.server = grpc.server(self._workers, **self._options)
        self._register(self.server)
        self.server.add_insecure_port(f"{HOST}:{self.port}")
        self.server.start()

    def _end(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            server.stop(0).wait()
        workers, self._workers = self._workers, None
        if workers is not None:
            workers.shutdown()
