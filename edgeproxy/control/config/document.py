"""YAML text as nodes that know where they stand.

PyYAML's composer is used without its constructor: scalars stay the text that was written. That makes YAML 1.1's
surprises harmless (`on`, `22:22`, `0443`, `1_000`), because only the model says whether a value is a number, a boolean
or text. A path such as `Listeners[0].Port` finds its node again with `find`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from edgeproxy.control.config.problem import ConfigFileError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD_TAG = "tag:yaml.org,2002:"
_MERGE = STANDARD_TAG + "merge"
_NULL = STANDARD_TAG + "null"
_BOOLEAN = STANDARD_TAG + "bool"

_STEP = re.compile(r"(?P<key>[^.\[\]]+)|\[(?P<index>[0-9]{1,9})\]|\[(?P<attribute>[^\]]+)\]")


def parse(text: str, file: str) -> Node | None:
    """The document's root; None for a text without one.

    Raises:
        ConfigFileError: The text is not YAML.
    """
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        raise ConfigFileError([_syntax_problem(error, text, file)]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        col = error.position - text.rfind("\n", 0, error.position)
        reason = f"is not valid YAML: the character U+{ord(text[error.position]):04X} is not allowed"
        raise ConfigFileError([Problem(file=file, line=line, col=col, reason=reason)]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = "is nested too deeply" if isinstance(error, RecursionError) else f"is not valid YAML: {error}"
        raise ConfigFileError([Problem(file=file, reason=reason)]) from None


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    words = " ".join(part for part in (error.context, error.problem) if part)
    if "\\t" in words:
        words += "; indent with spaces"
    if mark is None:
        return Problem(file=file, reason=f"is not valid YAML: {words}")
    if "flow" in words and any("${" in line for line in text.split("\n")[mark.line : mark.line + 1]):
        words += "; a ${VARIABLE} inside { } or [ ] needs quotes"
    return Problem(file=file, line=mark.line + 1, col=mark.column + 1, reason=f"is not valid YAML: {words}")


def position(node: Node) -> tuple[int, int]:
    """Line and column of a node, counted from 1."""
    return node.start_mark.line + 1, node.start_mark.column + 1


def kind(node: Node) -> str:
    """What a node is, in the words of an error."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    return "nothing" if is_null(node) else f"'{node.value}'"


def is_null(node: Node) -> bool:
    """Nothing, `~` or `null` was written."""
    return isinstance(node, ScalarNode) and node.tag == _NULL


def is_foreign(node: Node) -> bool:
    """The node has a tag that is not YAML's own, such as CloudFormation's `!Ref`."""
    return not node.tag.startswith(STANDARD_TAG)


def text_of(node: ScalarNode) -> str:
    """A scalar as text: as written, but `True` as AWS's `true`, and nothing as the empty text."""
    if node.tag == _NULL:
        return ""
    if node.tag == _BOOLEAN and node.value.lower() in ("true", "false"):
        return str(node.value).lower()
    return str(node.value)


def pairs_of(node: MappingNode, within: frozenset[int] = frozenset()) -> Iterator[tuple[Node, Node]]:
    """The mapping's keys and values; merged ones (`<<: *common`) last and only where the mapping has no such key.

    Args:
        node: The mapping.
        within: The mappings that merge this one, by identity; YAML lets a mapping merge itself.
    """
    own = {key.value for key, _ in node.value if isinstance(key, ScalarNode) and key.tag != _MERGE}
    merged: list[Node] = []
    for key, value in node.value:
        if key.tag == _MERGE:
            merged += value.value if isinstance(value, SequenceNode) else [value]
        else:
            yield key, value
    for other in merged:
        if not isinstance(other, MappingNode) or id(other) in {id(node), *within}:
            continue
        for key, value in pairs_of(other, within | {id(node)}):
            if key.value not in own:
                own.add(key.value)
                yield key, value


def find(node: Node, path: str) -> Node:
    """The node that a path leads to, or the last one on the way that exists."""
    for step in _STEP.finditer(path):
        following = _step(node, step)
        if following is None:
            return node
        node = following
    return node


def _step(node: Node, step: re.Match[str]) -> Node | None:
    if step["index"] is not None:
        index = int(step["index"])
        return node.value[index] if isinstance(node, SequenceNode) and index < len(node.value) else None
    if step["attribute"] is not None and isinstance(node, SequenceNode):
        return _attribute_value(node, step["attribute"])
    return _value(node, step["key"] or step["attribute"])


def _value(node: Node, name: str) -> Node | None:
    if isinstance(node, MappingNode):
        for key, value in pairs_of(node):
            if isinstance(key, ScalarNode) and key.value == name:
                return value
    return None


def _attribute_value(node: SequenceNode, name: str) -> Node | None:
    """The value in a list of `{Key, Value}`; of several the last, which is the one too many."""
    found = None
    for item in node.value:
        key = _value(item, "Key")
        if key is not None and key.value == name:
            found = _value(item, "Value") or key
    return found
