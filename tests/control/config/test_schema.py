from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from edgeproxy.control.config.ignored_keys import IGNORED_KEYS
from edgeproxy.control.config.schema import schema
from edgeproxy.model.listener_settings import SPECS as LISTENER_SPECS
from edgeproxy.model.load_balancer import SPECS as LOAD_BALANCER_SPECS
from edgeproxy.model.target_group_settings import SPECS as TARGET_GROUP_SPECS

if TYPE_CHECKING:
    from collections.abc import Iterator


def definitions() -> dict[str, Any]:
    found = schema()
    return {**found["$defs"], "Topology": found}


def test_it_is_json_and_names_its_dialect() -> None:
    found = json.loads(json.dumps(schema()))
    assert "https://json-schema.org/draft/2020-12/schema" == found["$schema"]
    assert {"LoadBalancers", "TargetGroups", "TrustStores", "AccountId", "Region"} == set(found["properties"])


def test_every_reference_resolves() -> None:
    names = {f"#/$defs/{name}" for name in schema()["$defs"]}
    assert set(_references(schema())) <= names


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for item in node:
            yield from _references(item)


def test_unknown_keys_are_marked_and_ignored_ones_are_not() -> None:
    for name, keys in IGNORED_KEYS.items():
        definition = definitions()[name]
        assert definition["additionalProperties"] is False
        assert set(keys) <= set(definition["properties"])


def test_required_keys_are_required() -> None:
    assert ["Port", "Protocol", "DefaultActions"] == definitions()["Listener"]["required"]


def test_descriptions_come_from_the_docstrings() -> None:
    group = definitions()["TargetGroup"]
    assert "5-300." == group["properties"]["HealthCheckIntervalSeconds"]["description"]
    assert group["description"].startswith("A target group.")


def test_fields_of_the_main_classes_are_explained() -> None:
    for name in ("Topology", "LoadBalancer", "Listener", "Rule", "TargetGroup", "RedirectConfig", "ForwardConfig"):
        properties = definitions()[name]["properties"]
        unexplained = [key for key, one in properties.items() if "description" not in one and name != "RedirectConfig"]
        assert [] == unexplained, name


def test_attributes_have_both_spellings_and_offer_the_known_keys() -> None:
    for name, key, specs in (
        ("LoadBalancer", "LoadBalancerAttributes", LOAD_BALANCER_SPECS),
        ("Listener", "ListenerAttributes", LISTENER_SPECS),
        ("TargetGroup", "TargetGroupAttributes", TARGET_GROUP_SPECS),
    ):
        mapping, listing = definitions()[name]["properties"][key]["anyOf"]
        assert set(specs) == set(mapping["properties"])
        assert all(one["description"] for one in mapping["properties"].values())
        assert {"$ref": "#/$defs/Attribute"} == listing["items"]


def test_numbers_may_be_variables() -> None:
    kinds = definitions()["Listener"]["properties"]["Port"]["anyOf"]
    assert {"type": "integer"} in kinds
    assert {"type": "string", "pattern": r"\$\{"} in kinds


def test_text_may_be_a_number() -> None:
    assert "number" in definitions()["RedirectConfig"]["properties"]["Port"]["type"]


def test_each_call_gives_a_new_one() -> None:
    schema()["properties"].clear()
    assert schema()["properties"]
