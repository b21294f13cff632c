"""Sticky sessions: cookies that lead a client back to the target, or to the target group, that it had before.

    AWSALBTG, AWSALBTGCORS     the forward action's target group (`GroupStickiness`)
    AWSALB, AWSALBCORS         the target, by duration (`DurationStickiness`, type lb_cookie)
    AWSALBAPP-0 to -3          the target, while the application's cookie lasts (`ApplicationStickiness`, app_cookie)

The two of a pair have the same value; the CORS twin allows cross-site use, and wins if both came. Every forwarded
response gets a fresh cookie, so a duration is a time of inactivity. It is enforced by the time inside the token; the
`Expires` that the client sees is always seven days after the request was routed.

A cookie is followed only to a target of the pool: one that is healthy, or any while the group fails open. For a target
that drains, is unhealthy or is gone, another one is chosen and a cookie for that one is issued.

A value that cannot be read counts as none. Cookies reach the target as the client sent them. Nothing in here writes to
the group; times are seconds since 1970, because a cookie outlives the process.

Source: user guide, edit-target-group-attributes (sticky sessions) and rule-action-types (target group stickiness);
names, order and attributes of the cookies were observed on real load balancers.
"""

from __future__ import annotations

import functools
import re
import struct
from email.utils import formatdate
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from edgeproxy.balancing.sticky_token import APPLICATION, MARK_BYTES, TARGET, TARGET_GROUP, group_mark, target_mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Literal

    from edgeproxy.balancing.group import TargetGroupState
    from edgeproxy.balancing.sticky_token import TokenShape
    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.balancing.token_sealer import TokenSealer

EXPIRES_AFTER: Final = 7 * 24 * 3600
"""Seconds from the routing of a request to the `Expires` of its cookies, whatever the duration (observed)."""

SHARDS: Final = 4
"""AWSALBAPP-0 to -3; one is enough for every group that a load balancer may have."""
REMOVED: Final = "_remove_"
"""The value of a shard that holds nothing (observed)."""
MAX_SESSIONS: Final = 100
"""Groups that one AWSALBAPP-0 remembers, so that it stays below 4 KB: a load balancer has at most 100 groups."""

CHROMIUM_WITH_SAME_SITE: Final = 80
"""From this version on, browsers made from Chromium take a cookie without SameSite for `Lax`."""

_CHROMIUM: Final = re.compile(r"Chrom(?:e|ium)/(\d+)")
_ISSUED: Final = struct.Struct(">d")
_SHORT_MARK: Final = 8
_SESSION: Final = struct.Struct(f">{_SHORT_MARK}s{_SHORT_MARK}sd")


def read_cookies(headers: Iterable[str]) -> dict[str, str]:
    """The cookies of a request's Cookie headers; of those with the same name the first."""
    cookies: dict[str, str] = {}
    for header in headers:
        for pair in header.split(";"):
            name, equals, value = pair.partition("=")
            if equals:
                cookies.setdefault(name.strip(" \t"), value.strip(" \t"))
    return cookies


def expiry(epoch: float) -> str:
    """The attribute of a cookie for a request routed at `epoch`."""
    return _expiry(int(epoch))


@functools.lru_cache(maxsize=4)
def _expiry(second: int) -> str:
    # A pure function, remembered because all requests of one second share it: a date costs as much as a token.
    return f"Expires={formatdate(second + EXPIRES_AFTER, usegmt=True)}"


def cookie_pair(name: str, value: str, epoch: float, *, is_https: bool) -> str:
    """The header lines of a cookie and its CORS twin. Over HTTP the twin is not Secure (observed)."""
    attributes = f"{value}; {expiry(epoch)}; Path=/"
    cors = "SameSite=None; Secure" if is_https else "SameSite=None"
    return f"Set-Cookie: {name}={attributes}\r\nSet-Cookie: {name}CORS={attributes}; {cors}\r\n"


def wants_same_site(user_agent: str) -> bool:
    """Whether the client is a Chromium that needs `SameSite=None` said."""
    found = _CHROMIUM.search(user_agent)
    return found is not None and int(found[1]) >= CHROMIUM_WITH_SAME_SITE


class Visit(NamedTuple):
    """What stickiness looks at of a request.

    Attributes:
        cookies: As `read_cookies` says.
        epoch: When it was routed, in seconds since 1970.
        user_agent: The User-Agent header, or "".
    """

    cookies: Mapping[str, str]
    epoch: float
    user_agent: str = ""


class _Session(NamedTuple):
    """What a token says: the mark, and when it was issued."""

    mark: bytes
    issued: float


class _SessionTokens:
    """Tokens with one mark and the time of issue."""

    def __init__(self, sealer: TokenSealer, shape: TokenShape, duration: float) -> None:
        self._sealer = sealer
        self._shape = shape
        self._duration = duration

    def seal(self, mark: bytes, epoch: float) -> str:
        return self._sealer.seal(self._shape, mark + _ISSUED.pack(epoch))

    def open(self, value: str) -> _Session | None:
        """None if it cannot be read."""
        content = self._sealer.open(self._shape, value)
        if content is None or len(content) < MARK_BYTES + _ISSUED.size:
            return None
        return _Session(content[:MARK_BYTES], _ISSUED.unpack_from(content, MARK_BYTES)[0])

    def is_fresh(self, session: _Session, epoch: float) -> bool:
        return epoch - session.issued <= self._duration


