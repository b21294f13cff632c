"""Faults as JSON: what `POST /_edgeproxy/faults` takes, and what `GET` answers.

A fault that comes in is read by the configuration's own decoder, so the sentences are those of `edgeproxy check`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from edgeproxy.control.config import document
from edgeproxy.control.config.decode import BROKEN, Decoder
from edgeproxy.model.fault import Fault

if TYPE_CHECKING:
    from edgeproxy.runtime.faults import FaultStatus


_TOO_DEEP: Final = "This is nested too deeply to be a fault."


def read_fault(data: bytes) -> Fault:
    """The fault that a JSON object describes.

    Raises:
        ValueError: It is no JSON, or no fault; the message is what is wrong, a full sentence a line.
    """
    try:
        wanted = json.loads(data)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    except ValueError as error:
        raise ValueError(f"This is not JSON: {error}.") from error
    if not isinstance(wanted, dict):
        raise TypeError('A fault is a JSON object, such as {"Status": 503, "Where": {"Listener": 443}}.')
    # JSON is YAML, but not all of its white space is.
    try:
        root = document.parse(json.dumps(wanted), "")
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    assert root is not None
    decoder = Decoder("", None)
    fault = decoder.decode(root, Fault)
    if fault is BROKEN:
        raise ValueError("\n".join(_sentence(each.path, each.reason, each.suggestion) for each in decoder.problems))
    assert isinstance(fault, Fault)
    return fault


def _sentence(path: str, reason: str, suggestion: str | None) -> str:
    hint = f" (did you mean {suggestion}?)" if suggestion else ""
    return f"{path}: {reason}{hint}." if path else f"{reason[0].upper()}{reason[1:]}{hint}."


def fault_document(status: FaultStatus) -> dict[str, Any]:
    """One fault: its keys as they were given, and what has become of it."""
    given: dict[str, Any] = msgspec.to_builtins(status.fault)
    where = given.pop("Where", {})
    return {
        "Id": status.id,
        "Name": status.fault.label,
        "Source": status.source,
        "Place": str(status.place),
        **({"Where": where} if status.source == "added" else {}),
        "Kind": status.fault.kind,
        "State": status.state,
        "Seen": status.seen,
        "Hits": status.hits,
        "Fault": given,
    }


def faults_document(found: list[FaultStatus]) -> dict[str, Any]:
    """All of them."""
    return {"Faults": [fault_document(each) for each in found]}
