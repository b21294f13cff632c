from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control import explanation
from edgeproxy.control.config.loader import load_text
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.explain_view import explain_request, find_listener, lines_of
from edgeproxy.control.question import Question

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        ListenerAttributes:
          routing.http.response.server.enabled: false
          routing.http.response.x_frame_options.header_value: DENY
        DefaultActions:
          - Type: redirect
            RedirectConfig: {Protocol: HTTPS, Port: "443", StatusCode: HTTP_301}
        Rules:
          - Priority: 20
            Conditions: [{Field: path-pattern, Values: ["/api/*"]}]
            Actions: [{Type: forward, TargetGroupArn: api}]
          - Priority: 10
            Conditions: [{Field: host-header, Values: [api.example.com]}]
            Actions: [{Type: forward, TargetGroupArn: api}]
          - Priority: 30
            Conditions: [{Field: path-pattern, Values: ["/api/ok"]}]
            Actions:
              - Type: fixed-response
                FixedResponseConfig: {StatusCode: "200", ContentType: text/plain, MessageBody: ok}
          - Priority: 40
            Conditions: [{Field: path-pattern, Values: ["/ok"]}]
            Actions:
              - Type: fixed-response
                FixedResponseConfig: {StatusCode: "200", ContentType: text/plain, MessageBody: ok}
          - Priority: 45
            Conditions: [{Field: path-pattern, Values: ["/old*"]}]
            Transforms:
              - {Type: url-rewrite, UrlRewriteConfig: {Rewrites: [{Regex: "^/old/", Replace: /new/}]}}
              - Type: host-header-rewrite
                HostHeaderRewriteConfig: {Rewrites: [{Regex: "^b", Replace: "new"}]}
            Actions: [{Type: forward, TargetGroupArn: api}]
          - Priority: 46
            Conditions: [{Field: path-pattern, Values: ["/bad"]}]
            Transforms: [{Type: url-rewrite, UrlRewriteConfig: {Rewrites: [{Regex: "^/", Replace: ""}]}}]
            Actions: [{Type: forward, TargetGroupArn: api}]
          - Priority: 47
            Conditions: [{Field: path-pattern, Values: ["/long*"]}]
            Actions: [{Type: redirect, RedirectConfig: {StatusCode: HTTP_301, Host: a.test}}]
          - Priority: 50
            Conditions: [{Field: path-pattern, Values: ["/split"]}]
            Actions:
              - Type: forward
                ForwardConfig:
                  TargetGroups: [{TargetGroupArn: api, Weight: 3}, {TargetGroupArn: web, Weight: 1}]
TargetGroups:
  - {Name: api, Protocol: HTTP, Port: 9000, Targets: [{Id: 127.0.0.1}, {Id: 127.0.0.1, Port: 9001}]}
  - {Name: web, Protocol: HTTP, Port: 8080}
