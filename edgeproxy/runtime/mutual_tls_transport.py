"""The transport of mutual TLS: pyOpenSSL between a TCP transport and a client connection.

It is a Protocol towards the event loop and a Transport towards the connection. Ciphertext lives in pyOpenSSL's memory
buffers only in passing: what comes is decrypted at once, what goes is encrypted and handed to the TCP transport at
once. So the TCP transport's buffer is the only one that can fill, and its marks, and what it says about them, are
passed on as they are.

A refused client is sent OpenSSL's alert, if there is one, and then listened to for a moment without being read: a reset
would overtake the alert. Where there is none (see `client_verification`), the connection is reset.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import ssl
from typing import TYPE_CHECKING, Any, Final, cast

from OpenSSL import SSL, crypto

from edgeproxy.runtime.client_certificate import ClientCertificate
from edgeproxy.runtime.client_verification import UNMAPPED, ClientVerification
from edgeproxy.runtime.plain_http import REASON, is_plain_http
from edgeproxy.runtime.tls_facts import VERIFIED, TlsFacts

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.runtime.certificate_choice import Presented
    from edgeproxy.runtime.client_connection import ClientConnection
    from edgeproxy.runtime.server_tls import Accepts

READ_SIZE: Final = 1 << 16
ALERT_SECONDS: Final = 1.0
"""How long a client may take to read why it was refused."""


class ClientTls:
    """The TLS state of one connection.

    Attributes:
        connection: pyOpenSSL's side of it.
        verification: What is found out about the client's certificate; None if nobody cares.
        domain_name: For the access log.
        presented: The certificates that the client was shown one of, once it has said hello.
    """

    __slots__ = ("_hello", "connection", "domain_name", "presented", "verification")

    def __init__(self, connection: SSL.Connection, *, verifies: bool, ignores_expiry: bool) -> None:
        self.connection = connection
        self.verification = ClientVerification(ignores_expiry=ignores_expiry) if verifies else None
        self.domain_name = "-"
        self.presented: Presented[SSL.Context] | None = None
        self._hello = b""
        connection.set_app_data(self)
        connection.set_accept_state()

    def selected_alpn_protocol(self) -> str | None:
        """What was agreed on, as `ssl.SSLObject` says it."""
        return self.connection.get_alpn_proto_negotiated().decode() or None

    def on_sent(self, data: bytes) -> None:
        """Ciphertext that goes out; the first of it is the ServerHello, which is not encrypted."""
        self._hello = self._hello or data

    def on_finished(self) -> str | None:
        """The handshake is over: why the connection is cut nevertheless, or None."""
        return None if self.verification is None else self.verification.on_finished(self._chain())

    def on_error(self, reason: str) -> None:
        """OpenSSL has ended the handshake; `reason` is in its words."""
        if self.verification is not None and self.presented is not None:
            self.verification.on_error(reason)

    @property
    def facts(self) -> TlsFacts:
        """What is known by now."""
        connection, chain = self.connection, self._chain()
        cipher = connection.get_cipher_name() or suite_of(self._hello)
        code = None if self.verification is None else self.verification.code
        return TlsFacts(
            protocol="-" if cipher == "-" else connection.get_protocol_version_name(),
            cipher=cipher,
            domain_name=self.domain_name,
            certificate_arn="-" if self.presented is None else self._presented_arn(self.presented),
            key_exchange=connection.get_group_name() or "-",
            client_certificate=ClientCertificate(chain) if chain else None,
            verify_status=VERIFIED if code is None else f"Failed:{code}",
        )

    def _presented_arn(self, presented: Presented[SSL.Context]) -> str:
        shown = self.connection.get_certificate()
        for each in presented.certificates:
            if shown is not None and crypto.dump_certificate(crypto.FILETYPE_ASN1, shown) == each.der:
                return each.files.arn
        return presented.certificates[0].files.arn

    def _chain(self) -> list[bytes]:
        """What the client presented, leaf first; before the handshake's end at most the leaf is known."""
        leaf = self.connection.get_peer_certificate()
        if leaf is None:
            seen = None if self.verification is None else self.verification.leaf
            return [] if seen is None else [seen]
        # On a server OpenSSL leaves the leaf out of the chain.
        chain = [leaf, *(self.connection.get_peer_cert_chain() or ())]
        return [crypto.dump_certificate(crypto.FILETYPE_ASN1, each) for each in chain]


