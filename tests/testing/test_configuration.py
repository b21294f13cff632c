from __future__ import annotations

from pathlib import Path

import pytest

from edgeproxy.errors import ConfigError, EdgeProxyError
from edgeproxy.model.topology import Topology
from edgeproxy.testing.configuration import default_topology, listener_of, topology_of

DICT = {"TargetGroups": [{"Name": "app", "Port": 80}]}
TEXT = "TargetGroups: [{Name: app, Port: 80}]"


def test_a_dict_text_a_file_and_a_topology_say_the_same(tmp_path: Path) -> None:
    file = tmp_path / "edgeproxy.yaml"
    file.write_text(TEXT)
    expected, here = topology_of(DICT)

    assert "app" == expected.target_groups[0].name
    assert (expected, here) == topology_of(TEXT) == topology_of(expected)
    assert (expected, tmp_path) == topology_of(file) == topology_of(str(file))
    assert (default_topology(), Path.cwd()) == topology_of(None)


def test_variables_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUP", "from-outside")

    assert "from-outside" == topology_of('TargetGroups: [{Name: "${GROUP}", Port: 80}]')[0].target_groups[0].name


def test_errors_are_a_file_s() -> None:
    with pytest.raises(EdgeProxyError, match=r"did you mean Port\?"):
        topology_of({"TargetGroups": [{"Name": "app", "Prot": 80}]})


def test_the_listener_that_is_meant_is_the_https_one() -> None:
    assert 443 == listener_of(default_topology(), None).port
    assert 80 == listener_of(default_topology(), 80).port
    with pytest.raises(ConfigError, match="the listeners' ports are: none"):
        listener_of(Topology(), None)
