"""The targets must be right about framing: a target that answers too often or too seldom spoils every figure."""

import socket

import pytest

from tests.bench.body_target import BODY_BYTES, Conversation, content_length, memory_file
from tests.bench.target import ANSWER, SmallAnswers

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Written:
    """Stands in for a transport."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def answers_to(*pieces: bytes) -> int:
    """How many answers the small target gives when bytes arrive in these pieces."""
    written, target = Written(), SmallAnswers()
    target.connection_made(written)  # type: ignore[arg-type]
    for piece in pieces:
        target.data_received(piece)
    assert written.data == ANSWER * (len(written.data) // len(ANSWER))
    return len(written.data) // len(ANSWER)


@pytest.mark.parametrize("cut", range(1, len(HEAD)))
def test_a_head_in_two_pieces_is_one_request(cut: int) -> None:
    assert answers_to(HEAD[:cut], HEAD[cut:]) == 1


@pytest.mark.parametrize("cut", range(len(HEAD)))
def test_pipelined_heads_are_answered_each_once(cut: int) -> None:
    assert answers_to(HEAD + HEAD[:cut], HEAD[cut:]) == 2


def test_the_answer_declares_its_length() -> None:
    head, _, body = ANSWER.partition(b"\r\n\r\n")

    assert b"\r\nContent-Length: %d\r\n" % len(body) in head


def test_a_length_is_found_in_any_case() -> None:
    assert content_length(b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 17") == 17


def test_no_length_means_no_body() -> None:
    assert content_length(b"GET / HTTP/1.1\r\nHost: a") == 0


def test_an_upload_is_answered_when_it_is_complete() -> None:
    """And the connection serves another request afterwards."""
    client, served = socket.socketpair()
    with client, memory_file(100) as body:
        conversation = Conversation(served, body)
        conversation.start()
        for _ in range(2):
            client.sendall(b"POST /upload HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
            assert client.recv(1000).endswith(b"\r\n\r\nok")
        client.shutdown(socket.SHUT_WR)
        conversation.join(5)
    assert not conversation.is_alive()


def test_a_big_download_is_as_long_as_promised() -> None:
    client, served = socket.socketpair()
    with client, memory_file(3_000_000) as body:
        Conversation(served, body).start()
        client.sendall(b"GET /100mb HTTP/1.1\r\n\r\n")
        client.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: client.recv(1 << 20), b""))
    assert len(received.partition(b"\r\n\r\n")[2]) == 3_000_000
    assert b"Content-Length: 3000000\r\n" in received


def test_the_usual_body_is_a_hundred_megabytes() -> None:
    assert BODY_BYTES == 100 * 1000 * 1000
