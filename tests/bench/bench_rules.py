"""What one match costs with 1, 100 and 1,000 rules: `python -m tests.bench.bench_rules`."""

from __future__ import annotations

import sys
import timeit
from dataclasses import dataclass

from edgeproxy.model.action import Action, FixedResponseConfig
from edgeproxy.model.condition import (
    HostHeaderConfig,
    PathPatternConfig,
    QueryStringConfig,
    QueryStringKeyValue,
    RuleCondition,
)
from edgeproxy.model.rule import Rule
from edgeproxy.rules.table import RoutingTable

ANSWER = Action(type="fixed-response", fixed_response_config=FixedResponseConfig(status_code="200"))
MATCHES = 200_000


@dataclass(slots=True)
class Request:
    """The least that the table asks for."""

    host: str
    path: str
    method: str = "GET"
    query: str = ""
    query_pairs: tuple[tuple[str, str], ...] = ()
    source_ip: str = "192.0.2.1"

    def header_values(self, _name: str, /) -> tuple[str, ...]:
        return ()


def by_path(number: int) -> RuleCondition:
    return RuleCondition(field="path-pattern", path_pattern_config=PathPatternConfig(values=(f"/svc-{number}/*",)))


def by_host(number: int) -> RuleCondition:
    return RuleCondition(
        field="host-header", host_header_config=HostHeaderConfig(values=(f"svc-{number}.example.com",))
    )


MORE = (
    RuleCondition(field="path-pattern", regex_values=("^/svc-[0-9]+/",)),
    RuleCondition(
        field="query-string",
        query_string_config=QueryStringConfig(values=(QueryStringKeyValue(key="v", value="1*"),)),
    ),
)


def nanoseconds(table: RoutingTable[int], request: Request) -> float:
    seconds = min(timeit.repeat(lambda: table.match(request), number=MATCHES, repeat=3))
    return seconds / MATCHES * 1e9


def main() -> None:
    """Print nanoseconds for a match, the call of the timing lambda included."""
    for kind, condition, more in (
        ("path prefix", by_path, ()),
        ("literal host", by_host, ()),
        ("host, expression, query", by_host, MORE),
    ):
        for count in (1, 100, 1000):
            rules = [
                (Rule(priority=n + 1, conditions=(condition(n), *more), actions=(ANSWER,)), n) for n in range(count)
            ]
            table = RoutingTable.build(rules, default=-1)
            wanted = count // 2
            hit = Request(
                f"svc-{wanted}.example.com", f"/svc-{wanted}/orders/17", query="v=12", query_pairs=(("v", "12"),)
            )
            miss = Request("other.example.com", "/other/orders/17")
            assert wanted == table.match(hit)
            assert table.match(miss) == -1
            times = f"hit {nanoseconds(table, hit):4.0f} ns, miss {nanoseconds(table, miss):4.0f} ns"
            sys.stdout.write(f"{kind:23} {count:5} rules: {times}\n")


if __name__ == "__main__":
    main()
