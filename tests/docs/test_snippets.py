"""Every command and every file that README.md, the documentation and the examples show is run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import click
import pytest
import yaml

from edgeproxy.control.cli import main
from edgeproxy.control.config.loader import load_text
from tests.docs.pages import ROOT, Fence, fences, name_of, pages, run_by, steps
from tests.docs.session import Session, session

if TYPE_CHECKING:
    from pathlib import Path

LANGUAGES = {"console", "yaml", "python", "json", "text", "dockerfile", "toml"}

NOT_RUN = {
    "it changes the machine": 1,
    "it binds ports below 1024": 1,
    "it compiles for a minute": 1,
    "it installs": 2,
    "it measures for many minutes": 1,
    "it needs Django": 1,
    "it searches for hours": 1,
    "it takes longer than a test": 1,
    "there is no Docker in the tests": 6,
}
"""Why a fence is not run, and how many there are: one more has to be meant."""

OURS = [page for page in pages() if not run_by(page)]


def all_fences() -> list[Fence]:
    return [fence for page in pages() for fence in fences(page)]


@pytest.mark.parametrize("page", OURS, ids=name_of)
def test_a_page_shows_what_happens(page: Path, tmp_path: Path) -> None:
    """Its files are written, its commands run in order, and print what stands there."""
    with session(tmp_path / "page") as shell:
        if page.parent.parent.name == "examples":
            shell.copy(page.parent)
        for fence in fences(page):
            if not fence.why_not_run:
                try:
                    run(fence, shell)
                except AssertionError as error:
                    pytest.fail(f"{fence.place}: {error}", pytrace=False)


def run(fence: Fence, shell: Session) -> None:
    if fence.language == "console":
        for step in steps(fence.text):
            shell.run(step)
    elif fence.language == "yaml":
        check_yaml(fence)
    elif fence.language == "json":
        json.loads(fence.text)
    if fence.title:
        shell.write(fence.title, fence.text)
    elif fence.language == "python":
        run_python(fence.text, shell)


def check_yaml(fence: Fence) -> None:
    if fence.title.startswith("compose"):
        assert "services" in yaml.safe_load(fence.text)
    else:
        assert () == load_text(fence.text, fence.title or "page.yaml", None).warnings


def run_python(text: str, shell: Session) -> None:
    is_test = re.search(r"^(async )?def test_", text, re.MULTILINE)
    name = "test_shown.py" if is_test else "shown.py"
    shell.write(name, text)
    how = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", name] if is_test else [name]
    done = subprocess.run(
        [sys.executable, *how],
        cwd=shell.folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr


def test_fences_say_what_they_are() -> None:
    for fence in all_fences():
        assert fence.language in LANGUAGES, fence.place


def test_what_is_not_run_is_meant() -> None:
    assert NOT_RUN == Counter(fence.why_not_run for fence in all_fences() if fence.why_not_run)


def test_what_others_run_is_run() -> None:
    for page in pages():
        assert (ROOT / run_by(page)).exists(), name_of(page)


def test_every_edgeproxy_command_exists() -> None:
    """Those that are not run as well: verb, options and their values are what the command line takes."""
    for fence in all_fences():
        if fence.language == "console":
            for step in steps(fence.text):
                for arguments in edgeproxy_commands(step.command):
                    assert_parses(arguments, fence.place)


def edgeproxy_commands(command: str) -> list[list[str]]:
    """The words behind each `edgeproxy` in a command line; what is quoted is one word without meaning."""
    without = re.sub(r"\$\((?!edgeproxy)[^)]*\)", "", command)
    bare = re.sub(r"'[^']*'|\"[^\"$]*\"", "quoted", without.replace("\\\n", " "))
    found = re.findall(r"(?:^|\$\(|\|\s*|;\s*|&&\s*|exec edgeproxy )(?:sudo )?(?:\S*/)?edgeproxy ([^|;&)]+)", bare)
    return [words.partition("#")[0].split() for words in found]


def assert_parses(arguments: list[str], place: str) -> None:
    command: click.Command = main
    context = click.Context(main, info_name="edgeproxy")
    while isinstance(command, click.Group):
        verb = arguments.pop(0)
        if verb in ("--help", "--version"):
            return
        found = command.get_command(context, verb)
        assert found is not None, f"{place}: there is no verb {verb}"
        command = found
    if "--help" in arguments:
        return
    known = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    for word in arguments:
        if re.match(r"--?[a-zA-Z]", word):
            assert word.partition("=")[0] in known, f"{place}: {command.name} has no option {word}"


def composes() -> dict[str, dict[str, Any]]:
    """The Compose files of a page, and of the examples, by their place; of several on a page each with those before."""
    found: dict[str, dict[str, Any]] = {}
    for page in pages():
        merged: dict[str, Any] = {"services": {}, "volumes": {}}
        for fence in fences(page):
            if fence.title.startswith("compose"):
                text = yaml.safe_load(fence.text)
                for name, service in text["services"].items():
                    merged["services"][name] = merged["services"].get(name, {}) | service
                merged["volumes"] |= text.get("volumes", {})
                found[fence.place] = {part: dict(values) for part, values in merged.items()}
    for path in sorted(ROOT.glob("examples/*/compose*.yaml")):
        found[str(path.relative_to(ROOT))] = yaml.safe_load(path.read_text())
    return found


def test_the_compose_files_run_edgeproxy_as_it_can_be_run() -> None:
    """There is no Docker here: what Compose would do with the file is looked at instead."""
    assert len(composes()) >= 3
    for place, compose in composes().items():
        edgeproxy = compose["services"]["edgeproxy"]
        assert_parses(str(edgeproxy.get("command", "run")).split(), place)
        for port in edgeproxy["ports"]:
            assert re.fullmatch(r"\d+:\d+", port)


def test_what_compose_files_name_is_there() -> None:
    """Volumes are declared and mounted where the image keeps its state, and who is waited for has a health check."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    for place, compose in composes().items():
        for name, service in compose["services"].items():
            assert {"image", "build"} & service.keys(), f"{place}: {name} has no image"
            mounts = [each.split(":") for each in service.get("volumes", ())]
            assert {source for source, *_ in mounts} <= {".", *compose["volumes"]}, place
            for waited, how in service.get("depends_on", {}).items():
                assert waited in compose["services"], place
                assert how == {"condition": "service_healthy"}, place
                assert "HEALTHCHECK" in dockerfile, place
        at = dict(each.split(":")[:2] for each in compose["services"]["edgeproxy"]["volumes"])
        assert f"VOLUME {at['edgeproxy-state']}\n" in dockerfile
        assert f"WORKDIR {at['.']}\n" in dockerfile


def test_a_container_that_trusts_the_ca_finds_it_under_the_name_on_the_certificate() -> None:
    compose = list(composes().values())[1]
    edgeproxy, tests = compose["services"]["edgeproxy"], compose["services"]["tests"]
    (alias,) = edgeproxy["networks"]["default"]["aliases"]
    (mounted,) = [each.split(":")[1] for each in tests["volumes"]]

    assert f"https://{alias}/" in tests["command"]
    assert ["--name", alias] == edgeproxy["command"].split()[-2:]
    assert {f"{mounted}/certs/ca.pem"} == set(tests["environment"].values())
    assert "EDGEPROXY_CERTS_DIR=/var/lib/edgeproxy/certs\n" in (ROOT / "Dockerfile").read_text()
