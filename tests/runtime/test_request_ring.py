"""Who gets to see which requests, and that nothing is kept for nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from edgeproxy.runtime.clock import Clock
from edgeproxy.runtime.request_ring import LISTENING_SECONDS, ListenerPlace, RequestRing
from tests.helpers.proxies import answering_itself, running

if TYPE_CHECKING:
    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.runtime.request_ring import Batch, Entry

PLACE = ListenerPlace("dev", "http", 80)


class Scene:
    """A ring of four places, a clock that the test moves, and records that are only numbers."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.ring = RequestRing(Clock(lambda: self.now), capacity=4)

    def ends(self, *numbers: int) -> None:
        """Exchanges end; each looks whether anybody keeps it, as the ledger does."""
        for number in numbers:
            if self.ring.keep is not None:
                self.ring.keep(cast("ExchangeRecord", number), PLACE, self.now)


def numbers(entries: list[Entry] | None) -> list[object]:
    assert entries is not None
    return [entry.record for entry in entries]


def read(batch: Batch) -> tuple[int, list[object]]:
    return batch.missed, numbers(batch.entries)


def test_nothing_is_kept_while_nobody_listens() -> None:
    scene = Scene()
    scene.ends(1)

    assert scene.ring.keep is None
    assert "<RequestRing off>" == repr(scene.ring)


def test_the_first_question_begins_and_the_second_is_answered() -> None:
    scene = Scene()
    first = scene.ring.recent()
    scene.ends(1, 2)

    assert first is None
    assert [1, 2] == numbers(scene.ring.recent())
    assert [1, 2] == numbers(scene.ring.recent())
    assert "<RequestRing kept=2 followers=0>" == repr(scene.ring)


def test_only_the_latest_are_kept() -> None:
    scene = Scene()
    scene.ring.recent()
    scene.ends(*range(10))

    assert [6, 7, 8, 9] == numbers(scene.ring.recent())


def test_it_ends_when_nobody_has_asked_for_long() -> None:
    scene = Scene()
    scene.ring.recent()
    scene.ends(1)
    scene.now += LISTENING_SECONDS - 1
    scene.ring.rest(scene.now)
    asked_again = scene.ring.recent()
    scene.now += LISTENING_SECONDS
    scene.ring.rest(scene.now)

    assert [1] == numbers(asked_again)
    assert scene.ring.keep is None
    assert scene.ring.recent() is None
    assert [] == scene.ring.recent()


def test_it_goes_on_while_somebody_follows_and_ends_with_the_last() -> None:
    scene = Scene()
    one, two = scene.ring.follow(), scene.ring.follow()
    scene.now += 10 * LISTENING_SECONDS
    scene.ring.rest(scene.now)
    one.leave()
    still = scene.ring.keep
    two.leave()

    assert (True, None) == (still is not None, scene.ring.keep)


def test_a_follower_reads_what_comes_after_it_once() -> None:
    scene = Scene()
    scene.ring.recent()
    scene.ends(1)
    follower = scene.ring.follow()
    scene.ends(2, 3, 4)

    assert [(0, [2, 3]), (0, [4]), (0, [])] == [read(follower.read(2)) for _ in range(3)]


def test_followers_do_not_take_from_each_other() -> None:
    scene = Scene()
    followers = [scene.ring.follow() for _ in range(2)]
    scene.ends(1)

    assert [(0, [1])] * 2 == [read(follower.read(9)) for follower in followers]


def test_a_follower_that_is_too_slow_is_told_how_much_it_has_missed() -> None:
    scene = Scene()
    follower = scene.ring.follow()
    scene.ends(1)
    first = follower.read(9)
    scene.ends(*range(2, 12))

    assert [(0, [1]), (6, [8, 9]), (0, [10, 11])] == [read(first), read(follower.read(2)), read(follower.read(9))]


async def test_waiting_ends_with_the_next_request_with_the_time_and_with_the_ring() -> None:
    scene = Scene()
    follower = scene.ring.follow()
    await follower.wait(0.001)
    waiting = asyncio.create_task(follower.wait(60))
    scene.ends(1)
    await waiting
    assert (0, [1]) == read(follower.read(9))
    assert (0, []) == read(follower.read(9))
    waiting = asyncio.create_task(follower.wait(60))
    await asyncio.sleep(0)
    scene.ring.close()
    await waiting

    assert follower.is_dismissed


async def test_a_proxys_listeners_fill_its_ring_also_after_a_reload() -> None:
    async with running(answering_itself()) as edgeproxy:
        ring = edgeproxy.proxy.requests
        await edgeproxy.ask()
        assert ring.recent() is None
        await edgeproxy.ask("GET /one")
        await edgeproxy.apply(answering_itself("other"))
        await edgeproxy.ask("GET /two")
        entries = ring.recent()
        assert entries is not None

        assert ["/one", "/two"] == [entry.record.head.path for entry in entries if entry.record.head is not None]
        assert {PLACE} == {entry.place for entry in entries}
