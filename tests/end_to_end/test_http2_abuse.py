"""What a client may not do over HTTP/2, through real sockets: its connection ends, and everybody else is served.

AWS documents no limits; where they are is in `protocol/h2_abuse.py`, `h2_reader.py` and `h2_headers.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest

from edgeproxy.protocol.h2_abuse import (
    MAX_EARLY_RESETS,
    MAX_EMPTY_DATA,
    MAX_MINOR_FRAMES,
    MAX_PINGS,
    MAX_SETTINGS,
)
from edgeproxy.protocol.h2_reader import MAX_CONTINUATIONS
from tests.helpers.conversation import connect
from tests.helpers.h2_client import connect_h2, h2_context
from tests.helpers.h2_wire import (
    ACK,
    CONTINUATION,
    END_HEADERS,
    GET,
    GOAWAY,
    HEADERS,
    PING,
    POST,
    PREFACE,
    PRIORITY,
    SETTINGS,
    Fields,
    block,
    codes,
    data,
    frame,
    frames,
    headers,
    reset,
    settings,
    window_update,
)
from tests.helpers.https import running_tls
from tests.helpers.proxies import forwarding_to
from tests.helpers.targets import ScriptedTarget, answering, silent
from tests.helpers.wait import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.helpers.conversation import Conversation

CALM = 11
COMPRESSION = 9
PATH: Fields = [*GET[:2], (":path", "/silent"), GET[3]]


def rapid_reset() -> Iterator[bytes]:
    """CVE-2023-44487: requests that are cancelled at once."""
    for number in range(MAX_EARLY_RESETS + 1):
        yield headers(2 * number + 1, PATH) + reset(2 * number + 1)


def made_you_reset() -> Iterator[bytes]:
    """CVE-2025-8671: requests that the server has to reset, here by opening a window by nothing."""
    for number in range(MAX_EARLY_RESETS + 1):
        yield headers(2 * number + 1, PATH) + window_update(2 * number + 1, 0)


def too_many_streams() -> Iterator[bytes]:
    """Requests beyond the 128 that are allowed at a time, again and again."""
    for number in range(128 + MAX_EARLY_RESETS + 1):
        yield headers(2 * number + 1, PATH)


def continuation_flood() -> Iterator[bytes]:
    """CVE-2024-27983: a header block that never ends."""
    yield frame(HEADERS, 0, 1, block(GET))
    for _ in range(MAX_CONTINUATIONS + 1):
        yield frame(CONTINUATION, 0, 1, b"")


def large_continuations() -> Iterator[bytes]:
    """A header block that is longer than any request's."""
    yield frame(HEADERS, 0, 1, block(GET))
    for _ in range(7):
        yield frame(CONTINUATION, 0, 1, block([("x", "y" * 16_000)]))


def ping_flood() -> Iterator[bytes]:
    """CVE-2019-9512."""
    for _ in range(MAX_PINGS + 1):
        yield frame(PING, 0, 0, b"12345678")


def settings_flood() -> Iterator[bytes]:
    """CVE-2019-9515."""
    for _ in range(MAX_SETTINGS + 1):
        yield settings()


def settings_ack_flood() -> Iterator[bytes]:
    """Acknowledgements of nothing."""
    for _ in range(MAX_SETTINGS + 1):
        yield frame(SETTINGS, ACK)


def empty_data_flood() -> Iterator[bytes]:
    """CVE-2019-9518."""
    yield headers(1, POST, end_stream=False)
    for _ in range(MAX_EMPTY_DATA + 1):
        yield data(1, b"")


def priority_flood() -> Iterator[bytes]:
    """CVE-2019-9513."""
    for number in range(MAX_MINOR_FRAMES + 1):
        yield frame(PRIORITY, 0, 2 * number + 1, b"\0\0\0\0\0")


