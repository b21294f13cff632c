"""Flow control's arithmetic. RFC 9113 section 5.2."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol.h2_windows import ReceiveWindow, Stream


def test_a_window_takes_what_was_announced_and_not_a_byte_more() -> None:
    window = ReceiveWindow(10)
    assert window.take(10)
    assert not window.take(1)


def test_what_was_taken_is_announced_in_halves() -> None:
    window = ReceiveWindow(100)
    window.take(100)
    assert [0, 0, 60, 0] == [window.give_back(20), window.give_back(20), window.give_back(20), window.give_back(40)]
    assert "<ReceiveWindow 60 left, 40 to announce>" == repr(window)


@given(st.integers(2, 1000), st.lists(st.integers(1, 300), max_size=60))
def test_a_sender_that_keeps_to_its_window_is_never_starved(size: int, wishes: list[int]) -> None:
    """Whatever it sends and the target takes at once, at least half of the window is open."""
    window = ReceiveWindow(size)
    open_for_sender = size
    for wish in wishes:
        sent = min(wish, open_for_sender)
        assert window.take(sent)
        open_for_sender += window.give_back(sent) - sent
        assert open_for_sender == window.left
        assert open_for_sender > size - size // 2 - 1


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=10), st.lists(st.integers(1, 30)))
def test_a_queue_gives_back_what_was_put_in(chunks: list[bytes], sizes: list[int]) -> None:
    stream = Stream(1, 0, True)
    for chunk in chunks:
        stream.put(chunk)
    popped = b""
    for size in sizes:
        if stream.queued:
            piece = stream.pop(size)
            assert 0 < len(piece) <= size
            popped += piece
    while stream.queued:
        popped += stream.pop(7)
    assert b"".join(chunks) == popped


def test_a_stream_tells_its_state() -> None:
    stream = Stream(7, 0, False)
    stream.put(b"abc")
    assert "<Stream 7 remote=ended local=open queued=3 held=0>" == repr(stream)
