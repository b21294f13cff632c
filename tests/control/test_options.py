from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from edgeproxy.control.addresses import Address, parse_bind
from edgeproxy.control.options import HeaderText, admin_address, each, header_pair, option, target_address

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def invoke() -> Callable[..., Any]:
    """Runs a command with the options below and returns what it was called with, or click's result if it failed."""
    received: dict[str, Any] = {}

    @click.command()
    @option("--bind", multiple=True, callback=each(parse_bind))
    @option("-H", "--header", type=HeaderText(), multiple=True, callback=each(header_pair))
    @option("--health-path")
    def command(**options: Any) -> None:
        received.update(options)

    def run(*arguments: str, **environment: str) -> Any:
        received.clear()
        result = CliRunner().invoke(command, arguments, env=environment)
        return received if result.exit_code == 0 else result

    return run


def test_an_option_comes_from_the_environment_under_its_own_name(invoke: Callable[..., Any]) -> None:
    assert "/ok" == invoke(EDGEPROXY_HEALTH_PATH="/ok")["health_path"]


def test_a_name_that_another_verb_uses_otherwise_carries_its_verb() -> None:
    received: list[str] = []

    @click.command()
    @option("--target", verb="logs")
    def command(target: str) -> None:
        received.append(target)

    CliRunner().invoke(command, env={"EDGEPROXY_TARGET": "run's", "EDGEPROXY_LOGS_TARGET": "ours"})

    assert ["ours"] == received


def test_the_command_line_goes_before_the_environment(invoke: Callable[..., Any]) -> None:
    assert "/here" == invoke("--health-path", "/here", EDGEPROXY_HEALTH_PATH="/there")["health_path"]


def test_the_environment_lists_repeated_options_separated_by_spaces(invoke: Callable[..., Any]) -> None:
    expected = ((80, Address(None, 8000)), (443, Address("::1", 8443)))

    assert expected == invoke(EDGEPROXY_BIND="80=8000 443=[::1]:8443")["bind"]


def test_the_environment_lists_headers_one_a_line(invoke: Callable[..., Any]) -> None:
    assert (("A", "1 2"), ("B", "3")) == invoke(EDGEPROXY_HEADER="A: 1 2\nB: 3")["header"]


def test_a_value_that_does_not_parse_is_wrong_usage_with_a_sentence(invoke: Callable[..., Any]) -> None:
    result = invoke("--bind", "443")

    assert 2 == result.exit_code
    assert "it must be PORT=HOST:PORT, as in 443=127.0.0.1:8443." in result.output


@pytest.mark.parametrize(("text", "expected"), [("A: b", ("A", "b")), ("A:b:c", ("A", "b:c")), ("A:", ("A", ""))])
def test_a_header_is_split_at_its_first_colon(text: str, expected: tuple[str, str]) -> None:
    assert expected == header_pair(text)


@pytest.mark.parametrize("text", ["A", ": b", ""])
def test_a_header_needs_a_name_and_a_colon(text: str) -> None:
    with pytest.raises(ValueError, match="it must be 'Name: value'"):
        header_pair(text)


def test_a_port_alone_is_on_this_machine() -> None:
    assert Address("127.0.0.1", 8080) == target_address("8080")
    assert Address("127.0.0.1", 4580) == admin_address("4580")


def test_the_admin_endpoint_can_be_off() -> None:
    assert admin_address("off") is None
