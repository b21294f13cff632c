"""What the runtime must offer an exchange, and what an exchange reports when it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.exchange.exchange import Exchange
    from edgeproxy.exchange.forwarding import RequestForwarding
    from edgeproxy.exchange.record import ExchangeRecord


class WallClock(Protocol):
    """The time that goes into headers. Exchanges measure with the times they are handed."""

    offset: float
    """What to add to a handed time to get seconds since 1970."""

    def http_date(self) -> str:
        """The value of a Date header, now."""


class ClientCertificate(Protocol):
    """What a client presented, as headers carry it. Source: user guide, mutual-authentication."""

    @property
    def pem_chain(self) -> str:
        """All certificates, leaf first, as percent-encoded PEM."""

    @property
    def pem_leaf(self) -> str:
        """The client's own, as percent-encoded PEM."""

    @property
    def serial_number(self) -> str:
        """Upper-case hex."""

    @property
    def issuer(self) -> str:
        """As in RFC 2253."""

    @property
    def subject(self) -> str:
        """As in RFC 2253."""

    @property
    def validity(self) -> str:
        """`NotBefore=...;NotAfter=...`."""


class TlsFacts(Protocol):
    """What was negotiated with a client, in OpenSSL's names."""

    @property
    def protocol(self) -> str:
        """Such as `TLSv1.3`."""

    @property
    def cipher(self) -> str:
        """Such as `TLS_AES_128_GCM_SHA256`."""

    @property
    def client_certificate(self) -> ClientCertificate | None:
        """None if it presented none."""


class ClientPort(Protocol):
    """The connection to a client, as an exchange sees it."""

    @property
    def source_ip(self) -> str:
        """The address of the TCP connection's other end."""

    @property
    def source_port(self) -> int:
        """The TCP port there."""

    @property
    def last_activity(self) -> float:
        """When bytes of the request last came, or something of the connection's own moved."""

    @property
    def unsent(self) -> int:
        """How many bytes wait for the client to take them."""

    @property
    def must_close(self) -> bool:
        """The connection ends with this response: it is draining, or older than the client keep-alive duration."""

    def forwarded_prefix(self, forwarding: RequestForwarding) -> str:
        """What `forwarding.prefix` says for this connection."""

    def write(self, data: bytes) -> None:
        """Sends bytes to the client."""

    def end_response(self, keep_alive: bool) -> None:
        """The response is out; the next request may come, or the connection closes once everything is delivered."""

    def begin_tunnel(self) -> None:
        """A WebSocket is open: what the client sends goes to `Exchange.on_client_bytes` from now on."""

    def abort(self) -> None:
        """Cuts the connection: a response that cannot be completed must not look complete."""

    def reset(self) -> None:
        """Cuts the connection, and lets the client know it: TCP says RST, HTTP/2 RST_STREAM."""

    def check(self, now: float, idle_timeout: float) -> None:
        """Tells the exchange `on_idle` if nothing moved for so long; the deadline sweep asks this as well."""

    def pause_reading(self) -> None:
        """Takes no more of the request until resumed."""

    def resume_reading(self) -> None:
        """Takes more of the request."""


class StreamPort(ClientPort, Protocol):
    """A stream of an HTTP/2 client, as an exchange sees it. Bytes that it cannot take now pause the target."""

    def send_head(self, block: bytes, data: bytes, is_complete: bool) -> None:
        """Sends a response head, encoded, and what there is of its body."""

    def send_data(self, data: bytes, is_complete: bool) -> None:
        """Sends more of the body."""

    def send_trailers(self, block: bytes) -> None:
        """Ends the response with trailers, encoded."""


class TargetPort(Protocol):
    """A connection to a target that is at this exchange's disposal."""

    @property
    def last_activity(self) -> float:
        """When bytes last came from the target."""

    @property
    def is_stream(self) -> bool:
        """Whether it is a `TargetStreamPort`."""

    def send_request(self, method: str, data: bytes) -> None:
        """Sends a head and the body bytes at hand; the method tells how to read the response."""

    def send_upgrade(self, data: bytes) -> None:
        """Sends the head of a request for a WebSocket."""

    def write(self, data: bytes) -> None:
        """Sends more of the body, or of the tunnel."""

    def release(self) -> None:
        """The response has ended and nothing is left to send: back to the pool, if the target keeps the connection."""

    def end_tunnel(self) -> None:
        """Closes the connection when everything is delivered."""

    def abort(self) -> None:
        """Closes the connection; its state is not known to be clean."""

    def pause_reading(self) -> None:
        """Takes no more of the response until resumed."""

    def resume_reading(self) -> None:
        """Takes more of the response."""


class TargetStreamPort(TargetPort, Protocol):
    """A stream to a target that speaks HTTP/2. What of HTTP/1.1's the other class offers is not for it."""

    @property
    def scheme(self) -> str:
        """`http`, or `https` where TLS is spoken."""

    def open(self, block: bytes, data: bytes, *, is_complete: bool, is_head: bool) -> None:
        """Sends a request head, encoded, and what there is of its body; is_head tells how to read the response."""

    def send_data(self, data: bytes, is_complete: bool) -> None:
        """Sends more of the body."""

    def send_trailers(self, block: bytes) -> None:
        """Ends the request with trailers, encoded."""

    def leave(self) -> None:
        """Instead of `open`: closes the connection when its other streams have ended, and gives it no more."""


class TargetDialer(Protocol):
    """Finds connections to targets."""

    def dial(self, target: TargetState, exchange: Exchange) -> TargetPort | None:
        """An idle connection at once, or None: then `on_target_ready` or `on_target_failed` is called later."""


class Timer(Protocol):
    """Something that will happen."""

    def cancel(self) -> None:
        """It will not."""


class Timers(Protocol):
    """The time, and waiting, for the few exchanges that a fault on purpose has taken."""

    def now(self) -> float:
        """The time in seconds, on the clock of the times that exchanges are handed."""

    def call_later(self, seconds: float, act: Callable[[], None], /) -> Timer:
        """Does something in so many seconds."""


class ExchangeLedger(Protocol):
    """Who is told that an exchange has ended, once for each."""

    def open_tunnel(self, record: ExchangeRecord) -> None:
        """A WebSocket is open; `close` follows when it ends."""

    def count_grpc(self, record: ExchangeRecord) -> None:
        """The exchange that is about to be closed is a call of gRPC."""

    def close(self, record: ExchangeRecord) -> None:
        """The log line, the counters."""
