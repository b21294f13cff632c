"""RuleCondition: what a request must look like for a rule to apply."""

from __future__ import annotations

from typing import Literal

from edgeproxy.model.base import Model

ConditionField = Literal[
    "host-header", "path-pattern", "http-header", "http-request-method", "query-string", "source-ip"
]


class HostHeaderConfig(Model):
    """Host names, compared without regard to case, port included."""

    values: tuple[str, ...] = ()
    regex_values: tuple[str, ...] = ()


class PathPatternConfig(Model):
    """Path patterns, compared with the normalised path, case-sensitive."""

    values: tuple[str, ...] = ()
    regex_values: tuple[str, ...] = ()


class HttpHeaderConfig(Model):
    """One header's values."""

    http_header_name: str
    values: tuple[str, ...] = ()
    regex_values: tuple[str, ...] = ()


class HttpRequestMethodConfig(Model):
    """Method tokens, compared exactly."""

    values: tuple[str, ...] = ()


class QueryStringKeyValue(Model):
    """A query parameter; without a key any parameter's value may match."""

    key: str | None = None
    value: str | None = None


class QueryStringConfig(Model):
    """Query parameters; one of the list has to match."""

    values: tuple[QueryStringKeyValue, ...] = ()


class SourceIpConfig(Model):
    """CIDR blocks that the TCP peer may be in."""

    values: tuple[str, ...] = ()


class RuleCondition(Model):
    """One condition: `Field` and the values in the field's own config, or in `Values` for host and path.

    Source: API reference, RuleCondition; user guide, rule-condition-types.
    """

    field: ConditionField
    values: tuple[str, ...] = ()
    regex_values: tuple[str, ...] = ()
    host_header_config: HostHeaderConfig | None = None
    path_pattern_config: PathPatternConfig | None = None
    http_header_config: HttpHeaderConfig | None = None
    http_request_method_config: HttpRequestMethodConfig | None = None
    query_string_config: QueryStringConfig | None = None
    source_ip_config: SourceIpConfig | None = None

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
