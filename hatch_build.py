"""The compiled build: the modules that every request passes through, as machine code by mypyc.

    EDGEPROXY_COMPILE=1 pip install .

Without that variable the wheel holds Python alone, and nothing here needs a compiler. The source is the same either
way: mypyc reads the types that mypy checks. It needs a C compiler and Python's headers, and takes about a minute.

Why not hatch-mypyc: it renames pyproject.toml while it builds and leaves the objects beside the sources, where they
would shadow every later edit.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "EDGEPROXY_COMPILE"

COMPILED = (
    "edgeproxy/protocol/*.py",
    "edgeproxy/exchange/*.py",
    "edgeproxy/rules/predicates.py",
    "edgeproxy/runtime/access_log_line.py",
    "edgeproxy/runtime/client_connection.py",
    "edgeproxy/runtime/client_facts.py",
    "edgeproxy/runtime/h2_client_connection.py",
    "edgeproxy/runtime/h2_client_stream.py",
    "edgeproxy/runtime/ledger.py",
    "edgeproxy/runtime/target_connection.py",
)
"""Codecs and exchange, and what else each forwarded request executes in Python."""

LEFT_OUT = {
    "__init__.py",  # nothing happens in them
    "context.py",  # the annotations of Structs and tuples are looked up when they are made, and these are not imported
    "faults.py",  # the same, and no request meets it without faults
}


class CompileHook(BuildHookInterface[Any]):
    """Adds the compiled modules to a wheel, beside their sources, when the variable asks for it."""

    PLUGIN_NAME = "custom"

    _folder: tempfile.TemporaryDirectory[str] | None = None

    @property
    def _is_asked_for(self) -> bool:
        return os.environ.get(VARIABLE, "") not in {"", "0"}

    def dependencies(self) -> list[str]:
        """What the build needs beyond hatchling."""
        return ["mypy[mypyc]>=1.13", "setuptools>=77"] if self._is_asked_for else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compiles; an editable install stays Python, so that edits count."""
        if version == "editable" or not self._is_asked_for:
            return
        self._folder = tempfile.TemporaryDirectory()
        built = Path(self._folder.name)
        for each in _compile(Path(self.root), built):
            build_data["force_include"][str(each)] = str(each.relative_to(built / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """The wheel is written."""
        del version, build_data, artifact_path
        if self._folder is not None:
            self._folder.cleanup()


def sources(root: Path) -> list[str]:
    """The files that are compiled, relative to the root."""
    found = (each for pattern in COMPILED for each in root.glob(pattern))
    return sorted(str(each.relative_to(root)) for each in found if each.name not in LEFT_OUT)


def _compile(root: Path, into: Path) -> list[Path]:
    """Writes the shared objects below `into`/lib, in their packages' folders, and returns them."""
    # Only this build has them.
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools import Distribution  # noqa: PLC0415
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    os.chdir(root)
    options = ["--config-file=", "--ignore-missing-imports"]
    extensions = mypycify([*options, *sources(root)], target_dir=str(into / "c"))
    command = build_ext(Distribution({"name": "edgeproxy", "ext_modules": extensions}))
    command.build_lib, command.build_temp = str(into / "lib"), str(into / "objects")
    command.ensure_finalized()
    command.run()
    return [Path(each) for each in command.get_outputs()]
