from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.check_command import check_file, summary
from edgeproxy.control.exit_codes import ExitCode
from tests.helpers.client_authority import ClientAuthority

if TYPE_CHECKING:
    from pathlib import Path

    from edgeproxy.model.topology import Topology

GOOD = """\
LoadBalancers:
  - Name: dev
    Listeners:
      - Port: 80
        Protocol: HTTP
        DefaultActions: [{Type: forward, TargetGroupArn: app}]
        Rules:
          - Priority: 1
            Conditions: [{Field: path-pattern, Values: ["*"]}]
            Actions: [{Type: forward, TargetGroupArn: app}]
          - Priority: 2
            Conditions: [{Field: path-pattern, Values: [/never]}]
            Actions: [{Type: forward, TargetGroupArn: app}]
TargetGroups: [{Name: app, Protocol: HTTP, Port: 8080, Targets: [{Id: 127.0.0.1}]}]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "edgeproxy.yaml"
    path.write_text(GOOD)
    return path


def test_a_good_file_is_summed_up(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = check_file(file)

    assert ExitCode.FINE == outcome
    expected = f"{file}: fine, 1 load balancer, 1 listener, 2 rules, 1 target group, 1 target"
    assert expected == capsys.readouterr().out.splitlines()[-1]


def test_a_rule_that_can_never_match_is_warned_about(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_file(file)

    warning = capsys.readouterr().out.splitlines()[0]

    assert warning.startswith(f"warning: {file}:11:")


def test_every_mistake_is_named_with_its_place(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(GOOD.replace("Port: 80\n", "Port: 80000\n").replace("Name: app,", "Name: app, HealthPath: /,"))

    outcome = check_file(file)
    lines = capsys.readouterr().out.splitlines()

    assert ExitCode.NOT_FINE == outcome
    assert [f"{file}:4:", f"{file}:14:"] == [line[: line.index(":", len(str(file)) + 1) + 1] for line in lines]
    assert "HealthPath" in lines[1]


def test_nothing_is_counted_as_one_thing_less(topology: Topology) -> None:
    assert "1 load balancer, 2 listeners, 0 rules, 1 target group, 1 target" == summary(topology)


def test_a_certificate_that_run_could_not_use_is_a_mistake(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing may pass here that keeps the load balancer from starting."""
    https = "Protocol: HTTPS\n        Certificates: [{CertificateArn: dev}, {CertificateArn: missing.pem}]"
    file.write_text(GOOD.replace("Protocol: HTTP\n", f"{https}\n", 1))
    outcome = check_file(file)
    *_, line = capsys.readouterr().out.splitlines()

    assert ExitCode.NOT_FINE == outcome
    assert line.startswith(f"{file}:6:64: LoadBalancers[0].Listeners[0].Certificates[1].CertificateArn: ")
    assert "missing.pem" in line
    assert ["edgeproxy.yaml"] == [each.name for each in file.parent.iterdir()], "a check makes nothing"


def verifying(file: Path, store: str, *, arn: str = "clients") -> list[str]:
    https = (
        "Protocol: HTTPS\n        Certificates: [{CertificateArn: dev}]\n"
        f"        MutualAuthentication: {{Mode: verify, TrustStoreArn: {arn}}}\n"
    )
    file.write_text(f"{GOOD.replace('Protocol: HTTP', https, 1)}{store}")
    return file.read_text().splitlines()


def test_a_trust_store_that_run_could_not_use_is_a_mistake(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (file.parent / "ca.pem").write_bytes(b"nothing")
    lines = verifying(file, "TrustStores: [{Name: clients, CaCertificatesBundle: ca.pem}]\n")
    outcome = check_file(file)
    *_, line = capsys.readouterr().out.splitlines()

    assert ExitCode.NOT_FINE == outcome
    assert line.startswith(f"{file}:{len(lines)}:")
    assert line.endswith(f" TrustStores[0].CaCertificatesBundle: '{file.parent / 'ca.pem'}' holds no PEM certificate.")


def test_a_bundle_that_a_listener_names_itself_is_looked_at_too(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verifying(file, "", arn="missing.pem")
    outcome = check_file(file)
    *_, line = capsys.readouterr().out.splitlines()

    assert ExitCode.NOT_FINE == outcome
    assert "].MutualAuthentication.TrustStoreArn: " in line
    assert line.endswith("missing.pem' does not exist.")


def test_a_trust_store_that_is_fine_is_fine(file: Path) -> None:
    ClientAuthority("root").write(file.parent / "ca.pem")
    verifying(file, "TrustStores: [{Name: clients, CaCertificatesBundle: ca.pem}]\n")

    assert ExitCode.FINE == check_file(file)
