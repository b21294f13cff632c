"""`edgeproxy fault`: failures on purpose in the edgeproxy that runs, by its admin endpoint.

Standard output of `add` is the id, for scripts:

    id=$(edgeproxy fault add --target-group app --status 503 --for 30)
    edgeproxy fault remove "$id"
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import click

from edgeproxy.control.admin_client import AdminAnswer, NotAnsweredError, ask
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.explain_faults import value_text
from edgeproxy.control.options import admin_endpoint_option, option

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.control.addresses import Address

PATH: Final = "/_edgeproxy/faults"
HEADING: Final = ("ID", "NAME", "STATE", "HITS", "SEEN", "PLACE", "FAULT")

admin_option = admin_endpoint_option("Where the admin endpoint listens.")
json_option = option("--json", "as_json", is_flag=True, help="The admin endpoint's JSON as it is.")

_PLACES: Final = (
    ("--listener", "Listener", "For requests on this listener: its port, NAME:PORT or ARN."),
    ("--rule", "Rule", "With --listener: for what this rule answers, by its priority; `default` for the default rule."),
    ("--target-group", "TargetGroup", "For requests that go to this target group: its name or ARN."),
    ("--target", "Target", "With --target-group: for what goes to this target, ID or ID:PORT."),
)

_KINDS: Final = (
    ("--delay", "Delay", float, "SECONDS", "Delay requests, or with --target-group their responses."),
    ("--jitter", "Jitter", float, "SECONDS", "With --delay: so much more or less, drawn for each request."),
    ("--bandwidth", "Bandwidth", int, "BYTES", "Let so many bytes a second pass, in each direction."),
    ("--status", "Status", int, "STATUS", "Answer with the load balancer's own page of this status."),
    ("--after", "After", float, "SECONDS", "With --reset: at this second of the request, whatever it is doing."),
    ("--truncate", "Truncate", int, "BYTES", "Cut responses behind so many bytes of their body."),
    ("--mark", "Target", str, "STATE", "Targets are `unhealthy` or `draining`, whatever their health checks say."),
    ("--idle-timeout", "IdleTimeout", float, "SECONDS", "Cut silence as if the idle timeout were this."),
    ("--percentage", "Percentage", float, "PERCENT", "Take so many of the requests.  [default: 100]"),
    ("--count", "Count", int, "COUNT", "Take so many requests, then no more."),
    ("--for", "For", float, "SECONDS", "Be over after this time."),
    ("--seed", "Seed", int, "NUMBER", "Of the draws, which are the same in every run anyway."),
    ("--name", "Name", str, "NAME", "What logs call it.  [default: what it does]"),
)

_FLAGS: Final = (
    ("--reset", "Reset", "Reset the client's connection, or its stream over HTTP/2."),
    ("--close-before-send", "CloseBeforeSend", "The target's connection closes as the request is sent on it: 502."),
)


def _place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for flag, key, text in reversed(_PLACES):
        # `Target` is a place and, without a place, a kind.
        command = option(flag, f"Where{key}", verb="fault", metavar="NAME", help=text)(command)
    return command


def _fault_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for flag, key, text in reversed(_FLAGS):
        command = option(flag, key, verb="fault", is_flag=True, help=text)(command)
    for flag, key, kind, metavar, text in reversed(_KINDS):
        command = option(flag, key, verb="fault", type=kind, metavar=metavar, help=text)(command)
    return command


@click.group()
def fault() -> None:
    """Failures on purpose, in the edgeproxy that runs."""


@fault.command()
@_place_options
@_fault_options
@admin_option
@json_option
def add(admin: Address | None, as_json: bool, **given: Any) -> None:
    """Begin a fault and print its id: one of --delay, --bandwidth, --status, --reset and so on.

    Without --listener and --target-group it takes requests on all listeners.
    """
    where = {key: given.pop(f"Where{key}") for _, key, _ in _PLACES}
    body = {key: value for key, value in given.items() if value is not None and value is not False}
    named = {key: value for key, value in where.items() if value is not None}
    answer = _asked(admin, "POST", PATH, body | ({"Where": named} if named else {}))
    _say(answer, as_json, lambda document: [document["Id"]])


@fault.command(name="list")
@admin_option
@json_option
def show(admin: Address | None, as_json: bool) -> None:
    """List the faults, those of the configuration file as well, with how many requests they took."""
    answer = _asked(admin, "GET", PATH)
    lines: Callable[[dict[str, Any]], list[str]] = _table if sys.stdout.isatty() else _lines
    _say(answer, as_json, lines)


@fault.command()
@click.argument("fault_id", metavar="ID")
@admin_option
@json_option
def remove(fault_id: str, admin: Address | None, as_json: bool) -> None:
    """End a fault that was added."""
    answer = _asked(admin, "DELETE", f"{PATH}/{quote(fault_id, safe='')}")
    _say(answer, as_json, lambda _document: [])


@fault.command()
@admin_option
@json_option
def clear(admin: Address | None, as_json: bool) -> None:
    """End all faults that were added; those of the configuration file stay."""
    answer = _asked(admin, "DELETE", PATH)
    _say(answer, as_json, lambda document: [f"{document['Removed']} removed"])


def _asked(admin: Address | None, method: str, path: str, body: dict[str, Any] | None = None) -> AdminAnswer:
    """The answer; ends the command where there is none, or a refusal."""
    if admin is None:
        click.echo("The admin endpoint is off (--admin off), so nothing can be asked.", err=True)
        raise SystemExit(ExitCode.NOT_FINE)
    try:
        answer = ask(admin, method, path, body)
    except NotAnsweredError as error:
        click.echo(str(error), err=True)
        raise SystemExit(ExitCode.NOT_FINE) from error
    if answer.status >= 400:
        click.echo(answer.document.get("Message", f"The admin endpoint answers {answer.status}."), err=True)
        raise SystemExit(ExitCode.USAGE if answer.status == 400 else ExitCode.NOT_FINE)
    return answer


def _say(answer: AdminAnswer, as_json: bool, lines: Callable[[dict[str, Any]], list[str]]) -> None:
    for line in [json.dumps(answer.document, indent=2)] if as_json else lines(answer.document):
        click.echo(line)


def _rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    return [
        (
            each["Id"],
            each["Name"],
            each["State"],
            str(each["Hits"]),
            str(each["Seen"]),
            each["Place"],
            ", ".join(f"{key}: {value_text(value)}" for key, value in each["Fault"].items() if key != "Name"),
        )
        for each in document["Faults"]
    ]


def _lines(document: dict[str, Any]) -> list[str]:
    """Columns with tabs between them, for programs."""
    return ["\t".join(row) for row in _rows(document)]


def _table(document: dict[str, Any]) -> list[str]:
    """The same for people."""
    rows = [HEADING, *_rows(document)]
    if not document["Faults"]:
        return ["There are no faults."]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
