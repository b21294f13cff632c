"""Forwarding with stickiness: the cookies of the request decide first, and the response gets new ones.

Only a rule with something sticky is compiled to `StickyForwardAction`; all others run `ForwardAction` and pay nothing.
The decisions are `balancing/stickiness.py`'s.

In the response, AWSALBTG, AWSALBTGCORS, AWSALB and AWSALBCORS come in this order directly behind Date, Content-Type,
Content-Length or Transfer-Encoding, and Connection; AWSALBAPP-0 to -3 come behind all headers of the target (observed).
Answers that the load balancer makes itself carry no cookies (unconfirmed).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edgeproxy.balancing.stickiness import Visit, read_cookies
from edgeproxy.exchange.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Literal

    from edgeproxy.balancing.group import TargetGroupState
    from edgeproxy.balancing.stickiness import GroupStickiness, Reception, TargetStickiness
    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.protocol.message import ResponseHead

INVALID_GROUP_COOKIE: Final = "AWSALBTGCookieInvalid"
"""The access log's error_reason. Source: user guide, load-balancer-access-logs."""

_CONNECTION: Final = b"\r\nConnection: "


class StickySession:
    """What stickiness decided for one request, and adds to its response.

    Attributes:
        error_reason: What the access log says, or "".
    """

    __slots__ = ("_front", "_policy", "_reception", "_target", "_visit", "error_reason")

    def __init__(self, visit: Visit) -> None:
        self.error_reason = ""
        self._visit = visit
        self._front = ""
        self._policy: TargetStickiness | None = None
        self._reception: Reception | None = None
        self._target: TargetState | None = None

    @property
    def missed(self) -> Literal["lb_cookie", "app_cookie"] | None:
        """The type of target stickiness, as in `stickiness.type`, for which a target had to be chosen anew.

        None where a cookie was followed, or where the group's targets are not sticky.
        """
        if self._policy is None or self._reception is None or self._reception.target is not None:
            return None
        return self._policy.kind

    def choose_group(
        self, stickiness: GroupStickiness, choose: Callable[[], TargetGroupState | None]
    ) -> TargetGroupState | None:
        """The group that a cookie names, else the one that the weights draw."""
        reception = stickiness.receive(self._visit)
        if reception.is_invalid:
            self.error_reason = INVALID_GROUP_COOKIE
        group = reception.group or choose()
        if group is not None:
            self._front = stickiness.cookies(self._visit, group)
        return group

    def choose_target(self, group: TargetGroupState, policy: TargetStickiness | None) -> TargetState | None:
        """The target that a cookie names, else the one that the algorithm picks."""
        if policy is None:
            return group.pick()
        reception = policy.receive(self._visit)
        target = reception.target
        if target is None:
            target = group.pick()
        else:
            group.on_sticky_request()
        if target is not None:
            self._front += policy.cookies(self._visit, target)
        self._policy, self._reception, self._target = policy, reception, target
        return target

    def add_cookies(self, encoded: bytes, head: ResponseHead) -> bytes:
        """The response's encoded head with the cookies in their places; `head` is the target's."""
        # The first line of this name is the load balancer's own: before it stand only Date, type and length.
        end = encoded.index(b"\r\n", encoded.index(_CONNECTION) + len(_CONNECTION)) + 2
        last = ""
        if self._policy is not None and self._reception is not None and self._target is not None:
            set_cookies = head.values("set-cookie")
            last = self._policy.last_cookies(self._visit, self._reception, self._target, set_cookies)
        return b"".join((encoded[:end], self._front.encode(), encoded[end:-2], last.encode(), b"\r\n"))


class StickyForwardAction:  # hot path
    """Sends the request where its cookies lead, or on as `ForwardAction` does.

    Args:
        priority: The rule's priority as the access log writes it.
        choose: Draws a group by weight.
        groups: Target group stickiness of the action, if it is enabled.
        targets: Target stickiness by group, of the groups that have it.
        has_versions: Some group's protocol version is not HTTP1.
    """

    __slots__ = ("_choose", "_groups", "_has_versions", "_targets", "priority")

    def __init__(
        self,
        priority: str,
        choose: Callable[[], TargetGroupState | None],
        *,
        groups: GroupStickiness | None,
        targets: Mapping[TargetGroupState, TargetStickiness],
        has_versions: bool = False,
    ) -> None:
        self.priority = priority
        self._has_versions = has_versions
        self._choose = choose
        self._groups = groups
        self._targets = targets

    def perform(self, exchange: Exchange) -> None:
        """Picks a group, then a target in it."""
        exchange.actions += "forward"
        head = exchange.head
        assert head is not None
        cookies = read_cookies(head.header_values("cookie"))
        session = exchange.sticky = StickySession(Visit(cookies, exchange.epoch, head.fields.user_agent))
        group = self._choose() if self._groups is None else session.choose_group(self._groups, self._choose)
        if group is None:
            exchange.fail(Outcome.NO_TARGET)
            return
        exchange.group = group
        if self._has_versions and not exchange.is_taken_by(group.protocol_version):
            exchange.fail(Outcome.VERSION_REFUSED)
            return
        target = session.choose_target(group, self._targets.get(group))
        if target is None:
            exchange.fail(Outcome.NO_TARGET)
            return
        exchange.forward_to(target)