class MutualTlsTransport(asyncio.Transport, asyncio.Protocol):
    """See the top of this file.

    Attributes:
        client: The address and port at the other end.
        node_address: The load balancer's own address on this connection.
        reason: Why the handshake failed.
    """

    def __init__(self, listener: Accepts, protocol: ClientConnection, begin: Callable[[], ClientTls]) -> None:
        """`protocol` gets the decrypted bytes; `begin` makes the TLS state when the connection is there."""
        super().__init__()
        self._listener = listener
        self._protocol: asyncio.Protocol = protocol
        self._connection = protocol
        self._begin = begin
        self._is_established = False
        self._has_failed = False
        self._has_spoken = False
        self._is_paused = False
        self._is_closing = False
        self._tcp: asyncio.Transport
        self._tls: ClientTls
        self._timer: asyncio.TimerHandle | None = None
        self.client = ("-", 0)
        self.node_address = "-"
        self.reason = ""

    # ---- towards the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is there; the handshake begins."""
        self._tcp = cast("asyncio.Transport", transport)
        self._tls = self._begin()
        self.client = _address(transport, "peername")
        self.node_address = _address(transport, "sockname")[0]
        self._listener.handshakes.add(self)
        self._timer = asyncio.get_running_loop().call_later(self._listener.handshake_seconds, self._on_timeout)

    def data_received(self, data: bytes) -> None:
        """Ciphertext has come."""
        if self._has_failed:
            return
        if not self._has_spoken:
            self._has_spoken = True
            if is_plain_http(data):
                self._fail(REASON)
                self._tcp.write(self._listener.plain_http_answer(data))
                self._end_after_alert()
                return
        self._tls.connection.bio_write(data)
        if self._is_established:
            self._read()
        else:
            self._shake_hands()

    def eof_received(self) -> bool:
        """The other end sends no more; without a goodbye in TLS, which few clients care to send."""
        if self._is_established and not self._is_closing:
            self._protocol.eof_received()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """TCP is gone."""
        self._stop_timer()
        self._listener.handshakes.discard(self)
        self._is_closing = True
        if self._is_established:
            self._protocol.connection_lost(exc)
        elif not self._has_failed:
            self._fail("the client left")
        self._tls.connection.set_app_data(None)

    def pause_writing(self) -> None:
        """TCP's buffer has passed its high mark."""
        if self._is_established:
            self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """It has shrunk."""
        if self._is_established:
            self._protocol.resume_writing()

    # ---- the handshake

    @property
    def trace_id(self) -> str:
        """What the connection would have been known by."""
        return self._connection.trace_id

    def _shake_hands(self) -> None:
        try:
            self._tls.connection.do_handshake()
        except SSL.WantReadError:
            self._flush()
            return
        except SSL.Error as error:
            self._flush()
            reason = _words(error)
            self._tls.on_error(reason)
            self._fail(reason)
            self._end_after_alert()
            return
        code = self._tls.on_finished()
        if code is not None:
            self._fail(code)
            self._tcp.abort()
            return
        self._flush()
        self._stop_timer()
        self._listener.handshakes.discard(self)
        self._is_established = True
        self._protocol.connection_made(self)
        self._read()

    def _fail(self, reason: str) -> None:
        self._has_failed = True
        self.reason = reason
        self._listener.on_handshake_failed(self)

    def _end_after_alert(self) -> None:
        self._stop_timer()
        if self._tcp.can_write_eof() and not self._tcp.is_closing():
            self._tcp.write_eof()
        self._timer = asyncio.get_running_loop().call_later(ALERT_SECONDS, self._tcp.abort)

    def _on_timeout(self) -> None:
        self._fail("the handshake took too long")
        self._tcp.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    @property
    def facts(self) -> TlsFacts:
        """What is known of a handshake that has failed."""
        facts = self._tls.facts
        if facts.verify_status == VERIFIED:
            return dataclasses.replace(facts, verify_status=f"Failed:{UNMAPPED}")
        return facts

    # ---- bytes

    def _read(self) -> None:
        """Everything that can be decrypted now, unless the connection wants no more."""
        connection = self._tls.connection
        while not (self._is_paused or self._is_closing):
            try:
                data = connection.recv(READ_SIZE)
            except SSL.WantReadError:
                break
            except SSL.ZeroReturnError:
                self._protocol.eof_received()
                self.close()
                break
            except SSL.Error:
                self.abort()
                break
            self._protocol.data_received(data)
        self._flush()

    def _flush(self) -> None:
        """What OpenSSL has to say goes out."""
        connection, tcp = self._tls.connection, self._tcp
        while True:
            try:
                data = connection.bio_read(READ_SIZE)
            except SSL.WantReadError:
                return
            if not self._is_established:
                self._tls.on_sent(data)
            tcp.write(data)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Encrypts and sends."""
        if not data or self.is_closing():
            return
        try:
            self._tls.connection.sendall(data)  # one record a call otherwise: pyOpenSSL writes in part
        except SSL.Error:
            self.abort()
            return
        self._flush()

    # ---- towards the connection

    def close(self) -> None:
        """Says goodbye in TLS and closes when everything is delivered."""
        if self._is_closing:
            return
        self._is_closing = True
        with contextlib.suppress(SSL.Error):
            self._tls.connection.shutdown()
        self._flush()
        self._tcp.close()

    def abort(self) -> None:
        """Closes at once; a handshake that we end ourselves has not failed."""
        self._is_closing = True
        self._has_failed = not self._is_established
        self._tcp.abort()

    def is_closing(self) -> bool:
        """Whether `close` or `abort` was called, or TCP is gone."""
        return self._is_closing or self._tcp.is_closing()

    def pause_reading(self) -> None:
        """Delivers nothing until resumed."""
        self._is_paused = True
        if not self._tcp.is_closing():
            self._tcp.pause_reading()

    def resume_reading(self) -> None:
        """Delivers again, first what was decrypted meanwhile."""
        if not self._is_paused:
            return
        self._is_paused = False
        if not self.is_closing():
            self._tcp.resume_reading()
            asyncio.get_running_loop().call_soon(self._read)

    def can_write_eof(self) -> bool:
        """TLS has no half-closed connections that clients would understand."""
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """TCP's."""
        self._tcp.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        """TCP's."""
        return self._tcp.get_write_buffer_size()

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who gets the decrypted bytes."""
        return self._protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Gives them to another one."""
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """`ssl_object` is a `ClientTls`; everything else is TCP's."""
        return self._tls if name == "ssl_object" else self._tcp.get_extra_info(name, default)


def suite_of(hello: bytes) -> str:
    """The suite that a ServerHello chooses; `-` if these bytes begin with something else, such as an alert.

    OpenSSL does not tell it before the handshake is over. RFC 5246 section 7.4.1.3, RFC 8446 section 4.1.3.
    """
    # Record header (5), handshake header (4), version (2), random (32), and the length of the session id.
    if len(hello) < 46 or hello[0] != 22 or hello[5] != 2:
        return "-"
    start = 44 + hello[43]
    return _suites().get(int.from_bytes(hello[start : start + 2], "big"), "-")


@functools.cache
def _suites() -> dict[int, str]:
    """OpenSSL's names of the suites by their numbers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    return {suite["id"] & 0xFFFF: suite["name"] for suite in context.get_ciphers()}


def _words(error: SSL.Error) -> str:
    """OpenSSL's reason."""
    reasons = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return str(reasons[0][-1]) if reasons else "the connection ended"


def _address(transport: asyncio.BaseTransport, end: str) -> tuple[str, int]:
    name = transport.get_extra_info(end) or ("-", 0)
    return str(name[0]).removeprefix("::ffff:"), int(name[1])
