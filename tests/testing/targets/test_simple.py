"""Functions as targets."""

from __future__ import annotations

from typing import Any

import pytest
import urllib3

from edgeproxy.testing import targets


def ask(target: targets.LocalTarget, path: str = "/", **options: Any) -> tuple[int, bytes]:
    with urllib3.PoolManager(retries=False) as client:
        answer = client.request("GET", target.url + path, **options)
        return answer.status, answer.data


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("text", (200, b"text")),
        (b"bytes", (200, b"bytes")),
        (404, (404, b"")),
        ({"a": 1}, (200, b'{"a": 1}')),
        ([1], (200, b"[1]")),
        ((418, "tea"), (418, b"tea")),
        (None, (204, b"")),
        (targets.Response("x", 201, {"X": "1"}), (201, b"x")),
    ],
)
def test_a_handler_answers_in_many_ways(answer: Any, expected: tuple[int, bytes]) -> None:
    with targets.handler(lambda _: answer) as target:
        assert expected == ask(target)


def test_a_handler_sees_the_request_and_may_be_asynchronous() -> None:
    seen = []

    async def handler(request: targets.Request) -> str:
        seen.append(request)
        return "ok"

    with targets.handler(handler) as target:
        ask(target, "/a%20b?c=d", body=b"body", headers={"X-Own": "1"})
        ask(target, body=iter([b"chunk", b"ed"]))

    assert ("/a b", {"c": "d"}, b"body", "1") == (seen[0].path, seen[0].query, seen[0].body, seen[0].headers["x-own"])
    assert b"chunked" == seen[1].body
    assert seen == target.requests
