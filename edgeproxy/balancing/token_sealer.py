"""What seals the tokens of stickiness cookies, and opens them; see `sticky_token`. It takes about two microseconds.

Only a configuration with sticky sessions imports this: the library behind it is one that a start can do without.
"""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from edgeproxy.balancing.sticky_token import NONCE_BYTES, TAG_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgeproxy.balancing.sticky_token import TokenShape


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
