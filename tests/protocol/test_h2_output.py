"""What is sent keeps to the windows and to the transport, and what waits takes turns. RFC 9113 sections 5.2 and 6.9."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol.h2_hpack import HeaderEncoder
from edgeproxy.protocol.h2_output import LARGEST_DATA_FRAME
from edgeproxy.protocol.h2_windows import HIGH_WATER, LOW_WATER
from tests.helpers.h2_wire import (
    CONTINUATION,
    DATA,
    END_STREAM,
    GET,
    HEADERS,
    Frame,
    Server,
    greeted_server,
    headers,
    reset,
    window_update,
)
from tests.helpers.h2_wire import settings as settings_frame

ENCODER = HeaderEncoder()
OK = ENCODER.encode_response(200, [])
INITIAL_WINDOW, MAX_FRAME, HEADER_TABLE = 4, 5, 1


def asked(*stream_ids: int, settings: tuple[tuple[int, int], ...] = ()) -> Server:
    """A server that was asked on some streams and has sent heads."""
    server = greeted_server(*settings)
    for stream_id in stream_ids:
        server.feed(headers(stream_id, GET))
        server.codec.send_head(stream_id, OK, end_stream=False)
    server.written()
    server.told()
    return server


def sizes(written: list[Frame]) -> list[tuple[int, int, bool]]:
    """Stream, size and END_STREAM of each DATA frame; there is nothing else."""
    assert {DATA} >= {each.kind for each in written}
    return [(each.stream_id, len(each.payload), bool(each.flags & END_STREAM)) for each in written]


def test_a_head_and_its_body_leave_in_one_write() -> None:
    server = greeted_server()
    server.feed(headers(1, GET))
    assert server.codec.send_head(1, OK, b"abc", end_stream=True)
    assert [(HEADERS, 4), (DATA, 1)] == [(each.kind, each.flags) for each in server.written()]


def test_a_whole_response_takes_from_the_connections_window() -> None:
    """Whichever way it leaves: what is counted wrongly shows when the window is used up."""
    server = greeted_server()
    server.feed(headers(1, GET), headers(3, GET), headers(5, GET))
    server.codec.send_head(1, OK, b"x" * 16_000, end_stream=True)
    server.codec.send_head(3, OK, b"x" * 16_000, end_stream=True)
    server.written()
    server.codec.send_head(5, OK, b"", end_stream=False)
    server.codec.send_data(5, b"x" * 40_000, end_stream=True)
    assert 65_535 - 32_000 == sum(
        size for _, size, _ in sizes([each for each in server.written() if each.kind == DATA])
    )
    assert {5: 40_000 - (65_535 - 32_000)} == server.codec.waiting


def test_a_head_without_a_body_ends_the_stream_itself() -> None:
    server = greeted_server()
    server.feed(headers(1, GET))
    server.codec.send_head(1, OK, end_stream=True)
    assert [(HEADERS, 5)] == [(each.kind, each.flags) for each in server.written()]


def test_a_long_head_is_continued_at_the_client_s_frame_size() -> None:
    server = greeted_server()
    server.feed(headers(1, GET))
    server.codec.send_head(1, ENCODER.encode_response(200, ["x: " + "a" * 20_000]), end_stream=True)
    assert [(HEADERS, 16_384), (CONTINUATION, 20_008 - 16_384)] == [
        (each.kind, len(each.payload)) for each in server.written()
    ]


def test_data_keeps_to_the_stream_s_window() -> None:
    server = asked(1, settings=((INITIAL_WINDOW, 10),))
    server.codec.send_data(1, bytes(25), end_stream=True)
    assert [(1, 10, False)] == sizes(server.written())
    assert [(1, 3, False)] == sizes(server.feed(window_update(1, 3)))
    assert [(1, 12, True)] == sizes(server.feed(window_update(1, 100)))


def test_data_keeps_to_the_connection_s_window() -> None:
    server = asked(1, settings=((INITIAL_WINDOW, 1 << 20),))
    server.codec.send_data(1, bytes(70_000), end_stream=True)
    assert 65_535 == sum(size for _, size, _ in sizes(server.written()))
    assert [(1, 1, False)] == sizes(server.feed(window_update(0, 1)))
    assert [(1, 70_000 - 65_536, True)] == sizes(server.feed(window_update(0, 1 << 20)))


@pytest.mark.parametrize(
    ("announced", "frame_size"), [(16_384, 16_384), (20_000, 20_000), (2**24 - 1, LARGEST_DATA_FRAME)]
)
def test_data_keeps_to_the_client_s_frame_size(announced: int, frame_size: int) -> None:
    server = asked(1, settings=((MAX_FRAME, announced), (INITIAL_WINDOW, 1 << 20)))
    server.feed(window_update(0, 1 << 20))
    server.codec.send_data(1, bytes(100_000), end_stream=True)
    written = [size for _, size, _ in sizes(server.written())]
    assert frame_size == max(written)
    assert 100_000 == sum(written)


def test_a_smaller_initial_window_may_put_a_stream_below_zero() -> None:
    """RFC 9113 section 6.9.2."""
    server = asked(1, settings=((INITIAL_WINDOW, 10),))
    server.codec.send_data(1, bytes(30), end_stream=True)
    server.feed(settings_frame((INITIAL_WINDOW, 3)))
    assert [] == sizes(server.feed(window_update(1, 7)))
    assert [(1, 1, False)] == sizes(server.feed(window_update(1, 1)))


def test_a_larger_initial_window_opens_streams() -> None:
    server = asked(1, settings=((INITIAL_WINDOW, 0),))
    server.codec.send_data(1, bytes(5), end_stream=True)
    assert [] == server.written()
    assert [(1, 5, True)] == sizes(server.feed(settings_frame((INITIAL_WINDOW, 5)))[1:])


def test_an_empty_end_needs_no_window() -> None:
    server = asked(1, settings=((INITIAL_WINDOW, 0),))
    server.codec.send_data(1, b"", end_stream=True)
    assert [(1, 0, True)] == sizes(server.written())


def test_an_empty_piece_in_the_middle_is_not_sent() -> None:
    server = asked(1)
    server.codec.send_data(1, b"", end_stream=False)
    assert [] == server.written()


def test_an_end_waits_for_what_is_in_front_of_it() -> None:
    server = asked(1, settings=((INITIAL_WINDOW, 2),))
    server.codec.send_data(1, b"abc", end_stream=False)
    server.codec.send_data(1, b"", end_stream=True)
    assert [(1, 2, False)] == sizes(server.written())
    assert [(1, 1, True)] == sizes(server.feed(window_update(1, 1)))


def test_trailers_wait_for_what_is_in_front_of_them() -> None:
    server = asked(1, settings=((INITIAL_WINDOW, 2),))
    server.codec.send_data(1, b"abc", end_stream=False)
    server.codec.send_trailers(1, ENCODER.encode_lines(["grpc-status: 0"]))
    assert [(1, 2, False)] == sizes(server.written())
    last = server.feed(window_update(1, 1))
    assert [(DATA, 0), (HEADERS, 5)] == [(each.kind, each.flags) for each in last]
    assert [("grpc-status", "0")] == server.fields(last[1].payload)
    assert not server.codec.is_open(1)


def test_trailers_behind_nothing_leave_at_once() -> None:
    server = asked(1)
    server.codec.send_trailers(1, ENCODER.encode_lines(["grpc-status: 0"]))
    assert [(HEADERS, 5)] == [(each.kind, each.flags) for each in server.written()]


def test_what_is_unsent_is_counted() -> None:
    server = asked(1, 3, settings=((INITIAL_WINDOW, 10),))
    for stream_id in (1, 3):
        server.codec.send_data(stream_id, bytes(25), end_stream=True)
    assert 30 == server.codec.unsent
    server.feed(window_update(1, 5))
    assert 25 == server.codec.unsent


def test_streams_take_turns() -> None:
    """Frame by frame, and the next turn begins where the connection's window ended the last one."""
    server = asked(1, 3, 5, settings=((INITIAL_WINDOW, 1 << 20),))
    server.codec.send_data(1, bytes(65_535), end_stream=False)
    for stream_id in (1, 3, 5):
        server.codec.send_data(stream_id, bytes(40_000), end_stream=True)
    server.written()
    order = [stream_id for stream_id, _, _ in sizes(server.feed(window_update(0, 4 * 16_384)))]
    order += [stream_id for stream_id, _, _ in sizes(server.feed(window_update(0, 5 * 16_384)))]
    assert [1, 3, 5, 1, 3, 5, 1, 3, 5] == order


