"""Transforms: the host, or the path and query, that the target gets in place of what the client sent.

Compiled once per rule, then pure. The habits of the real load balancer (user guide, rule-transforms; where no page says
it, it was observed or is marked unconfirmed):

* the expression is searched for in the text, the first place found is replaced, and what stands around it stays: `old`
  with `new` turns `/old/old` into `/new/old` (that only the first is replaced is unconfirmed);
* a URL's text is the path as conditions see it, percent-decoded, followed by `?` and the query as sent;
* `$1` is what a group matched, nothing if the group took no part; other signs stand for themselves;
* without a match nothing is touched, not a byte; a match whose result cannot be used fails the request.

A rewritten URL is encoded again: in its path spaces, control and non-ASCII characters, `%` and `#`; in its query the
same but for `%`, because a query was never decoded. The known wart: a `?` that the client had encoded in its path
counts as the beginning of the query afterwards.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from edgeproxy.errors import ConfigError
from edgeproxy.model.regular_expression import compile_regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.model.transform import RewriteConfig, RuleTransform

MAX_RESULT: Final = 16 * 1024
"""Bytes of a rewritten text; the limit of a request line and of a header (the load balancer's own is not published)."""

_GROUP: Final = re.compile(r"\$([0-9]+)")
_UNSAFE_IN_PATH: Final = re.compile(r"[^!-~]|[%#]")
_UNSAFE_IN_QUERY: Final = re.compile(r"[^!-~]|#")
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]*)?\Z")


class TransformStatus(enum.Enum):
    """How it went, as the access log writes it."""

    NONE = "-"
    """Nothing matched."""
    SUCCESS = "TransformSuccess"
    INVALID_HOST = "TransformInvalidHost"
    INVALID_PATH = "TransformInvalidPath"
    REPLACE_ERROR = "TransformReplaceError"
    """The replacement names a group that the expression does not have."""
    BUFFER_TOO_SMALL = "TransformBufferTooSmall"

    @property
    def is_failure(self) -> bool:
        """The request is answered with 500."""
        return self not in {TransformStatus.NONE, TransformStatus.SUCCESS}


class Transformed(NamedTuple):
    """What becomes of a request. `None` leaves that part as the client sent it.

    Attributes:
        host: The Host header's new value.
        target: The new path and query, encoded.
        status: A failure leaves both parts None.
    """

    host: str | None
    target: str | None
    status: TransformStatus


Transform: TypeAlias = Callable[[str, str], Transformed]
"""`transform(host, url)`: the Host value as received, "" if there is none, and the decoded path with the raw query."""

_Rewrite: TypeAlias = Callable[[str], "str | TransformStatus"]


def compile_transforms(transforms: Sequence[RuleTransform]) -> Transform:
    """Compile the transforms of one rule.

    Raises:
        ConfigError: An expression cannot be compiled; the path is relative to the rule.
    """
    rewrites = {transform.type: _compile(index, transform) for index, transform in enumerate(transforms)}
    rewrite_host = rewrites.get("host-header-rewrite", _leave)
    rewrite_url = rewrites.get("url-rewrite", _leave)

    def transform(host: str, url: str) -> Transformed:
        new_host = _host_result(rewrite_host(host)) if host else TransformStatus.NONE
        new_target = _target_result(rewrite_url(url))
        found = (new_host, new_target)
        for result in found:
            if isinstance(result, TransformStatus) and result.is_failure:
                return Transformed(None, None, result)
        status = TransformStatus.NONE if found == (TransformStatus.NONE,) * 2 else TransformStatus.SUCCESS
        return Transformed(_changed(new_host, host), _changed(new_target, _encoded(url)), status)

    return transform


def missing_groups(rewrite: RewriteConfig) -> list[int]:
    """The groups that a replacement names and its expression does not have: every match of it would fail."""
    count = compile_regex(rewrite.regex).groups
    return sorted({number for number in map(int, _GROUP.findall(rewrite.replace)) if number > count})


def _leave(text: str) -> TransformStatus:
    del text
    return TransformStatus.NONE


def _compile(index: int, transform: RuleTransform) -> _Rewrite:
    rewrite = transform.rewrite
    try:
        # Host names have no case; nothing is documented about expressions for them (unconfirmed).
        pattern = compile_regex(rewrite.regex, ignore_case=transform.type == "host-header-rewrite")
    except ValueError as error:
        reason = f"The Regex '{rewrite.regex}' is invalid: {error}"
        raise ConfigError(f"Transforms[{index}]", rewrite.regex, reason) from error
    if missing_groups(rewrite):
        return lambda text: _failing(pattern, text)
    # Splitting by a group alternates: literal, group, literal, group, ..., literal.
    pieces: list[bytes | int] = [
        int(token) if position % 2 else token.encode() for position, token in enumerate(_GROUP.split(rewrite.replace))
    ]
    return lambda text: _rewritten(pattern, pieces, text)


def _failing(pattern: Any, text: str) -> TransformStatus:
    is_found = pattern.search(text.encode("latin-1")) is not None
    return TransformStatus.REPLACE_ERROR if is_found else TransformStatus.NONE


def _rewritten(pattern: Any, pieces: Sequence[bytes | int], text: str) -> str | TransformStatus:
    data = text.encode("latin-1")
    match = pattern.search(data)
    if match is None:
        return TransformStatus.NONE
    replacement = [piece if isinstance(piece, bytes) else match[piece] or b"" for piece in pieces]
    if sum(map(len, replacement)) + len(data) - (match.end() - match.start()) > MAX_RESULT:
        return TransformStatus.BUFFER_TOO_SMALL
    new: bytes = data[: match.start()] + b"".join(replacement) + data[match.end() :]
    return new.decode("latin-1")


def _host_result(result: str | TransformStatus) -> str | TransformStatus:
    if isinstance(result, str) and not _HOST.match(result):
        return TransformStatus.INVALID_HOST
    return result


def _target_result(result: str | TransformStatus) -> str | TransformStatus:
    if isinstance(result, TransformStatus):
        return result
    if not result.startswith("/"):
        return TransformStatus.INVALID_PATH
    encoded = _encoded(result)
    return encoded if len(encoded) <= MAX_RESULT else TransformStatus.BUFFER_TOO_SMALL


def _encoded(url: str) -> str:
    path, mark, query = url.partition("?")
    return f"{_UNSAFE_IN_PATH.sub(_percent, path)}{mark}{_UNSAFE_IN_QUERY.sub(_percent, query)}"


def _percent(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def _changed(result: str | TransformStatus, before: str) -> str | None:
    """The result if it says something else than before."""
    return result if isinstance(result, str) and result != before else None
