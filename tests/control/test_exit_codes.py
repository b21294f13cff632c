from __future__ import annotations

import click

from edgeproxy.control.exit_codes import ExitCode


def test_the_numbers_never_change() -> None:
    assert [0, 1, 2, 3] == list(ExitCode)


def test_wrong_usage_is_what_click_exits_with() -> None:
    assert ExitCode.USAGE == click.UsageError("").exit_code
