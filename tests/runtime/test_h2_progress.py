from __future__ import annotations

from edgeproxy.runtime.h2_progress import SendProgress


def test_what_shrinks_is_taken_and_what_does_not_is_stuck() -> None:
    progress = SendProgress()
    progress.look({1: 100, 3: 100}, 0, 10.0)
    progress.look({1: 90, 3: 100}, 0, 20.0)

    assert (20.0, 10.0) == (progress.of(1), progress.of(3))
    assert [3] == progress.stuck(15.0)


def test_what_never_waited_is_not_stuck() -> None:
    progress = SendProgress()
    progress.look({1: 100}, 0, 10.0)
    progress.look({}, 0, 20.0)

    assert (0.0, [], False) == (progress.of(1), progress.stuck(100.0), progress.is_waiting)


def test_while_the_transport_moves_no_stream_is_stuck() -> None:
    progress = SendProgress()
    progress.look({1: 100}, 5000, 10.0)
    progress.look({1: 100}, 4000, 20.0)

    assert (20.0, 20.0, 4000) == (progress.of(1), progress.last, progress.unsent)


def test_waiting_begins_when_it_is_first_seen() -> None:
    progress = SendProgress()
    progress.look({1: 0}, 0, 10.0)
    progress.look({1: 0}, 0, 20.0)
    progress.look({1: 0, 3: 7}, 0, 30.0)

    assert (10.0, 30.0, True) == (progress.of(1), progress.of(3), progress.is_waiting)
