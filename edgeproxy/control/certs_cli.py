"""`edgeproxy certs`: the development CA on the command line.

Standard output carries what a script wants, a path; what people want to know goes to standard error:

    export SSL_CERT_FILE="$(edgeproxy certs ca)"
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

import click

from edgeproxy.control import trust as trust_stores
from edgeproxy.control.certs import DevelopmentCA
from edgeproxy.control.options import certs_dir_option, option
from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from edgeproxy.control.trust import Step

no_system_option = option("--no-system", is_flag=True, help="Leave the system's trust store alone.")
no_browsers_option = option("--no-browsers", is_flag=True, help="Leave the browsers' trust stores alone.")


class _ErrorsAsSentences(click.Group):
    """Ends with exit code 1 and a sentence where the folder or a name is not fine."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_ErrorsAsSentences)
def certs() -> None:
    """The development CA: show it, issue certificates, have it trusted."""


@certs.command()
@certs_dir_option
def ca(certs_dir: Path) -> None:
    """Print where the CA's certificate is; make the CA if there is none."""
    authority = DevelopmentCA.open(certs_dir)
    _say(f"{authority.name}, valid until {authority.not_after:%Y-%m-%d}")
    _say(f"SHA-256 {authority.sha256}")
    _say("It is new: run `edgeproxy certs trust` to have it trusted here." if authority.origin != "found" else "")
    click.echo(authority.path)


@certs.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@certs_dir_option
def issue(names: tuple[str, ...], certs_dir: Path) -> None:
    """Issue a certificate for host names, wildcards or IP addresses and print where it is.

    The file holds the chain and the private key, as `CertificateArn` takes it. One issued before is used again while it
    is valid for 30 more days.
    """
    issued = DevelopmentCA.open(certs_dir).issue(names)
    state = "Issued" if issued.is_new else "Still good"
    _say(f"{state}: {', '.join(issued.names)}, valid until {issued.not_after:%Y-%m-%d}")
    for name in issued.names:
        if name.startswith("*.") and name.count(".") == 1:
            _say(f"Browsers, OpenSSL and curl do not accept '{name}' for its subdomains: name those that you use.")
    click.echo(issued.path)


@certs.command()
@certs_dir_option
@no_system_option
@no_browsers_option
@click.pass_context
def trust(ctx: click.Context, certs_dir: Path, *, no_system: bool, no_browsers: bool) -> None:
    """Have the CA trusted by this machine and its browsers; make the CA if there is none."""
    authority = DevelopmentCA.open(certs_dir)
    steps = trust_stores.trust(authority, _this_machine(), system=not no_system, browsers=not no_browsers)
    _report(steps)
    path = authority.path.absolute()
    _say("Programs with a bundle of their own are told by the environment (the last two then know this CA only):")
    for variable in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        click.echo(f"export {variable}={shlex.quote(str(path))}")
    _say("`edgeproxy certs untrust` undoes this.")
    _end(ctx, steps)


@certs.command()
@certs_dir_option
@no_system_option
@no_browsers_option
@click.pass_context
def untrust(ctx: click.Context, certs_dir: Path, *, no_system: bool, no_browsers: bool) -> None:
    """Have the CA forgotten by this machine and its browsers. The CA's files stay."""
    authority = DevelopmentCA.find(certs_dir)
    if authority is None:
        raise ConfigError("", str(certs_dir), f"There is no development CA in '{certs_dir}'.")
    steps = trust_stores.untrust(authority, _this_machine(), system=not no_system, browsers=not no_browsers)
    _report(steps)
    _say(f"The CA itself is kept in '{certs_dir}'; remove the folder to be rid of it.")
    _end(ctx, steps)


def _this_machine() -> trust_stores.Machine:
    return trust_stores.Machine(is_root=os.geteuid() == 0)


def _report(steps: list[Step]) -> None:
    for step in steps:
        mark = click.style("done", fg="green") if step.is_done else click.style("not done", fg="yellow")
        _say(f"{mark}  {step.store}: {step.detail}")


def _end(ctx: click.Context, steps: list[Step]) -> None:
    if not any(step.is_done for step in steps):
        ctx.exit(1)


def _say(sentence: str) -> None:
    if sentence:
        click.echo(sentence, err=True)
