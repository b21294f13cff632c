"""Heads as they travel on: what a target gets of a request, what a client gets of a response.

To the target, in this order (observed on real load balancers): X-Forwarded-For, X-Forwarded-Proto, X-Forwarded-Port,
Host, X-Amzn-Trace-Id, then the client's other headers as they came. To the client: Date, Content-Type, Content-Length
or Transfer-Encoding, Connection, then the target's other headers as they came.

What depends on the header section alone is computed once and kept in its `derived` slot, so that a repeated section
costs one string join.

Sources: user guide, x-forwarded-headers, edit-load-balancer-attributes (host header preservation),
load-balancer-request-tracing.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from edgeproxy.exchange.response_headers import UNCHANGED, ResponseHeaders
from edgeproxy.model.listener_settings import CLIENT_CERTIFICATE_HEADERS
from edgeproxy.protocol.message import CHUNKED, RequestFields, RequestHead, ResponseHead, ascii_lower
from edgeproxy.rules.facts import has_conforming_name

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from edgeproxy.exchange.ports import TlsFacts, WallClock
    from edgeproxy.exchange.trace import TraceIds
    from edgeproxy.model.load_balancer import LoadBalancerSettings
    from edgeproxy.rules.transform import Transformed

MAX_FORWARDED_ADDRESSES: Final = 30
"""More addresses in X-Forwarded-For are answered with 463. Source: user guide, load-balancer-troubleshooting."""

TLS_NAMES: Final = ("X-Amzn-Tls-Version", "X-Amzn-Tls-Cipher-Suite")

# What targets are told about a client's certificate in each mode. Source: user guide, mutual-authentication.
_TOLD: Final = {
    "off": (),
    "passthrough": ("pem_chain",),
    "verify": ("pem_leaf", "serial_number", "issuer", "subject", "validity"),
}

_WELL_KNOWN_PORTS: Final = frozenset({80, 443})

# Written anew or not meant for the target. Connection and Upgrade: only `encode_upgrade` passes them on, for WebSocket.
# TE, Trailer and Proxy-Authorization pass (unconfirmed).
_NOT_FORWARDED: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "upgrade",
        "x-amzn-trace-id",
        "x-forwarded-for",
        "x-forwarded-port",
        "x-forwarded-proto",
    }
)


MAX_HOST_LINES: Final = 1024
MAX_HOST_SIZE: Final = 256
"""How many Host headers are remembered as they travel on, and how long they may be."""

DerivedRequest: TypeAlias = "tuple[RequestForwarding, str, str, str, bytes | None]"
"""What of a request's header section is the same for every request that repeats it.

