"""gRPC by `grpcio` through a process of its own: every kind of call, errors of both sides, time, log and metrics."""

from __future__ import annotations

import threading
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.helpers.grpc_service import SERVICE, GrpcService, grpc_channel, refusal
from tests.helpers.https import over_tls
from tests.helpers.proxies import forwarding_to

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.helpers.process import EdgeProxyProcess

PAGE = "load-balancer-target-groups"
TIMEOUT = 30


@pytest.fixture
def service() -> Iterator[GrpcService]:
    with GrpcService() as service:
        yield service


@pytest.fixture
def serve(run_edgeproxy: Callable[..., EdgeProxyProcess], tmp_path: Path) -> Callable[..., EdgeProxyProcess]:
    """Starts a load balancer in front of a port; the target group's version is GRPC unless told otherwise."""

    def start(
        *ports: int, version: str = "GRPC", protocol: str = "HTTP", idle_timeout: int = 60, time_scale: float = 1
    ) -> EdgeProxyProcess:
        text = forwarding_to(*ports, group=f"ProtocolVersion: {version}", idle_timeout=idle_timeout)
        text = text.replace("{Name: app, Protocol: HTTP,", f"{{Name: app, Protocol: {protocol},")
        file = tmp_path / "edgeproxy.yaml"
        file.write_text(over_tls(text, tmp_path))
        return run_edgeproxy(
            *("run", "-c", file, "--bind", "443=127.0.0.1:0", "--admin", "127.0.0.1:0"),
            *("--time-scale", str(time_scale)),
        )

    return start


@pytest.mark.conformance("gRPC", "unary, client, server and bidirectional streaming; trailing metadata passes", PAGE)
@pytest.mark.parametrize(("version", "protocol"), [("GRPC", "HTTP"), ("GRPC", "HTTPS"), ("HTTP2", "HTTP")])
def test_every_kind_of_call(serve: Callable[..., EdgeProxyProcess], version: str, protocol: str) -> None:
    with GrpcService(is_tls=protocol == "HTTPS") as service:
        edgeproxy = serve(service.port, version=version, protocol=protocol)
        with grpc_channel(edgeproxy.listeners[443]) as channel:
            answer, call = channel.unary_unary(f"{SERVICE}Wrap").with_call(
                b"a", metadata=(("x-mine", "1"),), timeout=TIMEOUT
            )
            trailing = dict(call.trailing_metadata())
            counted = list(channel.unary_stream(f"{SERVICE}Count")(b"5", timeout=TIMEOUT))
            joined = channel.stream_unary(f"{SERVICE}Join")(iter([b"a", b"b", b"c"]), timeout=TIMEOUT)
            echoed = list(channel.stream_stream(f"{SERVICE}Echo")(iter([b"a", b"b"]), timeout=TIMEOUT))

    assert (b"<a>", {"x-trailing": "1", "x-bytes-bin": b"\x00\xff"}) == (answer, trailing)
    assert ([b"0", b"1", b"2", b"3", b"4"], b"a,b,c", [b"a", b"b"]) == (counted, joined, echoed)
    assert ("1", "https", "443") == tuple(
        service.metadata[0][name] for name in ("x-mine", "x-forwarded-proto", "x-forwarded-port")
    )


def test_a_bidirectional_stream_is_a_conversation(service: GrpcService, serve: Callable[..., Any]) -> None:
    """Each message is answered before the next one is sent."""
    edgeproxy = serve(service.port)
    turn = threading.Semaphore(1)

    def questions() -> Iterator[bytes]:
        for number in range(100):
            turn.acquire()
            yield b"%d" % number

    with grpc_channel(edgeproxy.listeners[443]) as channel:
        answers = []
        for answer in channel.stream_stream(f"{SERVICE}Echo")(questions(), timeout=TIMEOUT):
            answers.append(answer)
            turn.release()

    assert [b"%d" % number for number in range(100)] == answers


