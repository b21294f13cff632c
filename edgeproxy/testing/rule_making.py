"""Rules in a test's words, as rules in AWS's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from edgeproxy.model.listener import Listener

Texts: TypeAlias = str | Sequence[str]
Answer: TypeAlias = int | tuple[int, str] | tuple[int, str, str]
"""A status; a status and a body; or those and a content type."""

_STEP = 10
_CONDITIONS = ("path", "host", "method", "header", "query", "source_ip")


def checked(simple: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a test says of a rule's conditions.

    Raises:
        TypeError: A rule has no such condition.
    """
    unknown = [name for name in simple if name not in _CONDITIONS]
    if unknown:
        raise TypeError(f"A rule has no '{unknown[0]}'; the conditions are: {', '.join(_CONDITIONS)}.")
    return simple


def conditions_of(
    *,
    path: Texts | None = None,
    host: Texts | None = None,
    method: Texts | None = None,
    header: Mapping[str, Texts] | None = None,
    query: Mapping[str, str] | None = None,
    source_ip: Texts | None = None,
) -> list[dict[str, Any]]:
    """Conditions in AWS's names; what is not given is no condition."""
    found: list[dict[str, Any]] = []
    named = {
        "path-pattern": ("PathPatternConfig", path),
        "host-header": ("HostHeaderConfig", host),
        "http-request-method": ("HttpRequestMethodConfig", method),
        "source-ip": ("SourceIpConfig", source_ip),
    }
    for field, (key, values) in named.items():
        if values is not None:
            found.append({"Field": field, key: {"Values": _listed(values)}})
    for name, values in (header or {}).items():
        config = {"HttpHeaderName": name, "Values": _listed(values)}
        found.append({"Field": "http-header", "HttpHeaderConfig": config})
    if query:
        pairs = [{"Key": name, "Value": value} for name, value in query.items()]
        found.append({"Field": "query-string", "QueryStringConfig": {"Values": pairs}})
    return found


def forward_to(groups: str | Mapping[str, int], *, sticky_seconds: int | None = None) -> dict[str, Any]:
    """A forward action to one target group, or to several by weight."""
    if isinstance(groups, str):
        return {"Type": "forward", "TargetGroupArn": groups}
    config: dict[str, Any] = {
        "TargetGroups": [{"TargetGroupArn": name, "Weight": weight} for name, weight in groups.items()]
    }
    if sticky_seconds is not None:
        config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": sticky_seconds}
    return {"Type": "forward", "ForwardConfig": config}


def fixed_response(answer: Answer) -> dict[str, Any]:
    """A fixed response."""
    status, body, kind = (answer, "", "text/plain") if isinstance(answer, int) else (*answer, "text/plain")[:3]
    config = {"StatusCode": str(status), "ContentType": kind}
    if body:
        config["MessageBody"] = body
    return {"Type": "fixed-response", "FixedResponseConfig": config}


def redirect(config: Mapping[str, str]) -> dict[str, Any]:
    """A redirect in AWS's names; permanent where it does not say."""
    return {"Type": "redirect", "RedirectConfig": {"StatusCode": "HTTP_301", **config}}


def next_priority(listener: Listener) -> int:
    """Behind all rules of the listener."""
    return max((rule.priority for rule in listener.rules), default=0) + _STEP


def _listed(values: Texts | Iterable[str]) -> list[str]:
    return [values] if isinstance(values, str) else list(values)
