from __future__ import annotations

from typing import Any

import pytest

from edgeproxy.runtime.clock import Clock
from edgeproxy.testing.headers import Headers
from edgeproxy.testing.recorded import CAPACITY, Recorder, failure, matching


class Request:
    """As much of a recorded request as filters look at."""

    def __init__(self, path: str | None, host: str = "app.test", status: int = 200) -> None:
        self.path, self.host, self.status = path, host, status
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
    ],
)
def test_everything_that_is_wanted_has_to_hold(wanted: dict[str, Any], expected: list[int]) -> None:
    assert [REQUESTS[index] for index in expected] == matching(REQUESTS, wanted)


def test_a_misspelt_wish_is_no_wish() -> None:
    with pytest.raises(TypeError, match=r"A request has no 'paht'; what can be asked for is: actions, "):
        matching(REQUESTS, {"paht": "/"})


def test_a_failure_shows_the_latest_requests() -> None:
    many: Any = [Request(f"/{number}") for number in range(50)]
    lines = failure(many, {"path": "/49"}, 1, 2).split("\n")

    assert ("  (10 earlier ones)", "    GET /10", "  * GET /49") == (lines[2], lines[3], lines[-1])


def test_what_is_kept_is_bounded_and_what_is_not_is_counted() -> None:
    recorder = Recorder(Clock())
    kept: Any = None
    for _ in range(CAPACITY + 3):
        recorder.keep(kept, kept, 0.0)
    assert 3 == recorder.missed

    recorder.clear()
    assert (0, []) == (recorder.missed, recorder.requests())
