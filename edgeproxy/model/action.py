"""Action: what a rule does with the requests it matches."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

from edgeproxy.errors import ConfigError
from edgeproxy.model import validate
from edgeproxy.model.base import Model, sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CODE = "InvalidLoadBalancerAction"

MAX_GROUPS = 5
MAX_ACTIONS = 2
MAX_STICKINESS_SECONDS = 604800
CONTENT_TYPES = ("text/html", "application/json", "application/javascript", "text/css", "text/plain")

LOOP = "The redirect configuration is not valid because it creates a loop."
NO_DOWNGRADE = "You cannot redirect HTTPS to HTTP"
_BAD_PATH = (
    "The Path parameter must be a valid path, should start with a '/' and may contain up to one of each of these "
    "placeholders: '#{path}', '#{host}', '#{port}'."
)
_BAD_CONTENT_TYPE = (
    "The ContentType must be one of:'text/html', 'application/json', 'application/javascript', 'text/css', 'text/plain'"
)

_PLACEHOLDER = re.compile(r"#\{[^}]*\}?")
_VISIBLE = re.compile(r"[!-~]*\Z")
_FIXED_STATUS = re.compile(r"[245][0-9][0-9]\Z")


class TargetGroupTuple(Model, frozen=True):
    """One target group of a forward action and its share. Source: API reference, TargetGroupTuple."""

    target_group_arn: str
    """The target group's name or ARN."""
    weight: int = 1
    """0-999: the share is this by the sum of all; 0 gets no requests. Required where there are several groups."""

    def problems(self) -> Iterator[ConfigError]:
        """The weight is in its range."""
        yield from validate.between("Weight", self.weight, 0, 999)


class TargetGroupStickinessConfig(Model, frozen=True):
    """Whether a client stays with the target group it was first given.

    Source: API reference, TargetGroupStickinessConfig; user guide, rule-action-types.
    """

    enabled: bool = False
    """Where true, clients get the cookies AWSALBTG and AWSALBTGCORS and come back to the group they name."""
    duration_seconds: int | None = None
    """1-604800; required where enabled."""

    def problems(self) -> Iterator[ConfigError]:
        """A duration where one is needed, in its range."""
        if self.duration_seconds is not None:
            yield from validate.between("DurationSeconds", self.duration_seconds, 1, MAX_STICKINESS_SECONDS)
        elif self.enabled:
            reason = "A 'DurationSeconds' must be specified when target group stickiness is enabled"
            yield ConfigError("DurationSeconds", None, reason, code=CODE)


class ForwardConfig(Model, frozen=True):
    """One to five target groups with weights. Source: API reference, ForwardActionConfig."""

    target_groups: tuple[TargetGroupTuple, ...]
    """1-5 entries."""
    target_group_stickiness_config: TargetGroupStickinessConfig | None = None
    """Whether a client stays with its target group; needed where a group of several is sticky itself."""

    def problems(self) -> Iterator[ConfigError]:
        """At least one target group, at most five."""
        if not self.target_groups:
            yield ConfigError("TargetGroups", None, "A forward action needs at least one target group", code=CODE)
        yield from validate.at_most(
            "TargetGroups",
            len(self.target_groups),
            MAX_GROUPS,
            "A forward action can only have '{limit}' target groups; this one has {count}",
            code="TooManyTargetGroups",
        )


