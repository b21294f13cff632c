"""`${VAR}` in the values of a configuration.

    ${VAR}            the variable; an error where it is not set
    ${VAR:-default}   the default where it is not set or empty; the default is taken as it stands
    $${               a literal ${

A lone `$`, as in a regular expression, means itself. What comes out is not looked at again, so the value of a variable
can hold anything.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_MARK = re.compile(
    r"""
    (?P<escaped> \$\$\{ )
  | \$\{ (?P<name> [A-Za-z_][A-Za-z0-9_]* ) (?: :- (?P<default> [^}]* ) )? \}
  | (?P<malformed> \$\{ [^}]* \}? )
    """,
    re.VERBOSE,
)


class InterpolationError(ValueError):
    """A `${...}` that has no value, or that is none."""


def interpolate(text: str, environ: Mapping[str, str]) -> str:
    """The text with every variable replaced.

    Raises:
        InterpolationError: A variable without a default is not set, or a `${` starts nothing that is known.
    """
    if "${" not in text:
        return text
    return _MARK.sub(lambda found: _value(found, environ), text)


def _value(found: re.Match[str], environ: Mapping[str, str]) -> str:
    if found["escaped"]:
        return "${"
    if found["malformed"]:
        raise InterpolationError(
            f"'{found[0]}' is not a variable; allowed are ${{NAME}} and ${{NAME:-default}}, and $${{ for a literal ${{"
        )
    name, default = found["name"], found["default"]
    value = environ.get(name)
    if value is None and default is None:
        raise InterpolationError(
            f"the environment variable '{name}' is not set; ${{{name}:-default}} gives it a default"
        )
    if default is not None and not value:
        return default
    assert value is not None
    return value
