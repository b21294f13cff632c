"""Does one pattern of a condition match everything that another matches?

The question behind "this rule can never match". `covers` reads the narrower pattern as characters and two symbols,
`*` and `?`: the broader pattern's `*` takes any run of them, its `?` takes a character or a `?` but never a
`*`, and a character takes itself. A yes is always right; a few true inclusions (`?*` covers `*?`) are not seen, which
costs a warning and nothing else.
"""

from __future__ import annotations


def covers(broad: str, narrow: str) -> bool:
    """Every text that `narrow` matches is matched by `broad`, as far as this test can see."""
    # reachable[i]: the first i symbols of `broad` match what was read of `narrow`.
    reachable = [True] + [False] * len(broad)
    _skip_stars(broad, reachable)
    for symbol in narrow:
        following = [False] * (len(broad) + 1)
        for index, own in enumerate(broad):
            if own == "*":
                following[index + 1] = reachable[index + 1] or reachable[index]
                # The star may also go on to take more.
            elif reachable[index] and (own == symbol or (own == "?" and symbol != "*")):
                following[index + 1] = True
        _skip_stars(broad, following)
        reachable = following
    return reachable[-1]


def _skip_stars(broad: str, reachable: list[bool]) -> None:
    """A star may match nothing."""
    for index, own in enumerate(broad):
        if own == "*" and reachable[index]:
            reachable[index + 1] = True
