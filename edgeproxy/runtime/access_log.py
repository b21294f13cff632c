"""The access log as a stream of lines; what stands in a line is `access_log_line`'s."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from edgeproxy.runtime.log_writer import LogWriter

if TYPE_CHECKING:
    from edgeproxy.runtime.log_writer import Block


class LineStream(Protocol):
    """What an `AccessLog` writes to; files, `io.StringIO` and `Descriptor` are such streams."""

    def write(self, text: str, /) -> object:
        """All of it."""

    def flush(self) -> object:
        """Holds nothing back."""


class AccessLog(LogWriter):
    """Writes lines to a stream: a file, a pipe, standard output. Other logs than the access log go that way as well."""

    def __init__(self, stream: LineStream, *, words: str = "access log") -> None:
        """`stream` is closed by whoever opened it; `words` is what the log is called in a sentence."""
        super().__init__(f"edgeproxy-{words.replace(' ', '-')}", words=words)
        self._stream = stream

    def _take(self, block: Block) -> None:
        self._stream.write("".join(block.lines))
        self._stream.flush()

    def _end(self) -> None:
        """Nothing: every block was flushed, and the stream is not ours."""
