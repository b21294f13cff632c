"""Every fault on the real path: real sockets, real clients, the log's record, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import io
import time
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.model.fault import Fault, FaultWhere
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.h2_target_connection import H2TargetConnection
from tests.helpers.conversation import request
from tests.helpers.h2_client import StreamResetError, connect_h2
from tests.helpers.h2_peer import H2Stream, H2Target, answering_h2
from tests.helpers.https import running_tls, trusting
from tests.helpers.proxies import RunningProxy, answering_itself, forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering, echoing, silent
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from edgeproxy.exchange.record import ExchangeRecord

pytestmark = pytest.mark.both_loops

APP = FaultWhere(target_group="app")
BIG = bytes(range(256)) * 400

NEARLY = 0.9
"""uvloop counts milliseconds, so its timers are up to one early."""


@contextlib.asynccontextmanager
async def serving(
    *faults: Fault, script: Any = None, idle_timeout: int = 60, **options: Any
) -> AsyncIterator[RunningProxy]:
    """A proxy in front of one healthy target, with faults that were added."""
    async with (
        ScriptedTarget(script or answering(b"hello")) as target,
        running(forwarding_to(target.port, idle_timeout=idle_timeout), **options) as edgeproxy,
    ):
        await edgeproxy.healthy()
        for fault in faults:
            edgeproxy.proxy.faults.add(fault)
        edgeproxy.proxy.requests.recent()
        yield edgeproxy


def records(edgeproxy: RunningProxy) -> list[ExchangeRecord]:
    return [entry.record for entry in edgeproxy.proxy.requests.recent() or []]


async def record(edgeproxy: RunningProxy) -> ExchangeRecord:
    """The only exchange that has ended."""
    await until(lambda: records(edgeproxy))
    (found,) = records(edgeproxy)
    return found


def hits(edgeproxy: RunningProxy) -> list[tuple[int, int]]:
    return [(each.hits, each.seen) for each in edgeproxy.proxy.faults.list()]


# ---- status


@pytest.mark.parametrize(
    ("status", "outcome", "has_target"),
    [
        (400, Outcome.BAD_REQUEST, False),
        (463, Outcome.TOO_MANY_ADDRESSES, False),
        (464, Outcome.VERSION_REFUSED, False),
        (502, Outcome.TARGET_CLOSED, True),
        (503, Outcome.NO_TARGET, False),
        (504, Outcome.TARGET_SILENT, True),
        (561, Outcome.FAULT_ANSWERED, False),
    ],
)
@pytest.mark.parametrize("where", [None, APP])
async def test_a_status_is_answered_recorded_and_counted_as_the_real_one(
    status: int, outcome: Outcome, has_target: bool, where: FaultWhere | None
) -> None:
    async with serving(Fault(status=status, where=where)) as edgeproxy:
        answer = await edgeproxy.ask()
        assert status == answer.status
        assert "awselb/2.0" == answer.headers["server"]
        assert (b"<center><h1>" in answer.body) is (status not in (463, 464, 561))
        found = await record(edgeproxy)
        assert (status, outcome, f"status-{status}") == (found.status, found.outcome, found.injected)
        assert has_target is (found.target is not None)
        assert (status in (464, 502, 503, 504)) is (found.group is not None)
        assert {status: 1} == edgeproxy.proxy.metrics.load_balancers["dev"].elb_status
        counted = edgeproxy.proxy.metrics.load_balancers["dev"].groups["app"].request_count
        assert int(has_target) == counted
        await until(lambda: edgeproxy.proxy._groups["app"].targets)
        assert [0] == [each.outstanding for each in edgeproxy.proxy._groups["app"].targets.values()]


async def test_a_status_of_a_rule_that_answers_by_itself_needs_no_target() -> None:
    async with running(answering_itself()) as edgeproxy:
        edgeproxy.proxy.faults.add(Fault(status=503, where=FaultWhere(listener=80)))
        assert 503 == (await edgeproxy.ask()).status


async def test_only_the_rule_that_was_named_fails() -> None:
    condition, action = "{Field: path-pattern, Values: ['/a']}", "{Type: forward, TargetGroupArn: app}"
    rule = f"[{{Priority: 7, Conditions: [{condition}], Actions: [{action}]}}]"
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port, rules=rule)) as edgeproxy:
        await edgeproxy.healthy()
        edgeproxy.proxy.faults.add(Fault(status=500, where=FaultWhere(listener=80, rule=7)))
        assert [500, 200] == [(await edgeproxy.ask(f"GET {path}")).status for path in ("/a", "/b")]
        edgeproxy.proxy.faults.clear()
        edgeproxy.proxy.faults.add(Fault(status=500, where=FaultWhere(listener="dev:80", rule="default")))
        assert [200, 500] == [(await edgeproxy.ask(f"GET {path}")).status for path in ("/a", "/b")]


async def test_the_access_log_has_the_line_of_the_real_thing() -> None:
    log = io.StringIO()
    access_log = AccessLog(log)
    async with serving(Fault(status=502), access_log=access_log) as edgeproxy:
        target = edgeproxy.targets()[0]
        await edgeproxy.ask()
    access_log.close()
    fields = log.getvalue().split(" ")
    assert [f"127.0.0.1:{target.port}", "502", "-"] == [fields[4], fields[8], fields[9]]
    assert "status-502" not in log.getvalue()


# ---- draws


async def test_a_count_is_exact_and_then_nothing_looks_any_more() -> None:
    async with serving(Fault(status=503, count=2)) as edgeproxy:
        listener = next(iter(edgeproxy.proxy._listeners.values()))
        statuses = [(await edgeproxy.ask()).status for _ in range(4)]
        assert [503, 503, 200, 200] == statuses
        assert [(2, 2)] == hits(edgeproxy)
        compiled = edgeproxy.proxy._compiled
        assert compiled is not None
        await until(lambda: listener.context is compiled.listeners["dev", 80].context)


async def test_a_percentage_repeats_in_every_run() -> None:
    runs = []
    for _ in range(2):
        async with serving(Fault(status=503, percentage=50, seed=7)) as edgeproxy:
            conversation = await edgeproxy.connect()
            runs.append([(await conversation.ask("GET /")).status for _ in range(40)])
    assert runs[0] == runs[1]
    assert {200, 503} == set(runs[0])


async def test_a_fault_is_over_after_its_time() -> None:
    async with serving(Fault(status=503, lasting=20)) as edgeproxy:
        assert 503 == (await edgeproxy.ask()).status
        await until(lambda: "over" == edgeproxy.proxy.faults.list()[0].state)
        assert 200 == (await edgeproxy.ask()).status


async def test_several_faults_take_one_request_together() -> None:
    faults = [Fault(delay=5, name="slow"), Fault(truncate=2, name="short", where=APP)]
    async with serving(*faults) as edgeproxy:
        conversation = await edgeproxy.connect()
        begun = time.monotonic()
        await conversation.send(request("GET /"))
        assert (await conversation.read_until_cut()).endswith(b"\r\n\r\nhe")
        assert NEARLY * 0.05 <= time.monotonic() - begun
        assert "slow, short" == (await record(edgeproxy)).injected


# ---- the header


@pytest.mark.parametrize("fault", [Fault(status=503, name="sad"), Fault(delay=1, name="sad", where=APP)])
async def test_the_header_names_the_fault_if_it_was_asked_for(fault: Fault) -> None:
    async with serving(fault, fault_header=True) as edgeproxy:
        assert "sad" == (await edgeproxy.ask()).headers["x-edgeproxy-fault"]
        edgeproxy.proxy.faults.clear()
        assert "x-edgeproxy-fault" not in (await edgeproxy.ask()).headers
    async with serving(fault) as edgeproxy:
        assert "x-edgeproxy-fault" not in (await edgeproxy.ask()).headers


# ---- delay


async def test_a_delay_at_a_listener_is_the_time_until_the_request_goes_on() -> None:
    async with serving(Fault(delay=10)) as edgeproxy:
        begun = time.monotonic()
        assert b"hello" == (await edgeproxy.ask()).body
        assert NEARLY * 0.1 <= time.monotonic() - begun
        assert "delay" == (await record(edgeproxy)).injected


@pytest.mark.parametrize(("where", "is_dispatched"), [(None, False), (APP, True)])
async def test_a_delay_at_a_target_group_is_the_targets_time(where: FaultWhere | None, is_dispatched: bool) -> None:
    """One at a listener comes before it."""
    async with serving(Fault(delay=3000, where=where)) as edgeproxy:
        conversation = await edgeproxy.connect()
        await conversation.send(request("GET /"))
        await until(lambda: hits(edgeproxy) == [(1, 1)])
        exchange = edgeproxy.connections[0].exchange
        await (until(lambda: exchange.dispatched) if is_dispatched else edgeproxy.sweeps(3))
        assert (is_dispatched, 0.0) == (exchange.dispatched > 0, exchange.answered)


@pytest.mark.parametrize("where", [None, APP])
async def test_a_delay_longer_than_the_idle_timeout_is_a_504(where: FaultWhere | None) -> None:
    async with serving(Fault(delay=3000, where=where)) as edgeproxy:
        assert 504 == (await edgeproxy.ask()).status
        assert Outcome.TARGET_SILENT is (await record(edgeproxy)).outcome


async def test_a_delayed_status_comes_late() -> None:
    for where in (None, APP):
        async with serving(Fault(delay=10, status=503, where=where)) as edgeproxy:
            begun = time.monotonic()
            assert 503 == (await edgeproxy.ask()).status
            assert NEARLY * 0.1 <= time.monotonic() - begun


@pytest.mark.parametrize("where", [None, APP])
async def test_a_body_waits_with_its_request(where: FaultWhere | None) -> None:
    async with serving(Fault(delay=5, where=where), script=echoing) as edgeproxy:
        assert BIG * 20 == (await edgeproxy.ask("POST /", body=BIG * 20)).body


@pytest.mark.parametrize("fault", [Fault(delay=3000), Fault(delay=3000, where=APP), Fault(delay=3000, status=503)])
async def test_a_client_that_leaves_ends_its_delay(fault: Fault) -> None:
    async with serving(fault) as edgeproxy:
        conversation = await edgeproxy.connect()
        await conversation.send(request("GET /"))
        await until(lambda: hits(edgeproxy) == [(1, 1)])
        conversation.abort()
        found = await record(edgeproxy)
        assert Outcome.CLIENT_LEFT is found.outcome
        assert found.injection is not None
        assert not found.injection._waiting


async def test_a_stop_ends_a_delay() -> None:
    async with serving(Fault(delay=3000)) as edgeproxy:
        conversation = await edgeproxy.connect()
        await conversation.send(request("GET /"))
        await until(lambda: hits(edgeproxy) == [(1, 1)])
        await edgeproxy.proxy.stop(0.0)
        assert Outcome.SHUTTING_DOWN is (await record(edgeproxy)).outcome


# ---- bandwidth


@pytest.mark.parametrize("where", [None, APP])
async def test_a_response_passes_at_the_rate(where: FaultWhere | None) -> None:
    # 100 KB at 5,000 bytes a second, a hundred times faster: 0.2 s.
    async with serving(Fault(bandwidth=5000, where=where), script=answering(BIG)) as edgeproxy:
        begun = time.monotonic()
        assert BIG == (await edgeproxy.ask()).body
        assert NEARLY * 0.18 <= time.monotonic() - begun < 15
        assert "bandwidth" == (await record(edgeproxy)).injected


async def test_a_request_passes_at_the_rate_and_its_client_is_held() -> None:
    async with serving(Fault(bandwidth=10_000, where=APP), script=echoing) as edgeproxy:
        begun = time.monotonic()
        assert BIG == (await edgeproxy.ask("POST /", body=BIG)).body
        # Both ways, one after the other.
        assert NEARLY * 0.19 <= time.monotonic() - begun < 15


async def test_a_slow_stream_holds_back_whoever_sends() -> None:
    body = bytes(8 << 20)
    async with serving(Fault(bandwidth=100, where=APP), script=answering(body)) as edgeproxy:
        conversation = await edgeproxy.connect()
        await conversation.send(request("GET /"))
        await conversation.read_head()
        (target,) = edgeproxy.proxy._pools._pools.values()
        (connection,) = target.connections
        between: Any = connection.exchange  # type: ignore[attr-defined]
        assert between._is_held
        assert sum(len(piece.data) for piece in between._in.waiting) < 1 << 20
        conversation.abort()


async def test_a_trickle_is_not_silence() -> None:
    # 15 s of the load balancer's time at an idle timeout of 5.
    async with (
        ScriptedTarget(answering(bytes(15_000))) as target,
        running(forwarding_to(target.port, idle_timeout=5), time_scale=0.06) as edgeproxy,
    ):
        await edgeproxy.healthy()
        edgeproxy.proxy.faults.add(Fault(bandwidth=1000, where=APP))
        assert 15_000 == len((await edgeproxy.ask()).body)


async def test_connections_serve_on_behind_a_slow_response() -> None:
    async with ScriptedTarget(answering(BIG)) as target, running(forwarding_to(target.port)) as edgeproxy:
        await edgeproxy.healthy()
        edgeproxy.proxy.faults.add(Fault(bandwidth=50_000, where=APP))
        conversation = await edgeproxy.connect()
        for _ in range(3):
            assert BIG == (await conversation.ask("GET /")).body
        assert 1 == target.accepted


# ---- reset


@pytest.mark.parametrize("where", [None, APP])
async def test_a_reset_is_a_reset(where: FaultWhere | None) -> None:
    async with serving(Fault(reset=True, where=where)) as edgeproxy:
        conversation = await edgeproxy.connect()
        await conversation.send(request("GET /"))
        with pytest.raises(ConnectionResetError):
            await conversation.read(1)
        found = await record(edgeproxy)
        assert (0, Outcome.FAULT_CUT, "reset") == (found.status, found.outcome, found.injected)


async def test_a_reset_later_hits_whatever_goes_on_then() -> None:
    async with serving(Fault(reset=True, after=5), script=silent) as edgeproxy:
        conversation = await edgeproxy.connect()
        begun = time.monotonic()
        await conversation.send(request("GET /"))
        with pytest.raises(ConnectionResetError):
            await conversation.read(1)
        assert NEARLY * 0.05 <= time.monotonic() - begun


# ---- truncate


@pytest.mark.parametrize("size", [0, 1, 3, 4, 50_000])
async def test_a_response_is_cut_behind_exactly_so_many_bytes(size: int) -> None:
    body = b"abcde" if size < 5 else BIG
    async with serving(Fault(truncate=size), script=answering(body)) as edgeproxy:
        conversation = await edgeproxy.connect()
        await conversation.send(request("GET /"))
        head, _, rest = (await conversation.read_until_cut()).partition(b"\r\n\r\n")
        assert b"HTTP/1.1 200 OK" == head.split(b"\r\n")[0]
        assert body[:size] == rest
        assert Outcome.TARGET_CLOSED is (await record(edgeproxy)).outcome


async def test_a_shorter_response_is_whole() -> None:
    async with serving(Fault(truncate=5)) as edgeproxy:
        assert b"hello" == (await edgeproxy.ask()).body


# ---- the race of keep-alive


@pytest.mark.conformance(
    "502 from a target",
    "a connection that the target closes as a request is sent is a 502, not a retry",
    "load-balancer-troubleshooting",
)
async def test_a_connection_that_closes_before_the_request_is_a_502_and_no_retry() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        await edgeproxy.healthy()
        edgeproxy.proxy.requests.recent()
        edgeproxy.proxy.faults.add(Fault(close_before_send=True, count=1))
        statuses = [(await edgeproxy.ask()).status for _ in range(2)]
        assert [502, 200] == statuses
        assert 1 == len(target.heads)
        first = records(edgeproxy)[0]
        assert (Outcome.TARGET_CLOSED, "close-before-send") == (first.outcome, first.injected)
        assert first.target is not None
        assert 0 == first.target.outstanding


# ---- idle timeout


async def test_silence_is_cut_at_the_faults_second() -> None:
    async with serving(Fault(idle_timeout=5), script=silent, idle_timeout=4000) as edgeproxy:
        begun = time.monotonic()
        assert 504 == (await edgeproxy.ask()).status
        assert NEARLY * 0.05 <= time.monotonic() - begun
        assert "idle-timeout" == (await record(edgeproxy)).injected


async def test_what_is_not_silent_is_not_cut() -> None:
    async with serving(Fault(idle_timeout=3000)) as edgeproxy:
        assert b"hello" == (await edgeproxy.ask()).body
        assert not edgeproxy.proxy.requests.recent()[0].record.injection._waiting  # type: ignore[index,union-attr]


# ---- marked targets


async def test_an_unhealthy_mark_stops_picks_and_ends() -> None:
    async with (
        ScriptedTarget(answering(b"one")) as one,
        ScriptedTarget(answering(b"two")) as two,
        running(forwarding_to(one.port, two.port)) as edgeproxy,
    ):
        await edgeproxy.healthy()
        where = FaultWhere(target_group="app", target=f"127.0.0.1:{one.port}")
        name = edgeproxy.proxy.faults.add(Fault(target="unhealthy", where=where, name="tired"))
        health = edgeproxy.targets()[0].health
        assert ("unhealthy", "Target.FailedHealthChecks") == (health.state, health.reason)
        assert "Marked unhealthy by the fault 'tired', whatever its health checks say" == health.description
        assert {b"two"} == {(await edgeproxy.ask()).body for _ in range(4)}
        checks = len(one.health_checks)
        await until(lambda: len(one.health_checks) > checks)
        assert "unhealthy" == edgeproxy.states()[0]
        assert edgeproxy.proxy.faults.remove(name)
        assert ["healthy", "healthy"] == edgeproxy.states()
        assert {b"one", b"two"} == {(await edgeproxy.ask()).body for _ in range(4)}


async def test_a_group_of_marked_targets_fails_open() -> None:
    async with serving(Fault(target="unhealthy", where=APP)) as edgeproxy:
        assert ["unhealthy"] == edgeproxy.states()
        assert 200 == (await edgeproxy.ask()).status


async def test_a_draining_mark_lets_running_requests_end_and_is_over_in_time() -> None:
    async with serving(script=echoing) as edgeproxy:
        conversation = await edgeproxy.connect()
        await conversation.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        await until(lambda: [1] == [each.outstanding for each in edgeproxy.proxy._groups["app"].targets.values()])
        edgeproxy.proxy.faults.add(Fault(target="draining", where=APP, lasting=30))
        assert ["draining"] == edgeproxy.states()
        assert 503 == (await edgeproxy.ask()).status
        await conversation.send(b"cd")
        assert b"abcd" == (await conversation.read_message()).body
        await until(lambda: ["healthy"] == edgeproxy.states())
        assert 200 == (await edgeproxy.ask()).status


async def test_connections_are_kept_again_behind_a_draining_mark() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        await edgeproxy.healthy()
        edgeproxy.proxy.faults.remove(edgeproxy.proxy.faults.add(Fault(target="draining", where=APP)))
        for _ in range(3):
            await edgeproxy.ask()
        assert 1 == target.accepted


# ---- living with the configuration


def with_faults(text: str, faults: str) -> str:
    return text.replace("Protocol: HTTP\n", f"Protocol: HTTP\n        Faults: {faults}\n", 1)


async def test_faults_of_the_file_keep_their_counts_over_a_reload() -> None:
    async with ScriptedTarget(answering()) as target:
        text = with_faults(forwarding_to(target.port), "[{Status: 503, Count: 2}]")
        async with running(text) as edgeproxy:
            await edgeproxy.healthy()
            assert 503 == (await edgeproxy.ask()).status
            await edgeproxy.apply(text)
            assert [503, 200] == [(await edgeproxy.ask()).status for _ in range(2)]
            await edgeproxy.apply(text.replace("Count: 2", "Count: 3"))
            assert 503 == (await edgeproxy.ask()).status
            await edgeproxy.apply(forwarding_to(target.port))
            assert 200 == (await edgeproxy.ask()).status
            assert [] == edgeproxy.proxy.faults.list()


async def test_faults_that_were_added_outlive_a_reload_and_wait_for_their_place() -> None:
    async with ScriptedTarget(answering()) as target, running(forwarding_to(target.port)) as edgeproxy:
        await edgeproxy.healthy()
        edgeproxy.proxy.faults.add(Fault(status=503, where=FaultWhere(listener=80)))
        await edgeproxy.apply(forwarding_to(target.port, idle_timeout=30))
        assert 503 == (await edgeproxy.ask()).status
        await edgeproxy.apply(forwarding_to(target.port).replace("Port: 80\n", "Port: 81\n", 1))
        assert ["nowhere"] == [each.state for each in edgeproxy.proxy.faults.list()]
        assert 200 == (await edgeproxy.ask(declared=81)).status
        await edgeproxy.apply(forwarding_to(target.port))
        assert 503 == (await edgeproxy.ask()).status


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        (FaultWhere(listener=81), "Where.Listener: Listener '81' not found. The listeners are: dev:80"),
        (FaultWhere(listener=80, rule=3), "Where.Rule: Rule '3' not found. The listener's rules are: default"),
        (FaultWhere(target_group="ap"), "Where.TargetGroup: Target group 'ap' not found (did you mean app?)"),
        (
            FaultWhere(target_group="app", target="::1"),
            "Where.Target: Target '::1' is not registered in 'app'. Its targets are: 127.0.0.1:",
        ),
    ],
)
async def test_a_place_that_is_not_there_is_refused_and_nothing_changes(where: FaultWhere, sentence: str) -> None:
    async with serving() as edgeproxy:
        with pytest.raises(ConfigError) as caught:
            edgeproxy.proxy.faults.add(Fault(status=503, where=where))
        assert str(caught.value).startswith(sentence)
        assert [] == edgeproxy.proxy.faults.list()
        assert 200 == (await edgeproxy.ask()).status


async def test_a_request_that_has_begun_keeps_its_context() -> None:
    async with serving(script=echoing) as edgeproxy:
        conversation = await edgeproxy.connect()
        await conversation.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab")
        await until(lambda: edgeproxy.connections[0].exchange is not None)
        edgeproxy.proxy.faults.add(Fault(status=503))
        await conversation.send(b"cd")
        assert b"abcd" == (await conversation.read_message()).body
        assert 503 == (await conversation.ask("GET /")).status


# ---- HTTP/2


async def test_over_http2_a_status_is_a_response_and_a_reset_is_a_stream_s(tmp_path: Path) -> None:
    async with ScriptedTarget(answering()) as target, running_tls(forwarding_to(target.port), tmp_path) as edgeproxy:
        await edgeproxy.healthy()
        client = await connect_h2(edgeproxy.port(443))
        edgeproxy.proxy.faults.add(Fault(status=503, count=1))
        edgeproxy.proxy.faults.add(Fault(reset=True, count=1))
        assert 503 == (await client.ask("GET", "/")).status
        with pytest.raises(StreamResetError):
            await client.ask("GET", "/")
        assert 200 == (await client.ask("GET", "/")).status
        await client.conversation.close()


@pytest.mark.parametrize("version", ["HTTP1", "HTTP2"])
async def test_over_http2_bodies_pass_at_the_rate_and_are_cut(tmp_path: Path, version: str) -> None:
    one: Any = ScriptedTarget(answering(BIG)) if version == "HTTP1" else H2Target(answering_h2(BIG))
    async with one as target:
        text = forwarding_to(target.port, group=f"ProtocolVersion: {version}")
        async with running_tls(text, tmp_path) as edgeproxy:
            await edgeproxy.healthy()
            client = await connect_h2(edgeproxy.port(443))
            edgeproxy.proxy.faults.add(Fault(bandwidth=5000, count=1, where=APP))
            begun = time.monotonic()
            assert BIG == (await client.ask("GET", "/")).body
            assert NEARLY * 0.18 <= time.monotonic() - begun
            edgeproxy.proxy.faults.add(Fault(truncate=10, count=1, where=APP))
            with pytest.raises(StreamResetError):
                await client.ask("GET", "/")
            edgeproxy.proxy.faults.add(Fault(close_before_send=True, count=1, where=APP))
            assert 502 == (await client.ask("GET", "/")).status
            edgeproxy.proxy.faults.add(Fault(delay=10, count=1, where=APP))
            assert 200 == (await client.ask("GET", "/")).status
            edgeproxy.proxy.faults.add(Fault(idle_timeout=3000, count=1))
            assert BIG == (await client.ask("GET", "/")).body
            await client.conversation.close()


@pytest.mark.parametrize("others", [0, 1])
async def test_an_http2_connection_that_closes_before_the_request_answers_its_other_streams(
    tmp_path: Path, others: int
) -> None:
    gate = asyncio.Event()

    async def held(stream: H2Stream) -> None:
        if stream.value(":path") == "/held":
            await gate.wait()
        await answering_h2(b"ok")(stream)

    async with (
        H2Target(held) as target,
        running_tls(forwarding_to(target.port, group="ProtocolVersion: HTTP2"), tmp_path) as edgeproxy,
    ):
        await edgeproxy.healthy()
        client = await connect_h2(edgeproxy.port(443))
        waiting = [await client.begin("GET", "/held") for _ in range(others)]
        assert b"ok" == (await client.ask("GET", "/")).body
        (pool,) = edgeproxy.proxy._pools._pools.values()
        (connection,) = pool.connections
        assert isinstance(connection, H2TargetConnection)
        edgeproxy.proxy.faults.add(Fault(close_before_send=True, count=1, where=APP))
        assert 502 == (await client.ask("GET", "/")).status
        assert connection.take() is None
        assert others == len(connection.streams)
        assert 200 == (await client.ask("GET", "/")).status
        gate.set()
        assert [200] * others == [(await client.answer(stream)).status for stream in waiting]
        await until(lambda: connection not in pool.connections)
        await client.conversation.close()


# ---- WebSockets

UPGRADE = request("GET /chat", "Connection: Upgrade", "Upgrade: websocket")
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def tunnel(conversation: Any, head: bytes) -> None:
    await conversation.send(SWITCHING)
    while data := await conversation.read(1 << 16):
        await conversation.send(data)


async def open_tunnel(edgeproxy: RunningProxy) -> Any:
    conversation = await edgeproxy.connect()
    await conversation.send(UPGRADE)
    assert (await conversation.read_head()).startswith(b"HTTP/1.1 101")
    return conversation


async def test_a_tunnel_is_reset_at_its_second() -> None:
    async with serving(Fault(reset=True, after=10), script=tunnel) as edgeproxy:
        conversation = await open_tunnel(edgeproxy)
        await conversation.send(b"ping")
        assert b"ping" == await conversation.read_exactly(4)
        with pytest.raises(ConnectionResetError):
            await conversation.read(1)
        assert 101 == (await record(edgeproxy)).status


@pytest.mark.parametrize("where", [None, APP])
async def test_a_silent_tunnel_is_cut_at_the_faults_idle_timeout(where: FaultWhere | None) -> None:
    async with serving(Fault(idle_timeout=10, where=where), script=tunnel, idle_timeout=4000) as edgeproxy:
        begun = time.monotonic()
        conversation = await open_tunnel(edgeproxy)
        assert b"" == await conversation.read_until_cut()
        assert NEARLY * 0.1 <= time.monotonic() - begun
        assert Outcome.TARGET_SILENT is (await record(edgeproxy)).outcome


async def test_a_tunnel_passes_at_the_rate_and_is_cut_behind_its_bytes() -> None:
    async with serving(Fault(bandwidth=4000, where=APP), script=tunnel) as edgeproxy:
        conversation = await open_tunnel(edgeproxy)
        begun = time.monotonic()
        await conversation.send(BIG)
        assert BIG == await conversation.read_exactly(len(BIG))
        assert NEARLY * 0.1 <= time.monotonic() - begun < 15
        await conversation.close()
        assert "bandwidth" == (await record(edgeproxy)).injected
    async with serving(Fault(truncate=6, where=APP), script=tunnel) as edgeproxy:
        conversation = await open_tunnel(edgeproxy)
        await conversation.send(b"abcdefgh")
        assert b"abcdef" == await conversation.read_until_cut()


async def test_many_faulted_requests_leave_nothing_behind() -> None:
    faults = [
        Fault(delay=2, jitter=2, percentage=50),
        Fault(bandwidth=20_000, percentage=50, where=APP),
        Fault(truncate=1000, percentage=20, where=APP),
        Fault(reset=True, after=3, percentage=30),
        Fault(status=502, percentage=20, where=APP),
    ]
    async with serving(*faults, script=answering(BIG)) as edgeproxy:

        async def once(number: int) -> None:
            conversation = await edgeproxy.connect()
            with contextlib.suppress(ConnectionError):
                await conversation.send(request("GET /"))
                if number % 5:
                    await conversation.read_until_cut() if number % 3 == 0 else await conversation.read(1000)
            conversation.abort()

        await asyncio.gather(*map(once, range(60)))
        await until(lambda: 60 == len(records(edgeproxy)))
        assert not any(each.injection is not None and each.injection._waiting for each in records(edgeproxy))
        assert [0] == [each.outstanding for each in edgeproxy.proxy._groups["app"].targets.values()]


async def test_faults_that_are_over_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeproxy.runtime.faults.MAX_ADDED", 2)
    async with serving(Fault(status=503, count=1), Fault(delay=1)) as edgeproxy:
        with pytest.raises(ConfigError, match="There can be 2 faults at a time; remove some first"):
            edgeproxy.proxy.faults.add(Fault(reset=True))
        await edgeproxy.ask()
        assert "fault-3" == edgeproxy.proxy.faults.add(Fault(status=500))
        assert ["fault-2", "fault-3"] == [each.id for each in edgeproxy.proxy.faults.list()]


# ---- TLS, and the end


async def test_over_tls_resets_and_cuts_are_the_same(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(answering(BIG)) as target,
        running_tls(forwarding_to(target.port), tmp_path) as edgeproxy,
    ):
        await edgeproxy.healthy()
        edgeproxy.proxy.faults.add(Fault(reset=True, count=1))
        edgeproxy.proxy.faults.add(Fault(truncate=50_000))
        tls = {"tls": trusting(), "server_name": "app.test"}
        conversation = await edgeproxy.connect(443, **tls)
        await conversation.send(request("GET /"))
        with pytest.raises(ConnectionResetError):
            await conversation.read(1)
        conversation = await edgeproxy.connect(443, **tls)
        await conversation.send(request("GET /"))
        received = (await conversation.read_until_cut()).partition(b"\r\n\r\n")[2]
        assert BIG[:50_000] == received


@pytest.mark.parametrize(
    "fault",
    [
        Fault(delay=3000),
        Fault(delay=3000, where=APP),
        Fault(bandwidth=1, where=APP),
        Fault(reset=True, after=3000),
        Fault(idle_timeout=50),
        Fault(target="draining", where=APP, lasting=3000),
    ],
)
async def test_a_stop_leaves_no_timer(fault: Fault) -> None:
    async with serving(script=silent if fault.reset or fault.idle_timeout else answering(BIG)) as edgeproxy:
        edgeproxy.proxy.faults.add(fault)
        conversation = await edgeproxy.connect()
        await conversation.send(request("GET /"))
        if fault.target is None:
            await until(lambda: hits(edgeproxy) == [(1, 1)])
        await edgeproxy.proxy.stop(0.0)
        assert edgeproxy.proxy.faults._wake is None
        for found in records(edgeproxy):
            assert found.injection is None or not found.injection._waiting


@pytest.mark.parametrize("where", [None, APP])
async def test_a_call_of_grpc_is_answered_in_grpcs_words(tmp_path: Path, where: FaultWhere | None) -> None:
    async with H2Target(answering_h2()) as target:
        text = forwarding_to(target.port, group="ProtocolVersion: GRPC")
        async with running_tls(text, tmp_path, fault_header=True) as edgeproxy:
            edgeproxy.proxy.faults.add(Fault(status=502, where=where, name="gone"))
            client = await connect_h2(edgeproxy.port(443))
            answer = await client.ask("POST", "/a.B/c", ("content-type", "application/grpc"))
            assert (502, ["14"], ["unavailable"]) == (
                answer.status,
                answer.values("grpc-status"),
                answer.values("grpc-message"),
            )
            assert ["gone"] == answer.values("x-edgeproxy-fault")
            await client.conversation.close()
