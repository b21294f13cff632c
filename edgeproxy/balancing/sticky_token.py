"""Tokens: what stands in a stickiness cookie, so that only a load balancer with the key can read or make it.

AWS's values are opaque; what is known is their length. A token is base64 with `+` and `/` of

    lead | nonce (12 bytes) | ciphertext of content and zero padding | tag (16 bytes)

encrypted with ChaCha20-Poly1305 (RFC 8439), which costs about two microseconds. The kind of cookie is authenticated
along, so that a token of one kind is none of another. A value in which `+`, `/` or `=` were percent-encoded is no
token: URL-encoded cookie values are not supported (user guide, edit-target-group-attributes, sticky sessions).

A mark is how a token names a target or a target group: the same on every node and after every restart, because it comes
from names alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

if TYPE_CHECKING:
    from collections.abc import Callable

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


class TokenSealer:
    """Makes and reads tokens with one key of 32 bytes. `nonces(n)` returns n bytes that never come again."""

    __slots__ = ("_cipher", "_nonces")

    def __init__(self, key: bytes, nonces: Callable[[int], bytes]) -> None:
        self._cipher = ChaCha20Poly1305(key)
        self._nonces = nonces

    def seal(self, shape: TokenShape, content: bytes) -> str:
        """A token that holds `content`; whoever opens it finds zeros behind."""
        room = shape.size - len(shape.lead) - NONCE_BYTES - TAG_BYTES
        while shape.step and room < len(content):
            room += shape.step
        assert len(content) <= room
        nonce = self._nonces(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, content.ljust(room, b"\0"), shape.kind)
        return base64.b64encode(shape.lead + nonce + sealed).decode()

    def open(self, shape: TokenShape, token: str) -> bytes | None:
        """The content and its padding; None if this is no token of the shape made with this key."""
        try:
            data = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return None
        start = len(shape.lead)
        if len(data) < start + NONCE_BYTES + TAG_BYTES or not data.startswith(shape.lead):
            return None
        nonce = data[start : start + NONCE_BYTES]
        try:
            return self._cipher.decrypt(nonce, data[start + NONCE_BYTES :], shape.kind)
        except InvalidTag:
            return None


def group_mark(arn: str) -> bytes:
    """The mark of a target group."""
    return hashlib.sha256(arn.encode()).digest()[:MARK_BYTES]


def target_mark(group_arn: str, target_id: str, port: int) -> bytes:
    """The mark of a target of a group."""
    return hashlib.sha256(f"{group_arn} {target_id} {port}".encode()).digest()[:MARK_BYTES]
