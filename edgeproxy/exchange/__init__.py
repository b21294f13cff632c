"""One request's life, joined: which rule, which target, what goes out and what comes back. No I/O, no clock.

`Exchange` talks to three ports (`ports.py`) that the runtime implements, and is told the time with each event.
"""
