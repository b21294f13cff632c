"""What holds for the verdicts on all requests; desync/test_corpus.py has the examples, reason by reason."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.protocol import desync
from edgeproxy.protocol.desync import (
    TRANSFER_CODINGS,
    VERDICTS,
    Tier,
    Verdict,
    classify,
    decimal,
    framing_name,
    list_codings,
    resembles_framing,
)

HTTP11 = "HTTP/1.1"


def reason_of(verdict: Verdict | None) -> str:
    return "" if verdict is None else verdict.reason


def test_a_request_line_without_a_version_is_http09() -> None:
    assert VERDICTS["NonCompliantVersion"] == classify("GET", "/", "", [])
    assert classify("GET", "/", "", []) == classify("GET", "/", "HTTP/0.9", [])


@pytest.mark.parametrize("name", ["", " ", ":", ": x", " \t:Content-Length", ":Transfer-Encoding"])
def test_a_name_that_begins_with_a_colon_is_none_and_frames_nothing(name: str) -> None:
    """A parser may leave the colon there; ours never does."""
    assert VERDICTS["EmptyHeader"] == classify("POST", "/", HTTP11, [(name, "x")])


@pytest.mark.parametrize("text", ["\0", "\r", "\n"])
def test_line_ends_and_nul_are_bad_wherever_they_come_from(text: str) -> None:
    assert "BadHeader" == reason_of(classify("GET", "/", HTTP11, [("A", f"b{text}")]))
    assert "BadHeader" == reason_of(classify("GET", "/", HTTP11, [(f"A{text}", "b")]))
    assert "BadUri" == reason_of(classify("GET", f"/{text}", HTTP11, []))
    assert "BadMethod" == reason_of(classify(f"G{text}", "/", HTTP11, []))
    assert "BadVersion" == reason_of(classify("GET", "/", f"HTTP/1.1{text}", []))


# ---- one character at a time, all of them

TCHARS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
BYTES = [chr(byte) for byte in range(256)]
BREAKS = "\0\r\n"
CONTROLS = [chr(byte) for byte in (*range(32), 127)]


def each(method: str = "GET", target: str = "/", name: str = "A", value: str = "b") -> dict[str, str]:
    """The reason for every byte in the place of the question mark."""
    return {
        byte: reason_of(
            classify(
                method.replace("?", byte),
                target.replace("?", byte),
                HTTP11,
                [(name.replace("?", byte), value.replace("?", byte))],
            )
        )
        for byte in BYTES
    }


def test_every_byte_of_a_method() -> None:
    assert {byte: "" if byte in TCHARS else "BadMethod" for byte in BYTES} == each(method="G?T")


def test_every_byte_of_a_target() -> None:
    expected = dict.fromkeys(BYTES, "") | {" ": "SpaceInUri"} | dict.fromkeys(CONTROLS, "AmbiguousUri")
    assert expected | dict.fromkeys(BREAKS, "BadUri") == each(target="/?x")


def test_every_byte_of_a_name() -> None:
    expected = {byte: "" if byte in TCHARS else "NonCompliantHeader" for byte in BYTES}
    assert expected | dict.fromkeys(BREAKS, "BadHeader") == each(name="A?B")


def test_every_byte_of_a_value() -> None:
    expected = dict.fromkeys(BYTES, "") | dict.fromkeys(CONTROLS, "NonCompliantHeader") | {"\t": ""}
    assert expected | dict.fromkeys(BREAKS, "BadHeader") == each(value="b?c")


# ---- laws

TEXTS = st.text(st.characters(max_codepoint=255), max_size=12) | st.text(max_size=6)
NAMES = TEXTS | st.sampled_from(["Content-Length", "Transfer-Encoding", "content_length", "Transfer-Encoding ", "Host"])
VALUES = TEXTS | st.sampled_from(["", "0", "5", "05", "x", "chunked", "gzip, chunked", "identity", "chunked,chunked"])
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=5)
METHODS = TEXTS | st.sampled_from(["GET", "HEAD", "POST"])
VERSIONS = TEXTS | st.sampled_from(["", "HTTP/0.9", "HTTP/1.0", HTTP11, "HTTP/1.1 ", " HTTP/1.2", "HTTP/2.0"])
REQUESTS = st.tuples(METHODS, TEXTS, VERSIONS, HEADERS)
Request = tuple[str, str, str, list[tuple[str, str]]]
EARLIER = REQUESTS.filter(lambda request: request[2] < "HTTP/2")


def tier_of(verdict: Verdict | None) -> int:
    return 0 if verdict is None else verdict.tier


@given(REQUESTS)
def test_any_text_has_a_verdict_and_always_the_same(request: Request) -> None:
    before = [*request[3]]
    verdict = classify(*request)
    assert verdict is None or verdict is VERDICTS[verdict.reason]
    assert verdict == classify(*request)
    assert before == request[3]


@given(EARLIER, st.integers(0, 5), st.sampled_from([("A", "\0"), ("a b", ""), ("", ""), ("X", "y")]))
def test_another_header_never_lowers_the_class(request: Request, place: int, header: tuple[str, str]) -> None:
    method, target, version, headers = request
    more = [*headers[:place], header, *headers[place:]]
    assert tier_of(classify(*request)) <= tier_of(classify(method, target, version, more))


@given(EARLIER)
def test_a_severe_finding_makes_any_request_severe(request: Request) -> None:
    method, target, version, headers = request
    for worse in (
        (f"{method}(", target, version, headers),
        (method, f"\0{target}", version, headers),
        (method, target, f"HTTP/1.x{version}", headers),
        (method, target, version, [*headers, ("A", "\r")]),
        (method, target, version, [("\0", ""), *headers]),
    ):
        assert tier_of(classify(*worse)) == Tier.SEVERE


@given(EARLIER, st.sampled_from([("A", "b"), ("X-Content-Length", "x"), ("Host", "a.test"), ("Cookie", "a=\xe9")]))
def test_a_plain_header_changes_nothing(request: Request, header: tuple[str, str]) -> None:
    method, target, version, headers = request
    assert classify(*request) == classify(method, target, version, [header, *headers])
    assert classify(*request) == classify(method, target, version, [*headers, header])


@given(METHODS, TEXTS, st.from_regex(r"(HTTP/[2-9]|HTTP/2.*|http/1\.1|Z)", fullmatch=True), HEADERS)
def test_later_versions_are_not_classified(
    method: str, target: str, version: str, headers: list[tuple[str, str]]
) -> None:
    assert classify(method, target, version, headers) is None


PLAIN_NAMES = st.text(TCHARS, min_size=1, max_size=20).filter(lambda name: not framing_name(name)[0])
PLAIN_VALUES = st.text([byte for byte in BYTES if byte >= " " and byte != "\x7f"] + ["\t"], max_size=20)
PLAIN_TARGETS = st.text([byte for byte in BYTES if byte > " " and byte != "\x7f"], max_size=20).map("/".__add__)
FRAMING = st.sampled_from(
    [
        [],
        [("Content-Length", "5")],
        [("content-length", " 007 ")],
        [("Transfer-Encoding", "chunked")],
        [("Transfer-Encoding", "gzip"), ("TRANSFER-ENCODING", "Chunked")],
        [("Transfer-Encoding", "chunked, identity, chunked;q=1")],
    ]
)


@given(
    st.text(TCHARS, min_size=1, max_size=10).filter(lambda method: method not in {"GET", "HEAD"}),
    PLAIN_TARGETS,
    st.lists(st.tuples(PLAIN_NAMES, PLAIN_VALUES), max_size=5),
    FRAMING,
)
def test_what_the_grammar_of_http_makes_is_compliant(
    method: str, target: str, headers: list[tuple[str, str]], framing: list[tuple[str, str]]
) -> None:
    assert classify(method, target, HTTP11, [*headers, *framing]) is None
    assert classify("GET", target, HTTP11, headers) is None
    assert classify("HEAD", target, "HTTP/1.0", headers) is None


# ---- names

REFERENCES = ["transfer-encoding", "content-length"]
REFERENCE = st.sampled_from(REFERENCES)
SURPLUS = st.text([byte for byte in BYTES if not (byte < "\x80" and byte.isalnum())], max_size=4)
WHITE = st.text([chr(byte) for byte in range(33)], min_size=1, max_size=3)
ALPHANUMERIC = st.sampled_from([byte for byte in TCHARS if byte.isalnum()])


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title, str.swapcase])
def test_the_two_names_are_exact_in_any_letters(name: str, spell: Any) -> None:
    assert (name, True) == framing_name(spell(name))
    assert not resembles_framing(spell(name))


@given(REFERENCE, SURPLUS, SURPLUS.filter(lambda text: any(byte > " " for byte in text)), SURPLUS)
def test_surplus_around_and_between_the_words_still_resembles(
    name: str, before: str, between: str, behind: str
) -> None:
    first, second = name.split("-")
    changed = f"{before}{first}{between}{second}{behind}"
    assert (name, changed == name) == framing_name(changed)
    assert resembles_framing(changed) is (changed != name)


@given(REFERENCE, st.integers(0, 20), WHITE)
def test_white_space_and_control_characters_anywhere_still_resemble(name: str, place: int, white: str) -> None:
    assert (name, False) == framing_name(name[:place] + white + name[place:])


@given(REFERENCE, st.integers(0x21, 0xFF))
def test_any_one_byte_for_the_hyphen_resembles(name: str, byte: int) -> None:
    assert (name, chr(byte) == "-") == framing_name(name.replace("-", chr(byte)))


@given(REFERENCE, WHITE)
def test_but_for_white_space_and_control_characters(name: str, white: str) -> None:
    """They are skipped behind each letter, so that the second word's first letter is taken for the hyphen."""
    assert ("", False) == framing_name(name.replace("-", white))


