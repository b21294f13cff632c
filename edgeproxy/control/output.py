"""What edgeproxy says while it runs, and how: sentences for people, JSON lines for programs.

Everything goes to standard error, because standard output belongs to the access log: `edgeproxy run | grep ' 502 '`
works.

Rules of this file: an event has a name for programs and a sentence for people, both given by whoever reports it.
Python's `logging` carries both, so that the runtime, which only knows `logging`, comes out in the same form.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import sys
from typing import TYPE_CHECKING, Any, Literal, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterator

LogFormat = Literal["text", "json"]

_COLOURS = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


def configure_logging(log_format: LogFormat, stream: TextIO | None = None) -> logging.Logger:
    """Send the `edgeproxy` loggers to `stream` (standard error by default) and return the root of them."""
    stream = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter(in_colour=stream.isatty()))
    logger = logging.getLogger("edgeproxy")
    logger.handlers = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    return logger


@contextlib.contextmanager
def silent_about_server_names() -> Iterator[None]:
    """While this lasts, Python says nothing of TLS clients that send a server name which is not ASCII.

    It cannot hand such a name to whoever chooses the certificate, ends the handshake, and writes a traceback to
    standard error, which clients must not be able to fill. Metrics and connection log know of the handshake anyway.
    """
    before = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not (isinstance(unraisable.exc_value, UnicodeDecodeError) and isinstance(unraisable.object, bytes)):
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def event(name: str, /, **facts: Any) -> dict[str, Any]:
    """The `extra` of a log call: the event's name and what a program may want to know about it."""
    return {"event": name, "facts": facts}


class TextFormatter(logging.Formatter):
    """`12:34:56 warning: sentence`; the level is named only where it is worth a look."""

    def __init__(self, *, in_colour: bool) -> None:
        super().__init__()
        self._in_colour = in_colour

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        if record.levelno >= logging.WARNING:
            text = f"{self._level(record)} {text}"
        if hasattr(record, "banner"):
            return text
        return f"{dt.datetime.fromtimestamp(record.created).astimezone():%H:%M:%S} {text}"

    def _level(self, record: logging.LogRecord) -> str:
        label = f"{record.levelname.lower()}:"
        colour = _COLOURS.get(record.levelno)
        if not self._in_colour or colour is None:
            return label
        import click  # noqa: PLC0415 - only a terminal needs it

        return click.style(label, fg=colour, bold=True)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, event, message and the event's facts."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        created = dt.datetime.fromtimestamp(record.created, tz=dt.UTC)
        line: dict[str, Any] = {
            "time": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": getattr(record, "event", None),
            "message": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({key: value for key, value in line.items() if value is not None}, ensure_ascii=False)
