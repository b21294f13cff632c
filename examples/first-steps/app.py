"""A small app to put behind edgeproxy: 404 on `/`, a greeting elsewhere.

Usage: python3 app.py [PORT]
"""
# ruff: noqa: INP001 - a script, not part of a package

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class App(BaseHTTPRequestHandler):
    """Says hello, and how the visitor came here."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a GET."""
        scheme = self.headers.get("X-Forwarded-Proto", "no load balancer")
        body = f"Hello from {self.path}, reached by {scheme}\n".encode()
        self.send_response(404 if self.path == "/" else 200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    ThreadingHTTPServer(("127.0.0.1", port), App).serve_forever()
