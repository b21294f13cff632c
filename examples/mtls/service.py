"""A service that greets clients by the certificate that the load balancer has verified.

Usage: python3 service.py PORT
"""
# ruff: noqa: INP001 - a script, not part of a package

import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


class Service(BaseHTTPRequestHandler):
    """Answers every path, `/health` included, with what it was told about the client."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer a GET."""
        subject = self.headers.get("X-Amzn-Mtls-Clientcert-Subject", "nobody")
        serial = self.headers.get("X-Amzn-Mtls-Clientcert-Serial-Number", "-")
        # Not unquote_plus: a plus in base64 is a plus.
        leaf = unquote(self.headers.get("X-Amzn-Mtls-Clientcert-Leaf", ""))
        body = f"Hello, {subject}\nserial number {serial}\n{leaf.partition(chr(10))[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Service).serve_forever()
