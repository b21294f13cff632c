"""The target for big bodies: `python -m tests.bench.body_target PORT`.

* `GET` anything: 100 MB, sent with sendfile from memory, so no disk and no copy in this process.
* A request with `Content-Length`: the body is discarded by the kernel (tcp(7), MSG_TRUNC), then a small answer. A path
  that contains `stall` makes us pause in the middle, as a slow target does; that is how unbounded buffers show.

One thread per connection: a handful of connections, and blocking calls are the cheapest way to move bytes.
"""

from __future__ import annotations

import io
import os
import re
import socket
import sys
import threading
import time

MEGABYTE = 1_000_000
BODY_BYTES = 100 * MEGABYTE
STALL_SECONDS = 0.5
_CHUNK = 1 << 20
_BIG_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %d\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)


def memory_file(size: int = BODY_BYTES) -> io.FileIO:
    """A file of `size` bytes that live in memory; random, so that compressing is no shortcut."""
    descriptor = os.memfd_create("body")
    block = os.urandom(MEGABYTE)
    for start in range(0, size, MEGABYTE):
        os.write(descriptor, block[: size - start])
    return io.FileIO(descriptor, "r")


def content_length(head: bytes) -> int:
    """The declared length of the request's body, 0 if there is none."""
    found = _LENGTH.search(head)
    return int(found[1]) if found else 0


class Conversation(threading.Thread):
    """One keep-alive connection from a proxy."""

    def __init__(self, sock: socket.socket, body: io.FileIO) -> None:
        super().__init__(daemon=True)
        self._sock = sock
        self._body = body
        self._rest = b""
        self._waste = bytearray(_CHUNK)

    def run(self) -> None:
        with self._sock:
            while head := self._read_head():
                self._answer(head)

    def _read_head(self) -> bytes:
        while b"\r\n\r\n" not in self._rest:
            try:
                data = self._sock.recv(65536)
            except ConnectionError:
                return b""
            if not data:
                return b""
            self._rest += data
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        return head

    def _answer(self, head: bytes) -> None:
        length = content_length(head)
        is_stalling = b"stall" in head.partition(b"\r\n")[0]
        try:
            if length:
                self._discard(length, is_stalling=is_stalling)
            if length or not head.startswith(b"GET ") or b"/100mb" not in head.partition(b"\r\n")[0]:
                self._sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                return
            self._sock.sendall(_BIG_HEAD % os.fstat(self._body.fileno()).st_size)
            self._sock.sendfile(self._body)  # counts its own offset, so threads may share the file
        except ConnectionError:
            self._rest = b""

    def _discard(self, length: int, *, is_stalling: bool) -> None:
        left = length - len(self._rest)
        self._rest = b""
        stall_at = left // 2 if is_stalling else -1
        while left > 0:
            if left < stall_at:
                stall_at = -1
                time.sleep(STALL_SECONDS)
            count = self._sock.recv_into(self._waste, min(_CHUNK, left), socket.MSG_TRUNC)
            if not count:
                return
            left -= count


def serve(port: int) -> None:
    """Listen on loopback until the process is ended."""
    body = memory_file()
    with socket.create_server(("127.0.0.1", port), backlog=128) as listening:
        while True:
            sock, _ = listening.accept()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Conversation(sock, body).start()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
