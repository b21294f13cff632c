from __future__ import annotations

from edgeproxy.control.config.schema import KNOWN_ATTRIBUTES, schema
from tests.docs.configuration_page import PAGE, models, render, sources


def test_the_committed_page_is_what_the_code_says() -> None:
    assert 0 == PAGE.main(["--check"])


def test_every_key_of_the_schema_has_a_row() -> None:
    text = render()
    for name, definition in schema()["$defs"].items():
        for key in definition["properties"]:
            assert f"`{key}`" in text, f"{name}.{key}"


def test_every_known_attribute_has_a_row() -> None:
    text = render()
    for specs, _ in KNOWN_ATTRIBUTES.values():
        for key in specs:
            assert f"| `{key}` |" in text


def test_every_key_says_what_it_means() -> None:
    """A field without a docstring would be an empty cell."""
    for line in render().splitlines():
        assert not line.endswith("|  |"), line


def test_every_class_names_the_page_it_was_made_from() -> None:
    """But the file itself and failures on purpose, which AWS does not have."""
    without = {model.__name__ for model in models() if not sources(model.__doc__ or "")}

    assert without <= {"Topology", "Fault", "FaultWhere"}


def test_sources_become_links() -> None:
    docstring = "A rule. Source: API reference, CreateRule and Rule; user guide, listener-rules and rule-conditions."

    assert ["CreateRule", "Rule", "listener-rules", "rule-conditions"] == [
        link.partition("]")[0].removeprefix("[") for link in sources(docstring)
    ]
