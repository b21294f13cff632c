from __future__ import annotations

from edgeproxy.testing import targets
from tests.bench.fixture import measure_fixture


def test_both_figures_are_measured() -> None:
    with targets.answering() as target:
        found = measure_fixture(target.port, repeat=1)

    assert found.start_ms > found.reset_ms > 0
