from __future__ import annotations

import pytest

from tests.helpers.programs import find_program, run_program


async def test_a_program_says_what_it_has_to_say() -> None:
    done = await run_program("sh", "-c", "cat; echo no >&2; exit 3", given=b"yes")

    assert (3, b"yes", "no\n") == done


def test_what_is_missing_names_its_package() -> None:
    with pytest.raises(AssertionError, match=r"^install something$"):
        find_program("no-such-program", package="something")
