"""What is known of a client's connection, whichever version it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.runtime.client_facts import ClientFacts
from tests.helpers.h2_peer import h2_client
from tests.helpers.https import running_tls
from tests.helpers.proxies import answering_itself, running
from tests.helpers.wait import until

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_facts_are_those_of_the_socket() -> None:
    async with running(answering_itself(), time_scale=1) as edgeproxy:
        client = await edgeproxy.connect()
        await client.ask("GET /")
        (facts,) = edgeproxy.connections

        assert isinstance(facts, ClientFacts)
        assert (f"127.0.0.1:{facts.source_port}", "127.0.0.1", "127.0.0.1") == (
            *(facts.label, facts.source_ip, facts.node_address),
        )
        assert (None, True) == (facts.tls_facts, facts.has_begun)


async def test_a_connection_has_one_trace_id_and_another_has_another() -> None:
    async with running(answering_itself(), time_scale=1) as edgeproxy:
        for _ in range(2):
            await (await edgeproxy.connect()).ask("GET /")
        first, second = edgeproxy.connections

        assert first.trace_id == first.trace_id != second.trace_id
        assert (len("TID_") + 32, "TID_") == (len(first.trace_id), first.trace_id[:4])


async def test_a_client_grows_old_by_the_clock_of_its_load_balancer_and_no_traffic_moves_that() -> None:
    async with running(answering_itself(), time_scale=1) as edgeproxy:
        client = await edgeproxy.connect()
        await client.ask("GET /")
        (facts,) = edgeproxy.connections
        before = facts.grows_old
        await client.ask("GET /")

        assert (3600.0, before) == (facts.grows_old - facts.established, facts.grows_old)


async def test_http2_connections_have_the_same_facts(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path, time_scale=1) as edgeproxy, h2_client(edgeproxy.port(443)):
        (facts,) = await until(lambda: edgeproxy.connections)

        assert isinstance(facts, ClientFacts)
        assert facts.tls_facts is not None
        assert "TLSv1.3" == facts.tls_facts.protocol
        assert facts.established <= facts.last_activity  # type: ignore[attr-defined]
