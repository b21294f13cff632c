"""Writes docs/configuration.md: every key of the configuration file, from the model's annotations and docstrings.

python -m tests.docs.configuration_page           writes the file
python -m tests.docs.configuration_page --check   exit code 1 if the file is out of date
"""

from __future__ import annotations

import re
import sys
import typing
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from edgeproxy.control.config.ignored_keys import IGNORED_KEYS
from edgeproxy.control.config.schema import KNOWN_ATTRIBUTES, field_docs
from edgeproxy.model import unsupported
from edgeproxy.model.attributes import Attribute
from edgeproxy.model.base import Model
from edgeproxy.model.listener_settings import ListenerSettings
from edgeproxy.model.load_balancer import LoadBalancerSettings
from edgeproxy.model.target_group_settings import TargetGroupSettings
from edgeproxy.model.topology import Topology
from tests.docs.generated import Generated, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_GUIDE = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/{}.html"
_API = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_{}.html"

SETTINGS: dict[str, type[msgspec.Struct]] = {
    "LoadBalancerAttributes": LoadBalancerSettings,
    "ListenerAttributes": ListenerSettings,
    "TargetGroupAttributes": TargetGroupSettings,
}

_TITLES = {"Topology": "The file"}
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false"}

_OPENING = """# Configuration reference

Every key of the configuration file. The names are those of CloudFormation and the ELBv2 API, so AWS's documentation
holds here as well; each section links to the page it was made from. This page is made by `make reference` from the
code that reads the file.

- A key that takes an ARN also takes the name of the thing in the same file.
- `${VAR}` and `${VAR:-default}` in a value come from the environment; `$${` is a literal `${`.
- Unknown keys, wrong types and broken limits are errors with file, line and column. Unknown *attributes* are kept,
  echoed and warned about, because AWS adds some every few months.
- Where AWS has text, a number or a boolean is fine as well: `Port: 443` and `Port: "443"` are the same.

The shortest file that does something:

```yaml title="edgeproxy.yaml"
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{Type: forward, TargetGroupArn: app}]
TargetGroups:
  - Name: app
    Port: 8080
    Targets: [{Id: 127.0.0.1}]
```

```console
$ edgeproxy check edgeproxy.yaml
edgeproxy.yaml: fine, 1 load balancer, 1 listener, 0 rules, 1 target group, 1 target
```
"""


def render() -> str:
    """The whole page."""
    parts = [_OPENING]
    for model in models():
        parts.append(_section(model))
        parts += [_attributes(key) for key in _wire_fields(model) if key in SETTINGS]
    return "\n".join(parts)


def models() -> list[type[msgspec.Struct]]:
    """Every class that a file can hold, each behind the one that holds it."""
    found: list[type[msgspec.Struct]] = []

    def visit(model: type[msgspec.Struct]) -> None:
        if model in found:
            return
        found.append(model)
        for field in msgspec.structs.fields(model):
            for inner in _models_in(field.type):
                visit(inner)

    visit(Topology)
    return sorted(found, key=lambda model: model is Attribute)


def sources(docstring: str) -> list[str]:
    """Links to the AWS pages that a docstring names: `Source: API reference, Rule; user guide, listener-rules`."""
    _, _, said = docstring.partition("Source:")
    links = []
    for part in said.split(";"):
        if "API reference" in part:
            names = re.findall(r"\b[A-Z][a-z]+[A-Z]\w*|\b(?!API\b)[A-Z][a-z]+\b", part)
            links += [f"[{name}]({_API.format(name)})" for name in names]
        elif "user guide" in part:
            links += [f"[{name}]({_GUIDE.format(name)})" for name in re.findall(r"\b[a-z]+(?:-[a-z]+)+", part)]
    return links


def _section(model: type[msgspec.Struct]) -> str:
    name = model.__name__
    rows = [
        (f"`{field.encode_name}`", _type(field.type), _default(field), _doc(name, field.encode_name))
        for field in msgspec.structs.fields(model)
    ]
    keys = table(("Key", "Type", "Default", "Meaning and limits"), rows)
    text = f"## {_TITLES.get(name, name)}\n\n{_meaning(model)}\n\n{keys}"
    without = [f"`{key}`" for key in IGNORED_KEYS.get(name, ())]
    if without:
        text += f"\nAccepted with a warning, because they mean nothing here: {', '.join(without)}.\n"
    refused = [f"`{key}`" for key in unsupported.KEYS.get(name, {})]
    refused += [
        f"`{key}: {value}`" for (owner, key), values in unsupported.CHOICES.items() if owner == name for value in values
    ]
    if refused:
        text += f"\nRefused, because they are not supported yet: {', '.join(refused)}.\n"
    return text


