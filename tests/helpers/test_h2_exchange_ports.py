from __future__ import annotations

import pytest

from tests.helpers.exchange_ports import Stage
from tests.helpers.h2_exchange_ports import H2ScriptedClient


def test_a_request_goes_through_the_codec_to_the_target() -> None:
    stage = Stage(protocol="HTTPS", port=443)
    stream = H2ScriptedClient(stage).asks("POST", "/x", ("content-length", "3"), body=b"abc")

    assert stage.target.received.startswith(b"POST /x HTTP/1.1\r\n")
    assert stage.target.received.endswith(b"\r\n\r\nabc")
    assert stream.exchange is stage.exchanges[0]


def test_a_stream_refuses_bytes_behind_its_end() -> None:
    stage = Stage(protocol="HTTPS", port=443)
    stream = H2ScriptedClient(stage).asks()
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")

    assert (200, b"ok", ["end"]) == (stream.status, stream.body, stream.events)
    with pytest.raises(AssertionError, match="behind the end"):
        stream.send_data(b"more", False)
