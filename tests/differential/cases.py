"""The requests that everybody is asked, what they were seen to do, and the reasons for the differences.

Three kinds of files, all YAML:

* `requests/*.yaml`: name -> the bytes. Written by hand.
* `recorded.yaml`: name -> server -> outcome, and the servers' versions. Written by `python -m tests.differential`.
* `differences.yaml`: why edgeproxy differs, for each case and each of the other servers. Written by hand.

Outcomes read `takes 3` (accepted, and the target saw a body of 3 bytes), `refuses 400`, `waits` (for more bytes) and
`closes` (without an answer). Several, with commas, are what became of the same bytes one after the other; a last
`refuses` may be the fate of the request that is sent behind the case to see whether the connection is still in step.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = Path(__file__).parent
RECORDED = FOLDER / "recorded.yaml"
OURS = "edgeproxy"
OTHERS = ("nginx", "haproxy", "aiohttp")

_REPEATED = re.compile(r"\{(.+?)\*(\d+)\}", re.DOTALL)
_CHUNKED = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
_HEADING = """\
# Made by `python -m tests.differential --record`: what each server did with each request, as it comes from its maker
# but for the settings that tests/bench/proxies.py gives it. cases.py says how to read the outcomes.

"""

Outcomes = dict[str, dict[str, str]]
"""Case -> server -> outcome."""


class Difference(NamedTuple):
    """Why edgeproxy does something else than others do.

    Attributes:
        fact: What the load balancer does.
        page: Where that stands: a page of the user guide, or `default` where AWS does not say.
        cases: The server's name -> the cases in which it does something else.
    """

    fact: str
    page: str
    cases: dict[str, list[str]]


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def requests() -> dict[str, bytes]:
    """Every case by its name."""
    found: dict[str, bytes] = {}
    for path in sorted((FOLDER / "requests").glob("*.yaml")):
        for name, text in _read(path).items():
            assert name not in found, f"{path.name}: there is another case {name!r}"
            found[name] = encoded((_CHUNKED if path.name == "chunks.yaml" else "") + text)
    return found


def encoded(text: str) -> bytes:
    """The bytes of a request as the files write it."""
    return _REPEATED.sub(lambda match: match[1] * int(match[2]), text).encode("latin-1")


def recorded() -> tuple[dict[str, str], Outcomes]:
    """The servers' versions, and what they did."""
    document = _read(RECORDED)
    return document["versions"], document["outcomes"]


def write_recorded(versions: Mapping[str, str], outcomes: Outcomes) -> None:
    """Puts the record into its file."""
    document = {"versions": dict(versions), "outcomes": outcomes}
    text = yaml.safe_dump(document, default_flow_style=None, sort_keys=False, allow_unicode=True, width=200)
    RECORDED.write_text(_HEADING + text, encoding="utf-8")


def differences() -> list[Difference]:
    """What is explained."""
    return [
        Difference(entry["fact"], entry["page"], {server: entry.get(server, []) for server in OTHERS})
        for entry in _read(FOLDER / "differences.yaml")
    ]


def differing(outcomes: Outcomes, server: str) -> set[str]:
    """The cases in which a server does something else than edgeproxy."""
    return {name for name, each in outcomes.items() if each[server] != each[OURS]}


def explained(listed: Iterable[Difference], server: str) -> list[str]:
    """The cases for which it is said why a server does something else."""
    return [name for difference in listed for name in difference.cases[server]]
