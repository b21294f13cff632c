from __future__ import annotations

from typing import Any

import pytest

from edgeproxy.control.config.loader import load_text
from edgeproxy.control.doctor.subject import HealthSettings, Subject
from edgeproxy.control.doctor.subjects import (
    TypedTarget,
    Wishes,
    default_patience,
    from_targets,
    from_topology,
    typed_target,
)

CONFIG = """\
LoadBalancers:
  - Name: dev
    LoadBalancerAttributes: {idle_timeout.timeout_seconds: 20}
    Listeners:
      - {Port: 80, Protocol: HTTP, DefaultActions: [{Type: forward, TargetGroupArn: plain}]}
      - Port: 8443
        Protocol: HTTPS
        Certificates: [{CertificateArn: dev}]
        DefaultActions: [{Type: forward, TargetGroupArn: app}]
        Rules:
          - Priority: 1
            Conditions: [{Field: path-pattern, Values: ["/grpc*"]}]
            Actions: [{Type: forward, TargetGroupArn: calls}]
TargetGroups:
  - Name: app
    Protocol: HTTPS
    Port: 8080
    HealthCheckProtocol: HTTP
    HealthCheckPort: 9000
    HealthCheckPath: /up
    HealthCheckTimeoutSeconds: 4
    Matcher: {HttpCode: "200,404"}
    TargetGroupAttributes: {deregistration_delay.timeout_seconds: 30}
    Targets: [{Id: 127.0.0.1}, {Id: app.internal, Port: 8081}]
  - {Name: plain, Port: 8000, Targets: [{Id: 127.0.0.1}]}
  - {Name: calls, Port: 50051, ProtocolVersion: GRPC, Targets: [{Id: 127.0.0.1}]}
  - {Name: unused, Port: 7000, Targets: [{Id: 127.0.0.1}]}
"""


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("8080", TypedTarget("HTTP", "127.0.0.1", 8080, "")),
        ("app:8080", TypedTarget("HTTP", "app", 8080, "")),
        ("[::1]:8080", TypedTarget("HTTP", "::1", 8080, "")),
        ("http://app", TypedTarget("HTTP", "app", 80, "")),
        ("https://app/", TypedTarget("HTTPS", "app", 443, "")),
        ("https://[::1]:8443/a?b=c", TypedTarget("HTTPS", "::1", 8443, "/a?b=c")),
    ],
)
def test_a_target_is_an_address_or_a_url(text: str, target: TypedTarget) -> None:
    assert target == typed_target(text)


@pytest.mark.parametrize(
    "text",
    ["", "app", "app:0", "ftp://app:21", "http://", "http://app:99999", "http://app:0", "http://app/a b", "http://[x"],
)
def test_anything_else_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not .*\.$"):
        typed_target(text)


def test_without_a_file_the_load_balancers_defaults_hold() -> None:
    [subject] = from_targets([typed_target("http://app:8080/hello")], Wishes())

    assert (
        Subject(
            id="app",
            port=8080,
            health=HealthSettings(port=8080, path="/", matcher="200", timeout=5),
            paths=("/hello",),
            idle_timeout=60,
            patience=63,
        )
        == subject
    )


def test_a_files_targets_come_with_their_settings() -> None:
    topology = load_text(CONFIG, "edgeproxy.yaml", {}).topology
    app, named, plain, calls = from_topology(topology, Wishes())

    assert (
        Subject(
            id="127.0.0.1",
            port=8080,
            protocol="HTTPS",
            target_group="app",
            health=HealthSettings(port=9000, protocol="HTTP", path="/up", matcher="200,404", timeout=4),
            client_port=8443,
            idle_timeout=20,
            deregistration_delay=30,
            patience=21,
        )
        == app
    )
    assert ("app.internal", 8081, 9000) == (named.id, named.port, named.health.port)
    assert ("http", 80) == (plain.client_protocol, plain.client_port)
    assert ("GRPC", "12", "/AWS.ALB/healthcheck") == (calls.version, calls.health.matcher, calls.health.path)


def test_wishes_go_before_the_file() -> None:
    wishes = Wishes(
        paths=("/a", "/b"),
        health_path="/healthz",
        matcher="204",
        idle_timeout=2,
        websocket_path="/ws",
        patience=9,
        host="shop.example",
        is_quick=True,
    )
    subject = from_topology(load_text(CONFIG, "edgeproxy.yaml", {}).topology, wishes)[0]

    assert (("/a", "/b"), "/ws", 2, 9, "shop.example", True) == (
        subject.paths,
        subject.websocket_path,
        subject.idle_timeout,
        subject.patience,
        subject.host,
        subject.is_quick,
    )
    assert HealthSettings(port=9000, path="/healthz", matcher="204", timeout=4) == subject.health


def test_patience_is_a_bit_more_than_the_idle_timeout() -> None:
    assert (63, 5, 0.21) == (default_patience(60), default_patience(4), round(default_patience(0.2), 3))


@pytest.mark.parametrize(
    "wish",
    [
        {"paths": ("a",)},
        {"paths": ("/a b",)},
        {"health_path": "/\r\nX: y"},
        {"websocket_path": ""},
        {"host": "a b"},
        {"host": ""},
    ],
)
def test_what_cannot_stand_in_a_request_is_refused(wish: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is not a"):
        Wishes(**wish)


def test_a_target_of_grpc_is_called_where_its_target_group_would_call_it() -> None:
    [subject] = from_targets([typed_target("8080")], Wishes(version="GRPC"))

    assert ("GRPC", ("/AWS.ALB/healthcheck",)) == (subject.version, subject.paths)
    assert ("/AWS.ALB/healthcheck", "12") == (subject.health.path, subject.health.matcher)


def test_what_shall_be_called_can_be_said() -> None:
    [subject] = from_targets([typed_target("8080")], Wishes(version="GRPC", paths=("/a.B/C",), matcher="0"))

    assert (("/a.B/C",), "0") == (subject.paths, subject.health.matcher)
