"""What would become of a request, as data."""

from __future__ import annotations

import json

import msgspec
import pytest

from edgeproxy.control.config.loader import load_text
from edgeproxy.control.explain_view import find_listener
from edgeproxy.control.explanation import Explanation, explain
from edgeproxy.control.question import Question

CONFIG = """\
LoadBalancers:
  - Name: dev
    LoadBalancerAttributes:
      routing.http.drop_invalid_header_fields.enabled: true
      routing.http.x_amzn_tls_version_and_cipher_suite.enabled: true
    Listeners:
      - Port: 443
        Protocol: HTTPS
        Certificates: [{CertificateArn: dev}]
        DefaultActions: [{Type: forward, TargetGroupArn: api}]
        ListenerAttributes: {routing.http.request.x_amzn_tls_version.header_name: X-Tls}
      - Port: 80
        Protocol: HTTP
        ListenerAttributes:
          routing.http.response.server.enabled: false
          routing.http.response.x_frame_options.header_value: DENY
        DefaultActions: [{Type: forward, TargetGroupArn: api}]
        Rules:
          - Priority: 10
            Conditions: [{Field: path-pattern, RegexValues: ["^/svc/[a-z]+$"]}]
            Transforms:
              - {Type: url-rewrite, UrlRewriteConfig: {Rewrites: [{Regex: "^/svc(/.*)$", Replace: "$1"}]}}
              - Type: host-header-rewrite
                HostHeaderRewriteConfig: {Rewrites: [{Regex: "^b", Replace: "c"}]}
            Actions: [{Type: forward, TargetGroupArn: api}]
          - Priority: 20
            Conditions: [{Field: path-pattern, Values: ["/svc*"]}]
            Transforms:
              - {Type: url-rewrite, UrlRewriteConfig: {Rewrites: [{Regex: "^/svc", Replace: ""}]}}
            Actions: [{Type: redirect, RedirectConfig: {StatusCode: HTTP_302, Host: new.test}}]
          - Priority: 30
            Conditions: [{Field: http-header, HttpHeaderConfig: {HttpHeaderName: X_A, Values: ["*"]}}]
            Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: "404"}}]
TargetGroups:
  - {Name: api, Protocol: HTTP, Port: 9000, Targets: [{Id: 127.0.0.1}]}
"""


def asked(url: str, *headers: tuple[str, str], method: str = "GET") -> Explanation:
    question = Question.parse(method, url, headers=headers, source_ip="192.0.2.9")
    topology = load_text(CONFIG, "edgeproxy.yaml", {}).topology
    found = find_listener(topology, question)
    assert found is not None
    return explain(topology, *found, question)


def test_every_condition_says_what_it_saw() -> None:
    rule = asked("http://a.test/svc/Abc").rules[0]
    (condition,) = rule.conditions

    assert ("10", "no match") == (rule.priority, rule.verdict)
    assert ("path-pattern", False, "/svc/Abc") == (condition.field, condition.matched, condition.saw)
    assert condition.reason.startswith("The path '/svc/Abc' does not match the expression '^/svc/[a-z]+$'.")


def test_transforms_are_shown_before_and_after() -> None:
    found = asked("http://a.test/svc/a%62c")
    seen = [(each.type, each.before, each.after, each.status) for each in found.transforms]

    assert [
        ("url-rewrite", "/svc/abc", "/abc", "TransformSuccess"),
        ("host-header-rewrite", "a.test", "a.test", "-"),
    ] == seen
    assert "GET /abc HTTP/1.1" == found.target_head[0]


def test_a_redirect_sees_what_transforms_made() -> None:
    found = asked("http://a.test/svc/1?x=2")
    assert ("redirect", 302, "http://new.test:80/1?x=2") == (found.action, found.status, found.location)


def test_a_transform_that_fails_is_a_500() -> None:
    found = asked("http://a.test/svcx")
    assert (500, "", "TransformInvalidPath") == (found.status, found.action, found.transforms[0].status)


def test_headers_that_are_dropped_are_not_seen_by_conditions() -> None:
    found = asked("http://a.test/", ("X_A", "1"))

    assert ["no match", "no match", "no match", "answers"] == [rule.verdict for rule in found.rules]
    assert not any(line.startswith("X_A") for line in found.target_head)


def test_what_is_put_on_the_response() -> None:
    found = asked("http://a.test/")
    assert (["X-Frame-Options: DENY"], ["Server: awselb/2.0"]) == (found.response_headers, found.left_out)


def test_over_tls_the_target_is_told_of_it() -> None:
    lines = asked("https://a.test/").target_head
    assert "X-Tls: TLSv1.3" in lines
    assert "X-Amzn-Tls-Cipher-Suite: TLS_AES_128_GCM_SHA256" in lines


def test_the_target_is_told_about_a_clients_certificate_where_the_listener_asks_for_one() -> None:
    mutual = "MutualAuthentication: {Mode: verify, TrustStoreArn: ca.pem}"
    text = CONFIG.replace("Protocol: HTTPS\n", f"Protocol: HTTPS\n        {mutual}\n")
    topology = load_text(text, "edgeproxy.yaml", {}).topology
    question = Question.parse("GET", "https://a.test/", headers=(), source_ip="192.0.2.9")
    found = find_listener(topology, question)
    assert found is not None

    told = [line.partition(":")[0] for line in explain(topology, *found, question).target_head if "Mtls" in line]
    facts = ("Leaf", "Serial-Number", "Issuer", "Subject", "Validity")
    assert [f"X-Amzn-Mtls-Clientcert-{fact}" for fact in facts] == told
    assert not [line for line in asked("https://a.test/").target_head if "Mtls" in line]


@pytest.mark.parametrize(
    ("method", "headers", "status", "refusal"),
    [
        ("TRACE", [], 405, "TRACE and CONNECT are not served"),
        ("GET", [("Host", "a"), ("Host", "b")], 400, "the request has more than one Host header"),
        ("GET", [("X-A", "a\0b")], 400, "the desync mitigation mode does not let the request pass"),
        ("POST", [("Content-Length", "+5")], 400, None),
    ],
)
def test_a_refusal_comes_before_any_rule(
    method: str, headers: list[tuple[str, str]], status: int, refusal: str | None
) -> None:
    found = asked("http://a.test/", *headers, method=method)

    assert (status, []) == (found.status, found.rules)
    assert found.refusal == refusal if refusal else found.refusal


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], ""),
        ([("X A", "b")], "Acceptable/NonCompliantHeader: in defensive mode it is forwarded"),
        (
            [("Content-Length", "5")],
            "Ambiguous/UndefinedContentLengthSemantics: in defensive mode both connections close behind the response",
        ),
        ([("X-A", "a\0b")], "Severe/BadHeader: in defensive mode it is not forwarded"),
        ([("Content-Length", "+5")], "Severe/BadContentLength: in defensive mode it is not forwarded"),
    ],
)
def test_desync_mitigation_is_explained(headers: list[tuple[str, str]], expected: str) -> None:
    assert expected == asked("http://a.test/", *headers).classification


def test_it_is_json_in_awss_spelling() -> None:
    found = json.loads(msgspec.json.encode(asked("http://a.test/x/../y")))

    assert ("GET", "HTTP:80", "/y", "forward") == (found["Method"], found["Listener"], found["Path"], found["Action"])
    group = {"Name": "api", "Weight": 1, "Share": 1.0, "Protocol": "HTTP", "Targets": ["127.0.0.1:9000"]}
    assert [group] == found["TargetGroups"]
    assert {"Priority": "default", "Verdict": "answers"} == found["Rules"][-1]
