"""What every model class shares: frozen, keyword-only, AWS's PascalCase keys, unknown keys refused."""

from __future__ import annotations

import msgspec


class Model(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", forbid_unknown_fields=True, omit_defaults=True):
    """The base of the ELBv2 nouns.

    A subclass lists its fields in snake case; the wire names are AWS's (`health_check_path` is `HealthCheckPath`).
    Checks stand in `__post_init__` and raise `ConfigError` with a path relative to the object.
    """
