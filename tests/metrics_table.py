"""Writes METRICS.md: CloudWatch's metrics and edgeproxy's, side by side, from the table that `/metrics` is made of.

python tests/metrics_table.py           writes the file
python tests/metrics_table.py --check   exit code 1 if the file is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeproxy.runtime.metric_names import METRICS
from edgeproxy.runtime.metric_row import Published, Unpublished

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

REPORT = Path(__file__).resolve().parent.parent / "METRICS.md"

_PAGE = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html"
_OPENING = f"""# Metrics

What `/metrics` of the admin endpoint shows, beside [CloudWatch's metrics]({_PAGE})
of the namespace `AWS/ApplicationELB`. Made by `make metrics` from the table in `edgeproxy/runtime/metric_names.py`.

- A label is one of CloudWatch's dimensions. Where CloudWatch has a metric for the load balancer and again for each of
  its target groups, there is one with both labels: `sum by (load_balancer) (…)` is the load balancer's.
- There is no label for AvailabilityZone: edgeproxy is one node in one zone, so each number is the zone's as well.
- Counters (`_total`) grow from the start on; CloudWatch's sum of a period is `increase(…[1m])`.
- A line is there as CloudWatch reports it: most only when they are not zero. Health checks are never counted.
- A request is counted when it ends, a WebSocket when it opens; the bytes of both when they end.
- `edgeproxy_target_healthy{{load_balancer, target_group, target}}` is not CloudWatch's: 1 while a target is healthy.

"""
_HEADINGS = ("CloudWatch", "edgeproxy", "Labels", "Counts, or why it is not there", "Shown")


def render() -> str:
    """The whole file."""
    rows = [_HEADINGS, ("---",) * len(_HEADINGS), *_cells()]
    return _OPENING + "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def _cells() -> Iterator[tuple[str, ...]]:
    for row in METRICS:
        if isinstance(row, Unpublished):
            for name in row.cloudwatch:
                yield (name, "-", "-", f"*{row.reason}*", "-")
        else:
            yield _published(row)


def _published(row: Published[Any]) -> tuple[str, ...]:
    return (row.cloudwatch, f"`{row.full_name}`", ", ".join(row.labels), row.counts, row.shown.value)


def main(arguments: Sequence[str]) -> int:
    """See the module; the exit code."""
    text = render()
    if "--check" not in arguments:
        REPORT.write_text(text)
        return 0
    if REPORT.is_file() and REPORT.read_text() == text:
        return 0
    sys.stderr.write("METRICS.md is not what the table in the code says: run `make metrics` and commit it.\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
