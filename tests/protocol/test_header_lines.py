from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol.header_lines import (
    MAX_KNOWN_LINE_SIZE,
    MAX_KNOWN_LINES,
    MAX_KNOWN_NAME_SIZE,
    MAX_KNOWN_NAMES,
    KnownLines,
    UnusualLineError,
    read_lines,
    special_fields,
)

SPECIAL = ("host", "date")


@pytest.fixture
def known() -> KnownLines:
    return KnownLines(SPECIAL)


def test_special_fields_come_with_their_index_and_without_white_space(known: KnownLines) -> None:
    lines, seen = read_lines("A: 1\r\nHOST:\t b.test \r\n", known)
    assert ["A: 1", "HOST:\t b.test "] == lines
    assert [("a", "1", False), ("host", "b.test", True)] == seen
    assert [(1, "host", "b.test")] == special_fields(seen)


def test_a_known_line_gives_what_it_gave_at_first(known: KnownLines) -> None:
    section = "Host: a\r\nX: y\r\nDate: today\r\n"
    assert read_lines(section, known) == read_lines(section, known)
    assert {"Host: a", "X: y", "Date: today"} == set(known)


@pytest.mark.parametrize(
    "section",
    ["A: b", "A: b\n", "A : b\r\n", "no colon\r\n", " folded: b\r\n", "A: \x00\r\n", "A: b\rC: d\r\n", ": b\r\n"],
)
def test_unusual_lines_are_not_judged_here_and_not_remembered(section: str, known: KnownLines) -> None:
    with pytest.raises(UnusualLineError):
        read_lines(section, known)
    assert {} == known


def test_suspicious_names_are_unusual_every_time() -> None:
    known = KnownLines(SPECIAL, is_suspicious=lambda name: name == "Content_Length")
    for _ in range(2):
        with pytest.raises(UnusualLineError):
            read_lines("Content_Length: 5\r\n", known)
    assert {} == known


@pytest.mark.conformance(
    "Header names", "letters, digits and hyphens are valid, nothing else is", "application-load-balancers"
)
@pytest.mark.parametrize(
    ("name", "is_valid"),
    [
        ("X-Forwarded-For", True),
        ("0", True),
        ("-", True),
        ("a-1-B", True),
        ("X_A", False),
        ("_", False),
        ("X.A", False),
        ("!X", False),
        ("X!", False),
        ("a|b~c`d^e", False),
    ],
)
def test_names_that_the_load_balancer_calls_invalid_are_special_where_that_is_asked_for(
    name: str, is_valid: bool
) -> None:
    line = f"{name}: x\r\n"
    marking = KnownLines(SPECIAL, marks_invalid_names=True)
    for _ in range(2):
        assert [(name.lower(), "x", not is_valid)] == read_lines(line, marking)[1]
    assert [(name.lower(), "x", False)] == read_lines(line, KnownLines(SPECIAL))[1]


@given(st.text("aZ0-_.!~: \t\x00\xe9", max_size=8))
def test_a_name_is_a_token_and_nothing_else(name: str) -> None:
    """The expression finds name and invalid part in one go, so it is compared with a plain one."""
    is_token = re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name.partition(":")[0]) is not None
    known = KnownLines((), marks_invalid_names=True)
    try:
        _, ((lower, _, is_special),) = read_lines(f"{name}:\r\n", known)
    except UnusualLineError:
        assert not is_token or re.search(r"\x00", name)
        return
    assert is_token
    plain = name.partition(":")[0]
    assert (plain.lower(), re.fullmatch(r"[-A-Za-z0-9]+", plain) is None) == (lower, is_special)


@given(st.text(st.characters(max_codepoint=0xFF), max_size=8), st.sampled_from(["X", "Host", "a_b"]))
def test_a_line_is_judged_alike_whether_its_name_was_seen_before_or_not(value: str, name: str) -> None:
    """A known name is a shortcut past the expression."""
    fresh, warm = (KnownLines(SPECIAL, marks_invalid_names=True) for _ in range(2))
    read_lines(f"{name}: seen\r\n", warm)
    for line in (f"{name}:{value}", f"{name}{value}", name):
        outcomes: list[object] = []
        for known in (fresh, warm):
            try:
                outcomes.append(known[line])
            except UnusualLineError:
                outcomes.append("unusual")
        assert outcomes[0] == outcomes[1]


def test_names_are_remembered_within_bounds() -> None:
    known = KnownLines(SPECIAL)
    for number in range(2 * MAX_KNOWN_NAMES):
        read_lines(f"X-{number}: y\r\n", known)
    read_lines(f"{'x' * (MAX_KNOWN_NAME_SIZE + 1)}: y\r\n", known)
    assert len(known._names) <= MAX_KNOWN_NAMES
    assert max(map(len, known._names)) <= MAX_KNOWN_NAME_SIZE


def test_what_is_remembered_is_bounded_in_number(known: KnownLines) -> None:
    for number in range(2 * MAX_KNOWN_LINES):
        read_lines(f"X: {number}\r\n", known)
    assert len(known) <= MAX_KNOWN_LINES


def test_long_lines_are_read_and_not_remembered(known: KnownLines) -> None:
    line = f"Date: {'x' * MAX_KNOWN_LINE_SIZE}"
    assert [("date", "x" * MAX_KNOWN_LINE_SIZE, True)] == read_lines(f"{line}\r\n", known)[1]
    assert {} == known
