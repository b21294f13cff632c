"""The routing table: which rule answers a request.

Rules are tried in ascending priority, the first whose conditions all hold answers, and the default always does
(user guide, listener-rules). Trying a thousand rules one after the other would cost a tenth of a millisecond, so the
table narrows first and decides by priority after:

* rules whose host condition names only literal hosts and `*.domain` patterns stand under those keys (`www.example.com`,
  `.example.com`), all others under "any host";
* inside each, rules whose path condition fixes the first segment of every path it can match stand under that segment,
  all others under "any segment"; the lists under a segment already contain the latter, merged by priority.

A request's candidates are in its host's list, in one list for each domain above its host if there are such rules, and
in any host's list, merged by priority.

Candidates are narrowed once more and then remembered: what a client's requests have in common, its address and mostly
host and method, is asked only for the first of them. What is left to ask of each request are its path, its headers and
its query. The memory is bounded in number and in size (`MAX_KNOWN`).

Being found under a key is the whole proof of a condition where the key says as much as the pattern, and then the
condition is not asked again. So the key of a segment reaches to the second slash and includes it: `/img/*` and `/img/a`
stand under `/img/`, and `/img` stands under `/img`. The proof needs one more promise, that wildcards cover no control
characters (`rules/wildcard.py`), so a path or host that holds one is not looked up by segment or domain.

For R rules and S segments the merged lists hold at most R x S references: two megabytes for 500 rules with segments and
500 without. That is the price of merging at load and not per request.
"""

from __future__ import annotations

from itertools import chain
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

from edgeproxy.rules.explain import RuleVerdict, explain_rules
from edgeproxy.rules.predicates import COST, Predicate, build_predicate
from edgeproxy.rules.wildcard import Shape, has_control, parse_wildcard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from edgeproxy.model.condition import ConditionField, RuleCondition
    from edgeproxy.model.rule import Rule
    from edgeproxy.rules.facts import RequestFacts

T = TypeVar("T")


MAX_KNOWN: Final = 4096
"""How many combinations of lasting facts a table remembers the candidates for."""

MAX_KNOWN_CANDIDATES: Final = 64 * 1024
"""How many candidates all of them may have together."""

MAX_KNOWN_SIZE: Final = 512
"""How long host and method together may be to be remembered."""

_LASTING: Final[Mapping[ConditionField, str]] = {
    "host-header": "host",
    "http-request-method": "method",
    "source-ip": "source_ip",
}
"""The conditions that a client's requests mostly answer alike, and which fact each looks at."""


class _Entry(NamedTuple, Generic[T]):
    """A rule as it stands in a list; of its conditions, only what is left to ask (None: nothing).

    Attributes:
        rank: Its place in the order of priorities.
        lasting: Asks about lasting facts alone.
        test: Asks about everything else.
        answer: What it answers.
    """

    rank: int
    lasting: Predicate | None
    test: Predicate | None
    answer: T


_Candidate = tuple[Predicate | None, T]
"""What is left to ask of each request, and the answer. A plain tuple, because the hot path takes it apart."""


