from __future__ import annotations

from edgeproxy.runtime.metric_names import METRICS
from edgeproxy.runtime.metric_row import Unpublished
from tests.metrics_table import REPORT, main, render


def test_the_committed_table_is_what_the_code_says() -> None:
    assert render() == REPORT.read_text()
    assert 0 == main(["--check"])


def test_every_metric_has_a_row() -> None:
    lines = render().splitlines()

    for row in METRICS:
        names = row.cloudwatch if isinstance(row, Unpublished) else (row.cloudwatch,)
        for name in names:
            assert 1 == sum(line.startswith(f"| {name} |") for line in lines)
