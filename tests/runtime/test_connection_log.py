"""The connection log: the line's fifteen fields, and that every connection attempt has one."""

from __future__ import annotations

import io
import re
import shlex
import ssl
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
import trustme

from edgeproxy.runtime.access_log import AccessLog
from edgeproxy.runtime.client_certificate import ClientCertificate
from edgeproxy.runtime.connection_log import PLAIN, Handshake, key_exchange, render
from edgeproxy.runtime.tls_facts import UNFINISHED, TlsFacts
from tests.helpers.https import locator, over_tls, trusting
from tests.helpers.proxies import answering_itself, running
from tests.helpers.wait import until

if TYPE_CHECKING:
    from pathlib import Path

PAGE = "load-balancer-connection-logs"
TID = "TID_9f39d9aa6a47774d97089313f949866b"


def line(handshake: Handshake, port: int = 443, client: tuple[str, int] = ("203.0.113.40", 64326)) -> str:
    return render(
        moment=1790147487.691358,
        client=client,
        port=port,
        handshake=handshake,
        trace_id=TID,
        load_balancer="app/demo/98e3a879de9d6b42",
        node_address="198.51.100.57",
    )


@pytest.mark.conformance("connection log", "fifteen fields of a TLS connection", PAGE)
def test_a_tls_connection() -> None:
    facts = TlsFacts(protocol="TLSv1.2", cipher="ECDHE-ECDSA-AES128-GCM-SHA256", key_exchange="secp256r1")
    handshake = Handshake.of(facts, "0.337")

    assert (
        "2026-09-23T07:11:27.691358Z 203.0.113.40 64326 443 TLSv1.2 ECDHE-ECDSA-AES128-GCM-SHA256 0.337 "
        f'"-" - - Success {TID} secp256r1 app/demo/98e3a879de9d6b42 198.51.100.57\n'
    ) == line(handshake)


@pytest.mark.conformance("connection log", "the client's certificate: subject, validity, serial number", PAGE)
def test_a_client_that_was_refused_for_its_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    leaf = authority.issue_cert("client.test", common_name="client.test", organization_name='a "quoted" name')
    der = ssl.PEM_cert_to_DER_cert(leaf.cert_chain_pems[0].bytes().decode())
    certificate = ClientCertificate([der])
    facts = TlsFacts(
        protocol="TLSv1.2",
        cipher="ECDHE-RSA-AES128-GCM-SHA256",
        client_certificate=certificate,
        verify_status="Failed:ClientCertUntrusted",
    )
    fields = shlex.split(line(Handshake.of(facts)).replace("\\", "\\\\"))

    assert "-" == fields[6]
    assert certificate.subject.replace("\\", "\\x5C").replace('"', "\\x22") == fields[7]
    assert [certificate.validity, certificate.serial_number, "Failed:ClientCertUntrusted"] == fields[8:11]


@pytest.mark.conformance("connection log", "a plain connection has no TLS fields", PAGE)
def test_a_plain_connection() -> None:
    assert (
        f'2026-09-23T07:11:27.691358Z 203.0.113.40 64326 80 - - - "-" - - - {TID} - '
        "app/demo/98e3a879de9d6b42 198.51.100.57\n"
    ) == line(PLAIN, 80)


@pytest.mark.conformance("connection log", "a failed handshake without a certificate is unmapped", PAGE)
def test_a_failed_handshake() -> None:
    assert f' 443 - - - "-" - - Failed:UnmappedConnectionError {TID} - app/' in line(Handshake.of(UNFINISHED))


@pytest.mark.conformance("connection log", "IPv6 addresses have a field of their own", PAGE)
def test_an_ipv6_client() -> None:
    assert ["2001:db8::7", "64326"] == line(PLAIN, client=("2001:db8::7", 64326)).split(" ")[1:3]


@pytest.mark.conformance(
    "connection log", "the key exchange group is '-' where Python cannot name it", PAGE, status="default"
)
@pytest.mark.parametrize(
    ("ssl_object", "expected"),
    [
        (SimpleNamespace(), "-"),
        (SimpleNamespace(group=lambda: "x25519"), "x25519"),
        (SimpleNamespace(group=lambda: None), "-"),
    ],
)
def test_the_key_exchange(ssl_object: object, expected: str) -> None:
    assert expected == key_exchange(cast("ssl.SSLObject", ssl_object))


