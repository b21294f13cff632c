"""The key of stickiness cookies, kept beside the development CA so that cookies survive a restart.

One file, `stickiness.key`, 32 random bytes, mode 0600, created whole and at once: two processes that start together, or
nodes that share the folder, end up with the same key. Removing the file makes all cookies worthless, nothing else.
"""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from pathlib import Path

from edgeproxy.balancing.sticky_token import KEY_BYTES

NAME = "stickiness.key"

_logger = logging.getLogger(__name__)


def stickiness_key(directory: Path) -> bytes:
    """The folder's key, made if there is none; where the folder cannot be used, one that lasts as long as the process.

    A file that holds no key is replaced: nothing is lost but the cookies that somebody else's key made.
    """
    path = directory / NAME
    try:
        content = _read(path)
        if content is not None and len(content) != KEY_BYTES:
            # Judged by what was read, not by a second look: meanwhile another process may have put a key there.
            _logger.warning("'%s' is no key of stickiness cookies and is replaced.", path)
            path.unlink(missing_ok=True)
            content = None
        return _create(path) if content is None else content
    except OSError as error:
        _logger.warning(
            "The key of stickiness cookies cannot be kept in '%s' (%s), so sessions will not survive a restart.",
            path,
            error.strerror,
        )
        return secrets.token_bytes(KEY_BYTES)


def existing_key(directory: Path) -> bytes | None:
    """The folder's key, if there is one that can be read."""
    try:
        content = _read(directory / NAME)
    except OSError:
        return None
    return content if content is not None and len(content) == KEY_BYTES else None


def _read(path: Path) -> bytes | None:
    """What the file holds; None where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _create(path: Path) -> bytes:
    """A link, unlike a rename, never replaces what another process has put there in the meantime."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{NAME}.")  # mode 0600
    key = secrets.token_bytes(KEY_BYTES)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
        os.link(aside, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        Path(aside).unlink()
    return key
