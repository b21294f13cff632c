"""What the process's exit code says. The same four for every verb."""

from __future__ import annotations

import enum


class ExitCode(enum.IntEnum):
    """Exit codes; shells, Docker's HEALTHCHECK and CI read them, so a number never changes its meaning."""

    FINE = 0
    NOT_FINE = 1
    """What was asked about is not fine: an invalid file, a target group without a healthy target, nothing running."""
    USAGE = 2
    """The command line is wrong. click's own choice, too."""
    PORT_NOT_BOUND = 3
    """A listener's port, or the admin endpoint's, is taken or forbidden."""
