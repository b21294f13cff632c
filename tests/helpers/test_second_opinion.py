"""The other implementations are really asked, and agree on plain messages: else comparing with them says nothing."""

from __future__ import annotations

import pytest

from tests.helpers.second_opinion import (
    Message,
    request_by_h11,
    request_by_httptools,
    response_by_h11,
    response_by_httptools,
)


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 2\r\n\r\nab", b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize(("connection", "keeps_alive"), [(b"keep-alive", True), (b"close", False)])
def test_both_read_a_plain_message_alike(framing: bytes, connection: bytes, keeps_alive: bool) -> None:
    name, value = framing.split(b"\r\n")[0].decode().split(": ")
    rest = b"Host: x\r\nConnection: " + connection + b"\r\n" + framing
    fields = [("Host", "x"), ("Connection", connection.decode()), (name, value)]

    data = b"POST /a?b HTTP/1.1\r\n" + rest
    expected = Message(("POST", "/a?b"), fields, b"ab", keeps_alive, data)
    assert expected == request_by_h11(data) == request_by_httptools(data)

    data = b"HTTP/1.1 200 Very OK\r\n" + rest
    expected = Message((200, "Very OK"), fields, b"ab", keeps_alive, data)
    assert expected == response_by_h11(data) == response_by_httptools(data)
