"""Which certificate a client is shown; what a context is, this file does not know either."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING

import pytest

from edgeproxy.control.certificate_locator import FileCertificateLocator
from edgeproxy.errors import ConfigError
from edgeproxy.model.action import Action, FixedResponseConfig
from edgeproxy.model.listener import Certificate, Listener
from edgeproxy.runtime.certificate_choice import ListenerCertificates, Presented
from tests.helpers.https import CA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from edgeproxy.runtime.server_certificate import ServerCertificate

NOW = dt.datetime.now(dt.UTC)
ANSWER = (Action(type="fixed-response", fixed_response_config=FixedResponseConfig(status_code="204")),)


class Names:
    """Makes "contexts" that are the names of the files that they are made of."""

    def files(self) -> Iterable[Path]:
        return ()

    def maker(self) -> Callable[[tuple[ServerCertificate, ...]], str]:
        return lambda certificates: "+".join(each.files.chain.name for each in certificates)


def write(folder: Path, file: str, *names: str) -> None:
    leaf = CA.issue_cert(*names)
    leaf.private_key_and_cert_chain_pem.write_to_path(folder / file)


def certificates(folder: Path, *files: str) -> ListenerCertificates[str]:
    listener = Listener(
        port=443,
        protocol="HTTPS",
        certificates=tuple(Certificate(certificate_arn=file) for file in files),
        default_actions=ANSWER,
    )
    return ListenerCertificates(listener, FileCertificateLocator(folder, folder / "certs"), Names(), lambda: NOW)


def shown(found: Presented[str] | None) -> str | None:
    return None if found is None else found.context


def test_names_are_looked_up_in_the_list_and_the_default_is_not_of_it(tmp_path: Path) -> None:
    write(tmp_path, "default.pem", "default.test")
    write(tmp_path, "wild.pem", "*.example.test")
    write(tmp_path, "www.pem", "www.example.test")
    choices = certificates(tmp_path, "default.pem", "wild.pem", "www.pem").choices

    assert "default.pem" == choices.default.context
    assert ("www.pem", "wild.pem") == (
        shown(choices.named("WWW.example.test")),
        shown(choices.named("other.example.test")),
    )
    assert (None, None, None) == (
        *(choices.named("default.test"), choices.named("a.b.example.test"), choices.named("example.test")),
    )


def test_new_files_are_taken_together_and_broken_ones_not_at_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "one.pem", "one.test")
    found = certificates(tmp_path, "one.pem")
    before = found.choices
    assert not found.reload_if_changed()

    (tmp_path / "one.pem").write_text("half writ")
    assert (False, before) == (found.reload_if_changed(), found.choices)
    assert "Listener 443 keeps its certificates: " in caplog.text

    write(tmp_path, "one.pem", "two.test")
    os.utime(tmp_path / "one.pem", (1, 1))
    assert found.reload_if_changed()
    assert before is not found.choices


def test_a_missing_certificate_is_named_by_its_place(tmp_path: Path) -> None:
    write(tmp_path, "one.pem", "one.test")
    with pytest.raises(ConfigError, match=r"Certificates\[1\]"):
        certificates(tmp_path, "one.pem", "two.pem")
