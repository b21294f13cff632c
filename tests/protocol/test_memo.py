"""The memory of header sections: what it keeps, and how little."""

from __future__ import annotations

import pytest

from edgeproxy.errors import ProtocolError
from edgeproxy.protocol.head_parser import parse_request_fields
from edgeproxy.protocol.limits import MAX_HEADER_LINE
from edgeproxy.protocol.memo import MAX_ENTRIES, MAX_ENTRY_SIZE, Memo


class Counted:
    """Counts what was computed."""

    def __init__(self) -> None:
        self.calls: list[bytes] = []

    def __call__(self, data: bytes) -> list[bytes]:
        self.calls.append(data)
        return [data]


def test_a_section_is_kept_from_the_second_time_on() -> None:
    computed = Counted()
    memo = Memo(computed)
    memo.compute(b"a")
    assert (None, 0) == (memo.find(b"a"), len(memo))
    second = memo.compute(b"a")
    assert second is memo.find(b"a")
    assert [b"a", b"a"] == computed.calls


def test_sections_that_never_repeat_leave_nothing_behind() -> None:
    memo = Memo(Counted())
    for number in range(3 * MAX_ENTRIES):
        memo.compute(b"%d" % number)
        assert len(memo._seen) <= MAX_ENTRIES
    assert 0 == len(memo)


def test_the_number_of_entries_is_bounded() -> None:
    memo = Memo(Counted())
    for number in range(3 * MAX_ENTRIES):
        memo.compute(b"%d" % number)
        memo.compute(b"%d" % number)
        assert 0 < len(memo) <= MAX_ENTRIES
    assert [b"%d" % (3 * MAX_ENTRIES - 1)] == memo.find(b"%d" % (3 * MAX_ENTRIES - 1))


@pytest.mark.parametrize(("size", "is_kept"), [(MAX_ENTRY_SIZE, True), (MAX_ENTRY_SIZE + 1, False)])
def test_large_sections_are_not_kept(size: int, is_kept: bool) -> None:
    memo = Memo(Counted())
    data = b"a" * size
    for _ in range(3):
        memo.compute(data)
    assert is_kept is (memo.find(data) is not None)


def test_only_the_exact_bytes_are_found() -> None:
    memo = Memo(parse_request_fields)
    for _ in range(2):
        memo.compute(b"Host: a\r\n")
    assert memo.find(b"Host: a\r\n") is not None
    assert memo.find(b"host: a\r\n") is None
    assert memo.find(b"Host: a \r\n") is None


def test_a_refusal_is_not_remembered_as_an_answer() -> None:
    memo = Memo(parse_request_fields)
    for _ in range(3):
        with pytest.raises(ProtocolError):
            memo.compute(b"A: " + b"b" * MAX_HEADER_LINE + b"\r\n")
    assert 0 == len(memo)


def test_a_fault_is_remembered_with_its_section() -> None:
    memo = Memo(parse_request_fields)
    for _ in range(2):
        memo.compute(b"Content-Length: x\r\n")
    found = memo.find(b"Content-Length: x\r\n")
    assert found is not None
    assert found.fault is not None
