from __future__ import annotations

import ssl

import pytest

from edgeproxy.errors import ConfigError
from edgeproxy.runtime.security_policy import POLICIES, security_policy

PAGE = "describe-ssl-policies"

# The pages' lists written out, so that the groups in the module are checked against something they are not made of.
SUITES = {
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": """
        TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256
        ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256
        ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384
    """,
    "ELBSecurityPolicy-TLS13-1-2-2021-06": """
        TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256
        ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256
        ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384
    """,
    "ELBSecurityPolicy-2016-08": """
        ECDHE-ECDSA-AES128-GCM-SHA256 ECDHE-RSA-AES128-GCM-SHA256 ECDHE-ECDSA-AES128-SHA256 ECDHE-RSA-AES128-SHA256
        ECDHE-ECDSA-AES128-SHA ECDHE-RSA-AES128-SHA
        ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-RSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES256-SHA384 ECDHE-RSA-AES256-SHA384
        ECDHE-RSA-AES256-SHA ECDHE-ECDSA-AES256-SHA
        AES128-GCM-SHA256 AES128-SHA256 AES128-SHA AES256-GCM-SHA384 AES256-SHA256 AES256-SHA
    """,
}
VERSIONS = {
    "ELBSecurityPolicy-TLS13-1-2-Res-2021-06": ("TLSv1.3", "TLSv1.2"),
    "ELBSecurityPolicy-TLS13-1-2-2021-06": ("TLSv1.3", "TLSv1.2"),
    "ELBSecurityPolicy-2016-08": ("TLSv1.2", "TLSv1.1", "TLSv1"),
}


@pytest.mark.conformance("Security policies", "each policy has its suites, in its order", PAGE)
@pytest.mark.parametrize("name", SUITES)
def test_a_policy_lists_the_suites_of_the_page_in_order(name: str) -> None:
    assert tuple(SUITES[name].split()) == POLICIES[name].ciphers


@pytest.mark.conformance("Security policies", "each policy has its TLS versions", PAGE)
@pytest.mark.parametrize("name", VERSIONS)
def test_a_policy_lists_the_versions_of_the_page(name: str) -> None:
    assert VERSIONS[name] == POLICIES[name].protocols


def test_every_policy_is_compared_with_the_page() -> None:
    assert set(SUITES) == set(VERSIONS) == set(POLICIES)


@pytest.mark.parametrize("name", SUITES)
def test_openssl_gets_the_suites_in_the_order_of_the_policy(name: str) -> None:
    """TLS 1.3 suites are left out, because Python cannot set them before 3.15."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    POLICIES[name].configure(context)
    configured = [suite["name"] for suite in context.get_ciphers() if not suite["name"].startswith("TLS_")]
    assert [suite for suite in SUITES[name].split() if not suite.startswith("TLS_")] == configured


@pytest.mark.parametrize("name", SUITES)
def test_the_servers_order_decides(name: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    POLICIES[name].configure(context)
    assert ssl.OP_CIPHER_SERVER_PREFERENCE in context.options


@pytest.mark.conformance("Security policies", "a listener without SslPolicy gets ELBSecurityPolicy-2016-08", PAGE)
def test_no_name_means_the_default_of_the_api() -> None:
    assert "ELBSecurityPolicy-2016-08" == security_policy(None).name


@pytest.mark.conformance("Security policies", "an unknown policy is SSLPolicyNotFound", "API reference, CreateListener")
def test_an_unknown_name_is_refused_with_what_is_known() -> None:
    with pytest.raises(ConfigError) as caught:
        security_policy("ELBSecurityPolicy-TLS13-1-2-2021-6")
    error = caught.value
    assert ("SslPolicy", "SSLPolicyNotFound") == (error.path, error.code)
    assert "ELBSecurityPolicy-TLS13-1-2-2021-06" == error.suggestion
    assert error.reason.startswith("SSL policy 'ELBSecurityPolicy-TLS13-1-2-2021-6' not found")
    assert all(name in error.reason for name in POLICIES)


def test_a_name_that_resembles_none_gets_no_suggestion() -> None:
    with pytest.raises(ConfigError) as caught:
        security_policy("TLS!")
    assert caught.value.suggestion is None
