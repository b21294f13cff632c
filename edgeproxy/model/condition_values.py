"""What the values of conditions may look like: lengths and character sets, field by field.

Source: user guide, rule-condition-types (lengths, characters), add-rule (underscore in host names); API reference,
RuleCondition. `*` and `?` are wildcards wherever a field has them; a query escapes them with a backslash.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from edgeproxy.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_VALUE = 128
MAX_HEADER_NAME = 40
MAX_METHOD = 40

_HOST = re.compile(r"[A-Za-z0-9*?._-]*\Z")
# The last label: the documentation wants letters; a wildcard may stand for them.
_HOST_END = re.compile(r".*\.[A-Za-z*?]*\Z")
_PATH = re.compile(r"""[A-Za-z0-9*?_.$/~"'@:+&-]*\Z""")
_HEADER_NAME = re.compile(r"[A-Za-z0-9*?!#$%&'+.^_`|~-]*\Z")
_HEADER_VALUE = re.compile(r"""[A-Za-z0-9*? !"#$%&'()+,./:;<=>@\[\]^_`{|}~-]*\Z""")
_QUERY = re.compile(r"""(?:[A-Za-z0-9*?_.$/~"'@:+&()!,;=-]|\\[*?])*\Z""")
_METHOD = re.compile(r"[A-Z_-]*\Z")
_REFUSED_BLOCK = "255.255.255.255/32"


def _text_problems(
    path: str, label: str, text: str, limit: int, shape: tuple[re.Pattern[str], str]
) -> Iterator[ConfigError]:
    allowed, words = shape
    if not text:
        yield ConfigError(path, text, "A condition value must be specified")
    if len(text) > limit:
        yield ConfigError(path, text, f"The '{label}' value is too long; the limit is '{limit}'")
    if not allowed.match(text):
        yield ConfigError(path, text, f"The '{label}' value is invalid; the allowed characters are {words}")


def host_problems(path: str, values: Sequence[str]) -> Iterator[ConfigError]:
    """Host names: at least one `.`, and after the last one only letters."""
    for index, value in enumerate(values):
        where = f"{path}[{index}]"
        shape = (_HOST, "a-z, A-Z, 0-9, hyphen, underscore, period and the wildcards * and ?")
        broken = list(_text_problems(where, "host-header", value, MAX_VALUE, shape))
        if not broken and not _HOST_END.match(value):
            reason = (
                f"The 'host-header' value '{value}' is invalid; it must include at least one '.', "
                "with only letters after the last one"
            )
            broken.append(ConfigError(where, value, reason))
        yield from broken


def path_problems(path: str, values: Sequence[str]) -> Iterator[ConfigError]:
    """Path patterns. They need not begin with a slash: `*.png` is one."""
    shape = (_PATH, "a-z, A-Z, 0-9, _ - . $ / ~ \" ' @ : + & and the wildcards * and ?")
    for index, value in enumerate(values):
        yield from _text_problems(f"{path}[{index}]", "path-pattern", value, MAX_VALUE, shape)


def header_name_problems(path: str, name: str) -> Iterator[ConfigError]:
    """A header's name; Host has a condition of its own."""
    shape = (_HEADER_NAME, "a-z, A-Z, 0-9 and * ? - ! # $ % & ' + . ^ _ ` | ~")
    yield from _text_problems(path, "HttpHeaderName", name, MAX_HEADER_NAME, shape)
    if name.lower() == "host":
        yield ConfigError(path, name, "The 'HttpHeaderName' cannot be 'Host'; use a 'host-header' condition")


def header_value_problems(path: str, values: Sequence[str]) -> Iterator[ConfigError]:
    """A header's values."""
    words = "a-z, A-Z, 0-9, space, ! \" # $ % & ' ( ) + , . / : ; < = > @ [ ] ^ _ ` { | } ~ - and the wildcards * and ?"
    for index, value in enumerate(values):
        yield from _text_problems(f"{path}[{index}]", "http-header", value, MAX_VALUE, (_HEADER_VALUE, words))


def method_problems(path: str, values: Sequence[str]) -> Iterator[ConfigError]:
    """Methods, upper case because they are compared exactly."""
    shape = (_METHOD, "A-Z, hyphen and underscore")
    for index, value in enumerate(values):
        yield from _text_problems(f"{path}[{index}]", "http-request-method", value, MAX_METHOD, shape)


def query_problems(path: str, text: str) -> Iterator[ConfigError]:
    """A query's key or value; a backslash only before a wildcard."""
    words = (
        "a-z, A-Z, 0-9, _ - . $ / ~ \" ' @ : + & ( ) ! , ; = and the wildcards * and ? (\\* and \\? without meaning)"
    )
    yield from _text_problems(path, path, text, MAX_VALUE, (_QUERY, words))


def source_ip_problems(path: str, values: Sequence[str]) -> Iterator[ConfigError]:
    """Blocks in CIDR notation."""
    for index, value in enumerate(values):
        where = f"{path}[{index}]"
        if value == _REFUSED_BLOCK:
            yield ConfigError(where, value, f"The 'source-ip' value '{value}' cannot be specified")
        elif not _is_block(value):
            reason = f"The 'source-ip' value '{value}' must be in CIDR notation, such as 10.0.0.0/8 or 2001:db8::/32"
            yield ConfigError(where, value, reason, suggestion=_as_block(value))


def wildcards_in(text: str, field: str) -> int:
    """How many wildcards a value has; escaped ones in a query are characters."""
    if field == "query-string":
        text = text.replace("\\*", "").replace("\\?", "")
    return text.count("*") + text.count("?")


def _is_block(text: str) -> bool:
    _, slash, length = text.partition("/")
    if not slash or not length.isdecimal():
        return False
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _as_block(text: str) -> str | None:
    """The block of one address, for people who wrote the address."""
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        return None