def test_a_stream_without_a_window_does_not_hold_up_the_others() -> None:
    server = asked(1, 3, settings=((INITIAL_WINDOW, 5),))
    server.codec.send_data(1, bytes(10), end_stream=True)
    server.codec.send_data(3, bytes(5), end_stream=True)
    assert [(1, 5, False), (3, 5, True)] == sizes(server.written())


def test_data_waits_for_the_transport_and_other_frames_do_not() -> None:
    server = asked(1)
    server.codec.pause_writing()
    server.codec.send_data(1, b"abc", end_stream=True)
    assert [] == server.written()
    server.feed(headers(3, GET))
    server.codec.send_head(3, OK, end_stream=True)
    assert [HEADERS] == [each.kind for each in server.written()]
    assert [] == server.feed(window_update(0, 5))
    server.codec.resume_writing()
    assert [(1, 3, True)] == sizes(server.written())


def test_an_empty_end_waits_for_the_transport_too() -> None:
    server = asked(1)
    server.codec.pause_writing()
    server.codec.send_data(1, b"", end_stream=True)
    assert [] == server.written()
    server.codec.resume_writing()
    assert [(1, 0, True)] == sizes(server.written())


def test_whoever_sends_is_told_to_wait_and_when_to_go_on() -> None:
    server = asked(1, settings=((INITIAL_WINDOW, 0),))
    codec = server.codec
    assert codec.send_data(1, bytes(HIGH_WATER), end_stream=False)
    assert not codec.send_data(1, b"x", end_stream=False)
    server.feed(window_update(1, HIGH_WATER - LOW_WATER))
    assert [] == server.told()
    server.feed(window_update(1, 1))
    assert [("drained", 1)] == server.told()
    server.feed(window_update(1, 1))
    assert [] == server.told()
    assert codec.send_data(1, b"x", end_stream=False)


