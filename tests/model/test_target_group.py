from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.model.target import Target
from edgeproxy.model.target_group import Matcher, TargetGroup

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]
ReadCodes = Callable[[Callable[[], Any]], list[str]]

page = "target-group-health-checks"


def group(**changes: Any) -> TargetGroup:
    return TargetGroup(**{"name": "a", "port": 80, **changes})


@pytest.mark.conformance("Health check settings", "defaults", page)
def test_defaults() -> None:
    made = group()
    assert (30, 5, 5, 2, "/", "traffic-port", "200") == (
        made.health_check_interval_seconds,
        made.health_check_timeout_seconds,
        made.healthy_threshold_count,
        made.unhealthy_threshold_count,
        made.effective_health_check_path,
        made.health_check_port,
        made.effective_matcher.http_code,
    )


@pytest.mark.conformance("Health check settings", "defaults of HTTP2 groups are those of HTTP1", page)
def test_defaults_of_http2_groups() -> None:
    made = group(protocol_version="HTTP2")
    assert ("/", Matcher(http_code="200")) == (made.effective_health_check_path, made.effective_matcher)


@pytest.mark.conformance("Health check settings", "GRPC: /AWS.ALB/healthcheck, and 12 is healthy", page)
def test_defaults_of_grpc_groups() -> None:
    made = group(protocol_version="GRPC")
    assert ("/AWS.ALB/healthcheck", Matcher(grpc_code="12")) == (
        made.effective_health_check_path,
        made.effective_matcher,
    )


@pytest.mark.conformance("Health check settings", "ranges", page)
@pytest.mark.parametrize(
    ("key", "field", "value", "limits"),
    [
        ("HealthCheckIntervalSeconds", "health_check_interval_seconds", 301, "5-300"),
        ("HealthCheckTimeoutSeconds", "health_check_timeout_seconds", 1, "2-120"),
        ("HealthyThresholdCount", "healthy_threshold_count", 1, "2-10"),
        ("HealthyThresholdCount", "healthy_threshold_count", 11, "2-10"),
        ("UnhealthyThresholdCount", "unhealthy_threshold_count", 1, "2-10"),
        ("UnhealthyThresholdCount", "unhealthy_threshold_count", 11, "2-10"),
        ("Port", "port", 0, "1-65535"),
        ("Port", "port", 65536, "1-65535"),
    ],
)
def test_ranges(key: str, field: str, value: int, limits: str, refusals: Read) -> None:
    expected = [(key, f"'{key}' value '{value}' must be between '{limits}' inclusive")]
    assert expected == refusals(lambda: group(**{field: value}))


@pytest.mark.conformance("Health check settings", "edges of the ranges are allowed", page)
def test_edges() -> None:
    group(health_check_interval_seconds=5, health_check_timeout_seconds=2)
    group(health_check_interval_seconds=300, health_check_timeout_seconds=120)
    group(healthy_threshold_count=10, unhealthy_threshold_count=10)


@pytest.mark.conformance("Health check settings", "the timeout is less than the interval", "observed error text")
@pytest.mark.parametrize(("interval", "timeout"), [(5, 5), (30, 31)])
def test_the_timeout_is_less_than_the_interval(interval: int, timeout: int, refusals: Read) -> None:
    expected = [("HealthCheckTimeoutSeconds", "Health check interval must be greater than the timeout.")]
    assert expected == refusals(
        lambda: group(health_check_interval_seconds=interval, health_check_timeout_seconds=timeout)
    )


@pytest.mark.conformance("Health check settings", "a path has 1-1024 characters", "API reference, Path")
def test_paths_have_a_length(refusals: Read) -> None:
    group(health_check_path="/" + "a" * 1023)
    assert ["HealthCheckPath"] == [path for path, _ in refusals(lambda: group(health_check_path="/" + "a" * 1024))]
    assert ["HealthCheckPath"] == [path for path, _ in refusals(lambda: group(health_check_path=""))]


@pytest.mark.conformance("Health check settings", "a path may hold a query", page)
def test_a_path_may_hold_a_query() -> None:
    assert "/h?x=1" == group(health_check_path="/h?x=1").effective_health_check_path


@pytest.mark.parametrize("path", ["health", "/a b", "/\r\nX: y", "http://a/"])
def test_a_path_is_what_a_request_line_can_carry(path: str, refusals: Read) -> None:
    reason = f"Health check path '{path}' must begin with '/' and hold no spaces or control characters"
    assert [("HealthCheckPath", reason)] == refusals(lambda: group(health_check_path=path))


def test_a_forgotten_slash_is_suggested() -> None:
    with pytest.raises(ConfigError) as caught:
        group(health_check_path="health")
    assert "/health" == caught.value.suggestion


