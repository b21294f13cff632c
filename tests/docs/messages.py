"""Every sentence that the code can say about something that went wrong, as templates.

How they are found: each string literal of the package that reads like a sentence (three words), or that stands in a
call that makes an error or a log line (two words). Docstrings, help texts, regular expressions and `repr`s are left
out, and what `messages.yaml` says is no message. What a program puts in stands as `…`: `Target group '…' not found`.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import yaml

from tests.docs.pages import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE: Final = ROOT / "tests" / "docs" / "messages.yaml"

_HOLE = re.compile(r"(?<![#$])\{[\w…]*\}|%[sdr]")
_WORD = re.compile(r"[A-Za-z][A-Za-z']+")
_SPEAKING_CALLS = {
    "BadParameter",
    "BindError",
    "CannotFollowError",
    "ClickException",
    "ConfigError",
    "Finding",
    "NothingRunningError",
    "OSError",
    "Problem",
    "ProtocolError",
    "UsageError",
    "ValueError",
    "_fail",
    "debug",
    "error",
    "exception",
    "info",
    "warning",
}
_SILENT_KEYWORDS = {"help", "metavar"}


class Message(NamedTuple):
    """One sentence of the code.

    Attributes:
        text: With `…` where something is put in.
        place: The file, from the project's folder.
    """

    text: str
    place: str


class Entry(NamedTuple):
    """A message of the table, and its own cure, or "" where the group's is enough."""

    text: str
    cure: str


class Group(NamedTuple):
    """Messages that have a cause and a cure in common."""

    title: str
    about: str
    entries: tuple[Entry, ...]


def template(text: str) -> str:
    """A message with `…` for whatever is put in."""
    return _HOLE.sub("…", text).strip()


def messages() -> set[Message]:
    """Every sentence of the package, but those of the files and folders that the table leaves out."""
    silent = tuple(table()["silent files"])
    found = set()
    for path in sorted((ROOT / "edgeproxy").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        if not place.startswith(silent):
            found |= {Message(text, place) for text in _sentences(path)}
    return found


def groups() -> list[Group]:
    """The table's groups."""
    return [
        Group(one["title"], one["about"].strip(), tuple(_entry(each) for each in one["messages"]))
        for one in table()["groups"]
    ]


def no_messages() -> set[str]:
    """Sentences that are no messages: answers of `explain`, lines of HTTP, parts of other sentences."""
    return {template(text) for one in table()["no messages"] for text in one["texts"]}


def table() -> dict[str, Any]:
    """`messages.yaml`."""
    return dict(yaml.safe_load(TABLE.read_text()))


def _entry(written: str | dict[str, str]) -> Entry:
    if isinstance(written, str):
        return Entry(template(written), "")
    return Entry(template(written["says"]), " ".join(written["cure"].split()))


def _sentences(path: Path) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    silent = {id(inner) for node in _silent_nodes(tree) for inner in ast.walk(node)}
    spoken = {id(inner) for call in _speaking_calls(tree) for inner in ast.walk(call)}
    for node in ast.walk(tree):
        text = None if id(node) in silent else _text(node)
        if text is not None and len(_WORD.findall(text.replace("…", " "))) >= (2 if id(node) in spoken else 3):
            yield text


def _text(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
        return template(node.value)
    if isinstance(node, ast.JoinedStr):
        # `{{` of an f-string is a brace that is meant
        parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
        return template("".join(parts)) if " " in "".join(parts).strip() else None
    return None


def _silent_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant() as docstring):
                yield docstring
            case ast.JoinedStr(values=parts):
                yield from parts
            case ast.keyword(arg=name, value=value) if name in _SILENT_KEYWORDS:
                yield value
            case ast.FunctionDef(name="__repr__") as function:
                yield function
            case ast.Call(func=ast.Attribute(attr="compile"), args=expressions):
                yield from expressions
            case ast.Assert(msg=ast.AST() as said):
                yield said
            case ast.AnnAssign(annotation=annotation):
                yield annotation


def _speaking_calls(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name in _SPEAKING_CALLS:
                yield node