"""


def explain(url: str, *headers: tuple[str, str]) -> list[str]:
    question = Question.parse("GET", url, headers=headers, source_ip="127.0.0.1")
    topology = load_text(CONFIG, "edgeproxy.yaml", {}).topology
    found = find_listener(topology, question)
    assert found is not None
    return list(lines_of(explanation.explain(topology, *found, question)))


ADDED = [
    "added to the response:",
    "  X-Frame-Options: DENY",
    "left out of the load balancer's own answers: Server: awselb/2.0",
]


def answer(url: str, *headers: tuple[str, str]) -> str:
    """The last line before what the listener adds."""
    lines = explain(url, *headers)
    assert ADDED == lines[-3:]
    return lines[-4]


def test_rules_are_asked_in_order_of_priority_and_one_answers() -> None:
    assert [
        "listener HTTP:80 of dev",
        "  rule 10: does not match",
        "  rule 20: answers",
        "  rule 30: would match, but an earlier rule answers",
        "  rule 40: does not match",
        "  rule 45: does not match",
        "  rule 46: does not match",
        "  rule 47: does not match",
        "  rule 50: does not match",
        "  default rule: not asked",
    ] == [line for line in explain("http://localhost/api/ok") if not line.startswith("    ")][:10]


def test_each_condition_says_why() -> None:
    lines = explain("http://localhost/api/ok")

    assert "    - host-header: The host 'localhost' does not match 'api.example.com'." in lines
    assert "    + path-pattern: The path '/api/ok' matches '/api/*'." in lines


def test_a_forward_names_the_targets_with_their_ports() -> None:
    assert "forward to target group api: HTTP 127.0.0.1:9000, 127.0.0.1:9001" in explain("http://localhost/api/x")


def test_weights_are_shown_as_shares() -> None:
    assert [
        "forward to target group api (75% of the requests): HTTP 127.0.0.1:9000, 127.0.0.1:9001",
        "forward to target group web (25% of the requests): HTTP none registered: 503",
    ] == [line for line in explain("http://localhost/split") if line.startswith("forward")]


def test_a_redirect_shows_the_location() -> None:
    assert "redirect: 301 to https://app.localhost:443/a?b=1" == answer("http://App.localhost/a?b=1")


def test_a_fixed_response_shows_what_is_answered() -> None:
    assert "fixed response: 200 text/plain, body 'ok'" == answer("http://localhost/ok")


def test_a_host_header_counts() -> None:
    assert "  rule 10: answers" in explain("http://127.0.0.1/", ("Host", "API.example.com"))


def test_the_path_that_the_rules_see_is_shown_where_it_differs() -> None:
    assert "the rules see the path as /api/ok" in explain("http://localhost/x/../api/ok")


def test_a_path_above_the_root_is_answered_before_any_rule() -> None:
    assert [
        "listener HTTP:80 of dev",
        "answered with 400 before any rule is asked: the path climbs above the root or holds %00",
        *ADDED,
    ] == explain("http://localhost/../x")


def test_a_request_that_is_refused_is_answered_before_any_rule() -> None:
    lines = explain("http://localhost/", ("X-A", "a\0b"))
    assert "desync mitigation: Severe/BadHeader: in defensive mode it is not forwarded" == lines[1]
    assert lines[2].startswith("answered with 400 before any rule is asked: ")


def test_the_head_that_the_target_would_see_is_shown() -> None:
    lines = explain("http://localhost/api/x?y=1", ("X-A", "1"), ("Connection", "close"))
    shown = lines[lines.index("the target would see:") + 1 :]

    assert "  GET /api/x?y=1 HTTP/1.1" == shown[0]
    assert ["  X-Forwarded-For: 127.0.0.1", "  X-Forwarded-Proto: http", "  X-Forwarded-Port: 80"] == shown[1:4]
    assert "  X-A: 1" in shown
    assert "  Connection: close" not in shown


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("https://localhost/", "No listener speaks HTTPS on port 443. The listeners are: HTTP:80."),
        ("https://localhost:80/", "No listener speaks HTTPS on port 80. The listeners are: HTTP:80."),
    ],
)
def test_without_a_listener_there_is_nothing_to_explain(
    url: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "edgeproxy.yaml"
    file.write_text(CONFIG)
    outcome = explain_request(Question.parse("GET", url, source_ip="127.0.0.1"), file)

    assert ExitCode.NOT_FINE == outcome
    assert sentence == capsys.readouterr().out.splitlines()[-1]


def test_a_file_with_mistakes_is_said_to_have_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edgeproxy.yaml"
    file.write_text("Listeners: []")
    outcome = explain_request(Question.parse("GET", "http://localhost/", source_ip="127.0.0.1"), file)

    assert ExitCode.NOT_FINE == outcome
    assert capsys.readouterr().err.startswith(f"{file}:1:1: ")


def test_transforms_are_shown_before_and_after() -> None:
    lines = explain("http://localhost/old/a?x=1")

    assert "url-rewrite: '/old/a?x=1' becomes '/new/a?x=1'" in lines
    assert "host-header-rewrite: 'localhost' stays, because the expression is not found in it" in lines
    assert "  GET /new/a?x=1 HTTP/1.1" in lines


def test_a_transform_that_fails_says_how() -> None:
    assert "url-rewrite: '/bad' cannot be rewritten (TransformInvalidPath)" in explain("http://localhost/bad")
    assert "answered with 500, because a transform failed" == answer("http://localhost/bad")


def test_a_location_that_is_too_long() -> None:
    line = answer(f"http://localhost/long{'x' * 9000}")
    assert "redirect: 507, because the Location would have 9021 characters" == line


def test_the_explanation_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edgeproxy.yaml"
    file.write_text(CONFIG)
    question = Question.parse("GET", "http://localhost/ok", source_ip="127.0.0.1")

    assert ExitCode.FINE == explain_request(question, file, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert ("fixed-response", 200, "ok") == (found["Action"], found["Status"], found["MessageBody"])


def test_a_question_without_a_listener_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "edgeproxy.yaml"
    file.write_text(CONFIG)
    question = Question.parse("GET", "http://localhost:81/ok", source_ip="127.0.0.1")

    assert ExitCode.NOT_FINE == explain_request(question, file, as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert "No listener speaks HTTP on port 81. The listeners are: HTTP:80." == found["Problem"]
