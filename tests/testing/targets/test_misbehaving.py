"""Targets on bad days do what their names say, asked directly and without a load balancer."""

from __future__ import annotations

import socket
import time

import pytest

from edgeproxy.testing import targets

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def asked(target: targets.LocalTarget) -> socket.socket:
    sock = socket.create_connection((target.host, target.port), timeout=5)
    sock.sendall(REQUEST)
    return sock


def rest(sock: socket.socket) -> bytes:
    received = b""
    while data := sock.recv(1000):
        received += data
    return received


def test_slow_is_slow() -> None:
    before = time.monotonic()
    with targets.slow(0.05) as target, asked(target) as sock:
        assert sock.recv(1000).endswith(b"ok")

    assert time.monotonic() - before >= 0.05


def test_silent_says_nothing() -> None:
    with targets.silent() as target, asked(target) as sock:
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            sock.recv(1)


def test_resetting_resets() -> None:
    with targets.resetting() as target, asked(target) as sock, pytest.raises(ConnectionResetError):
        sock.recv(1)


def test_half_closing_ends_in_the_middle_and_goes_on_reading() -> None:
    with targets.half_closing() as target, asked(target) as sock:
        assert rest(sock).endswith(b"Content-Length: 100\r\n\r\nhalf of it")
        sock.sendall(b"still read")


def test_garbage_is_no_http() -> None:
    with targets.garbage() as target, asked(target) as sock:
        assert sock.recv(1000).startswith(b"\x16\x03\x01")


def test_keep_alive_closes_what_was_idle() -> None:
    with targets.keep_alive(0.5) as target, asked(target) as sock:
        assert rest(sock).endswith(b"ok")


def test_the_keep_alive_race_closes_when_it_is_asked_again() -> None:
    with targets.keep_alive_race(requests=2) as target, asked(target) as sock:
        assert sock.recv(1000).endswith(b"ok")
        sock.sendall(REQUEST)
        assert sock.recv(1000).endswith(b"ok")
        sock.sendall(REQUEST)
        assert b"" == sock.recv(1000)


def test_a_stream_comes_in_chunks_and_may_never_end() -> None:
    with targets.streaming([b"one", b"two"], then_silent=True) as target, asked(target) as sock:
        received = b""
        while not received.endswith(b"3\r\ntwo\r\n"):
            received += sock.recv(1000)
        sock.settimeout(0.02)
        with pytest.raises(TimeoutError):
            sock.recv(1)
