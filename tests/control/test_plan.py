from __future__ import annotations

from pathlib import Path

from edgeproxy.control.addresses import Address
from edgeproxy.control.plan import Plan, loaded_without_file
from edgeproxy.control.quick_config import QuickConfig

QUICK = QuickConfig(targets=[Address("127.0.0.1", 8080)])


def plan(certs_dir: Path) -> Plan:
    return Plan(loaded=loaded_without_file(QUICK), source="a test", base_dir=Path(), certs_dir=certs_dir, admin=None)


def test_a_quick_configuration_has_nothing_to_warn_about() -> None:
    loaded = loaded_without_file(QUICK)

    assert (QUICK.topology(), ()) == (loaded.topology, loaded.warnings)


def test_there_is_no_authority_before_one_was_made(tmp_path: Path) -> None:
    assert plan(tmp_path / "certs").authority() is None


def test_the_authority_is_read_when_asked_for(tmp_path: Path) -> None:
    """It may be made, or made anew, while the load balancer runs."""
    asked = plan(tmp_path)
    (tmp_path / "ca.pem").write_bytes(b"PEM")

    assert b"PEM" == asked.authority()
