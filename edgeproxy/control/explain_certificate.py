"""What `edgeproxy explain` says about the certificate: which one a client that asks for a name is shown, and why.

Source: user guide, https-listener-certificates (certificate selection). Nothing is made here: a development certificate
is taken to cover what it would cover if the listener ran.
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edgeproxy.control.certificate_locator import DEV_NAMES
from edgeproxy.errors import ConfigError
from edgeproxy.runtime.server_certificate import CertificateFiles, best_by_name, read_server_certificate

if TYPE_CHECKING:
    from edgeproxy.model.listener import Certificate, Listener
    from edgeproxy.runtime.server_certificate import ServerCertificate


def presented_certificate(listener: Listener, host: str, base_dir: Path) -> str:
    """The certificate of an HTTPS listener and why; relative paths of certificates start at `base_dir`."""
    default, *others = listener.certificates
    if _is_address(host):
        return f"{default.certificate_arn}, the default, because a client sends no name for an address"
    try:
        found = _named(others, listener, host.lower(), base_dir)
    except ConfigError as error:
        return f"cannot be told, because {error.reason}"
    if found is None:
        return f"{default.certificate_arn}, the default, because no other carries the name {host}"
    arn, name = found
    return f"{arn}, because it carries the name {name}"


def _named(certificates: list[Certificate], listener: Listener, host: str, base_dir: Path) -> tuple[str, str] | None:
    """The certificate of the list that carries the name, literally before by a wildcard, and the name it carries."""
    read = [_read(each, base_dir) for each in certificates if each.is_file]
    by_name = {name: best[0].files.arn for name, best in best_by_name(read, datetime.now(UTC)).items()}
    for certificate in certificates:
        if not certificate.is_file:
            for name in (*DEV_NAMES, *listener.named_hosts):
                by_name.setdefault(name, certificate.certificate_arn)
    for name in (host, f"*.{host.partition('.')[2]}"):
        if name in by_name:
            return by_name[name], name
    return None


def _read(certificate: Certificate, base_dir: Path) -> ServerCertificate:
    name = certificate.certificate_arn
    key = base_dir / Path(certificate.key_file).expanduser() if certificate.key_file else None
    return read_server_certificate(CertificateFiles(chain=base_dir / Path(name).expanduser(), key=key, arn=name))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
