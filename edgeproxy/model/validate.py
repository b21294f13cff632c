"""ELBv2's limits and sentences, one place: checks that several model classes share.

Each function yields a `ConfigError` for each law that is broken, with the path it was given, so that a class can
`yield from` it. The sentences are AWS's own where the documentation or an API answer shows one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_PORT = 65535
NAME_LENGTH = 32

_NAME = re.compile(r"[A-Za-z0-9-]+\Z")
_ATTRIBUTE_KEY = re.compile(r"[a-zA-Z0-9._]{1,256}\Z")


def between(key: str, value: Any, low: int, high: int) -> Iterator[ConfigError]:
    """The value is a whole number from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        yield ConfigError(key, value, f"'{key}' value '{value}' must be between '{low}-{high}' inclusive")


def port(key: str, value: Any) -> Iterator[ConfigError]:
    """The value is a TCP port."""
    yield from between(key, value, 1, MAX_PORT)


def length(key: str, value: str, low: int, high: int) -> Iterator[ConfigError]:
    """The text has `low` to `high` characters."""
    if not low <= len(value) <= high:
        shown = value if len(value) <= 40 else f"{value[:37]}..."
        reason = f"'{key}' value '{shown}' has {len(value)} characters; it must have {low} to {high}"
        yield ConfigError(key, value, reason)


def name(key: str, value: str, noun: str) -> Iterator[ConfigError]:
    """The text can name a load balancer or a target group.

    Args:
        key: The path of the value.
        value: The name.
        noun: How ELBv2 starts the sentence: `The load balancer name`, `Target group name`.

    Source: API reference, CreateLoadBalancer and CreateTargetGroup.
    """
    if not value:
        yield ConfigError(key, value, f"{noun} must be specified")
        return
    if len(value) > NAME_LENGTH:
        yield ConfigError(key, value, f"{noun} '{value}' cannot be longer than '{NAME_LENGTH}' characters")
    if not _NAME.match(value):
        reason = f"{noun} '{value}' can only contain characters that are alphanumeric characters or hyphens(-)"
        yield ConfigError(key, value, reason)
    elif value.startswith("-") or value.endswith("-"):
        yield ConfigError(key, value, f"{noun} '{value}' cannot begin or end with '-'")


def attribute_key(path: str, key: str) -> Iterator[ConfigError]:
    """The text can be an attribute's key. Source: API reference, LoadBalancerAttribute."""
    if not _ATTRIBUTE_KEY.match(key):
        reason = f"Attribute key '{key}' must be 1 to 256 letters, digits, dots or underscores"
        yield ConfigError(path, key, reason)


def unique(path: str, keys: Sequence[Any], sentence: str, code: str = "ValidationError") -> Iterator[ConfigError]:
    """No key stands in the list twice.

    Args:
        path: Where item `index` stands, with `{index}` in it, relative to the object.
        keys: What has to differ, one for each item.
        sentence: The reason, with `{key}` where it names the key.
        code: ELBv2's error code.
    """
    seen = set()
    for index, key in enumerate(keys):
        if key in seen:
            yield ConfigError(path.format(index=index), key, sentence.format(key=key), code=code)
        seen.add(key)


def at_most(
    path: str, count: int, limit: int, sentence: str, *, code: str = "ValidationError", value: Any = None
) -> Iterator[ConfigError]:
    """There are no more than `limit`; the sentence may name `{limit}` and `{count}`."""
    if count > limit:
        yield ConfigError(path, value, sentence.format(limit=limit, count=count), code=code)
