from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.model.action import (
    LOOP,
    Action,
    FixedResponseConfig,
    ForwardConfig,
    RedirectConfig,
    TargetGroupStickinessConfig,
    TargetGroupTuple,
    action_list_problems,
)

Read = Callable[[Callable[[], Any]], list[tuple[str, str]]]
ReadCodes = Callable[[Callable[[], Any]], list[str]]

BAD_PATH = (
    "The Path parameter must be a valid path, should start with a '/' and may contain up to one of each of these "
    "placeholders: '#{path}', '#{host}', '#{port}'."
)


def redirect(**changes: str) -> RedirectConfig:
    return RedirectConfig(status_code="HTTP_301", **{"port": "443", "protocol": "HTTPS", **changes})  # type: ignore[arg-type]


def forward(name: str = "a", order: int | None = None) -> Action:
    return Action(type="forward", target_group_arn=name, order=order)


# Redirects


@pytest.mark.conformance("Redirects", "one that changes nothing is a loop", "API reference, RedirectActionConfig")
@pytest.mark.parametrize("changes", [{}, {"query": "a=b"}, {"protocol": "#{protocol}"}, {"host": "#{host}"}])
def test_a_redirect_that_changes_no_place_is_a_loop(changes: dict[str, Any], refusals: Read, codes: ReadCodes) -> None:
    def make() -> RedirectConfig:
        return RedirectConfig(status_code="HTTP_301", **changes)

    assert [("", LOOP)] == refusals(make)
    assert ["InvalidLoadBalancerAction"] == codes(make)
    assert "The redirect configuration is not valid because it creates a loop." == LOOP


@pytest.mark.conformance("Redirects", "a literal host is accepted without comparing", "rule-action-types")
@pytest.mark.parametrize(
    "changes", [{"host": "a.test"}, {"port": "8080"}, {"protocol": "HTTPS"}, {"path": "/x"}, {"host": "www.#{host}"}]
)
def test_one_changed_part_is_enough(changes: dict[str, Any]) -> None:
    RedirectConfig(status_code="HTTP_302", **changes)


@pytest.mark.conformance("Redirects", "the status is HTTP_301 or HTTP_302", "API reference, RedirectActionConfig")
def test_other_redirect_statuses_are_refused(refusals: Read) -> None:
    expected = [("StatusCode", "The StatusCode 'HTTP_307' must be one of: 'HTTP_301', 'HTTP_302'")]
    assert expected == refusals(lambda: RedirectConfig(status_code="HTTP_307", host="a.test"))  # type: ignore[arg-type]


@pytest.mark.conformance("Redirects", "a port is within 1-65535 or #{port}", "API reference, RedirectActionConfig")
@pytest.mark.parametrize("port", ["0", "70000", "", "http", "#{host}", "-1", "99999999999"])
def test_redirect_ports(port: str, refusals: Read) -> None:
    expected = [("Port", f"The Port parameter '{port}' must be '#{{port}}' or between '1-65535' inclusive")]
    assert expected == refusals(lambda: redirect(port=port))


@pytest.mark.conformance("Redirects", "a path begins with / and has each placeholder once", "rule-action-types")
@pytest.mark.parametrize(
    "path", ["new", "/#{path}/#{path}", "/#{query}", "/#{protocol}", "/#{", "/a b", "#{path}", "/\r\n", "/é"]
)
def test_bad_redirect_paths_get_awss_sentence(path: str, refusals: Read, codes: ReadCodes) -> None:
    assert [("Path", BAD_PATH)] == refusals(lambda: redirect(path=path))
    assert ["InvalidLoadBalancerAction"] == codes(lambda: redirect(path=path))


@pytest.mark.parametrize("path", ["/", "/#{path}", "/new/#{path}", "/#{host}/#{port}/#{path}", "/#{path}index.html"])
def test_good_redirect_paths(path: str) -> None:
    assert path == redirect(path=path).path


@pytest.mark.conformance("Redirects", "host, path and query have at most 128 characters", "RedirectActionConfig")
@pytest.mark.parametrize(("key", "text"), [("Host", "a" * 129), ("Path", "/" + "a" * 128), ("Query", "a" * 129)])
def test_redirect_parts_have_a_length(key: str, text: str, refusals: Read) -> None:
    expected = f"'{key}' value '{text[:37]}...' has 129 characters; it must have {0 if key == 'Query' else 1} to 128"
    assert [(key, expected)] == refusals(lambda: redirect(**{key.lower(): text}))


