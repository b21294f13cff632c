from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yaml.nodes import MappingNode, Node, ScalarNode

from edgeproxy.control.config.document import (
    find,
    is_foreign,
    is_null,
    kind,
    pairs_of,
    parse,
    position,
    text_of,
)
from edgeproxy.control.config.problem import ConfigFileError


def root(text: str) -> Node:
    node = parse(text, "f")
    assert node is not None
    return node


def mapping(text: str) -> dict[str, str]:
    node = root(text)
    assert isinstance(node, MappingNode)
    return {key.value: value.value for key, value in pairs_of(node)}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("22:22", "22:22"),
        ("0443", "0443"),
        ("on", "on"),
        ("OFF", "OFF"),
        ("yes", "yes"),
        ("True", "true"),
        ("false", "false"),
        ("1_000", "1_000"),
        ("200,404", "200,404"),
        ("1.10", "1.10"),
        ("2021-06-01", "2021-06-01"),
        ("'true'", "true"),
        ("", ""),
        ("~", ""),
    ],
)
def test_scalars_stay_what_was_written(written: str, text: str) -> None:
    """YAML 1.1 would read numbers, dates and booleans here; only the model knows what a value is."""
    node = find(root(f"a: {written}"), "a")
    assert isinstance(node, ScalarNode)
    assert text == text_of(node)


@pytest.mark.parametrize(
    ("written", "expected"), [("", True), ("~", True), ("null", True), ("''", False), ("0", False)]
)
def test_nothing_is_null(written: str, expected: bool) -> None:
    assert expected == is_null(find(root(f"a: {written}"), "a"))


PLACES = """\
a: 1
list:
  - b: 2
  - b: 3
attributes: {x.y: 4}
pairs:
  - {Key: k.1, Value: 5}
  - {Key: k.2, Value: 6}
"""


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("a", (1, 4)),
        ("list[1].b", (4, 8)),
        ("list[1]", (4, 5)),
        ("attributes[x.y]", (5, 19)),
        ("pairs[k.2]", (8, 23)),
        ("list[7].b", (3, 3)),
        ("nothing.b", (1, 1)),
    ],
)
def test_a_path_leads_to_a_node_or_as_far_as_it_can(path: str, place: tuple[int, int]) -> None:
    assert place == position(find(root(PLACES), path))


def test_merged_keys_come_after_and_give_way_to_own_ones() -> None:
    text = "base: &b {x: 1, y: 2}\n"
    node = find(root(text + "child: {<<: *b, x: 3}\n"), "child")
    assert isinstance(node, MappingNode)
    assert {"x": "3", "y": "2"} == {key.value: value.value for key, value in pairs_of(node)}


def test_several_mappings_merge_first_come_first() -> None:
    text = "a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}\n"
    node = find(root(text), "c")
    assert isinstance(node, MappingNode)
    assert {"x": "1", "y": "2"} == {key.value: value.value for key, value in pairs_of(node)}


def test_a_mapping_that_merges_itself_comes_to_an_end() -> None:
    assert {"x": "1"} == mapping("&a\n<<: [*a, *a, *a]\nx: 1\n")


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a: [1", ":1:6", "while parsing a flow sequence expected ',' or ']', but got '<stream end>'"),
        ("a: 1\n\tb: 2", ":2:1", "found character '\\t' that cannot start any token; indent with spaces"),
        ("a: b: c", ":1:5", "mapping values are not allowed here"),
        ("a: *b", ":1:4", "found undefined alias 'b'"),
        ("a: 1\n---\nb: 2", ":2:1", "expected a single document in the stream but found another document"),
        ("a: {b: ${B}}", ":1:9", "; a ${VARIABLE} inside { } or [ ] needs quotes"),
        ("a: [1\n", ":2:1", "expected ',' or ']', but got '<stream end>'"),
        ("a: \x00", ":1:4", "the character U+0000 is not allowed"),
        ("[" * 5000, "", "is nested too deeply"),
    ],
)
def test_syntax_errors_say_where(text: str, place: str, words: str) -> None:
    with pytest.raises(ConfigFileError) as caught:
        parse(text, "f")
    assert str(caught.value).startswith(f"f{place}: is ")
    assert str(caught.value).endswith(words)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_a_text_without_a_document(text: str) -> None:
    node = parse(text, "f")
    assert node is None or is_null(node)


def test_a_step_of_any_length_is_looked_for() -> None:
    """An attribute's key may consist of more digits than Python makes a number of."""
    name = "1" * 5000
    assert "x" == find(root(f"A: [{{Key: '{name}', Value: x}}]"), f"A[{name}]").value


def test_kinds_are_plain_words() -> None:
    assert ["a mapping", "a list", "'x'", "nothing"] == [kind(root(text)) for text in ("{}", "[]", "x", "~")]


def test_foreign_tags_are_seen() -> None:
    assert is_foreign(root("!Ref a"))
    assert not is_foreign(root("a"))


@given(st.text(alphabet="ab:-[]{},'\"&*!<> \n\t#|%@`~?", max_size=30))
def test_any_text_is_nodes_or_a_config_file_error(text: str) -> None:
    with contextlib.suppress(ConfigFileError):
        parse(text, "f")
