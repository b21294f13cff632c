"""An HTTPS listener and clients that trust it."""

from __future__ import annotations

import contextlib
import ssl
from typing import TYPE_CHECKING, Any

import trustme

from edgeproxy.control.certificate_locator import FileCertificateLocator
from tests.helpers.proxies import running

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.helpers.proxies import RunningProxy

CA = trustme.CA()
POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


def over_tls(text: str, folder: Path, *names: str) -> str:
    """A configuration whose listener on port 80 is an HTTPS listener on 443 instead.

    Its default certificate is for `app.test`; further ones, one a name, are in its list.
    """
    files = [folder / f"{name}.pem" for name in ("app.test", *names)]
    for file in files:
        file.write_bytes(CA.issue_cert(file.stem).private_key_and_cert_chain_pem.bytes())
    certificates = ", ".join(f"{{CertificateArn: {file}}}" for file in files)
    lines = ["Port: 443", "Protocol: HTTPS", f"SslPolicy: {POLICY}", f"Certificates: [{certificates}]"]
    return text.replace("Port: 80\n        Protocol: HTTP", "\n        ".join(lines))


def locator(folder: Path) -> FileCertificateLocator:
    """For `EdgeProxy(certificates=...)`."""
    return FileCertificateLocator(folder, folder / "certs")


def trusting(*, newest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client's context; it does not look at names."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.maximum_version = newest
    CA.configure_trust(context)
    return context


@contextlib.asynccontextmanager
async def running_tls(text: str, folder: Path, **options: Any) -> AsyncIterator[RunningProxy]:
    """A proxy whose listener on port 80 is an HTTPS listener on 443 instead; options as for `running`."""
    async with running(over_tls(text, folder), certificates=locator(folder), **options) as edgeproxy:
        yield edgeproxy
