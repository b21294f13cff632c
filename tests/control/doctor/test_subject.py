from __future__ import annotations

import ssl
from typing import Any

import pytest

from edgeproxy.errors import ConfigError


def test_a_label_shows_the_scheme_where_it_is_https(subject_of: Any) -> None:
    assert "127.0.0.1:80" == subject_of(80).label
    assert "https://[::1]:8443" == subject_of(8443, id="::1", protocol="HTTPS").label


def test_nothing_about_a_targets_certificate_is_verified(subject_of: Any) -> None:
    context = subject_of(443, protocol="HTTPS").tls

    assert (ssl.CERT_NONE, False) == (context.verify_mode, context.check_hostname)
    assert subject_of(80).tls is None


def test_the_matcher_is_of_the_kind_of_the_protocol_version(subject_of: Any) -> None:
    assert subject_of(80, health={"matcher": "200-299"}).matcher.matches(204)
    assert subject_of(80, version="GRPC", health={"matcher": "12"}).matcher.matches(12)
    with pytest.raises(ConfigError):
        _ = subject_of(80, health={"matcher": "12"}).matcher
