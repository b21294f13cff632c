"""What the exchanges of one listener share under one configuration."""

from __future__ import annotations

import msgspec
import pytest

from tests.helpers.exchange_ports import Stage


def test_a_context_never_changes() -> None:
    """A reload replaces it; an exchange that is under way keeps the one that it began with."""
    stage = Stage()
    client = stage.client().sends("GET / HTTP/1.1", "Host: a")
    before = stage.context
    stage.context = msgspec.structs.replace(before, allows_several_hosts=True)

    with pytest.raises(AttributeError):
        before.allows_several_hosts = True  # type: ignore[misc]
    assert client.exchange is not None
    assert (before, False) == (client.exchange.context, client.exchange.context.allows_several_hosts)


def test_each_listener_remembers_its_own_encoded_lines() -> None:
    first, second = Stage().context, Stage().context
    first.h2_encoder.encode_lines(["x-a: 1"])

    assert (1, 0) == (len(first.h2_encoder), len(second.h2_encoder))
