"""Where lines go while a proxy runs and its configuration changes."""

from __future__ import annotations

import asyncio
import functools
import io
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.runtime import client_connection
from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.access_log_line import LineFormat
from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.log_outlets import LogOutlet, LogOutlets
from tests.helpers.log_bucket import LogBucket
from tests.helpers.proxies import answering_itself, forwarding_to, running, topology
from tests.helpers.targets import ScriptedTarget, answering, gated
from tests.helpers.wait import until

if TYPE_CHECKING:
    from pathlib import Path

    from edgeproxy.model.load_balancer import LogName

PAGE = "load-balancer-access-logs"
LOGS: tuple[LogName, ...] = ("access_logs", "connection_logs", "health_check_logs")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def bucket(tmp_path: Path) -> LogBucket:
    return LogBucket(tmp_path / "bucket")


def on(bucket: LogBucket, *logs: str, prefix: str = "") -> str:
    """Attributes that switch logs on."""
    return ", ".join(
        f"{log}.s3.enabled: true, {log}.s3.bucket: '{bucket.url}', {log}.s3.prefix: '{prefix}'" for log in logs or LOGS
    )


@pytest.mark.conformance("log files", "attributes switch each of the three logs on", PAGE)
@pytest.mark.both_loops
async def test_each_log_goes_to_its_objects(bucket: LogBucket) -> None:
    async with (
        ScriptedTarget(answering()) as target,
        running(forwarding_to(target.port, attributes=on(bucket, prefix="a/b")), time_scale=0.005) as edgeproxy,
    ):
        client = await edgeproxy.connect()
        await client.ask("GET /")
        await client.ask("GET /")
        await edgeproxy.healthy()

    assert {
        "a/b/AWSLogs/000000000000/ELBAccessLogTestFile",
        "a/b/AWSLogs/000000000000/ELBConnectionLogTestFile",
        "a/b/AWSLogs/000000000000/ELBHealthCheckLogTestFile",
    } == bucket.test_objects()
    assert (2, 1) == (len(bucket.lines()), len(bucket.lines("connection_logs")))
    assert {"PASS"} == {line.split(" ")[5] for line in bucket.lines("health_check_logs")}
    assert [] == bucket.partial()
    assert {"127.0.0.1"} == {path.name.split("_")[-2] for path in bucket.objects()}
    (key,) = bucket.objects()
    assert str(key.relative_to(bucket.path)).startswith("a/b/AWSLogs/000000000000/elasticloadbalancing/us-east-1/20")


async def test_a_line_goes_to_the_stream_as_well(bucket: LogBucket) -> None:
    stream = io.StringIO()
    log = AccessLog(stream)
    text = answering_itself().replace("{idle", f"{{{on(bucket, 'access_logs')}, idle")
    async with running(text, access_log=log) as edgeproxy:
        for _ in range(3):
            await edgeproxy.ask()
    log.close()

    assert 3 == len(bucket.lines())
    assert bucket.lines() == stream.getvalue().splitlines()


async def test_delivery_on_demand(bucket: LogBucket) -> None:
    text = answering_itself().replace("{idle", f"{{{on(bucket)}, idle")
    async with running(text) as edgeproxy:
        await edgeproxy.ask()
        assert await edgeproxy.proxy.deliver_logs()
        assert (1, 1) == (len(bucket.lines()), len(bucket.lines("connection_logs")))
        await edgeproxy.ask()
        assert await edgeproxy.proxy.deliver_logs()

        assert (2, 2) == (len(bucket.lines()), len(bucket.objects()))


@pytest.mark.conformance("log files", "each load balancer has its own", PAGE)
async def test_each_load_balancer_has_its_own_objects(bucket: LogBucket) -> None:
    first = answering_itself(listeners=(80,)).replace("{idle", f"{{{on(bucket)}, idle")
    second = answering_itself(listeners=(81,)).replace("Name: dev", "Name: other").replace("LoadBalancers:\n", "")
    third = second.replace("Name: other", "Name: third").replace("Port: 81", "Port: 82")
    text = first + second.replace("{idle", f"{{{on(bucket)}, idle") + third
    async with running(text) as edgeproxy:
        for port, count in ((80, 1), (81, 2), (82, 3)):
            for _ in range(count):
                await edgeproxy.ask(declared=port)

    assert [1, 2, 0] == [len(bucket.lines(owner=owner)) for owner in ("dev", "other", "third")]
    assert all("app/other/" in line for line in bucket.lines(owner="other"))