def resident(edgeproxy: EdgeProxyProcess) -> int:
    """Bytes of memory that the process has."""
    status = Path(f"/proc/{edgeproxy.process.pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def test_ten_thousand_messages_pass_and_leave_no_memory_behind(
    service: GrpcService, serve: Callable[..., EdgeProxyProcess]
) -> None:
    """40 MB each way on one stream."""
    count, message = 10_000, bytes(4096)
    edgeproxy = serve(service.port)
    with grpc_channel(edgeproxy.listeners[443]) as channel:
        call = channel.stream_stream(f"{SERVICE}Echo")
        assert 100 == sum(1 for _ in call(iter([message] * 100), timeout=TIMEOUT))
        before = resident(edgeproxy)
        highest = before
        received = 0
        for answer in call(iter([message] * count), timeout=120):
            assert len(message) == len(answer)
            received += 1
            if not received % 500:
                highest = max(highest, resident(edgeproxy))

    assert count == received
    assert highest - before < 8 << 20


def test_a_client_that_does_not_read_stops_its_own_stream(
    service: GrpcService, serve: Callable[..., EdgeProxyProcess]
) -> None:
    """The service echoes, nobody takes the echo: windows close all the way back, and memory stays."""
    count, message = 10_000, bytes(4096)
    sent = 0

    def messages() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(count):
            sent += 1
            yield message

    edgeproxy = serve(service.port)
    with grpc_channel(edgeproxy.listeners[443]) as channel:
        echo = channel.stream_stream(f"{SERVICE}Echo")
        assert 100 == sum(1 for _ in echo(iter([message] * 100), timeout=TIMEOUT))
        before = resident(edgeproxy)
        call = echo(messages(), timeout=120)
        assert message == next(call)
        seen = -1
        while seen != sent:
            seen = sent
            threading.Event().wait(0.3)
        assert seen < count
        assert resident(edgeproxy) - before < 8 << 20
        assert count - 1 == sum(1 for _ in call)


# ---- errors


@pytest.mark.conformance("gRPC", "the service's own errors pass unchanged", PAGE)
def test_an_error_of_the_service_passes_with_its_details(service: GrpcService, serve: Callable[..., Any]) -> None:
    edgeproxy = serve(service.port)
    with grpc_channel(edgeproxy.listeners[443]) as channel:
        refused = refusal(lambda: channel.unary_unary(f"{SERVICE}Refuse")(b"", timeout=TIMEOUT))
        unknown = refusal(lambda: channel.unary_unary(f"{SERVICE}Nothing")(b"", timeout=TIMEOUT))

    assert ("FAILED_PRECONDITION", "not today: ü") == refused
    assert ("UNIMPLEMENTED", "Method not found!") == unknown


@pytest.mark.conformance("gRPC", "502 is grpc-status 14, unavailable", "observed")
def test_a_service_that_is_down_is_unavailable_and_comes_back(serve: Callable[..., EdgeProxyProcess]) -> None:
    with GrpcService() as service:
        edgeproxy = serve(service.port)
        with grpc_channel(edgeproxy.listeners[443]) as channel:
            call = channel.unary_unary(f"{SERVICE}Wrap")
            assert b"<a>" == call(b"a", timeout=TIMEOUT)
            service.stop()
            down = refusal(lambda: call(b"a", timeout=TIMEOUT))

    assert ("UNAVAILABLE", "unavailable") == down


@pytest.mark.conformance("gRPC", "503 is grpc-status 14, unavailable", "nginx's template", status="default")
def test_a_group_without_targets_is_unavailable(serve: Callable[..., EdgeProxyProcess]) -> None:
    edgeproxy = serve()
    with grpc_channel(edgeproxy.listeners[443]) as channel:
        refused = refusal(lambda: channel.unary_unary(f"{SERVICE}Wrap")(b"a", timeout=TIMEOUT))

    assert ("UNAVAILABLE", "unavailable") == refused


