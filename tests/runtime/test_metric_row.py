"""What the table of metrics reads its numbers from."""

from __future__ import annotations

from edgeproxy.model.target import TargetHealth, TargetHealthState
from edgeproxy.runtime.metric_row import TARGET_GROUP, GroupView, Kind, Published
from edgeproxy.runtime.metrics import TargetGroupCounters
from edgeproxy.runtime.status import TargetGroupStatus, TargetStatus


def view(*states: TargetHealthState) -> GroupView:
    targets = [TargetStatus("10.0.0.1", 80, "80", TargetHealth(state), None) for state in states]
    return GroupView(TargetGroupCounters(), TargetGroupStatus("app", "arn", False, targets))


def test_a_target_that_drains_is_not_registered() -> None:
    drains, starts = TargetHealthState.DRAINING, TargetHealthState.INITIAL

    assert [False, False, True] == [view().has_targets, view(drains).has_targets, view(drains, starts).has_targets]


def test_targets_are_counted_by_state() -> None:
    healthy, unhealthy = TargetHealthState.HEALTHY, TargetHealthState.UNHEALTHY

    assert 2 == view(healthy, unhealthy, healthy).count(healthy)


def test_a_group_that_is_gone_has_no_targets() -> None:
    gone = GroupView(TargetGroupCounters(), None)

    assert ([], False, 0) == (gone.targets, gone.has_targets, gone.count(TargetHealthState.HEALTHY))


def test_only_counters_have_prometheuss_ending() -> None:
    def named(kind: Kind) -> str:
        return Published[GroupView](
            cloudwatch="X", name="x", counts="", read=lambda _: 0, labels=TARGET_GROUP, kind=kind
        ).full_name

    assert ("aws_applicationelb_x_total", "aws_applicationelb_x") == (named(Kind.COUNTER), named(Kind.GAUGE))