@pytest.mark.both_loops
async def test_a_reload_that_changes_the_bucket_loses_nothing(tmp_path: Path) -> None:
    """Requests go on all the time; each has one line in one of the buckets."""
    buckets = [LogBucket(tmp_path / name) for name in ("first", "second")]
    asked = 0
    async with (
        ScriptedTarget(answering()) as target,
        running(forwarding_to(target.port, attributes=on(buckets[0])), time_scale=1) as edgeproxy,
    ):

        async def ask() -> None:
            nonlocal asked
            client = await edgeproxy.connect()
            while asked < 600:
                asked += 1
                await client.ask("GET /")

        def has_asked(count: int) -> bool:
            return asked >= count

        tasks = [asyncio.create_task(ask()) for _ in range(4)]
        for turn in range(1, 6):
            await until(functools.partial(has_asked, 100 * turn))
            attributes = on(buckets[turn % 2])
            await edgeproxy.apply(forwarding_to(target.port, attributes=attributes))
        await asyncio.gather(*tasks)

    assert asked == len([*buckets[0].lines(), *buckets[1].lines()])
    assert 100 < len(buckets[0].lines()) < 500
    assert [[], []] == [each.partial() for each in buckets]


async def test_a_request_under_way_is_logged_where_the_log_goes_when_it_ends(tmp_path: Path) -> None:
    first, second = LogBucket(tmp_path / "first"), LogBucket(tmp_path / "second")
    gate = asyncio.Event()
    async with (
        ScriptedTarget(gated(gate, OK)) as target,
        running(forwarding_to(target.port), time_scale=1) as edgeproxy,
    ):
        asking = asyncio.create_task(edgeproxy.ask())
        await until(lambda: target.heads)
        await edgeproxy.apply(forwarding_to(target.port, attributes=on(first)))
        await edgeproxy.apply(forwarding_to(target.port, attributes=on(second)))
        gate.set()
        await asking

    assert (0, 1) == (len(first.lines()), len(second.lines()))
    assert {"AWSLogs/000000000000/ELBAccessLogTestFile"} <= first.test_objects()


async def test_a_log_that_is_switched_off_is_completed(bucket: LogBucket) -> None:
    text = answering_itself()
    async with running(text.replace("{idle", f"{{{on(bucket)}, idle"), time_scale=1) as edgeproxy:
        await edgeproxy.ask()
        await edgeproxy.apply(text)
        await edgeproxy.ask()
        await until(lambda: len(bucket.lines()) == 1)

    assert 1 == len(bucket.lines())


async def test_a_reload_that_changes_nothing_writes_no_second_test_object(bucket: LogBucket) -> None:
    text = answering_itself().replace("{idle", f"{{{on(bucket, 'access_logs')}, idle")
    async with running(text) as edgeproxy:
        before = edgeproxy.proxy._logs.of("dev").access.directory
        await edgeproxy.apply(text)

        assert before is edgeproxy.proxy._logs.of("dev").access.directory


async def test_a_load_balancer_that_goes_completes_its_logs(bucket: LogBucket) -> None:
    text = answering_itself(listeners=(80,)).replace("{idle", f"{{{on(bucket)}, idle")
    async with running(text) as edgeproxy:
        await edgeproxy.ask()
        await edgeproxy.apply(answering_itself(listeners=(81,)).replace("Name: dev", "Name: other"))
        await until(lambda: len(bucket.lines()) == 1)


async def test_a_directory_that_cannot_be_written_does_not_stop_serving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "file"
    file.write_text("not a directory")
    text = answering_itself().replace("{idle", f"{{{on(LogBucket(file), 'access_logs')}, idle")
    async with running(text) as edgeproxy:
        answers = [(await edgeproxy.ask()).status for _ in range(3)]
        directory = edgeproxy.proxy._logs.of("dev").access.directory
        assert directory is not None

    assert [200] * 3 == answers
    assert 3 == directory.dropped
    assert 1 == len([message for message in caplog.messages if "cannot be written" in message])


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every line that was rendered."""
    lines: list[str] = []
    render = LineFormat.render

    def noticed(*arguments: Any) -> str:
        lines.append(render(*arguments))
        return lines[-1]

    monkeypatch.setattr(LineFormat, "render", noticed)
    return lines


async def test_what_nobody_reads_is_not_rendered(rendered: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_connection.ClientConnection, "trace_id", property(lambda _: 1 / 0))
    async with running(answering_itself()) as edgeproxy:
        assert 200 == (await edgeproxy.ask()).status

    assert [] == rendered


async def test_what_two_read_is_rendered_once(rendered: list[str], bucket: LogBucket) -> None:
    log = AccessLog(io.StringIO())
    text = answering_itself().replace("{idle", f"{{{on(bucket)}, idle")
    async with running(text, access_log=log) as edgeproxy:
        await edgeproxy.ask()
    log.close()

    assert 1 == len(rendered)


def test_an_outlet_that_leads_nowhere_takes_nothing() -> None:
    outlet = LogOutlet(None)
    assert None is outlet.write
    log = AccessLog(io.StringIO())
    assert log.write == LogOutlet(log).write


async def test_a_bucket_of_s3_leads_nowhere() -> None:
    outlets = LogOutlets(clock=Clock())
    attributes = "access_logs.s3.enabled: true, access_logs.s3.bucket: my-logs"
    outlets.apply(topology(answering_itself().replace("{idle", f"{{{attributes}, idle")))

    assert None is outlets.of("dev").access.write
