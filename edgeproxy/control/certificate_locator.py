"""Certificates by name: what `CertificateArn` may say in a configuration file, and the files behind it.

* `dev`: a certificate of the development CA for `localhost`, its subdomains, the loopback addresses and extra names.
* A path, relative to the configuration file: a PEM file with chain and private key, or `KeyFile` names the key.
* An ARN, as pasted from AWS: `<id>.pem` in the folder of the development CA if it is there, else the `dev` certificate.

Logs and the API show an ARN for each. It is derived from what the file says, so it survives restarts and renewals, as
an ACM certificate's ARN does (user guide, https-listener-certificates).

What reads certificates is imported with the first of them: its library is a fifth of what a start takes, and a
configuration of HTTP listeners needs none of it.
"""

from __future__ import annotations

import difflib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edgeproxy.errors import ConfigError
from edgeproxy.model.listener import DEVELOPMENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edgeproxy.model.listener import Certificate
    from edgeproxy.runtime.server_certificate import CertificateFiles

DEV_NAMES: Final = ("localhost", "*.localhost", "127.0.0.1", "::1")
"""What a listener's `dev` certificate covers, besides the names that the user adds."""


class FileCertificateLocator:
    """Finds certificates on disk; implements `edgeproxy.runtime.tls.CertificateLocator`."""

    def __init__(
        self,
        base_dir: Path,
        certs_dir: Path,
        dev_names: Iterable[str] = (),
        *,
        account_id: str = "000000000000",
        region: str = "us-east-1",
    ) -> None:
        """See the module.

        Args:
            base_dir: Relative paths start here; the folder of the configuration file.
            certs_dir: The folder of the development CA.
            dev_names: What `dev` covers besides `DEV_NAMES`.
            account_id: For ARNs.
            region: For ARNs.
        """
        self._base_dir = base_dir
        self._certs_dir = certs_dir
        self._dev_names = (*DEV_NAMES, *dev_names)
        self._arn_prefix = f"arn:aws:acm:{region}:{account_id}:certificate/"

    def locate(self, certificate: Certificate, hosts: Sequence[str] = ()) -> CertificateFiles:
        """The files of a certificate, checked: they exist, can be used by a load balancer, and belong together.

        Args:
            certificate: What the configuration says.
            hosts: Names that a development certificate covers as well: those that the listener's rules ask for. TLS
                clients refuse `*.localhost`, so `app.localhost` has to be named.

        Raises:
            ConfigError: They do not; `path` is `CertificateArn` or `KeyFile`.
        """
        from edgeproxy.runtime.server_certificate import (  # noqa: PLC0415 - see the top of this file
            CertificateFiles,
            read_server_certificate,
        )

        name = certificate.certificate_arn
        if not certificate.is_file:
            if certificate.key_file is not None:
                raise ConfigError("KeyFile", certificate.key_file, f"KeyFile cannot be given for '{name}'.")
            chain, key = self._development(name, hosts), None
        else:
            chain = self._path(name)
            key = self._path(certificate.key_file) if certificate.key_file else None
            self._check_presence("CertificateArn", name, chain)
        files = CertificateFiles(chain=chain, key=key, arn=self.arn(name))
        read_server_certificate(files)
        return files

    def arn(self, name: str) -> str:
        """The ARN of a certificate that the configuration calls `name`."""
        if name.startswith("arn:"):
            return name
        digest = hashlib.sha256(name.encode()).hexdigest()
        return self._arn_prefix + "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:32]))

    def _development(self, name: str, hosts: Sequence[str]) -> Path:
        own = self._certs_dir / f"{name.rpartition('/')[2]}.pem"
        if name != DEVELOPMENT and own.exists():
            return own
        from edgeproxy.control.certs import DevelopmentCA  # noqa: PLC0415 - see the top of this file

        return DevelopmentCA.open(self._certs_dir).issue((*self._dev_names, *hosts)).path

    def _path(self, name: str) -> Path:
        return self._base_dir / Path(name).expanduser()

    def _check_presence(self, field: str, name: str, path: Path) -> None:
        if path.exists():
            return
        near = difflib.get_close_matches(path.name, [each.name for each in path.parent.glob("*.pem")], n=1)
        raise ConfigError(
            field,
            name,
            f"Certificate file '{path}' does not exist; write a path relative to the configuration file, "
            f"or '{DEVELOPMENT}' for a certificate of the development CA.",
            code="CertificateNotFound",
            suggestion=str(Path(name).with_name(near[0])) if near else None,
        )
