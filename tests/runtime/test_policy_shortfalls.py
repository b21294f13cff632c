from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.model.security_policy import POLICIES
from edgeproxy.runtime.policy_shortfalls import PolicyShortfalls

if TYPE_CHECKING:
    import pytest


class Tls:
    """A listener's TLS that falls short by a sentence."""

    def __init__(self, policy: str, sentence: str) -> None:
        self.policy = POLICIES[f"ELBSecurityPolicy-{policy}"]
        self._sentence = sentence

    def shortfalls(self) -> str:
        return self._sentence


class Mutual(Tls):
    """Another library."""


def test_each_policy_is_spoken_of_once(caplog: pytest.LogCaptureFixture) -> None:
    shortfalls = PolicyShortfalls()
    with caplog.at_level("INFO"):
        for policy, sentence in (("2016-08", "a"), ("FS-2018-06", "b"), ("2016-08", "a"), ("2015-05", "")):
            shortfalls.tell(Tls(policy, sentence))  # type: ignore[arg-type]
        shortfalls.tell(Mutual("2016-08", "c"))  # type: ignore[arg-type]

    assert ["a", "b", "c"] == caplog.messages
