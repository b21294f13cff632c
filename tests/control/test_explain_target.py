from __future__ import annotations

import random
import struct

import pytest

from edgeproxy.balancing.sticky_token import TARGET as SHAPE
from edgeproxy.balancing.sticky_token import TARGET_GROUP as GROUP_SHAPE
from edgeproxy.balancing.sticky_token import TokenShape, group_mark, target_mark
from edgeproxy.balancing.token_sealer import TokenSealer
from edgeproxy.control.config.loader import load_text
from edgeproxy.control.explain_target import Situation, target_lines
from edgeproxy.control.question import Question
from edgeproxy.model.ids import target_group_arn

NOW = 1_795_341_600.0
KEY = b"k" * 32
ARN = target_group_arn("000000000000", "us-east-1", "app")


def explained(text: str, *headers: tuple[str, str], key: bytes | None = KEY) -> list[str]:
    topology = load_text(text, "edgeproxy.yaml", {}).topology
    listener = topology.load_balancers[0].listeners[0]
    head = Question.parse("GET", "http://localhost/", headers=headers, source_ip="127.0.0.1").head()
    return list(target_lines(listener.default_actions[0], head, Situation(topology, False, key, NOW)))


def forwarding(*ports: int, attributes: str = "", stickiness: str = "") -> str:
    targets = ", ".join(f"{{Id: 127.0.0.1, Port: {port}}}" for port in ports)
    return f"""\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions:
          - {{Type: forward, ForwardConfig: {{TargetGroups: [{{TargetGroupArn: app}}]{stickiness}}}}}
TargetGroups:
  - {{Name: app, Protocol: HTTP, Port: 80, Targets: [{targets}], TargetGroupAttributes: {{{attributes}}}}}
"""


def cookie(name: str, shape: TokenShape, mark: bytes, age: float = 0) -> tuple[str, str]:
    content = mark + struct.pack(">d", NOW - age)
    return "Cookie", f"{name}={TokenSealer(KEY, random.Random(1).randbytes).seal(shape, content)}"


def test_one_target_needs_no_words() -> None:
    assert [] == explained(forwarding(8001))
    assert [] == explained(forwarding())


@pytest.mark.parametrize("algorithm", ["round_robin", "least_outstanding_requests", "weighted_random"])
def test_the_algorithm_says_who_is_first(algorithm: str) -> None:
    attributes = f"load_balancing.algorithm.type: {algorithm}"
    expected = f"target 127.0.0.1:8001 of app: the first choice of {algorithm} while all are healthy"
    assert [expected] == explained(forwarding(8001, 8002, attributes=attributes))


def test_a_cookie_leads_to_its_target() -> None:
    text = forwarding(8001, 8002, attributes="stickiness.enabled: true")
    sent = cookie("AWSALB", SHAPE, target_mark(ARN, "127.0.0.1", 8002))
    assert [
        "stickiness of app: lb_cookie for 86400 seconds: the cookie AWSALB names it",
        "target 127.0.0.1:8002 of app: the cookie AWSALB names it",
    ] == explained(text, sent)


def test_without_the_key_a_cookie_cannot_be_read() -> None:
    text = forwarding(8001, 8002, attributes="stickiness.enabled: true")
    sent = cookie("AWSALB", SHAPE, target_mark(ARN, "127.0.0.1", 8002))
    assert [
        "stickiness of app: lb_cookie for 86400 seconds: the cookie AWSALB cannot be read",
        "target 127.0.0.1:8001 of app: the first choice of round_robin while all are healthy",
    ] == explained(text, sent, key=None)


def test_application_stickiness_says_what_is_missing() -> None:
    attributes = (
        "stickiness.enabled: true, stickiness.type: app_cookie, stickiness.app_cookie.cookie_name: S, "
        "stickiness.app_cookie.duration_seconds: 60"
    )
    first, _ = explained(forwarding(8001, 8002, attributes=attributes))
    assert "stickiness of app: app_cookie for 60 seconds: the request has no cookie AWSALBAPP-0" == first


@pytest.mark.parametrize(
    ("age", "reason"), [(0, "the cookie AWSALBTG names it"), (61, "the cookie AWSALBTG is older than the duration")]
)
def test_target_group_stickiness_is_explained(age: float, reason: str) -> None:
    stickiness = ", TargetGroupStickinessConfig: {Enabled: true, DurationSeconds: 60}"
    lines = explained(forwarding(8001, stickiness=stickiness), cookie("AWSALBTG", GROUP_SHAPE, group_mark(ARN), age))
    assert f"target group stickiness for 60 seconds: {reason}" == lines[0]
    assert lines[1:] == ([] if age else [f"target group app: {reason}"])
