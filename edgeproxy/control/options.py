"""How the command line's options are declared: each can come from the environment, too, and is checked when parsed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.types import StringParamType

from edgeproxy.control.addresses import Address, parse_address

if TYPE_CHECKING:
    from collections.abc import Callable

ADMIN_DEFAULT = "127.0.0.1:4580"

Parsed = TypeVar("Parsed")


def option(*declarations: str, verb: str = "", **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A click option that the environment variable `EDGEPROXY_<OPTION>` sets, too.

    The variable carries no verb, so that one environment serves `run` and `health` alike; click's own
    `auto_envvar_prefix` would make it `EDGEPROXY_RUN_<OPTION>`. Only where two verbs mean different things by one name
    the later one says its `verb`: what `run --target` forwards to must not become a filter of `logs --target`.
    """
    long_name = max((name for name in declarations if name.startswith("--")), key=len)
    words = [verb, long_name.removeprefix("--")] if verb else [long_name.removeprefix("--")]
    variable = "_".join(["edgeproxy", *words]).replace("-", "_").upper()
    return click.option(*declarations, envvar=variable, show_envvar=True, **settings)


certs_dir_option = option(
    "--certs-dir",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("certs"),
    show_default=True,
    help="Where the development CA and its certificates are kept.",
)


def each(parse: Callable[[str], Parsed]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """An option's callback that parses its value, or every value of a repeatable one.

    `parse` raises ValueError with a sentence, which becomes click's usage error (exit code 2).
    """

    def parse_all(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        try:
            if value is None:
                return None
            return tuple(parse(text) for text in value) if isinstance(value, tuple) else parse(value)
        except ValueError as error:
            raise click.BadParameter(str(error), ctx=ctx, param=param) from error

    return parse_all


def finite(ctx: click.Context, param: click.Parameter, value: float) -> float:
    """A number that a timer can take: `nan` and `inf` pass click's range check."""
    if not math.isfinite(value):
        raise click.BadParameter(f"{value} is not a number of finite size.", ctx=ctx, param=param)
    return value


def optional_finite(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    """The same where the option may be left out."""
    return None if value is None else finite(ctx, param, value)


def target_address(text: str) -> Address:
    """`HOST:PORT`, or a port on this machine."""
    return _on_loopback(parse_address(text, lowest_port=1))


def admin_address(text: str) -> Address | None:
    """`HOST:PORT`, a port on this machine, or `off`."""
    return None if text == "off" else _on_loopback(parse_address(text))


def _on_loopback(address: Address) -> Address:
    return address._replace(host=address.host or "127.0.0.1")


def admin_endpoint_option(words: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--admin`, with the words of its help."""
    return option(
        "--admin",
        metavar="HOST:PORT",
        default=ADMIN_DEFAULT,
        show_default=True,
        callback=each(admin_address),
        help=words,
    )


def header_pair(text: str) -> tuple[str, str]:
    """`Name: value`, as curl takes it."""
    name, separator, value = text.partition(":")
    if not separator or not name.strip():
        raise ValueError(f"'{text}' is not a header: it must be 'Name: value'.")
    return name.strip(), value.strip()


class HeaderText(StringParamType):
    """Text that an environment variable lists one a line, since headers contain spaces."""

    envvar_list_splitter = "\n"
