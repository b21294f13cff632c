"""Which status codes of a health check pass."""

from __future__ import annotations

from typing import Final, Protocol

from edgeproxy.model.matcher_grammar import parse_code_ranges

LOWEST_HTTP_CODE: Final = 200
HIGHEST_HTTP_CODE: Final = 499
LOWEST_GRPC_CODE: Final = 0
HIGHEST_GRPC_CODE: Final = 99


class CodeMatcher(Protocol):
    """Which codes pass, of either kind."""

    def matches(self, status: int) -> bool:
        """Whether an answer with this code passes."""


class HttpCodeMatcher:
    """A matcher such as `200-299,404`. A redirect is a code like any other: checks do not follow it.

    Source: user guide, target-group-health-checks; API reference, Matcher.
    """

    __slots__ = ("_codes", "text")

    def __init__(self, text: str, codes: frozenset[int]) -> None:
        self.text = text
        self._codes = codes

    @classmethod
    def parse(cls, text: str) -> HttpCodeMatcher:
        """Compile a matcher.

        Raises:
            ConfigError: The text is not a list of codes and ranges within 200-499; its path is empty.
        """
        ranges = parse_code_ranges(text, LOWEST_HTTP_CODE, HIGHEST_HTTP_CODE, "HTTP")
        return cls(text, frozenset(code for first, last in ranges for code in range(first, last + 1)))

    def matches(self, status: int) -> bool:
        """Whether a response with this status passes."""
        return status in self._codes

    def __repr__(self) -> str:
        return f"<HttpCodeMatcher {self.text}>"


class GrpcCodeMatcher:
    """A matcher of gRPC codes such as `0-99`, for target groups with the protocol version GRPC.

    Source: user guide, target-group-health-checks; API reference, Matcher.
    """

    __slots__ = ("_codes", "text")

    def __init__(self, text: str, codes: frozenset[int]) -> None:
        self.text = text
        self._codes = codes

    @classmethod
    def parse(cls, text: str) -> GrpcCodeMatcher:
        """Compile a matcher.

        Raises:
            ConfigError: The text is not a list of codes and ranges within 0-99; its path is empty.
        """
        ranges = parse_code_ranges(text, LOWEST_GRPC_CODE, HIGHEST_GRPC_CODE, "GRPC")
        return cls(text, frozenset(code for first, last in ranges for code in range(first, last + 1)))

    def matches(self, status: int) -> bool:
        """Whether an answer with this grpc-status passes."""
        return status in self._codes

    def __repr__(self) -> str:
        return f"<GrpcCodeMatcher {self.text}>"
