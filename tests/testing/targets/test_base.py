"""What all targets have in common."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest
import urllib3

from edgeproxy.testing import targets
from edgeproxy.testing.targets.base import bound
from tests.helpers.wait import until_blocking

if TYPE_CHECKING:
    from collections.abc import Callable


def ask(target: targets.LocalTarget) -> tuple[int, bytes]:
    with urllib3.PoolManager(retries=False) as client:
        answer = client.request("GET", target.url)
        return answer.status, answer.data


@pytest.mark.parametrize(
    "make",
    [
        lambda: targets.answering("hi"),
        lambda: targets.handler(lambda _: "hi"),
        lambda: targets.slow(0.01, "hi"),
        lambda: targets.keep_alive(5, "hi"),
        lambda: targets.streaming([b"h", b"i"]),
    ],
)
def test_it_answers_and_leaves_nothing_behind(make: Callable[[], targets.LocalTarget]) -> None:
    threads = set(threading.enumerate())
    with make() as target:
        assert (200, b"hi") == ask(target)
        port = target.port

    assert not target.is_started
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
    # A server's threads may take a moment to see that their connections are closed.
    until_blocking(lambda: threads >= set(threading.enumerate()))


def test_it_can_be_started_again_on_its_port() -> None:
    target = targets.answering()
    ports = set()
    for _ in range(2):
        with target:
            assert (200, b"ok") == ask(target)
            ports.add(target.port)

    assert 1 == len(ports)


async def test_the_asynchronous_context_manager_is_the_same() -> None:
    async with targets.answering() as target:
        assert target.is_started


def test_a_port_that_is_taken_leaves_the_target_as_it_was() -> None:
    target = targets.answering()
    with bound() as other:
        target.port = other.getsockname()[1]
        with pytest.raises(OSError, match="Address already in use"):
            target.start()

    assert not target.is_started
