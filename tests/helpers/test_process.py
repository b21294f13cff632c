from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess


def test_a_process_that_ends_at_once_can_be_asked_what_it_said(run_edgeproxy: Callable[..., EdgeProxyProcess]) -> None:
    process = run_edgeproxy("run", "--no-such-option")

    assert 2 == process.wait()
    assert any("--no-such-option" in message for message in process.messages)


def test_waiting_for_what_never_comes_fails_with_what_was_said(run_edgeproxy: Callable[..., EdgeProxyProcess]) -> None:
    process = run_edgeproxy("run", "--no-such-option")

    with pytest.raises(AssertionError, match=r"without 'ready'.*--no-such-option"):
        process.wait_for("ready")


def test_a_script_listens_once_its_port_is_known(run_script: Callable[..., int], tmp_path: Path) -> None:
    script = tmp_path / "listen.py"
    script.write_text("import socket, sys, time; s = socket.create_server(('127.0.0.1', int(sys.argv[1]))); s.accept()")
    port = run_script(script)

    assert port > 0


def test_a_script_that_fails_is_told_from_one_that_listens(run_script: Callable[..., int], tmp_path: Path) -> None:
    script = tmp_path / "fail.py"
    script.write_text("raise SystemExit(3)")

    with pytest.raises(AssertionError, match="ended with 3"):
        run_script(script)
