"""Request smuggling and response splitting, as laws over generated attacks.

The law: a connection to a target that is given back for the next request carried exactly one request, whatever the
target's parser believes. It is checked by reading the forwarded bytes as differently as known servers do.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgeproxy.model.action import RedirectConfig
from tests.helpers.exchange_ports import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


class Reader(NamedTuple):
    """How a server reads requests, one way for each field that servers are known to differ in."""

    chunked_wins: bool
    takes_last_length: bool
    unfolds: bool
    forgives_names: bool
    ends_lines_at_cr: bool
    reads_any_coding: bool

    def requests(self, data: bytes) -> Iterator[bytes]:
        """The request lines that this server would see, and a last empty one if it would wait for more of a body."""
        while data:
            head, separator, rest = self._split_head(data)
            lines = self._lines(head)
            yield lines[0]
            behind = self._behind_body(self._named(lines[1:]), rest) if separator else None
            if behind is None:
                yield b""
                return
            data = behind

    def _split_head(self, data: bytes) -> tuple[bytes, bytes, bytes]:
        match = re.search(rb"\r?\n\r?\n|\r\r" if self.ends_lines_at_cr else rb"\n\r?\n", data)
        return (data[: match.start()], match[0], data[match.end() :]) if match else (data, b"", b"")

    def _lines(self, head: bytes) -> list[bytes]:
        if self.unfolds:
            head = re.sub(rb"\r?\n[ \t]+", b" ", head)
        return re.split(rb"\r\n|\n|\r" if self.ends_lines_at_cr else rb"\r?\n", head)

    def _named(self, lines: list[bytes]) -> list[tuple[str, str]]:
        fields = []
        for line in lines:
            name, _, value = line.decode("latin-1").partition(":")
            if self.forgives_names:
                name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            fields.append((name.lower(), value.strip()))
        return fields

    def _behind_body(self, fields: list[tuple[str, str]], data: bytes) -> bytes | None:
        lengths = [value for name, value in fields if name == "content-length"]
        codings = [value.lower() for name, value in fields if name == "transfer-encoding"]
        is_chunked = any("chunked" in coding if self.reads_any_coding else coding == "chunked" for coding in codings)
        if is_chunked and (self.chunked_wins or not lengths):
            return self._behind_chunks(data)
        if lengths:
            match = re.match(r"[+]?(\d+)", lengths[-1 if self.takes_last_length else 0])
            length = int(match[1]) if match else 0
            return data[length:] if length <= len(data) else None
        return data

    @staticmethod
    def _behind_chunks(data: bytes) -> bytes | None:
        while data:
            line, _, data = data.partition(b"\n")
            match = re.match(rb"[0-9a-fA-F]+", line)
            size = int(match[0], 16) if match else 0
            if size == 0:
                return data.partition(b"\n")[2]
            data = data[size:].removeprefix(b"\r").removeprefix(b"\n")
        return None


READERS = [Reader(*choices) for choices in itertools.product([False, True], repeat=6)]

LINES = [
    *(
        f"Content-Length: {value}"
        for value in ("0", "ALL", "ALL", "3", "5", "05", "+5", "5,5", "5 5", "0x5", "", "5\x0b", "-1")
    ),
    *(f"{name}: 5" for name in ("Content_Length", "Content-Length ", "content-length\t", " Content-Length", "X-CL")),
    *(
        f"Transfer-Encoding: {value}"
        for value in (
            "chunked",
            "Chunked",
            "chunked;q=1",
            "chunked, identity",
            "identity",
            "identity, chunked",
            "gzip, chunked",
            "xchunked",
            "\x0bchunked",
            "chunked\x0b",
            "'chunked'",
            "",
        )
    ),
    *(f"{name}: chunked" for name in ("Transfer_Encoding", "Transfer-Encoding ", "\tTransfer-Encoding", "X-TE")),
    " chunked",
    "\tidentity",
    " , identity",
    " 0",
    "no colon",
    ": nameless",
    "X: a\rTransfer-Encoding: chunked",
    "X: a\x00b",
    "X: y",
    "Connection: Transfer-Encoding, Content-Length",
    "Connection: keep-alive",
]
BODIES = [
    b"",
    b"abc",
    b"abcde",
    b"0\r\n\r\n",
    b"3\r\nabc\r\n0\r\n\r\n",
    b"5\n",
    b"0\n\n",
    b"3;x\r\nabc\r\n00\r\nT: x\r\n\r\n",
]
ATTACKS = st.builds(
    lambda method, version, lines, end, body, behind: (
        f"{method} /a HTTP/1.{version}\r\nHost: a\r\n".encode()
        + b"".join(line.replace("ALL", str(len(body + behind))).encode("latin-1") + end for line in lines)
        + end
        + body
        + behind
    ),
    st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    st.sampled_from([1, 1, 1, 0, 5]),
    st.lists(st.sampled_from(LINES), min_size=1, max_size=4),
    st.sampled_from([b"\r\n", b"\n"]),
    st.sampled_from(BODIES),
    st.sampled_from([b"", SMUGGLED]),
)


@pytest.mark.conformance(
    "Desync mitigation", "no connection is used again behind a doubtful request", "edit-load-balancer-attributes"
)
@settings(max_examples=600)
@example(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n x\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "defensive")
@example(b"POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\t0\r\n\r\nabc", "defensive")
@example(
    b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "defensive"
)
@given(ATTACKS, st.sampled_from(["defensive", "strictest"]))
def test_what_goes_back_to_the_pool_carried_one_request_for_every_reader(attack: bytes, mode: str) -> None:
    stage = Stage(desync_mitigation_mode=mode)
    client = stage.client()
    client.sends_bytes(attack)
    while client.exchange is not None and client.exchange.port is not None:
        target = stage.target
        sent = target.took()
        target.answers("HTTP/1.1 200 OK", "Content-Length: 0")
        if target.events.pop() == "release":
            seen = {reader: list(reader.requests(sent)) for reader in READERS}
            assert [] == [reader for reader, lines in seen.items() if len(lines) != 1]


@settings(max_examples=300)
@given(ATTACKS)
def test_every_attack_is_accounted_for(attack: bytes) -> None:
    """Nobody waits for ever, and nothing is answered twice."""
    stage = Stage()
    client = stage.client()
    client.sends_bytes(attack)
    for target in stage.targets:
        if target.is_open and target.exchange is not None:
            target.answers("HTTP/1.1 200 OK", "Content-Length: 0")
    if client.is_open:
        client.leaves()
    assert len(stage.exchanges) == len(stage.ledger.records)


HOSTILE = st.text(st.characters(max_codepoint=255, blacklist_characters="\n"), max_size=30)


@settings(max_examples=300)
@given(HOSTILE, HOSTILE, HOSTILE, st.sampled_from(["monitor", "defensive"]))
def test_no_value_of_a_client_adds_a_line_to_what_a_target_gets(path: str, host: str, value: str, mode: str) -> None:
    """Neither does the load balancer write it into a header of its own in a way that ends the line."""
    names = ["X-Forwarded-For", "X-Amzn-Trace-Id", "User-Agent", "Cookie", "Upgrade", "Connection"]
    stage = Stage(desync_mitigation_mode=mode)
    lines = [f"GET /{path} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name in names), "", ""]
    stage.client().sends_bytes("\r\n".join(lines).encode("latin-1"))
    for target in stage.targets:
        head = target.received.removesuffix(b"\r\n\r\n")
        assert b"\r" not in head.replace(b"\r\n", b"")
        assert b"\n" not in head.replace(b"\r\n", b"")
        assert b"\0" not in head
        # X-Forwarded-Proto and -Port are ours; Connection and Upgrade end here.
        assert head.count(b"\r\n") <= len(names) + 3


@settings(max_examples=300)
@given(HOSTILE, HOSTILE, HOSTILE)
def test_no_value_of_a_client_adds_a_line_to_a_response(path: str, query: str, host: str) -> None:
    """Response splitting: the Location of a redirect is made of what the client sent."""
    config = RedirectConfig(status_code="HTTP_301", protocol="HTTPS", port="443")
    stage = Stage(action=config)
    client = stage.client()
    client.sends_bytes(f"GET /{path}?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1"))
    head = client.received.partition(b"\r\n\r\n")[0]

    names = [line.partition(b":")[0] for line in head.split(b"\r\n")[1:]]
    known = [b"Server", b"Date", b"Content-Type", b"Content-Length", b"Connection", b"Location"]
    assert names in (known, known[:-1], [])
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\n" not in head.replace(b"\r\n", b"")
