"""Desync classification: might two servers read this request in two ways?

The load balancer classifies every HTTP/1 request, and its desync mitigation mode decides what follows from the class
(`exchange/desync_mode.py`). Sources: user guide, edit-load-balancer-attributes (desync mitigation mode) and
load-balancer-access-logs (classification reasons); the triggers are those of HTTP Desync Guardian, the classifier that
AWS publishes and names as the one in use.

How it works: the verdict begins as compliant, and each finding raises it only to a *higher* class, so the first reason
at the highest class is the one reported. Findings, in this order:

1. a version at or above `HTTP/2`, compared byte by byte, is nobody's desync: compliant, whatever else is there;
2. each header in order: its bytes, its name, and whether the name resembles one that frames the body;
3. the headers that frame the body, including the lookalikes: together, one by one, and against method and version;
4. the method's bytes, the version, the target's bytes.

Rules of this file: pure functions on text decoded as latin-1 (one character is one byte); nothing is parsed here, the
caller has split line and headers; nothing is decided here either.

The fast path never comes here: `head_parser` proves most requests compliant by the shape of their lines alone.
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Tier(enum.IntEnum):
    """How dangerous a request is. What is not classified at all is compliant."""

    ACCEPTABLE = 1
    AMBIGUOUS = 2
    SEVERE = 3


class Verdict(NamedTuple):
    """What the classifier says of a request.

    Attributes:
        tier: The class.
        name: The class as the access log writes it: `Acceptable`, `Ambiguous` or `Severe`.
        reason: The first reason found at this class, as the access log writes it.
    """

    tier: Tier
    name: str
    reason: str


_REASONS: Final = {
    Tier.ACCEPTABLE: ("GetHeadZeroContentLength", "NonCompliantHeader", "NonCompliantVersion", "SpaceInUri"),
    Tier.AMBIGUOUS: (
        "AmbiguousUri",
        "BothTeClPresent",
        "DuplicateContentLength",
        "EmptyHeader",
        "SuspiciousHeader",
        "UndefinedContentLengthSemantics",
        "UndefinedTransferEncodingSemantics",
    ),
    Tier.SEVERE: (
        "BadContentLength",
        "BadHeader",
        "BadMethod",
        "BadTransferEncoding",
        "BadUri",
        "BadVersion",
        "MultipleContentLength",
        "MultipleTransferEncodingChunked",
        "SuspiciousTeClPresent",
    ),
}

VERDICTS: Final = {
    reason: Verdict(tier, tier.name.capitalize(), reason) for tier, reasons in _REASONS.items() for reason in reasons
}
"""Every verdict there is, by its reason."""

TRANSFER_CODINGS: Final = frozenset({"chunked", "compress", "deflate", "gzip", "identity"})
"""What may stand in Transfer-Encoding."""

_TRANSFER_ENCODING: Final = "transfer-encoding"
_CONTENT_LENGTH: Final = "content-length"
_MAX_LENGTH: Final = 2**64
_NOT_IN_TOKEN: Final = re.compile(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]").search
_BREAKS: Final = re.compile(r"[\x00\r\n]").search
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]").search
_CONTROLS_AND_TAB: Final = re.compile(r"[\x00-\x1f\x7f]").search
_VERSION: Final = re.compile(r"HTTP/1\.[0-9]").fullmatch
_WHITE: Final = " \t"


class _Findings:
    """The verdict so far."""

    __slots__ = ("verdict",)

    def __init__(self) -> None:
        self.verdict: Verdict | None = None

    def add(self, reason: str) -> None:
        found = VERDICTS[reason]
        if self.verdict is None or found.tier > self.verdict.tier:
            self.verdict = found


def classify(method: str, target: str, version: str, headers: Iterable[tuple[str, str]]) -> Verdict | None:
    """The verdict on a request, or None when it is compliant.

    Args:
        method: As received.
        target: As received; white space between it and the version belongs to the version.
        version: As received, white space around it included; "" when the line has none.
        headers: Names and values as received; a line without a colon is a name without a value.
    """
    version = version or "HTTP/0.9"
    if version >= "HTTP/2":
        return None
    findings = _Findings()
    encodings: list[str] = []
    lengths: list[str] = []
    has_lookalike = False
    for name, value in headers:
        is_bad = _check_header(name, value, findings)
        kind, is_exact = framing_name(name)
        if kind and (is_exact or not is_bad):
            (encodings if kind == _TRANSFER_ENCODING else lengths).append(value)
            if not is_exact:
                has_lookalike = True
                findings.add("SuspiciousHeader")
    if encodings and lengths and has_lookalike:
        # The log's documentation lists it as severe; the published library stops at SuspiciousHeader.
        findings.add("SuspiciousTeClPresent")
    if encodings or lengths:
        _check_framing(method, version.strip(_WHITE), encodings, lengths, findings)
    if _NOT_IN_TOKEN(method):
        findings.add("BadMethod")
    _check_version(version, findings)
    _check_target(target, findings)
    return findings.verdict


def _check_header(name: str, value: str, findings: _Findings) -> bool:
    """Looks at one header's bytes; True when a name that is not exactly that of a framing header is not one at all."""
    if _BREAKS(name) or _BREAKS(value):
        findings.add("BadHeader")
        return True
    if not name or _NOT_IN_TOKEN(name) or _CONTROLS(value):
        findings.add("NonCompliantHeader")
    trimmed = name.strip(_WHITE)
    if not trimmed or trimmed.startswith(":"):
        findings.add("EmptyHeader")
        return True
    return False


