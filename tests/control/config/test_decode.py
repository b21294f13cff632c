from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.config.decode import BROKEN, Decoder
from edgeproxy.control.config.document import parse
from edgeproxy.model.action import Action, FixedResponseConfig, ForwardConfig, RedirectConfig
from edgeproxy.model.attributes import Attribute
from edgeproxy.model.condition import RuleCondition
from edgeproxy.model.listener import Listener
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.rule import Rule
from edgeproxy.model.target_group import Matcher, TargetGroup

if TYPE_CHECKING:
    from edgeproxy.model.base import Model


def decode(text: str, model: type[Model], environ: dict[str, str] | None = None) -> Any:
    """The value; fails with the problems where there is none."""
    decoder = Decoder("f", environ or {})
    node = parse(text, "f")
    assert node is not None
    value = decoder.decode(node, model)
    assert [] == [str(problem) for problem in decoder.problems]
    return value


def problems(text: str, model: type[Model], environ: dict[str, str] | None = None) -> list[str]:
    """What is wrong, each as line and column, path, reason."""
    decoder = Decoder("f", {} if environ is None else environ)
    node = parse(text, "f")
    assert node is not None
    assert decoder.decode(node, model) is BROKEN
    return [str(problem).removeprefix("f:") for problem in decoder.problems]


def warnings(text: str, model: type[Model]) -> list[str]:
    decoder = Decoder("f", {})
    node = parse(text, "f")
    assert node is not None
    assert decoder.decode(node, model) is not BROKEN
    return [str(warning).removeprefix("f:") for warning in decoder.warnings]


forward = "DefaultActions: [{Type: forward, TargetGroupArn: a}]"


# Text where numbers stand, numbers where text stands


@pytest.mark.parametrize("written", ["443", '"443"', "'443'", "${PORT}", '"${PORT}"', "${NONE:-443}"])
def test_a_redirect_port_may_be_a_number_or_text(written: str) -> None:
    found = decode(f"StatusCode: HTTP_301\nPort: {written}\n", RedirectConfig, {"PORT": "443"})
    assert "443" == found.port


@pytest.mark.parametrize("written", ["503", '"503"'])
def test_a_status_may_be_a_number_or_text(written: str) -> None:
    assert "503" == decode(f"StatusCode: {written}", FixedResponseConfig).status_code


@pytest.mark.parametrize("written", ["10", '"10"', "${P}"])
def test_a_priority_may_be_a_number_or_text(written: str) -> None:
    text = f"""
Priority: {written}
Conditions: [{{Field: path-pattern, Values: [/a]}}]
Actions: [{{Type: forward, TargetGroupArn: a}}]
"""
    assert 10 == decode(text, Rule, {"P": "10"}).priority


@pytest.mark.parametrize(
    ("written", "expected"), [("traffic-port", "traffic-port"), ("8081", "8081"), ('"8081"', "8081")]
)
def test_a_health_check_port_may_be_a_number_or_text(written: str, expected: str) -> None:
    assert expected == decode(f"{{Name: a, Port: 1, HealthCheckPort: {written}}}", TargetGroup).health_check_port


@pytest.mark.parametrize("written", ["200,404", "'200,404'", '"200,404"'])
def test_a_matcher_may_be_written_without_quotes(written: str) -> None:
    assert "200,404" == decode(f"HttpCode: {written}", Matcher).http_code
    assert "200" == decode("HttpCode: 200", Matcher).http_code


@pytest.mark.parametrize(("written", "expected"), [("on", "on"), ("off", "off"), ("yes", "yes"), ("True", "true")])
def test_yaml_booleans_are_text_where_text_is_wanted(written: str, expected: str) -> None:
    found = decode(f"{{Name: a, TargetGroupAttributes: {{new.key: {written}}}, Port: 1}}", TargetGroup)
    assert (Attribute(key="new.key", value=expected),) == found.target_group_attributes


