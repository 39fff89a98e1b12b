"""Numbers and times in human-readable form."""

from __future__ import annotations

import time

from fileorg.core.times import MAX_KEPT, true_ns


def size(size_bytes: int) -> str:
    """Return `3.1 GB`; 1 KB is 1024 bytes, as in --min-size."""
    if size_bytes < 1024:
        return f"{size_bytes} B"
    value, units = float(size_bytes), iter("KMGTPE")
    while value >= 1023.95:
        value /= 1024
        unit = next(units)
    return f"{value:,.1f} {unit}B"


def plural(count: int, word: str) -> str:
    """Return `1 file` or `1,570 files`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def duration(seconds: float) -> str:
    if seconds < 10:
        return f"{max(seconds, 0.01):.2f} s"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def when(ns: int | None) -> str:
    """Return a local time to the minute; `ns` as stored by `core.times`."""
    if ns is None:
        return ""
    if abs(ns) == MAX_KEPT:
        return "?"
    try:
        local = time.localtime(true_ns(ns) // 1_000_000_000)
    except (OverflowError, ValueError, OSError):
        return "?"
    # strftime gives years before 1000 fewer digits on some systems.
    return f"{local.tm_year:04}-{local.tm_mon:02}-{local.tm_mday:02} {local.tm_hour:02}:{local.tm_min:02}"
