"""The session that runs the pages finds what is not as it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.docs import session as session_module
from tests.docs.pages import Step
from tests.docs.session import matches, session

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong stays wrong; nobody waits for it here."""
    monkeypatch.setattr(session_module, "PATIENCE_SECONDS", 0.2)


@pytest.mark.parametrize(
    ("shown", "output", "is_same"),
    [
        (("one", "two"), "one\ntwo\n", True),
        (("one",), "one\ntwo\n", False),
        (("one", "..."), "one\ntwo\nthree\n", True),
        (("...", "three"), "one\ntwo\nthree\n", True),
        (("valid until ...",), "valid until 2027-01-01\n", True),
        (("valid until ...",), "valid until 2027-01-01\nmore\n", False),
        (("one ... three",), "one three\n", False),
    ],
)
def test_dots_stand_for_text_and_for_lines(shown: tuple[str, ...], output: str, is_same: bool) -> None:
    assert is_same == matches(shown, output)


def test_a_command_prints_what_is_shown(tmp_path: Path) -> None:
    with session(tmp_path) as shell:
        shell.run(Step("echo hello", ("hello",)))
        with pytest.raises(AssertionError, match="is shown to print"):
            shell.run(Step("echo hello", ("goodbye",)))


def test_a_command_of_which_nothing_is_shown_has_to_succeed(tmp_path: Path) -> None:
    with session(tmp_path) as shell:
        shell.run(Step("true", ()))
        with pytest.raises(AssertionError):
            shell.run(Step("false", ()))


def test_the_status_of_the_last_command_is_known(tmp_path: Path) -> None:
    with session(tmp_path) as shell:
        shell.run(Step("echo no; exit 3", ("no",)))
        shell.run(Step("echo $?", ("3",)))


def test_ports_of_pages_are_replaced_and_put_back(tmp_path: Path) -> None:
    with session(tmp_path) as shell:
        shell.write("ports.txt", "8080 and 18080\n")
        shell.run(Step("cat ports.txt", ("8080 and 18080",)))

    assert "8080 and" not in (tmp_path / "ports.txt").read_text()


def test_what_goes_on_must_have_said_what_is_shown_by_the_end(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="is shown to print"), session(tmp_path) as shell:
        shell.run(Step("sleep 60 &", ("something",)))


def test_a_load_balancer_that_does_not_start_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "PATIENCE_SECONDS", 20)
    with session(tmp_path) as shell, pytest.raises(AssertionError, match="has ended"):
        shell.run(Step("edgeproxy run --target nowhere", ()))
