from __future__ import annotations

import pytest

from edgeproxy.model.suggestion import closest

words = ("HealthCheckPath", "HealthCheckPort", "Port", "stickiness.enabled")


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("HealthcheckPath", "HealthCheckPath"),
        ("health_check_path", "HealthCheckPath"),
        ("Prot", "Port"),
        ("sticky.enabled", "stickiness.enabled"),
        ("Nothing", None),
        ("", None),
    ],
)
def test_the_nearest_word_or_none(word: str, expected: str | None) -> None:
    assert expected == closest(word, words)
