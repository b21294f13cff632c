"""What is said about headers that are dropped for their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgeproxy.runtime.dropped_names import MAX_NAMES, DroppedNames

if TYPE_CHECKING:
    import pytest


def test_each_name_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    names = DroppedNames()
    for name in ("X_A", "x_a", "X_B", "X_A"):
        names.warn(name)

    expected = (
        "The header 'X_A' is dropped: its name has other characters than letters, digits and hyphens, "
        "and 'routing.http.drop_invalid_header_fields.enabled' is 'true'"
    )
    assert expected == caplog.records[0].getMessage()
    assert 2 == len(caplog.records)


def test_a_client_cannot_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    names = DroppedNames()
    for number in range(2 * MAX_NAMES):
        names.warn(f"X_{number}")

    assert MAX_NAMES == len(caplog.records)


def test_what_is_printed_is_escaped(caplog: pytest.LogCaptureFixture) -> None:
    DroppedNames().warn("X\x1b[31m")
    assert "\x1b" not in caplog.records[0].getMessage()
