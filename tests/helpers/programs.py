"""Programs that people use, run to their end while the event loop goes on."""

from __future__ import annotations

import asyncio
import shutil
from typing import NamedTuple


class Finished(NamedTuple):
    """What a program said."""

    code: int
    output: bytes
    errors: str


def find_program(name: str, *, package: str) -> str:
    """Where a program is.

    Raises:
        AssertionError: Nowhere; the message names the Debian package that has it.
    """
    program = shutil.which(name)
    assert program is not None, f"install {package}"
    return program


async def run_program(name: str, *arguments: str, package: str = "", given: bytes = b"") -> Finished:
    """Run a program to its end, with `given` as its standard input."""
    process = await asyncio.create_subprocess_exec(
        find_program(name, package=package or name),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(given)
    assert process.returncode is not None
    return Finished(process.returncode, output, errors.decode(errors="replace"))
