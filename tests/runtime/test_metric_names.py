"""The table has every metric of the user guide's page, once, under a name that can be found."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from edgeproxy.runtime.metric_names import METRICS
from edgeproxy.runtime.metric_row import Kind, Published, Unpublished

PAGE = """
ActiveConnectionCount NewConnectionCount RejectedConnectionCount ClientTLSNegotiationErrorCount RequestCount
IPv6RequestCount GrpcRequestCount ProcessedBytes IPv6ProcessedBytes RuleEvaluations HTTP_Fixed_Response_Count
HTTP_Redirect_Count HTTP_Redirect_Url_Limit_Exceeded_Count HTTPCode_ELB_3XX_Count HTTPCode_ELB_4XX_Count
HTTPCode_ELB_5XX_Count HTTPCode_ELB_500_Count HTTPCode_ELB_502_Count HTTPCode_ELB_503_Count HTTPCode_ELB_504_Count
DesyncMitigationMode_NonCompliant_Request_Count DroppedInvalidHeaderRequestCount ForwardedInvalidHeaderRequestCount
NonStickyRequestCount AppCookieNonStickinessCount LowReputationRequestsDenied LowReputationPacketsDropped
ExcessiveLowReputationPackets BYoIPUtilPercentage ConsumedLCUs PeakLCUs ReservedLCUs CapacityUtilization
HealthyHostCount UnHealthyHostCount HTTPCode_Target_2XX_Count HTTPCode_Target_3XX_Count HTTPCode_Target_4XX_Count
HTTPCode_Target_5XX_Count RequestCountPerTarget TargetResponseTime TargetConnectionErrorCount
TargetTLSNegotiationErrorCount AnomalousHostCount MitigatedHostCount ActiveZonalShiftHostCount HealthyStateDNS
HealthyStateRouting UnhealthyStateDNS UnhealthyStateRouting UnhealthyRoutingRequestCount LambdaUserError
LambdaInternalError LambdaTargetProcessedBytes ELBAuthSuccess ELBAuthFailure ELBAuthError ELBAuthLatency
ELBAuthRefreshTokenSuccess ELBAuthUserClaimsSizeExceeded JWTValidationFailureCount TargetControlRequestCount
TargetControlRequestRejectCount TargetControlActiveChannelCount TargetControlNewChannelCount
TargetControlChannelErrorCount TargetControlWorkQueueLength TargetControlProcessedBytes
"""
PUBLISHED = [row for row in METRICS if not isinstance(row, Unpublished)]


@pytest.mark.conformance(
    "metrics", "every metric is published, or the reason why not", "load-balancer-cloudwatch-metrics"
)
def test_every_metric_of_the_page_is_in_the_table_once() -> None:
    names = [
        name for row in METRICS for name in (row.cloudwatch if isinstance(row, Unpublished) else (row.cloudwatch,))
    ]

    assert Counter(PAGE.split()) == Counter(names)


@pytest.mark.parametrize("row", PUBLISHED, ids=lambda row: row.cloudwatch)
def test_our_name_is_cloudwatchs_in_lower_case(row: Published[Any]) -> None:
    """Whoever knows one finds the other; a time also names its unit, as Prometheus wants it."""
    letters = row.name.removesuffix("_seconds" if row.kind is Kind.HISTOGRAM else "").replace("_", "")

    assert row.cloudwatch.replace("_", "").lower() == letters


def test_counts_are_sentences_without_an_end() -> None:
    """Prometheus shows them behind the name; a table has them in a cell."""
    for row in PUBLISHED:
        assert not row.counts.endswith(".")
        assert "\n" not in row.counts
    reasons = [row.reason for row in METRICS if isinstance(row, Unpublished)]
    assert [] == [reason for reason in reasons if not reason.endswith(".")]
