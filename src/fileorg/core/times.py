"""File times as 64-bit numbers for databases and arrays, whatever range the file system has.

From 1696 to 2243 a stored time is nanoseconds since 1970; beyond that it continues in microseconds, up to the year
20,723. So stored times compare like the times themselves. `true_ns` converts back before a time is restored or shown.
"""

from __future__ import annotations

MAX_KEPT = (1 << 63) - 1
"""Stands for all later times, its negative for all earlier ones; no calendar can show them."""
EXACT_NS = 100_000 * 86_400 * 10**9
"""Between its negative and this value, a time is stored unchanged."""
_COARSE_NS = 1000


def is_time_zone(name: str) -> bool:
    """Return whether this computer knows a time zone, such as `Europe/Berlin`."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True


def kept(ns: int) -> int:
    """Return a time in nanoseconds since 1970 in the stored form."""
    if ns > EXACT_NS:
        return min(EXACT_NS + (ns - EXACT_NS) // _COARSE_NS, MAX_KEPT)
    return ns if ns >= -EXACT_NS else max((ns + EXACT_NS) // _COARSE_NS - EXACT_NS, -MAX_KEPT)


def true_ns(kept_time: int) -> int:
    """Return the nanoseconds since 1970 of a stored time."""
    if kept_time > EXACT_NS:
        return EXACT_NS + (kept_time - EXACT_NS) * _COARSE_NS
    return kept_time if kept_time >= -EXACT_NS else (kept_time + EXACT_NS) * _COARSE_NS - EXACT_NS
