"""RuleCondition: what a request must look like for a rule to apply.

Each field has a config class of its own; host-header and path-pattern may also write their values directly under
`Values`, the older spelling. `RuleCondition.patterns` reads the same for every spelling. The limits stand in
`condition_values.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from edgeproxy.errors import ConfigError
from edgeproxy.model import condition_values
from edgeproxy.model.base import Model, sentences
from edgeproxy.model.regular_expression import regex_problems

if TYPE_CHECKING:
    from collections.abc import Iterator

ConditionField = Literal[
    "host-header", "path-pattern", "http-header", "http-request-method", "query-string", "source-ip"
]

CONFIG_KEYS = {
    "host-header": "HostHeaderConfig",
    "path-pattern": "PathPatternConfig",
    "http-header": "HttpHeaderConfig",
    "http-request-method": "HttpRequestMethodConfig",
    "query-string": "QueryStringConfig",
    "source-ip": "SourceIpConfig",
}
_LISTED_FIELDS = "path-pattern,host-header,http-header,http-request-method,query-string,source-ip"
_LEGACY_FIELDS = ("host-header", "path-pattern")


def _one_form_problems(field: str, values: tuple[str, ...], regex_values: tuple[str, ...]) -> Iterator[ConfigError]:
    """Values and expressions exclude each other in one condition."""
    if values and regex_values:
        reason = f"You cannot provide both Values and RegexValues for a condition of type '{field}'"
        yield ConfigError("RegexValues", regex_values, reason)


class HostHeaderConfig(Model, frozen=True):
    """Host names, compared without regard to case, port included. Source: API reference, HostHeaderConditionConfig."""

    values: tuple[str, ...] = ()
    """Up to 128 letters, digits, `-`, `_`, `.` each, with at least one `.`; `*` and `?` are wildcards."""
    regex_values: tuple[str, ...] = ()
    """Expressions of up to 128 characters, found anywhere in the host, in any case; not beside `Values`."""

    def problems(self) -> Iterator[ConfigError]:
        """Each value can be a host name."""
        yield from _one_form_problems("host-header", self.values, self.regex_values)
        yield from regex_problems("RegexValues", "host-header", self.regex_values)
        yield from condition_values.host_problems("Values", self.values)


class PathPatternConfig(Model, frozen=True):
    """Path patterns, compared with the normalised path, case-sensitive.

    Source: API reference, PathPatternConditionConfig.
    """

    values: tuple[str, ...] = ()
    """Up to 128 characters each; `*` stands for any characters, slashes too, and `?` for exactly one."""
    regex_values: tuple[str, ...] = ()
    """Expressions of up to 128 characters, searched for anywhere in the path; `^` and `$` tie them to its ends."""

    def problems(self) -> Iterator[ConfigError]:
        """Each value can be a path."""
        yield from _one_form_problems("path-pattern", self.values, self.regex_values)
        yield from regex_problems("RegexValues", "path-pattern", self.regex_values)
        yield from condition_values.path_problems("Values", self.values)


class HttpHeaderConfig(Model, frozen=True):
    """One header's values, name and value compared without regard to case.

    Source: API reference, HttpHeaderConditionConfig.
    """

    missing_sentences = sentences(HttpHeaderName="A 'HttpHeaderName' must be specified")

    http_header_name: str
    """Up to 40 characters, no wildcards; not Host."""
    values: tuple[str, ...] = ()
    """Up to 128 characters each; `*` and `?` are wildcards."""
    regex_values: tuple[str, ...] = ()
    """Expressions of up to 128 characters, searched for anywhere in the value, case-sensitive; not beside `Values`."""

    def problems(self) -> Iterator[ConfigError]:
        """A header name and values that a header can have."""
        yield from _one_form_problems("http-header", self.values, self.regex_values)
        yield from regex_problems("RegexValues", "http-header", self.regex_values)
        yield from condition_values.header_name_problems("HttpHeaderName", self.http_header_name)
        yield from condition_values.header_value_problems("Values", self.values)


class HttpRequestMethodConfig(Model, frozen=True):
    """Method tokens, compared exactly. Source: API reference, HttpRequestMethodConditionConfig."""

    values: tuple[str, ...] = ()
    """Up to 40 of `A-Z`, `-` and `_` each; no wildcards."""

    def problems(self) -> Iterator[ConfigError]:
        """Each value can be a method."""
        yield from condition_values.method_problems("Values", self.values)


class QueryStringKeyValue(Model, frozen=True):
    """A query parameter; without a key any parameter's value may match.

    Source: API reference, QueryStringKeyValuePair.
    """

    missing_sentences = sentences(Value="A 'Value' must be specified in 'QueryStringKeyValuePair'")

    key: str | None = None
    """Up to 128 characters; `*` and `?` are wildcards, `\\*` and `\\?` are the characters."""
    value: str | None = None
    """The same. Required."""

    def problems(self) -> Iterator[ConfigError]:
        """A value, and text that a query can have."""
        if self.value is None:
            yield ConfigError("Value", None, "A 'Value' must be specified in 'QueryStringKeyValuePair'")
        for key, text in (("Key", self.key), ("Value", self.value)):
            if text is not None:
                yield from condition_values.query_problems(key, text)


class QueryStringConfig(Model, frozen=True):
    """Query parameters; one of the list has to match. Source: API reference, QueryStringConditionConfig."""

    values: tuple[QueryStringKeyValue, ...] = ()
    """Pairs of Key and Value."""


class SourceIpConfig(Model, frozen=True):
    """CIDR blocks that the TCP peer may be in. Source: API reference, SourceIpConditionConfig."""

    values: tuple[str, ...] = ()
    """IPv4 and IPv6 blocks such as `10.0.0.0/8`; never X-Forwarded-For."""

    def problems(self) -> Iterator[ConfigError]:
        """Each value is a block."""
        yield from condition_values.source_ip_problems("Values", self.values)


class RuleCondition(Model, frozen=True):
    """One condition: `Field` and the values in the field's own config, or in `Values` for host and path.

    Source: API reference, RuleCondition; user guide, rule-condition-types.
    """

    missing_sentences = sentences(Field=f"A condition field must be specified, one of '[{_LISTED_FIELDS}]'")
    choice_sentences = sentences(Field=f"Condition field '{{value}}' must be one of '[{_LISTED_FIELDS}]'")

    field: ConditionField
    """Which part of the request is compared."""
    values: tuple[str, ...] = ()
    """For host-header and path-pattern, in place of their config."""
    regex_values: tuple[str, ...] = ()
    """For host-header and path-pattern, in place of their config."""
    host_header_config: HostHeaderConfig | None = None
    """For `host-header`."""
    path_pattern_config: PathPatternConfig | None = None
    """For `path-pattern`."""
    http_header_config: HttpHeaderConfig | None = None
    """For `http-header`."""
    http_request_method_config: HttpRequestMethodConfig | None = None
    """For `http-request-method`."""
    query_string_config: QueryStringConfig | None = None
    """For `query-string`."""
    source_ip_config: SourceIpConfig | None = None
    """For `source-ip`."""

    # The same for every spelling: what the matcher reads.
    @property
    def patterns(self) -> tuple[str, ...]:
        """The value forms, whichever key they stand under; empty for query-string."""
        config = (
            self.host_header_config
            or self.path_pattern_config
            or self.http_header_config
            or self.http_request_method_config
            or self.source_ip_config
        )
        return config.values if config is not None else self.values

    @property
    def regex_patterns(self) -> tuple[str, ...]:
        """The regex forms, whichever key they stand under."""
        config = self.host_header_config or self.path_pattern_config or self.http_header_config
        return config.regex_values if config is not None else self.regex_values

    @property
    def pairs(self) -> tuple[QueryStringKeyValue, ...]:
        """The query parameters of a query-string condition; empty for other fields."""
        return self.query_string_config.values if self.query_string_config is not None else ()

    @property
    def value_count(self) -> int:
        """How many of a rule's condition values this one uses; header names and query keys are free."""
        return len(self.patterns) + len(self.regex_patterns) + len(self.pairs)

    @property
    def wildcard_count(self) -> int:
        """How many of a rule's wildcards this one uses."""
        if self.field in ("http-request-method", "source-ip"):
            return 0
        texts = [*self.patterns, *(text for pair in self.pairs for text in (pair.key, pair.value) if text)]
        return sum(condition_values.wildcards_in(text, self.field) for text in texts)

    def problems(self) -> Iterator[ConfigError]:
        """The values stand where the field wants them, and there is at least one."""
        yield from self._placement_problems()
        if self.field == "host-header":
            yield from condition_values.host_problems("Values", self.values)
        if self.field == "path-pattern":
            yield from condition_values.path_problems("Values", self.values)
        yield from _one_form_problems(self.field, self.values, self.regex_values)
        if self.field in _LEGACY_FIELDS:
            yield from regex_problems("RegexValues", self.field, self.regex_values)

    def _placement_problems(self) -> Iterator[ConfigError]:
        own_key = CONFIG_KEYS[self.field]
        given = {key for key, config in zip(CONFIG_KEYS.values(), self._configs(), strict=True) if config is not None}
        for key in sorted(given - {own_key}):
            reason = f"The '{key}' field is not compatible with '{self.field}'"
            yield ConfigError(key, None, reason, suggestion=own_key)
        for key, values in (("Values", self.values), ("RegexValues", self.regex_values)):
            if values and self.field not in _LEGACY_FIELDS:
                reason = f"The '{key}' field is not compatible with '{self.field}'"
                yield ConfigError(key, values, reason, suggestion=f"{own_key}.{key}")
            elif values and own_key in given:
                reason = f"You cannot provide both {key} and '{own_key}' for a condition of type '{self.field}'"
                yield ConfigError(key, values, reason)
        has_misplaced = bool(given - {own_key}) or bool(self.values or self.regex_values)
        if self.value_count == 0 and not has_misplaced:
            article = "A 'source-ip'" if self.field == "source-ip" else "A condition"
            yield ConfigError("", None, f"{article} value must be specified")

    def _configs(self) -> tuple[Model | None, ...]:
        """The configs in the order of `CONFIG_KEYS`."""
        return (
            self.host_header_config,
            self.path_pattern_config,
            self.http_header_config,
            self.http_request_method_config,
            self.query_string_config,
            self.source_ip_config,
        )


assert tuple(CONFIG_KEYS) == get_args(ConditionField)
