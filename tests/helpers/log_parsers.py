"""Access-log lines as others read them: public parsers, and the expression that AWS prints for Athena.

Each gives a mapping from the user guide's field names to text, with `-` for what is missing; only the fields that the
parser knows are in it. `read_line` is our own reading, the longest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import elblog2dict.parser
from aws_log_parser import AwsLogParser, LogType

if TYPE_CHECKING:
    from collections.abc import Callable

Line = dict[str, str]

_QUOTED: Final = re.compile(r'"([^"]*)"|([^ "]+)')

NAMES: Final = (
    "type",
    "time",
    "elb",
    "client",
    "target",
    "request_processing_time",
    "target_processing_time",
    "response_processing_time",
    "elb_status_code",
    "target_status_code",
    "received_bytes",
    "sent_bytes",
    "request",
    "user_agent",
    "ssl_cipher",
    "ssl_protocol",
    "target_group_arn",
    "trace_id",
    "domain_name",
    "chosen_cert_arn",
    "matched_rule_priority",
    "request_creation_time",
    "actions_executed",
    "redirect_url",
    "error_reason",
    "target_port_list",
    "target_status_code_list",
    "classification",
    "classification_reason",
    "conn_trace_id",
    "transformed_host",
    "transformed_uri",
    "request_transform_status",
    "ip_address",
)
"""Of the fields, in their order."""

ATHENA: Final = re.compile(
    r"([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*):([0-9]*) ([^ ]*)[:-]([0-9]*) ([-.0-9]*) ([-.0-9]*) ([-.0-9]*) (|[-0-9]*) "
    r'(-|[-0-9]*) ([-0-9]*) ([-0-9]*) "([^ ]*) (.*) (- |[^ ]*)" "([^"]*)" ([A-Z0-9-_]+) ([A-Za-z0-9.-]*) ([^ ]*) '
    r'"([^"]*)" "([^"]*)" "([^"]*)" ([-.0-9]*) ([^ ]*) "([^"]*)" "([^"]*)" "([^ ]*)" "([^\s]+?)" "([^\s]+)" '
    r'"([^ ]*)" "([^ ]*)" ?([^ ]*)? ?( .*)?'
)
"""Athena user guide, create-alb-access-logs-table; a line that it does not match is a row of nothing but NULL."""

_WHOLE: Final = NAMES[:3], NAMES[5:12], NAMES[13:30]


def read_line(line: str) -> Line:
    """All 34 fields.

    Raises:
        AssertionError: It has not so many, or they are not separated by one space.
    """
    parts = list(_QUOTED.finditer(line))
    assert len(NAMES) == len(parts), line
    assert line == " ".join(part[0] for part in parts)
    return {name: part[1] if part[1] is not None else part[2] for name, part in zip(NAMES, parts, strict=True)}


def read_with_athena(line: str) -> Line:
    """By AWS's expression."""
    match = ATHENA.fullmatch(line)
    assert match is not None, line
    groups = list(match.groups())
    client, target = ":".join(groups[3:5]), ":".join(groups[5:7]) if groups[5] else "-"
    request = " ".join(groups[14:17])
    return dict(
        zip(NAMES, [*groups[:3], client, target, *groups[7:14], request, *groups[17:34]], strict=False),
        verb=groups[14],
        url=groups[15],
        version=groups[16],
    )


def read_with_elblog2dict(line: str) -> Line:
    """By the package elblog2dict."""
    (found,) = elblog2dict.parser.parse(line)
    assert found, line
    read: Line = {name: found[name] for names in _WHOLE for name in names if name in found}
    read["time"] = found["timestamp"]
    # the spelling is theirs
    read["client"] = f"{found['client_ip']}:{found['clent_port']}"
    read["target"] = f"{found['target_ip']}:{found['target_port']}" if found["target_ip"] else "-"
    return read | {"verb": found["request_method"], "url": found["url"], "version": found["http_version"]}


def read_with_aws_log_parser(line: str) -> Line:
    """By the package aws-log-parser, which knows the first 25 fields and IPv4."""
    (entry,) = AwsLogParser(log_type=LogType.LoadBalancer).parse([line])
    read = {name: _text(getattr(entry, name)) for names in _WHOLE for name in names if hasattr(entry, name)}
    for name in NAMES[5:8]:
        seconds = getattr(entry, name)
        read[name] = "-1" if seconds == -1 else f"{seconds:.3f}"
    read["type"] = entry.type.value
    read["time"] = _moment(entry.timestamp)
    read["request_creation_time"] = _moment(entry.request_creation_time)
    read["client"] = f"{entry.client.ip}:{entry.client.port}"
    read["target"] = "-" if entry.target is None else f"{entry.target.ip}:{entry.target.port}"
    read["actions_executed"] = ",".join(entry.actions_executed)
    request = entry.http_request
    return read | {"verb": request.method, "url": request.url, "version": request.protocol}


PARSERS: Final[dict[str, Callable[[str], Line]]] = {
    "Athena": read_with_athena,
    "elblog2dict": read_with_elblog2dict,
    "aws-log-parser": read_with_aws_log_parser,
}


def agree(line: str) -> Line:
    """Our own reading of a line, after asserting that all others read the same."""
    read = read_line(line)
    # The request of a malformed one is `- URL- -`: the version's first hyphen sticks to the port.
    verb, _, rest = read["request"].partition(" ")
    url, _, version = rest.rpartition(" ")
    read |= {"verb": verb, "url": url, "version": version}
    for name, parse in PARSERS.items():
        found = parse(line)
        assert {key: read[key] for key in found} == found, name
    return read


def _text(value: Any) -> str:
    return "-" if value is None else str(value)


def _moment(value: Any) -> str:
    text: str = value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return text
