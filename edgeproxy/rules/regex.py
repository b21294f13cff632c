"""Regular expressions in conditions: all of one condition's at once, in linear time.

An expression is searched for anywhere in the text; whoever means all of it writes `^` and `$` (user guide,
rule-condition-types, whose examples do; that unanchored ones search is observed only). `$` is the end of the text and
nothing else. Like wildcards, expressions match texts of visible characters only.

A set of expressions costs one pass over the text, however many there are, and half of what one `re2` match object does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import re2

from edgeproxy.errors import ConfigError
from edgeproxy.model.regular_expression import compile_regex, options
from edgeproxy.rules.wildcard import has_control

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.rules.wildcard import Test


def compile_regexes(patterns: Sequence[str], *, ignore_case: bool = False) -> Test:
    """One test that holds when any of the expressions is found in a text (latin-1).

    Raises:
        ConfigError: One of them cannot be compiled; the path is relative to the condition.
    """
    expressions = re2.Set.SearchSet(options(ignore_case=ignore_case))
    for index, pattern in enumerate(patterns):
        try:
            compile_regex(pattern)
        except ValueError as error:
            raise ConfigError(
                f"RegexValues[{index}]", pattern, f"The regex value '{pattern}' is invalid: {error}"
            ) from error
        expressions.Add(pattern.encode())
    expressions.Compile()
    found = expressions.Match
    # hot path
    return lambda text: bool(found(text.encode("latin-1"))) and (text.isprintable() or not has_control(text))
