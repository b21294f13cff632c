"""The exception tree.

Every error that edgeproxy raises on purpose is an `EdgeProxyError`, says in a full sentence what is wrong and what
would be right, and knows whose fault it is by its class:

* `ConfigError`: the person who wrote the configuration; names the path, the value and the reason.
* `ProtocolError`: the other end of an HTTP connection; carries the status that the load balancer answers with.
* `BindError`: the machine; a listener's port is taken or forbidden.
"""

from __future__ import annotations

from typing import Any


class EdgeProxyError(Exception):
    """The base of all errors that edgeproxy raises on purpose."""


class ConfigError(EdgeProxyError):
    """A value in the configuration that the real load balancer would refuse.

    Attributes:
        path: Where the value stands, in AWS's key names: `LoadBalancers[0].Listeners[1].Port`. A constructor gives the
            path relative to itself; whoever called it prepends its own part with `at`.
        value: The value that was found, or None where one is missing.
        reason: A sentence that names the limit, in ELBv2's wording where AWS has one.
        code: ELBv2's error code, such as `ValidationError` or `InvalidLoadBalancerAction`.
        suggestion: What was probably meant (`HealthCheckPath`), or None.
    """

    def __init__(
        self, path: str, value: Any, reason: str, *, code: str = "ValidationError", suggestion: str | None = None
    ) -> None:
        super().__init__(path, value, reason)
        self.path = path
        self.value = value
        self.reason = reason
        self.code = code
        self.suggestion = suggestion

    def at(self, prefix: str) -> ConfigError:
        """The same error, seen from one level further out."""
        if not self.path:
            path = prefix
        elif self.path.startswith("["):
            path = prefix + self.path
        else:
            path = f"{prefix}.{self.path}" if prefix else self.path
        return ConfigError(path, self.value, self.reason, code=self.code, suggestion=self.suggestion)

    def __str__(self) -> str:
        hint = f" (did you mean {self.suggestion}?)" if self.suggestion else ""
        return f"{self.path}: {self.reason}{hint}" if self.path else f"{self.reason}{hint}"


class ProtocolError(EdgeProxyError):
    """Bytes on a connection that break HTTP's rules or the load balancer's limits.

    Attributes:
        status: What the load balancer answers when a client sent this; a target's violation is always a 502.
        fault: A short phrase for logs and tests, such as `header line is longer than 16384 bytes`.
        is_head: What cannot be read is a HEAD as far as its method goes: the answer has no body.
    """

    def __init__(self, status: int, fault: str) -> None:
        super().__init__(status, fault)
        self.status = status
        self.fault = fault
        self.is_head = False

    def __str__(self) -> str:
        return f"{self.status}: {self.fault}"


class BindError(EdgeProxyError):
    """A listener's port could not be bound."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        super().__init__(host, port, reason)
        self.host = host
        self.port = port
        self.reason = reason

    def __str__(self) -> str:
        return f"Port {self.port} on {self.host or 'all interfaces'} could not be bound: {self.reason}"