def window_flood() -> Iterator[bytes]:
    """Windows that are opened byte by byte, with nothing to send."""
    for _ in range(MAX_MINOR_FRAMES + 1):
        yield window_update(0, 1)


def unknown_frames() -> Iterator[bytes]:
    """Frames that mean nothing."""
    for _ in range(MAX_MINOR_FRAMES + 1):
        yield frame(200, 0, 0, b"x" * 100)


ATTACKS = [
    rapid_reset,
    made_you_reset,
    too_many_streams,
    continuation_flood,
    large_continuations,
    ping_flood,
    settings_flood,
    settings_ack_flood,
    empty_data_flood,
    priority_flood,
    window_flood,
    unknown_frames,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.__name__ for attack in ATTACKS])
async def test_a_flood_ends_its_connection_and_nobody_elses(
    attack: Callable[[], Iterator[bytes]], tmp_path: Path
) -> None:
    async with (
        ScriptedTarget(silent) as quiet,
        ScriptedTarget(answering(b"fine")) as target,
        running_tls(two_groups(target.port, quiet.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        bystander = await connect_h2(edgeproxy.port(443))
        attacker = await connect("127.0.0.1", edgeproxy.port(443), tls=h2_context())
        sending = asyncio.create_task(send_all(attacker, attack()))
        said = frames(await attacker.read_until_cut())
        await sending
        answer = await bystander.ask()
        await until(lambda: edgeproxy.client_connections == 1)
        outstanding = [each.outstanding for each in edgeproxy.proxy._groups["quiet"].targets.values()]
        attacker.abort()
        bystander.abort()

    assert CALM == codes(said, GOAWAY)[-1][1]
    assert b"fine" == answer.body
    assert [0] == outstanding


async def send_all(client: Conversation, pieces: Iterator[bytes]) -> None:
    """Until the proxy has had enough."""
    with contextlib.suppress(OSError):
        await client.send(PREFACE + settings())
        for piece in pieces:
            await client.send(piece)


async def test_an_hpack_bomb_is_a_bad_request(tmp_path: Path) -> None:
    """CVE-2016-6581: a few bytes that refer to one large entry again and again."""
    entry = b"\x40" + block([("x", "y" * 3900)])[1:]
    bomb = frame(HEADERS, END_HEADERS | 1, 1, block(GET) + entry + b"\xbe" * 16_000)
    async with (
        ScriptedTarget(answering(b"fine")) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        attacker = await connect("127.0.0.1", edgeproxy.port(443), tls=h2_context())
        await attacker.send(PREFACE + settings() + bomb)
        said = b""
        while b"400 Bad Request" not in said:
            said += await attacker.read(1 << 16)
        client = await connect_h2(edgeproxy.port(443))
        answer = await client.ask()
        client.abort()
        attacker.abort()

    assert b"fine" == answer.body
    assert 1 == len(target.heads)


async def test_compression_that_makes_no_sense_ends_the_connection(tmp_path: Path) -> None:
    async with (
        ScriptedTarget(answering(b"fine")) as target,
        running_tls(forwarding_to(target.port), tmp_path, time_scale=1) as edgeproxy,
    ):
        client = await connect_h2(edgeproxy.port(443))
        await client.send_raw(frame(HEADERS, END_HEADERS | 1, 1, b"\xff\xff\xff\xff\xff\xff\xff"))
        await client.until_closed()

    assert (0, COMPRESSION) == client.goaway


def two_groups(port: int, quiet: int) -> str:
    """Everything goes to a target, and /silent to one that does not answer."""
    rule = (
        "[{Priority: 1, Conditions: [{Field: path-pattern, Values: [/silent]}], "
        "Actions: [{Type: forward, TargetGroupArn: quiet}]}]"
    )
    more = f"  - {{Name: quiet, Protocol: HTTP, Port: 80, Targets: [{{Id: 127.0.0.1, Port: {quiet}}}]}}\n"
    return forwarding_to(port, rules=rule) + more
