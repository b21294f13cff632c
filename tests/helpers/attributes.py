"""The attributes of a class with `__slots__`, also where mypyc compiled it and keeps their names elsewhere."""

from __future__ import annotations


def attribute_names(of: type) -> list[str]:
    """What its instances hold, without what base classes add."""
    names: tuple[str, ...] = getattr(of, "__mypyc_attrs__", ()) or getattr(of, "__slots__", ())
    return list(names)