@pytest.mark.conformance("Redirects", "an empty query drops the query", "RedirectActionConfig")
def test_an_empty_query_is_fine() -> None:
    assert redirect(query="").query == ""


@pytest.mark.conformance("Redirects", "a query has no leading question mark", "RedirectActionConfig")
def test_a_question_mark_is_added_not_written() -> None:
    with pytest.raises(ConfigError) as caught:
        redirect(query="?a=b")
    assert ("Query", "a=b") == (caught.value.path, caught.value.suggestion)


@pytest.mark.conformance("Redirects", "a host may hold #{host} only", "rule-action-types")
@pytest.mark.parametrize("placeholder", ["#{port}", "#{path}", "#{query}", "#{nothing}"])
def test_host_placeholders(placeholder: str, refusals: Read) -> None:
    ((path, reason),) = refusals(lambda: redirect(host=f"{placeholder}.test"))
    assert path == "Host"
    assert reason.startswith(f"The Host parameter may not contain '{placeholder}'")


@pytest.mark.conformance("Redirects", "a query may hold any placeholder", "rule-action-types")
def test_query_placeholders() -> None:
    redirect(query="#{protocol}#{host}#{port}#{path}#{query}")


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: b", "a b", "\x00", "é"])
def test_nothing_that_breaks_a_location_header_gets_in(text: str, refusals: Read) -> None:
    assert ["Host"] == [path for path, _ in refusals(lambda: redirect(host=text))]
    assert ["Query"] == [path for path, _ in refusals(lambda: redirect(query=text))]


# Fixed responses


@pytest.mark.conformance("Fixed responses", "the status is 2XX, 4XX or 5XX", "FixedResponseActionConfig")
@pytest.mark.parametrize("status", ["301", "100", "20", "2000", "600", "", "abc", "2\u0660\u0660"])
def test_fixed_statuses(status: str, refusals: Read) -> None:
    reason = f"The StatusCode '{status}' must be 2, 4 or 5 followed by two digits (2XX, 4XX or 5XX)"
    assert [("StatusCode", reason)] == refusals(lambda: FixedResponseConfig(status_code=status))


@pytest.mark.conformance("Fixed responses", "five content types", "FixedResponseActionConfig")
def test_other_content_types_get_awss_sentence(refusals: Read) -> None:
    reason = (
        "The ContentType must be one of:'text/html', 'application/json', 'application/javascript', 'text/css', "
        "'text/plain'"
    )
    expected = [("ContentType", reason)]
    assert expected == refusals(lambda: FixedResponseConfig(status_code="200", content_type="text/xml"))


@pytest.mark.conformance("Fixed responses", "a body has at most 1024 characters", "FixedResponseActionConfig")
def test_fixed_bodies(refusals: Read) -> None:
    FixedResponseConfig(status_code="200", message_body="x" * 1024)
    FixedResponseConfig(status_code="200", message_body="")
    found = refusals(lambda: FixedResponseConfig(status_code="200", message_body="x" * 1025))
    assert ["MessageBody"] == [path for path, _ in found]


# Forwards


@pytest.mark.conformance("Weighted target groups", "a weight is within 0-999", "API reference, TargetGroupTuple")
def test_weights(refusals: Read) -> None:
    TargetGroupTuple(target_group_arn="a", weight=0)
    TargetGroupTuple(target_group_arn="a", weight=999)
    expected = [("Weight", "'Weight' value '1000' must be between '0-999' inclusive")]
    assert expected == refusals(lambda: TargetGroupTuple(target_group_arn="a", weight=1000))


@pytest.mark.conformance("Weighted target groups", "one to five groups", "load-balancer-limits")
def test_a_forward_has_one_to_five_target_groups(codes: ReadCodes) -> None:
    def config(count: int) -> ForwardConfig:
        return ForwardConfig(target_groups=tuple(TargetGroupTuple(target_group_arn=f"g{n}") for n in range(count)))

    assert [] == codes(lambda: config(5))
    assert ["TooManyTargetGroups"] == codes(lambda: config(6))
    assert ["InvalidLoadBalancerAction"] == codes(lambda: config(0))


