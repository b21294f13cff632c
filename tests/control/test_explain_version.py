"""What is said about protocol versions."""

from __future__ import annotations

import pytest

from edgeproxy.control.config.loader import load_text
from edgeproxy.control.explain_view import find_listener, lines_of
from edgeproxy.control.explanation import Explanation, explain
from edgeproxy.control.question import Question

GRPC = ("Content-Type", "application/grpc")
CONFIG = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 443
        Protocol: HTTPS
        Certificates: [{CertificateArn: dev}]
        DefaultActions: [{Type: forward, TargetGroupArn: app}]
TargetGroups:
  - {Name: app, Protocol: HTTPS, ProtocolVersion: VERSION, Port: 9000, Targets: [{Id: 127.0.0.1}]}
"""


def asked(version: str, method: str = "POST", *headers: tuple[str, str]) -> Explanation:
    question = Question.parse(method, "https://a.test/b.C/d?e", headers=headers, source_ip="192.0.2.9")
    topology = load_text(CONFIG.replace("VERSION", version), "edgeproxy.yaml", {}).topology
    found = find_listener(topology, question)
    assert found is not None
    return explain(topology, *found, question)


def over(versions: str, group: str, why: str = "") -> str:
    return f"answered with 464 over {versions}: {why}the target group app has the protocol version {group}"


@pytest.mark.parametrize(
    ("explanation", "expected"),
    [
        (asked("HTTP1"), None),
        (asked("HTTP1", "POST", GRPC), over("HTTP/2", "HTTP1", "this is a call of gRPC, and ")),
        (asked("HTTP1", "GET", GRPC), None),
        (asked("HTTP2"), over("HTTP/1.1", "HTTP2")),
        (asked("GRPC", "POST", GRPC), over("HTTP/1.1", "GRPC")),
        (asked("GRPC", "GET"), over("HTTP/1.1 or HTTP/2", "GRPC and takes POST alone")),
    ],
)
def test_who_gets_a_464(explanation: Explanation, expected: str | None) -> None:
    said = [line for line in explanation.target_choice if "464" in line]
    assert ([] if expected is None else [expected]) == said
    assert all(f"  {line}" in lines_of(explanation) for line in said)


def test_the_head_is_the_one_that_the_target_gets() -> None:
    head = asked("GRPC", "POST", GRPC, ("X-Mixed", "1")).target_head

    assert [
        ":method: POST",
        ":scheme: https",
        ":authority: a.test",
        ":path: /b.C/d?e",
        "x-forwarded-for: 192.0.2.9",
        "x-forwarded-proto: https",
        "x-forwarded-port: 443",
    ] == head[:7]
    assert head[7].startswith("x-amzn-trace-id: Root=1-")
    assert ["content-type: application/grpc", "x-mixed: 1"] == head[8:]


def test_the_version_stands_beside_the_protocol() -> None:
    assert "forward to target group app: GRPC over HTTPS 127.0.0.1:9000" in lines_of(asked("GRPC"))
    assert "forward to target group app: HTTPS 127.0.0.1:9000" in lines_of(asked("HTTP1"))
