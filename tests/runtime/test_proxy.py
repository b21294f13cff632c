"""A whole proxy: reloads that nobody notices, reloads that are refused, and the end."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import trustme

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.errors import BindError, ConfigError
from edgeproxy.runtime.listener import ListenerSocket
from edgeproxy.runtime.proxy import Bind, EdgeProxy
from edgeproxy.runtime.status import ProxyState
from edgeproxy.runtime.tls import ListenerTls
from tests.helpers.conversation import request
from tests.helpers.proxies import RunningProxy, answering_itself, forwarding_to, running, topology
from tests.helpers.targets import ScriptedTarget, answering, gated
from tests.helpers.wait import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.helpers.conversation import Message

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CA = trustme.CA()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


def certificate(path: Path, name: str) -> Path:
    path.write_bytes(CA.issue_cert(name).private_key_and_cert_chain_pem.bytes())
    return path


def https(*certificates: str, port: int = 443, policy: str = "") -> str:
    listed = ", ".join(f"{{CertificateArn: {each}}}" for each in certificates)
    return answering_itself(listeners=(port,)).replace(
        "Protocol: HTTP\n", f"Protocol: HTTPS\n        Certificates: [{listed}]\n{policy}"
    )


@pytest.fixture
def locator(tmp_path: Path) -> FileCertificateLocator:
    return FileCertificateLocator(tmp_path, tmp_path / "certs")


async def ask_over_tls(edgeproxy: RunningProxy, name: str) -> Message:
    client = await edgeproxy.connect(443, tls=trusting(), server_name=name)
    answer = await client.ask("GET /")
    await client.close()
    return answer


# ---- reloads


@pytest.mark.both_loops
async def test_a_reload_holds_from_the_next_request_on_open_connections_too() -> None:
    async with running(answering_itself("before")) as edgeproxy:
        client = await edgeproxy.connect()
        before = await client.ask("GET /")
        await edgeproxy.apply(answering_itself("after"))
        after = await client.ask("GET /")

    assert [b"before", b"after"] == [before.body, after.body]


async def test_a_request_that_is_under_way_finishes_as_it_began() -> None:
    gate = asyncio.Event()
    async with ScriptedTarget(gated(gate, OK)) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: target.heads)
        await edgeproxy.apply(answering_itself("after"))
        gate.set()
        bodies = [(await client.read_message()).body, (await client.ask("GET /")).body]

    assert [b"ok", b"after"] == bodies


@pytest.mark.both_loops
async def test_a_listener_comes_and_goes_without_a_word_to_the_others() -> None:
    async with running(answering_itself("one")) as edgeproxy:
        client = await edgeproxy.connect()
        port = edgeproxy.port()
        await client.ask("GET /")
        await edgeproxy.apply(answering_itself("two", listeners=(80, 81)))
        added = await edgeproxy.ask(declared=81)
        idle = await edgeproxy.connect(81)
        await idle.ask("GET /")
        await edgeproxy.apply(answering_itself("three"))
        rest = await idle.read_to_end()
        still = await client.ask("GET /")

        assert port == edgeproxy.port()
        assert [80] == [listener.port for listener in edgeproxy.proxy.listeners]

    assert (b"two", b"", b"three") == (added.body, rest, still.body)


async def test_a_request_on_a_listener_that_goes_is_finished() -> None:
    gate = asyncio.Event()
    async with ScriptedTarget(gated(gate, OK)) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: target.heads)
        await edgeproxy.apply(answering_itself(listeners=(81,)))
        gate.set()
        answer = await client.read_message()
        rest = await client.read_to_end()

    assert (b"ok", b"", False) == (answer.body, rest, answer.keeps_alive)


@pytest.mark.both_loops
async def test_a_port_that_is_taken_leaves_the_old_configuration_serving() -> None:
    async with running(answering_itself("old")) as edgeproxy:
        old = edgeproxy.proxy.topology
        edgeproxy.proxy._binds = {**edgeproxy.proxy._binds, 81: Bind("127.0.0.1", edgeproxy.port())}
        with pytest.raises(BindError, match="is taken"):
            await edgeproxy.apply(answering_itself("new", listeners=(80, 82, 81)))
        answer = await edgeproxy.ask()

        assert old is edgeproxy.proxy.topology
        assert [80] == [listener.port for listener in edgeproxy.proxy.listeners]

    assert b"old" == answer.body


async def test_a_bad_certificate_leaves_the_old_configuration_serving(
    tmp_path: Path, locator: FileCertificateLocator
) -> None:
    certificate(tmp_path / "good.pem", "app.test")
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nnot really\n-----END CERTIFICATE-----\n")
    async with running(https("good.pem"), certificates=locator) as edgeproxy:
        with pytest.raises(ConfigError, match=r"Certificates\[0\]"):
            await edgeproxy.apply(https("bad.pem"))
        with pytest.raises(ConfigError, match="does not exist"):
            await edgeproxy.apply(https("good.pem", "missing.pem"))

        assert 200 == (await ask_over_tls(edgeproxy, "app.test")).status


async def test_without_a_way_to_certificates_an_https_listener_is_refused() -> None:
    with pytest.raises(ConfigError, match="no way to find certificates"):
        await EdgeProxy().start(topology(https("dev")))


@pytest.mark.both_loops
async def test_a_changed_list_of_certificates_neither_drops_nor_refuses_connections(
    tmp_path: Path, locator: FileCertificateLocator
) -> None:
    certificate(tmp_path / "one.pem", "one.test")
    certificate(tmp_path / "two.pem", "two.test")
    # Patient: the old connection must outlive a busy machine's handshakes.
    async with running(https("one.pem"), certificates=locator, time_scale=0.1) as edgeproxy:
        old = await edgeproxy.connect(443, tls=trusting(), server_name="one.test")
        await old.ask("GET /")
        answers: list[int] = []

        async def keep_asking() -> None:
            while not done:
                answers.append((await ask_over_tls(edgeproxy, "one.test")).status)

        done = False
        asking = asyncio.create_task(keep_asking())
        await until(lambda: answers)
        for _ in range(5):
            await edgeproxy.apply(https("one.pem", "two.pem"))
            await edgeproxy.apply(https("one.pem"))
        await edgeproxy.apply(https("one.pem", "two.pem"))
        seen = len(answers)
        await until(lambda: len(answers) > seen + 2)
        done = True
        await asking
        new = await ask_over_tls(edgeproxy, "two.test")
        still = await old.ask("GET /")

    assert {200} == set(answers)
    assert (200, 200) == (new.status, still.status)


async def test_a_listener_may_change_from_http_to_https(tmp_path: Path, locator: FileCertificateLocator) -> None:
    certificate(tmp_path / "app.pem", "app.test")
    async with running(answering_itself(listeners=(443,)), certificates=locator) as edgeproxy:
        plain = await edgeproxy.connect(443)
        await plain.ask("GET /")
        await edgeproxy.apply(https("app.pem"))
        still = await plain.ask("GET /")
        secret = await ask_over_tls(edgeproxy, "app.test")

        assert ["HTTPS"] == [listener.protocol for listener in edgeproxy.proxy.listeners]

    assert (200, 200) == (still.status, secret.status)


async def test_changed_certificate_files_are_presented_to_new_connections(
    tmp_path: Path, locator: FileCertificateLocator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeproxy.runtime.proxy.CERTIFICATE_CHECK_SECONDS", 0.01)
    path = certificate(tmp_path / "app.pem", "before.test")
    async with running(https("app.pem"), certificates=locator) as edgeproxy:
        old = await edgeproxy.connect(443, tls=trusting(), server_name="before.test")
        os.replace(certificate(tmp_path / "next.pem", "after.test"), path)  # noqa: PTH105
        listener = edgeproxy.proxy._listeners["dev", 443]
        tls = listener.tls
        assert isinstance(tls, ListenerTls)
        before = tls._certificates.choices
        await until(lambda: tls._certificates.choices is not before)
        new = await ask_over_tls(edgeproxy, "after.test")
        still = await old.ask("GET /")

    assert (200, 200) == (new.status, still.status)


async def test_all_listeners_change_in_one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group that goes must not be missed by a listener whose turn has not come while another one opens."""
    serve, gate = ListenerSocket.serve, asyncio.Event()

    async def serve_late(listener: ListenerSocket) -> None:
        await gate.wait()
        await serve(listener)

    async with ScriptedTarget(answering(b"target")) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        bodies = [(await client.ask("GET /")).body]
        monkeypatch.setattr(ListenerSocket, "serve", serve_late)
        applying = asyncio.create_task(edgeproxy.apply(answering_itself("itself", listeners=(81, 80))))
        await until(lambda: "app" not in edgeproxy.proxy._groups)
        bodies.append((await client.ask("GET /")).body)
        gate.set()
        await applying
        bodies.append((await edgeproxy.ask(declared=81)).body)

    assert [b"target", b"itself", b"itself"] == bodies


