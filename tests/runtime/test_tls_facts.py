from __future__ import annotations

from edgeproxy.runtime.tls_facts import UNFINISHED, TlsFacts


def test_what_nobody_knows_is_a_dash_as_in_the_logs() -> None:
    facts = TlsFacts()

    assert {"-"} == {facts.protocol, facts.cipher, facts.domain_name, facts.certificate_arn, facts.key_exchange}


def test_a_client_without_a_certificate_is_no_failure_and_a_handshake_that_came_to_nothing_is() -> None:
    assert ("Success", None) == (TlsFacts().verify_status, TlsFacts().client_certificate)
    assert "Failed:UnmappedConnectionError" == UNFINISHED.verify_status
