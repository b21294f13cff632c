from __future__ import annotations

from typing import TYPE_CHECKING

from tests.helpers.h2_client import connect_h2
from tests.helpers.https import running_tls
from tests.helpers.proxies import answering_itself

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_client_asks_and_is_answered(tmp_path: Path) -> None:
    async with running_tls(answering_itself("hello"), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        answers = [await client.ask(), await client.ask("HEAD", "/x")]
        client.abort()

    assert [(200, b"hello"), (200, b"")] == [(each.status, each.body) for each in answers]
    assert ["5"] == answers[1].values("content-length")


async def test_a_client_sees_goaway_and_the_end(tmp_path: Path) -> None:
    async with running_tls(answering_itself(), tmp_path) as edgeproxy:
        client = await connect_h2(edgeproxy.port(443))
        await client.send_raw(b"\x00\x00\x00\x00\x00\x00\x00\x00\x00")
        await client.until_closed()

    assert (0, 1) == client.goaway
