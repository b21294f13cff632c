"""What is measured: plain values, one structure per question, that become JSON and tables."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Load:
    """Many requests, or many new connections."""

    cpu_us: float  # processor time of the proxy per request, microseconds
    per_second: float
    p50_us: float
    p99_us: float
    failures: int


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Bodies of 100 MB, one after the other on one connection."""

    megabytes_per_second: float
    cpu_ms_per_100mb: float


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Memory, in bytes."""

    idle: int  # PSS, before the first request of the run
    per_tls_connection: float  # growth of PSS divided by the number of idle connections
    tls_connections: int


@dataclass(frozen=True, kw_only=True)
class Tunnels:
    """Idle WebSockets of one kind, all held at the same time."""

    count: int
    each: float  # growth of PSS per tunnel, bytes
    cpu_share: float  # of one core, while nothing happens on any of them


@dataclass(frozen=True, kw_only=True)
class Fixture:
    """A load balancer inside a test, once everything is imported."""

    start_ms: float  # from making it to its first proxied answer over HTTPS, the client's part included
    reset_ms: float


@dataclass(kw_only=True)
class ProxyResult:
    """Everything about one proxy. A measurement that failed is missing here and has its sentence in `errors`."""

    name: str
    version: str
    loads: dict[str, Load] = field(default_factory=dict)  # keys: `LOADS`
    connections: dict[str, Load] = field(default_factory=dict)  # keys: `CONNECTIONS`
    transfers: dict[str, Transfer] = field(default_factory=dict)  # keys: `TRANSFERS`
    body_growth: int | None = None  # peak RSS during all transfers minus RSS before them, bytes
    footprint: Footprint | None = None
    startup_ms: float | None = None  # median from starting the process to the first proxied 200
    errors: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class Run:
    """A whole run, as it is written to JSON."""

    machine: dict[str, str]
    options: dict[str, str]
    proxies: list[ProxyResult] = field(default_factory=list)
    rules: dict[int, float] = field(default_factory=dict)  # number of rules -> microseconds per request
    tunnels: dict[str, Tunnels] = field(default_factory=dict)  # keys: ws, wss
    fixture: Fixture | None = None


# key -> what the row is called
LOADS = {
    "http same": "HTTP, every request the same",
    "http varied": "HTTP, every request different",
    "https same": "HTTPS, every request the same",
    "https varied": "HTTPS, every request different",
    "h2 same": "HTTP/2, every request the same",
    "h2 varied": "HTTP/2, every path different",
}
TRANSFERS = {
    "http download": "HTTP download",
    "https download": "HTTPS download",
    "http upload": "HTTP upload",
    "https upload": "HTTPS upload",
}
CONNECTIONS = {"http": "HTTP", "https": "HTTPS, full handshake", "https resumed": "HTTPS, resumed session"}