def test_whoever_was_told_to_wait_waits_until_told_whatever_else_is_sent_meanwhile() -> None:
    """Between the marks nothing is said; what was on its way may still be sent there."""
    server = asked(1, settings=((INITIAL_WINDOW, 0),))
    codec = server.codec
    assert not codec.send_data(1, bytes(HIGH_WATER + 1), end_stream=False)
    server.feed(window_update(1, LOW_WATER // 2))
    assert not codec.send_data(1, b"x", end_stream=False)
    server.feed(window_update(1, LOW_WATER // 2 + 2))
    assert [("drained", 1)] == server.told()


def test_nobody_is_told_to_go_on_behind_the_end() -> None:
    server = asked(1, settings=((INITIAL_WINDOW, 0),))
    assert not server.codec.send_data(1, bytes(HIGH_WATER + 1), end_stream=True)
    server.feed(window_update(0, 1 << 20), window_update(1, 1 << 20))
    assert [] == server.told()


def test_a_sink_may_send_more_while_it_is_told_to_go_on() -> None:
    class Pouring(Server):
        left = 40

        def on_stream_drained(self, stream_id: int) -> None:
            while self.left:
                self.left -= 1
                if not self.codec.send_data(stream_id, bytes(10_000), end_stream=not self.left):
                    return

    server = Pouring()
    server.codec.start()
    server.feed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", settings_frame((INITIAL_WINDOW, 50_000)), headers(1, GET))
    server.codec.send_head(1, OK, end_stream=False)
    server.written()
    server.on_stream_drained(1)
    received = 0
    for _ in range(100):
        written = server.written()
        received += sum(size for _, size, _ in sizes(written))
        if written and written[-1].flags & END_STREAM:
            break
        server.codec.feed(window_update(1, 20_000) + window_update(0, 20_000))
        assert not server.codec._streams or server.codec._streams[1].queued <= HIGH_WATER + 10_000
    assert 400_000 == received


def test_nothing_is_sent_on_closed_streams() -> None:
    server = asked(1)
    server.feed(reset(1))
    codec = server.codec
    assert codec.send_head(1, OK, end_stream=False)
    assert codec.send_data(1, b"abc", end_stream=False)
    codec.send_trailers(1, OK)
    codec.reset_stream(1)
    codec.acknowledge(1, 5)
    assert [] == server.written()


def test_nothing_is_sent_behind_the_end() -> None:
    server = asked(1, settings=((INITIAL_WINDOW, 0),))
    server.codec.send_data(1, b"abc", end_stream=True)
    server.codec.send_data(1, b"def", end_stream=True)
    server.codec.send_trailers(1, OK)
    assert [(1, 3, True)] == sizes(server.feed(window_update(1, 100)))


def test_what_waits_for_a_stream_that_is_reset_is_forgotten() -> None:
    server = asked(1, 3, settings=((INITIAL_WINDOW, 0),))
    server.codec.send_data(1, bytes(5), end_stream=True)
    server.codec.send_data(3, bytes(5), end_stream=True)
    server.feed(reset(1))
    assert [(3, 5, True)] == sizes(server.feed(settings_frame((INITIAL_WINDOW, 10)))[1:])


def test_a_client_that_lowers_its_table_is_told_that_there_is_none() -> None:
    """RFC 7541 section 4.2: in front of the next header block, once."""
    server = greeted_server()
    server.feed(settings_frame((HEADER_TABLE, 100)), headers(1, GET), headers(3, GET))
    server.codec.send_head(1, OK, end_stream=True)
    server.codec.send_head(3, OK, end_stream=True)
    assert [b"\x20\x88", b"\x88"] == [each.payload for each in server.written()]


def test_a_larger_table_needs_no_answer() -> None:
    server = greeted_server((HEADER_TABLE, 65_536))
    server.feed(headers(1, GET))
    server.codec.send_head(1, OK, end_stream=True)
    assert [b"\x88"] == [each.payload for each in server.written()]


actions = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from([1, 3, 5]), st.integers(0, 30_000)),
        st.tuples(st.just("window"), st.sampled_from([0, 1, 3, 5]), st.integers(1, 40_000)),
        st.tuples(st.just("block"), st.just(0), st.just(0)),
        st.tuples(st.just("unblock"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


@given(actions, st.integers(0, 70_000))
def test_no_order_of_events_oversteps_a_window_or_loses_a_byte(
    events: list[tuple[str, int, int]], initial: int
) -> None:
    server = asked(1, 3, 5, settings=((INITIAL_WINDOW, initial),))
    windows = {0: 65_535, 1: initial, 3: initial, 5: initial}
    sent = dict.fromkeys((1, 3, 5), b"")
    received = dict.fromkeys((1, 3, 5), b"")
    counter = 0

    def receive() -> None:
        for each in server.written():
            windows[0] -= len(each.payload)
            windows[each.stream_id] -= len(each.payload)
            assert windows[0] >= 0
            assert windows[each.stream_id] >= 0
            received[each.stream_id] += each.payload

    for action, stream_id, size in events:
        if action == "send":
            counter += 1
            sent[stream_id] += bytes([counter % 256]) * size
            server.codec.send_data(stream_id, bytes([counter % 256]) * size, end_stream=False)
        elif action == "window":
            windows[stream_id] += size
            server.codec.feed(window_update(stream_id, size))
        elif action == "block":
            server.codec.pause_writing()
        else:
            server.codec.resume_writing()
        receive()
    server.codec.resume_writing()
    for stream_id in windows:
        windows[stream_id] += 2_000_000
        server.codec.feed(window_update(stream_id, 2_000_000))
    receive()
    assert sent == received
