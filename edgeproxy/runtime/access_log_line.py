"""A line of the access log, as the ALB formats it.

One line is 34 fields (user guide, load-balancer-access-logs; the last one, ip_address, is on real lines but not in the
guide's samples). What a whole connection or a whole second shares is rendered once; the rest is one f-string.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

from edgeproxy.exchange.forwarding import split_host
from edgeproxy.exchange.outcome import Outcome
from edgeproxy.exchange.versions import is_grpc
from edgeproxy.protocol.message import ONCE, ascii_lower

if TYPE_CHECKING:
    from edgeproxy.exchange.record import ExchangeRecord
    from edgeproxy.rules.transform import Transformed
    from edgeproxy.runtime.tls_facts import TlsFacts

MAX_RECENT: Final = 1024
"""Hosts and user agents whose escaped form is remembered."""

MAX_RECENT_SIZE: Final = 512
"""Longer ones are escaped anew each time."""

# 0 is the status of a response that never began.
_NUMBERS: Final = ("-", *map(str, range(1, 1000)))
_THREE_DIGITS: Final = tuple(f"{number:03d}" for number in range(1000))
_MILLISECONDS: Final = tuple(f"0.{ms:03d}" for ms in range(1000))
_UNSAFE: Final = re.compile(r'["\\\x00-\x1f\x7f-\xff]')
_MAX_USER_AGENT: Final = 8 * 1024

# The times of a request that was dispatched but never answered are all -1 (observed for connect timeouts and 460; the
# guide says so of malformed requests, which can turn out to be that in their body).
_WITHOUT_TIMES: Final = frozenset(
    {
        Outcome.CONNECT_FAILED,
        Outcome.CONNECT_TIMEOUT,
        Outcome.TARGET_TLS_FAILED,
        Outcome.TARGET_TLS_TIMEOUT,
        Outcome.BAD_REQUEST,
        Outcome.CLIENT_LEFT,
        Outcome.CLIENT_LEFT_SENDING,
    }
)

# Nobody waited for the target until it answered. Of a client that stalls the guide does not say so (unconfirmed).
_WITHOUT_TARGET_TIME: Final = frozenset({Outcome.TARGET_SILENT, Outcome.CLIENT_SILENT})


def escape(text: str) -> str:
    r"""A quoted field's content: quotes, backslashes, control and non-ASCII characters as `\xHH`."""
    if text.isascii() and '"' not in text and "\\" not in text and text.isprintable():
        return text
    return _UNSAFE.sub(lambda match: f"\\x{ord(match[0]):02X}", text)


def seconds(duration: float) -> str:
    """A duration with milliseconds, as in `0.001`."""
    if 0.0 <= duration < 1.0:
        return _MILLISECONDS[int(duration * 1000)]
    return f"{max(duration, 0.0):.3f}"


class ConnectionPart(NamedTuple):
    """What all lines of one connection share, rendered."""

    client: str
    tls: str
    certificate: str
    trace_id: str
    node_address: str
    end: str
    """The last five fields of a request that no transform was asked about."""


class LoggedClient(Protocol):
    """What a line says of the client: of a connection, or of a stream and its connection."""

    log_part: ConnectionPart | None
    """What all lines of the connection share; made by the first one."""

    @property
    def is_h2(self) -> bool:
        """Requests come over HTTP/2."""

    @property
    def label(self) -> str:
        """Address and port."""

    @property
    def tls_facts(self) -> TlsFacts | None:
        """What TLS agreed on; None without TLS."""

    @property
    def trace_id(self) -> str:
        """The connection's `TID_…`."""

    @property
    def node_address(self) -> str:
        """The load balancer's own address."""


def connection_part(client: LoggedClient) -> ConnectionPart:
    """Fields 4, 15 and 16, 19 and 20, and 30 to 34 of a connection."""
    tls = client.tls_facts
    return ConnectionPart(
        client=client.label,
        tls="- -" if tls is None else f"{tls.cipher} {tls.protocol}",
        certificate='"-" "-"' if tls is None else f'"{escape(tls.domain_name)}" "{tls.certificate_arn}"',
        trace_id=client.trace_id,
        node_address=client.node_address,
        end=f'{client.trace_id} "-" "-" "-" {client.node_address}\n',
    )


class _Recent(dict[str, str]):
    """A bounded dict for texts that repeat: hosts and user agents."""

    def keep(self, key: str, value: str) -> str:
        if len(key) <= MAX_RECENT_SIZE:
            if len(self) >= MAX_RECENT:
                self.clear()
            self[key] = value
        return value