Whose it is, the X-Forwarded-For that came, the Host line with the beginning of the next, all that is behind it, and the
latter for a target that speaks HTTP/2, once one was asked.
A plain tuple, because an object with an initialiser costs ten times as much.
"""


class RequestForwarding:  # hot path
    """How one listener rewrites request heads. Compiled from the load balancer's attributes."""

    __slots__ = (
        "_client_certificate_lines",
        "_dns_name",
        "_host_lines",
        "_on_dropped",
        "_overwritten",
        "_port",
        "_settings",
        "_suffix",
        "_tls_names",
        "tells_tls",
        "trace_ids",
    )

    def __init__(
        self,
        *,
        protocol: Literal["HTTP", "HTTPS"],
        port: int,
        dns_name: str,
        settings: LoadBalancerSettings,
        trace_ids: TraceIds,
        tls_names: tuple[str, str] = TLS_NAMES,
        client_certificate_mode: str = "off",
        client_certificate_names: Mapping[str, str] = CLIENT_CERTIFICATE_HEADERS,
        on_dropped: Callable[[str], None] | None = None,
    ) -> None:
        """Compiles the rewriting.

        Args:
            protocol: The listener's.
            port: The listener's as declared.
            dns_name: What clients without a Host mean.
            settings: The load balancer's.
            trace_ids: Makes trace ids.
            tls_names: What the headers with the TLS version and the cipher suite are called.
            client_certificate_mode: What the listener does about client certificates.
            client_certificate_names: What the headers about them are called, by the fact that they carry.
            on_dropped: Is told the name of each header that is dropped for its name.
        """
        self._port = port
        self._dns_name = dns_name
        self._host_lines: dict[str, str] = {}
        self._settings = settings
        self._on_dropped = on_dropped
        self._tls_names = tls_names if protocol == "HTTPS" and settings.tls_version_and_cipher_headers else None
        self._client_certificate_lines = [
            (fact, client_certificate_names[fact]) for fact in _TOLD[client_certificate_mode]
        ]
        self.tells_tls: Final = self._tls_names is not None or bool(self._client_certificate_lines)
        # What a client sends under these names is no fact (unconfirmed for renamed ones, and for certificates); where
        # clients are not asked for certificates, such headers pass (unconfirmed).
        overwritten = {*(self._tls_names or ())}
        if self._client_certificate_lines:
            overwritten |= {*CLIENT_CERTIFICATE_HEADERS.values(), *client_certificate_names.values()}
        self._overwritten = frozenset(name.lower() for name in overwritten)
        self._suffix = f"X-Forwarded-Proto: {protocol.lower()}\r\nX-Forwarded-Port: {port}\r\n"
        self.trace_ids = trace_ids

    def prefix(self, source_ip: str, source_port: int, tls: TlsFacts | None = None) -> str:
        """The X-Forwarded lines of a client that sends no X-Forwarded-For itself; the same for its whole connection.

        Args:
            source_ip: The client's address.
            source_port: Its TCP port.
            tls: What was negotiated; asked for where `tells_tls`.
        """
        lines = self._forwarded_for("", source_ip, source_port) + self._suffix
        if tls is not None:
            lines += self._tls_lines(tls)
        return lines

    def _tls_lines(self, tls: TlsFacts) -> str:
        lines = ""
        if self._tls_names is not None:
            version, cipher = self._tls_names
            lines = f"{version}: {tls.protocol}\r\n{cipher}: {tls.cipher}\r\n"
        certificate = tls.client_certificate
        if certificate is not None:
            for fact, name in self._client_certificate_lines:
                lines += f"{name}: {getattr(certificate, fact)}\r\n"
        return lines

    def _forwarded_for(self, received: str, source_ip: str, source_port: int) -> str:
        settings = self._settings
        if settings.xff_mode == "append":
            address = source_ip
            if settings.xff_client_port:
                address = f"[{source_ip}]:{source_port}" if ":" in source_ip else f"{source_ip}:{source_port}"
            value = f"{received}, {address}" if received else address
        elif settings.xff_mode == "preserve":
            value = received
        else:
            value = ""
        return f"X-Forwarded-For: {value}\r\n" if value else ""

    def encode(
        self, head: RequestHead, prefix: str, source_port: int, trace: str, transformed: Transformed | None = None
    ) -> bytes:
        """The request head for the target.

        Args:
            head: The client's head.
            prefix: What `prefix()` said for this connection.
            source_port: The client's TCP port.
            trace: The value of X-Amzn-Trace-Id.
            transformed: What takes the place of the client's host, or path and query.
        """
        fields = head.fields
        derived: DerivedRequest | None = fields.derived
        if derived is None or derived[0] is not self:
            derived = fields.derived = self._derive(fields)
        _, forwarded_for, host_line, rest, _ = derived
        if forwarded_for:
            received = self._forwarded_for(forwarded_for, head.source_ip, source_port)
            prefix = received + prefix[prefix.index(self._suffix) :]
        line = head.line
        if transformed is not None or head.authority or not fields.host:
            host_line, target = self._unusual(head, host_line, transformed)
            line = f"{head.method} {target} HTTP/1.1"
        return f"{line}\r\n{prefix}{host_line}{trace}{rest}".encode("latin-1")

    def parts(
        self, head: RequestHead, prefix: str, source_port: int, transformed: Transformed | None
    ) -> tuple[DerivedRequest, str, str, str]:
        """What `encode` joins: what is kept with the fields, the X-Forwarded lines, the Host value, the target."""
        derived: DerivedRequest | None = head.fields.derived
        if derived is None or derived[0] is not self:
            derived = head.fields.derived = self._derive(head.fields)
        _, forwarded_for, host_line, _, _ = derived
        if forwarded_for:
            received = self._forwarded_for(forwarded_for, head.source_ip, source_port)
            prefix = received + prefix[prefix.index(self._suffix) :]
        target = head.target
        if transformed is not None or not head.fields.host:
            host_line, target = self._unusual(head, host_line, transformed)
        return derived, prefix, host_line[len("Host: ") : host_line.index("\r\n")], target

    @staticmethod
    def encode_upgrade(encoded: bytes, fields: RequestFields) -> bytes:
        """What `encode` made of a request for a WebSocket, asking for it; the two lines come last (unconfirmed)."""
        line = next(fields.lines[position] for position, name, _ in fields.special if name == "upgrade")
        return b"%bConnection: Upgrade\r\n%b\r\n\r\n" % (encoded[:-2], line.encode("latin-1"))

    def _unusual(self, head: RequestHead, host_line: str, transformed: Transformed | None) -> tuple[str, str]:
        """Absolute-form targets name the host themselves; HTTP/1.0 clients may not name one; a transform may."""
        target = head.target
        if transformed is not None and transformed.target is not None:
            target = transformed.target
        if transformed is not None and transformed.host is not None:
            # As rewritten: it wins over preserving the client's, and no port is appended (both unconfirmed).
            host_line = f"Host: {transformed.host}\r\nX-Amzn-Trace-Id: "
        elif head.authority and not self._settings.preserve_host_header:
            host_line = self._host_line(head.authority)
        elif not head.fields.host:
            host_line = self._host_line(self._dns_name)
        return host_line, target

    def _derive(self, fields: RequestFields) -> DerivedRequest:
        lines = fields.lines.copy()
        if fields.is_clean:
            for position, name, _ in reversed(fields.special):
                if name in _NOT_FORWARDED:
                    del lines[position]
        else:
            self._state_length(lines, fields)
        if self._settings.drop_invalid_header_fields:
            lines = self._conforming(lines)
        if self._overwritten:
            lines = [line for line in lines if line.partition(":")[0].lower() not in self._overwritten]
        if self._settings.preserve_host_header:
            hosts = "".join(f"Host: {value}\r\n" for _, name, value in fields.special if name == "host")
            host_line = f"{hosts}X-Amzn-Trace-Id: "
        else:
            host_line = self._host_lines.get(fields.host) or self._host_line(fields.host)
        lines.append("\r\n")
        return self, fields.forwarded_for, host_line, "\r\n" + "\r\n".join(lines), None

    @staticmethod
    def _state_length(lines: list[str], fields: RequestFields) -> None:
        """Takes out what is not forwarded, and leaves one statement of the body's length."""
        # One statement of the length, whatever the client made of it, in the place of its first one.
        is_chunked = fields.body_length == CHUNKED
        kind, value = ("transfer-encoding", "chunked") if is_chunked else ("content-length", str(fields.body_length))
        framing = -1
        for position, name, _ in fields.special:
            if name == kind:
                framing = position
                break
        for index, name, _ in reversed(fields.special):
            if index == framing:
                lines[index] = f"{lines[index].partition(':')[0]}: {value}"
            elif name in _NOT_FORWARDED:
                del lines[index]

    def _conforming(self, lines: Sequence[str]) -> list[str]:
        """The lines whose names are made of letters, digits and hyphens; the others are reported."""
        kept = []
        for line in lines:
            name = line.partition(":")[0]
            if has_conforming_name(name):
                kept.append(line)
            elif self._on_dropped is not None:
                self._on_dropped(name)
        return kept

    def _host_line(self, host: str) -> str:
        line = f"Host: {self.outgoing_host(host)}\r\nX-Amzn-Trace-Id: "
        if len(host) <= MAX_HOST_SIZE:
            if len(self._host_lines) >= MAX_HOST_LINES:
                self._host_lines.clear()
            self._host_lines[host] = line
        return line

    def outgoing_host(self, host: str) -> str:
        """The Host header's value for the target when the client's is not preserved.

        On the well-known ports any port is removed, on others the listener's is appended where there is none.
        """
        name, port = split_host(host)
        name = ascii_lower(name)
        if self._port in _WELL_KNOWN_PORTS:
            return name
        return f"{name}:{port or self._port}"