@given(REFERENCE, SURPLUS, SURPLUS, ALPHANUMERIC)
def test_one_letter_or_digit_more_in_front_or_behind_is_another_header(
    name: str, before: str, behind: str, letter: str
) -> None:
    changed = f"{before}{name}{behind}{letter}"
    assert ("", False) == framing_name(changed)
    # In front, the letter may be read as the one that is missing: nothing is, so there is one too many.
    assert ("", False) == framing_name(f"{letter}{before}{name}{behind}")


@given(REFERENCE, st.integers(0, 16))
def test_one_letter_less_is_another_header(name: str, place: int) -> None:
    place %= len(name)
    if name[place] != "-":
        assert ("", False) == framing_name(name[:place] + name[place + 1 :])


@given(REFERENCE, st.data())
def test_letters_outside_ascii_that_upper_case_to_one_of_the_names_resemble(name: str, data: st.DataObject) -> None:
    letters = {"s": "\xc5\xbf", "i": "\xc4\xb1"}
    places = [place for place, letter in enumerate(name) if letter in letters]
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    assert (name, False) == framing_name(name[:place] + letters[name[place]] + name[place + 1 :])


@given(NAMES)
def test_only_the_two_names_are_exact(name: str) -> None:
    kind, is_exact = framing_name(name)
    assert is_exact is (name.isascii() and name.lower() in REFERENCES)
    assert kind in ("", *REFERENCES)
    assert kind or not is_exact


