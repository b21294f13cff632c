"""Problem: one thing that is wrong at one place of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from edgeproxy.errors import EdgeProxyError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Where, what, and what was probably meant.

    Attributes:
        file: The file's name as it was given.
        line: Counted from 1; None where the file as a whole is meant.
        col: Counted from 1.
        path: Where in AWS's key names, `LoadBalancers[0].Listeners[1].Port`; empty for the whole file.
        reason: A sentence that names what is wrong and what is allowed.
        suggestion: What was probably meant.
    """

    file: str
    reason: str
    line: int | None = None
    col: int | None = None
    path: str = ""
    suggestion: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}:{self.col}"
        path = f"{self.path}: " if self.path else ""
        hint = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        return f"{place}: {path}{self.reason}{hint}"


class ConfigWarning(Problem, frozen=True, kw_only=True):
    """Something that is allowed and hardly meant, or kept without effect."""


class ConfigFileError(EdgeProxyError):
    """A configuration file that cannot be used.

    Attributes:
        problems: Everything that was found, in the order of the file; at least one.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(tuple(problems))
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)
