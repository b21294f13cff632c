from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.control.config.loader import ConfigFileError, load_file, load_text

if TYPE_CHECKING:
    from pathlib import Path

SCENE = """\
LoadBalancers:
  - Name: dev
    LoadBalancerAttributes: {idle_timeout.timeout_seconds: 60}
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions:
          - Type: redirect
            RedirectConfig: {Protocol: HTTPS, Port: "443", StatusCode: HTTP_301}
      - Port: 443
        Protocol: HTTPS
        SslPolicy: ELBSecurityPolicy-TLS13-1-2-2021-06
        Certificates:
          - CertificateArn: certs/app.pem
        DefaultActions: [{Type: forward, TargetGroupArn: app}]
        Rules:
          - Priority: 10
            Conditions: [{Field: path-pattern, Values: ["/api/*"]}]
            Actions: [{Type: forward, TargetGroupArn: api}]
TargetGroups:
  - Name: app
    Protocol: HTTP
    Port: ${APP_PORT:-8080}
    HealthCheckPath: /
    Matcher: {HttpCode: "200,404"}
    TargetGroupAttributes: {deregistration_delay.timeout_seconds: 30}
    Targets: [{Id: 127.0.0.1}, {Id: app.internal, Port: 8081}]
  - Name: api
    Port: 9000
    Targets: [{Id: 127.0.0.1}]
"""


def errors(text: str) -> list[str]:
    with pytest.raises(ConfigFileError) as caught:
        load_text(text, "edgeproxy.yaml", {})
    return str(caught.value).splitlines()


def test_the_documented_file_loads_without_a_warning() -> None:
    """Redirect to HTTPS, a certificate, two target groups, 404 counts as healthy: the scene that started it."""
    config = load_text(SCENE, "edgeproxy.yaml", {})
    assert () == config.warnings
    topology = config.topology
    assert [80, 443] == [listener.port for listener in topology.load_balancers[0].listeners]
    assert [8080, 9000] == [group.port for group in topology.target_groups]
    assert "200,404" == topology.target_group("app").effective_matcher.http_code
    assert 30 == topology.target_group("app").settings.deregistration_delay_seconds


def test_the_environment_fills_variables() -> None:
    assert 18080 == load_text(SCENE, "f", {"APP_PORT": "18080"}).topology.target_groups[0].port


def test_a_file_is_read_as_utf8_with_or_without_a_mark(tmp_path: Path) -> None:
    path = tmp_path / "edgeproxy.yaml"
    path.write_text(SCENE, encoding="utf-8-sig")
    config = load_file(path, {})
    assert (path, 2) == (config.path, len(config.topology.target_groups))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError) as caught:
        load_file(tmp_path / "none.yaml", {})
    assert f"{tmp_path}/none.yaml: there is no such file" == str(caught.value)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigFileError) as caught:
        load_file(tmp_path, {})
    assert f"{tmp_path}: cannot be read: Is a directory" == str(caught.value)


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"Name: \xff")
    with pytest.raises(ConfigFileError) as caught:
        load_file(path, {})
    assert f"{path}: is not UTF-8 text: byte 6 is 0xff" == str(caught.value)


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file(text: str) -> None:
    expected = ["edgeproxy.yaml: is empty; a configuration has the keys LoadBalancers and TargetGroups"]
    assert expected == errors(text)


def test_a_file_that_is_no_mapping() -> None:
    (line,) = errors("- a\n")
    assert line.startswith("edgeproxy.yaml:1:1: must be a mapping with keys such as LoadBalancers, TargetGroups")


def test_a_syntax_error() -> None:
    assert ["edgeproxy.yaml:1:5: is not valid YAML: mapping values are not allowed here"] == errors("a: b: c\n")


