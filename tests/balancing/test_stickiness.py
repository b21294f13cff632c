"""Sticky sessions: where cookies lead, and which ones a response carries. A `Browser` keeps and returns them."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.balancing.stickiness import (
    ApplicationStickiness,
    DurationStickiness,
    GroupStickiness,
    TargetStickiness,
    Visit,
    read_cookies,
    wants_same_site,
)
from edgeproxy.balancing.token_sealer import TokenSealer
from edgeproxy.model.target import TargetHealth, TargetHealthState

if TYPE_CHECKING:
    from edgeproxy.balancing.target_state import TargetState

PAGE = "edit-target-group-attributes"
STATES = {"H": TargetHealthState.HEALTHY, "U": TargetHealthState.UNHEALTHY, "D": TargetHealthState.DRAINING}
SEALER = TokenSealer(b"k" * 32, random.Random(1).randbytes)
NOON = 1_763_812_904.9  # Sat, 22 Nov 2025 12:01:44 GMT
IN_A_WEEK = "Expires=Sat, 29 Nov 2025 12:01:44 GMT; Path=/"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"


def group_of(letters: str, name: str = "api") -> TargetGroupState:
    group = TargetGroupState(name, f"arn:{name}")
    group.update((f"10.0.0.{number}", 80) for number in range(len(letters)))
    set_states(group, letters)
    return group


def set_states(group: TargetGroupState, letters: str) -> None:
    for target, letter in zip(group.targets.values(), letters, strict=True):
        target.health = TargetHealth(STATES[letter])
    group.on_health_change()


class Browser:
    """A client that returns the cookies it was given."""

    def __init__(self, policy: TargetStickiness, group: TargetGroupState, user_agent: str = "") -> None:
        self.policy = policy
        self.group = group
        self.user_agent = user_agent
        self.cookies: dict[str, str] = {}
        self.lines: list[str] = []

    def ask(self, epoch: float = NOON, *set_cookies: str) -> TargetState:
        """One request and its response, in which the target sets these cookies."""
        visit = Visit(dict(self.cookies), epoch, self.user_agent)
        reception = self.policy.receive(visit)
        target = reception.target or self.group.pick()
        assert target is not None
        text = self.policy.cookies(visit, target) + self.policy.last_cookies(visit, reception, target, set_cookies)
        self.lines = text.splitlines()
        for line in (*self.lines, *(f"Set-Cookie: {each}" for each in set_cookies)):
            name, _, value = line.removeprefix("Set-Cookie: ").partition(";")[0].partition("=")
            self.cookies[name] = value
        return target

    @property
    def shown(self) -> list[str]:
        """The lines with each opaque value as DATA."""
        return [re.sub(r"=[A-Za-z0-9+/=]{100,}", "=DATA", line) for line in self.lines]


def by_duration(letters: str = "HHH", *, duration: float = 86400, is_https: bool = True) -> Browser:
    group = group_of(letters)
    return Browser(DurationStickiness(group, SEALER, duration, is_https=is_https), group)


def by_application(letters: str = "HHH", *, duration: float = 86400, user_agent: str = "") -> Browser:
    group = group_of(letters)
    return Browser(ApplicationStickiness(group, SEALER, "S", duration), group, user_agent)


# ---- reading cookies


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], {}),
        (["a=1; b=2"], {"a": "1", "b": "2"}),
        (["a=1;b=2", "c=3"], {"a": "1", "b": "2", "c": "3"}),
        (["a=1; a=2"], {"a": "1"}),
        (["a=x=y==; b"], {"a": "x=y=="}),
        ([" a = 1 "], {"a": "1"}),
    ],
)
def test_cookies_are_read(headers: list[str], expected: dict[str, str]) -> None:
    assert expected == read_cookies(headers)


# ---- duration-based


@pytest.mark.conformance("lb_cookie", "AWSALB and AWSALBCORS with one value, attributes as observed", PAGE)
@pytest.mark.parametrize(("is_https", "cors"), [(True, "; SameSite=None; Secure"), (False, "; SameSite=None")])
def test_the_pair_of_cookies(*, is_https: bool, cors: str) -> None:
    browser = by_duration(is_https=is_https)
    browser.ask()
    assert [
        f"Set-Cookie: AWSALB=DATA; {IN_A_WEEK}",
        f"Set-Cookie: AWSALBCORS=DATA; {IN_A_WEEK}{cors}",
    ] == browser.shown
    assert browser.cookies["AWSALB"] == browser.cookies["AWSALBCORS"]


@pytest.mark.conformance("lb_cookie", "a fresh value with every response, for the same target", PAGE)
def test_the_client_stays_and_gets_a_fresh_value_each_time() -> None:
    browser = by_duration()
    first, value = browser.ask(), browser.cookies["AWSALB"]
    assert [first] * 5 == [browser.ask() for _ in range(5)]
    assert value != browser.cookies["AWSALB"]


@pytest.mark.conformance("lb_cookie", "AWSALBCORS wins over AWSALB", PAGE)
def test_the_cors_twin_wins() -> None:
    browser = by_duration()
    to_first, first = browser.ask(), browser.cookies["AWSALB"]
    browser.cookies.clear()
    to_second, second = browser.ask(), browser.cookies["AWSALB"]
    assert to_first is not to_second
    browser.cookies = {"AWSALB": first, "AWSALBCORS": second}
    assert to_second is browser.ask()
    browser.cookies = {"AWSALB": first}
    assert to_first is browser.ask()


@pytest.mark.conformance("lb_cookie", "the duration slides with each request", PAGE)
def test_the_duration_is_a_time_of_inactivity() -> None:
    browser = by_duration(duration=2)
    first = browser.ask(NOON)
    assert [first, first] == [browser.ask(NOON + 1.5), browser.ask(NOON + 3.0)]
    assert first is not browser.ask(NOON + 6.0)


@pytest.mark.conformance("lb_cookie", "a value that cannot be read counts as none", PAGE)
@pytest.mark.parametrize("spoil", [lambda _: "garbage", lambda value: quote(value, safe=""), lambda value: value[:-4]])
def test_what_cannot_be_read_is_replaced(spoil: object) -> None:
    assert callable(spoil)
    browser = by_duration()
    first = browser.ask()
    while "/" not in (value := browser.cookies["AWSALB"]):
        browser.ask()
    browser.cookies = dict.fromkeys(["AWSALB", "AWSALBCORS"], spoil(value))
    second = browser.ask()
    assert first is not second
    assert second is browser.ask()


@pytest.mark.conformance("sticky target", "unhealthy or draining: another one, and a cookie for that", PAGE)
@pytest.mark.parametrize("state", ["U", "D"])
def test_a_target_out_of_use_is_left_for_good(state: str) -> None:
    browser = by_duration()
    first = browser.ask()
    set_states(browser.group, state + "HH")
    second = browser.ask()
    assert first is not second
    set_states(browser.group, "HHH")
    assert second is browser.ask()


@pytest.mark.conformance("sticky target", "deregistered: another one", PAGE)
def test_a_deregistered_target_is_left() -> None:
    browser = by_duration()
    first = browser.ask()
    browser.group.update([("10.0.0.1", 80), ("10.0.0.2", 80)], drain_seconds=300)
    assert first is not browser.ask()


@pytest.mark.conformance("sticky target", "kept while the group fails open", PAGE, status="default")
def test_an_unhealthy_target_is_kept_while_the_group_fails_open() -> None:
    browser = by_duration()
    first = browser.ask()
    set_states(browser.group, "UUU")
    assert [first] * 3 == [browser.ask() for _ in range(3)]


def test_a_cookie_of_another_group_counts_as_none() -> None:
    browser = by_duration()
    browser.ask()
    other = group_of("HHH", "web")
    reception = DurationStickiness(other, SEALER, 60, is_https=True).receive(Visit(browser.cookies, NOON))
    assert "the cookie AWSALBCORS names no target that gets requests now" == reception.reason


def test_another_node_with_the_same_key_honours_the_cookie() -> None:
    """A cookie names its target by what is the same everywhere; nothing is remembered here."""
    browser = by_duration()
    first = browser.ask()
    elsewhere = group_of("HHH")
    policy = DurationStickiness(elsewhere, TokenSealer(b"k" * 32, random.Random(2).randbytes), 60, is_https=True)
    found = policy.receive(Visit(browser.cookies, NOON)).target
    assert found is not None
    assert first.key == found.key


@given(steps=st.lists(st.sampled_from(["ask", "flip1", "flip2", "wait", "comes", "leaves"]), max_size=40))
def test_a_sticky_client_never_moves_while_its_target_is_healthy(steps: list[str]) -> None:
    browser = by_duration("HHH", duration=100)
    home = browser.ask()
    states, time = ["H", "H", "H"], NOON
    extra: list[tuple[str, int]] = []
    for step in steps:
        match step:
            case "flip1" | "flip2":
                states[int(step[-1])] = "U" if states[int(step[-1])] == "H" else "H"
            case "comes" | "leaves":
                extra = [("10.0.9.9", 80)] if step == "comes" else []
            case "wait":
                time += 99
        browser.group.update([*(("10.0.0." + str(number), 80) for number in range(3)), *extra])
        set_states(browser.group, "".join(states) + "H" * len(extra))
        assert home is browser.ask(time)


# ---- application-based


def removed(attributes: str = IN_A_WEEK, first: int = 0) -> list[str]:
    return [f"Set-Cookie: AWSALBAPP-{shard}=_remove_; {attributes}" for shard in range(first, 4)]


@pytest.mark.conformance("app_cookie", "without the application's cookie all four are _remove_", PAGE)
def test_without_a_session_all_shards_are_removed() -> None:
    browser = by_application()
    browser.ask()
    assert removed() == browser.shown
    browser.ask()
    assert removed() == browser.shown


@pytest.mark.conformance("app_cookie", "AWSALBAPP-0 holds the data, the others are _remove_", PAGE)
def test_the_applications_cookie_begins_a_session() -> None:
    browser = by_application()
    first = browser.ask(NOON, "S=1; HttpOnly")
    assert [f"Set-Cookie: AWSALBAPP-0=DATA; {IN_A_WEEK}", *removed(first=1)] == browser.shown
    assert [first] * 4 == [browser.ask() for _ in range(4)]
    assert f"Set-Cookie: AWSALBAPP-0=DATA; {IN_A_WEEK}" == browser.shown[0]


@pytest.mark.conformance("app_cookie", "both cookies are needed", PAGE)
@pytest.mark.parametrize("missing", ["S", "AWSALBAPP-0"])
def test_without_either_cookie_the_target_is_chosen_anew(missing: str) -> None:
    browser = by_application()
    first = browser.ask(NOON, "S=1")
    del browser.cookies[missing]
    assert first is not browser.ask()
    assert removed() == browser.shown


@pytest.mark.conformance("app_cookie", "the name is compared, with case", PAGE, status="default")
@pytest.mark.parametrize("set_cookie", ["s=1", "SS=1", "X=S=1"])
def test_other_cookies_begin_no_session(set_cookie: str) -> None:
    browser = by_application()
    browser.ask(NOON, set_cookie)
    assert removed() == browser.shown


@pytest.mark.conformance("app_cookie", "the duration counts from the last response", PAGE)
def test_the_session_ends_with_the_duration() -> None:
    browser = by_application(duration=20)
    first = browser.ask(NOON, "S=1")
    assert [first, first] == [browser.ask(NOON + 15), browser.ask(NOON + 30)]
    assert first is not browser.ask(NOON + 51)


@pytest.mark.conformance("app_cookie", "a session that had to move stays with its new target", PAGE)
def test_a_session_moves_once() -> None:
    browser = by_application()
    browser.ask(NOON, "S=1")
    set_states(browser.group, "UHH")
    second = browser.ask()
    set_states(browser.group, "HHH")
    assert [second] * 3 == [browser.ask() for _ in range(3)]


@pytest.mark.conformance("app_cookie", "SameSite=None; Secure only for Chromium 80 and later", PAGE)
@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (CHROME, True),
        (CHROME.replace("142", "79"), False),
        (CHROME.replace("142", "80"), True),
        ("Chromium/100.0", True),
        ("curl/8.5.0", False),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", False),
    ],
)
def test_chromium_is_told_the_same_site(*, user_agent: str, expected: bool) -> None:
    assert expected == wants_same_site(user_agent)
    browser = by_application(user_agent=user_agent)
    browser.ask()
    assert removed(IN_A_WEEK + "; SameSite=None; Secure" if expected else IN_A_WEEK) == browser.shown


@pytest.mark.conformance("app_cookie", "one cookie covers all groups of the load balancer", PAGE)
def test_sessions_with_two_groups_live_in_one_cookie() -> None:
    browser = by_application()
    web, api = group_of("HHH", "web"), browser.group
    to_api = browser.ask(NOON, "S=1")
    browser.group, browser.policy = web, ApplicationStickiness(web, SEALER, "T", 60)
    browser.ask()
    to_web = browser.ask(NOON, "T=1")
    browser.group, browser.policy = api, ApplicationStickiness(api, SEALER, "S", 60)
    assert [to_api] * 3 == [browser.ask() for _ in range(3)]
    browser.group, browser.policy = web, ApplicationStickiness(web, SEALER, "T", 60)
    assert to_web is browser.ask()


def test_the_cookie_of_a_hundred_groups_fits() -> None:
    browser = by_application()
    for number in range(120):
        group = group_of("H", f"group-{number}")
        browser.group, browser.policy = group, ApplicationStickiness(group, SEALER, "S", 60)
        browser.ask(NOON + number / 100, "S=1")
    assert len(browser.lines[0]) < 4096


# ---- target groups


class Groups:
    """Three groups of one target each in one action."""

    def __init__(self, duration: float = 60, *, is_https: bool = True) -> None:
        self.groups = [group_of("H", name) for name in ("a", "b", "c")]
        self.policy = GroupStickiness(self.groups, SEALER, duration, is_https=is_https)

    def cookie(self, number: int, epoch: float = NOON) -> str:
        lines = self.policy.cookies(Visit({}, epoch), self.groups[number])
        return lines.partition("=")[2].partition(";")[0]


@pytest.mark.conformance("AWSALBTG", "a pair with one value, attributes as observed", "rule-action-types")
def test_the_pair_of_group_cookies() -> None:
    case = Groups()
    lines = case.policy.cookies(Visit({}, NOON), case.groups[1])
    assert [
        f"Set-Cookie: AWSALBTG=DATA; {IN_A_WEEK}",
        f"Set-Cookie: AWSALBTGCORS=DATA; {IN_A_WEEK}; SameSite=None; Secure",
    ] == re.sub(r"=[A-Za-z0-9+/=]{100,}", "=DATA", lines).splitlines()


@pytest.mark.conformance("AWSALBTG", "leads to the group it names", "rule-action-types")
@pytest.mark.parametrize("name", ["AWSALBTG", "AWSALBTGCORS"])
def test_the_cookie_leads_to_its_group(name: str) -> None:
    case = Groups()
    assert case.groups[2] is case.policy.receive(Visit({name: case.cookie(2)}, NOON)).group


@pytest.mark.conformance("AWSALBTG", "AWSALBTGCORS wins", "rule-action-types", status="default")
def test_the_cors_twin_of_the_group_cookie_wins() -> None:
    case = Groups()
    visit = Visit({"AWSALBTG": case.cookie(0), "AWSALBTGCORS": case.cookie(1)}, NOON)
    assert case.groups[1] is case.policy.receive(visit).group


@pytest.mark.conformance("AWSALBTG", "DurationSeconds is a time of inactivity", "rule-action-types", status="default")
def test_the_group_cookie_runs_out() -> None:
    case = Groups(duration=10)
    assert case.policy.receive(Visit({"AWSALBTG": case.cookie(0)}, NOON + 10)).group is case.groups[0]
    late = case.policy.receive(Visit({"AWSALBTG": case.cookie(0)}, NOON + 11))
    assert (None, False) == (late.group, late.is_invalid)


def test_a_group_that_left_the_action_is_forgotten() -> None:
    case = Groups()
    fewer = GroupStickiness(case.groups[:2], SEALER, 60, is_https=True)
    reception = fewer.receive(Visit({"AWSALBTG": case.cookie(2)}, NOON))
    assert (None, False) == (reception.group, reception.is_invalid)


@pytest.mark.conformance("AWSALBTG", "what cannot be read is reported as invalid", "load-balancer-access-logs")
def test_an_unreadable_group_cookie_is_invalid() -> None:
    case = Groups()
    while "/" not in (value := case.cookie(0)):
        pass
    for spoiled in ("garbage", quote(value, safe="")):
        reception = case.policy.receive(Visit({"AWSALBTG": spoiled}, NOON))
        assert (None, True) == (reception.group, reception.is_invalid)
    assert not case.policy.receive(Visit({}, NOON)).is_invalid
