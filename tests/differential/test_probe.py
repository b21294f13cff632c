"""How answers are read."""

from __future__ import annotations

import pytest

from tests.differential import probe
from tests.differential.probe import Answer, answers_in, ask, counting_target
from tests.helpers.targets import ScriptedTarget, leaving_after, saying, silent

TAKEN = b"HTTP/1.1 200 OK\r\nX-Length: 3\r\nContent-Length: 1\r\n\r\n3"
TAKEN_IN_CHUNKS = b"HTTP/1.1 200 OK\r\nX-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n3\r\n0\r\n\r\n"
TAKEN_LAST = TAKEN.replace(b"X-Length", b"X-Last: yes\r\nX-Length")
REFUSED = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\nno"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (TAKEN, ["takes 3"]),
        (REFUSED, ["refuses 400"]),
        (TAKEN + REFUSED, ["takes 3", "refuses 400"]),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + TAKEN, ["takes 3"]),
        (
            b"HTTP/1.1 200 OK\r\nX-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n3\r\n0\r\n\r\n" + TAKEN,
            ["takes 3"] * 2,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ["refuses 204"]),
    ],
)
def test_whole_answers_are_read_one_by_one(data: bytes, expected: list[str]) -> None:
    answers, is_whole = answers_in(data, is_head=False, is_closed=False)
    assert (expected, True) == ([answer.words for answer in answers], is_whole)


@pytest.mark.parametrize("data", [b"HTTP/1.1 200", TAKEN[:-1], b"3", b"HTTP/1.1 200 OK\r\nX-Length: 3\r\n\r\n3"])
def test_what_has_not_ended_is_no_answer_yet(data: bytes) -> None:
    assert ([], False) == answers_in(data, is_head=False, is_closed=False)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"HTTP/1.0 200 OK\r\nX-Length: 3\r\n\r\n3", "takes 3"),
        (b"3", "takes 3"),
        (b"<html>\r\n<head><title>400 Bad Request</title></head>", "refuses 400"),
    ],
)
def test_a_closed_connection_ends_what_has_no_length(data: bytes, expected: str) -> None:
    assert ([Answer(expected)], True) == answers_in(data, is_head=False, is_closed=True)


def test_an_answer_to_head_has_no_body_unless_it_refuses() -> None:
    taken = TAKEN[:-1]
    assert [Answer("takes 3"), Answer("takes 3")] == answers_in(taken + TAKEN, is_head=True, is_closed=False)[0]
    assert [Answer("refuses 400"), Answer("takes 3")] == answers_in(REFUSED + TAKEN, is_head=True, is_closed=False)[0]


def test_the_answer_to_the_request_behind_the_case_is_known() -> None:
    assert [Answer("takes 3", is_last=True)] == answers_in(TAKEN_LAST, is_head=False, is_closed=False)[0]


async def test_a_server_is_asked_and_its_connection_is_ended() -> None:
    async with counting_target() as target:
        assert "takes 3" == await ask(target.port, b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc")
        chunked = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: x\r\n\r\n"
        assert "takes 3" == await ask(target.port, chunked)
        assert "takes 0" == await ask(target.port, b"HEAD / HTTP/1.1\r\n\r\n")
        assert "closes" == await ask(target.port, b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n")


async def test_leaving_and_waiting_are_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PATIENCE_SECONDS", 0.05)
    async with ScriptedTarget(leaving_after(b"")) as target:
        assert "closes" == await ask(target.port, b"GET / HTTP/1.1\r\n\r\n")
    async with ScriptedTarget(silent) as target:
        assert "waits" == await ask(target.port, b"GET / HTTP/1.1\r\n\r\n")
    async with ScriptedTarget(saying(REFUSED)) as target:
        assert "refuses 400, waits" == await ask(target.port, b"GET / HTTP/1.1\r\n\r\n")
