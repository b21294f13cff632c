"""urllib3 and requests find the load balancer under any name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
import urllib3

from edgeproxy.testing import Alb, targets
from tests.helpers.named_alb import URLS, host_of, named_alb

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def alb() -> Iterator[Alb]:
    with named_alb() as made:
        yield made


@pytest.mark.parametrize("url", URLS)
def test_requests(alb: Alb, url: str) -> None:
    assert host_of(url) == alb.clients.requests().get(url).text


@pytest.mark.parametrize("url", URLS)
def test_urllib3(alb: Alb, url: str) -> None:
    assert host_of(url) == alb.clients.urllib3().request("GET", url, retries=2).data.decode()


def test_names_that_the_certificate_does_not_cover_are_noticed(alb: Alb) -> None:
    with pytest.raises(requests.exceptions.SSLError, match="Hostname mismatch"):
        alb.clients.requests().get("https://other.example.com/")
    with pytest.raises(urllib3.exceptions.SSLError, match="Hostname mismatch"):
        alb.clients.urllib3().request("GET", "https://other.example.com/")


def test_requests_that_shall_not_be_verified_are_all_the_same(alb: Alb) -> None:
    """What a project's code says about trust must not change a context that others use."""
    assert alb.clients.requests().get("https://localhost/", verify=False).ok
    with pytest.raises(requests.exceptions.SSLError, match="Hostname mismatch"):
        alb.clients.requests().get("https://other.example.com/", verify=False)


def test_other_ports_lead_to_where_they_always_led(alb: Alb) -> None:
    with targets.answering("other") as other:
        assert "other" == alb.clients.requests().get(other.url).text
        assert b"other" == alb.clients.urllib3().request("GET", other.url).data
