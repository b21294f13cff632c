"""Whether the app believes X-Forwarded-Proto: redirects of clients that came by https, and where they lead.

Servers such as uvicorn and gunicorn believe 127.0.0.1 alone by default, which hides on a development machine that they
will not believe the load balancer. So an app on the loopback is asked from another address of it, where there is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, urljoin, urlsplit

import msgspec

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.finding import found
from edgeproxy.control.doctor.request import forwarded
from edgeproxy.exchange.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgeproxy.control.doctor.asking import Answer
    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer
    from edgeproxy.control.doctor.subject import Subject

_LOOPBACK: Final = "127.0.0.1"
_STRANGER: Final = "127.0.0.2"
_NAME: Final = "https-redirect"
_LATE: Final = (Outcome.FORWARDED, Outcome.TARGET_SILENT)
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_TRUST: Final = (
    "Make the app believe X-Forwarded-Proto from the load balancer: Django SECURE_PROXY_SSL_HEADER, uvicorn "
    "--proxy-headers --forwarded-allow-ips, gunicorn --forwarded-allow-ips, Express 'trust proxy', Spring "
    "server.forward-headers-strategy, Flask ProxyFix, ASP.NET ForwardedHeaders; or drop the app's own redirect, the "
    "load balancer has one."
)
_STAYS: Final = "redirects the client to where it is already,"
_LEAD_ON: Final = "Redirect to another place, or not at all. If it is to lead clients of http to https:"


async def examine_redirect_loop(subject: Subject, dialer: Dialer) -> list[Finding]:
    """Ask as a client of https, and for comparison as one of http."""
    if subject.client_protocol == "http":
        return [
            found(
                _NAME,
                "skipped",
                "No HTTPS listener forwards to this target, so no client comes by https.",
                facts.FORWARDED_PROTO,
            )
        ]
    findings: list[Finding] = []
    for path in subject.paths:
        by_https = await _ask(subject, dialer, path, "https")
        complaints = list(_complaints(subject, path, by_https))
        if complaints and subject.address == _LOOPBACK:
            nearby = await _ask(subject, dialer, path, "https", source=_LOOPBACK)
            if not list(_complaints(subject, path, nearby)):
                complaints = [_believes_only_nearby(each) for each in complaints]
        if not complaints:
            by_http = await _ask(subject, dialer, path, "http", 80)
            complaints = [_fine(subject, path, by_https, by_http)]
        findings += complaints
    return findings


async def _ask(subject: Subject, dialer: Dialer, path: str, protocol: str, port: int = 0, source: str = "") -> Answer:
    if subject.address == _LOOPBACK:
        source = source or _STRANGER
    connection = await dialer.connect(subject, source)
    try:
        patience = min(subject.idle_timeout, 5.0)  # `answers` waits for slow ones
        request = forwarded(subject, path, protocol=protocol, port=port)
        return await connection.ask(request, idle_timeout=patience, at_most=patience)
    finally:
        connection.close()


def _complaints(subject: Subject, path: str, answer: Answer) -> Iterator[Finding]:
    """What is wrong with the redirect of a client that came by https."""
    text = answer.header("location")
    location = _place(text, _url("https", subject, path)) if answer.status in _REDIRECTS else None
    if location is None or (location.hostname or "").lower() != _name(subject.host):
        return
    measured: dict[str, Any] = {"path": path, "status": answer.status, "location": text}
    leads_back = _target(location) == path
    if location.scheme == "https" and location.port in (None, subject.client_port) and leads_back:
        names_https = text.lower().startswith("https:")
        reason = "does not see that the client came by https, and redirects it" if names_https else _STAYS
        yield found(
            _NAME,
            "problem",
            f"GET {path} with X-Forwarded-Proto: https is answered with {answer.status} to {text}: your app {reason} "
            "for ever.",
            facts.FORWARDED_PROTO,
            _TRUST if names_https else f"{_LEAD_ON} {_TRUST}",
            **measured,
        )
    elif location.scheme == "http":
        loop = " A listener that redirects HTTP to HTTPS sends it back: a loop." if leads_back else ""
        yield found(
            _NAME,
            "problem",
            f"GET {path} with X-Forwarded-Proto: https is answered with {answer.status} to {text}: your app builds "
            f"http:// URLs for clients that came by https.{loop}",
            facts.FORWARDED_PROTO,
            _TRUST,
            **measured,
        )
    elif location.port not in (None, subject.client_port):
        yield found(
            _NAME,
            "problem",
            f"GET {path} is answered with {answer.status} to {text}: your app puts port {location.port} into its URLs, "
            f"the ALB listens on {subject.client_port}.",
            facts.FORWARDED_PROTO,
            "Build URLs from Host and X-Forwarded-Port, never from the port that the app listens on.",
            **measured,
        )


def _believes_only_nearby(finding: Finding) -> Finding:
    addition = f" It believes the header from {_LOOPBACK} alone, and the ALB is somewhere else."
    return msgspec.structs.replace(finding, sentence=finding.sentence + addition)


def _fine(subject: Subject, path: str, by_https: Answer, by_http: Answer) -> Finding:
    if by_https.head is None:
        what = "has no answer within a moment" if by_https.outcome in _LATE else f"has no answer ({by_https.fault})"
        sentence = f"GET {path} {what}, so redirects were not looked at."
        return found(_NAME, "skipped", sentence, facts.FORWARDED_PROTO, path=path)
    text = by_http.header("location")
    location = _place(text, _url("http", subject, path)) if by_http.status in _REDIRECTS else None
    if location is not None and location.scheme == "https" and by_https.status not in _REDIRECTS:
        sentence = f"GET {path} redirects clients of http to https, and believes X-Forwarded-Proto: https: no loop."
    elif by_https.status in _REDIRECTS:
        sentence = f"GET {path} redirects clients of https to {by_https.header('location') or 'nowhere'}: no loop."
    else:
        sentence = f"GET {path} does not redirect clients that come by https."
    return found(_NAME, "good", sentence, facts.FORWARDED_PROTO, path=path, status=by_https.status)


def _url(scheme: str, subject: Subject, path: str) -> str:
    """What the client asked for; without a port, so that only the app's own words name one."""
    name = _name(subject.host)
    return f"{scheme}://[{name}]{path}" if ":" in name else f"{scheme}://{name}{path}"


def _place(location: str, asked: str) -> SplitResult | None:
    """Where a Location leads a client that asked for this URL (RFC 9110, 10.2.2); None if nowhere, or out of HTTP."""
    try:
        parts = urlsplit(urljoin(asked, location))
        _ = parts.port  # raises for what is no port
    except ValueError:
        return None
    return parts if location and parts.scheme in ("http", "https") and parts.netloc else None


def _target(location: SplitResult) -> str:
    """What a client asks for there, which takes `.` and `..` out itself (RFC 3986, 5.2.4)."""
    kept: list[str] = []
    for segment in (location.path or "/").split("/")[1:]:
        if segment == "..":
            kept[-1:] = []
        elif segment != ".":
            kept.append(segment)
    if location.path.endswith(("/.", "/..")):
        kept.append("")
    path = f"/{'/'.join(kept)}"
    return f"{path}?{location.query}" if location.query else path


def _name(host: str) -> str:
    return (urlsplit(f"//{host}").hostname or host).lower()
