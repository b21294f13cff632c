from __future__ import annotations

import socket
import ssl
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess


def issue(folder: Path, name: str) -> Path:
    command = [sys.executable, "-m", "edgeproxy", "certs", "issue", name]
    printed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert f"certs/{name}.pem\n" == printed
    return folder / printed.strip()


def names_shown(port: int, authority: Path, server_name: str) -> set[str]:
    context = ssl.create_default_context(cafile=authority)
    context.check_hostname = False
    with (
        socket.create_connection(("127.0.0.1", port)) as raw,
        context.wrap_socket(raw, server_hostname=server_name) as client,
    ):
        shown = client.getpeercert()
    assert shown is not None
    alternatives: Any = shown["subjectAltName"]
    return {value for _, value in alternatives}


def test_two_domains(
    run_example: Callable[..., EdgeProxyProcess], curl: Callable[..., str], examples: Path, tmp_path: Path
) -> None:
    """Each domain shows its own certificate and its own site; any other name gets the default."""
    certificates = {
        f"{name.upper()}_CERTIFICATE": str(issue(tmp_path, f"{name}.localhost")) for name in ("shop", "blog")
    }
    edgeproxy = run_example("two-domains", **certificates)
    port, authority = edgeproxy.listeners[443], tmp_path / "certs" / "ca.pem"

    assert "the shop\n" == curl("--cacert", authority, f"https://shop.localhost:{port}/")
    assert "the blog\n" == curl("--cacert", authority, f"https://blog.localhost:{port}/")
    assert {"shop.localhost"} == names_shown(port, authority, "shop.localhost")
    assert {"blog.localhost"} == names_shown(port, authority, "blog.localhost")
    assert "localhost" in names_shown(port, authority, "other.localhost")


def test_the_explanation_is_the_one_in_the_readme(examples: Path, tmp_path: Path) -> None:
    for name in ("shop", "blog"):
        issue(tmp_path, f"{name}.localhost")
    folder = examples / "two-domains"
    (tmp_path / "edgeproxy.yaml").write_text((folder / "edgeproxy.yaml").read_text())
    command = "explain GET https://shop.localhost/ -c edgeproxy.yaml"

    explained = subprocess.run(
        [sys.executable, "-m", "edgeproxy", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout

    beginning = "".join(explained.splitlines(keepends=True)[:3])
    assert f"$ edgeproxy {command}\n{beginning}" in (folder / "README.md").read_text()
