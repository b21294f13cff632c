"""`edgeproxy doctor`: looks at an app before production does. See the package `doctor`."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

import click

from edgeproxy.control.config.loader import load_file
from edgeproxy.control.doctor import report
from edgeproxy.control.doctor.examine import examine_all
from edgeproxy.control.doctor.probe import Dialer
from edgeproxy.control.doctor.process import AppProcess
from edgeproxy.control.doctor.subjects import from_targets, from_topology
from edgeproxy.control.exit_codes import ExitCode
from edgeproxy.errors import ConfigError, EdgeProxyError
from edgeproxy.runtime import loop

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edgeproxy.control.doctor.examine import Report
    from edgeproxy.control.doctor.subject import Subject
    from edgeproxy.control.doctor.subjects import TypedTarget, Wishes


def run_doctor(
    targets: Sequence[TypedTarget],
    config: Path | None,
    wishes: Wishes,
    *,
    pid: int | None = None,
    is_strict: bool = False,
    as_json: bool = False,
) -> ExitCode:
    """Examine the given targets, or those of the file, and print what was found.

    Raises:
        click.UsageError: The matcher has no meaning, or `pid` is not to be had or could belong to several targets.
    """
    try:
        subjects = from_topology(load_file(config, os.environ).topology, wishes) if config else []
    except EdgeProxyError as error:
        click.echo(str(error), err=True)
        return ExitCode.NOT_FINE
    subjects += from_targets(targets, wishes)
    if not subjects:
        click.echo(f"{config} has no target that a listener forwards to.", err=True)
        return ExitCode.NOT_FINE
    _check_matchers(subjects)
    process = _process(pid, subjects)
    try:
        reports = loop.run(examine_all(subjects, Dialer(), _tell, process))
    except KeyboardInterrupt:
        click.echo("Stopped before the examination was over.", err=True)
        return ExitCode.NOT_FINE
    _show(reports, as_json=as_json)
    bad = report.count(reports, "problem") + (report.count(reports, "advice") if is_strict else 0)
    return ExitCode.NOT_FINE if bad else ExitCode.FINE


def _check_matchers(subjects: Sequence[Subject]) -> None:
    for subject in subjects:
        try:
            _ = subject.matcher
        except ConfigError as error:
            raise click.UsageError(f"--matcher {subject.health.matcher}: {error.reason}") from error


def _process(pid: int | None, subjects: Sequence[Subject]) -> AppProcess | None:
    if pid is None:
        return None
    if len(subjects) != 1:
        raise click.UsageError(f"--pid belongs to one target, and there are {len(subjects)}: name it with --target.")
    process = AppProcess(pid)
    if problem := process.problem():
        raise click.UsageError(problem)
    return process


def _tell(sentence: str) -> None:
    """A person who waits is told what for."""
    if sys.stderr.isatty():
        click.echo(sentence, err=True)


def _show(reports: Sequence[Report], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(report.document(reports), indent=2))
        return
    in_colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    text = "\n".join(report.lines_of(reports, report.coloured if in_colour else report.plain))
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace(report.TICK, "+").encode(encoding, "replace").decode(encoding)
    click.echo(text)
