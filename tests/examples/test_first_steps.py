from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.helpers.process import EdgeProxyProcess


def test_first_steps(  # one example is one story
    run_example: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    ask_health: Callable[[EdgeProxyProcess], tuple[int, str]],
    curl: Callable[..., str],
    examples: Path,
    tmp_path: Path,
) -> None:
    """HTTP redirects to HTTPS, HTTPS forwards, and the app that answers 404 on `/` is healthy."""
    app_port = run_script(examples / "first-steps" / "app.py")
    edgeproxy = run_example("first-steps", APP_PORT=str(app_port))
    authority = tmp_path / "certs" / "ca.pem"
    https = f"https://localhost:{edgeproxy.listeners[443]}"

    assert (0, f"app\t127.0.0.1:{app_port}\t{app_port}\thealthy\t-\t-\t-\n") == ask_health(edgeproxy)

    redirect = curl("--include", f"http://localhost:{edgeproxy.listeners[80]}/hello").splitlines()
    assert "HTTP/1.1 301 Moved Permanently" == redirect[0]
    assert "Location: https://localhost:443/hello" in redirect

    assert "Hello from /hello, reached by https\n" == curl("--cacert", authority, f"{https}/hello")
    assert "404" == curl("--cacert", authority, "--write-out", "%{http_code}", "--output", "-", f"{https}/")[-3:]

    assert 0 == edgeproxy.stop()
    assert 3 == len(edgeproxy.access_log())


def test_the_readmes_other_way_needs_no_file(
    run_edgeproxy: Callable[..., EdgeProxyProcess],
    run_script: Callable[..., int],
    curl: Callable[..., str],
    examples: Path,
    tmp_path: Path,
) -> None:
    app_port = run_script(examples / "first-steps" / "app.py")
    edgeproxy = run_edgeproxy(
        *("run", "--target", f"127.0.0.1:{app_port}", "--health-codes", "200,404"),
        *("--bind", "80=127.0.0.1:0", "--bind", "443=127.0.0.1:0", "--admin", "off"),
    )
    authority = tmp_path / "certs" / "ca.pem"

    answer = curl("--cacert", authority, f"https://localhost:{edgeproxy.listeners[443]}/hello")

    assert "Hello from /hello, reached by https\n" == answer