class RoutingTable(Generic[T]):
    """The rules of one listener, compiled; `T` is whatever the caller wants a rule to answer with.

    Immutable but for what it remembers, which is a pure function's results.

    Attributes:
        identity: No other table's, for whoever remembers answers.
    """

    # hot path
    __slots__ = (
        "_any_host",
        "_by_host",
        "_default",
        "_known",
        "_known_candidates",
        "_lasting_facts",
        "_longest_domain",
        "_rules",
        "_segments",
        "identity",
    )

    def __init__(
        self,
        rules: tuple[Rule, ...],
        *,
        by_host: Mapping[str, _PathIndex[T]],
        any_host: _PathIndex[T],
        default: T,
    ) -> None:
        self.identity: Final = object()
        self._rules = rules
        self._by_host = by_host
        # A host is cut at its dots only as far from its end as a key can reach, however long a client makes it.
        self._longest_domain: Final = max((len(key) for key in by_host if key.startswith(".")), default=0)
        self._any_host = any_host
        self._default: Final = _Entry(len(rules), None, None, default)
        self._segments: Final = any_host.segments.union(*(index.segments for index in by_host.values()))
        self._lasting_facts = _lasting_facts(rules)
        self._known: dict[tuple[str, Any], list[_Candidate[T]]] = {}
        self._known_candidates = 0

    @classmethod
    def build(cls, rules: Iterable[tuple[Rule, T]], default: T) -> RoutingTable[T]:
        """Compile rules, in any order, with what each answers.

        Raises:
            ConfigError: A condition cannot be compiled; the path is relative to the condition.
        """
        ordered = sorted(rules, key=lambda pair: pair[0].priority)
        hosts: dict[str, _PathIndexBuilder[T]] = {}
        any_host: _PathIndexBuilder[T] = _PathIndexBuilder()
        for rank, (rule, answer) in enumerate(ordered):
            rest, keys = _take_hosts(rule.conditions)
            for key in keys:
                hosts.setdefault(key, _PathIndexBuilder()).add(rank, rest, answer)
            if not keys:
                any_host.add(rank, rest, answer)
        return cls(
            tuple(rule for rule, _ in ordered),
            by_host={key: builder.build() for key, builder in hosts.items()},
            any_host=any_host.build(),
            default=default,
        )

    def match(self, facts: RequestFacts) -> T:
        """What the first matching rule answers, or the default."""
        segment = ""
        if self._segments:
            path = facts.path
            if path.isprintable() or not has_control(path):
                end = path.find("/", 1) + 1
                segment = path[:end] if end else path
                if segment not in self._segments:
                    segment = ""
        key = segment, self._lasting_facts(facts)
        candidates = self._known.get(key)
        if candidates is None:
            candidates = self._candidates(facts, segment)
            if len(facts.host) + len(facts.method) <= MAX_KNOWN_SIZE:
                self._remember(key, candidates)
        for test, answer in candidates:
            if test is None or test(facts):
                return answer
        return self._default.answer

    def _remember(self, key: tuple[str, Any], candidates: list[_Candidate[T]]) -> None:
        self._known_candidates += len(candidates)
        if len(self._known) >= MAX_KNOWN or self._known_candidates > MAX_KNOWN_CANDIDATES:
            self._known.clear()
            self._known_candidates = len(candidates)
        self._known[key] = candidates

    def _candidates(self, facts: RequestFacts, segment: str) -> list[_Candidate[T]]:
        """The rules that may answer requests with the same segment and the same lasting facts, in order."""
        candidates: list[_Candidate[T]] = []
        for _, lasting, test, answer in self._entries(facts, segment):
            if lasting is None or lasting(facts):
                candidates.append((test, answer))
                if test is None:
                    break
        return candidates

    def _entries(self, facts: RequestFacts, segment: str) -> Sequence[_Entry[T]]:
        """The lists that a request's host and segment lead to, merged."""
        indexes = [self._any_host]
        if self._by_host:
            host = facts.host
            indexes += [self._by_host[key] for key in (host, *self._domains(host)) if key in self._by_host]
        if len(indexes) == 1:
            return indexes[0].under(segment)
        return sorted(chain.from_iterable(index.under(segment) for index in indexes), key=_RANK)

    def _domains(self, host: str) -> Iterator[str]:
        """What a host may stand under besides itself."""
        if not self._longest_domain or (not host.isprintable() and has_control(host)):
            return
        dot = host.find(".", max(1, len(host) - self._longest_domain))
        while dot > 0:
            yield host[dot:]
            dot = host.find(".", dot + 1)

    def explain(self, facts: RequestFacts) -> list[RuleVerdict]:
        """Every rule's verdict in order of priority, the default's last; exactly one of them `answers`."""
        return explain_rules(self._rules, facts)

    def __repr__(self) -> str:
        return f"<RoutingTable rules={len(self._rules)} hosts={len(self._by_host)}>"


_RANK: Final = attrgetter("rank")


def _lasting_facts(rules: Sequence[Rule]) -> Callable[[RequestFacts], Any]:
    """Takes those lasting facts from a request that some rule asks for."""
    asked = {condition.field for rule in rules for condition in rule.conditions}
    names = [name for field, name in _LASTING.items() if field in asked]
    return attrgetter(*names) if names else lambda _facts: None


class _PathIndex(Generic[T]):
    """The rules of one host: a list for each known first segment, and one for all other paths."""

    __slots__ = ("_by_segment", "_others", "segments")

    def __init__(self, by_segment: Mapping[str, tuple[_Entry[T], ...]], others: tuple[_Entry[T], ...]) -> None:
        self._by_segment = by_segment
        self._others = others
        self.segments: Final = frozenset(by_segment)

    def under(self, segment: str) -> tuple[_Entry[T], ...]:
        """What may match a path that begins with this segment; "" for one that no rule knows."""
        return self._by_segment.get(segment, self._others)


