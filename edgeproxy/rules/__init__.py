"""Which rule answers a request? Conditions compiled once, then pure calls; see `table.py`."""
