"""A load balancer that says which name it was asked for, and the ways to ask it."""

from __future__ import annotations

from edgeproxy.testing import Alb, targets

URLS = ("https://app.example.com/", "http://app.example.com/", "https://localhost:443/")


def named_alb() -> Alb:
    """To be started; the body of its answers is the Host that its target got."""
    return Alb(names=["app.example.com"], targets=[targets.handler(lambda request: request.headers["host"])])


def host_of(url: str) -> str:
    """What that is for a URL."""
    return url.split("/")[2].removesuffix(":443")
