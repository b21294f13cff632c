"""What h11 says of what leaves the load balancer."""

from __future__ import annotations

import h11
import pytest

from tests.fuzz.laws import _requests_by_h11, _response_by_h11, _UnreadError


def test_requests_are_counted_and_what_is_behind_them_is_shown() -> None:
    request = b"POST /\xff HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\na"
    assert (1, b"") == _requests_by_h11(request)
    assert (1, b"GET") == _requests_by_h11(request + b"GET")
    assert (0, b"") == _requests_by_h11(request[:-1])


def test_a_response_is_read_to_its_end() -> None:
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab"
    assert (200, b"a", b"b") == _response_by_h11(data, "GET")
    assert (200, b"", b"") == _response_by_h11(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n", "HEAD")


def test_a_response_that_breaks_off_is_not_read() -> None:
    with pytest.raises((_UnreadError, h11.RemoteProtocolError)):
        _response_by_h11(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", "GET")
