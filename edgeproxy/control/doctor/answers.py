"""What the app answers, and how: in time, in HTTP/1.1, readable, with headers that are not too long.

Each path is asked for once. The load balancer has no timeout for answers but the idle timeout, so what counts is the
longest silence, not the whole duration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.finding import duration, found
from edgeproxy.control.doctor.request import forwarded
from edgeproxy.exchange.outcome import STATUS, Outcome
from edgeproxy.protocol.limits import MAX_RESPONSE_HEAD
from edgeproxy.protocol.message import UNTIL_CLOSE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.control.doctor.asking import Answer
    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer
    from edgeproxy.control.doctor.subject import Subject

_MANY_BYTES: Final = MAX_RESPONSE_HEAD * 3 // 4
_QUICK_SECONDS: Final = 5.0
_FASTER: Final = (
    "Answer faster, send something in the meantime, or raise the load balancer's idle_timeout.timeout_seconds."
)
_OTHER_VERSION: Final = (
    "Look at what the app sends with `curl -v --http1.1`; an app that speaks HTTP/2 or TLS only needs a target group "
    "that says so (ProtocolVersion, Protocol)."
)
_NO_HTTP2: Final = (
    "Look at what the app sends with `curl -v --http2-prior-knowledge`; an app that does not speak HTTP/2 without an "
    "upgrade needs a target group with the protocol version HTTP1."
)
_BODILESS: Final = frozenset({204, 304})


async def examine_answers(subject: Subject, dialer: Dialer) -> list[Finding]:
    """Ask for every path, one after the other."""
    findings: list[Finding] = []
    for path in subject.paths:
        connection = await dialer.connect(subject)
        try:
            at_most = min(_QUICK_SECONDS, subject.idle_timeout) if subject.is_quick else 2 * subject.idle_timeout
            answer = await connection.ask(forwarded(subject, path), idle_timeout=subject.idle_timeout, at_most=at_most)
        finally:
            connection.close()
        findings += judge(subject, path, answer)
    return findings


def judge(subject: Subject, path: str, answer: Answer) -> list[Finding]:
    """What the load balancer makes of an answer."""
    if answer.outcome is not Outcome.FORWARDED:
        return [_failure(subject, path, answer)]
    findings = [*_timing(subject, path, answer), *_form(subject, path, answer), *_call(subject, path, answer)]
    if answer.is_complete and not any(each.severity == "problem" for each in findings):
        findings.insert(0, _summary(subject, path, answer))
    return findings


def _summary(subject: Subject, path: str, answer: Answer) -> Finding:
    asked = subject.said(path)
    call = "" if answer.grpc_status is None else f" and grpc-status {answer.grpc_status}"
    return found(
        "answers",
        "good",
        f"{asked} is answered with {answer.status}{call} after {duration(answer.first_byte)}, "
        f"{answer.head_size} bytes of headers and {answer.body_size} of body.",
        facts.MALFORMED,
        path=path,
        status=answer.status,
        first_byte_seconds=answer.first_byte,
        longest_gap_seconds=answer.longest_gap,
        header_bytes=answer.head_size,
        body_bytes=answer.body_size,
    )


def _failure(subject: Subject, path: str, answer: Answer) -> Finding:
    asked = subject.said(path)
    idle = duration(subject.idle_timeout)
    if answer.outcome is Outcome.TARGET_SILENT:
        end = "the connection is cut in mid-answer" if answer.head is not None else "504"
        return found(
            "slow-answer",
            "problem",
            f"{asked}: your app sent nothing for {idle}, the ALB's idle timeout: {end}.",
            facts.IDLE_TIMEOUT,
            _FASTER,
            path=path,
            idle_timeout_seconds=subject.idle_timeout,
        )
    if answer.outcome is Outcome.TARGET_MALFORMED and answer.head is None and "headers are longer" in answer.fault:
        return _too_long(subject, path, answer)
    whole = "the client's connection is cut" if answer.head is not None else f"{STATUS[answer.outcome]}"
    return found(
        "answers",
        "problem",
        f"{asked}: {answer.fault}: {whole}.",
        facts.MALFORMED,
        _OTHER_VERSION if subject.version == "HTTP1" else _NO_HTTP2,
        path=path,
        outcome=answer.outcome.name,
    )


def _too_long(subject: Subject, path: str, answer: Answer) -> Finding:
    asked = subject.said(path)
    size = f"{answer.head_size} bytes" if answer.head_size else "more than 32 K"
    return found(
        "response-headers",
        "problem",
        f"{asked}: your app sends {size} of response headers, the ALB takes {MAX_RESPONSE_HEAD}: 502.",
        facts.RESPONSE_HEADERS,
        "Send fewer or shorter headers; it is cookies most of the time. Keep such data on the server.",
        path=path,
        header_bytes=answer.head_size,
    )


def _timing(subject: Subject, path: str, answer: Answer) -> Iterator[Finding]:
    asked = subject.said(path)
    silence, idle = max(answer.first_byte, answer.longest_gap), subject.idle_timeout
    measured: dict[str, Any] = {"path": path, "longest_silence_seconds": silence, "idle_timeout_seconds": idle}
    if not answer.is_complete:
        yield _unfinished(subject, path, answer)
    elif silence > idle / 2:
        yield found(
            "slow-answer",
            "advice",
            f"{asked}: your app was silent for {duration(silence)}; the ALB gives up after {duration(idle)}. "
            "Under load this becomes 504.",
            facts.IDLE_TIMEOUT,
            _FASTER,
            **measured,
        )


def _unfinished(subject: Subject, path: str, answer: Answer) -> Finding:
    asked = subject.said(path)
    idle = duration(subject.idle_timeout)
    if subject.is_quick:
        return found(
            "slow-answer",
            "skipped",
            f"{asked} takes longer than {duration(_QUICK_SECONDS)}, which --quick does not wait for; "
            f"the ALB gives up after {idle} of silence.",
            facts.IDLE_TIMEOUT,
            path=path,
        )
    if answer.head is None:
        return _endless_head(subject, path, answer)
    return found(
        "slow-answer",
        "good",
        f"{asked} goes on and on, with {duration(answer.longest_gap)} of silence at most; the ALB lets it live as "
        f"long as that stays below {idle}.",
        facts.IDLE_TIMEOUT,
        path=path,
        longest_silence_seconds=answer.longest_gap,
    )


def _endless_head(subject: Subject, path: str, answer: Answer) -> Finding:
    asked = subject.said(path)
    return found(
        "response-headers",
        "problem",
        f"{asked}: your app sends response headers and does not end them, with {duration(answer.longest_gap)} of "
        f"silence at most: the client gets nothing, and 502 when they exceed {MAX_RESPONSE_HEAD} bytes.",
        facts.RESPONSE_HEADERS,
        "End the headers with an empty line, and send what comes little by little as the body.",
        path=path,
        longest_silence_seconds=answer.longest_gap,
    )


def _form(subject: Subject, path: str, answer: Answer) -> Iterator[Finding]:
    asked = subject.said(path)
    head = answer.head
    if head is None:
        return
    if answer.head_size > _MANY_BYTES:
        yield found(
            "response-headers",
            "advice",
            f"{asked}: {answer.head_size} bytes of response headers come close to the ALB's {MAX_RESPONSE_HEAD}; "
            "above that it answers 502.",
            facts.RESPONSE_HEADERS,
            "Send fewer or shorter headers; it is cookies most of the time.",
            path=path,
            header_bytes=answer.head_size,
        )
    if subject.version != "HTTP1":
        return  # the frames of HTTP/2 say where an answer ends
    if head.version_minor == 0:
        yield found(
            "http-version",
            "advice",
            f"{asked} is answered in HTTP/1.0, which the ALB takes; but it speaks HTTP/1.1 to your app, and an app "
            "of HTTP/1.0 can neither keep connections by default nor stream in chunks.",
            facts.HTTP_VERSION,
            "Run the app in a server for production that speaks HTTP/1.1; development servers often do not.",
            path=path,
        )
    if head.body_length == UNTIL_CLOSE and head.status not in _BODILESS:
        yield found(
            "framing",
            "advice",
            f"{asked} has neither Content-Length nor chunks: the end of the connection is the end of the answer, so "
            "nobody can tell a whole one from a broken one.",
            facts.MALFORMED,
            "Send Content-Length, or Transfer-Encoding: chunked.",
            path=path,
        )


def _call(subject: Subject, path: str, answer: Answer) -> Iterator[Finding]:
    """What only answers to calls of gRPC have."""
    if subject.version != "GRPC" or not answer.is_complete or answer.grpc_status is not None:
        return
    yield found(
        "grpc-status",
        "problem",
        f"{subject.said(path)} is answered with {answer.status} and without grpc-status: no client of gRPC takes that "
        "for an answer, and a health check on it fails.",
        facts.GRPC_STATUS,
        "See that a gRPC server listens there, not one for web pages; it answers unknown methods with grpc-status 12.",
        path=path,
        status=answer.status,
    )
