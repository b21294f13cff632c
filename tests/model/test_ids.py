from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.model import ids

account, region = "123456789012", "eu-west-1"
prefix = f"arn:aws:elasticloadbalancing:{region}:{account}"


def test_ids_are_the_same_today_and_tomorrow() -> None:
    """Cookies, log files and dashboards carry them: a changed digest would break every one of those."""
    assert "5b23d1b1740a3988" == ids.load_balancer_id("dev")
    assert "app/dev/5b23d1b1740a3988" == ids.load_balancer_resource("dev")
    assert f"{prefix}:targetgroup/app/b7c0253e110b6315" == ids.target_group_arn(account, region, "app")
    assert f"{prefix}:truststore/app/" == ids.trust_store_arn(account, region, "app")[:-16]


@pytest.mark.conformance("ARN forms", "resources nest in the load balancer's segments", "API reference, Rule")
def test_arns_have_the_segments_that_terraform_cuts_apart() -> None:
    load_balancer = ids.load_balancer_arn(account, region, "dev")
    listener = ids.listener_arn(account, region, "dev", 443)
    rule = ids.rule_arn(account, region, "dev", 443, 10)
    assert re.fullmatch(rf"{prefix}:loadbalancer/app/dev/[0-9a-f]{{16}}", load_balancer)
    resource = load_balancer.split("loadbalancer/")[1]
    assert re.fullmatch(rf"{prefix}:listener/{resource}/[0-9a-f]{{16}}", listener)
    assert re.fullmatch(rf"{prefix}:listener-rule/{listener.split('listener/')[1]}/[0-9a-f]{{16}}", rule)


@pytest.mark.conformance("DNS name", "NAME-number.region.elb.amazonaws.com", "DescribeLoadBalancers")
def test_dns_names_have_ten_digits_and_are_lower_case() -> None:
    assert re.fullmatch(
        r"my-lb-[1-9][0-9]{9}\.eu-west-1\.elb\.amazonaws\.com", ids.load_balancer_dns_name(region, "My-LB")
    )


@pytest.mark.conformance("DNS name", "an internal one begins with internal-", "DescribeLoadBalancers")
def test_internal_dns_names_say_so() -> None:
    assert ids.load_balancer_dns_name(region, "a", "internal").startswith("internal-a-")


@given(st.sets(st.from_regex(r"[a-z]{1,6}", fullmatch=True), min_size=2, max_size=5), st.integers(1, 65535))
def test_different_resources_have_different_ids(names: set[str], port: int) -> None:
    found = {ids.load_balancer_id(name) for name in names} | {ids.listener_id(name, port) for name in names}
    assert 2 * len(names) == len(found)


def test_rules_differ_by_priority_and_the_default_rule_differs_from_all() -> None:
    found = {ids.rule_arn(account, region, "dev", 80, one) for one in (1, 2, ids.DEFAULT_RULE)}
    assert 3 == len(found)
