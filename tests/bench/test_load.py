import pytest

from tests.bench.load import WrkReport, parse_wrk

OUTPUT = """\
Running 5s test @ http://127.0.0.1:40001
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   508.97us  103.19us   2.53ms   77.55%
  303713 requests in 5.00s, 132.66MB read
Requests/sec:  60734.18
bench requests=30371 microseconds=500071 p50=503 p99=921 failed_connections=1 failed_transfers=2 timeouts=3 bad_status=4
"""


def test_the_report_is_the_line_that_our_script_prints() -> None:
    """Every kind of failure counts: a proxy that answers 502 quickly must not win."""
    expected = WrkReport(requests=30371, microseconds=500071, p50=503, p99=921, failures=10)

    assert expected == parse_wrk(OUTPUT)


def test_output_without_the_line_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^wrk printed no line that begins with `bench `\.$"):
        parse_wrk("unable to connect to 127.0.0.1:1 Connection refused\n")