@pytest.mark.parametrize(("written", "expected"), [("true", True), ("on", True), ('"true"', True), ("False", False)])
def test_booleans_have_many_spellings(written: str, expected: bool) -> None:
    stickiness = f"{{Enabled: {written}, DurationSeconds: 60}}"
    text = f"{{TargetGroups: [{{TargetGroupArn: a}}], TargetGroupStickinessConfig: {stickiness}}}"
    assert expected is decode(text, ForwardConfig).target_group_stickiness_config.enabled


@pytest.mark.parametrize(
    ("written", "shown"),
    [("22:22", "22:22"), ("eighty", "eighty"), ("8.0", "8.0"), ("1_000", "1_000"), ("0x50", "0x50"), ('""', "")],
)
def test_what_is_no_number_is_said_in_plain_words(written: str, shown: str) -> None:
    text = f"Port: {written}\nProtocol: HTTP\n{forward}\n"
    assert [f"1:7: Port: must be a whole number, found '{shown}'"] == problems(text, Listener)


def test_a_leading_zero_is_no_octal_number() -> None:
    assert 443 == decode(f"Port: 0443\nProtocol: HTTP\n{forward}\n", Listener).port


# Shapes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Name: [a]", "1:7: Name: must be text, found a list"),
        ("Name: {a: b}", "1:7: Name: must be text, found a mapping"),
        ("Name: a\nListeners: {}", "2:12: Listeners: must be a list, found a mapping"),
        ("Name: a\nListeners: x", "2:12: Listeners: must be a list, found 'x'"),
        ("Name: a\nTags: x", "2:7: Tags: must be a mapping or a list of Key and Value, found 'x'"),
    ],
)
def test_wrong_shapes_are_said_in_plain_words(text: str, expected: str) -> None:
    assert [expected] == problems(text, LoadBalancer)


def test_an_item_that_is_no_mapping() -> None:
    (problem,) = problems("Name: a\nListeners: [80]", LoadBalancer)
    assert problem.startswith("2:13: Listeners[0]: must be a mapping with keys such as Port, Protocol, DefaultActions")
    assert problem.endswith("found '80'")


def test_a_key_that_is_no_text() -> None:
    assert "1:3: a key must be text, found a list" in problems("? [a]\n: b\n", LoadBalancer)


def test_a_key_without_a_value_is_as_if_absent() -> None:
    assert () == decode("Name: a\nListeners:\n", LoadBalancer).listeners
    assert ["1:1: Name: A load balancer name must be specified"] == problems("Name:\n", LoadBalancer)


def test_a_foreign_tag_is_not_read_as_its_text() -> None:
    expected = ["1:7: Name: the YAML tag '!Ref' has no meaning here; write the value itself"]
    assert expected == problems("Name: !Ref Balancer", LoadBalancer)


# Keys


def test_an_unknown_key_suggests_the_nearest() -> None:
    expected = ["1:20: HealthcheckPath: unknown key 'HealthcheckPath' (did you mean HealthCheckPath?)"]
    assert expected == problems("{Name: a, Port: 1, HealthcheckPath: /}", TargetGroup)


def test_an_unknown_key_without_a_neighbour_lists_the_keys() -> None:
    expected = ["1:17: Colour: unknown key 'Colour'; the keys here are HttpCode, GrpcCode"]
    assert expected == problems("{HttpCode: 200, Colour: red}", Matcher)


def test_a_list_of_codes_without_quotes_is_told_what_it_lacks() -> None:
    """What everybody writes first: YAML takes what is behind the comma for another key."""
    expected = ["1:17: 404: unknown key '404'; a value with a comma between braces needs quotes, such as \"200,404\""]
    assert expected == problems("{HttpCode: 200, 404}", Matcher)


def test_a_misspelt_required_key_is_reported_once() -> None:
    expected = ["2:1: Protocl: unknown key 'Protocl' (did you mean Protocol?)"]
    assert expected == problems(f"Port: 80\nProtocl: HTTP\n{forward}\n", Listener)


