from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trustme

from edgeproxy.control.explain_certificate import presented_certificate
from edgeproxy.model.action import Action
from edgeproxy.model.condition import RuleCondition
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.model.rule import Rule

if TYPE_CHECKING:
    from pathlib import Path

FORWARD = Action(type="forward", target_group_arn="app")
PAGE = "https-listener-certificates"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("certificates")
    ca = trustme.CA()
    for name in ("default.test", "app.test", "*.app.test"):
        leaf = ca.issue_cert(name)
        leaf.private_key_and_cert_chain_pem.write_to_path(str(path / f"{name.replace('*', 'any')}.pem"))
    return path


def listener(*names: str, hosts: tuple[str, ...] = ()) -> Listener:
    conditions = [(RuleCondition(field="host-header", values=(host,)),) for host in hosts]
    rules = tuple(Rule(priority=n, conditions=each, actions=(FORWARD,)) for n, each in enumerate(conditions, 1))
    certificates = tuple(Certificate(certificate_arn=name) for name in names)
    return Listener(port=443, protocol="HTTPS", certificates=certificates, default_actions=(FORWARD,), rules=rules)


FILES = ("default.test.pem", "app.test.pem", "any.app.test.pem")


@pytest.mark.conformance("certificates", "chosen by name; the default where nothing matches", PAGE)
@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("app.test", "app.test.pem, because it carries the name app.test"),
        ("APP.test", "app.test.pem, because it carries the name app.test"),
        ("a.app.test", "any.app.test.pem, because it carries the name *.app.test"),
        ("a.b.app.test", "default.test.pem, the default, because no other carries the name a.b.app.test"),
        ("default.test", "default.test.pem, the default, because no other carries the name default.test"),
        ("192.0.2.1", "default.test.pem, the default, because a client sends no name for an address"),
        ("2001:db8::1", "default.test.pem, the default, because a client sends no name for an address"),
    ],
)
def test_the_certificate_is_the_one_that_carries_the_name(host: str, expected: str, folder: Path) -> None:
    assert expected == presented_certificate(listener(*FILES), host, folder)


def test_a_development_certificate_carries_the_names_of_the_rules(folder: Path) -> None:
    expected = "dev, because it carries the name shop.localhost"
    found = presented_certificate(
        listener("default.test.pem", "dev", hosts=("shop.localhost",)), "shop.localhost", folder
    )
    assert expected == found


def test_a_certificate_that_cannot_be_read_is_said_to_be_so(folder: Path) -> None:
    line = presented_certificate(listener("default.test.pem", "missing.pem"), "a.test", folder)
    assert line.startswith("cannot be told, because ")
    assert "missing.pem" in line