def split_host(host: str) -> tuple[str, str]:
    """A Host value's name and port; the port is "" when there is none. IPv6 addresses keep their brackets."""
    if host.endswith("]"):
        return host, ""
    name, colon, port = host.rpartition(":")
    return (name, port) if colon and port.isdigit() else (host.removesuffix(":"), "")


MAX_ENCODINGS: Final = 32
"""How many encodings of one response head are kept; listeners that come and go with reloads leave theirs behind."""


class BodyMode(enum.IntEnum):
    """How a response's body is framed towards the client."""

    AS_RECEIVED = 0
    """With the length that the target stated, or without a body."""
    CHUNKED = 2
    """In chunks of our own: the target sent chunks, or no length at all."""
    UNTIL_CLOSE = 4
    """Until the connection closes: the client speaks HTTP/1.0 and the length is not known."""


_BODILESS_STATUSES: Final = frozenset({204, 304})


def body_mode(head: ResponseHead, request: RequestHead) -> BodyMode:  # hot path
    """How the body of this response goes to the client that sent this request."""
    if head.body_length >= 0 or request.method == "HEAD" or head.status in _BODILESS_STATUSES:
        return BodyMode.AS_RECEIVED
    return BodyMode.CHUNKED if request.version == "HTTP/1.1" else BodyMode.UNTIL_CLOSE


