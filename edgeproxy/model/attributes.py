"""Attributes: ELBv2's `{Key, Value}` lists, kept as they were written, read through typed views."""

from __future__ import annotations

from edgeproxy.model.base import Model


class Attribute(Model):
    """One `{Key, Value}` pair; the value is always a string, as in the API."""

    key: str
    value: str


Attributes = tuple[Attribute, ...]