class RedirectConfig(Model, frozen=True):
    """Where the client is sent. Each part may hold placeholders. Source: API reference, RedirectActionConfig."""

    choice_sentences = sentences(StatusCode="The StatusCode '{value}' must be one of: 'HTTP_301', 'HTTP_302'")

    status_code: Literal["HTTP_301", "HTTP_302"]
    """Permanent or temporary."""
    protocol: Literal["HTTP", "HTTPS", "#{protocol}"] = "#{protocol}"
    """HTTPS cannot be redirected to HTTP."""
    host: str = "#{host}"
    """1-128 characters; may hold `#{host}`."""
    port: str = "#{port}"
    """1-65535 or `#{port}`. Changing the protocol alone keeps the port, so say `443` with HTTPS."""
    path: str = "/#{path}"
    """1-128 characters, beginning with `/`; may hold `#{host}`, `#{path}` and `#{port}`, each once."""
    query: str = "#{query}"
    """0-128 characters without `?`; may hold any placeholder; empty drops the query."""

    @property
    def keeps_place(self) -> bool:
        """Protocol, host, port and path are what the client asked for already; a query alone does not count."""
        return (self.protocol, self.port) == ("#{protocol}", "#{port}") and self.keeps_host_and_path

    @property
    def keeps_host_and_path(self) -> bool:
        """Host and path are what the client asked for already."""
        return self.host.lower() == "#{host}" and self.path == "/#{path}"

    def problems(self) -> Iterator[ConfigError]:
        """The laws that need no listener. Source: user guide, rule-action-types."""
        if self.keeps_place:
            yield ConfigError("", None, LOOP, code=CODE)
        yield from validate.length("Host", self.host, 1, 128)
        yield from validate.length("Query", self.query, 0, 128)
        yield from self._port_problems()
        yield from self._path_problems()
        yield from self._text_problems("Host", self.host, {"#{host}"}, "/?")
        yield from self._text_problems(
            "Query", self.query, {"#{protocol}", "#{host}", "#{port}", "#{path}", "#{query}"}, ""
        )
        if self.query.startswith("?"):
            reason = f"The Query parameter '{self.query}' must not begin with '?', which is added"
            yield ConfigError("Query", self.query, reason, code=CODE, suggestion=self.query[1:])

    def _port_problems(self) -> Iterator[ConfigError]:
        is_number = self.port.isdecimal() and len(self.port) < 6
        if self.port != "#{port}" and not (is_number and 1 <= int(self.port) <= validate.MAX_PORT):
            reason = (
                f"The Port parameter '{self.port}' must be '#{{port}}' or between '1-{validate.MAX_PORT}' inclusive"
            )
            yield ConfigError("Port", self.port, reason)

    def _path_problems(self) -> Iterator[ConfigError]:
        found = _PLACEHOLDER.findall(self.path)
        is_valid = (
            self.path.startswith("/")
            and _VISIBLE.match(self.path)
            and set(found) <= {"#{path}", "#{host}", "#{port}"}
            and len(found) == len(set(found))
        )
        if not is_valid:
            yield ConfigError("Path", self.path, _BAD_PATH, code=CODE)
        yield from validate.length("Path", self.path, 1, 128)

    def _text_problems(self, key: str, value: str, allowed: set[str], refused: str) -> Iterator[ConfigError]:
        """Only known placeholders and characters that a Location header can carry."""
        for placeholder in _PLACEHOLDER.findall(value):
            if placeholder not in allowed:
                listed = ", ".join(f"'{one}'" for one in sorted(allowed))
                reason = f"The {key} parameter may not contain '{placeholder}', only these placeholders: {listed}"
                yield ConfigError(key, value, reason, code=CODE)
        if not _VISIBLE.match(value) or any(character in value for character in refused):
            reason = f"The {key} parameter '{value}' contains a character that a {key.lower()} cannot have"
            yield ConfigError(key, value, reason, code=CODE)


class FixedResponseConfig(Model, frozen=True):
    """An answer by the load balancer itself. Source: API reference, FixedResponseActionConfig."""

    missing_sentences = sentences(StatusCode="A StatusCode must be specified for a fixed-response action")

    status_code: str
    """2xx, 4xx or 5xx."""
    content_type: str | None = None
    """text/plain, text/css, text/html, application/javascript or application/json; text/plain where omitted."""
    message_body: str | None = None
    """At most 1024 characters; no placeholders."""

    def problems(self) -> Iterator[ConfigError]:
        """Source: user guide, rule-action-types."""
        if not _FIXED_STATUS.match(self.status_code):
            reason = f"The StatusCode '{self.status_code}' must be 2, 4 or 5 followed by two digits (2XX, 4XX or 5XX)"
            yield ConfigError("StatusCode", self.status_code, reason)
        if self.content_type is not None and self.content_type not in CONTENT_TYPES:
            yield ConfigError("ContentType", self.content_type, _BAD_CONTENT_TYPE, code=CODE)
        if self.message_body is not None:
            yield from validate.length("MessageBody", self.message_body, 0, 1024)