def test_all_problems_come_in_the_order_of_the_file() -> None:
    text = SCENE.replace("Protocol: HTTPS\n", "Protocol: TLS\n").replace("HealthCheckPath: /", "HealthcheckPath: /")
    text = text.replace("Priority: 10", "Priority: 0").replace("Port: 80\n", "Port: http\n")
    file, listeners = "edgeproxy.yaml", "LoadBalancers[0].Listeners"
    assert [
        f"{file}:5:15: {listeners}[0].Port: must be a whole number, found 'http'",
        f"{file}:11:19: {listeners}[1].Protocol: Listener protocol 'TLS' must be one of 'HTTP, HTTPS'",
        f"{file}:17:23: {listeners}[1].Rules[0].Priority: 'Priority' value '0' must be between '1-50000' inclusive",
        f"{file}:24:5: TargetGroups[0].HealthcheckPath: unknown key 'HealthcheckPath' (did you mean HealthCheckPath?)",
    ] == errors(text)


def test_laws_between_resources_stand_where_they_are_broken() -> None:
    text = SCENE.replace("TargetGroupArn: api", "TargetGroupArn: ap1").replace("Name: api", "Name: api-v2")
    text = text.replace("- Name: api-v2", "- Name: app")
    action = "LoadBalancers[0].Listeners[1].Rules[0].Actions[0]"
    assert [
        f"edgeproxy.yaml:19:55: {action}.TargetGroupArn: Target group 'ap1' not found",
        "edgeproxy.yaml:28:11: TargetGroups[1].Name: A target group with the specified name already exists.",
    ] == errors(text)


@pytest.mark.conformance("Redirects", "one that changes nothing is a loop", "API reference, RedirectActionConfig")
def test_the_redirect_loop_is_found_in_a_file() -> None:
    redirect = "{Type: redirect, RedirectConfig: {Protocol: HTTPS, Port: 443, StatusCode: HTTP_301}}"
    text = SCENE.replace("{Type: forward, TargetGroupArn: app}", redirect)
    place = "edgeproxy.yaml:15:59: LoadBalancers[0].Listeners[1].DefaultActions[0].RedirectConfig"
    assert [f"{place}: The redirect configuration is not valid because it creates a loop."] == errors(text)


def test_warnings_of_all_kinds_come_in_the_order_of_the_file() -> None:
    text = SCENE.replace("    Listeners:", "    Subnets: [a, b]\n    Listeners:", 1)
    text = text.replace("{idle_timeout.timeout_seconds: 60}", "{idle_timeout.timeout_secs: 60}")
    config = load_text(text, "f.yaml", {})
    unknown = "the attribute 'idle_timeout.timeout_secs' is not known and is kept without effect"
    hint = "(did you mean idle_timeout.timeout_seconds?)"
    assert [
        f"f.yaml:3:57: LoadBalancers[0].LoadBalancerAttributes[idle_timeout.timeout_secs]: {unknown} {hint}",
        "f.yaml:4:5: LoadBalancers[0].Subnets: 'Subnets' has no meaning here",
    ] == [str(warning) for warning in config.warnings]


def test_anchors_and_merges_save_words() -> None:
    text = """\
LoadBalancers: [{Name: dev}]
TargetGroups:
  - &common {Name: one, Port: 80, HealthCheckPath: /health}
  - {<<: *common, Name: two}
"""
    groups = load_text(text, "f", {}).topology.target_groups
    assert [("one", "/health"), ("two", "/health")] == [(group.name, group.health_check_path) for group in groups]


@given(st.integers(0, len(SCENE)), st.text(alphabet=st.sampled_from("{}[]:-#&*!|>'\"%@`, \n\tab${"), max_size=4))
def test_a_damaged_file_loads_or_says_what_is_wrong(place: int, noise: str) -> None:
    """Never a traceback, whatever a keyboard does."""
    with contextlib.suppress(ConfigFileError):
        load_text(SCENE[:place] + noise + SCENE[place:], "f", {})


@given(st.integers(0, len(SCENE)), st.integers(1, 40))
def test_a_file_with_a_hole_loads_or_says_what_is_wrong(place: int, size: int) -> None:
    with contextlib.suppress(ConfigFileError):
        load_text(SCENE[:place] + SCENE[place + size :], "f", {})
