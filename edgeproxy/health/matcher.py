"""Which status codes of a health check pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal

from edgeproxy.model.matcher_grammar import parse_code_ranges

if TYPE_CHECKING:
    from typing import Self

LOWEST_HTTP_CODE: Final = 200
HIGHEST_HTTP_CODE: Final = 499
LOWEST_GRPC_CODE: Final = 0
HIGHEST_GRPC_CODE: Final = 99


class CodeMatcher:
    """Which codes pass, such as `200-299,404`. Source: user guide, target-group-health-checks; API reference, Matcher.

    Attributes:
        text: As it is written.
    """

    __slots__ = ("_codes", "text")

    _lowest: ClassVar[int]
    _highest: ClassVar[int]
    _kind: ClassVar[Literal["HTTP", "GRPC"]]

    def __init__(self, text: str, codes: frozenset[int]) -> None:
        self.text = text
        self._codes = codes

    @classmethod
    def parse(cls, text: str) -> Self:
        """Compile a matcher.

        Raises:
            ConfigError: The text is not a list of codes and ranges within the limits; its path is empty.
        """
        ranges = parse_code_ranges(text, cls._lowest, cls._highest, cls._kind)
        return cls(text, frozenset(code for first, last in ranges for code in range(first, last + 1)))

    def matches(self, status: int) -> bool:
        """Whether an answer with this code passes."""
        return status in self._codes

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.text}>"


class HttpCodeMatcher(CodeMatcher):
    """Statuses of HTTP. A redirect is a code like any other: checks do not follow it."""

    __slots__ = ()

    _lowest, _highest, _kind = LOWEST_HTTP_CODE, HIGHEST_HTTP_CODE, "HTTP"


class GrpcCodeMatcher(CodeMatcher):
    """Codes of gRPC, for target groups with the protocol version GRPC."""

    __slots__ = ()

    _lowest, _highest, _kind = LOWEST_GRPC_CODE, HIGHEST_GRPC_CODE, "GRPC"