class _Marks:
    """The targets of a group by mark, `size` bytes of it; made anew after each registration."""

    def __init__(self, group: TargetGroupState, size: int = MARK_BYTES) -> None:
        self._group = group
        self._size = size
        self._registered: Mapping[tuple[str, int], TargetState] = {}
        self._by_mark: dict[bytes, TargetState] = {}

    def mark(self, target: TargetState) -> bytes:
        return target_mark(self._group.arn, target.id, target.port)[: self._size]

    def usable(self, mark: bytes) -> TargetState | None:
        """The target with this mark, if it may get requests now."""
        group = self._group
        if self._registered is not group.targets:
            self._registered = group.targets
            self._by_mark = {self.mark(target): target for target in group.targets.values()}
        target = self._by_mark.get(mark)
        return target if group.is_usable(target) else None


class Reception(NamedTuple):
    """How stickiness received a request.

    Attributes:
        target: Where a cookie leads, or None: then the algorithm chooses.
        reason: Why, as a phrase for people.
        continues: The client has a session with the group, even if its target cannot be used any more.
        sessions: Sessions with other groups that the response's cookie must not forget.
    """

    target: TargetState | None
    reason: str
    continues: bool = False
    sessions: Mapping[bytes, tuple[bytes, float]] = MappingProxyType({})


class TargetStickiness(Protocol):
    """Target stickiness of one group on one listener.

    Attributes:
        kind: The value of the attribute `stickiness.type`.
    """

    @property
    def kind(self) -> Literal["lb_cookie", "app_cookie"]:
        """See the class."""

    def receive(self, visit: Visit) -> Reception:
        """Where the request's cookies lead."""

    def cookies(self, visit: Visit, target: TargetState) -> str:
        """Header lines that follow the response's Date, Content-Type, Content-Length and Connection."""

    def last_cookies(self, visit: Visit, reception: Reception, target: TargetState, set_cookies: Sequence[str]) -> str:
        """Header lines that follow all others, given the values of the target's Set-Cookie headers."""


class DurationStickiness:
    """Type lb_cookie: AWSALB and AWSALBCORS.

    Args:
        group: Whose targets.
        sealer: Makes and reads the values.
        duration: Seconds without a request after which the client may move.
        is_https: The listener's protocol.
    """

    kind: Final = "lb_cookie"

    def __init__(self, group: TargetGroupState, sealer: TokenSealer, duration: float, *, is_https: bool) -> None:
        self._marks = _Marks(group)
        self._tokens = _SessionTokens(sealer, TARGET, duration)
        self._is_https = is_https

    def receive(self, visit: Visit) -> Reception:
        """See `TargetStickiness`."""
        name = "AWSALBCORS" if "AWSALBCORS" in visit.cookies else "AWSALB"
        value = visit.cookies.get(name)
        if value is None:
            return Reception(None, "the request has no cookie AWSALB or AWSALBCORS")
        session = self._tokens.open(value)
        if session is None:
            return Reception(None, f"the cookie {name} cannot be read")
        if not self._tokens.is_fresh(session, visit.epoch):
            return Reception(None, f"the cookie {name} is older than the duration")
        target = self._marks.usable(session.mark)
        if target is None:
            return Reception(None, f"the cookie {name} names no target that gets requests now")
        return Reception(target, f"the cookie {name} names it", continues=True)

    def cookies(self, visit: Visit, target: TargetState) -> str:
        """See `TargetStickiness`."""
        value = self._tokens.seal(self._marks.mark(target), visit.epoch)
        return cookie_pair("AWSALB", value, visit.epoch, is_https=self._is_https)

    def last_cookies(self, visit: Visit, reception: Reception, target: TargetState, set_cookies: Sequence[str]) -> str:
        """None."""
        return ""