def _check_framing(
    method: str, version: str, encodings: Sequence[str], lengths: Sequence[str], findings: _Findings
) -> None:
    if version <= "HTTP/1.0" and encodings:
        findings.add("UndefinedTransferEncodingSemantics")
        return
    if version < "HTTP/1.0" and lengths:
        findings.add("UndefinedContentLengthSemantics")
        return
    _check_codings(encodings, findings)
    numbers = _check_lengths(lengths, findings)
    if method in ("GET", "HEAD"):
        if encodings:
            findings.add("UndefinedTransferEncodingSemantics")
        for number in numbers:
            findings.add("UndefinedContentLengthSemantics" if number else "GetHeadZeroContentLength")
    if numbers and encodings:
        findings.add("BothTeClPresent")


def _check_codings(encodings: Sequence[str], findings: _Findings) -> None:
    was_chunked = False
    for coding in list_codings(encodings):
        if coding not in TRANSFER_CODINGS:
            findings.add("BadTransferEncoding")
        is_chunked = coding == "chunked"
        if is_chunked and was_chunked:
            findings.add("MultipleTransferEncodingChunked")
        was_chunked = is_chunked


def list_codings(values: Iterable[str]) -> list[str]:
    """The items of all Transfer-Encoding values in order, lower-cased, without parameters."""
    return [item.partition(";")[0].strip(_WHITE).lower() for value in values for item in value.split(",")]


def _check_lengths(lengths: Sequence[str], findings: _Findings) -> list[int]:
    """The numbers that could be read."""
    numbers: list[int] = []
    for length in lengths:
        number = decimal(length)
        if number is None:
            findings.add("BadContentLength")
            continue
        if numbers:
            findings.add("DuplicateContentLength" if number == numbers[0] else "MultipleContentLength")
        numbers.append(number)
    return numbers


def decimal(value: str) -> int | None:
    """What a Content-Length says; None when it is no number below 2**64. An empty one says 0."""
    text = value.strip(_WHITE)
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()):
        return None
    # The number of digits is looked at first: int() of a very long number is slow.
    digits = text.lstrip("0")
    number = int(digits or "0") if len(digits) <= len(str(_MAX_LENGTH)) else _MAX_LENGTH
    return number if number < _MAX_LENGTH else None


def _check_version(version: str, findings: _Findings) -> None:
    trimmed = version.strip(_WHITE)
    if trimmed == "HTTP/0.9":
        findings.add("NonCompliantVersion")
    elif not _VERSION(trimmed):
        findings.add("BadVersion")
    elif trimmed != version or trimmed[-1] not in "01":
        findings.add("NonCompliantVersion")


def _check_target(target: str, findings: _Findings) -> None:
    breaks = _BREAKS(target)
    if breaks:
        # What stands behind it is not looked at.
        target = target[: breaks.start()]
    if " " in target:
        findings.add("SpaceInUri")
    if _CONTROLS_AND_TAB(target):
        findings.add("AmbiguousUri")
    if breaks:
        findings.add("BadUri")


# ---- names that resemble Transfer-Encoding and Content-Length


def framing_name(name: str) -> tuple[str, bool]:
    """Which header that frames the body a name is or resembles, in lower case or "", and whether it is exactly that."""
    if len(name) < len(_CONTENT_LENGTH):
        return "", False
    for reference in (_TRANSFER_ENCODING, _CONTENT_LENGTH):
        is_similar, is_exact = _compare(name, reference)
        if is_similar:
            return reference, is_exact
    return "", False


def resembles_framing(name: str) -> bool:
    """Whether a name is not one of the two, but a server might take it for one."""
    if len(name) < len(_CONTENT_LENGTH):
        return False
    kind, is_exact = framing_name(name)
    return bool(kind) and not is_exact


# UTF-8 of the long s and of the dotless i, which upper-case to S and I.
_LOOKALIKE_LETTERS: Final = {"s": "\xc5\xbf", "i": "\xc4\xb1"}


def _compare(name: str, reference: str) -> tuple[bool, bool]:
    """Whether a name is similar to the reference, and whether it is the same but for the case of its letters."""
    if len(name) < len(reference):
        return False, False
    position = _skip_surplus(name, 0)
    is_exact = position == 0
    for letter in reference:
        if position >= len(name):
            return False, False
        if letter == "-":
            # Any one byte may stand for the hyphen, and surplus ones behind it are jumped over.
            behind = _skip_surplus(name, position + 1)
            is_exact = is_exact and name[position] == "-" and behind == position + 1
            position = behind
            continue
        if name[position].lower() == letter and name[position] < "\x80":
            position += 1
        elif letter in _LOOKALIKE_LETTERS and name.startswith(_LOOKALIKE_LETTERS[letter], position):
            position += 2
            is_exact = False
        else:
            is_exact = False
            break
        while position < len(name) and name[position] <= " ":
            position += 1
            is_exact = False
    has_more = any(_is_alphanumeric(character) for character in name[position:])
    return not has_more, is_exact and position == len(name)


def _skip_surplus(name: str, position: int) -> int:
    while position < len(name) and not _is_alphanumeric(name[position]):
        position += 1
    return position


def _is_alphanumeric(character: str) -> bool:
    return character < "\x80" and character.isalnum()
