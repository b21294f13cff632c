"""Writes docs/messages.md: every message of the code with its cause and cure, from `messages.yaml`.

python -m tests.docs.messages_page           writes the file
python -m tests.docs.messages_page --check   exit code 1 if the file is out of date
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from tests.docs.generated import Generated, table
from tests.docs.messages import groups

if TYPE_CHECKING:
    from tests.docs.messages import Group

_OPENING = """# Every message

What edgeproxy says about something that went wrong, and what to do. `…` stands for what it puts in. Search this page
for a few words of yours; what an app or a browser shows is in [Troubleshooting](troubleshooting.md). This page is made
by `make reference`, and a test fails while the code says something that is not in here.

A mistake in a file is said with its place, its path in AWS's key names, and often with what was probably meant:

```text
edgeproxy.yaml:14:9: TargetGroups[0].HealthChekPath: unknown key 'HealthChekPath' (did you mean HealthCheckPath?)
```

Three more rules: what stands on standard error is edgeproxy's own, standard output is the access log's. A line that
begins with `warning:` changes nothing. And a traceback is always a mistake in edgeproxy, to be reported.
"""


def render() -> str:
    """The whole page."""
    return "\n".join([_OPENING, *map(_section, groups())])


def _section(group: Group) -> str:
    parts = [f"## {group.title}\n"]
    if group.about:
        parts.append(f"{group.about}\n")
    own = [(_code(entry.text), entry.cure) for entry in group.entries if entry.cure]
    if own:
        parts.append(table(("Message", "Cause and cure"), own))
    rest = [f"- {_code(entry.text)}" for entry in group.entries if not entry.cure]
    if rest:
        lead = "These say by themselves what is allowed:" if own else ""
        parts.append("\n".join([*([f"{lead}\n"] if lead else []), *rest, ""]))
    return "\n".join(parts)


def _code(text: str) -> str:
    """As code, even where the text holds backquotes; in a table one line."""
    text = re.sub(r"\s+", " ", text)
    return f"`` {text} ``" if "`" in text else f"`{text}`"


PAGE = Generated("messages.md", render)

if __name__ == "__main__":
    sys.exit(PAGE.main(sys.argv[1:]))
