from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess


def test_two_services(
    run_example: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    curl: Callable[..., str],
    examples: Path,
) -> None:
    """`/api` and what is under it goes to one service, the rest to the other, and `/status` to neither."""
    service = examples / "two-services" / "service.py"
    web_port, api_port = run_script(service, "web"), run_script(service, "api")
    edgeproxy = run_example("two-services", WEB_PORT=str(web_port), API_PORT=str(api_port))
    http = f"http://localhost:{edgeproxy.listeners[80]}"

    assert "web answers /\n" == curl(f"{http}/")
    assert "api answers /api/users\n" == curl(f"{http}/api/users")
    assert "api answers /api\n" == curl(f"{http}/api")
    assert "web answers /API\n" == curl(f"{http}/API")
    assert "ok" == curl(f"{http}/status")
