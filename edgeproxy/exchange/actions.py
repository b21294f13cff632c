"""What each routing action does with an exchange. Compiled once per rule; `perform` runs for every request it matches.

Source: user guide, rule-action-types; API reference, Action.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from edgeproxy.exchange.forwarding import split_host
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.replies import Reply, redirect
from edgeproxy.protocol.message import ascii_lower
from edgeproxy.rules.rewrite import compile_redirect

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Literal

    from edgeproxy.balancing.group import TargetGroupState
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.model.action import FixedResponseConfig, RedirectConfig
    from edgeproxy.protocol.message import RequestHead
    from edgeproxy.rules.transform import Transformed


MAX_LOCATION: Final = 8 * 1024
"""A redirect to a longer URL is answered with 507. Source: user guide, load-balancer-troubleshooting."""


class CompiledAction(Protocol):
    """A rule's routing action, ready to run.

    Attributes:
        priority: The rule's priority as the access log writes it; "0" for the default rule.
    """

    priority: str

    def perform(self, exchange: Exchange) -> None:
        """Answers the exchange, or sends it on."""


class ForwardAction:  # hot path
    """Sends the request to a target of the chosen group. No failover from one group to another."""

    __slots__ = ("_choose", "priority")

    def __init__(self, priority: str, choose: Callable[[], TargetGroupState | None]) -> None:
        self.priority = priority
        self._choose = choose

    def perform(self, exchange: Exchange) -> None:
        """Picks a group, then a target in it."""
        exchange.actions += "forward"
        group = self._choose()
        if group is None:
            # Every weight is 0; what AWS answers is not documented (unconfirmed).
            exchange.fail(Outcome.NO_TARGET)
            return
        exchange.group = group
        target = group.pick()
        if target is None:
            exchange.fail(Outcome.NO_TARGET)
            return
        exchange.forward_to(target)


class VersionedForwardAction(ForwardAction):
    """The same where some group's protocol version is not HTTP1: it may not take the request."""

    __slots__ = ()

    def perform(self, exchange: Exchange) -> None:
        """Picks a group, then a target in it if the group takes such requests."""
        exchange.actions += "forward"
        group = self._choose()
        if group is None:
            exchange.fail(Outcome.NO_TARGET)
            return
        exchange.group = group
        if not exchange.is_taken_by(group.protocol_version):
            exchange.fail(Outcome.VERSION_REFUSED)
            return
        target = group.pick()
        if target is None:
            exchange.fail(Outcome.NO_TARGET)
            return
        exchange.forward_to(target)


def redirect_input(head: RequestHead, transformed: Transformed | None, default_host: str) -> tuple[str, str, str]:
    """What a redirect's keywords stand for: host without port, path and query.

    The path is the client's own spelling, not what conditions see (unconfirmed), unless a transform has rewritten it.
    """
    host, target = head.authority or head.host or default_host, head.target
    if transformed is not None:
        host = transformed.host or host
        target = transformed.target or target
    path, _, query = target.partition("#")[0].partition("?")
    return ascii_lower(split_host(host)[0]), path, query


class RedirectAction:
    """Answers 301 or 302 with a Location made from the request."""

    __slots__ = ("_default_host", "_locate", "_status", "priority")

    def __init__(
        self, priority: str, config: RedirectConfig, *, protocol: Literal["HTTP", "HTTPS"], port: int, default_host: str
    ) -> None:
        self.priority = priority
        self._status = int(config.status_code.removeprefix("HTTP_"))
        self._locate = compile_redirect(config, protocol=protocol, port=port)
        self._default_host = default_host

    def perform(self, exchange: Exchange) -> None:
        """Answers with the page and the Location."""
        head = exchange.head
        assert head is not None
        exchange.actions += "redirect"
        location = self._locate(*redirect_input(head, exchange.transformed, self._default_host))
        if len(location) > MAX_LOCATION:
            exchange.fail(Outcome.REDIRECT_TOO_LONG)
            return
        exchange.redirect_url = location
        exchange.reply(redirect(self._status, location), Outcome.REDIRECTED)


class FixedResponseAction:
    """Answers with a configured status, type and body."""

    __slots__ = ("_reply", "priority")

    def __init__(self, priority: str, config: FixedResponseConfig) -> None:
        self.priority = priority
        status = int(config.status_code)
        # A 204 ends with its head (RFC 9110 section 15.3.5): a body would be read as the next response.
        body = b"" if status == 204 else (config.message_body or "").encode()
        # The suffix was observed for text/plain; for the other types it is assumed (unconfirmed).
        self._reply = Reply(status, f"{config.content_type or 'text/plain'}; charset=utf-8", body)

    def perform(self, exchange: Exchange) -> None:
        """Answers with what was configured."""
        exchange.actions += "fixed-response"
        exchange.reply(self._reply, Outcome.FIXED_RESPONSE)
