"""The pytest plugin: fixtures that give a test a load balancer, and nothing that outlives it.

    alb               a load balancer for this test
    make_alb          makes more of them: make_alb(configuration, targets=[...])
    session_alb       one load balancer for the whole session, reset before each test that uses it

Overridable, in a test module or a conftest.py:

    alb_config        a dict, YAML text, a file; None for HTTP that redirects and HTTPS that forwards to `app`
    alb_targets       what is registered at the start
    alb_names         what the certificate covers besides `localhost` and the hosts of the rules
    alb_ssl_context   what clients speak TLS with; None for a context that trusts `alb_ca`
    alb_time_scale    every duration times this

`session_alb` is another one from the first test on for which one of these gives something else: a module's override
holds in that module. `alb_ca` is the throw-away CA, for client certificates.

This file is imported wherever edgeproxy is installed, so it imports nothing but pytest before a fixture is asked for.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Generator, Iterable, Iterator, Sequence

    from edgeproxy.testing.addresses import TargetLike
    from edgeproxy.testing.alb import Alb
    from edgeproxy.testing.certificates import ThrowAwayCA
    from edgeproxy.testing.configuration import Configuration


class MakeAlb(Protocol):
    """What the fixture `make_alb` gives: it starts a load balancer, which ends with the test."""

    def __call__(self, configuration: Configuration = None, **options: Any) -> Alb:
        """See `Alb` for the options."""


@pytest.fixture(scope="session")
def alb_config() -> Configuration:
    """Override: the configuration of `alb` and `session_alb`."""
    return None


@pytest.fixture(scope="session")
def alb_targets() -> Iterable[TargetLike]:
    """Override: the targets of `alb` and `session_alb`."""
    return ()


@pytest.fixture(scope="session")
def alb_names() -> Sequence[str]:
    """Override: what the certificate covers besides `localhost` and the hosts of the rules."""
    return ()


@pytest.fixture(scope="session")
def alb_ssl_context() -> ssl.SSLContext | None:
    """Override: what clients speak TLS with."""
    return None


@pytest.fixture(scope="session")
def alb_time_scale() -> float:
    """Override: every duration times this."""
    return 1.0


@pytest.fixture(scope="session")
def alb_ca() -> ThrowAwayCA:
    """The CA that signs the certificates of load balancers, and of clients where a test asks for it."""
    from edgeproxy.testing.certificates import throw_away_ca  # noqa: PLC0415 - see the top

    return throw_away_ca()


@pytest.fixture
def make_alb(
    alb_names: Sequence[str], alb_ssl_context: ssl.SSLContext | None, alb_time_scale: float
) -> Iterator[MakeAlb]:
    """Starts load balancers; all of them end with the test."""
    usual = {"names": alb_names, "ssl_context": alb_ssl_context, "time_scale": alb_time_scale}
    made: list[Alb] = []

    def make(configuration: Configuration = None, **options: Any) -> Alb:
        made.append(_started(configuration, **{**usual, **options}))
        return made[-1]

    yield make
    for each in reversed(made):
        each.stop()


@pytest.fixture
def alb(make_alb: MakeAlb, alb_config: Configuration, alb_targets: Iterable[TargetLike]) -> Alb:
    """A load balancer for this test."""
    return make_alb(alb_config, targets=alb_targets)


class _SessionAlb:
    """The load balancer of a session: another one where a module overrides what it is made of."""

    def __init__(self) -> None:
        self._made_of: dict[str, Any] | None = None
        self._alb: Alb | None = None

    def made_of(self, **settings: Any) -> Alb:
        """The running one, reset, if it was made of the same; else a new one in its place."""
        if self._alb is not None and self._made_of == settings:
            self._alb.reset()
            return self._alb
        self.stop()
        self._alb = _started(**settings)
        self._made_of = settings
        return self._alb

    def stop(self) -> None:
        """Ends it."""
        made, self._alb = self._alb, None
        if made is not None:
            made.stop()


@pytest.fixture(scope="session")
def _session_albs() -> Iterator[_SessionAlb]:
    made = _SessionAlb()
    yield made
    made.stop()


@pytest.fixture
def session_alb(
    _session_albs: _SessionAlb,
    alb_config: Configuration,
    alb_targets: Iterable[TargetLike],
    alb_names: Sequence[str],
    alb_ssl_context: ssl.SSLContext | None,
    alb_time_scale: float,
) -> Alb:
    """The session's load balancer, as if it had just been started."""
    return _session_albs.made_of(
        configuration=alb_config,
        targets=alb_targets,
        names=alb_names,
        ssl_context=alb_ssl_context,
        time_scale=alb_time_scale,
    )


def _started(configuration: Configuration, **options: Any) -> Alb:
    from edgeproxy.testing.alb import Alb  # noqa: PLC0415 - see the top
    from edgeproxy.testing.running import RUNNING  # noqa: PLC0415

    made = Alb(configuration, **options).start()
    RUNNING[made] = True
    return made


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, Any, Any]:
    """Whatever a test itself starts and forgets is stopped when it ends; what fixtures start is theirs."""
    before = _running()
    try:
        return (yield)
    finally:
        _stop_forgotten(before)


def pytest_sessionfinish() -> None:
    """What fixtures have forgotten."""
    _stop_forgotten(frozenset(), also_kept=True)


def _running() -> frozenset[Any]:
    found = sys.modules.get("edgeproxy.testing.running")
    return frozenset() if found is None else frozenset(found.RUNNING)


def _stop_forgotten(before: frozenset[Any], *, also_kept: bool = False) -> None:
    found = sys.modules.get("edgeproxy.testing.running")
    if found is not None:
        found.stop_forgotten(before, also_kept=also_kept)
