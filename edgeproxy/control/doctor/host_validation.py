"""Whether the app lets the health checker in, whose Host header is the target's own address.

A development machine hides this: the target's address is 127.0.0.1 there, which frameworks allow on purpose. So an
address as in a VPC is tried as well, and the verdict compares it with a Host that clients use.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

from edgeproxy.control.doctor import facts
from edgeproxy.control.doctor.finding import found
from edgeproxy.control.doctor.health_path import probe_of
from edgeproxy.runtime.health_probe import encode_probe
from edgeproxy.runtime.target_connector import UnreachableError

if TYPE_CHECKING:
    from edgeproxy.control.doctor.asking import Answer
    from edgeproxy.control.doctor.finding import Finding
    from edgeproxy.control.doctor.probe import Dialer
    from edgeproxy.control.doctor.subject import Subject

_REFUSALS: Final = frozenset({400, 403, 421})

VPC_ADDRESS: Final = "10.0.1.23"
"""What a target's address looks like where the load balancer is real."""


async def examine_host_validation(subject: Subject, dialer: Dialer) -> list[Finding]:
    """Check the health under the Hosts that the checker may send, and under the clients'."""
    try:
        return await _examine(subject, dialer)
    except UnreachableError:
        return []  # The health check's finding says so.


async def _examine(subject: Subject, dialer: Dialer) -> list[Finding]:
    hosts = _checker_hosts(subject)
    answers = {host: await _check(subject, dialer, host) for host in hosts}
    failing = [host for host, answer in answers.items() if not _passes(subject, answer)]
    if not failing:
        return [
            found(
                "host-validation",
                "good",
                f"The health checker's Host, an IP address such as {hosts[-1]}, is let in.",
                facts.HEALTH_CHECK_HOST,
                hosts=hosts,
            )
        ]
    by_name = await _check(subject, dialer, subject.host)
    refused = [host for host in failing if _passes(subject, by_name) or _is_refusal(answers[host], by_name)]
    if not refused:
        return []  # It is not the Host; what it is, the health check's finding says.
    host = refused[-1]
    return [
        found(
            "host-validation",
            "problem",
            f"The health check is answered with {_said(answers[host])} when Host is {host}, and with "
            f"{by_name.status} when it is {subject.host}: your app validates Host, the ALB's health checker sends the "
            "target's private IP address, and the target becomes unhealthy.",
            facts.HEALTH_CHECK_HOST,
            "Answer the health check path whatever its Host is: before the validation (a middleware in front of it), "
            "or with the address added at start (Django ALLOWED_HOSTS, Rails config.hosts).",
            host=host,
            status=answers[host].status,
            status_by_name=by_name.status,
        )
    ]


def _checker_hosts(subject: Subject) -> list[str]:
    """The real one, and where that is this machine's, one as in a VPC."""
    probe = probe_of(subject)
    hosts = [probe.host]
    if ipaddress.ip_address(probe.address).is_loopback:
        hosts.append(probe._replace(address=VPC_ADDRESS).host)
    return hosts


async def _check(subject: Subject, dialer: Dialer, host: str) -> Answer:
    probe = probe_of(subject)
    request = encode_probe(probe).replace(f"Host: {probe.host}\r\n".encode(), f"Host: {host}\r\n".encode())
    connection = await dialer.connect_for_health(subject)
    try:
        return await connection.ask(request, idle_timeout=probe.timeout, at_most=probe.timeout)
    finally:
        connection.close()


def _passes(subject: Subject, answer: Answer) -> bool:
    return answer.head is not None and subject.matcher.matches(answer.head.status)


def _is_refusal(answer: Answer, by_name: Answer) -> bool:
    """Whether only this Host is turned away, on a path that fails for another reason as well."""
    return answer.status in _REFUSALS and by_name.head is not None and by_name.status not in _REFUSALS


def _said(answer: Answer) -> str:
    return str(answer.head.status) if answer.head is not None else "nothing"
