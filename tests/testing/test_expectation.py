from __future__ import annotations

from typing import Any

import pytest

from edgeproxy.model.target import Target
from edgeproxy.testing.expectation import failure, matching
from edgeproxy.testing.headers import Headers


class Request:
    """As much of a recorded request as filters look at."""

    def __init__(self, path: str | None, host: str = "app.test", status: int = 200) -> None:
        self.path, self.host, self.status, self.target = path, host, status, "127.0.0.1:8080"
        self.headers = Headers([("X-A", "1"), ("X-A", "2")])

    def __repr__(self) -> str:
        return f"GET {self.path}"


REQUESTS: Any = [Request("/a"), Request("/a/b"), Request(None, status=400)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [0, 1, 2]),
        ({"path": "/a"}, [0]),
        ({"path": "/a*"}, [0, 1]),
        ({"path": None}, [2]),
        ({"host": "App.*"}, [0, 1, 2]),
        ({"path": "/a*", "status": 400}, []),
        ({"headers": {"x-a": "2"}, "path": "/a"}, [0]),
        ({"headers": {"x-a": "3"}}, []),
        ({"target": 8080, "path": "/a"}, [0]),
        ({"target": Target(id="127.0.0.1"), "path": "/a"}, [0]),
        ({"target": 80}, []),
    ],
)
def test_everything_that_is_wanted_has_to_hold(wanted: dict[str, Any], expected: list[int]) -> None:
    assert [REQUESTS[index] for index in expected] == matching(REQUESTS, wanted)


def test_a_misspelt_wish_is_no_wish() -> None:
    with pytest.raises(TypeError, match=r"A request has no 'paht'; what can be asked for is: actions, "):
        matching(REQUESTS, {"paht": "/"})


def test_a_failure_shows_the_latest_requests() -> None:
    many: Any = [Request(f"/{number}") for number in range(50)]
    lines = failure(many, {"path": "/49"}, 2).split("\n")

    assert ("  (10 earlier ones)", "    GET /10", "  * GET /49") == (lines[2], lines[3], lines[-1])


def test_a_failure_shows_what_requests_have_instead() -> None:
    """What is in the line's URL is not said twice."""
    requests: Any = [Request("/a"), Request("/b", status=404)]
    wanted = {"path": "/a", "status": 404, "headers": {"X-A": "3", "X-B": "1", "x-a": "1"}}
    *_, first, second = failure(requests, wanted, None).split("\n")

    assert "    GET /a (it has status=200, X-A: 1 and 2, no X-B)" == first
    assert "    GET /b (it has X-A: 1 and 2, no X-B)" == second


def test_a_failure_says_how_many_requests_are_forgotten() -> None:
    requests: Any = [Request("/a")]

    assert "  (7 earlier ones, 7 of them forgotten)" in failure(requests, {}, 8, forgotten=7).split("\n")


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"path": 7}, "'path' is compared with a text or with None, not with 7."),
        ({"headers": "X-A"}, "'headers' is compared with a dict of headers, not with 'X-A'."),
        ({"target": ["a"]}, r"\['a'\] is not a target"),
    ],
)
def test_a_wish_of_the_wrong_kind_is_told(wanted: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        matching(REQUESTS, wanted)
