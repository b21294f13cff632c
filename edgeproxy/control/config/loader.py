"""A configuration file into a `Topology`: the way in for `run`, `check`, `explain` and reloads.

config = load_file(Path("edgeproxy.yaml"), os.environ)
for warning in config.warnings: print(warning)
await proxy.apply(config.topology)
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from edgeproxy.control.config import document, lint
from edgeproxy.control.config.decode import BROKEN, Decoder
from edgeproxy.control.config.problem import ConfigFileError, ConfigWarning, Problem
from edgeproxy.model.topology import Topology

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yaml.nodes import Node

    from edgeproxy.errors import ConfigError

__all__ = ["ConfigFileError", "ConfigWarning", "LoadedConfig", "Problem", "load_file", "load_text"]


class LoadedConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What a file says.

    Attributes:
        topology: Checked, ready to be applied.
        warnings: What is allowed but has no meaning or is hardly meant, in the order of the file.
        path: The file; relative paths inside it (certificates) start from its folder.
    """

    topology: Topology
    warnings: tuple[ConfigWarning, ...]
    path: Path


def load_file(path: Path, environ: Mapping[str, str]) -> LoadedConfig:
    """Read and check a configuration file.

    Args:
        path: The file, UTF-8.
        environ: Where `${VAR}` finds its values.

    Raises:
        ConfigFileError: The file is missing or unreadable, is not YAML, or breaks any law; it names all that was found.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigFileError([Problem(file=str(path), reason="there is no such file")]) from None
    except UnicodeDecodeError as error:
        reason = f"is not UTF-8 text: byte {error.start} is 0x{error.object[error.start]:02x}"
        raise ConfigFileError([Problem(file=str(path), reason=reason)]) from None
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        raise ConfigFileError([Problem(file=str(path), reason=reason)]) from None
    return load_text(text, str(path), environ)


def load_text(text: str, name: str, environ: Mapping[str, str] | None) -> LoadedConfig:
    """The same for text that is at hand.

    Args:
        text: YAML.
        name: What errors call the file; also where relative paths start from.
        environ: Where `${VAR}` finds its values; None leaves `${` as it stands, for text that a program made.

    Raises:
        ConfigFileError: As for `load_file`.
    """
    root = document.parse(text, name)
    if root is None or document.is_null(root):
        reason = "is empty; a configuration has the keys LoadBalancers and TargetGroups"
        raise ConfigFileError([Problem(file=name, reason=reason)])
    decoder = Decoder(name, environ)
    topology = decoder.decode(root, Topology)
    if topology is BROKEN:
        raise ConfigFileError(sorted(decoder.problems, key=_place))
    warnings = [*decoder.warnings, *_lint_warnings(topology, root, name)]
    return LoadedConfig(topology=topology, warnings=tuple(sorted(warnings, key=_place)), path=Path(name))


def problem_at(path: Path, error: ConfigError) -> Problem:
    """An error that was found after loading, with its place in the file."""
    root = document.parse(path.read_text(encoding="utf-8-sig"), str(path))
    line, col = document.position(document.find(root, error.path)) if root is not None else (None, None)
    return Problem(
        file=str(path), line=line, col=col, path=error.path, reason=error.reason, suggestion=error.suggestion
    )


def _lint_warnings(topology: Topology, root: Node, name: str) -> list[ConfigWarning]:
    found = []
    for finding in lint.findings(topology):
        line, col = document.position(document.find(root, finding.path))
        warning = ConfigWarning(
            file=name, line=line, col=col, path=finding.path, reason=finding.reason, suggestion=finding.suggestion
        )
        found.append(warning)
    return found


def _place(problem: Problem) -> tuple[int, int]:
    return problem.line or 0, problem.col or 0