@pytest.mark.conformance("protocol versions", "gRPC to an HTTP1 group is a 464", "load-balancer-troubleshooting")
def test_a_call_to_an_http1_group_is_a_464(service: GrpcService, serve: Callable[..., EdgeProxyProcess]) -> None:
    edgeproxy = serve(service.port, version="HTTP1")
    with grpc_channel(edgeproxy.listeners[443]) as channel:
        code, details = refusal(lambda: channel.unary_unary(f"{SERVICE}Wrap")(b"a", timeout=TIMEOUT))

    assert "UNKNOWN" == code
    assert "464" in details


# ---- time


def test_a_deadline_reaches_the_service_and_ends_the_call(
    service: GrpcService, serve: Callable[..., EdgeProxyProcess]
) -> None:
    edgeproxy = serve(service.port)
    with grpc_channel(edgeproxy.listeners[443]) as channel:
        channel.unary_unary(f"{SERVICE}Wrap")(b"", timeout=TIMEOUT)
        late = refusal(lambda: channel.unary_unary(f"{SERVICE}Wait")(b"", timeout=0.3))
        assert service.cancelled.wait(TIMEOUT)

    assert "DEADLINE_EXCEEDED" == late[0]


def test_cancelling_reaches_the_service(service: GrpcService, serve: Callable[..., EdgeProxyProcess]) -> None:
    edgeproxy = serve(service.port)
    with grpc_channel(edgeproxy.listeners[443]) as channel:
        call = channel.unary_unary(f"{SERVICE}Wait").future(b"", timeout=TIMEOUT)
        assert service.waiting.wait(TIMEOUT)
        call.cancel()
        assert service.cancelled.wait(TIMEOUT)

        assert b"<a>" == channel.unary_unary(f"{SERVICE}Wrap")(b"a", timeout=TIMEOUT)


@pytest.mark.conformance("gRPC", "the idle timeout applies to streams", "edit-load-balancer-attributes")
def test_a_call_that_is_silent_for_the_idle_timeout_is_unavailable(
    service: GrpcService, serve: Callable[..., EdgeProxyProcess]
) -> None:
    edgeproxy = serve(service.port, time_scale=0.1, idle_timeout=10)
    with grpc_channel(edgeproxy.listeners[443]) as channel:
        silent = refusal(lambda: channel.unary_unary(f"{SERVICE}Wait")(b"", timeout=TIMEOUT))
        assert service.cancelled.wait(TIMEOUT)

    assert ("UNAVAILABLE", "unavailable") == silent


# ---- what is written down


@pytest.mark.conformance("access log", "the type of a call is grpcs", "load-balancer-access-logs")
@pytest.mark.conformance("metrics", "GrpcRequestCount", "load-balancer-cloudwatch-metrics")
def test_calls_are_logged_as_grpcs_and_counted(service: GrpcService, serve: Callable[..., EdgeProxyProcess]) -> None:
    edgeproxy = serve(service.port)
    with grpc_channel(edgeproxy.listeners[443]) as channel:
        for _ in range(3):
            channel.unary_unary(f"{SERVICE}Wrap")(b"a", timeout=TIMEOUT)
        refusal(lambda: channel.unary_unary(f"{SERVICE}Refuse")(b"", timeout=TIMEOUT))
    with urllib.request.urlopen(f"http://{edgeproxy.admin}/metrics") as response:
        metrics = response.read().decode()
    edgeproxy.stop()
    fields = [line.split(" ") for line in edgeproxy.access_log()]

    assert 'aws_applicationelb_grpc_request_count_total{load_balancer="dev",target_group="app"} 4.0' in metrics
    assert [("grpcs", "200", "200")] * 4 == [(each[0], each[8], each[9]) for each in fields]
    assert f'"POST https://app.test:443{SERVICE}Wrap HTTP/2.0"' == " ".join(fields[0][12:15])