async def test_a_reload_without_file_descriptors_left_changes_nothing(
    tmp_path: Path, locator: FileCertificateLocator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New servers need copies of the sockets; they are made before anything is swapped."""

    def no_copy(_: socket.socket) -> socket.socket:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    certificate(tmp_path / "one.pem", "one.test")
    certificate(tmp_path / "two.pem", "two.test")
    changed = https("one.pem", "two.pem", policy="        SslPolicy: ELBSecurityPolicy-TLS13-1-2-2021-06\n")
    async with running(https("one.pem"), certificates=locator) as edgeproxy:
        running_before = edgeproxy.proxy.topology
        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "dup", no_copy)
            with pytest.raises(BindError, match="Too many open files"):
                await edgeproxy.apply(changed)
        assert running_before is edgeproxy.proxy.topology
        before = await ask_over_tls(edgeproxy, "one.test")
        await edgeproxy.apply(changed)
        after = await ask_over_tls(edgeproxy, "two.test")

    assert (200, 200) == (before.status, after.status)


async def test_attributes_of_the_load_balancer_are_followed() -> None:
    async with running(answering_itself(idle_timeout=4000), time_scale=0.01) as edgeproxy:
        client = await edgeproxy.connect()
        await client.ask("GET /")
        await edgeproxy.apply(answering_itself(idle_timeout=1))

        assert b"" == await client.read_to_end()


async def test_the_cursor_of_the_round_robin_survives_a_reload() -> None:
    async with (
        ScriptedTarget(answering(b"1")) as one,
        ScriptedTarget(answering(b"2")) as two,
        running(forwarding_to(one.port, two.port)) as edgeproxy,
    ):
        await edgeproxy.healthy()
        bodies = []
        for number in range(6):
            bodies.append((await edgeproxy.ask()).body)
            await edgeproxy.apply(forwarding_to(one.port, two.port, idle_timeout=10 + number))

    assert bodies[0] != bodies[1]
    assert bodies[:2] * 3 == bodies


@pytest.mark.conformance("request headers", "X-Forwarded-Port is the listener's port", "x-forwarded-headers")
async def test_the_declared_port_is_what_targets_are_told_wherever_it_is_bound() -> None:
    async with ScriptedTarget(answering()) as target:
        text = forwarding_to(target.port).replace("Port: 80\n        Protocol", "Port: 8080\n        Protocol")
        async with running(text) as edgeproxy:
            await edgeproxy.ask("GET /", "Host: app.test", declared=8080)

    assert b"X-Forwarded-Port: 8080\r\n" in target.heads[0]
    assert b"Host: app.test:8080\r\n" in target.heads[0]


# ---- the end


@pytest.mark.both_loops
async def test_stopping_lets_requests_finish_and_closes_idle_connections_at_once() -> None:
    gate = asyncio.Event()
    async with ScriptedTarget(gated(gate, OK)) as target, running(forwarding_to(target.port)) as edgeproxy:
        idle, busy = await edgeproxy.connect(), await edgeproxy.connect()
        await busy.send(request("GET /"))
        await until(lambda: target.heads)
        stopping = asyncio.create_task(edgeproxy.proxy.stop(30))
        rest = await idle.read_to_end()
        with pytest.raises(OSError, match=r"Connect call failed|refused"):
            await edgeproxy.connect()
        state = edgeproxy.proxy.state
        gate.set()
        answer = await busy.read_message()
        await stopping

    assert (b"", ProxyState.DRAINING) == (rest, state)
    assert (200, False) == (answer.status, answer.keeps_alive)
    assert ProxyState.STOPPED is edgeproxy.proxy.state


@pytest.mark.both_loops
async def test_stopping_takes_no_longer_than_it_may() -> None:
    gate = asyncio.Event()
    async with ScriptedTarget(gated(gate, OK)) as target, running(forwarding_to(target.port)) as edgeproxy:
        client = await edgeproxy.connect()
        await client.send(request("GET /"))
        await until(lambda: target.heads)
        await edgeproxy.proxy.stop(0.05)
        received = await client.read_until_cut()

        assert not edgeproxy.client_connections
        await edgeproxy.proxy.stop(0.05)
        gate.set()

    assert b"200" not in received


@pytest.mark.both_loops
async def test_idle_connections_over_tls_are_closed_in_order(tmp_path: Path, locator: FileCertificateLocator) -> None:
    certificate(tmp_path / "app.pem", "app.test")
    async with running(https("app.pem"), certificates=locator, grace_seconds=5) as edgeproxy:
        client = await edgeproxy.connect(443, tls=trusting(), server_name="app.test")
        await client.ask("GET /")
        stopping = asyncio.create_task(edgeproxy.proxy.stop(5))
        rest = await client.read_to_end()
        await stopping

    assert b"" == rest


async def test_a_proxy_that_cannot_start_leaves_nothing_open() -> None:
    async with running(answering_itself()) as edgeproxy:
        other = EdgeProxy(binds={80: Bind("127.0.0.1", edgeproxy.port())})
        with pytest.raises(BindError):
            await other.start(topology(answering_itself()))

        assert ProxyState.STOPPED is other.state


async def test_several_proxies_live_in_one_process() -> None:
    async with running(answering_itself("one")) as one, running(answering_itself("two")) as two:
        bodies = [(await each.ask()).body for each in (one, two)]

    assert [b"one", b"two"] == bodies


# ---- what listeners do to headers and URLs


ATTRIBUTES = """\
        ListenerAttributes:
          routing.http.response.server.enabled: false
          routing.http.response.strict_transport_security.header_value: max-age=1
          routing.http.request.x_amzn_tls_version.header_name: X-Tls
"""
TRANSFORMING = (
    "[{Priority: 1, Conditions: [{Field: path-pattern, RegexValues: [^/svc]}], "
    "Transforms: [{Type: url-rewrite, UrlRewriteConfig: {Rewrites: [{Regex: ^/svc, Replace: ''}]}}], "
    "Actions: [{Type: forward, TargetGroupArn: app}]}]"
)


@pytest.mark.conformance(
    "request headers", "the negotiated version and cipher suite are told", "edit-load-balancer-attributes"
)
async def test_a_listener_changes_requests_and_responses(tmp_path: Path, locator: FileCertificateLocator) -> None:
    certificate(tmp_path / "app.pem", "app.test")
    scripted = answering(headers=("Strict-Transport-Security: max-age=9",))
    async with ScriptedTarget(scripted) as target:
        text = forwarding_to(
            target.port,
            attributes="routing.http.x_amzn_tls_version_and_cipher_suite.enabled: true",
            rules=TRANSFORMING,
        ).replace(
            "Port: 80\n        Protocol: HTTP\n",
            f"Port: 443\n        Protocol: HTTPS\n        Certificates: [{{CertificateArn: app.pem}}]\n{ATTRIBUTES}",
            1,
        )
        async with running(text, certificates=locator) as edgeproxy:
            client = await edgeproxy.connect(443, tls=trusting(), server_name="app.test")
            answer = await client.ask("GET /svc/a?x=1", "X-Tls: mine")
            failure = await client.ask("GET /svcx")

    (seen,) = target.heads
    assert seen.startswith(b"GET /a?x=1 HTTP/1.1\r\n")
    assert 1 == seen.lower().count(b"\r\nx-tls:")
    assert b"\r\nX-Tls: TLSv1.2\r\nX-Amzn-Tls-Cipher-Suite: ECDHE-" in seen
    assert "max-age=1" == answer.headers["strict-transport-security"]
    assert (500, "max-age=1") == (failure.status, failure.headers["strict-transport-security"])
    assert "server" not in failure.headers


# ---- algorithms


@pytest.mark.conformance("anomaly mitigation", "evaluated every 5 s while serving", "edit-target-group-attributes")
async def test_a_target_that_fails_gets_fewer_requests_under_mitigation() -> None:
    """Health checks pass all the time: anomalies are found in what clients get."""
    attributes = (
        "TargetGroupAttributes: {load_balancing.algorithm.type: weighted_random, "
        "load_balancing.algorithm.anomaly_mitigation: 'on'}"
    )
    async with (
        ScriptedTarget(answering(status="500 X")) as failing,
        ScriptedTarget(answering()) as one,
        ScriptedTarget(answering()) as two,
        running(forwarding_to(failing.port, one.port, two.port, group=attributes), time_scale=0.01) as edgeproxy,
    ):
        await edgeproxy.healthy()
        client = await edgeproxy.connect()
        while not edgeproxy.targets()[0].is_mitigated:
            await client.ask("GET /")
        found = [(each.is_anomalous, each.is_mitigated) for each in edgeproxy.targets()]

    assert [(True, True), (False, False), (False, False)] == found


async def test_the_least_busy_target_gets_the_request() -> None:
    gate = asyncio.Event()
    attributes = "TargetGroupAttributes: {load_balancing.algorithm.type: least_outstanding_requests}"
    async with (
        ScriptedTarget(gated(gate, OK)) as slow,
        ScriptedTarget(answering(b"quick")) as quick,
        running(forwarding_to(slow.port, quick.port, group=attributes)) as edgeproxy,
    ):
        await edgeproxy.healthy()
        waiting = [await edgeproxy.connect() for _ in range(2)]
        for client in waiting:
            await client.send(request("GET /"))
        await until(lambda: slow.heads)
        bodies = {(await edgeproxy.ask()).body for _ in range(6)}
        gate.set()

    assert {b"quick"} == bodies
