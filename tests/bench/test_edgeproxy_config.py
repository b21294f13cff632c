import json
from pathlib import Path

from tests.bench.edgeproxy_config import configuration, service_rules, ten_rules


def test_ten_rules_show_every_kind_of_condition() -> None:
    kinds = {rule["Conditions"][0]["Field"] for rule in ten_rules()}  # type: ignore[index]

    assert len(ten_rules()) == 10
    expected = {"host-header", "http-header", "http-request-method", "path-pattern", "query-string", "source-ip"}
    assert expected == kinds


def test_only_the_last_of_ten_rules_forwards() -> None:
    assert [rule["Actions"][0]["Type"] for rule in ten_rules()] == ["fixed-response"] * 9 + ["forward"]  # type: ignore[index]


def test_service_rules_have_priorities_and_paths_of_their_own() -> None:
    rules = service_rules(1000)

    assert list(range(1, 1001)) == [rule["Priority"] for rule in rules]
    assert rules[-1]["Conditions"] == [{"Field": "path-pattern", "Values": ["/svc-1000/*"]}]


def test_each_listener_has_its_rules() -> None:
    text = configuration(
        http_rules=service_rules(3),
        https_rules=ten_rules(),
        target_port=9000,
        http_port=8000,
        https_port=8443,
        certificate=Path("certificate.pem"),
    )

    http, https = json.loads(text)["LoadBalancers"][0]["Listeners"]

    assert http["Rules"] == service_rules(3)
    assert https["Rules"] == ten_rules()
    assert https["Certificates"] == [{"CertificateArn": "certificate.pem"}]
