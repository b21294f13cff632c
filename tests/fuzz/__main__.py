"""Fuzzing for as long as you like.

    python -m tests.fuzz --seconds 3600                    every check in turn, the time divided among them
    python -m tests.fuzz --seconds 600 --target chunks     one check
    python -m tests.fuzz --seconds 600 --plain             without atheris, even if it is installed

With atheris (`pip install -e '.[fuzz]'`, Linux on x86-64) coverage guides the search; without it seeds are mutated at
random, on every platform. An input that breaks a promise is made as small as it gets in a few seconds and printed as a
Python literal: paste it into tests/fuzz/test_found.py. The exit code is then 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.search import search_by_coverage, search_plainly

TARGETS = ("head", "chunks", "classifier", "response", "forwarding")


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz the codecs.")
    parser.add_argument("--seconds", type=float, default=60, help="how long, for all of it (default: 60)")
    parser.add_argument("--target", choices=TARGETS, help="one check instead of all")
    parser.add_argument("--plain", action="store_true", help="do not use atheris")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers; 0 takes another one each time")
    parser.add_argument("--corpus", type=Path, help="a folder where atheris keeps what it learns from run to run")
    options = parser.parse_args(arguments)
    is_plain = options.plain or importlib.util.find_spec("atheris") is None
    if options.target is not None and is_plain:
        return search_plainly(options.target, seconds=options.seconds, seed=options.seed)
    if options.target is not None and options.corpus is not None:
        folder = options.corpus / options.target
        folder.mkdir(parents=True, exist_ok=True)
        return search_by_coverage(options.target, seconds=options.seconds, seed=options.seed, corpus=folder)
    targets = TARGETS if options.target is None else [options.target]
    with tempfile.TemporaryDirectory() as name:
        options.corpus = options.corpus or Path(name)
        return int(any([_run_alone(target, options, len(targets)) for target in targets]))  # noqa: C419 - all of them


def _run_alone(target: str, options: argparse.Namespace, count: int) -> int:
    """One check of so many in a process of its own, because libFuzzer ends its process."""
    command = [sys.executable, "-m", "tests.fuzz", "--target", target, "--seed", str(options.seed)]
    command += ["--seconds", str(options.seconds / count), "--corpus", str(options.corpus)]
    command += ["--plain"] if options.plain else []
    print(f"== {target}", flush=True)
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
