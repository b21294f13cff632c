"""Where an exchange's target side stands."""

from __future__ import annotations

import enum
from typing import Final


class TargetPhase(enum.Enum):
    """Where the target's side stands."""

    NONE = "no target yet"
    CONNECTING = "connecting"
    WAITING = "waiting for the response"
    RESPONDING = "passing the response on"
    TUNNELLING = "passing on whatever comes, both ways"
    DONE = "done"


BEGUN: Final = frozenset({TargetPhase.RESPONDING, TargetPhase.TUNNELLING})
"""The client has got a response head: nothing but a cut can tell it of trouble."""
