"""The app's process, as far as it is ended: one pid, one signal."""

from __future__ import annotations

import os
import signal
from pathlib import Path


class AppProcess:
    """A process that somebody else started."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def problem(self) -> str:
        """Why it cannot be sent a signal, as a full sentence; "" if it can."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return f"There is no process {self.pid}."
        except PermissionError:
            return f"Process {self.pid} belongs to somebody else, so it cannot be sent SIGTERM."
        return f"Process {self.pid} is this one." if self.pid == os.getpid() else ""

    def terminate(self) -> None:
        """Send it SIGTERM, and nobody else.

        Raises:
            OSError: It is gone or belongs to somebody else.
        """
        os.kill(self.pid, signal.SIGTERM)

    def is_running(self) -> bool:
        """Whether it is there; one that has ended and was not waited for yet is not."""
        try:
            os.kill(self.pid, 0)
            state = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8", errors="replace")
        except ProcessLookupError:
            return False
        except OSError:
            return True  # no /proc on this platform
        return not state.rpartition(")")[2].lstrip().startswith("Z")