def shape(port: int, middle: str, key_exchange: str) -> str:
    """A pattern for the line of a client of this machine; its group is the trace id."""
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
    owner = r"app/dev/[0-9a-f]{16}"
    return rf"{moment} 127\.0\.0\.1 {port} {middle} (TID_[0-9a-f]{{32}}) {key_exchange} {owner} 127\.0\.0\.1"


class Logs:
    """The two logs of a proxy."""

    def __init__(self) -> None:
        self._streams = {"access_log": io.StringIO(), "connection_log": io.StringIO()}
        self.options: dict[str, Any] = {name: AccessLog(stream) for name, stream in self._streams.items()}

    def lines(self, name: str) -> list[str]:
        self.options[name].close()
        return self._streams[name].getvalue().splitlines()


@pytest.mark.conformance("connection log", "one line a connection, however many requests it has", PAGE)
@pytest.mark.both_loops
async def test_a_connection_has_one_line_which_its_requests_name() -> None:
    logs = Logs()
    async with running(answering_itself(), **logs.options) as edgeproxy:
        client = await edgeproxy.connect()
        for _ in range(3):
            await client.ask("GET /")
        port = client.local_address[1]
        await (await edgeproxy.connect()).close()
        await until(lambda: edgeproxy.proxy.metrics.load_balancers["dev"].new_connections == 2)
    first, second = logs.lines("connection_log")
    access = logs.lines("access_log")

    match = re.fullmatch(shape(port, '80 - - - "-" - - -', "-"), first)
    assert match is not None, first
    assert [match[1]] * 3 == [each.split(" ")[-5] for each in access]
    assert match[1] not in second


@pytest.mark.conformance("connection log", "TLS protocol, cipher and handshake latency", PAGE)
@pytest.mark.both_loops
@pytest.mark.parametrize(
    ("newest", "protocol", "cipher"),
    [
        (ssl.TLSVersion.TLSv1_3, "TLSv1.3", r"TLS_AES_\d+_GCM_SHA\d+"),
        (ssl.TLSVersion.TLSv1_2, "TLSv1.2", r"ECDHE-ECDSA-AES\d+-GCM-SHA\d+"),
    ],
)
async def test_a_handshake_is_described(newest: ssl.TLSVersion, protocol: str, cipher: str, tmp_path: Path) -> None:
    logs = Logs()
    text = over_tls(answering_itself(), tmp_path)
    async with running(text, certificates=locator(tmp_path), time_scale=1, **logs.options) as edgeproxy:
        client = await edgeproxy.connect(443, tls=trusting(newest=newest))
        await client.ask("GET /")
        port = client.local_address[1]
    (found,) = logs.lines("connection_log")

    match = re.fullmatch(shape(port, rf'443 {protocol} {cipher} \d\.\d{{3}} "-" - - Success', r"\S+"), found)
    assert match is not None, found
    assert match[1] == logs.lines("access_log")[0].split(" ")[-5]
    assert 0 <= float(found.split(" ")[6]) < 10


@pytest.mark.conformance("connection log", "failed handshakes are logged", PAGE)
@pytest.mark.both_loops
async def test_a_failed_handshake_has_a_line(tmp_path: Path) -> None:
    logs = Logs()
    text = over_tls(answering_itself(), tmp_path)
    async with running(text, certificates=locator(tmp_path), time_scale=1, **logs.options) as edgeproxy:
        client = await edgeproxy.connect(443)
        await client.send(b"GET / HTTP/1.1\r\n\r\n")
        port = client.local_address[1]
        await client.read_until_cut()
        counters = edgeproxy.proxy.metrics.load_balancers["dev"]
        await until(lambda: counters.client_tls_negotiation_errors)
    (found,) = logs.lines("connection_log")

    assert re.fullmatch(shape(port, '443 - - - "-" - - Failed:UnmappedConnectionError', "-"), found), found
    assert [] == logs.lines("access_log")