class Action(Model, frozen=True):
    """One action. Source: API reference, Action; user guide, rule-action-types."""

    missing_sentences = sentences(Type="An action type must be specified: 'forward', 'redirect' or 'fixed-response'")

    type: Literal["forward", "redirect", "fixed-response"]
    """What happens: another server answers, the client is sent elsewhere, or the load balancer answers by itself."""
    order: int | None = None
    """1-50000; required where there are several actions. The lowest runs first."""
    target_group_arn: str | None = None
    """For `forward` to one target group: its name or ARN."""
    forward_config: ForwardConfig | None = None
    """For `forward`, to several target groups by weight."""
    redirect_config: RedirectConfig | None = None
    """For `redirect`."""
    fixed_response_config: FixedResponseConfig | None = None
    """For `fixed-response`."""

    @property
    def forward_targets(self) -> tuple[TargetGroupTuple, ...]:
        """The target groups of a forward action, however it was written; empty for other types."""
        if self.forward_config is not None:
            return self.forward_config.target_groups
        if self.target_group_arn is not None:
            return (TargetGroupTuple(target_group_arn=self.target_group_arn),)
        return ()

    def problems(self) -> Iterator[ConfigError]:
        """The config of the type is there, and no other."""
        if self.order is not None:
            yield from validate.between("Order", self.order, 1, 50000)
        given = {
            "TargetGroupArn": (self.target_group_arn, "forward"),
            "ForwardConfig": (self.forward_config, "forward"),
            "RedirectConfig": (self.redirect_config, "redirect"),
            "FixedResponseConfig": (self.fixed_response_config, "fixed-response"),
        }
        if not any(value is not None and kind == self.type for value, kind in given.values()):
            needed = " or ".join(f"'{key}'" for key, (_, kind) in given.items() if kind == self.type)
            reason = f"For actions of type '{self.type}', you must specify the following fields: {needed}"
            yield ConfigError("", None, reason, code=CODE)
        for key, (value, kind) in given.items():
            if value is not None and kind != self.type:
                reason = f"'{key}' cannot be specified for actions of type '{self.type}'"
                yield ConfigError(key, value, reason, code=CODE)
        yield from self._forward_problems()

    def _forward_problems(self) -> Iterator[ConfigError]:
        """Both spellings at once must say the same. Source: API reference, Action, ForwardConfig."""
        if self.target_group_arn is None or self.forward_config is None:
            return
        if [group.target_group_arn for group in self.forward_config.target_groups] != [self.target_group_arn]:
            reason = "'TargetGroupArn' and 'ForwardConfig' must name the same single target group when both are given"
            yield ConfigError("ForwardConfig", None, reason, code=CODE)


def action_list_problems(key: str, actions: Sequence[Action]) -> Iterator[ConfigError]:
    """The laws for the actions of one rule. Source: API reference, Action; user guide, load-balancer-limits.

    Args:
        key: Where the list stands: `Actions` or `DefaultActions`.
        actions: The list.
    """
    if not actions:
        yield ConfigError(
            key, None, "A rule needs one action of type 'forward', 'redirect' or 'fixed-response'", code=CODE
        )
    if len(actions) < 2:
        return
    yield from validate.at_most(
        key,
        len(actions),
        MAX_ACTIONS,
        "A rule can only have '{limit}' actions; this one has {count}",
        code="TooManyActions",
    )
    for index, action in enumerate(actions):
        if action.order is None:
            reason = "An 'Order' must be specified for each action when a rule has several actions"
            yield ConfigError(f"{key}[{index}].Order", None, reason, code=CODE)
    orders = [action.order for action in actions if action.order is not None]
    if len(orders) == len(actions):
        yield from validate.unique(
            f"{key}[{{index}}].Order", orders, "The 'Order' {key} is used by more than one action", CODE
        )
    # Every type that is built is a routing action, so several of them are always one too many.
    types = ", ".join(f"'{action.type}'" for action in actions)
    reason = (
        f"A rule must have exactly one of the actions 'forward', 'redirect' and 'fixed-response'; this one has {types}"
    )
    yield ConfigError(key, None, reason, code=CODE)
