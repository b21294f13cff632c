"""Is a target fit? Results of checks in, health out; no clock and no sockets; see `machine.py`."""
