"""`edgeproxy health`: asks a running edgeproxy for its targets' health and shows it.

This is Docker's HEALTHCHECK, so it has to be over in a fraction of a second: no HTTP client is imported (a plain socket
speaks HTTP/1.0, where the answer ends with the connection), and rich only when a person is looking.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from edgeproxy.control.addresses import join_host_port
from edgeproxy.control.admin_client import NotAnsweredError, ask, foreign
from edgeproxy.control.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.control.addresses import Address

_COLOURS = {"healthy": "green", "unhealthy": "red", "initial": "yellow", "draining": "yellow", "unused": "dim"}
_FIT = ("healthy", "unavailable")  # unavailable: health checks are disabled, so requests are routed all the same


class Row(NamedTuple):
    """One target, or a target group that has none."""

    target_group: str
    target: str
    health_check_port: str
    state: str
    reason: str
    description: str
    routing: str
    """`fail open` while requests go to all targets of the group, `DNS failover` below that threshold, else `-`."""


def fetch(address: Address) -> dict[str, Any]:
    """The health document of the edgeproxy whose admin endpoint is there.

    Raises:
        NotAnsweredError: Nothing listens there, or what does is no edgeproxy.
    """
    document = ask(address, "GET", "/_edgeproxy/health").document
    if not {"Status", "TargetGroups"} <= document.keys():
        raise foreign(address)
    return document


def rows(document: dict[str, Any]) -> Iterator[Row]:
    """The table's lines, in the configuration's order."""
    for group in document["TargetGroups"]:
        name = group["TargetGroupName"]
        routing = ", ".join(_group_health(group)) or "-"
        if not group["TargetHealthDescriptions"]:
            yield Row(name, "-", "-", "-", "-", "No target is registered", "-")
        for entry in group["TargetHealthDescriptions"]:
            target, health = entry["Target"], entry["TargetHealth"]
            yield Row(
                target_group=name,
                target=join_host_port(target["Id"], target["Port"]),
                health_check_port=str(entry.get("HealthCheckPort") or "-"),
                state=health["State"],
                reason=health.get("Reason", "-"),
                description=health.get("Description", "-"),
                routing=routing,
            )


def _group_health(group: dict[str, Any]) -> Iterator[str]:
    if group["FailOpen"]:
        yield "fail open"
    if group.get("DnsFailover"):
        yield "DNS failover"


def complaints(document: dict[str, Any]) -> list[str]:
    """Why the exit code is 1, a sentence each; empty when all is fine.

    A target group that no listener forwards to is left out: none of its targets is ever checked.
    """
    found = []
    if document["Status"] != "running":
        found.append(f"edgeproxy is {document['Status']}.")
    for group in document["TargetGroups"]:
        states = [entry["TargetHealth"]["State"] for entry in group["TargetHealthDescriptions"]]
        if group["LoadBalancerName"] and not any(state in _FIT for state in states):
            consequence = " All of its targets receive requests (fail open)." if group["FailOpen"] else ""
            found.append(f"Target group {group['TargetGroupName']} has no healthy target.{consequence}")
    return found


def verdict(document: dict[str, Any]) -> ExitCode:
    """What `edgeproxy health` exits with."""
    return ExitCode.NOT_FINE if complaints(document) else ExitCode.FINE


def as_lines(document: dict[str, Any]) -> str:
    """A line a target, columns separated by tabs, for `cut` and `awk`."""
    return "\n".join(["\t".join(row) for row in rows(document)] + complaints(document))


def print_table(document: dict[str, Any]) -> None:
    """The same for a person at a terminal; names and reasons are never cut, descriptions wrap."""
    from rich import box  # noqa: PLC0415 - 50 ms that the HEALTHCHECK must not pay
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415 - AWS's descriptions hold square brackets, which are markup elsewhere

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("Target group", "Target", "State", "Reason"):
        table.add_column(heading, no_wrap=True)
    table.add_column("Description")
    table.add_column("Routing")
    for row in rows(document):
        checked = row.health_check_port
        place = (
            row.target
            if checked == "-" or row.target.endswith(f":{checked}")
            else f"{row.target} (checked on {checked})"
        )
        state = Text(row.state, style=_COLOURS.get(row.state, ""))
        table.add_row(Text(row.target_group), Text(place), state, Text(row.reason), Text(row.description), row.routing)
    console = Console()
    console.print(table)
    for complaint in complaints(document):
        console.print(Text(complaint, style="red"))


def show(address: Address, *, as_json: bool) -> ExitCode:
    """Print the health of the edgeproxy whose admin endpoint is there; what to exit with."""
    try:
        document = fetch(address)
    except NotAnsweredError as error:
        sys.stderr.write(f"{error}\n")
        return ExitCode.NOT_FINE
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    elif sys.stdout.isatty():
        print_table(document)
    else:
        sys.stdout.write(as_lines(document) + "\n")
    return verdict(document)
