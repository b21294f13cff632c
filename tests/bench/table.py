"""Markdown tables of a run. Pure: values in, text out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.memory import MIB
from tests.bench.results import CONNECTIONS, LOADS, TRANSFERS, Load, Run, Transfer

if TYPE_CHECKING:
    from collections.abc import Sequence

REFERENCE = "nginx"
_NOTHING = "-"


def markdown(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that also reads well as plain text: the first column left, all others right."""
    widths = [max(len(row[i]) for row in (headers, *rows)) for i in range(len(headers))]

    def line(cells: Sequence[str]) -> str:
        padded = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))]
        return f"| {' | '.join(padded)} |"

    rule = [("-" * w if i == 0 else "-" * (w - 1) + ":") for i, w in enumerate(widths)]
    return "\n".join([line(headers), line(rule), *(line(row) for row in rows)])


def ratio(value: float | None, reference: float | None) -> str:
    """`value` as a multiple of `reference`, or a dash if one of them is missing or the reference is zero."""
    return _NOTHING if value is None or not reference else f"{value / reference:.2f} x"


def number(value: float | None, digits: int = 1) -> str:
    """A figure with thousands separated, or a dash."""
    return _NOTHING if value is None else f"{value:,.{digits}f}"


def _load_row(name: str, load: Load, best: Load | None) -> list[str]:
    return [
        name,
        number(load.cpu_us),
        ratio(load.cpu_us, best.cpu_us if best else None),
        number(load.per_second, 0),
        number(load.p50_us / 1000, 2),
        number(load.p99_us / 1000, 2),
        number(load.failures, 0),
    ]


def _load_rows(loads: Sequence[tuple[str, Load | None]]) -> list[list[str]]:
    best = dict(loads).get(REFERENCE)
    return [_load_row(name, load, best) for name, load in loads if load]


def _load_sections(run: Run) -> list[str]:
    sections = []
    for key, title in LOADS.items():
        if rows := _load_rows([(proxy.name, proxy.loads.get(key)) for proxy in run.proxies]):
            sections.append(f"## {title}\n\n{markdown(_load_headers('request'), rows)}")
    for key, title in CONNECTIONS.items():
        if rows := _load_rows([(proxy.name, proxy.connections.get(key)) for proxy in run.proxies]):
            sections.append(f"## New connections, {title}\n\n{markdown(_load_headers('connection'), rows)}")
    return sections


def _load_headers(one: str) -> list[str]:
    return ["proxy", f"CPU us/{one}", "to nginx", f"{one}s/s", "p50 ms", "p99 ms", "failures"]


def _transfer_row(name: str, transfer: Transfer, best: Transfer | None) -> list[str]:
    return [
        name,
        number(transfer.megabytes_per_second, 0),
        ratio(transfer.megabytes_per_second, best.megabytes_per_second if best else None),
        number(transfer.cpu_ms_per_100mb, 0),
        ratio(transfer.cpu_ms_per_100mb, best.cpu_ms_per_100mb if best else None),
    ]


def _transfer_section(run: Run) -> str | None:
    best = next((proxy.transfers for proxy in run.proxies if proxy.name == REFERENCE), {})
    rows = [
        _transfer_row(f"{title}, {proxy.name}", proxy.transfers[key], best.get(key))
        for key, title in TRANSFERS.items()
        for proxy in run.proxies
        if key in proxy.transfers
    ]
    headers = ["100 MB bodies", "MB/s", "to nginx", "CPU ms/100 MB", "to nginx"]
    return f"## Bodies\n\n{markdown(headers, rows)}" if rows else None


def _size_section(run: Run) -> str | None:
    rows = []
    for proxy in run.proxies:
        foot, growth = proxy.footprint, proxy.body_growth
        rows.append(
            [
                f"{proxy.name} {proxy.version}",
                number(foot.idle / MIB if foot else None),
                number(foot.per_tls_connection / 1024 if foot else None),
                number(growth / MIB if growth is not None else None),
                number(proxy.startup_ms, 0),
            ]
        )
    headers = ["proxy", "idle MiB", "KiB per idle TLS connection", "MiB more during bodies", "start ms"]
    return f"## Memory and start\n\n{markdown(headers, rows)}" if rows else None


def _rules_section(run: Run) -> str | None:
    if not run.rules:
        return None
    one = run.rules[min(run.rules)]
    rows = [[f"{count:,}", number(cost), ratio(cost, one)] for count, cost in run.rules.items()]
    return f"## Rules of edgeproxy\n\n{markdown(['rules', 'CPU us/request', 'to one rule'], rows)}"


def _tunnels_section(run: Run) -> str | None:
    rows = [
        [scheme, number(found.count, 0), number(found.each / 1024), number(found.cpu_share * 100)]
        for scheme, found in run.tunnels.items()
    ]
    headers = ["idle WebSockets", "held", "KiB each", "% of a core"]
    return f"## WebSockets of edgeproxy\n\n{markdown(headers, rows)}" if rows else None


def _fixture_section(run: Run) -> str | None:
    if run.fixture is None:
        return None
    rows = [
        ["start to first proxied answer", number(run.fixture.start_ms)],
        ["reset", number(run.fixture.reset_ms, 2)],
    ]
    return f"## The fixture\n\n{markdown(['in a test', 'ms'], rows)}"


def _failure(name: str, error: str) -> str:
    return f"- {name}: " + error.replace("\n", "\n    ")


def report(run: Run, goals: Sequence[Sequence[str]]) -> str:
    """The whole document: where it was measured, every table, the goals, and what failed."""
    facts = "\n".join(f"- {name}: {value}" for name, value in (run.machine | run.options).items())
    sections = [f"# Proxies side by side\n\n{facts}", *_load_sections(run)]
    parts = (_transfer_section, _size_section, _rules_section, _tunnels_section, _fixture_section)
    sections += filter(None, (part(run) for part in parts))
    if goals:
        sections.append(f"## Goals\n\n{markdown(['goal', 'limit', 'measured', 'verdict'], goals)}")
    if failed := [_failure(proxy.name, error) for proxy in run.proxies for error in proxy.errors]:
        sections.append("## What failed\n\n" + "\n".join(failed))
    return "\n\n".join(sections) + "\n"
