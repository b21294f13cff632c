"""Processes as targets."""

from __future__ import annotations

import errno
import socket
import sys
from typing import TYPE_CHECKING

import pytest
import urllib3

from edgeproxy.testing import targets
from tests.helpers.wait import until_blocking

if TYPE_CHECKING:
    from pathlib import Path


def script_of(tmp_path: Path) -> list[str]:
    script = tmp_path / "app.py"
    script.write_text(
        "import os, sys\n"
        "from http.server import *\n"
        "class App(BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        "        self.send_response(200); self.end_headers(); self.wfile.write(b'hi')\n"
        "assert os.environ['PORT'] == sys.argv[1]\n"
        "HTTPServer(('127.0.0.1', int(sys.argv[1])), App).serve_forever()\n"
    )
    return ["python", str(script), "{port}"]


def test_it_is_told_its_port_and_what_it_prints_is_kept(tmp_path: Path) -> None:
    with targets.process(script_of(tmp_path)) as target:
        assert b"hi" == urllib3.request("GET", target.url).data
        assert "GET / HTTP/1.1" in target.output


def test_its_children_end_with_it() -> None:
    """A reloader's child would keep the port."""
    listening = f"{sys.executable} -m http.server --bind 127.0.0.1 {{port}}"
    with targets.process(["sh", "-c", f"{listening} & wait"]) as target:
        assert 200 == urllib3.request("GET", target.url).status

    def refuses() -> bool:
        with socket.socket() as sock:
            return sock.connect_ex((target.host, target.port)) == errno.ECONNREFUSED

    until_blocking(refuses)


def test_a_process_that_ends_or_does_not_listen_is_an_error_that_shows_what_it_said() -> None:
    with pytest.raises(RuntimeError, match="ended with 3: bye"):
        targets.process([sys.executable, "-c", "print('bye', flush=True); raise SystemExit(3)"]).start()
    with pytest.raises(RuntimeError, match=r"does not listen on port \d+ after 0.2 s: "):
        targets.process(["python", "-c", "import time; time.sleep(60)"], within=0.2).start()
