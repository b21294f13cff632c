"""Changes while requests run: not one of them fails."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.helpers.proxies import RunningProxy, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLIENTS = 8


@contextlib.asynccontextmanager
async def load(edgeproxy: RunningProxy, *, close_every: int = 0) -> AsyncIterator[Counter[tuple[int, bytes]]]:
    """Clients that ask again and again; what they are answered, counted."""
    answers: Counter[tuple[int, bytes]] = Counter()

    async def ask() -> None:
        client = await edgeproxy.connect()
        number = 0
        while not is_over:
            number += 1
            is_last = close_every > 0 and number % close_every == 0
            answer = await client.ask("GET /", *(["Connection: close"] if is_last else []))
            answers[answer.status, answer.body] += 1
            if is_last:
                await client.close()
                client = await edgeproxy.connect()

    is_over = False
    asking = [asyncio.create_task(ask()) for _ in range(CLIENTS)]
    yield answers
    is_over = True
    await asyncio.gather(*asking)


RULE = (
    "[{Priority: 1, Conditions: [{Field: path-pattern, Values: [/other/*]}], "
    "Actions: [{Type: fixed-response, FixedResponseConfig: {StatusCode: '404'}}]}]"
)


@pytest.mark.both_loops
async def test_reloads_with_other_rules_and_targets_fail_no_request() -> None:
    async with (
        ScriptedTarget(answering(b"1")) as one,
        ScriptedTarget(answering(b"2")) as two,
        ScriptedTarget(answering(b"3")) as three,
        running(forwarding_to(one.port, two.port), time_scale=0.05) as edgeproxy,
    ):
        await edgeproxy.healthy()
        async with load(edgeproxy, close_every=7) as answers:
            for round_ in range(12):
                for targets, rules in (((one, two), RULE), ((two, three), ""), ((three,), RULE), ((one, three), "")):
                    seen = answers.total()
                    ports = [target.port for target in targets]
                    await edgeproxy.apply(forwarding_to(*ports, rules=rules, idle_timeout=50 + round_))
                    await edgeproxy.healthy()
                    await until(lambda seen=seen: answers.total() >= seen + 10)  # type: ignore[misc]

    assert {200} == {status for status, _ in answers}
    assert {b"1", b"2", b"3"} == {body for _, body in answers}


@pytest.mark.both_loops
async def test_a_target_that_goes_and_comes_back_fails_no_request() -> None:
    """It fails its health checks first, as a service does that shuts down in order."""
    group = "HealthCheckIntervalSeconds: 30, HealthCheckTimeoutSeconds: 29, HealthyThresholdCount: 2"
    async with (
        ScriptedTarget(answering(b"1")) as steady,
        ScriptedTarget(answering(b"2")) as flapping,
        running(forwarding_to(steady.port, flapping.port, group=group), time_scale=0.005) as edgeproxy,
    ):
        await edgeproxy.healthy()
        (_, state) = edgeproxy.proxy._groups["app"].targets.values()
        async with load(edgeproxy) as answers:
            for _ in range(3):
                flapping.health_status = 503
                await until(lambda: ["healthy", "unhealthy"] == edgeproxy.states())
                await until(lambda: 0 == state.outstanding)
                before = len(flapping.heads)
                seen = answers[200, b"1"]
                await until(lambda seen=seen: answers[200, b"1"] > seen + 20)  # type: ignore[misc]
                assert before == len(flapping.heads), "an unhealthy target gets nothing"
                flapping.health_status = 200
                await edgeproxy.healthy()
                await until(lambda before=before: len(flapping.heads) > before)  # type: ignore[misc]

    assert {(200, b"1"), (200, b"2")} == set(answers)


@pytest.mark.conformance("round robin", "targets take turns", "edit-target-group-attributes")
@pytest.mark.both_loops
async def test_two_targets_take_turns() -> None:
    async with (
        ScriptedTarget(answering(b"1")) as one,
        ScriptedTarget(answering(b"2")) as two,
        running(forwarding_to(one.port, two.port)) as edgeproxy,
    ):
        await edgeproxy.healthy()
        client = await edgeproxy.connect()
        bodies = [(await client.ask("GET /")).body for _ in range(10)]
        async with load(edgeproxy) as answers:
            await until(lambda: answers.total() > 500)

    assert bodies[:2] * 5 == bodies
    assert {b"1", b"2"} == set(bodies)
    assert abs(answers[200, b"1"] - answers[200, b"2"]) <= 1
