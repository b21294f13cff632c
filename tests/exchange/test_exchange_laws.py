"""Laws that hold whatever clients, targets, time and shutdown do, in any order.

The scripted ports refuse bytes behind an end, second endings and second records (`tests/helpers/exchange_ports.py`), so
a walk that ends without an error has kept those laws; the rest stand below as invariants.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.phase import TargetPhase
from edgeproxy.model.action import FixedResponseConfig
from tests.helpers.exchange_ports import ScriptedClient, ScriptedTarget, Stage, message

if TYPE_CHECKING:
    from edgeproxy.exchange.exchange import Exchange

Steps = Sequence[tuple[Callable[["Walk", int], None], int]]

REQUESTS = [
    message(["GET /a HTTP/1.1", "Host: a"]),
    message(["HEAD /a HTTP/1.1", "Host: a"]),
    message(["GET /a HTTP/1.0"]),
    message(["GET /a HTTP/1.1", "Host: a", "Connection: close"]),
    message(["POST /a HTTP/1.1", "Host: a", "Content-Length: 6"], "abcdef"),
    message(["POST /a HTTP/1.1", "Host: a", "Content-Length: 6", "Expect: 100-continue"], "abcdef"),
    message(["POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"], "3\r\nabc\r\n0\r\n\r\n"),
    message(["POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"], "3\r\nabc\r\nzz\r\n"),
    message(["POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: chunked", "Content-Length: 3"], "0\r\n\r\n"),
    message(["TRACE /a HTTP/1.1", "Host: a"]),
    message(["GET /../a HTTP/1.1", "Host: a"]),
    message(["GET /a HTTP/1.1"]),
    message(["GET /a HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket"]),
    message(["GET /a HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket"], "early"),
    message(["POST /a HTTP/1.1", "Host: a", "Content-Length: 3", "Content-Length: 3"], "abc"),
    message(["POST /a HTTP/1.1", "Host: a", "Transfer-Encoding: xchunked"], "0\r\n\r\n"),
    message(["GET /a HTTP/1.0", "Connection: keep-alive"]),
    b"GET /a\r\n",
    message(["nonsense"]),
]
RESPONSES = [
    message(["HTTP/1.1 200 OK", "Content-Length: 6"], "abcdef"),
    message(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], "3\r\nabc\r\n0\r\n\r\n"),
    message(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], "3\r\nabc\r\nzz\r\n"),
    message(["HTTP/1.1 200 OK"], "abcdef"),
    message(["HTTP/1.1 204 No Content"]),
    message(["HTTP/1.1 304 Not Modified", "Content-Length: 6"]),
    message(["HTTP/1.1 103 Early Hints"]) + message(["HTTP/1.1 200 OK", "Content-Length: 0"]),
    message(["HTTP/1.1 200 OK", "Content-Length: 0", "Connection: close"]),
    message(["HTTP/1.1 101 Switching Protocols"]),
    message(["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"]),
    message(["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket"], "first"),
    message(["nonsense"]),
]
UNREACHABLE = [
    Outcome.CONNECT_FAILED,
    Outcome.CONNECT_TIMEOUT,
    Outcome.TARGET_TLS_FAILED,
    Outcome.TARGET_TLS_TIMEOUT,
    Outcome.NO_TARGET,
]
SIZES = [1, 10, 60, 75, 90, 400, 400, 400]
"""How much of a message comes at once: within the first line, the head, the body, or all of it."""


class Walk:
    """One client's connection, request after request, part after part; and whatever else may happen meanwhile.

    Every act takes a number, from which it draws what is left to chance.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.client: ScriptedClient = stage.client()
        self.request = b""
        self.responses: dict[int, bytes] = {}

    @property
    def exchange(self) -> Exchange | None:
        return self.client.exchange

    @property
    def port(self) -> ScriptedTarget | None:
        """The target connection that is busy with the client's exchange."""
        for port in reversed(self.stage.targets):
            if port.is_open and port.exchange is not None and port.exchange is self.exchange:
                return port
        return None

    # ---- the client

    def send(self, number: int) -> None:
        """Some of a request; a request once begun goes on. A client that is gone comes back."""
        if not self.client.is_open:
            self.client, self.request = self.stage.client(), b""
        size = SIZES[number % len(SIZES)]
        self.request = self.request or REQUESTS[number % len(REQUESTS)]
        part, self.request = self.request[:size], self.request[size:]
        self.client.sends_bytes(part)

    def pipeline(self, number: int) -> None:
        """The rest of a request, and whole ones behind it."""
        if self.client.is_open:
            data, self.request = self.request + b"".join(REQUESTS[: number % 4]), b""
            self.client.sends_bytes(data)

    def leave(self, number: int) -> None:
        if self.client.is_open:
            self.client.leaves()

    def stop_taking(self, number: int) -> None:
        if self.exchange is not None:
            self.client.stops_reading()

    def fill(self, number: int) -> None:
        self.client.fills_up = True

    def take_again(self, number: int) -> None:
        if self.exchange is not None:
            self.client.reads_on()
        if self.port is not None and not self.port.is_paused:
            self.port.answers_bytes("")

    def grow_old(self, number: int) -> None:
        self.client.must_close = not self.client.must_close

    # ---- the target

    def use_up_connections(self, number: int) -> None:
        self.stage.is_connected = not self.stage.is_connected

    def connect(self, number: int) -> None:
        if self.stage._connecting:
            self.stage.connects(fills_up=number % 3 == 0)

    def refuse(self, number: int) -> None:
        if self.stage._connecting:
            self.stage.refuses(UNREACHABLE[number % len(UNREACHABLE)])

    def answer(self, number: int) -> None:
        """Some of a response; a response once begun goes on."""
        port = self.port
        if port is not None:
            key, size = id(port.exchange), SIZES[number % len(SIZES)]
            rest = self.responses.get(key) or RESPONSES[number % len(RESPONSES)]
            self.responses[key] = rest[size:]
            port.answers_bytes(rest[:size])

    def close_target(self, number: int) -> None:
        if self.port is not None:
            self.port.closes()

    def stop_accepting(self, number: int) -> None:
        if self.port is not None:
            self.port.stops_reading()

    def accept_again(self, number: int) -> None:
        if self.port is not None:
            self.port.reads_on()

    # ---- time and shutdown

    def wait(self, number: int) -> None:
        if self.exchange is not None:
            self.client.waits(60)

    def shut_down(self, number: int) -> None:
        if self.exchange is not None:
            self.exchange.on_shutdown()

    # ---- what always holds

    def check(self) -> None:
        running = self.exchange
        self._check_records(running)
        assert int(running is not None and running.target is not None) == self.stage.state.outstanding
        for port in self.stage.idle:
            assert (None, False) == (port.exchange, port.is_paused)

    def _check_records(self, running: Exchange | None) -> None:
        for exchange in self.stage.exchanges:
            assert (exchange is not running) is (exchange in self.stage.ledger.records)
            assert (exchange is not running) is (exchange.phase is TargetPhase.DONE)
            if exchange is not running:
                assert (True, None) == (exchange.status >= 200 or exchange.status == 101, exchange.port)
        tunnels = [exchange for exchange in self.stage.exchanges if exchange.target_status == 101]
        assert tunnels == self.stage.ledger.tunnels
        if running is not None and running.phase is TargetPhase.TUNNELLING and self.port is not None:
            assert running.head is not None
            # Every byte behind the head went through, those that came early as well.
            assert running.received_bytes - running.head.size == len(self.port.received) - self.port.tunnel_begins
        # What a client received is what the exchanges say.
        sent = sum(exchange.sent_bytes for exchange in self.stage.exchanges if exchange.client is self.client)
        assert len(self.client.received) == sent

    def end(self) -> None:
        """Everybody goes; nothing is left behind."""
        self.leave(0)
        while self.stage._connecting:
            self.stage.connects()
        self.check()
        assert (0, None) == (self.stage.state.outstanding, self.exchange)
        assert len(self.stage.exchanges) == len(self.stage.ledger.records)


