from __future__ import annotations

import pytest

from edgeproxy.model.security_policy import DEFAULT_POLICY, POLICY_NAMES


@pytest.mark.conformance("Security policies", "the API's default", "describe-ssl-policies")
def test_the_default_is_the_oldest_common_one() -> None:
    assert "ELBSecurityPolicy-2016-08" == DEFAULT_POLICY
    assert DEFAULT_POLICY in POLICY_NAMES


def test_names_are_whole_and_different() -> None:
    assert all(name.startswith("ELBSecurityPolicy-") for name in POLICY_NAMES)
    assert len(POLICY_NAMES) == len(set(POLICY_NAMES))
    assert {"ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09", "ELBSecurityPolicy-FS-1-2-Res-2020-10"} <= set(POLICY_NAMES)