class ApplicationStickiness:
    """Type app_cookie: AWSALBAPP-0 to -3 beside a cookie of the application's own.

    The client is led back only with both: the application's cookie, whose value does not matter, and AWSALBAPP-0. One
    AWSALBAPP-0 serves all groups of a load balancer, so it holds a session for each. A response without any session to
    tell removes all four shards, even from clients that have none (observed). What Chromium gets over plain HTTP is not
    known; it is told `Secure` there as well (unconfirmed).

    Args:
        group: Whose targets.
        sealer: Makes and reads the values.
        cookie_name: The application's cookie; compared with case (unconfirmed).
        duration: Seconds without a request after which the client may move.
    """

    kind: Final = "app_cookie"

    def __init__(self, group: TargetGroupState, sealer: TokenSealer, cookie_name: str, duration: float) -> None:
        self._marks = _Marks(group, _SHORT_MARK)
        self._sealer = sealer
        self._own = group_mark(group.arn)[:_SHORT_MARK]
        self._cookie_name = cookie_name
        self._duration = duration

    def receive(self, visit: Visit) -> Reception:
        """See `TargetStickiness`."""
        value = visit.cookies.get("AWSALBAPP-0", REMOVED)
        if value == REMOVED:
            return Reception(None, "the request has no cookie AWSALBAPP-0")
        content = self._sealer.open(APPLICATION, value)
        if content is None:
            return Reception(None, "the cookie AWSALBAPP-0 cannot be read")
        sessions = {mark: (target, issued) for mark, target, issued in _SESSION.iter_unpack(content) if issued}
        own = sessions.pop(self._own, None)

        def chosen_anew(reason: str, *, continues: bool = False) -> Reception:
            return Reception(None, reason, continues, sessions)

        if own is None:
            return chosen_anew("the cookie AWSALBAPP-0 says nothing about this target group")
        if self._cookie_name not in visit.cookies:
            return chosen_anew(f"the request has no cookie {self._cookie_name}")
        if visit.epoch - own[1] > self._duration:
            return chosen_anew("the cookie AWSALBAPP-0 is older than the duration")
        target = self._marks.usable(own[0])
        if target is None:
            return chosen_anew("the cookie AWSALBAPP-0 names no target that gets requests now", continues=True)
        return Reception(target, f"the cookies AWSALBAPP-0 and {self._cookie_name} name it", True, sessions)

    def cookies(self, visit: Visit, target: TargetState) -> str:
        """None."""
        return ""

    def last_cookies(self, visit: Visit, reception: Reception, target: TargetState, set_cookies: Sequence[str]) -> str:
        """See `TargetStickiness`.

        A client that was sticky and had to be given another target is led to that one from now on, whether or not the
        application sets its cookie again.
        """
        sessions = dict(reception.sessions)
        begins = any(each.partition("=")[0].strip(" \t") == self._cookie_name for each in set_cookies)
        if begins or reception.continues:
            sessions[self._own] = (self._marks.mark(target), visit.epoch)
        data = self._seal(sessions) if sessions else REMOVED
        attributes = f"{expiry(visit.epoch)}; Path=/"
        if wants_same_site(visit.user_agent):
            attributes += "; SameSite=None; Secure"
        values = [data, *[REMOVED] * (SHARDS - 1)]
        return "".join(f"Set-Cookie: AWSALBAPP-{shard}={value}; {attributes}\r\n" for shard, value in enumerate(values))

    def _seal(self, sessions: Mapping[bytes, tuple[bytes, float]]) -> str:
        latest = sorted(sessions.items(), key=lambda item: item[1][1])[-MAX_SESSIONS:]
        content = b"".join(_SESSION.pack(mark, target, issued) for mark, (target, issued) in latest)
        return self._sealer.seal(APPLICATION, content)


class GroupReception(NamedTuple):
    """Which group a cookie leads to, if any; why; and whether there was a cookie that could not be read."""

    group: TargetGroupState | None
    reason: str
    is_invalid: bool = False


class GroupStickiness:
    """AWSALBTG and AWSALBTGCORS of one forward action.

    A cookie is honoured while its group is in the action, whatever the group's weight has become, 0 included
    (unconfirmed). That AWSALBTGCORS wins over AWSALBTG is taken over from AWSALBCORS (unconfirmed).

    Args:
        groups: The action's groups.
        sealer: Makes and reads the values.
        duration: Seconds without a request after which the client may move.
        is_https: The listener's protocol.
    """

    def __init__(
        self, groups: Iterable[TargetGroupState], sealer: TokenSealer, duration: float, *, is_https: bool
    ) -> None:
        self._groups = {group_mark(group.arn): group for group in groups}
        self._marks = {group: mark for mark, group in self._groups.items()}
        self._tokens = _SessionTokens(sealer, TARGET_GROUP, duration)
        self._is_https = is_https

    def receive(self, visit: Visit) -> GroupReception:
        """Where the request's cookies lead."""
        name = "AWSALBTGCORS" if "AWSALBTGCORS" in visit.cookies else "AWSALBTG"
        value = visit.cookies.get(name)
        if value is None:
            return GroupReception(None, "the request has no cookie AWSALBTG or AWSALBTGCORS")
        session = self._tokens.open(value)
        if session is None:
            return GroupReception(None, f"the cookie {name} cannot be read", is_invalid=True)
        if not self._tokens.is_fresh(session, visit.epoch):
            return GroupReception(None, f"the cookie {name} is older than the duration")
        group = self._groups.get(session.mark)
        if group is None:
            return GroupReception(None, f"the cookie {name} names no target group of this action")
        return GroupReception(group, f"the cookie {name} names it")

    def cookies(self, visit: Visit, group: TargetGroupState) -> str:
        """Header lines that follow the response's Date, Content-Type, Content-Length and Connection."""
        value = self._tokens.seal(self._marks[group], visit.epoch)
        return cookie_pair("AWSALBTG", value, visit.epoch, is_https=self._is_https)