COMMON = [Walk.send, Walk.answer, Walk.answer, Walk.connect]
RARE = [
    Walk.pipeline,
    Walk.leave,
    Walk.stop_taking,
    Walk.fill,
    Walk.take_again,
    Walk.grow_old,
    Walk.use_up_connections,
    Walk.refuse,
    Walk.close_target,
    Walk.stop_accepting,
    Walk.accept_again,
    Walk.shut_down,
]
ACTS = [*COMMON * 8, *RARE, *[Walk.wait] * 4]
STEPS = st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 10_000)), min_size=20, max_size=80)


def walk(stage: Stage, steps: Steps) -> Walk:
    walk = Walk(stage)
    for act, number in steps:
        act(walk, number)
        walk.check()
    walk.end()
    return walk


@settings(max_examples=150)
@given(STEPS)
def test_every_exchange_ends_once_and_leaves_nothing_behind(steps: Steps) -> None:
    walk(Stage(), steps)


@settings(max_examples=30)
@given(STEPS)
def test_the_laws_hold_without_targets_too(steps: Steps) -> None:
    walk(Stage(action=FixedResponseConfig(status_code="200", message_body="ok")), steps)


def test_the_walks_reach_every_kind_of_ending() -> None:
    """Otherwise the laws above would hold of very little."""
    draw = random.Random(1)
    seen: Counter[Outcome] = Counter()
    tunnels: Counter[Outcome] = Counter()
    for _ in range(600):
        steps = [(draw.choice(ACTS), draw.randrange(10_000)) for _ in range(60)]
        ledger = walk(Stage(), steps).stage.ledger
        seen.update(record.outcome for record in ledger.records)
        tunnels.update(record.outcome for record in ledger.tunnels)

    elsewhere = {
        Outcome.REDIRECTED,
        Outcome.FIXED_RESPONSE,
        Outcome.REDIRECT_TOO_LONG,
        Outcome.TRANSFORM_FAILED,
        Outcome.TOO_MANY_ADDRESSES,
        Outcome.CODING_REFUSED,
        Outcome.VERSION_REFUSED,
        Outcome.SEVERAL_HOSTS,
        Outcome.DEREGISTERED,
        Outcome.FAULT_ANSWERED,
        Outcome.FAULT_CUT,
    }

    assert set(Outcome) - elsewhere == set(seen)
    assert {Outcome.FORWARDED, Outcome.TARGET_SILENT, Outcome.SHUTTING_DOWN} <= set(tunnels)
