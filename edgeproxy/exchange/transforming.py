"""A rule's transforms, carried out before its action.

The routing decision is made already: conditions have seen the request as the client sent it. What a transform makes of
it reaches the target, and a redirect's keywords; the access log keeps the original line beside it.
Source: user guide, rule-transforms. Whether transforms come before authentication is not documented (unconfirmed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.exchange.outcome import Outcome
from edgeproxy.rules.transform import TransformStatus, compile_transforms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.exchange.actions import CompiledAction
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.model.transform import RuleTransform
    from edgeproxy.protocol.message import RequestHead


def transform_input(head: RequestHead) -> tuple[str, str]:
    """What transforms see of a request: the Host value, and the path as rules see it with the query as sent."""
    _, mark, query = head.target.partition("#")[0].partition("?")
    # An absolute-form target names the host that is meant, whatever Host says (RFC 9112 section 3.2.2).
    return head.authority or head.fields.host, f"{head.path}{mark}{query}"


class TransformingAction:
    """Rewrites host and URL, then does what the rule's action does. Conditions have seen the request as it came.

    Attributes:
        action: What the rule does.
    """

    __slots__ = ("_transform", "action", "priority")

    def __init__(self, action: CompiledAction, transforms: Sequence[RuleTransform]) -> None:
        self.priority = action.priority
        self.action = action
        self._transform = compile_transforms(transforms)

    def perform(self, exchange: Exchange) -> None:
        """Goes on with the action, or answers 500. Source: user guide, rule-transforms."""
        head = exchange.head
        assert head is not None
        transformed = exchange.transformed = self._transform(*transform_input(head))
        if transformed.status.is_failure:
            exchange.actions = "rewrite"
            exchange.fail(Outcome.TRANSFORM_FAILED)
            return
        if transformed.status is TransformStatus.SUCCESS:
            exchange.actions = "rewrite,"
        self.action.perform(exchange)
