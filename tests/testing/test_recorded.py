from __future__ import annotations

from typing import Any

from edgeproxy.runtime.clock import Clock
from edgeproxy.testing.recorded import CAPACITY, Recorder


def test_what_is_kept_is_bounded_and_what_is_not_is_counted() -> None:
    recorder = Recorder(Clock())
    kept: Any = None
    for _ in range(CAPACITY + 3):
        recorder.keep(kept, kept, 0.0)
    assert 3 == recorder.missed

    recorder.clear()
    assert (0, []) == (recorder.missed, recorder.requests())
