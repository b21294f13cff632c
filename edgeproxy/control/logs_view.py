"""How `edgeproxy logs` shows a request: a coloured line for people, a line with tabs for programs.

The columns of a line with tabs are, in this order, the names in `COLUMNS`; what is missing is `-`. Paths, hosts and
methods come from clients, so what is not printable is escaped: nobody writes to this terminal but us.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final

import click

COLUMNS: Final = (
    "time",
    "client",
    "method",
    "host",
    "path",
    "rule",
    "target",
    "status",
    "request time",
    "target time",
    "response time",
    "why",
)

HEADING: Final = (
    f"{'TIME':<12} {'CODE':<4} {'METHOD':<7} {'REQUEST':>7} {'TARGET':>7} {'RESP':>6}  {'RULE':<7} "
    f"{'TARGET':<21} {'CLIENT':<21} URL, AND WHY"
)

_TIMES: Final = ("request_processing_time", "target_processing_time", "response_processing_time")
_STATUS_COLOURS: Final = {2: "green", 3: "cyan", 4: "yellow", 5: "red"}
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]")
_SELF_EXPLANATORY: Final = frozenset({"FORWARDED", "REDIRECTED"})


def plain_line(request: dict[str, Any]) -> str:
    """The columns with tabs between them."""
    times = ["-" if request[name] is None else f"{request[name]:.3f}" for name in _TIMES]
    cells = [
        request["time"],
        request["client"],
        _text(request["method"]),
        _text(request["host"]),
        _target(request),
        _rule(request),
        _text(request["target"]),
        str(request["elb_status_code"] or "-"),
        *times,
        _why(request),
    ]
    return "\t".join(cells)


def coloured_line(request: dict[str, Any]) -> str:
    """The same for a person; what varies most in length stands last."""
    status = request["elb_status_code"] or "-"
    colour = _STATUS_COLOURS.get(int(request["elb_status_code"] or 500) // 100)
    times = [_seconds(request[name]) for name in _TIMES]
    moment = dt.datetime.fromisoformat(request["time"]).astimezone()
    cells = [
        click.style(f"{moment:%H:%M:%S}.{moment.microsecond // 1000:03d}", dim=True),
        click.style(f"{status:<4}", fg=colour, bold=True),
        f"{_text(request['method']):<7}",
        f"{times[0]:>7} {times[1]:>7} {times[2]:>6} ",
        f"{_rule(request):<7}",
        f"{_text(request['target']):<21}",
        click.style(f"{request['client']:<21}", dim=True),
        _url(request),
    ]
    if request["redirect_url"] is not None:
        cells.append(click.style(f"-> {_text(request['redirect_url'])}", fg="cyan"))
    if request["outcome"] not in _SELF_EXPLANATORY or _remarks(request):
        cells.append(click.style(f"({_why(request)})", fg=colour))
    return " ".join(cells)


def event_line(event: dict[str, Any]) -> str:
    """What the stream says about itself."""
    return _text(event.get("message"))


def _why(request: dict[str, Any]) -> str:
    return "; ".join([str(request["why"]), *_remarks(request)])


def _remarks(request: dict[str, Any]) -> list[str]:
    """What is said beside the outcome: a failed cookie or transform, and what is odd about the request."""
    found = [request["error_reason"], request["request_transform_status"]]
    if request["classification"] is not None:
        found.append(f"{request['classification']}: {request['classification_reason']}")
    if request.get("fault") is not None:
        found.append(f"fault: {request['fault']}")
    return [_text(each) for each in found if each not in (None, "TransformSuccess")]


def _rule(request: dict[str, Any]) -> str:
    priority = request["matched_rule_priority"]
    return "-" if priority is None else str(priority or "default")


def _url(request: dict[str, Any]) -> str:
    """`-` for a request that could not be read: nobody knows what it asked for."""
    if request["path"] is None:
        return "-"
    return f"{request['scheme']}://{_text(request['host'])}:{request['listener_port']}{_target(request)}"


def _target(request: dict[str, Any]) -> str:
    """Path and query."""
    query = request["query"]
    return _text(request["path"]) + (f"?{_text(query)}" if query else "")


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _text(value: str | None) -> str:
    if not value:
        return "-"
    return value if value.isascii() and value.isprintable() else _UNPRINTABLE.sub(_escape, value)


def _escape(match: re.Match[str]) -> str:
    return f"\\x{ord(match[0]):02X}"