def encode_response_head(  # hot path
    head: ResponseHead, mode: BodyMode, keep_alive: bool, clock: WallClock, added: ResponseHeaders = UNCHANGED
) -> bytes:
    """The response head for the client; the clock's date is used only when the target sent none."""
    derived: dict[Hashable, bytes] | None = head.derived
    if derived is None:
        derived = head.derived = {}
    key = added.keys[mode + keep_alive]
    encoded = derived.get(key)
    if encoded is None:
        connection = "Connection: keep-alive" if keep_alive else "Connection: close"
        lines, is_constant = response_lines(head, mode, clock.http_date(), added, connection)
        encoded = _encode_response(head, lines)
        if is_constant:
            remember_encoding(derived, key, encoded)
    return encoded


def remember_encoding(derived: dict[Hashable, bytes], key: Hashable, encoded: bytes) -> None:
    """Keeps an encoding of a response head, with the head."""
    if len(derived) >= MAX_ENCODINGS:
        derived.clear()
    derived[key] = encoded


def encode_switch_head(head: ResponseHead, clock: WallClock, added: ResponseHeaders = UNCHANGED) -> bytes:
    """The head of a 101 for the client; its Upgrade line is the target's, in the target's place."""
    # UNTIL_CLOSE: a tunnel has no length, whatever the target says of one.
    lines, _ = response_lines(head, BodyMode.UNTIL_CLOSE, clock.http_date(), added, "Connection: upgrade")
    return _encode_response(head, lines)


def _encode_response(head: ResponseHead, lines: list[str]) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {head.status_line}", *lines, "\r\n"]).encode("latin-1")


def response_lines(
    head: ResponseHead, mode: BodyMode, date: str, added: ResponseHeaders, connection: str
) -> tuple[list[str], bool]:
    """A target's header lines as a client gets them, and whether they are the same every time."""
    lines = head.lines
    rest = lines.copy()
    known: dict[str, str] = {}
    for position, name, _ in reversed(head.special):
        del rest[position]
        # Backwards, so that the first of several stays.
        known[name] = lines[position]
    front = [known.get("date") or f"Date: {date}"]
    names = ("content-type", "content-length") if mode is BodyMode.AS_RECEIVED else ("content-type",)
    front += [known[name] for name in names if name in known]
    # A HEAD's or a 304's answer may state the coding that its body would have here; a 204's may not, and there are
    # clients that would wait for the chunks (RFC 9112 section 6.1).
    is_as_if_chunked = mode is BodyMode.AS_RECEIVED and "transfer-encoding" in known and head.status != 204
    if mode is BodyMode.CHUNKED or is_as_if_chunked:
        front.append("Transfer-Encoding: chunked")
    front.append(connection)
    return front + added.added_to(rest), "date" in known
