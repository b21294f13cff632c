from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.doctor.answers import examine_answers, judge
from edgeproxy.control.doctor.asking import Answer
from edgeproxy.protocol.head_parser import parse_response_head
from tests.helpers.targets import ScriptedTarget, answering, garbage, leaving_after, saying, silent

if TYPE_CHECKING:
    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer


async def look(script: Any, subject_of: Any, dialer: Dialer, **changes: Any) -> list[Finding]:
    async with ScriptedTarget(script) as target:
        return await examine_answers(subject_of(target, **changes), dialer)


def brief(findings: list[Finding]) -> list[tuple[str, str]]:
    return [(each.name, each.severity) for each in findings]


def answer(head: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", **seen: Any) -> Answer:
    parsed = parse_response_head(head)
    facts: dict[str, Any] = {"head": parsed, "head_size": parsed.size, "is_complete": True} | seen
    return Answer(**facts)


async def test_a_plain_answer_is_good(subject_of: Any, dialer: Dialer) -> None:
    [finding] = await look(answering(b"hello"), subject_of, dialer)

    assert ("answers", "good") == (finding.name, finding.severity)
    assert finding.sentence.startswith("GET / is answered with 200 after ")
    assert (200, 5) == (finding.measured["Status"], finding.measured["BodyBytes"])


async def test_every_path_is_asked_for_as_a_client_would_by_the_load_balancer(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(answering()) as target:
        findings = await examine_answers(subject_of(target, paths=("/a", "/b?c=d")), dialer)

        assert 2 == len(findings)
        assert [b"GET /a HTTP/1.1", b"GET /b?c=d HTTP/1.1"] == [head.split(b"\r\n")[0] for head in target.heads]
        assert b"\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Port: 443\r\nHost: localhost\r\n" in target.heads[0]


async def test_silence_for_the_idle_timeout_is_a_504(subject_of: Any, dialer: Dialer) -> None:
    [finding] = await look(silent, subject_of, dialer, idle_timeout=0.02)

    assert ("slow-answer", "problem") == (finding.name, finding.severity)
    assert "GET /: your app sent nothing for 20 ms, the ALB's idle timeout: 504." == finding.sentence


async def test_silence_in_mid_answer_cuts_it(subject_of: Any, dialer: Dialer) -> None:
    half = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
    [finding] = await look(half, subject_of, dialer, idle_timeout=1.0)

    assert "the connection is cut in mid-answer" in finding.sentence


async def test_a_chunked_answer_that_goes_on_is_fine_as_long_as_it_says_something(subject_of: Any) -> None:
    [finding] = judge(subject_of(80, idle_timeout=60.0), "/", answer(longest_gap=15.0, is_complete=False))

    assert ("slow-answer", "good") == (finding.name, finding.severity)
    assert "with 15 s of silence at most" in finding.sentence


async def test_headers_that_never_end_are_no_answer_that_goes_on(subject_of: Any) -> None:
    """Line by line, so that neither the idle timeout nor the limit of their size ended the wait."""
    [finding] = judge(subject_of(80), "/", Answer(first_byte=0.01, longest_gap=0.05))

    assert ("response-headers", "problem") == (finding.name, finding.severity)
    assert "GET /: your app sends response headers and does not end them, with 50 ms of silence" in finding.sentence
    assert finding.sentence.endswith("the client gets nothing, and 502 when they exceed 32768 bytes.")


@pytest.mark.parametrize("seen", [{"first_byte": 31.0}, {"longest_gap": 31.0}])
async def test_silence_of_more_than_half_the_idle_timeout_is_a_warning(seen: dict[str, Any], subject_of: Any) -> None:
    findings = judge(subject_of(80, idle_timeout=60.0), "/", answer(**seen))

    assert [("answers", "good"), ("slow-answer", "advice")] == brief(findings)
    assert "was silent for 31 s; the ALB gives up after 60 s" in findings[1].sentence


async def test_quick_says_what_it_did_not_wait_for(subject_of: Any) -> None:
    [finding] = judge(subject_of(80, is_quick=True), "/", Answer())

    assert ("slow-answer", "skipped") == (finding.name, finding.severity)
    assert "--quick" in finding.sentence


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (24 * 1024, [("answers", "good")]),
        (25 * 1024, [("answers", "good"), ("response-headers", "advice")]),
        (32 * 1024, [("answers", "good"), ("response-headers", "advice")]),
        (32 * 1024 + 1, [("response-headers", "problem")]),
    ],
)
async def test_headers_may_have_32_k(size: int, expected: Any, subject_of: Any, dialer: Dialer) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Long: "
    head += b"x" * (size - len(head) - 4) + b"\r\n\r\n"

    findings = await look(saying(head), subject_of, dialer)
    assert expected == brief(findings)
    # Of one that is too long the size is known if it came in one piece.
    assert findings[-1].measured["HeaderBytes"] in ({size} if size <= 32 * 1024 else {size, 0})


async def test_http_1_0_and_an_answer_without_a_length_are_told(subject_of: Any, dialer: Dialer) -> None:
    findings = await look(leaving_after(b"HTTP/1.0 200 OK\r\nServer: old\r\n\r\nbody"), subject_of, dialer)

    assert [("answers", "good"), ("http-version", "advice"), ("framing", "advice")] == brief(findings)


async def test_an_answer_without_a_body_needs_no_length(subject_of: Any) -> None:
    findings = judge(subject_of(80), "/", answer(b"HTTP/1.1 204 No Content\r\n\r\n"))

    assert [("answers", "good")] == brief(findings)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (garbage, "is not HTTP/1: 502."),
        (leaving_after(b""), "the target closed the connection: 502."),
        (leaving_after(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"), "the client's connection is cut."),
    ],
)
async def test_what_the_load_balancer_cannot_read_is_a_502(
    script: Any, said: str, subject_of: Any, dialer: Dialer
) -> None:
    [finding] = await look(script, subject_of, dialer)

    assert ("answers", "problem") == (finding.name, finding.severity)
    assert finding.sentence.endswith(said)
