from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess


def test_maintenance_page(
    run_example: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    curl: Callable[..., str],
    examples: Path,
) -> None:
    """Everybody gets the page and its headers, testers get the app."""
    folder = examples / "maintenance-page"
    port = run_script(folder / "service.py", "app")
    edgeproxy = run_example("maintenance-page", APP_PORT=str(port))
    http = f"http://localhost:{edgeproxy.listeners[80]}"

    assert "<h1>We are working on it</h1>" in curl(f"{http}/")
    assert "app answers /\n" == curl("-H", "X-Preview: let-me-in", f"{http}/")
    assert "nosniff" in curl("-sI", "-H", "X-Preview: let-me-in", f"{http}/")
