"""A load balancer for one test: where it is, who trusts it, how it is changed, and its time."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from edgeproxy.errors import ConfigError
from edgeproxy.testing import Alb, targets, throw_away_ca
from tests.helpers.proxies import open_files, opened_since

if TYPE_CHECKING:
    from collections.abc import Iterator


WITH_TRUST_STORE = """\
LoadBalancers:
  - Name: mtls
    Listeners:
      - Port: 443
        Protocol: HTTPS
        Certificates: [{CertificateArn: dev}]
        MutualAuthentication: {Mode: verify, TrustStoreArn: clients}
        DefaultActions: [{Type: forward, TargetGroupArn: app}]
TrustStores: [{Name: clients, CaCertificatesBundle: ca.pem}]
TargetGroups: [{Name: app, Protocol: HTTP, Port: 8080}]
"""


@pytest.fixture
def alb() -> Iterator[Alb]:
    with Alb() as made:
        yield made


def status(alb: Alb, path: str = "/") -> int:
    return alb.clients.urllib3().request("GET", alb.url(path)).status


@pytest.mark.parametrize("scale", [0, -1, float("inf"), float("nan")])
def test_time_runs_at_some_scale(scale: float) -> None:
    with pytest.raises(ValueError, match="must be a number above 0"):
        Alb(time_scale=scale)


def test_it_is_on_free_ports_and_targets_see_the_declared_ones(alb: Alb) -> None:
    alb.register(targets.answering())

    assert 200 == status(alb)
    (request,) = alb.expect()
    assert ("443", "localhost") == (request.target_headers["X-Forwarded-Port"], request.target_headers["Host"])
    assert {80, 443} == set(alb.real_ports())
    assert not {80, 443} & set(alb.real_ports().values())


def test_redirects_of_the_default_lead_to_where_https_really_is(alb: Alb) -> None:
    answer = alb.clients.urllib3().request("GET", alb.http_url("/x?y"), redirect=False)

    assert (301, alb.url("/x?y")) == (answer.status, answer.headers["Location"])


async def test_the_asynchronous_context_manager_is_the_same() -> None:
    async with Alb(targets=[targets.answering("hi")]) as alb, alb.clients.aiohttp() as session:
        await alb.wait_healthy()
        async with session.get("https://localhost/") as response:
            assert "hi" == await response.text()


async def test_a_blocking_client_in_an_asynchronous_test_is_answered() -> None:
    async with Alb() as alb:
        assert 503 == status(alb)


def test_nothing_of_it_is_left_behind() -> None:
    throw_away_ca()
    files = open_files()
    threads = set(threading.enumerate())
    with Alb(targets=[targets.answering(), targets.silent()]) as alb:
        status(alb)
        alb.clients.connect()

    assert not opened_since(files)
    assert threads >= set(threading.enumerate())


def test_a_load_balancer_that_cannot_start_leaves_nothing_behind() -> None:
    threads = set(threading.enumerate())
    broken = {
        "LoadBalancers": [
            {
                "Name": "alb",
                "Listeners": [
                    {
                        "Port": 443,
                        "Protocol": "HTTPS",
                        "Certificates": [{"CertificateArn": "missing.pem"}],
                        "DefaultActions": [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
                    }
                ],
            }
        ]
    }
    with pytest.raises(ConfigError, match=r"missing\.pem"):
        Alb(broken, targets=[]).start()

    assert threads >= set(threading.enumerate())


def test_what_does_not_run_says_so(alb: Alb) -> None:
    with pytest.raises(RuntimeError, match="has been started already"):
        alb.start()
    with pytest.raises(RuntimeError, match="does not run"):
        _ = Alb().requests
    alb.stop()
    alb.stop()


def test_a_subprocess_trusts_it(alb: Alb) -> None:
    code = f"import ssl, urllib.request; print(urllib.request.urlopen('{alb.url()}').status)"
    alb.add_rule(path="/", fixed_response=200)

    said = subprocess.run([sys.executable, "-c", code], env=alb.env, capture_output=True, text=True, check=True)
    assert "200\n" == said.stdout


def test_a_reset_brings_back_the_beginning() -> None:
    target, late = targets.answering(), targets.answering()
    with Alb(targets=[target]) as alb:
        target.health_status = 500
        alb.advance(60)
        assert ["unhealthy"] == [each.state for each in alb.target_health()]
        alb.add_rule(path="/", fixed_response=418)
        alb.register(late)
        assert 418 == status(alb)
        sock = alb.clients.connect()
        target.health_status = 200

        alb.reset()

        assert -1 == sock.fileno()
        assert ([], []) == (alb.requests, alb.access_log)
        assert (True, False) == (target.is_started, late.is_started)
        assert 200 == status(alb)
        alb.advance(0)  # the first check is waited for; one that was unhealthy would need five
        assert ["healthy"] == [each.state for each in alb.target_health()]


# ---- reset


def test_a_reset_closes_what_clients_left_open() -> None:
    """A session that resets a thousand times has as many sockets as at its beginning."""
    with Alb(targets=[targets.answering()]) as alb:
        left = [alb.clients.connect() for _ in range(3)]
        alb.reset()
        assert [-1] * 3 == [each.fileno() for each in left]
        assert alb.clients.requests().get("https://localhost/").ok


def test_a_reset_leads_http_to_where_https_is_now() -> None:
    with Alb(targets=[targets.answering("hi")]) as alb:
        alb.apply({"LoadBalancers": [], "TargetGroups": []})
        alb.reset()
        assert "hi" == requests.get(alb.http_url("/x"), verify=alb.ca_file, timeout=10).text


def test_a_reset_returns_to_the_folder_of_the_configuration(tmp_path: Path) -> None:
    """Its relative paths mean the same as at the start."""
    (tmp_path / "ca.pem").write_bytes(Path(throw_away_ca().file).read_bytes())
    (tmp_path / "edgeproxy.yaml").write_text(WITH_TRUST_STORE, encoding="utf-8")
    with Alb(tmp_path / "edgeproxy.yaml") as alb:
        alb.apply({"LoadBalancers": [], "TargetGroups": []})
        alb.reset()
        assert ["clients"] == [each.name for each in alb.topology.trust_stores]


# ---- names that mean nothing


def test_a_name_that_is_none_is_refused() -> None:
    with Alb(targets=[targets.answering()]) as alb:
        with pytest.raises(ConfigError, match="typo"):
            alb.wait_healthy("typo")
        with pytest.raises(ConfigError, match="typo"):
            alb.target_health("typo")
        with pytest.raises(ConfigError, match="The listener has no rule '99'"):
            alb.remove_rule(99)
