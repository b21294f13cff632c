from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.doctor.host_validation import _checker_hosts, examine_host_validation
from tests.helpers.targets import ScriptedTarget, silent

if TYPE_CHECKING:
    from edgeproxy.control.doctor.probe import Dialer
    from tests.helpers.conversation import Conversation


def admitting(*hosts: str, status: int = 400) -> Any:
    """A script that answers 200 to these hosts, whatever their port, and `status` to others."""

    async def script(conversation: Conversation, head: bytes) -> None:
        host = head.decode().split("\r\nHost: ")[1].split("\r\n")[0].partition(":")[0]
        await conversation.send(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % (200 if host in hosts else status))

    return script


async def test_an_app_that_takes_any_host_is_good(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(silent) as target:
        [finding] = await examine_host_validation(subject_of(target), dialer)

        assert ("host-validation", "good") == (finding.name, finding.severity)
        assert [f"127.0.0.1:{target.port}", f"10.0.1.23:{target.port}"] == finding.measured["Hosts"]


@pytest.mark.parametrize("status", [400, 403, 421])
async def test_an_app_that_allows_only_this_machine_is_found_out(status: int, subject_of: Any, dialer: Dialer) -> None:
    """Frameworks in development allow localhost and 127.0.0.1, which is what a target is called there."""
    script = admitting("localhost", "127.0.0.1", status=status)
    async with ScriptedTarget(script, health_status=None) as target:
        [finding] = await examine_host_validation(subject_of(target), dialer)

    assert "problem" == finding.severity
    assert f"answered with {status} when Host is 10.0.1.23:{target.port}, and with 200 when it is localhost" in (
        finding.sentence
    )


async def test_the_name_that_clients_use_counts(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(admitting("shop.example"), health_status=None) as target:
        assert [] == await examine_host_validation(subject_of(target), dialer)
        [finding] = await examine_host_validation(subject_of(target, host="shop.example"), dialer)

    assert "problem" == finding.severity


async def test_a_refusal_is_seen_where_the_check_fails_for_another_reason_as_well(
    subject_of: Any, dialer: Dialer
) -> None:
    """As with an app that redirects to https, too: with one cured the other would come up."""

    async def script(conversation: Conversation, head: bytes) -> None:
        status = b"301" if b"\r\nHost: localhost\r\n" in head or b"\r\nHost: 127." in head else b"400"
        await conversation.send(b"HTTP/1.1 %b X\r\nContent-Length: 0\r\n\r\n" % status)

    async with ScriptedTarget(script, health_status=None) as target:
        [finding] = await examine_host_validation(subject_of(target), dialer)

    assert "is answered with 400 when Host is 10.0.1.23" in finding.sentence
    assert "with 301 when it is localhost" in finding.sentence


async def test_a_check_that_fails_whatever_the_host_is_none_of_its_business(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(silent, health_status=404) as target:
        assert [] == await examine_host_validation(subject_of(target), dialer)
    assert [] == await examine_host_validation(subject_of(target), dialer)


async def test_only_this_machines_addresses_need_a_stand_in(subject_of: Any, dialer: Dialer) -> None:
    """The port is left out where it is the protocol's own."""
    assert ["192.0.2.7"] == _checker_hosts(subject_of(80, address="192.0.2.7"))
    assert ["[::1]:8080", "10.0.1.23:8080"] == _checker_hosts(subject_of(8080, address="::1"))
