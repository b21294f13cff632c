from __future__ import annotations

import contextlib
import ssl
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import trustme

from edgeproxy.control.config.loader import load_text
from edgeproxy.model.security_policy import POLICIES, policy_for_targets
from edgeproxy.runtime.target_tls import TargetTls, policy_towards, target_context
from tests.helpers.proxies import forwarding_to, running
from tests.helpers.targets import ScriptedTarget, answering

if TYPE_CHECKING:
    from edgeproxy.model.topology import Topology

POLICY_PAGE = "describe-ssl-policies"
NEW, OLD = "ELBSecurityPolicy-TLS13-1-2-2021-06", "ELBSecurityPolicy-2016-08"
TO_TARGETS = "ELBSecurityPolicy-TLS13-1-0-2021-06"


def topology(*policies: str | None) -> Topology:
    """Listeners with these policies, None for HTTP, that forward to the group `app`; nobody forwards to `idle`."""
    listeners = "".join(
        f"""
      - Port: {port}
        Protocol: {"HTTPS" if policy else "HTTP"}
        {f"SslPolicy: {policy}" if policy else ""}
        {"Certificates: [{CertificateArn: dev}]" if policy else ""}
        DefaultActions: [{{Type: forward, TargetGroupArn: app}}]"""
        for port, policy in enumerate(policies, 1)
    )
    text = f"""
LoadBalancers:
  - Name: dev
    Listeners:{listeners}
TargetGroups:
  - {{Name: app, Protocol: HTTPS, Port: 443}}
  - {{Name: idle, Protocol: HTTPS, Port: 443}}
"""
    return load_text(text, "edgeproxy.yaml", None).topology


def handshake(client_context: ssl.SSLContext, server_context: ssl.SSLContext) -> ssl.SSLObject:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(3):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
    assert client.version() is not None
    return client


def serving(leaf: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    leaf.configure_cert(context)
    return context


@pytest.mark.conformance("TLS to targets", "a target's certificate is not validated", "load-balancer-target-groups")
def test_any_certificate_of_a_target_is_accepted() -> None:
    """Signed by nobody known, expired, and for another name."""
    leaf = trustme.CA().issue_cert("other.test", not_after=datetime(2020, 1, 2, tzinfo=UTC))
    assert "TLSv1.3" == handshake(target_context(POLICIES[TO_TARGETS]), serving(leaf)).version()


@pytest.mark.conformance("TLS to targets", "TLS 1.0 to 1.3 are spoken to targets", POLICY_PAGE)
def test_old_targets_are_spoken_to() -> None:
    server = serving(trustme.CA().issue_cert("t.test"))
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        server.minimum_version = server.maximum_version = ssl.TLSVersion.TLSv1
    assert "TLSv1" == handshake(target_context(POLICIES[TO_TARGETS]), server).version()


@pytest.mark.conformance("TLS to targets", "without TLS 1.3 on the listener there is none to targets", POLICY_PAGE)
def test_an_old_policy_does_not_speak_tls_13_to_targets() -> None:
    server = serving(trustme.CA().issue_cert("t.test"))
    assert "TLSv1.2" == handshake(target_context(policy_for_targets(OLD)), server).version()


@pytest.mark.conformance("TLS to targets", "the listener's policy decides", POLICY_PAGE)
@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ([NEW], TO_TARGETS),
        ([OLD], OLD),
        ([None], OLD),
        ([OLD, NEW], TO_TARGETS),
        ([NEW, OLD, None], TO_TARGETS),
    ],
)
def test_the_newest_policy_of_the_listeners_counts(policies: list[str | None], expected: str) -> None:
    wanted = topology(*policies)
    assert expected == policy_towards(wanted, wanted.target_group("app")).name


def test_a_group_that_nobody_forwards_to_has_a_policy_as_well() -> None:
    wanted = topology(NEW)
    assert OLD == policy_towards(wanted, wanted.target_group("idle")).name


def test_a_context_is_made_once_for_each_policy() -> None:
    tls, before, after = TargetTls(), topology(OLD), topology(NEW)
    group = before.target_group("app")
    tls.update(before)
    old = tls.context(group)
    tls.update(after)
    new = tls.context(group)
    tls.update(before)

    assert new is not old
    assert old is tls.context(group)


@pytest.mark.conformance(
    "TLS to targets", "an HTTP listener speaks TLS 1.2 to HTTPS targets", POLICY_PAGE, status="default"
)
async def test_a_target_is_spoken_to_as_the_listener_implies() -> None:
    context = serving(trustme.CA().issue_cert("t.test"))
    versions: list[str | None] = []
    context._msg_callback = lambda conn, *_: versions.append(conn.version())  # type: ignore[attr-defined]
    async with ScriptedTarget(answering(b"ok"), tls=context) as target:
        text = forwarding_to(target.port).replace("Name: app, Protocol: HTTP", "Name: app, Protocol: HTTPS")
        async with running(text) as edgeproxy:
            answer = await edgeproxy.ask()

    assert (b"ok", "TLSv1.2") == (answer.body, versions[-1])
