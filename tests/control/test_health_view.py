from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control import health_view
from edgeproxy.control.addresses import Address
from edgeproxy.control.admin_client import NotAnsweredError
from edgeproxy.control.admin_documents import health_document
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.model.target import TargetHealth, TargetHealthState
from tests.helpers.ports import reserved_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DISABLED = TargetHealth(TargetHealthState.UNAVAILABLE, "Target.HealthCheckDisabled", "Health checks are disabled")


def test_all_is_fine_while_each_group_has_a_healthy_target(
    proxy: Any, healthy: TargetHealth, timed_out: TargetHealth
) -> None:
    proxy.set_health(timed_out, healthy)

    assert ExitCode.FINE == health_view.verdict(health_document(proxy))


def test_a_group_without_a_healthy_target_is_not_fine(proxy: Any, timed_out: TargetHealth) -> None:
    proxy.set_health(timed_out, fail_open=True)
    document = health_document(proxy)

    assert ExitCode.NOT_FINE == health_view.verdict(document)
    assert [
        "Target group app has no healthy target. All of its targets receive requests (fail open)."
    ] == health_view.complaints(document)


def test_a_group_without_targets_is_not_fine(proxy: Any) -> None:
    proxy.set_health()
    document = health_document(proxy)

    assert ExitCode.NOT_FINE == health_view.verdict(document)
    assert "app\t-\t-\t-\t-\tNo target is registered\t-" == health_view.as_lines(document).splitlines()[0]


def test_a_group_that_nothing_forwards_to_is_not_asked_for_health(proxy: Any, timed_out: TargetHealth) -> None:
    proxy.set_health(timed_out)
    document = health_document(proxy)
    document["TargetGroups"][0]["LoadBalancerName"] = None

    assert ExitCode.FINE == health_view.verdict(document)


def test_disabled_health_checks_are_fine(proxy: Any) -> None:
    """`unavailable` targets receive requests (user guide, target-group-health-checks)."""
    proxy.set_health(DISABLED)

    assert ExitCode.FINE == health_view.verdict(health_document(proxy))


def test_an_edgeproxy_that_drains_is_not_fine(proxy: Any) -> None:
    document = health_document(proxy) | {"Status": "draining"}

    assert ["edgeproxy is draining."] == health_view.complaints(document)


def test_lines_have_columns_separated_by_tabs(proxy: Any, timed_out: TargetHealth) -> None:
    proxy.set_health(timed_out)

    first, _ = health_view.as_lines(health_document(proxy)).splitlines()

    assert "app\t127.0.0.1:8080\t8080\tunhealthy\tTarget.Timeout\tRequest timed out\t-" == first


def test_the_table_shows_the_same(proxy: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    """AWS puts the failed codes into square brackets, which rich would take for markup."""
    monkeypatch.setenv("COLUMNS", "200")
    reason = "Health checks failed with these codes: [500]"
    proxy.set_health(TargetHealth(TargetHealthState.UNHEALTHY, "Target.ResponseCodeMismatch", reason))
    health_view.print_table(health_document(proxy))

    shown = capsys.readouterr().out

    assert reason in shown
    assert "Target group app has no healthy target." in shown


@pytest.fixture
def serve_once() -> Iterator[Callable[[bytes], Address]]:
    """A server that sends the given bytes to its first client, whatever it asks."""
    servers: list[tuple[socket.socket, threading.Thread]] = []

    def start(answer: bytes) -> Address:
        server = socket.create_server(("127.0.0.1", 0))

        def run() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        thread = threading.Thread(target=run)
        thread.start()
        servers.append((server, thread))
        return Address("127.0.0.1", server.getsockname()[1])

    yield start
    for server, thread in servers:
        thread.join()
        server.close()


def test_an_answer_is_fetched_whole(serve_once: Callable[[bytes], Address]) -> None:
    document = {"Status": "draining", "TargetGroups": [], "Padding": "x" * 200_000}
    answer = b"HTTP/1.0 503 Service Unavailable\r\n\r\n" + json.dumps(document).encode()

    assert document == health_view.fetch(serve_once(answer))


@pytest.mark.parametrize(
    "answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.0 200 OK\r\n\r\n[]", b"HTTP/1.0 200 OK\r\n\r\n{}"]
)
def test_another_program_on_the_port_is_told_apart(answer: bytes, serve_once: Callable[[bytes], Address]) -> None:
    with pytest.raises(NotAnsweredError, match="is not edgeproxy's admin endpoint"):
        health_view.fetch(serve_once(answer))


def test_nothing_running_is_not_fine(capsys: pytest.CaptureFixture[str]) -> None:
    with reserved_port() as port:
        assert ExitCode.NOT_FINE == health_view.show(Address("127.0.0.1", port), as_json=False)
    assert f"No edgeproxy answers at 127.0.0.1:{port}: Connection refused." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fail_open", "dns_failover", "expected"),
    [
        (False, False, "-"),
        (True, False, "fail open"),
        (False, True, "DNS failover"),
        (True, True, "fail open, DNS failover"),
    ],
)
def test_the_last_column_says_what_group_health_does(
    proxy: Any, healthy: TargetHealth, *, fail_open: bool, dns_failover: bool, expected: str
) -> None:
    proxy.set_health(healthy, fail_open=fail_open)
    document = health_document(proxy)
    document["TargetGroups"][0]["DnsFailover"] = dns_failover

    assert expected == health_view.as_lines(document).split("\t")[-1]