@pytest.mark.conformance("Listeners", "port and protocol are needed", "observed error text")
def test_missing_keys_have_awss_sentences() -> None:
    assert [
        "1:1: Port: A listener port must be specified",
        "1:1: Protocol: A listener protocol must be specified",
    ] == problems(forward, Listener)


def test_a_key_stands_once() -> None:
    expected = ["3:1: Name: the key 'Name' stands here twice, first in line 1"]
    assert expected == problems("Name: a\nPort: 1\nName: b\n", TargetGroup)


def test_an_attribute_stands_once() -> None:
    text = "{Name: a, TargetGroupAttributes: {x: 1, x: 2}, Port: 1}"
    assert ["1:41: TargetGroupAttributes[x]: the key 'x' stands here twice"] == problems(text, TargetGroup)


def test_keys_without_meaning_are_accepted_with_a_warning() -> None:
    text = "Name: a\nSubnets: [subnet-1, subnet-2]\nSecurityGroups: []\nIpAddressType: dualstack\n"
    assert [
        "2:1: Subnets: 'Subnets' has no meaning here",
        "3:1: SecurityGroups: 'SecurityGroups' has no meaning here",
        "4:1: IpAddressType: 'IpAddressType' has no meaning here",
    ] == warnings(text, LoadBalancer)


def test_kept_keys_without_meaning_are_kept_with_a_warning() -> None:
    text = "{Name: a, Port: 1, VpcId: vpc-1}"
    assert ["1:20: VpcId: 'VpcId' has no meaning here"] == warnings(text, TargetGroup)
    assert "vpc-1" == decode(text, TargetGroup).vpc_id


@pytest.mark.parametrize(
    ("text", "model", "expected"),
    [
        (
            "Type: authenticate-oidc\n",
            Action,
            "1:7: Type: Logging users in with OIDC (authenticate-oidc) is not supported yet",
        ),
        (
            "{Name: a, Port: 1, TargetControlPort: 3}",
            TargetGroup,
            "1:20: TargetControlPort: The target optimizer (TargetControlPort) is not supported yet",
        ),
    ],
)
def test_what_is_not_built_is_refused_by_name(text: str, model: type[Model], expected: str) -> None:
    assert [expected] == problems(text, model)


# Attributes


@pytest.mark.parametrize(
    "written",
    [
        "{deregistration_delay.timeout_seconds: 30}",
        "{deregistration_delay.timeout_seconds: '30'}",
        "[{Key: deregistration_delay.timeout_seconds, Value: 30}]",
        "[{Key: deregistration_delay.timeout_seconds, Value: '30'}]",
        "{deregistration_delay.timeout_seconds: '${DELAY}'}",
    ],
)
def test_attributes_have_two_spellings(written: str) -> None:
    found = decode(f"{{Name: a, Port: 1, TargetGroupAttributes: {written}}}", TargetGroup, {"DELAY": "30"})
    assert 30 == found.settings.deregistration_delay_seconds


@pytest.mark.parametrize(
    ("written", "place"),
    [("{slow_start.duration_seconds: 5}", 73), ("[{Key: slow_start.duration_seconds, Value: 5}]", 86)],
)
def test_a_broken_attribute_is_found_in_both_spellings(written: str, place: int) -> None:
    reason = "'slow_start.duration_seconds' value '5' must be '0' or between '30-900' inclusive"
    (problem,) = problems(f"{{Name: a, Port: 1, TargetGroupAttributes: {written}}}", TargetGroup)
    assert f"1:{place}: TargetGroupAttributes[slow_start.duration_seconds]: {reason}" == problem


@pytest.mark.parametrize("written", ["{access_logs.s3.prefix: }", "[{Key: access_logs.s3.prefix, Value: }]"])
def test_an_attribute_without_a_value_is_empty(written: str) -> None:
    found = decode(f"{{Name: a, LoadBalancerAttributes: {written}}}", LoadBalancer)
    assert (Attribute(key="access_logs.s3.prefix", value=""),) == found.load_balancer_attributes


# Laws


