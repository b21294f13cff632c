"""Writes docs/commands.md: every verb of the command line with its arguments and options, from click's own tables.

python -m tests.docs.commands_page           writes the file
python -m tests.docs.commands_page --check   exit code 1 if the file is out of date
"""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING

import click

from edgeproxy.control.cli import main
from tests.docs.generated import Generated, table

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPENING = """# Commands

Every verb and every option. This page is made by `make reference` from the command line itself; `edgeproxy VERB --help`
says the same.

Each option can come from the environment as well, under the name that stands beside it, which is how a container is
told: `EDGEPROXY_BIND="80=8000 443=8443"`. What is typed counts more.

| Exit code | |
| --- | --- |
| 0 | fine |
| 1 | what was asked about is not fine: an invalid file, no healthy target |
| 2 | wrong usage |
| 3 | a port could not be bound |

While it runs: SIGTERM and SIGINT stop it once the running requests are finished, a second one at once. SIGHUP reads the
configuration file again. SIGUSR1 completes the log files in directories.
"""


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every verb with its whole name, groups included, in the order of `--help`."""
    yield from _under("edgeproxy", main)


def _under(name: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group, info_name=name)
    for verb in group.list_commands(context):
        command = group.get_command(context, verb)
        assert command is not None
        yield f"{name} {verb}", command
        if isinstance(command, click.Group):
            yield from _under(f"{name} {verb}", command)


def render() -> str:
    """The whole page."""
    return "\n".join([_OPENING, *(_section(name, command) for name, command in commands())])


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    about = "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(command.help or "").split("\n\n"))
    text = f"## {name}\n\n```text\n{usage}\n```\n\n{about}\n"
    rows = [_row(option) for option in command.params if isinstance(option, click.Option)]
    return f"{text}\n{table(('Option', 'Environment', 'Default', ''), rows)}" if rows else text


def _row(option: click.Option) -> tuple[str, str, str, str]:
    spelt = ", ".join(option.opts)
    value = "" if option.is_flag else f" {_value(option)}"
    said, _, default = (option.help or "").partition("  [default: ")
    if not default and option.show_default and option.default is not None:
        default = str(option.default)
    repeatable = " May be given several times." if option.multiple else ""
    return (
        f"`{spelt}{value}`",
        f"`{option.envvar}`",
        f"`{default.rstrip(']')}`" if default else "-",
        re.sub(r"\s+", " ", said) + repeatable,
    )


def _value(option: click.Option) -> str:
    return option.make_metavar(click.Context(main)).replace("[", "").replace("]", "")


PAGE = Generated("commands.md", render)

if __name__ == "__main__":
    sys.exit(PAGE.main(sys.argv[1:]))