@pytest.mark.conformance("Health check settings", "traffic-port or a number", "API reference")
@pytest.mark.parametrize("port", ["0", "65536", "http", "", "8080x", 0])
def test_health_check_ports(port: Any, refusals: Read) -> None:
    reason = f"Health check port '{port}' must be 'traffic-port' or between '1-65535' inclusive"
    assert [("HealthCheckPort", reason)] == refusals(lambda: group(health_check_port=port))


def test_a_number_is_kept_as_the_api_spells_it() -> None:
    assert "8081" == group(health_check_port=8081).health_check_port


@pytest.mark.conformance("Health check settings", "traffic-port is each target's own port", page)
def test_where_targets_are_asked() -> None:
    own, plain = Target(id="a", port=8080), Target(id="b")
    assert (8080, 80) == (group().port_of(own), group().port_of(plain))
    assert (8080, 80) == (group().health_check_port_of(own), group().health_check_port_of(plain))
    fixed = group(health_check_port="9000")
    assert (9000, 9000) == (fixed.health_check_port_of(own), fixed.health_check_port_of(plain))


@pytest.mark.conformance("Health check settings", "checks speak the group's protocol", page, status="default")
def test_health_checks_speak_the_groups_protocol_unless_told() -> None:
    assert ["HTTP", "HTTPS", "HTTP"] == [
        made.effective_health_check_protocol
        for made in (group(), group(protocol="HTTPS"), group(protocol="HTTPS", health_check_protocol="HTTP"))
    ]


@pytest.mark.conformance("Health check settings", "checks of addresses cannot be disabled", page)
def test_health_checks_stay_on(refusals: Read) -> None:
    reason = "Health check enabled must be true for target groups with target type 'ip'"
    assert [("HealthCheckEnabled", reason)] == refusals(lambda: group(health_check_enabled=False))


@pytest.mark.conformance("Target groups", "a port is needed", "observed error text")
def test_a_port_is_needed(refusals: Read) -> None:
    assert [("Port", "A port must be specified")] == refusals(lambda: TargetGroup(name="a"))


@pytest.mark.conformance("Target groups", "a name holds no double hyphen", "observed error text")
def test_names(refusals: Read) -> None:
    assert [("Name", "Target group name 'a--b' cannot contain '--'")] == refusals(lambda: group(name="a--b"))


@pytest.mark.conformance("Quotas", "1000 targets", "load-balancer-limits")
def test_a_thousand_targets(codes: ReadCodes) -> None:
    targets = tuple(Target(id=f"t{n}") for n in range(1001))
    assert [] == codes(lambda: group(targets=targets[:1000]))
    assert ["TooManyTargets"] == codes(lambda: group(targets=targets))


@pytest.mark.conformance("Matcher", "one kind of code", "API reference, Matcher")
def test_a_matcher_has_one_kind_of_code(refusals: Read) -> None:
    expected = [("GrpcCode", "You can specify only one of 'HttpCode' and 'GrpcCode'")]
    assert expected == refusals(lambda: Matcher(http_code="200", grpc_code="0"))
    assert [("", "One of 'HttpCode' and 'GrpcCode' must be specified")] == refusals(Matcher)


def test_a_matchers_errors_say_where(refusals: Read) -> None:
    reason = "Health check matcher HTTP code '600' must be within '200-499' inclusive"
    assert [("HttpCode", reason)] == refusals(lambda: Matcher(http_code="600"))
    reason = "Health check matcher GRPC code '100' must be within '0-99' inclusive"
    assert [("GrpcCode", reason)] == refusals(lambda: Matcher(grpc_code="100"))


@pytest.mark.conformance("Matcher", "HTTP1 groups need HttpCode", "observed error text")
def test_the_kind_fits_the_protocol_version(refusals: Read) -> None:
    expected = [("Matcher.HttpCode", "Health check matcher HTTP code cannot be empty")]
    assert expected == refusals(lambda: group(matcher=Matcher(grpc_code="0")))
    assert expected == refusals(lambda: group(protocol_version="HTTP2", matcher=Matcher(grpc_code="0")))


@pytest.mark.conformance("Matcher", "GRPC groups need GrpcCode", "observed error text")
def test_grpc_groups_need_the_other_kind(refusals: Read) -> None:
    expected = [("Matcher.GrpcCode", "Health check matcher GRPC code can not be empty")]
    assert expected == refusals(lambda: group(protocol_version="GRPC", matcher=Matcher(http_code="200")))
    group(protocol_version="GRPC", matcher=Matcher(grpc_code="0-99"))


@pytest.mark.conformance("Target groups", "a lambda group has no port", "observed error text")
def test_lambda_groups_have_no_port(refusals: Read) -> None:
    found = [reason for _, reason in refusals(lambda: group(target_type="lambda"))]
    assert "Port cannot be specified for target groups with target type 'lambda'" in found


def test_lambda_groups_have_no_protocol_version(refusals: Read) -> None:
    found = [reason for _, reason in refusals(lambda: group(target_type="lambda", protocol_version="HTTP2"))]
    assert "Protocol version cannot be specified for target groups with target type 'lambda'" in found
