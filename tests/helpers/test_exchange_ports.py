"""The scripted ports refuse what real connections could not survive."""

from __future__ import annotations

import pytest

from tests.helpers.exchange_ports import EPOCH, TRACE, Stage, message

GET = ("GET / HTTP/1.1", "Host: a")
OK = ("HTTP/1.1 200 OK", "Content-Length: 2")


def test_a_message_is_its_lines_an_empty_one_and_its_body() -> None:
    assert b"A\r\nB: 1\r\n\r\nxyz" == message(["A", "B: 1"], "xyz")


def test_the_trace_id_holds_the_stages_time() -> None:
    assert int(EPOCH) == int(TRACE[2:10], 16)


def test_a_client_that_is_not_read_keeps_its_bytes() -> None:
    stage = Stage()
    client = stage.client()
    client.pause_reading()
    client.sends(*GET)
    assert [] == stage.exchanges
    client.resume_reading()
    client.sends_bytes("")

    assert 1 == len(stage.exchanges)


def test_a_target_that_is_not_read_keeps_its_bytes() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    stage.target.pause_reading()
    stage.target.answers(*OK, body="ok")
    assert b"" == client.received
    stage.target.resume_reading()
    stage.target.answers_bytes("")

    assert client.took().endswith(b"ok")
    assert b"" == client.received


def test_bytes_behind_the_end_of_a_response_are_refused() -> None:
    client = Stage().client()

    with pytest.raises(AssertionError, match=r"^bytes behind the end of a response"):
        client.write(b"x")


def test_bytes_for_a_client_that_is_gone_are_refused() -> None:
    client = Stage().client()
    client.leaves()

    with pytest.raises(AssertionError, match=r"^bytes for a client that is gone"):
        client.write(b"x")


def test_a_second_ending_is_refused() -> None:
    stage = Stage()
    client = stage.client().sends(*GET)
    client.end_response(False)

    with pytest.raises(AssertionError, match=r"^a response that ended twice"):
        client.end_response(True)
    with pytest.raises(AssertionError, match=r"^a client that was closed twice"):
        client.abort()


@pytest.mark.parametrize("act", ["release", "abort"])
def test_a_target_connection_is_given_back_once(act: str) -> None:
    stage = Stage()
    stage.client().sends(*GET)
    stage.target.release()

    with pytest.raises(AssertionError, match=r"^a connection that was given back twice"):
        getattr(stage.target, act)()
    with pytest.raises(AssertionError, match=r"^bytes for a connection that was given back"):
        stage.target.write(b"x")


def test_a_record_is_closed_once() -> None:
    stage = Stage()
    stage.client().sends(*GET)
    stage.target.answers(*OK, body="ok")

    with pytest.raises(AssertionError, match=r"^the ledger was told twice"):
        stage.ledger.close(stage.record)


def test_connections_that_were_given_back_are_handed_out_again() -> None:
    stage = Stage()
    for _ in range(2):
        stage.client().sends(*GET)
        stage.target.answers(*OK, body="ok")

    assert stage.targets[0] is stage.targets[1]
