"""A listener without sockets: scripted clients and targets around the real codecs and the real `Exchange`.

    stage = Stage()
    client = stage.client()
    client.sends("GET / HTTP/1.1", "Host: example.com")
    stage.target.answers("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")

The ports refuse what a real connection could not survive: bytes for a client whose response has ended, bytes for a
target that was given back, a second ending, a record that the ledger has already seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from edgeproxy.balancing.group import TargetGroupState
from edgeproxy.exchange.actions import CompiledAction, FixedResponseAction, ForwardAction, RedirectAction
from edgeproxy.exchange.context import ExchangeContext
from edgeproxy.exchange.desync_mode import DesyncMode
from edgeproxy.exchange.exchange import Exchange
from edgeproxy.exchange.forwarding import TLS_NAMES, RequestForwarding
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.response_headers import UNCHANGED, ResponseHeaders
from edgeproxy.exchange.simple import SimpleExchange
from edgeproxy.exchange.trace import TraceIds
from edgeproxy.exchange.transforming import TransformingAction
from edgeproxy.model.action import FixedResponseConfig
from edgeproxy.model.listener_settings import CLIENT_CERTIFICATE_HEADERS
from edgeproxy.model.load_balancer import LoadBalancerSettings
from edgeproxy.protocol.h1_client import H1ClientCodec, response_head_memo
from edgeproxy.protocol.h1_server import H1ServerCodec, request_fields_memo
from edgeproxy.rules.table import RoutingTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Literal

    from edgeproxy.balancing.target_state import TargetState
    from edgeproxy.errors import ProtocolError
    from edgeproxy.exchange.ports import TlsFacts
    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.model.action import RedirectConfig
    from edgeproxy.model.rule import Rule
    from edgeproxy.model.transform import RuleTransform
    from edgeproxy.protocol.message import RequestHead, ResponseHead

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"
EPOCH = 1_795_341_600.0
"""The same moment in seconds since 1970."""
START = 1024.0
"""The same moment on the clock that exchanges are handed."""
TRACE = "1-6b02bd20-0000000000000000000000ab"
"""The id that `EPOCH` and the scripted bits give."""
GROUP_ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/app/ce5353cc7101de6d"
DNS_NAME = "demo-606955064.us-east-1.elb.amazonaws.com"


def message(lines: Iterable[str], body: str | bytes = b"") -> bytes:
    """A head from its lines, and a body."""
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1") + _bytes(body)


def _bytes(data: str | bytes) -> bytes:
    return data.encode("latin-1") if isinstance(data, str) else data


class FrozenClock:
    """Time that stands still; exchanges are handed `Stage.now`."""

    def __init__(self) -> None:
        self.offset = EPOCH - START

    def http_date(self) -> str:
        return DATE


class RecordingLedger:
    """Keeps what ended, and refuses to be told twice."""

    def __init__(self) -> None:
        self.records: list[ExchangeRecord] = []
        self.tunnels: list[ExchangeRecord] = []
        self.calls: list[ExchangeRecord] = []

    def count_grpc(self, record: ExchangeRecord) -> None:
        assert record not in self.records, "counted behind the end"
        self.calls.append(record)

    def open_tunnel(self, record: ExchangeRecord) -> None:
        assert record not in self.tunnels, "a tunnel was opened twice"
        self.tunnels.append(record)

    def close(self, record: ExchangeRecord) -> None:
        assert record not in self.records, "the ledger was told twice"
        self.records.append(record)


class _ScriptedPort:
    """What both sides have in common: bytes for the codec, bytes that the load balancer sent, and what it did."""

    def __init__(self) -> None:
        self._feed: Callable[[bytes], None]
        self._waiting = b""
        self.received = b""
        self.events: list[str] = []
        self.is_open = True
        self.is_paused = False
        self.fills_up = False
        """The next bytes are more than the connection can take."""

    def took(self) -> bytes:
        """What was received since the last call."""
        received, self.received = self.received, b""
        return received

    def _arrive(self, data: str | bytes) -> None:
        self._waiting += _bytes(data)
        if not self.is_paused and self._waiting:
            data, self._waiting = self._waiting, b""
            self._feed(data)

    def pause_reading(self) -> None:
        self.is_paused = True
        self.events.append("pause")

    def resume_reading(self) -> None:
        self.is_paused = False
        self.events.append("resume")


class ScriptedClient(_ScriptedPort):
    """A client; implements `ClientPort`. Its events end each response with "keep-alive", "close" or "abort"."""

    def __init__(self, stage: Stage, *, source_ip: str = "192.0.2.7", source_port: int = 5000) -> None:
        super().__init__()
        self._stage = stage
        self._codec = H1ServerCodec(self, stage.request_memo)
        self._feed = self._codec.feed
        self.source_ip = source_ip
        self.source_port = source_port
        self.tls: TlsFacts | None = None
        self.is_h2 = False
        self.must_close = False
        self.exchange: Exchange | None = None

    # ---- the script

    def sends(self, *lines: str, body: str | bytes = b"") -> ScriptedClient:
        """A head from its lines, and a body."""
        return self.sends_bytes(message(lines, body))

    def sends_bytes(self, data: str | bytes) -> ScriptedClient:
        """Bytes; they wait while the load balancer does not read."""
        self._arrive(data)
        return self

    def leaves(self) -> None:
        """Closes the connection."""
        self.is_open = False
        exchange, self.exchange = self.exchange, None
        self._codec.stop()
        if exchange is not None:
            exchange.on_client_lost()

    def stops_reading(self) -> None:
        assert self.exchange is not None
        self.exchange.on_client_blocked()

    def reads_on(self) -> None:
        assert self.exchange is not None
        self.exchange.on_client_drained()

    def waits(self, seconds: float) -> None:
        """Time passes without a byte, until the idle timeout."""
        assert self.exchange is not None
        self._stage.now += seconds
        self.exchange.on_idle(is_client_paused=self.is_paused)

    # ---- RequestSink

    def on_request(self, head: RequestHead, data: bytes, is_complete: bool) -> None:
        head.source_ip = self.source_ip
        exchange = self.exchange = Exchange(self, self._stage.context, head, self._stage.now)
        self._stage.exchanges.append(exchange)
        exchange.begin(data, is_complete)

    def on_simple_request(self, head: RequestHead) -> None:
        head.source_ip = self.source_ip
        exchange = self.exchange = SimpleExchange(self, self._stage.context, head, self._stage.now)
        self._stage.exchanges.append(exchange)
        exchange.begin(b"", is_complete=True)

    def on_request_body(self, data: bytes, size: int, is_complete: bool) -> None:
        if self.exchange is not None:
            self.exchange.on_request_body(data, size, is_complete)

    def on_request_error(self, error: ProtocolError) -> None:
        if self.exchange is not None:
            self.exchange.on_request_error(error)
        elif self.is_open:
            self.exchange = exchange = Exchange(self, self._stage.context, None, self._stage.now)
            self._stage.exchanges.append(exchange)
            exchange.refuse(error)

    def on_early_bytes(self) -> None:
        self.must_close = True

    def on_tunnel_bytes(self, data: bytes) -> None:
        if self.exchange is not None:
            self.exchange.on_client_bytes(data)

    def on_pipeline_full(self) -> None:
        self.pause_reading()

    # ---- ClientPort

    @property
    def last_activity(self) -> float:
        return self._stage.now

    @property
    def unsent(self) -> int:
        return 0

    def check(self, now: float, idle_timeout: float) -> None:
        raise AssertionError("the deadline sweep's")

    def reset(self) -> None:
        self.abort()
        self.events[-1] = "reset"

    def forwarded_prefix(self, forwarding: RequestForwarding) -> str:
        return forwarding.prefix(self.source_ip, self.source_port, self.tls)

    def write(self, data: bytes) -> None:
        assert self.is_open, "bytes for a client that is gone"
        assert self.exchange is not None, "bytes behind the end of a response"
        self.received += data
        if self.fills_up:
            self.fills_up = False
            self.exchange.on_client_blocked()

    def end_response(self, keep_alive: bool) -> None:
        assert self.exchange is not None, "a response that ended twice"
        self.exchange = None
        self.events.append("keep-alive" if keep_alive else "close")
        self.is_paused = False
        if keep_alive:
            self._codec.next_request()
        else:
            self._codec.stop()
            self.is_open = False

    def begin_tunnel(self) -> None:
        self.events.append("tunnel")
        self.is_paused = False
        self._codec.start_tunnel()

    def abort(self) -> None:
        assert self.is_open, "a client that was closed twice"
        self.exchange = None
        self.is_open = False
        self._codec.stop()
        self.events.append("abort")


class ScriptedTarget(_ScriptedPort):
    """A connection to a target; implements `TargetPort`. Its events end each exchange with "release" or "abort"."""

    is_stream = False

    def __init__(self, stage: Stage, exchange: Exchange) -> None:
        super().__init__()
        self._stage = stage
        self._codec = H1ClientCodec(self, stage.response_memo)
        self._feed = self._codec.feed
        self.exchange: Exchange | None = exchange
        self.last_activity = stage.now
        self.tunnel_begins = 0
        """How many bytes were received up to the end of the last request for a WebSocket."""

    # ---- the script

    def answers(self, *lines: str, body: str | bytes = b"") -> ScriptedTarget:
        """A head from its lines, and a body."""
        return self.answers_bytes(message(lines, body))

    def answers_bytes(self, data: str | bytes) -> ScriptedTarget:
        """Bytes; they wait while the load balancer does not read."""
        assert self.is_open, "a script for a connection that is closed"
        self._arrive(data)
        return self

    def closes(self) -> None:
        """Closes the connection."""
        self.is_open = False
        if self.exchange is not None:
            self._codec.feed_eof()

    def stops_reading(self) -> None:
        assert self.exchange is not None
        self.exchange.on_target_blocked()

    def reads_on(self) -> None:
        assert self.exchange is not None
        self.exchange.on_target_drained()

    # ---- ResponseSink

    def on_response(self, head: ResponseHead, data: bytes, is_complete: bool) -> None:
        assert self.exchange is not None
        self.exchange.on_response(head, data, is_complete, self._stage.now)

    def on_response_body(self, data: bytes, is_complete: bool) -> None:
        if self.exchange is not None:
            self.exchange.on_response_body(data, is_complete)

    def on_response_error(self, error: ProtocolError) -> None:
        outcome = Outcome.TARGET_MALFORMED if self.is_open else Outcome.TARGET_CLOSED
        self.is_open = False
        if self.exchange is not None:
            self.exchange.on_target_lost(outcome)

    def on_switch(self, head: ResponseHead, data: bytes) -> None:
        assert self.exchange is not None
        self.exchange.on_switch(head, data, self._stage.now)

    def on_tunnel_bytes(self, data: bytes) -> None:
        if self.exchange is not None:
            self.exchange.on_target_bytes(data)

    def on_tunnel_end(self) -> None:
        if self.exchange is not None:
            self.exchange.on_tunnel_end()

    # ---- TargetPort

    def send_upgrade(self, data: bytes) -> None:
        self._codec.start_upgrade(self)
        self.tunnel_begins = len(self.received) + len(data)
        self.write(data)

    def end_tunnel(self) -> None:
        assert self.exchange is not None, "a connection that was given back twice"
        self.exchange = None
        self.is_open = False
        self.events.append("end tunnel")

    def send_request(self, method: str, data: bytes) -> None:
        self._codec.start(method)
        self.write(data)

    def write(self, data: bytes) -> None:
        assert self.exchange is not None, "bytes for a connection that was given back"
        self.received += data
        if self.fills_up:
            self.fills_up = False
            self.exchange.on_target_blocked()

    def release(self) -> None:
        assert self.exchange is not None, "a connection that was given back twice"
        self.exchange = None
        self.events.append("release")
        self._stage.idle.append(self)

    def abort(self) -> None:
        assert self.exchange is not None, "a connection that was given back twice"
        self.exchange = None
        self.is_open = False
        self.events.append("abort")


class Stage:
    """One listener and one target group; implements `TargetDialer`.

    Attributes:
        now: The time that exchanges are handed; begins at `START`, moved by the script.
        is_connected: Connections to targets are at hand; otherwise `connects` or `refuses` says what becomes of each.
        state: The target group's only target.
        exchanges, targets: What began, and the connections that were handed out, in order.
        idle: Connections that were given back.
    """

    def __init__(
        self,
        *,
        protocol: Literal["HTTP", "HTTPS"] = "HTTP",
        port: int = 80,
        is_connected: bool = True,
        rules: Iterable[tuple[Rule, CompiledAction]] = (),
        action: FixedResponseConfig | RedirectConfig | None = None,
        targets: Iterable[tuple[str, int]] = (("10.0.2.37", 8080),),
        transforms: Sequence[RuleTransform] = (),
        response_headers: ResponseHeaders = UNCHANGED,
        tls_names: tuple[str, str] = TLS_NAMES,
        client_certificate_mode: str = "off",
        client_certificate_names: Mapping[str, str] = CLIENT_CERTIFICATE_HEADERS,
        on_dropped: Callable[[str], None] | None = None,
        **settings: Any,
    ) -> None:
        self.now = START
        self.is_connected = is_connected
        self.request_memo = request_fields_memo()
        self.response_memo = response_head_memo()
        self.ledger = RecordingLedger()
        self.exchanges: list[Exchange] = []
        self.targets: list[ScriptedTarget] = []
        self.idle: list[ScriptedTarget] = []
        self._connecting: list[Exchange] = []
        self.group = TargetGroupState("app", GROUP_ARN)
        self.group.update(targets)
        self.forwarding = RequestForwarding(
            protocol=protocol,
            port=port,
            dns_name=DNS_NAME,
            settings=LoadBalancerSettings(**settings),
            trace_ids=TraceIds(lambda _bits: 0xAB),
            tls_names=tls_names,
            client_certificate_mode=client_certificate_mode,
            client_certificate_names=client_certificate_names,
            on_dropped=on_dropped,
        )
        default: CompiledAction = ForwardAction("0", lambda: self.group)
        if isinstance(action, FixedResponseConfig):
            default = FixedResponseAction("0", action)
        elif action is not None:
            default = RedirectAction("0", action, protocol=protocol, port=port, default_host=DNS_NAME)
        if transforms:
            default = TransformingAction(default, transforms)
        self.context = ExchangeContext(
            routing=RoutingTable.build(rules, default=default),
            forwarding=self.forwarding,
            dialer=self,
            ledger=self.ledger,
            clock=FrozenClock(),
            desync_mode=DesyncMode(settings.get("desync_mitigation_mode", "defensive")),
            response_headers=response_headers,
            allows_several_hosts=bool(settings.get("preserve_host_header")),
        )

    def client(self, *, source_ip: str = "192.0.2.7", source_port: int = 5000) -> ScriptedClient:
        """A new client."""
        return ScriptedClient(self, source_ip=source_ip, source_port=source_port)

    @property
    def state(self) -> TargetState:
        return next(iter(self.group.targets.values()))

    @property
    def target(self) -> ScriptedTarget:
        """The connection that was handed out last."""
        return self.targets[-1]

    @property
    def record(self) -> ExchangeRecord:
        """The only exchange that has ended."""
        assert len(self.ledger.records) == 1
        return self.ledger.records[0]

    # ---- TargetDialer

    def dial(self, target: TargetState, exchange: Exchange) -> ScriptedTarget | None:
        if self.is_connected:
            return self._port(exchange)
        self._connecting.append(exchange)
        return None

    def _port(self, exchange: Exchange) -> ScriptedTarget:
        port = self.idle.pop() if self.idle else ScriptedTarget(self, exchange)
        port.exchange = exchange
        self.targets.append(port)
        return port

    def connects(self, *, fills_up: bool = False) -> ScriptedTarget:
        """The connection that is waited for is there."""
        exchange = self._connecting.pop(0)
        port = self._port(exchange)
        port.fills_up = fills_up
        exchange.on_target_ready(port, self.now)
        return port

    def refuses(self, outcome: Outcome = Outcome.CONNECT_FAILED) -> None:
        """The connection that is waited for will never be there."""
        self._connecting.pop(0).on_target_failed(outcome)
