"""The corpus of this folder: every reason of the classifier by examples.

The examples go through the classifier alone and through the whole codec. Their expectations come from the user guide's
list of reasons and from how HTTP Desync Guardian decides.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from edgeproxy.protocol import tolerant
from edgeproxy.protocol.desync import VERDICTS, Tier, Verdict, classify
from edgeproxy.protocol.judgement import UnreadableRequestError
from tests.helpers.recording import RecordedRequests, bytewise, feed_requests

PAGE = "load-balancer-access-logs"

TRIGGERS = {
    "GetHeadZeroContentLength": "a GET or HEAD with a Content-Length of 0",
    "NonCompliantHeader": "a header with a character that is not a token's in its name, or a control character",
    "NonCompliantVersion": "HTTP/0.9, HTTP/1.2 and later minor versions, white space around the version",
    "SpaceInUri": "a space in the URI",
    "AmbiguousUri": "a control character in the URI",
    "BothTeClPresent": "both Transfer-Encoding and Content-Length",
    "DuplicateContentLength": "several Content-Length headers with the same value",
    "EmptyHeader": "a header without a name",
    "SuspiciousHeader": "a name that resembles Transfer-Encoding or Content-Length",
    "UndefinedContentLengthSemantics": "a GET or HEAD with a Content-Length, or one below HTTP/1.0",
    "UndefinedTransferEncodingSemantics": "a GET or HEAD with a Transfer-Encoding, or one in HTTP/1.0",
    "BadContentLength": "a Content-Length that is no number",
    "BadHeader": "NUL or a lone CR in a header",
    "BadMethod": "a method that is no token",
    "BadTransferEncoding": "a transfer coding that nobody knows",
    "BadUri": "NUL or a lone CR in the URI",
    "BadVersion": "a version that is malformed",
    "MultipleContentLength": "several Content-Length headers with different values",
    "MultipleTransferEncodingChunked": "chunked twice, one behind the other",
    "SuspiciousTeClPresent": "both kinds of length, and at least one of them under a name that only resembles",
}
"""What the log's documentation says of each reason, in short."""


class Case(NamedTuple):
    """One request of the corpus."""

    name: str
    tier: str
    data: bytes
    reason: str
    forwards: list[str] | None
    error: int | None


def read_cases() -> list[Case]:
    cases = []
    for path in sorted((Path(__file__).parent).glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            assert {"name", "request"} <= set(case) <= {"name", "request", "reason", "forwards", "error"}
            data = case["request"].encode("latin-1")
            extra = (case.get("reason", ""), case.get("forwards"), case.get("error"))
            cases.append(Case(f"{path.stem}: {case['name']}", path.stem.capitalize(), data, *extra))
    return cases


CASES = read_cases()
EACH = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def split(data: bytes) -> tuple[str, str, str, list[tuple[str, str]]]:
    """A head as the classifier wants it, without any of the parser's shortcuts."""
    line, _, section = data.partition(b"\n")
    text = line.removesuffix(b"\r").decode("latin-1")
    method, target, version = tolerant.split_request_line(text)
    if not version:
        # HTTP/0.9 has no headers.
        return method, target, "", []
    return method, target, version, tolerant.split_section(section[: section.rfind(b"\n", 0, -1) + 1])


def reason_of(verdict: Verdict | None) -> str:
    return "" if verdict is None else verdict.reason


def verdict_by_codec(recorded: RecordedRequests) -> Verdict | None:
    """The verdict on the one request that was read, or that could not be."""
    if recorded.errors:
        (error,) = recorded.errors
        assert isinstance(error, UnreadableRequestError)
        return error.verdict
    (head,) = recorded.heads
    return head.verdict


@EACH
def test_the_classifier_finds_the_reason(case: Case) -> None:
    assert case.reason == reason_of(classify(*split(case.data)))


@EACH
@pytest.mark.parametrize("is_split", [False, True])
def test_the_codec_reports_the_reason_however_the_bytes_come(case: Case, is_split: bool) -> None:
    recorded = feed_requests(bytewise(case.data) if is_split else [case.data])
    assert case.reason == reason_of(verdict_by_codec(recorded))
    assert ([] if case.error is None else [case.error]) == recorded.error_statuses


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.forwards is not None], ids=lambda case: getattr(case, "name", None)
)
def test_what_may_be_forwarded(case: Case) -> None:
    (head,) = feed_requests([case.data]).heads
    assert case.forwards == head.fields.lines


def test_the_corpus_says_each_thing_once() -> None:
    assert len(CASES) == len({case.name for case in CASES})
    assert len(CASES) == len({case.data for case in CASES})


def test_a_case_stands_in_the_file_of_its_class() -> None:
    assert [case.tier for case in CASES] == [
        VERDICTS[case.reason].name if case.reason else "Compliant" for case in CASES
    ]


@pytest.mark.parametrize(
    "reason",
    [
        pytest.param(reason, marks=pytest.mark.conformance("Desync classification", f"{reason}: {trigger}", PAGE))
        for reason, trigger in TRIGGERS.items()
    ],
)
def test_each_reason_has_its_triggers(reason: str) -> None:
    cases = [case for case in CASES if case.reason == reason]
    assert len(cases) >= 4
    assert [VERDICTS[reason]] * len(cases) == [classify(*split(case.data)) for case in cases]


@pytest.mark.conformance("Desync classification", "twenty reasons in three classes; what has none is compliant", PAGE)
def test_there_are_no_other_reasons() -> None:
    assert set(TRIGGERS) == set(VERDICTS)
    assert {"Acceptable": 4, "Ambiguous": 7, "Severe": 9} == Counter(verdict.name for verdict in VERDICTS.values())
    assert all(verdict.tier == Tier[verdict.name.upper()] for verdict in VERDICTS.values())
    assert all(reason == verdict.reason for reason, verdict in VERDICTS.items())
