"""Times of files as 64-bit numbers, in which databases and arrays keep them, whatever a file system holds.

From 1696 to 2243 a kept time is nanoseconds since 1970; beyond, it goes on in microseconds, up to year 20,723.
So kept times compare as the times do. Where one is restored or shown, `true_ns` tells it.
"""

from __future__ import annotations

MOST_KEPT = (1 << 63) - 1
"""Stands for all that is later, and its negative for all that is earlier: no calendar has them."""
EXACT_NS = 100_000 * 86_400 * 10**9
"""Up to here, and down to its negative, a time is kept as it is."""
_COARSE_NS = 1000


def kept(ns: int) -> int:
    """Return a time in nanoseconds since 1970 as 64 bits hold it."""
    if ns > EXACT_NS:
        return min(EXACT_NS + (ns - EXACT_NS) // _COARSE_NS, MOST_KEPT)
    return ns if ns >= -EXACT_NS else max((ns + EXACT_NS) // _COARSE_NS - EXACT_NS, -MOST_KEPT)


def true_ns(kept_time: int) -> int:
    """Return the nanoseconds since 1970 of a kept time."""
    if kept_time > EXACT_NS:
        return EXACT_NS + (kept_time - EXACT_NS) * _COARSE_NS
    return kept_time if kept_time >= -EXACT_NS else (kept_time + EXACT_NS) * _COARSE_NS - EXACT_NS
