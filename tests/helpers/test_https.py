from __future__ import annotations

from typing import TYPE_CHECKING

from tests.helpers.https import locator, over_tls, trusting
from tests.helpers.proxies import answering_itself, running

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_trusting_client_is_answered(tmp_path: Path) -> None:
    text = over_tls(answering_itself(), tmp_path, "other.test")
    async with running(text, certificates=locator(tmp_path)) as edgeproxy:
        client = await edgeproxy.connect(443, tls=trusting(), server_name="other.test")
        answer = await client.ask("GET /")

    assert 200 == answer.status
