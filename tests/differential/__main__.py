"""Ask edgeproxy, nginx, HAProxy and aiohttp the same things.

    python -m tests.differential             print what is not as recorded
    python -m tests.differential --record    write it down; differences.yaml must then say why edgeproxy differs

nginx and HAProxy have to be installed for this (Debian: `apt install nginx haproxy`). The test suite does without them:
it asks edgeproxy and aiohttp, and compares with the record.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING

from tests.differential.cases import OTHERS, OURS, differences, differing, explained, recorded, requests, write_recorded
from tests.differential.probe import ask_all
from tests.differential.servers import aiohttp_port, installed_port, our_port, versions

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.differential.cases import Outcomes


async def ask_everybody() -> Outcomes:
    """What each server does with each case."""
    cases = requests()
    places: dict[str, AbstractAsyncContextManager[int]] = {
        OURS: our_port(),
        "nginx": installed_port("nginx"),
        "haproxy": installed_port("haproxy"),
        "aiohttp": aiohttp_port(),
    }
    seen: dict[str, dict[str, str]] = {}
    for name, place in places.items():
        async with place as port:
            seen[name] = await ask_all(port, cases)
    return {case: {name: outcomes[case] for name, outcomes in seen.items()} for case in cases}


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description="Compare with other servers.")
    parser.add_argument("--record", action="store_true", help="write what is seen into recorded.yaml")
    options = parser.parse_args(arguments)
    found = versions()
    missing = [name for name, version in found.items() if not version]
    if missing:
        print(f"Not installed: {', '.join(missing)}", file=sys.stderr)
        return 2
    outcomes = asyncio.run(ask_everybody())
    if options.record:
        write_recorded(found, outcomes)
        return _report_unexplained(outcomes)
    known = recorded()[1]
    changed = [case for case in outcomes if outcomes[case] != known.get(case)]
    for case in changed:
        print(f"{case}: {outcomes[case]}, recorded {known.get(case)}")
    return int(bool(changed))


def _report_unexplained(outcomes: Outcomes) -> int:
    code = 0
    for server in OTHERS:
        listed = set(explained(differences(), server))
        for case in sorted(differing(outcomes, server) - listed):
            print(f"{server}, not explained: {case}: {outcomes[case][server]}, edgeproxy {outcomes[case][OURS]}")
            code = 1
        for case in sorted(listed - differing(outcomes, server)):
            print(f"{server}, explained but the same: {case}: {outcomes.get(case, {}).get(server)}")
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
