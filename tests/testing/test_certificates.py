"""The throw-away CA."""

from __future__ import annotations

import ssl

import pytest

from edgeproxy.testing import Alb, throw_away_ca


def test_there_is_one_for_the_process() -> None:
    """Making one takes a while, and trusting two is one too many."""
    assert throw_away_ca() is throw_away_ca()


def test_it_is_trusted_by_its_own_clients_alone() -> None:
    with Alb() as alb:
        alb.clients.connect(context=throw_away_ca().client_context())
        with pytest.raises(ssl.SSLCertVerificationError):
            alb.clients.connect(context=ssl.create_default_context())


def test_what_it_issues_is_a_certificate_with_its_key() -> None:
    file = throw_away_ca().issue("alice.clients.test")
    text = file.read_text()

    assert ("CERTIFICATE" in text, "PRIVATE KEY" in text) == (True, True)
    throw_away_ca().client_context(file)  # raises where the two do not fit together


def test_a_context_offers_the_protocols_that_it_is_told() -> None:
    with Alb() as alb:
        spoken = [
            alb.clients.connect(context=throw_away_ca().client_context(alpn=offered)).selected_alpn_protocol()  # type: ignore[attr-defined]
            for offered in (["h2"], ["http/1.1"])
        ]

    assert ["h2", "http/1.1"] == spoken
