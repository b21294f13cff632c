from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from edgeproxy.control.config.loader import load_file

if TYPE_CHECKING:
    from pathlib import Path


def test_the_configuration_is_valid_and_its_target_is_the_composes_service(examples: Path) -> None:
    """Docker itself is not needed: what could drift apart is compared."""
    folder = examples / "compose"
    services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    loaded = load_file(folder / "edgeproxy.yaml", {})
    (group,) = loaded.topology.target_groups

    assert () == loaded.warnings
    assert group.targets[0].id in services
    assert {"80:80", "443:443"} == set(services["edgeproxy"]["ports"])
    assert [80, 443] == [listener.port for listener in loaded.topology.load_balancers[0].listeners]