class _PathIndexBuilder(Generic[T]):
    """Collects the rules of one host in order of rank."""

    def __init__(self) -> None:
        self._by_segment: dict[str, list[_Entry[T]]] = {}
        self._others: list[_Entry[T]] = []

    def add(self, rank: int, conditions: Sequence[RuleCondition], answer: T) -> None:
        keyed = _find_segments(conditions)
        if keyed is None:
            entry = _entry(rank, conditions, answer)
            self._others.append(entry)
            for entries in self._by_segment.values():
                entries.append(entry)
            return
        rest, segments = keyed
        for segment, proved in segments.items():
            entry = _entry(rank, rest if proved else conditions, answer)
            # A segment seen for the first time starts with the rules so far that stand under no segment.
            self._by_segment.setdefault(segment, list(self._others)).append(entry)

    def build(self) -> _PathIndex[T]:
        by_segment = {segment: tuple(entries) for segment, entries in self._by_segment.items()}
        return _PathIndex(by_segment, tuple(self._others))


def _entry(rank: int, conditions: Sequence[RuleCondition], answer: T) -> _Entry[T]:
    lasting = [condition for condition in conditions if condition.field in _LASTING]
    others = [condition for condition in conditions if condition.field not in _LASTING]
    return _Entry(rank, _all_of(lasting), _all_of(others), answer)


def _take_hosts(conditions: Sequence[RuleCondition]) -> tuple[Sequence[RuleCondition], frozenset[str]]:
    """Split off the host condition if keys can stand for all of it; there are no keys otherwise."""
    for position, condition in enumerate(conditions):
        if condition.field == "host-header" and not condition.regex_patterns:
            keys = {_host_key(pattern) for pattern in condition.patterns}
            if None not in keys:
                rest = [*conditions[:position], *conditions[position + 1 :]]
                return rest, frozenset(key for key in keys if key is not None)
    return conditions, frozenset()


def _host_key(pattern: str) -> str | None:
    """`www.example.com` is its own key, `*.example.com` stands under `.example.com`; others have none."""
    shape, texts, _ = parse_wildcard(pattern, ignore_case=True)
    if shape is Shape.LITERAL or (shape is Shape.SUFFIX and texts[0].startswith(".")):
        return texts[0]
    return None


def _find_segments(conditions: Sequence[RuleCondition]) -> tuple[Sequence[RuleCondition], dict[str, bool]] | None:
    """The first segments a rule can match, each with whether it proves the path condition, and the other conditions.

    None if there is no path condition, or one of its patterns leaves the first segment open.
    """
    for position, condition in enumerate(conditions):
        if condition.field == "path-pattern" and not condition.regex_patterns:
            segments: dict[str, bool] = {}
            for pattern in condition.patterns:
                segment = _first_segment(pattern)
                if segment is None:
                    return None
                is_whole_path = pattern == segment and not segment.endswith("/", 1)
                proved = is_whole_path or pattern == f"{segment}*"
                segments[segment] = segments.get(segment, False) or proved
            return [*conditions[:position], *conditions[position + 1 :]], segments
    return None


def _first_segment(pattern: str) -> str | None:
    """The key a pattern stands under: `/img/*` and `/img/a` give `/img/`, `/img` gives `/img`, `/im*` none."""
    if not pattern.startswith("/"):
        return None
    end = pattern.find("/", 1) + 1
    segment = pattern[:end] if end else pattern
    return None if "*" in segment or "?" in segment else segment


def _all_of(conditions: Sequence[RuleCondition]) -> Predicate | None:
    """One predicate for all conditions, the cheapest asked first; None if there are none."""
    predicates = [build_predicate(condition) for condition in sorted(conditions, key=lambda each: COST[each.field])]
    if not predicates:
        return None
    if len(predicates) == 1:
        return predicates[0]
    first, *others = predicates
    rest: Callable[[RequestFacts], bool] = others[0] if len(others) == 1 else _each(others)
    return lambda facts: first(facts) and rest(facts)


def _each(predicates: Sequence[Predicate]) -> Predicate:
    return lambda facts: all(predicate(facts) for predicate in predicates)
