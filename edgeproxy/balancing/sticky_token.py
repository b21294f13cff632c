"""Tokens: what stands in a stickiness cookie, so that only a load balancer with the key can read or make it.

AWS's values are opaque; what is known is their length. A token is base64 with `+` and `/` of

    lead | nonce (12 bytes) | ciphertext of content and zero padding | tag (16 bytes)

encrypted with ChaCha20-Poly1305 (RFC 8439) by a `token_sealer.TokenSealer`. The kind of cookie is authenticated along,
so that a token of one kind is none of another. A value in which `+`, `/` or `=` were percent-encoded is no token:
URL-encoded cookie values are not supported (user guide, edit-target-group-attributes, sticky sessions).

A mark is how a token names a target or a target group: the same on every node and after every restart, because it comes
from names alone.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
MARK_BYTES: Final = 16


class TokenShape(NamedTuple):
    """One kind of token.

    Attributes:
        kind: The cookie's name, authenticated along.
        size: Bytes of the whole token; content that needs more room makes it longer by `step` and again `step`.
        lead: Bytes in front, in the clear.
        step: See `size`; 0 for a token of one size only.
    """

    kind: bytes
    size: int
    lead: bytes = b""
    step: int = 0


TARGET: Final = TokenShape(b"AWSALB", 93)
"""124 characters (observed)."""
TARGET_GROUP: Final = TokenShape(b"AWSALBTG", 129)
"""172 characters (observed)."""
APPLICATION: Final = TokenShape(b"AWSALBAPP", 108, bytes(8), 72)
"""144 characters or more, beginning with `AAAAAAAAAA` (observed)."""


def group_mark(arn: str) -> bytes:
    """The mark of a target group."""
    return hashlib.sha256(arn.encode()).digest()[:MARK_BYTES]


def target_mark(group_arn: str, target_id: str, port: int) -> bytes:
    """The mark of a target of a group."""
    return hashlib.sha256(f"{group_arn} {target_id} {port}".encode()).digest()[:MARK_BYTES]
