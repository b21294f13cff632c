from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess


def test_mtls(
    run_example: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    curl: Callable[..., str],
    examples: Path,
    tmp_path: Path,
) -> None:
    """Whoever has a certificate is greeted by its name; whoever has none does not get in, and it is said why."""
    issued = subprocess.run(
        [sys.executable, "-m", "edgeproxy", "certs", "issue", "alice.clients.test"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    authority = tmp_path / "certs" / "ca.pem"
    app_port = run_script(examples / "mtls" / "service.py")
    edgeproxy = run_example("mtls", APP_PORT=str(app_port), CLIENT_CA=str(authority))
    url = f"https://localhost:{edgeproxy.listeners[443]}/"

    assert "certs/alice.clients.test.pem\n" == issued
    greeting = curl("--cacert", authority, "--cert", tmp_path / issued.strip(), url)
    assert re.fullmatch(
        "Hello, CN=alice.clients.test,OU=development certificate,O=edgeproxy\n"
        "serial number ([0-9A-F]{2})+\n"
        "-----BEGIN CERTIFICATE-----\n",
        greeting,
    )
    refused = subprocess.run(
        ["curl", "--silent", "--show-error", "--max-time", "20", "--cacert", authority, url],
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode in (35, 56)
    assert "alert certificate required" in refused.stderr
    said = edgeproxy.wait_for("tls_refused")["message"]
    expected = (
        r"Listener HTTPS:443 refused the client 127\.0\.0\.1:\d+: "
        "UnmappedConnectionError, peer did not return a certificate"
    )
    assert re.fullmatch(expected, said)
