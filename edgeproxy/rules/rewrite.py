"""Redirect locations: templates with `#{host}` and its kin, compiled once per rule.

The location is `protocol://host:port/path[?query]` with three habits of the real load balancer:

* the port is always written, 80 and 443 too, and `#{port}` is the listener's port: there is no magic that turns 80
  into 443 when only the protocol changes;
* the scheme is in lower case, and `?` is left out when the query comes to nothing;
* `#{path}` is the path without its leading `/`, as the client spelled it.

Which keyword may stand in which part is the model's law; here every keyword is replaced, and what replaces it is never
expanded again. Source: user guide, rule-action-types, section redirect actions; API reference, RedirectActionConfig.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgeproxy.model.action import RedirectConfig

Redirect: TypeAlias = Callable[[str, str, str], str]
"""`redirect(host, path, query)` is the Location: host in lower case without a port, path and query as received."""

_Template: TypeAlias = Callable[[str, str, str], str]

_KEYWORD: Final = re.compile(r"#\{(protocol|host|port|path|query)\}")
_ARGUMENTS: Final = ("host", "path", "query")


def compile_redirect(config: RedirectConfig, *, protocol: str, port: int) -> Redirect:
    """Compile a redirect action.

    Args:
        config: The action's own configuration.
        protocol: The listener's protocol, `HTTP` or `HTTPS`.
        port: The listener's port as declared.
    """
    known = {"protocol": protocol.lower(), "port": str(port)}
    scheme = _compile(config.protocol.lower(), known)
    host_part = _compile(config.host, known)
    port_part = _compile(config.port, known)
    path_part = _compile(config.path, known)
    query_part = _compile(config.query, known)

    def redirect(host: str, path: str, query: str) -> str:
        path = path.removeprefix("/")
        asked = (host, path, query)
        location = f"{scheme(*asked)}://{host_part(*asked)}:{port_part(*asked)}{path_part(*asked)}"
        new_query = query_part(*asked)
        return f"{location}?{new_query}" if new_query else location

    return redirect


def _compile(text: str, known: Mapping[str, str]) -> _Template:
    """Compile one part: what the listener knows is filled in now, what the request brings later."""
    text = _KEYWORD.sub(lambda match: known.get(match[1], match[0]), text)
    # Splitting by a group alternates: literal, keyword, literal, keyword, ..., literal.
    tokens = _KEYWORD.split(text)
    pieces = [_ARGUMENTS.index(token) if position % 2 else token for position, token in enumerate(tokens)]
    return _joined([piece for piece in pieces if piece != ""])


def _joined(pieces: list[str | int]) -> _Template:
    """A function that joins literals and the arguments that numbers stand for."""
    if all(isinstance(piece, str) for piece in pieces):
        constant = "".join(map(str, pieces))
        return lambda *_asked: constant
    return lambda *asked: "".join([piece if isinstance(piece, str) else asked[piece] for piece in pieces])
