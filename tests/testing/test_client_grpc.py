"""grpcio's channel leads to the load balancer."""

from __future__ import annotations

from typing import Any

import grpc

from edgeproxy.testing import Alb, targets, throw_away_ca


def register(server: Any) -> None:
    handler = grpc.unary_unary_rpc_method_handler(lambda message, context: message)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("test.Service", {"Echo": handler})])


def test_it_asks_for_the_name_that_the_test_wants() -> None:
    with Alb(names=["grpc.example.com"]) as alb:
        alb.add_target_group("grpc", targets.grpc(register), ProtocolVersion="GRPC")
        alb.add_rule(path="/*", host="grpc.example.com", forward="grpc")
        echo = alb.clients.grpc(host="grpc.example.com").unary_unary("/test.Service/Echo")

        assert b"hi" == echo(b"hi", timeout=10)
        (request,) = alb.requests
        assert ("HTTP/2.0", "POST /test.Service/Echo HTTP/2.0") == (request.version, request.target_line)


def test_it_shows_a_certificate_if_it_is_given_one() -> None:
    ca = throw_away_ca()
    listener = {
        "Port": 443,
        "Protocol": "HTTPS",
        "Certificates": [{"CertificateArn": "dev"}],
        "MutualAuthentication": {"Mode": "verify", "TrustStoreArn": str(ca.file)},
        "DefaultActions": [{"Type": "forward", "TargetGroupArn": "grpc"}],
    }
    configuration = {
        "LoadBalancers": [{"Name": "mutual", "Listeners": [listener]}],
        "TargetGroups": [{"Name": "grpc", "Port": 80, "ProtocolVersion": "GRPC"}],
    }
    with Alb(configuration, targets=[targets.grpc(register)]) as alb:
        shown = alb.clients.grpc(certificate=ca.issue("alice")).unary_unary("/test.Service/Echo")

        assert b"hi" == shown(b"hi", timeout=10)
        (request,) = alb.requests
        assert "X-Amzn-Mtls-Clientcert-Subject" in request.target_headers
