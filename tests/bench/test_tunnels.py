import pytest

from tests.bench.tunnel_target import READY, SWITCHING, Echo
from tests.bench.tunnels import possible

UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n"


class Written:
    """Stands in for a transport."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def said(*pieces: bytes) -> bytes:
    """What the target says when bytes arrive in these pieces."""
    written, target = Written(), Echo()
    target.connection_made(written)  # type: ignore[arg-type]
    for piece in pieces:
        target.data_received(piece)
    return written.data


@pytest.mark.parametrize("cut", range(1, len(UPGRADE)))
def test_an_upgrade_opens_a_tunnel_that_echoes(cut: int) -> None:
    assert SWITCHING + b"ping" == said(UPGRADE[:cut], UPGRADE[cut:], b"ping")


def test_bytes_behind_the_head_are_the_tunnels_first() -> None:
    assert SWITCHING + b"ping" == said(UPGRADE + b"ping")


def test_any_other_request_is_answered() -> None:
    assert READY * 2 == said(b"GET /ready HTTP/1.1\r\n\r\n", b"GET /ready HTTP/1.1\r\n\r\n")


@pytest.mark.parametrize(("files", "expected"), [(1_000_000, 10_000), (20_000, 9868), (100, 0)])
def test_a_tunnel_needs_two_files_of_those_that_may_be_open(files: int, expected: int) -> None:
    assert expected == possible(10_000, files)