# ---- values


@given(st.integers(0, 2**64 - 1), st.integers(0, 30), st.sampled_from(["", " ", "\t", " \t "]))
def test_lengths_are_read_whatever_zeros_and_white_space_surround_them(number: int, zeros: int, white: str) -> None:
    assert number == decimal(f"{white}{'0' * zeros}{number}{white}")


@pytest.mark.parametrize(
    "value", ["+5", "-5", "0x5", "5,5", "5 5", "5.0", "5e1", "1_000", "\xb2", "5\x0b", "\xa05", "\u0665", "x", "\0"]
)
def test_anything_but_digits_is_no_length(value: str) -> None:
    assert decimal(value) is None


@given(st.integers(2**64, 2**80))
def test_2_to_the_64_and_more_is_no_length(number: int) -> None:
    assert decimal(str(number)) is None


def test_a_very_long_number_is_refused_without_reading_it() -> None:
    """Reading it takes quadratic time, and Python refuses more than 4,300 digits with an error of its own."""
    assert decimal("9" * 16_000) is None
    assert 0 == decimal("0" * 16_000)


@given(st.lists(st.sampled_from(sorted(TRANSFER_CODINGS)), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_codings_are_one_list_however_they_are_spread_over_headers(codings: list[str], random: Any) -> None:
    values = [codings[0]]
    for coding in codings[1:]:
        if random.random() < 0.5:
            values.append(coding.upper())
        else:
            values[-1] += random.choice([",", " ,\t", ", "]) + coding + random.choice(["", " ;q=1", ";a"])
    assert codings == list_codings(values)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], []),
        ([""], [""]),
        (["a,,b"], ["a", "", "b"]),
        ([",a"], ["", "a"]),
        (["Gzip,\tchunked;q=1"], ["gzip", "chunked"]),
        (["a", "", "b"], ["a", "", "b"]),
        (["\x0bchunked"], ["\x0bchunked"]),
    ],
)
def test_empty_items_are_items(values: list[str], expected: list[str]) -> None:
    assert expected == list_codings(values)


def test_nothing_of_the_classifier_is_slow() -> None:
    """A section may be 64 K of anything, and every header is compared with two names."""
    assert desync.framing_name("Content-Length" + " " * 60_000) == ("content-length", False)
    assert desync.framing_name("-" * 60_000) == ("", False)
