"""What `Alb.expect` expects: which requests are meant, and what it says when they did not come.

A wish is an attribute of a `RecordedRequest` and a value. A failure shows each request, and of those that are not meant
what they have instead, where their line does not show it anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from edgeproxy.rules.wildcard import compile_any
from edgeproxy.testing.addresses import label_of, target_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edgeproxy.testing.recorded import RecordedRequest

_SHOWN: Final = 40
_IN_THE_URL: Final = frozenset({"method", "scheme", "host", "path", "query"})


def matching(requests: Iterable[RecordedRequest], wanted: Mapping[str, Any]) -> list[RecordedRequest]:
    """The requests that have all that is wanted; texts for path, host, target and target group may hold `*` and `?`.

    Raises:
        TypeError: A request has no such thing, or not with such a value.
        ValueError: What is wanted as `target` is none.
    """
    tests = _tests(wanted)
    return [request for request in requests if all(test(request) for test in tests.values())]


def failure(
    requests: list[RecordedRequest], wanted: Mapping[str, Any], times: int | None, *, forgotten: int = 0
) -> str:
    """What an assertion says that does not hold; `forgotten` requests came before those that are still known."""
    tests = _tests(wanted)
    meant = [all(test(request) for test in tests.values()) for request in requests]
    expected = "at least one request" if times is None else f"{times} request{'' if times == 1 else 's'}"
    asked = ", ".join(f"{name}={value!r}" for name, value in wanted.items()) or "anything"
    lines = [f"expected {expected} with {asked}, but {sum(meant)} came."]
    if requests:
        several = f"All {len(requests)} requests, in the order in which they ended:"
        lines.append(several if len(requests) > 1 else "The only request that came:")
        if len(requests) > _SHOWN or forgotten:
            forgotten_too = f", {forgotten} of them forgotten" if forgotten else ""
            lines.append(f"  ({max(len(requests) - _SHOWN, 0) + forgotten} earlier ones{forgotten_too})")
        shown = list(zip(requests, meant, strict=True))[-_SHOWN:]
        lines += [f"  {'*' if is_meant else ' '} {each!r}{_instead(each, wanted, tests)}" for each, is_meant in shown]
    else:
        lines.append("There were no requests at all.")
    return "\n".join(lines)


def _tests(wanted: Mapping[str, Any]) -> dict[str, Callable[[RecordedRequest], bool]]:
    unknown = [name for name in wanted if name not in _COMPARED]
    if unknown:
        raise TypeError(f"A request has no '{unknown[0]}'; what can be asked for is: {', '.join(sorted(_COMPARED))}.")
    return {name: _COMPARED[name](name, value) for name, value in wanted.items()}


def _instead(
    request: RecordedRequest, wanted: Mapping[str, Any], tests: Mapping[str, Callable[[RecordedRequest], bool]]
) -> str:
    """What a request has in place of what is wanted."""
    found = [
        said
        for name, value in wanted.items()
        if name not in _IN_THE_URL and not tests[name](request)
        for said in _said(request, name, value)
    ]
    return f" (it has {', '.join(found)})" if found else ""


def _said(request: RecordedRequest, name: str, value: Any) -> Iterator[str]:
    if name not in _HEADERS:
        yield f"{name}={getattr(request, name)!r}"
        return
    headers = getattr(request, name)
    for each, wanted in value.items():
        if wanted not in (values := headers.all(each)):
            yield f"{each}: {' and '.join(values)}" if values else f"no {each}"


def _equal(name: str, value: Any) -> Callable[[RecordedRequest], bool]:
    return lambda request: getattr(request, name) == value


def _wild(name: str, value: Any) -> Callable[[RecordedRequest], bool]:
    if value is None:
        return _equal(name, value)
    if not isinstance(value, str):
        raise TypeError(f"'{name}' is compared with a text or with None, not with {value!r}.")
    matches = compile_any([value], ignore_case=name == "host")
    return lambda request: (found := getattr(request, name)) is not None and matches(found)


def _target(name: str, value: Any) -> Callable[[RecordedRequest], bool]:
    """A text with `*` and `?`, or whatever can be registered as a target."""
    if value is not None and not isinstance(value, str):
        target = target_of(value)
        value = label_of(target) if target.port is not None else f"{target.id}:*"
    return _wild(name, value)


def _has_headers(name: str, value: Any) -> Callable[[RecordedRequest], bool]:
    if not isinstance(value, Mapping):
        raise TypeError(f"'{name}' is compared with a dict of headers, not with {value!r}.")
    return lambda request: all(wanted in getattr(request, name).all(each) for each, wanted in value.items())


_PLAIN: Final = (
    *("method", "scheme", "version", "query", "listener_port", "rule", "actions", "status", "target_status"),
    *("transformed_host", "transformed_path", "redirect_url", "outcome", "why", "error_reason", "fault"),
    *("classification", "trace_id", "client", "target_line"),
)
_HEADERS: Final = ("headers", "target_headers")

_COMPARED: Final[dict[str, Callable[[str, Any], Callable[[RecordedRequest], bool]]]] = {
    **dict.fromkeys(_PLAIN, _equal),
    **dict.fromkeys(("path", "host", "target_group"), _wild),
    "target": _target,
    **dict.fromkeys(_HEADERS, _has_headers),
}
