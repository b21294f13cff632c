"""The command line. Each verb declares its options here and imports what it runs only when it is called.

That is what keeps `edgeproxy health` (Docker's HEALTHCHECK) and the first proxied response fast: this module imports
click and nothing else that takes time.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgeproxy import __version__
from edgeproxy.control.addresses import Address, parse_bind
from edgeproxy.control.build import is_compiled
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.control.options import (
    HeaderText,
    admin_endpoint_option,
    certs_dir_option,
    each,
    finite,
    header_pair,
    option,
    optional_finite,
    target_address,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgeproxy.control.output import LogFormat

CONFIG_PLACES = (Path("edgeproxy.yaml"), Path("/etc/edgeproxy/edgeproxy.yaml"))

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

config_option = option(
    "-c", "--config", type=_FILE, help="The configuration file; ./edgeproxy.yaml, then /etc/edgeproxy/edgeproxy.yaml."
)
admin_option = admin_endpoint_option("Where the admin endpoint listens; `off` for nowhere.")
log_format_option = option(
    "--log-format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How edgeproxy's own messages look, on standard error.",
)


_GROUPS = {"certs": "edgeproxy.control.certs_cli", "fault": "edgeproxy.control.fault_cli"}


class VerbGroup(click.Group):
    """The verbs; those that have verbs of their own are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """See `click.Group.list_commands`."""
        return sorted([*super().list_commands(ctx), *_GROUPS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """See `click.Group.get_command`."""
        if cmd_name in _GROUPS:
            command: click.Command = getattr(importlib.import_module(_GROUPS[cmd_name]), cmd_name)
            return command
        return super().get_command(ctx, cmd_name)


def _show_version(context: click.Context, _parameter: click.Parameter, is_asked_for: bool) -> None:
    if is_asked_for and not context.resilient_parsing:
        click.echo(f"edgeproxy, version {__version__}{' (compiled)' if is_compiled() else ''}")
        context.exit()


@click.group(cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version, and whether it is a compiled build.",
)
def main() -> None:
    """An AWS Application Load Balancer that runs on your own machine.

    Exit codes: 0 fine, 1 what was asked about is not fine, 2 wrong usage, 3 a port could not be bound.
    """


@main.command()
@config_option
@option("--target", multiple=True, metavar="HOST:PORT", callback=each(target_address), help="No file: forward here.")
@option("--health-path", metavar="PATH", help="With --target: what a health check asks for.  [default: /]")
@option("--health-codes", metavar="CODES", help="With --target: the healthy answers, as 200,404.  [default: 200]")
@option("--cert", type=_FILE, help="With --target: a PEM file; a development certificate otherwise.")
@option("--key", type=_FILE, help="With --cert: the private key, where it is in a file of its own.")
@option("--name", multiple=True, metavar="NAME", help="Another host name for the development certificate.")
@option(
    "--bind",
    multiple=True,
    metavar="PORT=HOST:PORT",
    callback=each(parse_bind),
    help="Bind a listener's port elsewhere: 443=127.0.0.1:8443, 443=8443, 443=0 for any free port.",
)
@option(
    "--time-scale",
    type=click.FloatRange(min=0, min_open=True),
    callback=finite,
    default=1.0,
    show_default=True,
    help="Multiply every duration of the load balancer, so that a test need not wait.",
)
@option("--no-watch", is_flag=True, help="Do not reload when the configuration file changes.")
@admin_option
@option(
    "--access-log", metavar="FILE", default="-", help="Where it goes; `-` is standard output, or `off`.  [default: -]"
)
@option(
    "--connection-log",
    metavar="FILE",
    default="off",
    help="A line per client connection; `-` is standard output.  [default: off]",
)
@option(
    "--health-check-log",
    metavar="FILE",
    default="off",
    help="A line per health check; `-` is standard output.  [default: off]",
)
@option(
    "--fault-header",
    is_flag=True,
    help="Say in the response header X-Edgeproxy-Fault which faults on purpose took the request.",
)
@certs_dir_option
@option(
    "--drain-seconds",
    type=click.FloatRange(min=0),
    callback=finite,
    default=30.0,
    show_default=True,
    help="How long a stop may take.",
)
@log_format_option
def run(**options: Any) -> None:
    """Run what the configuration file says, or a load balancer for the given targets.

    SIGHUP reads the file again. SIGUSR1 completes the log files in the directories that access_logs.s3.bucket and its
    like name, instead of at the end of their five minutes. SIGTERM and SIGINT stop, the second time at once.
    """
    from edgeproxy.control.run_command import RunOptions, run_until_stopped  # noqa: PLC0415 - see the module docstring

    options["config"] = config_file(options["config"]) if not options["target"] else options["config"]
    raise SystemExit(run_until_stopped(RunOptions(**options)))


@main.command()
@click.argument("file", type=_FILE, required=False)
def check(file: Path | None) -> None:
    """Validate a configuration file."""
    from edgeproxy.control.check_command import check_file  # noqa: PLC0415 - see the module docstring

    raise SystemExit(check_file(config_file(file)))


@main.command()
@click.argument("method")
@click.argument("url")
@option(
    "-H",
    "--header",
    type=HeaderText(),
    multiple=True,
    metavar="'Name: value'",
    callback=each(header_pair),
    help="A request header.",
)
@option("--source-ip", metavar="IP", default="127.0.0.1", show_default=True, help="The client's address.")
@option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
@config_option
@certs_dir_option
@option("--live", is_flag=True, help="Tell also the faults that were added to the edgeproxy that runs.")
@admin_endpoint_option("Where the admin endpoint listens.")
def explain(
    method: str,
    url: str,
    header: Sequence[tuple[str, str]],
    source_ip: str,
    as_json: bool,
    config: Path | None,
    certs_dir: Path,
    live: bool,
    admin: Address | None,
) -> None:
    """Say which rule would answer a request, and why the others would not."""
    from edgeproxy.control.explain_view import explain_request  # noqa: PLC0415 - see the module docstring
    from edgeproxy.control.question import Question  # noqa: PLC0415

    try:
        question = Question.parse(method, url, headers=header, source_ip=source_ip)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if live and admin is None:
        click.echo("The admin endpoint is off (--admin off), so nothing can be asked.", err=True)
        raise SystemExit(ExitCode.NOT_FINE)
    running = admin if live else None
    raise SystemExit(explain_request(question, config_file(config), certs_dir, as_json=as_json, running=running))


@main.command()
@admin_option
@option("--json", "as_json", is_flag=True, help="The admin endpoint's JSON as it is.")
def health(admin: Address | None, as_json: bool) -> None:
    """Show the targets' health of the edgeproxy that runs; exit code 1 if a target group has no healthy target."""
    from edgeproxy.control import health_view  # noqa: PLC0415 - see the module docstring

    if admin is None:
        click.echo("The admin endpoint is off (--admin off), so nothing can be asked.", err=True)
        raise SystemExit(ExitCode.NOT_FINE)
    raise SystemExit(health_view.show(admin, as_json=as_json))


@main.command()
@admin_option
@option("--status", multiple=True, metavar="STATUS", help="Only these: 404, 5xx, 200-299; a list with commas.")
@option("--method", multiple=True, metavar="METHOD", help="Only these methods.")
@option("--host", multiple=True, metavar="NAME", help="Only requests for this host; * and ? as in a rule.")
@option("--path", multiple=True, metavar="PATH", help="Only requests for this path; * and ? as in a rule.")
@option("--rule", multiple=True, metavar="PRIORITY", help="Only what this rule answered; `default` for the default.")
@option(
    "--target",
    verb="logs",
    multiple=True,
    metavar="TARGET",
    help="Only what went to this target (ADDRESS:PORT) or target group; * and ? as in a rule.",
)
@option("--fault", multiple=True, metavar="NAME", help="Only what a fault of this name took; * and ? as in a rule.")
@option("--slow", metavar="DURATION", help="Only what took at least so long, from arrival to end: 100ms, 1.5s, 2m.")
@option("--json", "as_json", is_flag=True, help="The admin endpoint's JSON lines as they are.")
def logs(admin: Address | None, as_json: bool, slow: str | None, **filters: tuple[str, ...]) -> None:
    """Follow the requests of the edgeproxy that runs, until one of the two ends.

    A terminal gets coloured lines; anything else gets columns with tabs between them: time, client, method, host, path
    with query, rule, target, status, the three times of the access log, why.
    """
    from edgeproxy.control import logs_command  # noqa: PLC0415 - see the module docstring
    from edgeproxy.control.request_filter import RequestFilter  # noqa: PLC0415

    wanted = [(name, value) for name, values in filters.items() for value in values]
    wanted += [("slow", slow)] if slow is not None else []
    try:
        RequestFilter(wanted)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if admin is None:
        click.echo("The admin endpoint is off (--admin off), so nothing can be followed.", err=True)
        raise SystemExit(ExitCode.NOT_FINE)
    raise SystemExit(logs_command.run(admin, wanted, as_json=as_json))


@main.command()
@option("--target", multiple=True, metavar="HOST:PORT|URL", help="What to look at; the file's targets otherwise.")
@config_option
@option("--path", verb="doctor", multiple=True, metavar="PATH", help="What to ask for; a slow one last.  [default: /]")
@option("--host", verb="doctor", metavar="NAME", help="The Host that clients send.  [default: localhost]")
@option("--health-path", metavar="PATH", help="What a health check asks for.  [default: the target group's, or /]")
@option("--matcher", metavar="CODES", help="The healthy answers.  [default: the target group's, or 200]")
@option(
    "--protocol-version",
    "version",
    type=click.Choice(["HTTP1", "HTTP2", "GRPC"]),
    default="HTTP1",
    show_default=True,
    help="With --target: what the target group would have.",
)
@option(
    "--idle-timeout",
    type=click.FloatRange(min=0, min_open=True),
    callback=optional_finite,
    metavar="SECONDS",
    help="The load balancer's.  [default: the file's, or 60]",
)
@option("--websocket-path", metavar="PATH", help="Where to try a WebSocket.")
@option("--pid", type=click.IntRange(min=2), help="The app's process: send it SIGTERM at last, and look what happens.")
@option(
    "--patience",
    type=click.FloatRange(min=0),
    callback=optional_finite,
    metavar="SECONDS",
    help="How long to watch an idle connection.  [default: a bit more than the idle timeout]",
)
@option("--quick", is_flag=True, help="Leave out what has to wait, and say so.")
@option("--strict", is_flag=True, help="Exit with 1 for advice, too.")
@option("--json", "as_json", is_flag=True, help="One JSON object instead of lines.")
def doctor(
    target: Sequence[str],
    config: Path | None,
    path: tuple[str, ...],
    pid: int | None,
    quick: bool,
    strict: bool,
    as_json: bool,
    **wishes: Any,
) -> None:
    """Look at an app as the load balancer will, and say what will go wrong.

    Exit code 1 if something will. It waits for a bit more than the idle timeout, since it measures how long the app
    keeps idle connections; --quick does not.
    """
    from edgeproxy.control.doctor.subjects import Wishes, typed_target  # noqa: PLC0415 - see the module docstring
    from edgeproxy.control.doctor_command import run_doctor  # noqa: PLC0415

    try:
        targets = [typed_target(each) for each in target]
        wanted = Wishes(paths=path, is_quick=quick, **wishes)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    file = None if targets else config_file(config, "name a target: edgeproxy doctor --target 127.0.0.1:8080")
    raise SystemExit(run_doctor(targets, file, wanted, pid=pid, is_strict=strict, as_json=as_json))


@main.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file, for editors."""
    import json  # noqa: PLC0415 - see the module docstring

    from edgeproxy.control.config import schema as json_schema  # noqa: PLC0415

    click.echo(json.dumps(json_schema.schema(), indent=2))


@main.command()
@admin_option
@certs_dir_option
@log_format_option
def demo(admin: Address | None, certs_dir: Path, log_format: LogFormat) -> None:
    """Run a load balancer in front of two sample targets."""
    from edgeproxy.control.demo import run_demo  # noqa: PLC0415 - see the module docstring

    raise SystemExit(run_demo(admin=admin, certs_dir=certs_dir, log_format=log_format))


def config_file(named: Path | None, instead: str = "run without a file: edgeproxy run --target 127.0.0.1:8080") -> Path:
    """The file to read: the one that was named, else the first of the usual places that exists.

    `instead` is what the error suggests for those who have none.
    """
    if named is not None:
        return named
    for place in CONFIG_PLACES:
        if place.is_file():
            return place
    places = " nor ".join(f"./{place}" if not place.is_absolute() else str(place) for place in CONFIG_PLACES)
    raise click.UsageError(
        f"There is no configuration file: neither {places} exists. Name one with -c FILE, or {instead}"
    )
