"""Random walks with random faults: every exchange ends once, and nothing is left of it, whatever happens in between."""

from __future__ import annotations

import random
from typing import Any

import pytest

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.phase import TargetPhase
from edgeproxy.model.fault import Fault
from tests.helpers.fault_stage import FaultStage

BODY = b"0123456789" * 5
UPGRADE = ("GET / HTTP/1.1", "Host: a", "Connection: Upgrade", "Upgrade: websocket")
SWITCHING = ("HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket")


def some_fault(draw: random.Random) -> Fault:
    kinds: list[dict[str, Any]] = [
        {"delay": 2.0, "jitter": 2.0},
        {"bandwidth": draw.choice([3, 20, 500])},
        {"status": draw.choice([400, 464, 502, 503, 504, 561])},
        {"status": 503, "delay": 1.0},
        {"reset": True},
        {"reset": True, "delay": 1.0},
        {"reset": True, "after": 2.0},
        {"truncate": draw.choice([0, 1, 20, 50, 60])},
        {"close_before_send": True},
        {"close_before_send": True, "delay": 1.0},
    ]
    return Fault(**draw.choice(kinds), percentage=draw.choice([30, 70, 100]), seed=draw.randrange(1000))


class Walk:
    """One client and what happens to it."""

    def __init__(self, seed: int) -> None:
        self.draw = draw = random.Random(seed)
        first = [some_fault(draw) for _ in range(draw.randrange(3))]
        second = [some_fault(draw) for _ in range(draw.randrange(3))]
        self.stage = FaultStage(
            first, at_group=second, tells_client=draw.random() < 0.5, is_connected=draw.random() < 0.5
        )
        self.client = self.stage.client()
        self.unsent = b""

    @property
    def is_busy(self) -> bool:
        return self.client.exchange is not None

    def step(self) -> None:
        stage, client, draw = self.stage, self.client, self.draw
        stage.idle = [target for target in stage.idle if target.is_open]
        acts = [self.passes, self.passes]
        if not client.is_open:
            self.client, self.unsent = stage.client(), b""
            return
        if not self.is_busy:
            acts += [self.asks] * 4
        else:
            acts += [self.sends_more] * 3 + [self.leaves, self.waits]
            assert client.exchange is not None
            if client.exchange.phase is TargetPhase.CONNECTING and stage._connecting:
                acts += [self.connects] * 4 + [self.refuses]
            if client.exchange.port is not None:
                acts += [self.blocks, self.drains]
        if stage.targets and stage.target.exchange is not None and stage.target.is_open:
            acts += [self.answers] * 4 + [self.target_leaves]
        draw.choice(acts)()

    def asks(self) -> None:
        what = self.draw.randrange(4)
        if what == 0:
            self.client.sends(*UPGRADE)
        elif what == 1:
            self.unsent = BODY
            self.client.sends("POST / HTTP/1.1", "Host: a", f"Content-Length: {len(BODY)}")
        else:
            self.client.sends("GET / HTTP/1.1", "Host: a")

    def sends_more(self) -> None:
        size = self.draw.randrange(1, 30)
        part, self.unsent = self.unsent[:size], self.unsent[size:]
        if part:
            self.client.sends_bytes(part)

    def answers(self) -> None:
        target = self.stage.target
        exchange = self.client.exchange
        if exchange is not None and exchange.phase is TargetPhase.TUNNELLING:
            target.answers_bytes(BODY)
        elif target.received and exchange is not None and exchange.phase is TargetPhase.WAITING:
            if exchange.head is not None and exchange.head.fields.wants_websocket and target.tunnel_begins:
                target.answers(*SWITCHING)
            else:
                size = self.draw.choice([0, 10, 50])
                target.answers("HTTP/1.1 200 OK", "Content-Length: 50", body=BODY[:size])
        elif exchange is not None and exchange.phase is TargetPhase.RESPONDING:
            target.answers_bytes(BODY[:10])

    def target_leaves(self) -> None:
        between = self.stage.target.exchange
        assert between is not None
        if self.client.exchange is None or self.client.exchange.phase is TargetPhase.TUNNELLING:
            return
        self.stage.target.is_open = False
        between.on_target_lost(Outcome.TARGET_CLOSED)

    def connects(self) -> None:
        self.stage.connects()

    def refuses(self) -> None:
        self.stage.refuses()

    def leaves(self) -> None:
        self.client.leaves()

    def blocks(self) -> None:
        self.client.stops_reading()

    def drains(self) -> None:
        self.client.reads_on()

    def passes(self) -> None:
        self.stage.timers.passes(self.draw.choice([0.01, 0.3, 3.0]))

    def waits(self) -> None:
        self.client.waits(0.0)

    def end(self) -> None:
        if self.client.is_open and self.client.exchange is not None:
            self.client.leaves()
        while self.stage._connecting:
            self.stage.connects()


@pytest.mark.parametrize("start", range(0, 4000, 500))
def test_whatever_happens_every_exchange_ends_once_and_leaves_nothing(start: int) -> None:
    seen: set[str] = set()
    for seed in range(start, start + 500):
        walk = Walk(seed)
        for _ in range(60):
            walk.step()
        walk.end()
        stage = walk.stage
        assert len(stage.exchanges) == len(stage.ledger.records), seed
        assert {TargetPhase.DONE} >= {exchange.phase for exchange in stage.exchanges}, seed
        assert 0 == stage.state.outstanding, seed
        assert 0 == stage.timers.left, seed
        assert not [target for target in stage.targets if target.exchange is not None], seed
        seen.update(name for record in stage.ledger.records if record.injection for name in record.injection.names)
    assert {"delay", "bandwidth", "status-503", "reset", "truncate", "close-before-send"} <= seen
