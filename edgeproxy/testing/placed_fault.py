"""PlacedFault: a failure on purpose that a test has asked for, until it takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Self

import msgspec

from edgeproxy.errors import ConfigError
from edgeproxy.model.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgeproxy.runtime.faults import FaultStatus
    from edgeproxy.testing.loop_thread import LoopThread
    from edgeproxy.testing.proxying import Proxying


_ELSEWHERE: Final = frozenset({"where", "target"})
"""What `Alb.fault` has other arguments for."""


def fault_keys(what: Mapping[str, Any]) -> dict[str, Any]:
    """What a test says of a fault, each of its kind.

    Raises:
        TypeError: A fault has no such thing.
        ConfigError: A value is not of its kind.
    """
    fields = {each.name: each for each in msgspec.structs.fields(Fault) if each.name not in _ELSEWHERE}
    unknown = [name for name in what if name not in fields]
    if unknown:
        raise TypeError(f"A fault has no '{unknown[0]}'; what it can have is: {', '.join(fields)}.")
    return {name: _of_its_kind(fields[name], value) for name, value in what.items()}


def _of_its_kind(field: Any, value: Any) -> Any:
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError as error:
        reason = f"'{field.encode_name}' value {value!r} is not of its kind: {error}"
        raise ConfigError(field.encode_name, value, reason) from error


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
