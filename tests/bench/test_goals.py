import pytest

from tests.bench.goals import Goal, goals
from tests.bench.results import Fixture, Footprint, Load, ProxyResult, Run, Transfer


def load(cpu_us: float, failures: int = 0) -> Load:
    return Load(cpu_us=cpu_us, per_second=1, p50_us=1, p99_us=1, failures=failures)


def run(*proxies: ProxyResult) -> Run:
    return Run(machine={}, options={}, proxies=list(proxies))


def verdicts(measured: Run) -> dict[str, bool | None]:
    return {goal.name: goal.is_met for goal in goals(measured)}


def test_without_edgeproxy_there_are_no_goals() -> None:
    assert goals(run(ProxyResult(name="nginx", version="1"))) == []


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert {None} == set(verdicts(run(ProxyResult(name="edgeproxy", version="1"))).values())


@pytest.mark.parametrize(("cost", "expected"), [(27.0, True), (27.1, False)])
def test_a_request_may_cost_one_and_a_half_times_what_nginx_needs(cost: float, expected: bool) -> None:
    nginx = ProxyResult(name="nginx", version="1", loads={"https varied": load(18)})
    ours = ProxyResult(name="edgeproxy", version="1", loads={"https varied": load(cost)})

    assert verdicts(run(nginx, ours))["HTTPS, every request different: 1.5 x nginx"] is expected


def test_a_request_must_cost_less_than_in_envoy() -> None:
    envoy = ProxyResult(name="envoy", version="1", loads={"https same": load(40)})
    ours = ProxyResult(name="edgeproxy", version="1", loads={"https same": load(41)})

    assert verdicts(run(envoy, ours))["HTTPS, every request the same: below envoy"] is False


def test_a_request_over_http2_must_cost_less_than_in_envoy() -> None:
    envoy = ProxyResult(name="envoy", version="1", loads={"h2 same": load(40), "h2 varied": load(40)})
    ours = ProxyResult(name="edgeproxy", version="1", loads={"h2 same": load(39), "h2 varied": load(41)})

    found = verdicts(run(envoy, ours))
    assert (True, False) == (
        found["HTTP/2, every request the same: below envoy"],
        found["HTTP/2, every path different: below envoy"],
    )


def test_the_compiled_build_has_the_same_goals_for_a_request() -> None:
    nginx = ProxyResult(name="nginx", version="1", loads={"https varied": load(18)})
    builds = [
        ProxyResult(name=name, version="1", loads={"https varied": load(cost)})
        for name, cost in (("edgeproxy", 50), ("edgeproxy-compiled", 27))
    ]

    found = verdicts(run(nginx, *builds))
    assert (False, True) == (
        found["HTTPS, every request different: 1.5 x nginx"],
        found["compiled, HTTPS, every request different: 1.5 x nginx"],
    )


def test_a_goal_cannot_be_met_with_failures() -> None:
    """Answering 502 is cheap."""
    envoy = ProxyResult(name="envoy", version="1", loads={"https same": load(40)})
    ours = ProxyResult(name="edgeproxy", version="1", loads={"https same": load(5, failures=1)})

    assert verdicts(run(envoy, ours))["HTTPS, every request the same: below envoy"] is None


@pytest.mark.parametrize(("rate", "expected"), [(750, True), (749, False)])
def test_bodies_must_be_as_fast_as_in_nginx(rate: float, expected: bool) -> None:
    best = Transfer(megabytes_per_second=750, cpu_ms_per_100mb=100)
    mine = Transfer(megabytes_per_second=rate, cpu_ms_per_100mb=100)
    nginx = ProxyResult(name="nginx", version="1", transfers={"https download": best})
    ours = ProxyResult(name="edgeproxy", version="1", transfers={"https download": mine})

    assert verdicts(run(nginx, ours))["HTTPS download: nginx's rate"] is expected


def test_rules_are_held_against_one_rule() -> None:
    measured = run(ProxyResult(name="edgeproxy", version="1"))
    measured.rules = {1: 20.0, 100: 21.9, 1000: 24.1}

    found = verdicts(measured)

    assert [found["100 rules: 1.1 x one rule"], found["1,000 rules: 1.2 x one rule"]] == [True, False]


def test_memory_and_start_have_fixed_limits() -> None:
    foot = Footprint(idle=61 * 1024 * 1024, per_tls_connection=40 * 1024, tls_connections=1000)
    ours = ProxyResult(name="edgeproxy", version="1", footprint=foot, body_growth=17 * 1024 * 1024, startup_ms=300)

    found = verdicts(run(ours))

    assert found["idle memory"] is False
    assert found["memory per idle TLS connection"] is True
    assert found["memory during bodies: idle + 16 MiB"] is False
    assert found["start to first proxied answer"] is True


def test_the_fixture_has_fixed_limits() -> None:
    measured = run(ProxyResult(name="edgeproxy", version="1"))
    measured.fixture = Fixture(start_ms=30, reset_ms=2.5)

    assert verdicts(measured)["fixture: start to first proxied answer"] is True
    assert verdicts(measured)["fixture: reset"] is False


def test_a_row_shows_limit_figure_and_verdict() -> None:
    missed = Goal(name="start", measured=412, limit=300, unit="ms")

    assert missed.row() == ["start", "<= 300.0 ms", "412.0 ms", "MISSED"]
