"""edgeproxy's speed goals, and whether a run meets them. Pure: a run in, rows out.

Every goal compares figures of one run on one machine; a figure that was not measured, or that failures have spoilt,
leaves its goal open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.bench.memory import MIB
from tests.bench.results import LOADS, TRANSFERS, ProxyResult, Run

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "edgeproxy"
_BUILDS = {OURS: "", "edgeproxy-compiled": "compiled, "}
"""The builds that are held against the goals of a request, and how their rows begin."""
_REFERENCE = "nginx"
_MUST_BEAT = ("envoy", "traefik", "caddy")
_HTTPS_LOADS = ("https same", "https varied")
_H2_LOADS = ("h2 same", "h2 varied")


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A figure and the limit it is held against. `is_minimum` turns the comparison around."""

    name: str
    measured: float | None
    limit: float | None
    unit: str
    is_minimum: bool = False

    @property
    def is_met(self) -> bool | None:
        """None: not measured in this run."""
        if self.measured is None or self.limit is None:
            return None
        return self.measured >= self.limit if self.is_minimum else self.measured <= self.limit

    def row(self) -> list[str]:
        """The goal as a row of a table."""
        word = {True: "met", False: "MISSED", None: "not measured"}[self.is_met]
        sign = ">=" if self.is_minimum else "<="
        limit = f"{sign} {self.limit:,.1f} {self.unit}" if self.limit is not None else "-"
        measured = f"{self.measured:,.1f} {self.unit}" if self.measured is not None else "-"
        return [self.name, limit, measured, word]


def goals(run: Run) -> list[Goal]:
    """Every goal, in the order of importance; nothing at all when edgeproxy took no part."""
    proxies = {proxy.name: proxy for proxy in run.proxies}
    ours = proxies.get(OURS)
    if ours is None:
        return []
    return [
        *(goal for name in _BUILDS if name in proxies for goal in _request_goals(name, proxies)),
        *_body_goals(ours, proxies.get(_REFERENCE)),
        *_rule_goals(run),
        *_size_goals(ours),
        *_fixture_goals(run),
    ]


def _request_goals(ours: str, proxies: dict[str, ProxyResult]) -> Iterator[Goal]:
    def cost(name: str, key: str) -> float | None:
        load = proxies[name].loads.get(key) if name in proxies else None
        return load.cpu_us if load and not load.failures else None  # an error page is cheap

    build = _BUILDS[ours]
    for key in _HTTPS_LOADS:
        nginx = cost(_REFERENCE, key)
        mine = cost(ours, key)
        limit = nginx * 1.5 if nginx is not None else None
        yield Goal(name=f"{build}{LOADS[key]}: 1.5 x nginx", measured=mine, limit=limit, unit="us")
        for name in _MUST_BEAT:
            if name in proxies:
                yield Goal(name=f"{build}{LOADS[key]}: below {name}", measured=mine, limit=cost(name, key), unit="us")
    for key in _H2_LOADS:
        for name in _MUST_BEAT:
            if name in proxies:
                yield Goal(
                    name=f"{build}{LOADS[key]}: below {name}",
                    measured=cost(ours, key),
                    limit=cost(name, key),
                    unit="us",
                )


def _body_goals(ours: ProxyResult, nginx: ProxyResult | None) -> Iterator[Goal]:
    for key, title in TRANSFERS.items():
        best = nginx.transfers.get(key) if nginx else None
        mine = ours.transfers.get(key)
        yield Goal(
            name=f"{title}: nginx's rate",
            measured=mine.megabytes_per_second if mine else None,
            limit=best.megabytes_per_second if best else None,
            unit="MB/s",
            is_minimum=True,
        )
    growth = ours.body_growth / MIB if ours.body_growth is not None else None
    yield Goal(name="memory during bodies: idle + 16 MiB", measured=growth, limit=16, unit="MiB")


def _rule_goals(run: Run) -> Iterator[Goal]:
    one = run.rules.get(1)
    for count, share in ((100, 1.10), (1000, 1.20)):
        yield Goal(
            name=f"{count:,} rules: {share:.1f} x one rule",
            measured=run.rules.get(count),
            limit=one * share if one is not None else None,
            unit="us",
        )


def _size_goals(ours: ProxyResult) -> Iterator[Goal]:
    foot = ours.footprint
    yield Goal(name="start to first proxied answer", measured=ours.startup_ms, limit=300, unit="ms")
    yield Goal(name="idle memory", measured=foot.idle / MIB if foot else None, limit=60, unit="MiB")
    per_connection = foot.per_tls_connection / 1024 if foot else None
    yield Goal(name="memory per idle TLS connection", measured=per_connection, limit=40, unit="KiB")


def _fixture_goals(run: Run) -> Iterator[Goal]:
    found = run.fixture
    start, reset = (found.start_ms, found.reset_ms) if found else (None, None)
    yield Goal(name="fixture: start to first proxied answer", measured=start, limit=30, unit="ms")
    yield Goal(name="fixture: reset", measured=reset, limit=2, unit="ms")
