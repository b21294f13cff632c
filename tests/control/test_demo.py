from __future__ import annotations

import json
import socket
import ssl
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.demo import can_bind, choose_ports, free_port, invitation, sample_targets

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.helpers.process import EdgeProxyProcess

AUTHORITY = Path("certs/ca.pem")


def test_ports_80_and_443_where_the_user_may_bind_them() -> None:
    assert (80, 443) == choose_ports(lambda _: True)


@pytest.mark.parametrize("taken", [80, 443])
def test_ports_8000_and_8443_where_either_may_not_be_bound(taken: int) -> None:
    assert (8000, 8443) == choose_ports(lambda port: port != taken)


def test_free_ports_where_those_are_taken_as_well() -> None:
    http_port, https_port = choose_ports(lambda _: False)

    assert http_port != https_port
    assert {http_port, https_port}.isdisjoint({80, 443, 8000, 8443})


def test_a_port_that_somebody_listens_on_cannot_be_bound() -> None:
    with socket.create_server(("", 0)) as server:
        assert not can_bind(server.getsockname()[1])
    assert can_bind(free_port())


async def test_two_sample_targets_listen_on_ports_of_their_own() -> None:
    async with sample_targets() as targets:
        assert ["sample-1", "sample-2"] == [target.name for target in targets]
        assert 2 == len({target.port for target in targets})


def test_the_whole_demo_answers(run_edgeproxy: Callable[..., EdgeProxyProcess], tmp_path: Path) -> None:
    """HTTP leads to HTTPS, whose certificate the development CA has signed, and an echo answers."""
    process = run_edgeproxy("demo", "--admin", "127.0.0.1:0")
    http_port, https_port = process.listeners
    trusting = ssl.create_default_context(cafile=tmp_path / "certs" / "ca.pem")

    with urllib.request.urlopen(f"http://localhost:{http_port}/hello?x=1", timeout=20, context=trusting) as response:
        echo = json.load(response)

    assert ("/hello", "x=1") == (echo["path"], echo["query"])
    assert f"X-Forwarded-Port: {https_port}" in echo["headers"]
    assert 0 == process.stop()


def test_the_invitation_can_be_copied_into_a_shell() -> None:
    lines = invitation(8000, 8443, AUTHORITY, admin=Address("127.0.0.1", 4580), command="edgeproxy")

    assert [
        "Try:",
        "  curl --cacert certs/ca.pem https://localhost:8443/hello",
        "  curl --cacert certs/ca.pem -iL http://localhost:8000/hello",
        "  edgeproxy health",
    ] == lines[:4]


def test_the_invitation_leaves_out_default_ports() -> None:
    lines = invitation(80, 443, AUTHORITY, admin=None, command="edgeproxy")

    assert "  curl --cacert certs/ca.pem https://localhost/hello" == lines[1]
    assert not any(line.startswith("  edgeproxy health") for line in lines)


def test_the_invitation_names_an_admin_endpoint_that_is_not_where_it_usually_is() -> None:
    lines = invitation(80, 443, AUTHORITY, admin=Address("::1", 4599), command=".venv/bin/edgeproxy")

    assert "  .venv/bin/edgeproxy health --admin [::1]:4599" in lines
