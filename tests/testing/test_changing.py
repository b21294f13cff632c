"""Changing a load balancer while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.errors import ConfigError, EdgeProxyError
from edgeproxy.testing import Alb, targets, throw_away_ca

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def alb() -> Iterator[Alb]:
    with Alb() as made:
        yield made


def status(alb: Alb, path: str = "/") -> int:
    return alb.clients.urllib3().request("GET", alb.url(path)).status


def test_configurations_are_applied_while_it_runs(alb: Alb, tmp_path: Path) -> None:
    text = """
LoadBalancers:
  - Name: other
    Listeners:
      - Port: 8443
        Protocol: HTTPS
        Certificates: [{CertificateArn: own.pem}]
        DefaultActions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "204"}}]
"""
    (tmp_path / "own.pem").write_bytes(throw_away_ca().issue("localhost").read_bytes())
    (tmp_path / "edgeproxy.yaml").write_text(text)
    alb.apply(tmp_path / "edgeproxy.yaml")

    assert 204 == status(alb)
    assert [8443] == list(alb.real_ports())
    with pytest.raises(EdgeProxyError, match="not-there"):
        alb.apply(text.replace("own.pem", "not-there.pem"))
    assert 204 == status(alb)


def test_targets_come_and_go(alb: Alb) -> None:
    first, second = targets.answering("1"), targets.answering("2")
    alb.register(first)
    alb.register(second)
    client = alb.clients.urllib3()
    assert {b"1", b"2"} == {client.request("GET", alb.url()).data for _ in range(4)}

    alb.deregister(first)

    assert {b"2"} == {client.request("GET", alb.url()).data for _ in range(4)}
    assert ["draining"] == [each.state for each in alb.target_health() if each.target.endswith(f":{first.port}")]


def test_rules_come_and_go(alb: Alb) -> None:
    alb.add_target_group("api", targets.answering("api"), HealthCheckPath="/health")
    priority = alb.add_rule(path="/api/*", method=["GET", "HEAD"], forward="api")
    alb.add_rule(header={"X-Old": "1"}, query={"a": "b"}, redirect={"Path": "/new", "StatusCode": "HTTP_302"})
    alb.add_rule(host="*.example.com", source_ip="127.0.0.0/8", fixed_response=(418, "tea", "text/plain"))
    rewrite = {"Type": "url-rewrite", "UrlRewriteConfig": {"Rewrites": [{"Regex": "^/v1", "Replace": ""}]}}
    alb.add_rule(path="/v1/*", forward={"api": 1}, transforms=[rewrite], priority=5)
    client = alb.clients.urllib3()

    def ask(path: str, **headers: str) -> tuple[int, bytes]:
        answer = client.request("GET", alb.url(path), headers=headers, redirect=False)
        return answer.status, answer.data

    assert (200, b"api") == ask("/api/x")
    assert 302 == ask("/?a=b", **{"X-Old": "1"})[0]
    assert (418, b"tea") == ask("/", Host="a.example.com")
    assert (200, b"api") == ask("/v1/x")
    (rewritten,) = alb.expect(rule=5)
    assert ("/x", "GET /x HTTP/1.1") == (rewritten.transformed_path, rewritten.target_line)
    alb.remove_rule(priority)
    assert 503 == ask("/api/x")[0]


def test_a_rule_that_aws_would_refuse_is_refused_with_its_sentence(alb: Alb) -> None:
    with pytest.raises(EdgeProxyError, match="at least one condition"):
        alb.add_rule(fixed_response=200)
    with pytest.raises(ConfigError, match="There is no listener with port 9"):
        alb.add_rule(path="/", fixed_response=200, port=9)
    with pytest.raises(TypeError, match="A rule has no 'pth'; the conditions are: path, host"):
        alb.add_rule(pth="/", fixed_response=200)
