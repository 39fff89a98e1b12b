"""Numbers and times as people read them."""

from __future__ import annotations

import time


def size(bytes_: int) -> str:
    """`3.1 GB`; 1 KB is 1024 bytes, as in --min-size."""
    if bytes_ < 1024:
        return f"{bytes_} B"
    value, units = float(bytes_), iter("KMGTPE")
    while value >= 1023.95:
        value /= 1024
        unit = next(units)
    return f"{value:,.1f} {unit}B"


def plural(count: int, word: str) -> str:
    """`1 file`, `1,570 files`."""
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
    """A local time to the minute."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime((ns or 0) // 1_000_000_000)) if ns is not None else ""
    except (OverflowError, ValueError, OSError):
        return "?"
