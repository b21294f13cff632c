"""What every model class shares: frozen, keyword-only, AWS's PascalCase keys, unknown keys refused, checked when made.

How a class states its laws: `problems` yields one `ConfigError` for each law that the values break, with a path
relative to the object, and the constructor raises what it yields. A reader of a file sees every broken law at once
because `ConfigErrors` carries all of them; code that only wants to say no treats it as the first one.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping  # noqa: TC003 - the class variables' annotations are read at run time
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import msgspec

from edgeproxy.errors import ConfigError
from edgeproxy.model import unsupported
from edgeproxy.model.suggestion import closest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class ConfigErrors(ConfigError):  # noqa: N818 - the plural is what sets it apart
    """Several broken laws of one object. It reads like its first.

    Attributes:
        errors: All of them, at least two, in the order in which the laws stand.
    """

    def __init__(self, errors: Sequence[ConfigError]) -> None:
        first = errors[0]
        super().__init__(first.path, first.value, first.reason, code=first.code, suggestion=first.suggestion)
        self.errors = tuple(errors)

    def at(self, prefix: str) -> ConfigErrors:
        """The same errors, seen from one level further out."""
        return ConfigErrors([error.at(prefix) for error in self.errors])

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def each_error(error: ConfigError) -> tuple[ConfigError, ...]:
    """The single errors inside one that may be many."""
    return error.errors if isinstance(error, ConfigErrors) else (error,)


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """The base of the ELBv2 nouns.

    A subclass lists its fields in snake case; the wire names are AWS's (`health_check_path` is `HealthCheckPath`).

    Attributes:
        missing_sentences: ELBv2's sentence for a required key that is absent, by wire name, where AWS has one.
        choice_sentences: ELBv2's sentence for a value outside its list, by wire name, with `{value}` in it.
    """

    missing_sentences: ClassVar[Mapping[str, str]] = types.MappingProxyType({})
    choice_sentences: ClassVar[Mapping[str, str]] = types.MappingProxyType({})

    def __post_init__(self) -> None:
        """Raise what is wrong.

        Raises:
            ConfigError: A law of this class is broken; a `ConfigErrors` where there are several.
        """
        # A value outside its list makes the other laws meaningless, so those are asked second.
        found = list(_choice_errors(self)) or list(self.problems())
        if len(found) == 1:
            raise found[0]
        if found:
            raise ConfigErrors(found)

    def problems(self) -> Iterator[ConfigError]:
        """The laws of this class that the values break."""
        yield from ()


def sentences(**by_key: str) -> Mapping[str, str]:
    """Sentences by wire name."""
    return types.MappingProxyType(by_key)


def wire_name(field: str) -> str:
    """AWS's name of a field: `health_check_path` is `HealthCheckPath`."""
    return "".join(part.capitalize() for part in field.split("_"))


@functools.cache
def _choices(model: type[Model]) -> dict[str, tuple[tuple[str, ...], bool]]:
    """The fields that take one of a list: the list, and whether None is fine."""
    found = {}
    for field, hint in typing.get_type_hints(model).items():
        options = [hint, *typing.get_args(hint)]
        literal = next((option for option in options if typing.get_origin(option) is Literal), None)
        if literal is not None:
            found[field] = (typing.get_args(literal), type(None) in options)
    return found


def choice_error(model: type[Model], field: str, value: Any) -> ConfigError | None:
    """What is wrong with the value of a field that takes one of a list; None for values in it and for other fields."""
    allowed, is_optional = _choices(model).get(field, ((value,), True))
    if value in allowed or (value is None and is_optional):
        return None
    key = wire_name(field)
    feature = unsupported.CHOICES.get((model.__name__, key), {}).get(str(value))
    if feature is not None:
        return unsupported.error(key, value, feature)
    listed = ", ".join(allowed)
    sentence = model.choice_sentences.get(key, f"'{{value}}' is no {key}; it must be one of: {listed}")
    # Not `format`: a list may hold braces of its own, such as `#{protocol}`.
    reason = sentence.replace("{value}", str(value))
    return ConfigError(key, value, reason, suggestion=closest(str(value), allowed))


def _choice_errors(model: Model) -> Iterator[ConfigError]:
    for field in _choices(type(model)):
        error = choice_error(type(model), field, getattr(model, field))
        if error is not None:
            yield error
