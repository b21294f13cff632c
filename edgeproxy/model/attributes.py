"""Attributes: ELBv2's `{Key, Value}` lists, kept as they were written, read through typed views.

A view is a struct such as `LoadBalancerSettings` plus a table that says which key fills which field and how its text is
read. Keys that are in no table are kept and echoed, because AWS adds new ones every few months; keys that belong to
other kinds of load balancers are refused. Source: API reference, LoadBalancerAttribute, TargetGroupAttribute.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from edgeproxy.errors import ConfigError
from edgeproxy.model import validate
from edgeproxy.model.base import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping


class Attribute(Model, frozen=True):
    """One `{Key, Value}` pair; the value is always a string, as in the API.

    Source: API reference, LoadBalancerAttribute.
    """

    key: str
    """1-256 letters, digits, dots and underscores; each key once."""
    value: str = ""
    """Numbers and booleans become the API's text: `60`, `true`."""


Attributes = tuple[Attribute, ...]


def attributes_from(mapping: Mapping[str, object]) -> Attributes:
    """The mapping form as a list: `{"idle_timeout.timeout_seconds": 60}`; numbers and booleans become AWS's strings."""
    return tuple(Attribute(key=key, value=as_text(value)) for key, value in mapping.items())


def as_text(value: object) -> str:
    """A scalar the way the API spells it: `true`, `60`, `append`."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class Spec(NamedTuple):
    """How one known key is read.

    Attributes:
        field: The field of the settings struct that it fills, or "" for a key that is kept without effect.
        read: Turns the text into the field's value; raises `ValueError` with the end of ELBv2's sentence.
    """

    field: str
    read: Callable[[str], Any]


def flag(text: str) -> bool:
    """`true` or `false`."""
    return one_of("true", "false")(text) == "true"


def one_of(*allowed: str) -> Callable[[str], str]:
    """One of a list."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of [{', '.join(allowed)}]")
        return text

    return read


def number(low: int, high: int, *also: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`, or one of `also`."""

    def read(text: str) -> int:
        value = int(text) if text.isdecimal() and len(text) < 10 else -1
        if not low <= value <= high and value not in also:
            exceptions = "".join(f"'{extra}' or " for extra in also)
            raise ValueError(f"must be {exceptions}between '{low}-{high}' inclusive")
        return value

    return read


def off_or(read: Callable[[str], int]) -> Callable[[str], int | None]:
    """`off` as None, or what `read` takes."""

    def read_off(text: str) -> int | None:
        return None if text == "off" else read(text)

    return read_off


def read_settings(attributes: Attributes, specs: Mapping[str, Spec]) -> dict[str, Any]:
    """The fields of a settings struct that the attributes fill; values are known to be readable."""
    return {
        specs[attribute.key].field: specs[attribute.key].read(attribute.value)
        for attribute in attributes
        if attribute.key in specs and specs[attribute.key].field
    }


def attribute_problems(
    path: str, attributes: Attributes, specs: Mapping[str, Spec], foreign: Mapping[str, str]
) -> Iterator[ConfigError]:
    """What is wrong with a list of attributes, each by itself.

    Args:
        path: The key of the list, such as `TargetGroupAttributes`.
        attributes: The list.
        specs: The known keys.
        foreign: Beginnings of keys that belong to another kind of load balancer, with the kind.
    """
    keys = [attribute.key for attribute in attributes]
    yield from validate.unique(
        path + "[{index}]", keys, "Attribute key '{key}' is specified more than once", "DuplicateKey"
    )
    for attribute in attributes:
        where = f"{path}[{attribute.key}]"
        yield from validate.attribute_key(where, attribute.key)
        kind = next((kind for start, kind in foreign.items() if attribute.key.startswith(start)), None)
        if kind is not None:
            reason = f"The attribute '{attribute.key}' is only supported for {kind}"
            yield ConfigError(where, attribute.value, reason, code="InvalidConfigurationRequest")
        yield from _value_problems(where, attribute, specs)


def _value_problems(where: str, attribute: Attribute, specs: Mapping[str, Spec]) -> Iterator[ConfigError]:
    if attribute.key not in specs:
        return
    try:
        specs[attribute.key].read(attribute.value)
    except ValueError as error:
        yield ConfigError(where, attribute.value, f"'{attribute.key}' value '{attribute.value}' {error}")


def unknown_keys(attributes: Attributes, known: Container[str]) -> tuple[str, ...]:
    """The keys that no table knows; they are kept and deserve a warning."""
    return tuple(attribute.key for attribute in attributes if attribute.key not in known)
