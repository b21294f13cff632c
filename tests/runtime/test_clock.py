"""Moments, and the Date header that is rebuilt once a second."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.runtime.clock import Clock

SUNDAY = 1_795_341_600


class Times:
    """Two hands that a test moves."""

    def __init__(self) -> None:
        self.monotonic = 100.0
        self.wall = float(SUNDAY)

    def clock(self) -> Clock:
        return Clock(lambda: self.monotonic, lambda: self.wall)


def test_the_offset_turns_moments_into_seconds_since_1970() -> None:
    times = Times()
    clock = times.clock()

    assert SUNDAY == clock.now() + clock.offset


def test_the_date_is_an_imf_fixdate() -> None:
    """RFC 9110 section 5.6.7."""
    assert "Sun, 22 Nov 2026 10:00:00 GMT" == Times().clock().http_date()


def test_the_date_follows_the_second() -> None:
    times = Times()
    clock = times.clock()
    dates = []
    for monotonic in (100.0, 100.99, 101.0, 102.5):
        times.monotonic = monotonic
        dates.append(clock.http_date()[-6:-4])

    assert ["00", "00", "01", "02"] == dates
    assert clock.http_date() is clock.http_date()


def test_a_wall_clock_that_was_set_is_followed_when_asked_to() -> None:
    """Between two looks at the wall clock time moves evenly, even when the wall clock jumps back."""
    times = Times()
    clock = times.clock()
    times.wall -= 3600
    before = clock.http_date()
    clock.synchronise()

    assert ["10:00:00", "09:00:00"] == [date[-12:-4] for date in (before, clock.http_date())]


@given(st.floats(min_value=0, max_value=4e9))
def test_every_date_can_be_read_back(wall: float) -> None:
    clock = Clock(lambda: 0.0, lambda: wall)

    assert int(wall) == int(parsedate_to_datetime(clock.http_date()).timestamp())


def test_the_real_clock_is_the_machines() -> None:
    clock = Clock()

    assert abs(clock.now() + clock.offset - time.time()) < 5
