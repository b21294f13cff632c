"""Every message of the code has an entry in docs/messages.md, and every entry a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.docs import messages as messages_module
from tests.docs.messages import groups, messages, no_messages, table, template
from tests.docs.messages_page import PAGE
from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def said() -> set[str]:
    return {message.text for message in messages()}


def explained() -> list[str]:
    return [entry.text for group in groups() for entry in group.entries]


def test_every_message_has_a_cure() -> None:
    """A new sentence in the code goes into a group of tests/docs/messages.yaml, then `make reference`."""
    known = {*explained(), *no_messages()}

    assert [] == sorted(f"{message.place}: {message.text}" for message in messages() if message.text not in known)


def test_no_entry_is_of_the_past() -> None:
    assert [] == sorted({*explained(), *no_messages()} - said())
    assert [] == [path for path in table()["silent files"] if not (ROOT / path).exists()]


def test_a_message_stands_there_once() -> None:
    texts = [*explained(), *no_messages()]

    assert len(set(texts)) == len(texts)


def test_a_group_has_a_cure_for_all_or_for_each() -> None:
    for group in groups():
        assert group.about or any(entry.cure for entry in group.entries), group.title


def test_the_committed_page_is_what_the_table_says() -> None:
    assert 0 == PAGE.main(["--check"])


def test_what_is_put_in_is_a_hole() -> None:
    assert "Target … of '…' has … at #{host}" == template("Target %s of '{name}' has {…} at #{host}")


def test_sentences_are_found_where_they_are_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "edgeproxy" / "one.py"
    source.parent.mkdir()
    source.write_text(
        '"""A docstring that says nothing."""\n'
        "def find(name):\n"
        '    raise ConfigError("Name", name, f"Name \'{name}\' not found")\n'
        "def hint():\n"
        '    return "write it in another way"\n'
        'option(help="What is typed here")\n'
        'HEADER = "two words"\n'
    )
    monkeypatch.setattr(messages_module, "ROOT", tmp_path)

    assert {"Name '…' not found", "write it in another way"} == said()
