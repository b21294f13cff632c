"""Which build this is: Python alone, or with the request path compiled (`hatch_build.py`)."""

from __future__ import annotations

import importlib.util

_A_COMPILED_MODULE = "edgeproxy.exchange.exchange"


def is_compiled() -> bool:
    """Whether the modules that every request passes through are machine code."""
    spec = importlib.util.find_spec(_A_COMPILED_MODULE)
    return spec is not None and not str(spec.origin).endswith(".py")