class LineFormat:  # hot path
    """Renders the lines of one listener."""

    __slots__ = (
        "_agents",
        "_dns_name",
        "_identity",
        "_port",
        "_scheme",
        "_second",
        "_second_text",
        "_start",
        "_tunnel_type",
        "_urls",
    )

    def __init__(self, *, load_balancer: str, dns_name: str, protocol: Literal["HTTP", "HTTPS"], port: int) -> None:
        """`load_balancer` is the resource, `app/NAME/ID`."""
        self._identity = object()
        self._scheme = protocol.lower()
        self._tunnel_type = "ws" if protocol == "HTTP" else "wss"
        self._port = port
        self._dns_name = dns_name
        self._start = f"Z {load_balancer} "
        self._second = -1
        self._second_text = ""
        self._urls = _Recent()
        self._agents = _Recent()

    def render(self, record: ExchangeRecord, now: float, offset: float) -> str:
        """The line of an exchange that ended at `now`, on the record's clock; `offset` makes it seconds since 1970."""
        client: LoggedClient = record.client  # type: ignore[assignment]  # a cast would be a call
        shared = client.log_part
        if shared is None:
            shared = client.log_part = connection_part(client)
        # Taken apart at once: six attributes of a named tuple are 1,000 instructions.
        client_label, tls, certificate, trace_id, node_address, end = shared
        head = record.head
        target = record.target
        group = record.group
        label = "-" if target is None else target.label
        target_status = record.target_status
        status = _NUMBERS[target_status] if target_status else "-"
        if head is None:
            request = f'"- {self._scheme}://{self._dns_name}:{self._port}- -" "-"'
            trace = "-"
        else:
            fields = head.fields
            # A section that is remembered knows what was written of it last; it depends on nothing else but the line.
            logged = fields.logged
            version = head.version
            if logged is not None and logged[0] == head.line and logged[1] == version and logged[2] is self._identity:
                request = logged[3]
            else:
                host = head.authority or fields.host
                base = self._urls.get(host) or self._base_url(host)
                agent = self._agents.get(fields.user_agent) or self._agent(fields.user_agent)
                request = f'"{head.method} {base}{escape(head.target)} {version}" "{agent}"'
                fields.logged = ONCE if logged is None else (head.line, version, self._identity, request)
            # A client may have written part of it.
            trace = (escape(record.trace_id) if fields.trace_id else record.trace_id) or "-"
        kind = self._scheme if target_status != 101 else self._tunnel_type
        if client.is_h2:
            is_call = head is not None and head.method == "POST" and is_grpc(head.header_values("content-type"))
            kind = "grpcs" if is_call else "h2"
        if record.transformed is not None:
            end = _transformed_end(trace_id, record.transformed, node_address)
        reason = "-" if record.sticky is None else record.sticky.error_reason or "-"
        verdict = record.verdict
        classified = '"-" "-"' if verdict is None else f'"{verdict.name}" "{verdict.reason}"'
        ended, begun = now + offset, record.arrived + offset
        ended_second, begun_second = int(ended), int(begun)
        if ended_second != self._second:
            self._tick(ended_second)
        text = self._second_text
        micros = int((ended - ended_second) * 1e6)
        # Arrival has millisecond resolution, padded with zeros (observed).
        begun_text = text if begun_second == ended_second else _format_second(begun_second)
        return (
            # Digits from tables, because a format such as `06d` is read anew for each number.
            f"{kind} {text}.{_THREE_DIGITS[micros // 1000]}{_THREE_DIGITS[micros % 1000]}{self._start}"
            f"{client_label} {label} {_times(record, now)} "
            f"{_NUMBERS[record.status]} {status} {record.received_bytes} {record.sent_bytes} "
            f'{request} {tls} {"-" if group is None else group.arn} "{trace}" '
            f"{certificate} {record.priority} {begun_text}.{_THREE_DIGITS[int((begun - begun_second) * 1000)]}000Z "
            f'"{record.actions or "-"}" "{escape(record.redirect_url) if record.redirect_url else "-"}" "{reason}" '
            f'"{label}" "{status}" {classified} {end}'
        )

    def _base_url(self, host: str) -> str:
        name = ascii_lower(split_host(host or self._dns_name)[0])
        return self._urls.keep(host, escape(f"{self._scheme}://{name}:{self._port}"))

    def _agent(self, agent: str) -> str:
        return self._agents.keep(agent, escape(agent[:_MAX_USER_AGENT]) or "-")

    def _tick(self, second: int) -> None:
        self._second = second
        self._second_text = _format_second(second)


def _format_second(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def _transformed_end(trace_id: str, transformed: Transformed, node_address: str) -> str:
    """Fields 30 to 34 of a request whose rule has transforms."""
    host = "-" if transformed.host is None else escape(transformed.host)
    target = "-" if transformed.target is None else escape(transformed.target)
    return f'{trace_id} "{host}" "{target}" "{transformed.status.value}" {node_address}\n'


def _times(record: ExchangeRecord, now: float) -> str:
    """Fields 6 to 8: until sent to the target, until its response head, until the response was passed on."""
    dispatched, answered, arrived = record.dispatched, record.answered, record.arrived
    # Most requests go out in the moment in which they came.
    request = "0.000" if dispatched == arrived else seconds(dispatched - arrived)
    if answered:
        # The response starts towards the client in the same moment: nothing is buffered.
        return f"{request} {seconds(answered - dispatched)} 0.000"
    if not dispatched or record.outcome in _WITHOUT_TIMES:
        return "-1 -1 -1"
    if record.outcome in _WITHOUT_TARGET_TIME:
        return f"{request} -1 -1"
    return f"{request} {seconds(now - dispatched)} -1"
