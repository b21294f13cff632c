import pytest

from tests.bench.h2load import CONNECTIONS, PATHS, ROUND, Round, parse_h2load

OUTPUT = """\
TLS Protocol: TLSv1.3
Cipher: TLS_AES_256_GCM_SHA384
Application protocol: h2
finished in 1.19s, 16800.55 req/s, 2.29MB/s
requests: 20000 total, 20000 started, 20000 done, 19990 succeeded, 10 failed, 10 errored, 0 timeout
status codes: 19980 2xx, 0 3xx, 0 4xx, 10 5xx
"""


def test_what_was_not_answered_with_2xx_has_failed() -> None:
    """A proxy that answers 502 quickly must not win."""
    assert Round(requests=20_000, failures=20) == parse_h2load(OUTPUT)


def test_http11_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^h2load printed no totals of HTTP/2 requests\.$"):
        parse_h2load(OUTPUT.replace("protocol: h2", "protocol: http/1.1"))


def test_a_round_stays_below_ten_thousand_requests_a_connection() -> None:
    """Behind which the real load balancer, and edgeproxy, say GOAWAY."""
    assert ROUND // CONNECTIONS < 10_000
    assert ROUND // CONNECTIONS <= PATHS
