"""Asking a load balancer what it did, what it knows and what it would do."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from edgeproxy.testing.changing import Changing
from edgeproxy.testing.expectation import failure, matching
from edgeproxy.testing.proxying import KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgeproxy.control.explanation import Explanation
    from edgeproxy.testing.recorded import RecordedRequest


_ADDED: Final = ("added", "active")


class TargetState(NamedTuple):
    """A registered, or draining, target as DescribeTargetHealth shows it."""

    target_group: str
    target: str
    state: str
    reason: str | None
    description: str | None


class Explained:
    """What would become of a request; as text, what `edgeproxy explain` prints.

    Attributes:
        explanation: All of it.
        rule: The priority of the rule that would answer, `default`, or None if it is refused before.
    """

    def __init__(self, explanation: Explanation, lines: list[str]) -> None:
        self.explanation = explanation
        self._lines = lines
        answers = [each.priority for each in explanation.rules if each.verdict == "answers"]
        self.rule: int | str | None = next((int(each) if each.isdigit() else each for each in answers), None)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.explanation, name)

    def __str__(self) -> str:
        return "\n".join(self._lines)


class Asking(Changing):
    """The part of `Alb` that answers questions."""

    @abstractmethod
    def url(self, path: str = "/", *, port: int | None = None, host: str = "localhost") -> str:
        """The real address of a path."""

    @abstractmethod
    def real_ports(self) -> dict[int, int]:
        """Where listeners really are, by the port that they declare."""

    @property
    def requests(self) -> list[RecordedRequest]:
        """What has ended since the start or the last `reset`, in the order in which it ended."""
        thread, proxying = self._running()
        return thread.call(proxying.recorder.requests)

    @property
    def access_log(self) -> list[str]:
        """The lines of the access log since then."""
        thread, proxying = self._running()
        return thread.call(lambda: list(proxying.log.lines))

    def target_health(self, group: str | None = None) -> list[TargetState]:
        """The targets of one target group or of all; those that are draining last.

        Raises:
            ConfigError: There is no such target group.
        """
        thread, proxying = self._running()
        if group is not None:
            group = self.topology.target_group(group).name
        return [
            TargetState(
                each.name,
                f"{target.id}:{target.port}",
                target.health.state.value,
                target.health.reason,
                target.health.description,
            )
            for each in thread.call(lambda: proxying.proxy.target_groups)
            if group in (None, each.name)
            for target in each.targets
        ]

    def expect(self, *, times: int | None = None, **wanted: Any) -> list[RecordedRequest]:
        """Asserts that requests came, and gives them.

        Args:
            times: How many exactly; at least one where it is left out.
            wanted: Attributes of a `RecordedRequest`; `path`, `host`, `target` and `target_group` may hold `*` and `?`,
                `target` takes whatever can be registered as well, `headers` and `target_headers` take a dict of what
                has to be among them.

        Raises:
            AssertionError: They did not; the message shows the requests that came.
        """
        came = self.requests
        found = matching(came, wanted)
        if (len(found) != times) if times is not None else not found:
            raise AssertionError(failure(came, wanted, times, forgotten=self._running()[1].recorder.missed))
        return found

    def explain(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, source_ip: str = "127.0.0.1"
    ) -> Explained:
        """What would become of a request, without sending it; a path is one on the HTTPS listener.

        Raises:
            ValueError: No listener would take it.
        """
        from edgeproxy.control.explain_faults import AddedFault  # noqa: PLC0415 - few ask
        from edgeproxy.control.explain_view import find_listener, lines_of, no_listener  # noqa: PLC0415
        from edgeproxy.control.explanation import explain  # noqa: PLC0415
        from edgeproxy.control.question import Question  # noqa: PLC0415

        topology = self.topology
        full = url if "://" in url else self.url(url)
        asked = Question.parse(method, self._declared(full), headers=[*(headers or {}).items()], source_ip=source_ip)
        found = find_listener(topology, asked)
        if found is None:
            raise ValueError(no_listener(topology, asked))
        thread, proxying = self._running()
        faults = thread.call(proxying.proxy.faults.list)
        added = [AddedFault(each.place, each.fault) for each in faults if (each.source, each.state) == _ADDED]
        now, folder = proxying.wall(), self._files.folder
        explanation = explain(topology, *found, asked, key=KEY, base_dir=folder, now=now, added=added)
        return Explained(explanation, list(lines_of(explanation)))

    def _declared(self, url: str) -> str:
        """A URL with the port that the listener declares."""
        parts = urlsplit(url)
        declared = {real: port for port, real in self.real_ports().items()}.get(parts.port or 0)
        if declared is None:
            return url
        default = {"http": 80, "https": 443}.get(parts.scheme)
        host = parts.netloc.rpartition(":")[0]
        return parts._replace(netloc=host if declared == default else f"{host}:{declared}").geturl()