def _attributes(key: str) -> str:
    """The attributes under one key, with their defaults as the settings have them."""
    specs, settings = KNOWN_ATTRIBUTES[key]
    fields = {field.name: field for field in msgspec.structs.fields(SETTINGS[key])}
    rows = []
    for name, spec in specs.items():
        if spec.field:
            field = fields[spec.field]
            doc = _doc(settings, field.encode_name).removeprefix(f"`{name}`").lstrip(",:;. ")
            rows.append(
                (f"`{name}`", _attribute_type(name, field.type), _attribute_default(name, field), _sentence(doc))
            )
        else:
            rows.append((f"`{name}`", "text", "-", "Kept and echoed; has no effect here."))
    links = sources(SETTINGS[key].__doc__ or "") or sources(sys.modules[SETTINGS[key].__module__].__doc__ or "")
    heading = f"### {key}\n\nA mapping, or a list of `Key` and `Value` as in the API. AWS: {', '.join(links)}.\n\n"
    return heading + table(("Attribute", "Type", "Default", "Meaning and limits"), rows)


def _meaning(model: type[msgspec.Struct]) -> str:
    said, _, _ = (model.__doc__ or "").partition("Source:")
    links = sources(model.__doc__ or "")
    text = " ".join(said.split())
    return f"{text} AWS: {', '.join(links)}." if links else text


def _doc(name: str, key: str) -> str:
    own = field_docs().get(name, {}).get(key, "")
    for base in _bases(name):
        own = own or field_docs().get(base, {}).get(key, "")
    text = re.sub(r" *See `\w+Settings` for the keys\.", " The keys stand below.", " ".join(own.split()))
    return _sentence(text)


def _sentence(text: str) -> str:
    # a media type stays as it is
    return text if "/" in text.partition(" ")[0] else text[:1].upper() + text[1:]


def _bases(name: str) -> list[str]:
    model = next((each for each in models() if each.__name__ == name), None)
    return [base.__name__ for base in model.__mro__[1:]] if model is not None else []


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    return _shown(field.default)


def _shown(value: Any) -> str:
    if value is None or value in ("", ()) or value is msgspec.NODEFAULT:
        return "-"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _attribute_default(name: str, field: msgspec.structs.FieldInfo) -> str:
    on_or_off = {True: "`on`", False: "`off`"}
    if name.endswith("anomaly_mitigation"):
        return on_or_off[bool(field.default)]
    return "`off`" if field.default is None else _shown(field.default)


def _attribute_type(name: str, hint: Any) -> str:
    if name.endswith("anomaly_mitigation"):
        return "`on`, `off`"
    options = [option for option in _options(hint) if option is not type(None)]
    shown = ", ".join(map(_type, options))
    return f"{shown}, or `off`" if len(options) < len(_options(hint)) else shown


def _options(hint: Any) -> list[Any]:
    is_union = typing.get_origin(hint) not in (None, tuple, Literal)
    return list(typing.get_args(hint)) if is_union else [hint]


def _type(hint: Any) -> str:
    options = [option for option in _options(hint) if option is not type(None)]
    if len(options) > 1:
        return " or ".join(map(_type, options))
    (one,) = options
    if typing.get_origin(one) is tuple:
        inner = typing.get_args(one)[0]
        return "attributes" if inner is Attribute else f"list of {_type(inner)}"
    if typing.get_origin(one) is Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(one))
    if isinstance(one, type) and issubclass(one, Model):
        return f"[{one.__name__}](#{one.__name__.lower()})"
    return _PLAIN[one]


def _models_in(hint: Any) -> Iterator[type[Model]]:
    if isinstance(hint, type) and issubclass(hint, Model):
        yield hint
    for inner in typing.get_args(hint):
        yield from _models_in(inner)


def _wire_fields(model: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(model)]


PAGE = Generated("configuration.md", render)

if __name__ == "__main__":
    sys.exit(PAGE.main(sys.argv[1:]))
