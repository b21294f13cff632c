from __future__ import annotations

from pathlib import Path

import pytest

from edgeproxy.control.addresses import Address
from edgeproxy.control.quick_config import QuickConfig
from edgeproxy.errors import ConfigError
from edgeproxy.model.target import Target

APP = Address("127.0.0.1", 8080)


def test_http_redirects_to_https_which_forwards() -> None:
    (load_balancer,) = QuickConfig(targets=[APP]).topology().load_balancers
    http, https = load_balancer.listeners

    assert ("HTTP", 80, "redirect") == (http.protocol, http.port, http.default_actions[0].type)
    assert ("HTTPS", 443, "forward") == (https.protocol, https.port, https.default_actions[0].type)


def test_the_redirect_leads_to_the_https_listener_wherever_it_is() -> None:
    (load_balancer,) = QuickConfig(targets=[APP], http_port=8000, https_port=8443).topology().load_balancers
    redirect = load_balancer.listeners[0].default_actions[0].redirect_config

    assert redirect is not None
    assert ("HTTPS", "8443") == (redirect.protocol, redirect.port)


def test_every_target_keeps_its_own_port() -> None:
    (group,) = QuickConfig(targets=[APP, Address("app.internal", 9000)]).topology().target_groups

    assert (Target(id="127.0.0.1", port=8080), Target(id="app.internal", port=9000)) == group.targets


def test_health_checks_are_as_asked() -> None:
    (group,) = QuickConfig(targets=[APP], health_path="/ok", health_codes="200,404").topology().target_groups

    assert ("/ok", "200,404") == (group.health_check_path, group.effective_matcher.http_code)


def test_codes_that_the_load_balancer_refuses_are_refused() -> None:
    with pytest.raises(ConfigError):
        QuickConfig(targets=[APP], health_codes="all").topology()


def test_without_a_certificate_the_development_ca_issues_one() -> None:
    (load_balancer,) = QuickConfig(targets=[APP]).topology().load_balancers

    assert "dev" == load_balancer.listeners[1].certificates[0].certificate_arn


def test_a_certificates_path_counts_from_the_working_directory() -> None:
    quick = QuickConfig(targets=[APP], certificate=Path("app.pem"), key=Path("app.key"))
    (load_balancer,) = quick.topology().load_balancers
    (certificate,) = load_balancer.listeners[1].certificates

    assert (str(Path.cwd() / "app.pem"), str(Path.cwd() / "app.key")) == (
        certificate.certificate_arn,
        certificate.key_file,
    )
