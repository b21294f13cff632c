"""JSON Schema of the configuration file, for editors: what `edgeproxy schema` prints.

msgspec draws it from the model; this file adds what only the decoder knows: the docstrings under the fields as
descriptions, the mapping form of attributes, numbers where AWS has strings, `${VAR}` everywhere, and the keys that are
accepted without meaning. Limits beyond types are the model's and are reported by `edgeproxy check`.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any

import msgspec

from edgeproxy.control.config.ignored_keys import IGNORED_KEYS
from edgeproxy.model.base import wire_name
from edgeproxy.model.listener_settings import SPECS as LISTENER_SPECS
from edgeproxy.model.load_balancer import SPECS as LOAD_BALANCER_SPECS
from edgeproxy.model.target_group_settings import SPECS as TARGET_GROUP_SPECS
from edgeproxy.model.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgeproxy.model.attributes import Spec

_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_SCALAR = {"type": ["string", "number", "boolean"]}

_NUMBER_TEXTS = {"integer": "^[0-9]+$", "number": r"^[0-9]+(\.[0-9]+)?$", "boolean": "^(true|false)$"}

_ATTRIBUTE_VALUE = {"type": ["string", "number", "boolean", "null"]}

# Key of the attributes -> the known ones, and the settings whose docstrings explain them.
KNOWN_ATTRIBUTES: dict[str, tuple[Mapping[str, Spec], str]] = {
    "LoadBalancerAttributes": (LOAD_BALANCER_SPECS, "LoadBalancerSettings"),
    "ListenerAttributes": (LISTENER_SPECS, "ListenerSettings"),
    "TargetGroupAttributes": (TARGET_GROUP_SPECS, "TargetGroupSettings"),
}


def schema() -> dict[str, Any]:
    """The schema as dicts and lists, ready for `json.dumps`; a new one with each call."""
    found = msgspec.json.schema(Topology)
    definitions = {name: _definition(name, one) for name, one in found["$defs"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **definitions.pop("Topology"),
        "title": "edgeproxy configuration",
        "$defs": definitions,
    }


def _definition(name: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    docs = field_docs().get(name, {})
    properties = {}
    for key, one in definition["properties"].items():
        properties[key] = _attributes(key) if _is_attribute_list(one) else _property(one)
        if key in docs:
            properties[key]["description"] = docs[key]
    for key in IGNORED_KEYS.get(name, ()):
        properties[key] = {"description": "Accepted; has no meaning here."}
    return {**definition, "properties": properties}


def _property(definition: Mapping[str, Any]) -> dict[str, Any]:
    """What the decoder takes in place of what the model holds."""
    found = dict(definition)
    if "anyOf" in found:
        found["anyOf"] = [_property(one) for one in found["anyOf"]]
    elif "items" in found:
        found["items"] = _property(found["items"])
    elif "enum" in found:
        found = {**_without(found, "enum"), "anyOf": [{"enum": found["enum"]}, _VARIABLE]}
    elif found.get("type") == "string":
        found |= _SCALAR
    elif found.get("type") in ("integer", "number", "boolean"):
        found = {**_without(found, "type"), "anyOf": [{"type": found["type"]}, _number_text(found["type"]), _VARIABLE]}
    return found


def _is_attribute_list(definition: Mapping[str, Any]) -> bool:
    return bool(definition.get("items") == {"$ref": "#/$defs/Attribute"})


def _attributes(key: str) -> dict[str, Any]:
    """Both spellings; in the mapping form an editor can offer the known keys."""
    specs, settings = KNOWN_ATTRIBUTES.get(key, ({}, ""))
    docs = _settings_docs(settings)
    known = {}
    for name, spec in specs.items():
        description = docs.get(spec.field, "Kept and echoed; has no effect here.")
        known[name] = {**_ATTRIBUTE_VALUE, "description": description}
    mapping = {"type": "object", "properties": known, "additionalProperties": _ATTRIBUTE_VALUE}
    return {"anyOf": [mapping, {"type": "array", "items": {"$ref": "#/$defs/Attribute"}}]}


def _settings_docs(settings: str) -> dict[str, str]:
    """The docstrings of a settings class by field."""
    names = {wire_name(spec.field): spec.field for specs, _ in KNOWN_ATTRIBUTES.values() for spec in specs.values()}
    docs = field_docs().get(settings, {})
    return {names.get(key, key): text for key, text in docs.items()}


def _number_text(kind: str) -> dict[str, str]:
    return {"type": "string", "pattern": _NUMBER_TEXTS[kind]}


def _without(mapping: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name != key}


@functools.cache
def field_docs() -> dict[str, dict[str, str]]:
    """Class name -> wire name -> the docstring under the field, for every model class that a file can hold."""
    modules = {module for name, module in sys.modules.items() if name.startswith("edgeproxy.model.")}
    found = {}
    for module in modules:
        for node in ast.parse(inspect.getsource(module)).body:
            model = getattr(module, node.name, None) if isinstance(node, ast.ClassDef) else None
            if isinstance(node, ast.ClassDef) and isinstance(model, type) and issubclass(model, msgspec.Struct):
                names = {field.name: field.encode_name for field in msgspec.structs.fields(model)}
                found[node.name] = {names[field]: text for field, text in _docs_in(node) if field in names}
    return found


def _docs_in(node: ast.ClassDef) -> list[tuple[str, str]]:
    """Each field that a bare string follows."""
    found = []
    for statement, following in zip(node.body, node.body[1:], strict=False):
        if (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and isinstance(following, ast.Expr)
            and isinstance(following.value, ast.Constant)
        ):
            found.append((statement.target.id, inspect.cleandoc(str(following.value.value))))
    return found
