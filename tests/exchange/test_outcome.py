"""The table of endings."""

from __future__ import annotations

import pytest

from edgeproxy.exchange.outcome import CLOSES_CLIENT, STATUS, Outcome

CARRIES_ITS_OWN_STATUS = {
    Outcome.FORWARDED,
    Outcome.REDIRECTED,
    Outcome.FIXED_RESPONSE,
    Outcome.FAULT_ANSWERED,
    Outcome.FAULT_CUT,
}


def test_every_outcome_that_the_load_balancer_decides_has_a_status() -> None:
    assert set(Outcome) == set(STATUS) | CARRIES_ITS_OWN_STATUS


@pytest.mark.conformance("error statuses", "each cause and its status", "load-balancer-troubleshooting")
@pytest.mark.parametrize(
    ("status", "outcomes"),
    [
        (
            400,
            {
                Outcome.BAD_REQUEST,
                Outcome.HOST_MISSING,
                Outcome.SEVERAL_HOSTS,
                Outcome.PATH_REFUSED,
                Outcome.DESYNC_BLOCKED,
                Outcome.CLIENT_LEFT_SENDING,
            },
        ),
        (405, {Outcome.METHOD_REFUSED}),
        (408, {Outcome.CLIENT_SILENT}),
        (460, {Outcome.CLIENT_LEFT}),
        (463, {Outcome.TOO_MANY_ADDRESSES}),
        (501, {Outcome.CODING_REFUSED}),
        (
            502,
            {
                Outcome.CONNECT_FAILED,
                Outcome.TARGET_TLS_FAILED,
                Outcome.TARGET_CLOSED,
                Outcome.TARGET_MALFORMED,
                Outcome.SHUTTING_DOWN,
                Outcome.DEREGISTERED,
            },
        ),
        (503, {Outcome.NO_TARGET}),
        (504, {Outcome.CONNECT_TIMEOUT, Outcome.TARGET_TLS_TIMEOUT, Outcome.TARGET_SILENT}),
        (507, {Outcome.REDIRECT_TOO_LONG}),
    ],
)
def test_each_status_has_its_causes(status: int, outcomes: set[Outcome]) -> None:
    assert outcomes == {outcome for outcome, its_status in STATUS.items() if its_status == status}


@pytest.mark.conformance("error statuses", "a 502 and a 503 keep the client connection", "load-balancer-access-logs")
def test_a_targets_failure_does_not_cost_the_client_its_connection() -> None:
    targets_doing = {outcome for outcome in Outcome if outcome.name.startswith(("TARGET_", "CONNECT_", "NO_"))}

    assert set() == targets_doing & CLOSES_CLIENT


def test_outcomes_read_as_phrases_and_differ() -> None:
    assert len(Outcome) == len({outcome.value for outcome in Outcome})
