"""Nodes into the model, guided by the model's own annotations.

One walk for all classes: a mapping becomes a `Model`, a list a tuple, a scalar what the annotation says. The walk goes
on after an error, so a file's problems come out together; an object with a broken part is not made, and what is not
made is not checked any further, which keeps follow-up errors away. The laws themselves are the model's: this file only
says where in the file a law was broken, and what the model cannot see, namely what was written (`_WRITTEN_LAWS`).
"""

from __future__ import annotations

import functools
import re
import types
import typing
from typing import TYPE_CHECKING, Any, Literal, Union

import msgspec
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from edgeproxy.control.config.document import find, is_foreign, is_null, kind, pairs_of, position, text_of
from edgeproxy.control.config.ignored_keys import IGNORED_KEYS, is_ignored, is_without_meaning
from edgeproxy.control.config.interpolate import InterpolationError, interpolate
from edgeproxy.control.config.problem import ConfigWarning, Problem
from edgeproxy.errors import ConfigError
from edgeproxy.model import unsupported
from edgeproxy.model.action import ForwardConfig
from edgeproxy.model.attributes import Attribute, Attributes
from edgeproxy.model.base import Model, choice_error, each_error
from edgeproxy.model.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_INTEGER = re.compile(r"[+-]?[0-9]{1,15}\Z")
_NUMBER = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][+-]?[0-9]{1,2})?\Z")
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}


class Broken:
    """In place of a value that could not be made; its problem is reported already."""


BROKEN = Broken()


class Decoder:
    """One walk over one file.

    Attributes:
        problems: What is wrong, in the order in which it was met.
        warnings: What has no meaning.
    """

    def __init__(self, file: str, environ: Mapping[str, str] | None) -> None:
        self.problems: list[Problem] = []
        self.warnings: list[ConfigWarning] = []
        self._file = file
        self._environ = environ

    def decode(self, node: Node, hint: Any, path: str = "") -> Any:
        """The value that a node means under an annotation, or `BROKEN`."""
        if is_foreign(node):
            reason = f"the YAML tag '{node.tag}' has no meaning here; write the value itself"
            return self._fail(node, path, reason)
        options = _options(hint)
        if options[0] == Attributes:
            return self._attributes(node, path)
        if typing.get_origin(options[0]) is tuple:
            return self._list(node, typing.get_args(options[0])[0], path)
        if isinstance(options[0], type) and issubclass(options[0], Model):
            return self._model(node, options[0], path)
        return self._scalar(node, options, path)

    def report(self, root: Node, path: str, error: ConfigError) -> None:
        """Note the broken laws of an object that stands at `root` under `path`."""
        for one in each_error(error):
            self._fail(find(root, one.path), one.at(path).path, one.reason, one.suggestion)

    def _fail(self, node: Node, path: str, reason: str, suggestion: str | None = None) -> Broken:
        line, col = position(node)
        self.problems.append(
            Problem(file=self._file, line=line, col=col, path=path, reason=reason, suggestion=suggestion)
        )
        return BROKEN

    def _model(self, node: Node, model: type[Model], path: str) -> Any:
        if not isinstance(node, MappingNode):
            keys = ", ".join(_fields(model))
            return self._fail(node, path, f"must be a mapping with keys such as {keys}, found {kind(node)}")
        before = len(self.problems)
        written = self._written(node, model, path)
        fields = _fields(model)
        values = {
            fields[key].name: self._field(node, model, fields[key], value, path) for key, value in written.items()
        }
        for error in _WRITTEN_LAWS.get(model, _no_laws)(written):
            self.report(node, path, error)
        self._require(node, model, written, path, self.problems[before:])
        if len(self.problems) > before:
            return BROKEN
        try:
            return model(**values)
        except ConfigError as error:
            self.report(node, path, error)
            return BROKEN

    def _field(self, owner: Node, model: type[Model], field: msgspec.structs.FieldInfo, node: Node, path: str) -> Any:
        value = self.decode(node, field.type, _join(path, field.encode_name))
        error = None if value is BROKEN else choice_error(model, field.name, value)
        if error is not None:
            self.report(owner, path, error)
        return value

    def _written(self, node: MappingNode, model: type[Model], path: str) -> dict[str, Node]:
        """The mapping's known keys that have a value; the others are reported."""
        written: dict[str, Node] = {}
        seen: dict[str, Node] = {}
        for key_node, value in pairs_of(node):
            if not isinstance(key_node, ScalarNode):
                self._fail(key_node, path, f"a key must be text, found {kind(key_node)}")
                continue
            key = str(key_node.value)
            if key in seen:
                first, _ = position(seen[key])
                self._fail(key_node, _join(path, key), f"the key '{key}' stands here twice, first in line {first}")
            elif self._is_known(key_node, key, model, path) and not is_null(value):
                written[key] = value
            seen.setdefault(key, key_node)
        return written

    def _is_known(self, key_node: Node, key: str, model: type[Model], path: str) -> bool:
        fields, name, where = _fields(model), model.__name__, _join(path, key)
        if is_without_meaning(name, key):
            line, col = position(key_node)
            reason = f"'{key}' has no meaning here"
            self.warnings.append(ConfigWarning(file=self._file, line=line, col=col, path=where, reason=reason))
        if key in fields:
            return True
        if key in unsupported.KEYS.get(name, {}):
            error = unsupported.error(where, None, unsupported.KEYS[name][key])
            self._fail(key_node, where, error.reason)
        elif not is_ignored(name, key):
            suggestion = closest(key, (*fields, *IGNORED_KEYS.get(name, ())))
            listed = "" if suggestion else f"; the keys here are {', '.join(fields)}"
            if key[:1].isdigit():
                # {HttpCode: 200,404}: YAML ends the value at the comma.
                listed = '; a value with a comma between braces needs quotes, such as "200,404"'
            self._fail(key_node, where, f"unknown key '{key}'{listed}", suggestion)
        return False

    def _require(
        self, node: Node, model: type[Model], written: dict[str, Node], path: str, reported: list[Problem]
    ) -> None:
        """Every required key is there, unless a misspelt one was reported in its place."""
        misspelt = {problem.suggestion for problem in reported if problem.path.rpartition(".")[0] == path}
        for key, field in _fields(model).items():
            where = _join(path, key)
            if not field.required or key in written or key in misspelt:
                continue
            self._fail(node, where, model.missing_sentences.get(key, f"the key '{key}' is required"))

    def _list(self, node: Node, hint: Any, path: str) -> Any:
        if not isinstance(node, SequenceNode):
            return self._fail(node, path, f"must be a list, found {kind(node)}")
        items = tuple(self.decode(item, hint, f"{path}[{index}]") for index, item in enumerate(node.value))
        return BROKEN if any(item is BROKEN for item in items) else items

    def _attributes(self, node: Node, path: str) -> Any:
        """Both spellings: `{key: value}` and a list of `{Key, Value}`."""
        if isinstance(node, SequenceNode):
            return self._list(node, Attribute, path)
        if not isinstance(node, MappingNode):
            return self._fail(node, path, f"must be a mapping or a list of Key and Value, found {kind(node)}")
        found: dict[str, Any] = {}
        for key_node, value in pairs_of(node):
            key = str(key_node.value)
            where = f"{path}[{key}]"
            if key in found:
                self._fail(key_node, where, f"the key '{key}' stands here twice")
            found[key] = self._attribute_text(value, where)
        if any(value is BROKEN for value in found.values()):
            return BROKEN
        return tuple(Attribute(key=key, value=value) for key, value in found.items())

    def _attribute_text(self, node: Node, path: str) -> Any:
        # An attribute without a value is one that is set to nothing, as in `access_logs.s3.prefix:`.
        return "" if is_null(node) else self.decode(node, str, path)

    def _scalar(self, node: Node, options: tuple[Any, ...], path: str) -> Any:
        wanted = _WANTED.get(options[0], "text")
        if not isinstance(node, ScalarNode):
            return self._fail(node, path, f"must be {wanted}, found {kind(node)}")
        try:
            text = text_of(node) if self._environ is None else interpolate(text_of(node), self._environ)
        except InterpolationError as error:
            return self._fail(node, path, str(error))
        if options[0] is int:
            return int(text) if _INTEGER.match(text) else self._fail(node, path, f"must be {wanted}, found '{text}'")
        if options[0] is float:
            return float(text) if _NUMBER.match(text) else self._fail(node, path, f"must be {wanted}, found '{text}'")
        if options[0] is bool:
            value = _BOOLEANS.get(text.lower())
            return self._fail(node, path, f"must be {wanted}, found '{text}'") if value is None else value
        return text


