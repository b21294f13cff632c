"""Two ways of looking for bytes that break a promise, and what is said of those that do."""

from __future__ import annotations

import importlib
import random
import re
import sys
import time
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHRINK_SECONDS = 10.0


def search_plainly(name: str, *, seconds: float, seed: int = 0) -> int:
    """Mutates seeds, and what they became, at random; the exit code."""
    from tests.fuzz.checks import CHECKS  # noqa: PLC0415 - atheris wants to see the imports, so each way has its own
    from tests.fuzz.mutations import mutate, seeds  # noqa: PLC0415

    check, known = CHECKS[name], seeds(name)
    number = seed or random.SystemRandom().getrandbits(32)
    chance = random.Random(number)
    deadline = time.monotonic() + seconds
    count = 0
    for data in known:
        if not holds(check, data):
            return 1
    while time.monotonic() < deadline:
        data = mutate(chance.choice(known), chance, known)
        count += 1
        if not holds(check, data):
            return 1
    print(f"{name}: {count} inputs, nothing found (random, seed {number})")
    return 0


def search_by_coverage(name: str, *, seconds: float, seed: int, corpus: Path) -> int:
    """Lets atheris look. Does not return: libFuzzer ends the process, with 0 if nothing was found."""
    import atheris  # noqa: PLC0415 - optional

    with atheris.instrument_imports(include=["edgeproxy.protocol", "edgeproxy.exchange", "edgeproxy.rules"]):
        checks = importlib.import_module("tests.fuzz.checks")
    mutations = importlib.import_module("tests.fuzz.mutations")
    check, known = checks.CHECKS[name], mutations.seeds(name)
    for index, data in enumerate(known):
        (corpus / f"seed-{index}").write_bytes(data)

    def test_one_input(data: bytes) -> None:
        if not holds(check, data):
            sys.stdout.flush()
            raise AssertionError("see above")

    def custom_mutator(data: bytes, max_size: int, number: int) -> bytes:
        chance = random.Random(number)
        if chance.random() < 0.5:
            return bytes(atheris.Mutate(data, max_size))
        return bytes(mutations.mutate(data, chance, known)[:max_size])

    options = [f"-max_total_time={int(seconds)}", f"-max_len={mutations.MAX_SIZE}", "-print_final_stats=1"]
    options += [f"-seed={seed}"] if seed else []
    options += [f"-artifact_prefix={corpus}/", "-timeout=60", str(corpus)]
    atheris.Setup([name, *options], test_one_input, custom_mutator=custom_mutator)
    atheris.Fuzz()
    return 0


def holds(check: Callable[[bytes], None], data: bytes) -> bool:
    """Whether a check passes; one that does not is explained with the smallest input that was found for it."""
    try:
        check(data)
    except Exception as error:  # whatever comes out is what is looked for
        small = smallest(check, data, type(error), seconds=SHRINK_SECONDS)
        try:
            check(small)
        except type(error):
            traceback.print_exc()
        print(f"\nThis input breaks a promise; paste it into tests/fuzz/test_found.py:\n\n    {literal(small)}\n")
        return False
    return True


_REPEATED = re.compile(rb"(.{1,24}?)\1{7,}", re.DOTALL)


def literal(data: bytes) -> str:
    """Bytes as Python source; what repeats is multiplied."""
    parts, position = [], 0
    for match in _REPEATED.finditer(data):
        if match.start() > position:
            parts.append(repr(data[position : match.start()]))
        parts.append(f"{match[1]!r} * {len(match[0]) // len(match[1])}")
        position = match.end()
    if position < len(data) or not parts:
        parts.append(repr(data[position:]))
    return " + ".join(parts)


def smallest(check: Callable[[bytes], None], data: bytes, kind: type[Exception], *, seconds: float) -> bytes:
    """What is left when everything is taken away that the failure does not need: halves first, then bytes."""
    deadline = time.monotonic() + seconds
    size = max(1, len(data) // 2)
    while True:
        before = data
        start = 0
        while start < len(data) and time.monotonic() < deadline:
            shorter = data[:start] + data[start + size :]
            if shorter and _fails(check, shorter, kind):
                data = shorter
            else:
                start += size
        if size == 1 and (before == data or time.monotonic() >= deadline):
            return data
        size = max(1, size // 2)


def _fails(check: Callable[[bytes], None], data: bytes, kind: type[Exception]) -> bool:
    try:
        check(data)
    except kind:
        return True
    except Exception:  # another failure is another finding
        return False
    return False
