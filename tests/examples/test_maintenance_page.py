from __future__ import annotations

import re
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
    readme = (folder / "README.md").read_text()

    assert f"$ curl http://localhost:8000/\n{curl(f'{http}/')}" in readme
    assert "app answers /\n" == curl("-H", "X-Preview: let-me-in", f"{http}/")
    assert "nosniff" in curl("-sI", "-H", "X-Preview: let-me-in", f"{http}/")

    head = curl("-sI", f"{http}/").replace("\r", "").strip()
    head = re.sub(r"^Date: .*$", "Date: Sun, 22 Nov 2026 10:00:00 GMT", head, flags=re.MULTILINE)
    assert head in readme
