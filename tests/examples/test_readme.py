"""The README's promises that a program can check."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from edgeproxy.control.cli import main
from edgeproxy.control.config.loader import load_text

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def test_the_configuration_in_the_readme_is_valid() -> None:
    (configuration,) = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    loaded = load_text(configuration, "README.md", {})

    assert () == loaded.warnings
    assert ["app", "api"] == [group.name for group in loaded.topology.target_groups]


@pytest.mark.parametrize("verb", main.list_commands(click.Context(main)))
def test_every_verb_is_in_the_readme(verb: str) -> None:
    assert f"`edgeproxy {verb}" in README


@pytest.mark.parametrize("name", sorted(folder.name for folder in (ROOT / "examples").iterdir() if folder.is_dir()))
def test_every_example_says_what_to_type_and_what_to_see_and_is_run(name: str) -> None:
    text = (ROOT / "examples" / name / "README.md").read_text()

    assert "## What to type" in text
    assert "## What you should see" in text
    assert (ROOT / "tests" / "examples" / f"test_{name.replace('-', '_')}.py").is_file()


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_every_link_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()
