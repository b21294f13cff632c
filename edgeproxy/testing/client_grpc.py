"""`grpcio`: a channel that trusts the load balancer and asks it for the name that the test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from pathlib import Path

    from edgeproxy.testing.alb import Alb


def channel(
    alb: Alb, *, certificate: Path | None = None, host: str = "localhost", port: int | None = None, **options: Any
) -> Any:
    """A channel; gRPC has its own TLS, which trusts the CA.

    Args:
        alb: The load balancer.
        certificate: What it shows, with its key in one PEM file; nothing where it is left out.
        host: What the certificate has to cover, and what rules see.
        port: The listener's declared one; the HTTPS listener where it is left out.
        options: Channel arguments by the part of their names behind `grpc.`.
    """
    own = None if certificate is None else certificate.read_bytes()
    credentials = grpc.ssl_channel_credentials(alb.ca.file.read_bytes(), private_key=own, certificate_chain=own)
    given = {"ssl_target_name_override": host, "enable_retries": 0, **options}
    arguments = [(f"grpc.{name}", value) for name, value in given.items()]
    return grpc.secure_channel(f"127.0.0.1:{alb.port(port)}", credentials, arguments)
