from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest

from edgeproxy.control.config.ignored_keys import IGNORED_KEYS, KEPT_KEYS, is_ignored, is_without_meaning
from edgeproxy.model import unsupported
from edgeproxy.model.action import Action
from edgeproxy.model.condition import SourceIpConfig
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.load_balancer import LoadBalancer
from edgeproxy.model.mutual_authentication import MutualAuthentication
from edgeproxy.model.rule import Rule
from edgeproxy.model.target import Target
from edgeproxy.model.target_group import TargetGroup
from edgeproxy.model.trust_store import TrustStore

if TYPE_CHECKING:
    from edgeproxy.model.base import Model

MODELS: dict[str, type[Model]] = {
    model.__name__: model
    for model in (
        Action,
        Certificate,
        Listener,
        LoadBalancer,
        MutualAuthentication,
        Rule,
        SourceIpConfig,
        Target,
        TargetGroup,
        TrustStore,
    )
}


def test_the_tables_name_classes_that_exist() -> None:
    assert set(IGNORED_KEYS) | set(KEPT_KEYS) | set(unsupported.KEYS) <= set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_a_key_is_a_field_or_ignored_or_not_built(name: str) -> None:
    """An ignored key that later becomes a field has to leave the table."""
    fields = {field.encode_name for field in msgspec.structs.fields(MODELS[name])}
    ignored, missing = set(IGNORED_KEYS.get(name, ())), set(unsupported.KEYS.get(name, {}))
    assert set() == fields & ignored == fields & missing == ignored & missing
    assert set(KEPT_KEYS.get(name, ())) <= fields


def test_kept_keys_are_not_dropped() -> None:
    assert (False, True) == (is_ignored("TargetGroup", "VpcId"), is_without_meaning("TargetGroup", "VpcId"))
    assert (True, True) == (is_ignored("LoadBalancer", "Subnets"), is_without_meaning("LoadBalancer", "Subnets"))
    assert (False, False) == (is_ignored("Listener", "Port"), is_without_meaning("Listener", "Port"))
