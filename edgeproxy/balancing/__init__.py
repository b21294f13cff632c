"""Which target gets the request? Counters and pure algorithms; randomness is handed in; see `group.py`."""