@pytest.mark.conformance("Weighted target groups", "stickiness lasts 1-604800 s", "TargetGroupStickinessConfig")
@pytest.mark.parametrize("seconds", [0, 604801])
def test_group_stickiness_has_limits(seconds: int, refusals: Read) -> None:
    expected = [("DurationSeconds", f"'DurationSeconds' value '{seconds}' must be between '1-604800' inclusive")]
    assert expected == refusals(lambda: TargetGroupStickinessConfig(duration_seconds=seconds))


@pytest.mark.conformance("Weighted target groups", "enabled stickiness needs a duration", "rule-action-types")
def test_enabled_group_stickiness_needs_a_duration(refusals: Read) -> None:
    reason = "A 'DurationSeconds' must be specified when target group stickiness is enabled"
    assert ("DurationSeconds", reason) in refusals(lambda: TargetGroupStickinessConfig(enabled=True))


def test_both_spellings_of_a_forward_read_the_same() -> None:
    spelled = Action(
        type="forward", forward_config=ForwardConfig(target_groups=(TargetGroupTuple(target_group_arn="a"),))
    )
    assert spelled.forward_targets == forward("a").forward_targets
    assert () == Action(type="redirect", redirect_config=redirect()).forward_targets


@pytest.mark.conformance("Forward", "both spellings must name the same group", "API reference, Action")
def test_both_spellings_at_once_must_agree(refusals: Read) -> None:
    def make(name: str) -> Action:
        config = ForwardConfig(target_groups=(TargetGroupTuple(target_group_arn="a"),))
        return Action(type="forward", target_group_arn=name, forward_config=config)

    assert [] == refusals(lambda: make("a"))
    reason = "'TargetGroupArn' and 'ForwardConfig' must name the same single target group when both are given"
    assert [("ForwardConfig", reason)] == refusals(lambda: make("b"))


# Actions


@pytest.mark.conformance("Actions", "a type needs its config", "observed error text")
@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("redirect", "RedirectConfig"),
        ("fixed-response", "FixedResponseConfig"),
        ("forward", "TargetGroupArn' or 'ForwardConfig"),
    ],
)
def test_a_type_without_its_config(kind: Any, key: str, refusals: Read, codes: ReadCodes) -> None:
    reason = f"For actions of type '{kind}', you must specify the following fields: '{key}'"
    assert [("", reason)] == refusals(lambda: Action(type=kind))
    assert ["InvalidLoadBalancerAction"] == codes(lambda: Action(type=kind))


def test_a_config_of_another_type_is_refused(refusals: Read) -> None:
    found = refusals(lambda: Action(type="redirect", redirect_config=redirect(), target_group_arn="a"))
    assert [("TargetGroupArn", "'TargetGroupArn' cannot be specified for actions of type 'redirect'")] == found


@pytest.mark.conformance("Actions", "an order is within 1-50000", "API reference, ActionOrder")
@pytest.mark.parametrize("order", [0, 50001])
def test_orders_have_limits(order: int, refusals: Read) -> None:
    expected = [("Order", f"'Order' value '{order}' must be between '1-50000' inclusive")]
    assert expected == refusals(lambda: forward(order=order))


@pytest.mark.conformance("Actions", "exactly one routing action", "API reference, Action")
def test_one_routing_action() -> None:
    assert [] == list(action_list_problems("Actions", [forward()]))
    (none,) = action_list_problems("Actions", [])
    assert ("Actions", "A rule needs one action of type 'forward', 'redirect' or 'fixed-response'") == (
        none.path,
        none.reason,
    )
    (two,) = action_list_problems("Actions", [forward(order=1), forward(order=2)])
    assert two.reason.endswith("this one has 'forward', 'forward'")


@pytest.mark.conformance("Actions", "several actions need an order each, all different", "API reference, Action")
def test_several_actions_need_different_orders() -> None:
    missing = [error.path for error in action_list_problems("Actions", [forward(order=1), forward()])]
    assert "Actions[1].Order" in missing
    same = [error.reason for error in action_list_problems("Actions", [forward(order=1), forward(order=1)])]
    assert "The 'Order' 1 is used by more than one action" in same


@pytest.mark.conformance("Actions", "at most two actions", "load-balancer-limits")
def test_three_actions_are_too_many() -> None:
    found = action_list_problems("Actions", [forward(order=1), forward(order=2), forward(order=3)])
    assert "TooManyActions" in [error.code for error in found]
