from __future__ import annotations

from tests.docs.commands_page import PAGE, commands, render


def test_the_committed_page_is_what_the_command_line_says() -> None:
    assert 0 == PAGE.main(["--check"])


def test_every_option_has_a_row() -> None:
    text = render()
    for name, command in commands():
        section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for parameter in command.params:
            if parameter.param_type_name == "option":
                assert parameter.opts[0] in section, name
