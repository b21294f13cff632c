"""The little HTTP that scripted targets speak: requests read, responses made. Sans-IO."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote

HEALTH_CHECKER = "ELB-HealthChecker/2.0"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """A request as a target got it.

    Attributes:
        method: The method.
        target: Path and query as sent.
        headers: Names in lower case; of several with one name the values joined by ", ".
        body: All of it.
        head: The bytes of its head.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    head: bytes

    @property
    def path(self) -> str:
        """Decoded, without query."""
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> dict[str, str]:
        """Decoded; of several with one name the last."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    @property
    def is_health_check(self) -> bool:
        """It comes from the load balancer itself."""
        return self.headers.get("user-agent") == HEALTH_CHECKER


@dataclasses.dataclass(frozen=True)
class Response:
    """What a handler answers.

    Attributes:
        body: Text, bytes, or what becomes JSON.
        status: The status.
        headers: Further ones.
    """

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def encode(self, *, is_head: bool = False) -> bytes:
        """HTTP/1.1, with a length."""
        body, kind = _encoded(self.body)
        fields = {"Content-Type": kind, **self.headers, "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        head = f"HTTP/1.1 {self.status} {'OK' if self.status == 200 else 'Answer'}\r\n{lines}\r\n".encode("latin-1")
        return head if is_head else head + body


Answer: TypeAlias = Response | str | bytes | int | dict[str, Any] | list[Any] | tuple[int, Any] | None
Handler: TypeAlias = Callable[[Request], Answer | Awaitable[Answer]]
"""Gets a request and gives a `Response`, a body, a status, or both as a pair. It may be asynchronous; if it is not, it
may block."""


def response_of(answer: Answer) -> Response:
    """The response that a handler means."""
    match answer:
        case Response():
            return answer
        case int():
            return Response(status=answer)
        case (int(status), body):
            return Response(body, status)
        case None:
            return Response(status=204)
    return Response(answer)


def parse_head(head: bytes) -> Request:
    """A request without its body."""
    line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = line.split(" ", 2)
    headers: dict[str, str] = {}
    for each in lines:
        name, _, value = each.partition(":")
        name = name.lower()
        headers[name] = f"{headers[name]}, {value.strip()}" if name in headers else value.strip()
    return Request(method=method, target=target, headers=headers, body=b"", head=head)


def _encoded(body: Any) -> tuple[bytes, str]:
    match body:
        case bytes():
            return body, "application/octet-stream"
        case str():
            return body.encode(), "text/plain; charset=utf-8"
    return json.dumps(body).encode(), "application/json"
