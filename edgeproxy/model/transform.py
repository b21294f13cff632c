"""RuleTransform: how a rule rewrites the host, or the path and query, of the requests it matches.

Source: user guide, rule-transforms; API reference, RuleTransform, RewriteConfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from edgeproxy.errors import ConfigError
from edgeproxy.model import regular_expression, validate
from edgeproxy.model.base import Model, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_REWRITE = 1024

TransformType = Literal["host-header-rewrite", "url-rewrite"]

CONFIG_KEYS = {"host-header-rewrite": "HostHeaderRewriteConfig", "url-rewrite": "UrlRewriteConfig"}
_LISTED = "host-header-rewrite,url-rewrite"


class RewriteConfig(Model, frozen=True):
    """What is looked for and what takes its place. Source: API reference, RewriteConfig."""

    missing_sentences = sentences(
        Regex="A 'Regex' must be specified for a rewrite", Replace="A 'Replace' must be specified for a rewrite"
    )

    regex: str
    """1-1024 characters; it may match a part of the text, the rest of which stays."""
    replace: str
    """At most 1024 characters; `$1`, `$2` stand for what the groups of the expression matched."""

    def problems(self) -> Iterator[ConfigError]:
        """Lengths and syntax."""
        yield from validate.length("Regex", self.regex, 1, MAX_REWRITE)
        yield from validate.length("Replace", self.replace, 0, MAX_REWRITE)
        if 1 <= len(self.regex) <= MAX_REWRITE:
            yield from regular_expression.syntax_problems("Regex", "Regex", self.regex)


class _Rewrites(Model, frozen=True):
    """One rewrite, in a list because the API has one."""

    rewrites: tuple[RewriteConfig, ...]
    """Exactly one Regex and Replace."""

    def problems(self) -> Iterator[ConfigError]:
        """The list is used with one entry only."""
        if len(self.rewrites) != 1:
            reason = f"A transform must have exactly one rewrite; this one has {len(self.rewrites)}"
            yield ConfigError("Rewrites", None, reason)


class HostHeaderRewriteConfig(_Rewrites, frozen=True):
    """Rewrites the Host header that the target gets. Source: API reference, HostHeaderRewriteConfig."""


class UrlRewriteConfig(_Rewrites, frozen=True):
    """Rewrites the path and query that the target gets; never the scheme, the host or the port.

    Source: API reference, UrlRewriteConfig.
    """


class RuleTransform(Model, frozen=True):
    """One transform: `Type` and the type's own config.

    Source: API reference, RuleTransform; user guide, rule-transforms.
    """

    missing_sentences = sentences(Type=f"A transform type must be specified, one of '[{_LISTED}]'")
    choice_sentences = sentences(Type=f"Transform type '{{value}}' must be one of '[{_LISTED}]'")

    type: TransformType
    """What is rewritten; at most one transform of each type in a rule."""
    host_header_rewrite_config: HostHeaderRewriteConfig | None = None
    """For `host-header-rewrite`."""
    url_rewrite_config: UrlRewriteConfig | None = None
    """For `url-rewrite`."""

    @property
    def rewrite(self) -> RewriteConfig:
        """The one rewrite, whatever the type."""
        config = self.host_header_rewrite_config or self.url_rewrite_config
        assert config is not None  # a law of this class
        return config.rewrites[0]

    def problems(self) -> Iterator[ConfigError]:
        """The config of the type is there, and no other."""
        given = {
            "HostHeaderRewriteConfig": self.host_header_rewrite_config,
            "UrlRewriteConfig": self.url_rewrite_config,
        }
        own_key = CONFIG_KEYS[self.type]
        if given[own_key] is None:
            reason = f"For transforms of type '{self.type}', you must specify the following fields: '{own_key}'"
            yield ConfigError("", None, reason)
        for key, config in given.items():
            if config is not None and key != own_key:
                reason = f"'{key}' cannot be specified for transforms of type '{self.type}'"
                yield ConfigError(key, None, reason, suggestion=own_key)


def transform_list_problems(key: str, transforms: Sequence[RuleTransform]) -> Iterator[ConfigError]:
    """At most one transform of each type. Source: API reference, CreateRule."""
    types = [transform.type for transform in transforms]
    sentence = "A rule can only have one transform of type '{key}'"
    yield from validate.unique(f"{key}[{{index}}].Type", types, sentence)
