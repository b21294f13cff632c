from __future__ import annotations

import ssl
from typing import Any

import pytest
import trustme

from edgeproxy.control.doctor.examine import Report, examine, examine_all
from edgeproxy.control.doctor.probe import Dialer
from tests.helpers.grpc_service import GrpcService
from tests.helpers.h2_peer import H2Target, answering_h2
from tests.helpers.ports import reserved_port
from tests.helpers.targets import ScriptedTarget, answering

FINE = ["answers", "health-check", "host-validation", "https-redirect", "websocket", "keep-alive"]


def ignore(sentence: str) -> None:
    pass


async def test_a_good_app_has_no_problem(subject_of: Any, clock: Any) -> None:
    async with ScriptedTarget(answering()) as target:
        report = await examine(subject_of(target, idle_timeout=0.5, patience=0.75), Dialer(now=clock), ignore)

    assert FINE == [each.name for each in report.findings]
    assert {"websocket": "skipped"} == {each.name: each.severity for each in report.findings if each.severity != "good"}


async def test_an_app_that_is_not_there_is_one_finding(subject_of: Any, dialer: Dialer) -> None:
    with reserved_port() as port:
        [finding] = (await examine(subject_of(port), dialer, ignore)).findings

    assert ("reachable", "problem", 502) == (finding.name, finding.severity, finding.measured["Status"])
    assert "(Connection refused). The ALB answers 502, and the health check fails." in finding.sentence


async def test_a_name_without_an_address_is_one_finding(subject_of: Any, dialer: Dialer) -> None:
    [finding] = (await examine(subject_of(80, id="app.invalid"), dialer, ignore)).findings

    assert "The name app.invalid has no address" in finding.sentence


async def test_an_app_that_listens_on_one_address_of_its_name_is_found(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(answering()) as target:
        subject = subject_of(target, id="localhost", address="", is_quick=True)
        report = await examine(subject, dialer, ignore)

    assert "127.0.0.1" == report.subject.address


async def test_a_target_that_stops_in_between_is_told(subject_of: Any, dialer: Dialer) -> None:
    async def leaving(conversation: Any, head: bytes) -> None:
        target.refuse()
        await conversation.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with ScriptedTarget(leaving) as target:
        report = await examine(subject_of(target), dialer, ignore)

    assert "reachable" in [each.name for each in report.findings]


async def test_a_target_of_https_is_examined_like_any(subject_of: Any, clock: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("elsewhere.example").configure_cert(context)
    async with ScriptedTarget(answering(), tls=context) as target:
        subject = subject_of(target, protocol="HTTPS", health={"protocol": "HTTPS"}, idle_timeout=0.5, patience=0.75)
        report = await examine(subject, Dialer(now=clock), ignore)

    assert FINE == [each.name for each in report.findings]
    assert {"good", "skipped"} == {each.severity for each in report.findings}


async def test_targets_are_reported_in_the_order_given(subject_of: Any, dialer: Dialer) -> None:
    async with ScriptedTarget(answering()) as first, ScriptedTarget(answering()) as second:
        subjects = [subject_of(each, is_quick=True) for each in (second, first)]
        reports = await examine_all(subjects, dialer, ignore)

    assert [second.port, first.port] == [each.subject.port for each in reports]


async def test_an_app_of_http2_is_examined_in_http2(subject_of: Any, clock: Any) -> None:
    async with H2Target(answering_h2()) as target:
        subject = subject_of(target.port, version="HTTP2", idle_timeout=0.05, patience=0.06)
        report = await examine(subject, Dialer(now=clock), ignore)

    assert [name if name != "websocket" else "protocol-version" for name in FINE] == names(report)
    assert ["protocol-version"] == [each.name for each in report.findings if each.severity != "good"]


async def test_a_service_of_grpc_is_called(subject_of: Any, clock: Any) -> None:
    path = "/AWS.ALB/healthcheck"
    with GrpcService() as service:
        health = {"path": path, "matcher": "12"}
        subject = subject_of(
            service.port, version="GRPC", paths=(path,), health=health, idle_timeout=0.05, patience=0.06
        )
        report = await examine(subject, Dialer(now=clock), ignore)

    assert ["answers", "health-check", "protocol-version", "keep-alive"] == names(report)
    assert ["good", "good", "skipped", "good"] == [each.severity for each in report.findings]
    assert f"POST {path} is answered with 200 and grpc-status 12 after" in report.findings[0].sentence
    assert "is answered with grpc-status 12 (UNIMPLEMENTED), as the matcher 12 wants" in report.findings[1].sentence


@pytest.mark.parametrize("version", ["HTTP2", "GRPC"])
async def test_an_app_of_http_1_in_a_group_of_another_version_is_told(
    version: str, subject_of: Any, dialer: Dialer
) -> None:
    async with ScriptedTarget(answering()) as target:
        matcher = {"matcher": "12"} if version == "GRPC" else {}
        report = await examine(subject_of(target, version=version, health=matcher), dialer, ignore)

    assert {"answers", "health-check"} == {each.name for each in report.findings if each.severity == "problem"}
    assert "needs a target group with the protocol version HTTP1" in report.findings[0].cure


def names(report: Report) -> list[str]:
    return [each.name for each in report.findings]