_WANTED = {int: "a whole number", float: "a number", bool: "true or false"}


@functools.cache
def _fields(model: type[Model]) -> dict[str, msgspec.structs.FieldInfo]:
    """The model's fields by their wire names."""
    return {field.encode_name: field for field in msgspec.structs.fields(model)}


def _options(hint: Any) -> tuple[Any, ...]:
    """The members of a union without None; text first, because it takes every scalar."""
    if typing.get_origin(hint) in (Union, types.UnionType):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
    else:
        members = [hint]
    members = [str if typing.get_origin(member) is Literal else member for member in members]
    return tuple(sorted(members, key=lambda member: member is not str))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _weights_are_written(written: Mapping[str, Node]) -> Iterator[ConfigError]:
    """Several target groups need weights; the model cannot tell a written 1 from the default."""
    groups = written.get("TargetGroups")
    if not isinstance(groups, SequenceNode) or len(groups.value) < 2:
        return
    for index, group in enumerate(groups.value):
        if isinstance(group, MappingNode) and "Weight" not in {key.value for key, _ in pairs_of(group)}:
            reason = "A 'Weight' must be specified for each target group when there are several"
            yield ConfigError(f"TargetGroups[{index}].Weight", None, reason)


def _no_laws(written: Mapping[str, Node]) -> Iterator[ConfigError]:  # noqa: ARG001 - the default of the table
    yield from ()


_WRITTEN_LAWS: dict[type[Model], Callable[[Mapping[str, Node]], Iterator[ConfigError]]] = {
    ForwardConfig: _weights_are_written
}
