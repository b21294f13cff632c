"""The names of log objects, exactly as AWS writes them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.model import ids
from edgeproxy.runtime import log_object
from edgeproxy.runtime.log_object import (
    ACCESS,
    CONNECTION,
    HEALTH_CHECK,
    INTERVAL_SECONDS,
    LogFamily,
    LogOwner,
    interval_end,
    object_key,
    random_part,
)

OWNER = LogOwner("123456789012", "us-east-2", "my-loadbalancer")
ID = ids.load_balancer_id("my-loadbalancer")
PAGES = {
    ACCESS: "load-balancer-access-logs",
    CONNECTION: "load-balancer-connection-logs",
    HEALTH_CHECK: "load-balancer-health-check-logs",
}
END = 1651189200.0
"""2022-04-28T23:40:00Z."""


def key(family: LogFamily = ACCESS, prefix: str = "", delivered: float = END) -> str:
    return object_key(family, OWNER, prefix=prefix, delivered=delivered, end=END, node="192.0.2.60", unique="20sg8hgm")


@pytest.mark.conformance("log files", "the object key of the access log", PAGES[ACCESS])
def test_the_key_of_an_access_log() -> None:
    assert (
        "AWSLogs/123456789012/elasticloadbalancing/us-east-2/2022/04/28/123456789012_elasticloadbalancing_us-east-2_"
        f"app.my-loadbalancer.{ID}_20220428T2340Z_192.0.2.60_20sg8hgm.log.gz"
    ) == key()


@pytest.mark.conformance("log files", "each log marks its objects' names", PAGES[CONNECTION])
@pytest.mark.parametrize(
    ("family", "marker"), [(ACCESS, ""), (CONNECTION, "conn_log_"), (HEALTH_CHECK, "health_check_log_")]
)
def test_the_marker_tells_the_logs_apart(family: LogFamily, marker: str) -> None:
    assert f"{marker}123456789012_elasticloadbalancing_" in key(family).rpartition("/")[2]
    assert key(family).rpartition("/")[2].startswith(marker + "123456789012")


@pytest.mark.conformance("log files", "the prefix comes first", PAGES[ACCESS])
@pytest.mark.parametrize(("prefix", "start"), [("logging/prefix", "logging/prefix/"), ("/a/", "a/"), ("", "")])
def test_the_prefix_comes_first(prefix: str, start: str) -> None:
    assert start + key() == key(prefix=prefix)


@pytest.mark.conformance("log files", "the folders are the day of delivery", PAGES[ACCESS])
def test_the_folders_are_the_day_of_delivery() -> None:
    found = key(delivered=END + 20 * 60)

    assert "/2022/04/29/" in found
    assert "_20220428T2340Z_" in found


@pytest.mark.conformance("log files", "a test object where the log is switched on", PAGES[ACCESS])
@pytest.mark.parametrize(
    ("family", "name"),
    [
        (ACCESS, "ELBAccessLogTestFile"),
        (CONNECTION, "ELBConnectionLogTestFile"),
        (HEALTH_CHECK, "ELBHealthCheckLogTestFile"),
    ],
)
def test_the_key_of_the_test_object(family: LogFamily, name: str) -> None:
    assert f"a/AWSLogs/123456789012/{name}" == log_object.test_object_key(family, OWNER, prefix="a")


@pytest.mark.conformance("log files", "five minutes each, named by their end", PAGES[ACCESS])
@pytest.mark.parametrize(
    ("moment", "end"), [(END, END + 300), (END - 0.001, END), (END - 300, END), (END - 300.001, END - 300)]
)
def test_an_interval_is_five_minutes_and_holds_its_beginning(moment: float, end: float) -> None:
    assert end == interval_end(moment)


@given(st.floats(min_value=0, max_value=4e9))
def test_every_moment_is_in_one_interval(moment: float) -> None:
    end = interval_end(moment)

    assert 0 == end % INTERVAL_SECONDS
    assert end - INTERVAL_SECONDS <= moment < end


@pytest.mark.conformance("log files", "eight random letters and digits", PAGES[ACCESS])
def test_the_random_part_is_eight_lower_case_letters_and_digits() -> None:
    parts = {random_part() for _ in range(200)}

    assert all(re.fullmatch("[a-z0-9]{8}", part) for part in parts)
    assert 200 == len(parts)
