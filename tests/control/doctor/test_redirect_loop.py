from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from edgeproxy.control.doctor.redirect_loop import examine_redirect_loop
from tests.helpers.targets import ScriptedTarget, answering, silent

if TYPE_CHECKING:
    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer
    from tests.helpers.conversation import Conversation


def redirecting(location: str, status: int = 302) -> Any:
    return answering(b"", status=f"{status} Elsewhere", headers=(f"Location: {location}",))


async def trusting(conversation: Conversation, head: bytes) -> None:
    """Redirects clients of http to https, and believes the load balancer."""
    if b"\r\nX-Forwarded-Proto: https\r\n" in head:
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    else:
        await conversation.send(
            b"HTTP/1.1 301 Moved\r\nLocation: https://localhost/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )


async def look(script: Any, subject_of: Any, dialer: Dialer, **changes: Any) -> Finding:
    async with ScriptedTarget(script) as target:
        [finding] = await examine_redirect_loop(subject_of(target, **changes), dialer)
    return finding


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["https://localhost/", "https://LOCALHOST:443", "HTTPS://localhost/"])
async def test_a_redirect_to_where_the_client_came_by_is_a_loop(
    status: int, location: str, subject_of: Any, dialer: Dialer
) -> None:
    finding = await look(redirecting(location, status), subject_of, dialer)

    assert ("https-redirect", "problem") == (finding.name, finding.severity)
    assert "redirects it for ever" in finding.sentence
    assert finding.page.endswith("/x-forwarded-headers.html#x-forwarded-proto")


@pytest.mark.parametrize(
    ("path", "location"),
    [("/", "/"), ("/", "//localhost/"), ("/", "//localhost"), ("/a?b=c", "/a?b=c"), ("/a?b=c", "?b=c"), ("/a/b", "b")],
)
async def test_a_relative_redirect_to_the_same_place_is_a_loop(
    path: str, location: str, subject_of: Any, dialer: Dialer
) -> None:
    finding = await look(redirecting(location, 301), subject_of, dialer, paths=(path,))

    assert "problem" == finding.severity
    assert f"to {location}: your app redirects the client to where it is already, for ever." in finding.sentence
    assert finding.cure.startswith("Redirect to another place, or not at all.")


@pytest.mark.parametrize("host", ["localhost:9000", "[::1]", "[::1]:9000"])
async def test_a_relative_redirect_names_no_port(host: str, subject_of: Any, dialer: Dialer) -> None:
    loop = await look(redirecting("/"), subject_of, dialer, host=host)
    onwards = await look(redirecting("/login"), subject_of, dialer, host=host)

    assert ["problem", "good"] == [loop.severity, onwards.severity]


async def test_the_query_belongs_to_the_place(subject_of: Any, dialer: Dialer) -> None:
    loop = await look(redirecting("https://localhost/a?b"), subject_of, dialer, paths=("/a?b",))
    onwards = await look(redirecting("https://localhost/a?b&c"), subject_of, dialer, paths=("/a?b",))

    assert ["problem", "good"] == [loop.severity, onwards.severity]


@pytest.mark.parametrize("location", ["https://localhost/x/../a", "/./a", "https://localhost/../a", "b/../a"])
async def test_dots_in_a_location_lead_where_a_client_goes(location: str, subject_of: Any, dialer: Dialer) -> None:
    loop = await look(redirecting(location), subject_of, dialer, paths=("/a",))
    onwards = await look(redirecting(f"{location}/.."), subject_of, dialer, paths=("/a",))

    assert ["problem", "good"] == [loop.severity, onwards.severity]


async def test_what_is_sent_as_it_stands_is_no_place_that_a_redirect_leads_to(subject_of: Any, dialer: Dialer) -> None:
    """An app that leads `/a/../b` to `/b` has only said it in other words."""
    finding = await look(redirecting("https://localhost/b"), subject_of, dialer, paths=("/a/../b",))

    assert "good" == finding.severity


async def test_an_answer_that_is_none_is_not_called_late(subject_of: Any, dialer: Dialer) -> None:
    async def garbage(conversation: Conversation, head: bytes) -> None:
        await conversation.send(b"garbage\r\n\r\n")

    finding = await look(garbage, subject_of, dialer)

    assert "skipped" == finding.severity
    assert finding.sentence.startswith("GET / has no answer (")


async def test_urls_of_http_for_clients_of_https_are_found(subject_of: Any, dialer: Dialer) -> None:
    login = await look(redirecting("http://localhost/login"), subject_of, dialer)
    back = await look(redirecting("http://localhost/"), subject_of, dialer)

    assert ["problem", "problem"] == [login.severity, back.severity]
    assert login.sentence.endswith("your app builds http:// URLs for clients that came by https.")
    assert back.sentence.endswith("A listener that redirects HTTP to HTTPS sends it back: a loop.")


async def test_the_apps_own_port_in_a_url_is_found(subject_of: Any, dialer: Dialer) -> None:
    finding = await look(redirecting("https://localhost:8080/login"), subject_of, dialer)

    assert "your app puts port 8080 into its URLs, the ALB listens on 443" in finding.sentence


async def test_the_port_of_the_listener_is_right(subject_of: Any, dialer: Dialer) -> None:
    finding = await look(redirecting("https://localhost:8443/login"), subject_of, dialer, client_port=8443)

    assert "good" == finding.severity


@pytest.mark.parametrize(
    "location",
    [
        "/login",
        "login",
        "?page=2",
        "//elsewhere.example/",
        "https://elsewhere.example/",
        "http://elsewhere.example/",
        "https://[broken",
        "https://a:b/",
        "",
    ],
)
async def test_redirects_that_lead_on_are_good(location: str, subject_of: Any, dialer: Dialer) -> None:
    finding = await look(redirecting(location), subject_of, dialer)

    assert "good" == finding.severity
    assert "no loop" in finding.sentence


async def test_an_app_that_believes_only_its_own_machine_is_found_out(subject_of: Any, dialer: Dialer) -> None:
    """As uvicorn and gunicorn do by default."""

    async def script(conversation: Conversation, head: bytes) -> None:
        if conversation.transport.get_extra_info("peername")[0] != "127.0.0.1":
            head = b""
        await trusting(conversation, head)

    finding = await look(script, subject_of, dialer)

    assert "problem" == finding.severity
    assert finding.sentence.endswith("believes the header from 127.0.0.1 alone, and the ALB is somewhere else.")


async def test_an_app_that_believes_the_header_is_praised(subject_of: Any, dialer: Dialer) -> None:
    finding = await look(trusting, subject_of, dialer)

    assert "good" == finding.severity
    assert "believes X-Forwarded-Proto: https" in finding.sentence


async def test_an_app_that_redirects_nobody_is_good(subject_of: Any, dialer: Dialer) -> None:
    finding = await look(answering(), subject_of, dialer)

    assert "GET / does not redirect clients that come by https." == finding.sentence


async def test_what_was_not_looked_at_is_said(subject_of: Any, dialer: Dialer) -> None:
    slow = await look(silent, subject_of, dialer, idle_timeout=0.02)
    plain = await look(answering(), subject_of, dialer, client_protocol="http", client_port=80)

    assert ["skipped", "skipped"] == [slow.severity, plain.severity]
