"""An Application Load Balancer inside a test.

With pytest, the fixtures `alb`, `make_alb` and `session_alb` are there as soon as edgeproxy is installed
(`plugin.py`). Without it, or for one's own fixtures, the same as a context manager:

    with Alb(targets=[8080]) as alb:
        assert requests.get(alb.url("/"), verify=alb.ca_file).ok

    async with Alb("edgeproxy.yaml") as alb:
        await alb.wait_healthy()

The load balancer runs on an event loop of its own, in a thread. So a blocking client inside an asynchronous test does
not lock itself up, any event loop of the test's will do, and the load balancer's time can be moved (`Alb.advance`).

    alb.py             Alb: start it, change it, ask it
    recorded.py        the requests that came; sent.py: their heads as targets got them
    expectation.py     which of them `expect` means, and what it says
    configuration.py   what a test may give as configuration
    clients.py         clients that trust it and find it under any name
    targets/           apps as targets, and scripted ones that misbehave
    movable_time.py    how time is moved, and what does not move
    plugin.py          the fixtures; the only file that imports pytest
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edgeproxy.testing.alb import Alb
    from edgeproxy.testing.certificates import ThrowAwayCA, throw_away_ca
    from edgeproxy.testing.recorded import RecordedRequest

__all__ = ["Alb", "RecordedRequest", "ThrowAwayCA", "throw_away_ca"]

_HOMES = {
    "Alb": "edgeproxy.testing.alb",
    "RecordedRequest": "edgeproxy.testing.recorded",
    "ThrowAwayCA": "edgeproxy.testing.certificates",
    "throw_away_ca": "edgeproxy.testing.certificates",
}


def __getattr__(name: str) -> Any:
    """Imports on demand: pytest loads the plugin, and this package with it, in every project that has edgeproxy."""
    import importlib  # noqa: PLC0415 - see above

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
