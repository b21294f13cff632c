"""PlacedFault: a failure on purpose that a test has asked for, until it takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from edgeproxy.runtime.faults import FaultStatus
    from edgeproxy.testing.loop_thread import LoopThread
    from edgeproxy.testing.proxying import Proxying


class PlacedFault:
    """Ends with `remove`, at the end of a `with`, or as it was told to: by count, or after a time.

    Attributes:
        id: What the admin endpoint and `edgeproxy logs` know it by.
    """

    def __init__(self, thread: LoopThread, proxying: Proxying, fault_id: str) -> None:
        self._thread = thread
        self._proxying = proxying
        self.id = fault_id

    @property
    def status(self) -> FaultStatus:
        """How it stands.

        Raises:
            LookupError: It was removed.
        """
        found = {each.id: each for each in self._thread.call(self._proxying.proxy.faults.list)}
        if self.id not in found:
            raise LookupError(f"The fault {self.id} was removed.")
        return found[self.id]

    @property
    def hits(self) -> int:
        """How many requests it took."""
        return self.status.hits

    def remove(self) -> None:
        """Ends it; a second time does nothing."""
        self._thread.call(lambda: self._proxying.proxy.faults.remove(self.id))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def __repr__(self) -> str:
        return f"<PlacedFault {self.id}>"