def test_a_broken_law_stands_at_its_value() -> None:
    text = """\
Field: path-pattern
Values:
  - /a
  - /b c
"""
    (problem,) = problems(text, RuleCondition)
    assert problem.startswith("4:5: Values[1]: The 'path-pattern' value is invalid; the allowed characters are")


def test_a_law_about_something_missing_stands_at_its_owner() -> None:
    text = "Port: 443\nProtocol: HTTPS\n" + forward
    assert ["1:1: Certificates: A certificate must be specified for HTTPS listeners"] == problems(text, Listener)


def test_every_problem_of_a_file_is_reported() -> None:
    text = """\
Name: a
Port: 0
HealthCheckIntervalSeconds: 4
Targets:
  - {Id: a b}
  - {Id: ok, Port: x}
  - {Prot: 1}
"""
    assert [
        "5:10: Targets[0].Id: 'a b' is not an IP address or a host name; a port stands under 'Port'",
        "6:20: Targets[1].Port: must be a whole number, found 'x'",
        "7:6: Targets[2].Prot: unknown key 'Prot' (did you mean Port?)",
        "7:5: Targets[2].Id: A target id must be specified",
    ] == problems(text, TargetGroup)
    fixed = text[: text.index("Targets")]
    assert ["2:7: Port", "3:29: HealthCheckIntervalSeconds", "1:1: HealthCheckTimeoutSeconds"] == [
        problem.rsplit(": ", 1)[0] for problem in problems(fixed, TargetGroup)
    ]


@pytest.mark.conformance("Weighted target groups", "several groups need weights", "API reference, TargetGroupTuple")
def test_several_target_groups_need_weights() -> None:
    reason = "A 'Weight' must be specified for each target group when there are several"
    text = "TargetGroups:\n  - {TargetGroupArn: a, Weight: 1}\n  - {TargetGroupArn: b}\n"
    assert [f"3:5: TargetGroups[1].Weight: {reason}"] == problems(text, ForwardConfig)
    assert 1 == decode("TargetGroups: [{TargetGroupArn: a}]", ForwardConfig).target_groups[0].weight


# Variables


def test_variables_are_replaced_everywhere_but_in_keys() -> None:
    text = "Name: ${A}-${B:-b}\nPort: ${P}\nTargets: [{Id: '${HOST}'}]"
    found = decode(text, TargetGroup, {"A": "a", "P": "80", "HOST": "app"})
    assert ("a-b", 80, "app") == (found.name, found.port, found.targets[0].id)


def test_a_missing_variable_is_reported_where_it_stands() -> None:
    expected = "1:18: Port: the environment variable 'P' is not set; ${P:-default} gives it a default"
    assert [expected] == problems("{Name: a, Port: '${P}'}".replace("Port: '", "Port:  '"), TargetGroup, {})


def test_without_an_environment_nothing_is_replaced() -> None:
    decoder = Decoder("f", None)
    node = parse("{StatusCode: 200, MessageBody: '${A}'}", "f")
    assert node is not None
    assert "${A}" == decoder.decode(node, FixedResponseConfig).message_body


def test_an_expression_that_cannot_be_read_has_its_place() -> None:
    text = 'Field: path-pattern\nRegexValues: [^/a, "^/(?!b)"]\n'
    reason = "The 'path-pattern' regex value '^/(?!b)' is invalid: lookahead is not supported"
    assert [f"2:20: RegexValues[1]: {reason}"] == problems(text, RuleCondition)


@pytest.mark.parametrize("mode", ["off", "passthrough"])
def test_yamls_own_words_for_false_and_true_are_modes_of_mutual_authentication(mode: str) -> None:
    text = f"Port: 1\nProtocol: HTTPS\n{forward}\nCertificates: [{{CertificateArn: dev}}]\n"
    decoded = decode(f"{text}MutualAuthentication: {{Mode: {mode}, AdvertiseTrustStoreCaNames: off}}\n", Listener)

    assert (mode, "off") == (
        decoded.mutual_authentication.mode,
        decoded.mutual_authentication.advertise_trust_store_ca_names,
    )
