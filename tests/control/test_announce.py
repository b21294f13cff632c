from __future__ import annotations

import errno
from typing import Any

import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.announce import bind_hint, listener_line, listener_url, target_group_line
from edgeproxy.errors import BindError
from edgeproxy.runtime.listener import _REASONS


def test_a_listener_says_its_url_and_where_it_is_bound(proxy: Any) -> None:
    http, https = proxy.listeners

    assert "edgeproxy HTTP:80  http://localhost:8000  (bound to 0.0.0.0:8000, [::]:8000)" == listener_line(http)
    assert "edgeproxy HTTPS:443  https://localhost" == listener_line(https)


@pytest.mark.parametrize(
    ("protocol", "host", "port", "url"),
    [
        ("HTTP", "::", 80, "http://localhost"),
        ("HTTPS", "127.0.0.1", 8443, "https://localhost:8443"),
        ("HTTPS", "10.0.0.5", 443, "https://10.0.0.5"),
        ("HTTP", "fd00::5", 443, "http://[fd00::5]:443"),
    ],
)
def test_a_url_leaves_out_the_default_port(proxy: Any, protocol: str, host: str, port: int, url: str) -> None:
    listener = proxy.listeners[0]._replace(protocol=protocol, addresses=[(host, port)])

    assert url == listener_url(listener)


def test_a_target_group_lists_its_targets(proxy: Any) -> None:
    (group,) = proxy.target_groups

    assert "target group app: 127.0.0.1:8080" == target_group_line(group)
    assert "target group app: no targets" == target_group_line(group._replace(targets=[]))


@pytest.mark.parametrize("reason", [_REASONS[errno.EACCES], "Permission denied"], ids=["listener", "admin endpoint"])
def test_a_forbidden_port_is_explained_with_two_ways_out(reason: str) -> None:
    hint = bind_hint(BindError("", 443, reason), {})

    assert "--bind 443=8443" in hint
    assert "net.ipv4.ip_unprivileged_port_start=80" in hint


@pytest.mark.parametrize("reason", [_REASONS[errno.EADDRINUSE], "Address already in use"])
def test_a_taken_port_is_explained(reason: str) -> None:
    hint = bind_hint(BindError("", 80, reason), {})

    assert hint.startswith("Another program listens there: stop it, or ")
    assert "--bind 80=8000" in hint


def test_the_hint_names_the_declared_port() -> None:
    hint = bind_hint(BindError("127.0.0.1", 8443, "Address already in use"), {443: Address("127.0.0.1", 8443)})

    assert "--bind 443=0" in hint
