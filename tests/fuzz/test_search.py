"""The search that works everywhere finds what is broken, makes it small, and says how to keep it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fuzz import checks
from tests.fuzz.__main__ import TARGETS
from tests.fuzz.mutations import seeds
from tests.fuzz.search import literal, search_by_coverage, search_plainly, smallest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]


def refuse_plus(data: bytes) -> None:
    assert b"+" not in data


def test_the_search_ends_when_its_time_is_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == search_plainly("chunks", seconds=0.1, seed=1)
    assert "nothing found" in capsys.readouterr().out


def test_what_is_found_is_printed_small(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(checks.CHECKS, "chunks", refuse_plus)
    assert 1 == search_plainly("chunks", seconds=20, seed=1)
    assert "\n    b'+'\n" in capsys.readouterr().out


def test_only_what_the_failure_needs_is_left() -> None:
    def check(data: bytes) -> None:
        assert not (b"a" in data and b"z" in data)

    assert b"az" == smallest(check, b"xxxxaxxxxxxxxxzxx", AssertionError, seconds=5)


@pytest.mark.parametrize("data", [b"", b"a\xff\r\n", b"ab" * 50, b"x" + b"\r\n" * 40 + b"y", b"a" * 30 + b"b" * 30])
def test_a_literal_gives_the_bytes_back(data: bytes) -> None:
    assert data == eval(literal(data))
    assert len(literal(data)) < 60


def test_the_command_runs_one_check_in_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "tests.fuzz", "--plain", "--seconds", "0.1", "--seed", "1", "--target", "chunks"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    assert done.stdout.startswith("chunks: ")


def test_the_command_knows_every_check() -> None:
    assert set(TARGETS) == set(checks.CHECKS)


class _Atheris(types.ModuleType):
    """As much of atheris as is asked for: it is not installed everywhere."""

    def __init__(self, inputs: list[bytes]) -> None:
        super().__init__("atheris")
        self._inputs = inputs
        self.options: list[str] = []
        self.corpus: list[bytes] = []
        self.mutants: list[bytes] = []

    def instrument_imports(self, include: list[str]) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def Mutate(self, data: bytes, max_size: int) -> bytes:  # noqa: N802 - its spelling
        return data[:max_size]

    def Setup(  # noqa: N802
        self, options: list[str], test: Callable[[bytes], None], *, custom_mutator: Callable[[bytes, int, int], bytes]
    ) -> None:
        self.options, self._test = options, test
        self.corpus = [path.read_bytes() for path in sorted(Path(options[-1]).iterdir())]
        self.mutants = [custom_mutator(b"abc", 20, number) for number in range(50)]

    def Fuzz(self) -> None:  # noqa: N802
        for data in self._inputs:
            self._test(data)


@pytest.fixture
def atheris(monkeypatch: pytest.MonkeyPatch) -> _Atheris:
    double = _Atheris([b"0\r\n\r\n"])
    monkeypatch.setitem(sys.modules, "atheris", double)
    return double


def test_coverage_guides_from_the_same_seeds_with_the_same_mutations(atheris: _Atheris, tmp_path: Path) -> None:
    assert 0 == search_by_coverage("chunks", seconds=9.5, seed=3, corpus=tmp_path)
    assert {"-max_total_time=9", "-seed=3"} < set(atheris.options)
    assert set(seeds("chunks")) == set(atheris.corpus)
    assert b"abc" in atheris.mutants
    assert len(set(atheris.mutants)) > 10
    assert max(map(len, atheris.mutants)) <= 20


def test_what_coverage_finds_ends_the_search(
    atheris: _Atheris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(checks.CHECKS, "chunks", refuse_plus)
    atheris._inputs.append(b"3+\r\n")
    with pytest.raises(AssertionError, match="see above"):
        search_by_coverage("chunks", seconds=1, seed=0, corpus=tmp_path)
    assert "\n    b'+'\n" in capsys.readouterr().out
