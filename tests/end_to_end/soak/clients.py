"""Clients that ask in every way, leave whenever they like, and write down what they know for certain."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from tests.end_to_end.soak.ledger import Entry, Ledger
from tests.end_to_end.soak.targets import BEHAVIOURS, SWITCHING, TALKS

if TYPE_CHECKING:
    import random
    import ssl
    from collections.abc import Awaitable, Callable, Iterator

    from tests.end_to_end.soak.targets import Arrivals

PATIENCE_SECONDS: Final = 30.0
_LIMIT: Final = 1 << 19
_PART: Final = b"half of the body"


class Seen(NamedTuple):
    """What came back; `status` is 0 when nothing did."""

    status: int = 0
    size: int = 0
    is_complete: bool = False
    keeps: bool = False


class Client:
    """One client after the other: a connection is used again while the load balancer keeps it."""

    def __init__(
        self,
        port: int,
        tls: ssl.SSLContext | None,
        *,
        numbers: Iterator[int],
        draw: random.Random,
        ledger: Ledger,
        arrivals: Arrivals,
    ) -> None:
        self._port = port
        self._tls = tls
        self._numbers = numbers
        self._draw = draw
        self._ledger = ledger
        self._arrivals = arrivals
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self._is_fresh = True

    async def run(self) -> None:
        """Asks until the numbers are used up."""
        weights = [weight for weight, _ in KINDS]
        for number in self._numbers:
            _, kind = self._draw.choices(KINDS, weights)[0]
            if self._writer is not None and (self._reader.at_eof() or self._writer.is_closing()):
                self._close()
            try:
                async with asyncio.timeout(PATIENCE_SECONDS):
                    await kind(self, number)
            except TimeoutError:
                self._ledger.hung.append(number)
                self._close()
        self._close()

    # ---- connections

    async def _send(self, data: bytes, *, is_fresh: bool = False) -> None:
        """On the connection at hand, or on a new one; what the load balancer refuses to take is not our business."""
        if is_fresh:
            self._close()
        self._is_fresh = self._writer is None
        if self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                "127.0.0.1", self._port, limit=_LIMIT, ssl=self._tls, server_hostname="localhost" if self._tls else None
            )
        self._writer.write(data)
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _reset(self) -> None:
        assert self._writer is not None
        sock: socket.socket = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        self._writer = None

    def _leave(self) -> None:
        if self._draw.random() < 0.5 or self._writer is None or self._writer.is_closing():
            self._close()
        else:
            self._reset()

    # ---- reading

    async def _response(self, *, is_head: bool = False, pause: float = 0) -> Seen:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return Seen()
        status = int(head[9:12])
        keeps = b"\r\nConnection: close\r\n" not in head
        try:
            size = 0 if is_head or status in (204, 304) else await self._body(head, pause)
        except (asyncio.IncompleteReadError, OSError):
            return Seen(status)
        return Seen(status, len(head) + size, is_complete=True, keeps=keeps)

    async def _body(self, head: bytes, pause: float) -> int:
        """How many bytes it has on the wire."""
        if b"\r\nTransfer-Encoding: chunked\r\n" in head:
            total = 0
            while True:
                line = await self._reader.readuntil(b"\r\n")
                data = await self._reader.readexactly(int(line, 16) + 2)
                total += len(line) + len(data)
                if len(data) == 2:
                    return total
        if b"\r\nContent-Length: " not in head:
            return len(await self._reader.read(-1))
        value = head.partition(b"\r\nContent-Length: ")[2]
        total = left = int(value[: value.index(b"\r")])
        while left:
            if pause:
                await asyncio.sleep(pause)
            data = await self._reader.read(min(left, 65536))
            if not data:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(data)
        return total

    # ---- writing down

    def _note(self, number: int, seen: Seen, *, received: int | None = None) -> None:
        """An exchange that the client has waited for to its end."""
        is_race = not seen.status and not self._is_fresh
        self._ledger.entries[number] = Entry(
            least=0 if is_race else 1,
            status=seen.status,
            sent=seen.size if seen.is_complete else None,
            received=received if seen.is_complete and seen.status == 200 else None,
        )
        if not (seen.is_complete and seen.keeps):
            self._close()

    def _path(self, number: int) -> bytes:
        word = self._draw.choices(_WORDS, _WEIGHTS)[0]
        return f"/{word}/{number}".encode()

    # ---- kinds of requests

    async def get(self, number: int) -> None:
        """As browsers do."""
        data = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % self._path(number)
        await self._send(data)
        self._note(number, await self._response(), received=len(data))

    async def head(self, number: int) -> None:
        """Asks for the head only."""
        await self._send(b"HEAD %b HTTP/1.1\r\nHost: a\r\n\r\n" % self._path(number))
        self._note(number, await self._response(is_head=True))

    async def get_and_end(self, number: int) -> None:
        """The last request of its connection, or one of HTTP/1.0."""
        line = self._draw.choice([b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close", b"GET %b HTTP/1.0\r\nHost: a"])
        await self._send(line % self._path(number) + b"\r\n\r\n")
        self._note(number, await self._response())

    async def post(self, number: int) -> None:
        """A body with a length."""
        body = b"x" * self._draw.choice([1, 1000, 100_000])
        data = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (self._path(number), len(body), body)
        await self._send(data)
        self._note(number, await self._response(), received=len(data))

    async def post_in_chunks(self, number: int) -> None:
        """A body in chunks that come one after the other."""
        await self._send(b"POST %b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % self._path(number))
        is_fresh = self._is_fresh
        await self._send(b"5\r\nhello\r\n")
        await self._send(b"0\r\n\r\n")
        self._is_fresh = is_fresh
        self._note(number, await self._response())

    async def read_slowly(self, number: int) -> None:
        """Takes its time for a big answer."""
        await self._send(b"GET /big/%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
        self._note(number, await self._response(pause=0.002))

    async def pipeline(self, number: int) -> None:
        """Several requests at once; behind an answer that ends the connection, the others were never asked."""
        numbers = [number, *(each for _, each in zip(range(3), self._numbers, strict=False))]
        await self._send(b"".join(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % self._path(each) for each in numbers))
        while numbers:
            seen = await self._response()
            self._note(numbers.pop(0), seen)
            if not (seen.is_complete and seen.keeps):
                break
            self._is_fresh = True  # the next one is there already: no race with an idle timeout
        for each in numbers:
            self._ledger.entries[each] = Entry(least=0, most=0)

    async def leave_waiting(self, number: int) -> None:
        """Leaves once the request is at its target, unless it is answered before."""
        arrived = self._arrivals.expect(number)
        word = self._draw.choice([b"silent", b"slow", b"ok"])
        await self._send(b"GET /%b/%d HTTP/1.1\r\nHost: a\r\n\r\n" % (word, number))
        await self._leave_when(number, arrived)

    async def leave_sending(self, number: int) -> None:
        """Leaves in the middle of its upload."""
        arrived = self._arrivals.expect(number)
        await self._send(b"POST /ok/%d HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n%b" % (number, _PART))
        await self._leave_when(number, arrived)

    async def _leave_when(self, number: int, arrived: asyncio.Future[None]) -> None:
        answer = asyncio.create_task(self._reader.read(1))
        either: list[asyncio.Future[Any]] = [answer, arrived]
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        is_heard = arrived.done() or (answer.done() and answer.exception() is None and answer.result() != b"")
        self._ledger.entries[number] = Entry(least=1 if is_heard or self._is_fresh else 0)
        answer.cancel()
        self._leave()
        await asyncio.wait({answer})

    async def leave_reading(self, number: int) -> None:
        """Leaves in the middle of the answer."""
        await self._send(b"GET /big/%d HTTP/1.1\r\nHost: a\r\n\r\n" % number)
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            self._note(number, Seen())
            return
        self._ledger.entries[number] = Entry(status=int(head[9:12]))
        self._leave()

    async def leave_in_the_head(self, number: int) -> None:
        """Never asks: what is no whole head is no request."""
        await self._send(b"GET /ok/%d HTTP/1.1\r\nHo" % number)
        self._ledger.entries[number] = Entry(least=0, most=0)
        self._leave()

    async def stall_sending(self, number: int) -> None:
        """Sends no more in the middle of its upload, and waits for what becomes of it."""
        await self._send(b"POST /ok/%d HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n%b" % (number, _PART))
        self._note(number, await self._response())
        self._close()

    async def break_the_body(self, number: int) -> None:
        """Chunks that are none."""
        head = b"POST /ok/%d HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % number
        await self._send(head + b"5\r\nhello\r\nzz\r\n")
        self._note(number, await self._response())
        self._close()

    async def babble(self, number: int) -> None:
        """What cannot be read, or stops before it could be: a line without the number."""
        await self._send(
            self._draw.choice([b"babble %d\r\n\r\n", b"GET /ok/%d HTTP/1.1\r\nHo"]) % number, is_fresh=True
        )
        seen = await self._response()
        self._ledger.unreadable += 1
        self._ledger.entries[number] = Entry(least=0, most=0, status=seen.status)
        self._close()

    async def talk(self, number: int) -> None:
        """A WebSocket that is left, or is ended by the target or by silence."""
        word = self._draw.choices(list(TALKS), [weight for weight, _ in TALKS.values()])[0].encode()
        head = b"GET /%b/%d HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n" % (word, number)
        await self._send(head)
        seen = await self._response_to_upgrade()
        if seen.status != 101:
            self._note(number, seen)
            return
        sent = await self._say_something(word)
        is_exact = sent > 0 and word == b"talk"
        self._ledger.entries[number] = Entry(
            status=101,
            received=len(head) + sent if is_exact else None,
            sent=seen.size + sent if is_exact else None,
        )
        self._leave()

    async def _response_to_upgrade(self) -> Seen:
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, OSError):
            return Seen()
        # Anything but a switch is read no further: the connection is not used again.
        return Seen(int(head[9:12]), len(head), is_complete=head.startswith(SWITCHING[:12]))

    async def _say_something(self, word: bytes) -> int:
        """How many bytes went there and came back."""
        assert self._writer is not None
        total = 0
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            for _ in range(self._draw.randrange(1, 4)):
                data = b"\x81\x7e" + b"x" * self._draw.randrange(1, 5000)
                self._writer.write(data)
                if word == b"talk-never":
                    await self._reader.read()
                    return 0
                await self._reader.readexactly(len(data))
                total += len(data)
            return total
        return 0


_WORDS: Final = [*BEHAVIOURS, "fixed", "moved", "none"]
_WEIGHTS: Final = [*(weight for weight, _ in BEHAVIOURS.values()), 4, 2, 1]

KINDS: Final[list[tuple[float, Callable[[Client, int], Awaitable[None]]]]] = [
    (50, Client.get),
    (3, Client.head),
    (5, Client.get_and_end),
    (8, Client.post),
    (4, Client.post_in_chunks),
    (2, Client.read_slowly),
    (6, Client.pipeline),
    (4, Client.leave_waiting),
    (3, Client.leave_sending),
    (2, Client.leave_reading),
    (2, Client.leave_in_the_head),
    (0.5, Client.stall_sending),
    (1, Client.break_the_body),
    (1, Client.babble),
    (5, Client.talk),
]
"""How often each kind of request is made."""
