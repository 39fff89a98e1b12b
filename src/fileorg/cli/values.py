"""Parsers of sizes, ages and dates. Errors name the option."""

from __future__ import annotations

import re
import time

from fileorg.core.errors import UsageError
from fileorg.core.names import display

_SIZE = r"(?ai)(\d+(?:\.\d+)?)\s*(?:([kmgtp])i?)?b?"
_AGE = r"(?ai)(\d+(?:\.\d+)?)\s*([smhdwy])"
_DATE = r"(?a)\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?"

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
_SECOND_NS = 1_000_000_000
_MOST = 1 << 62
"""More than any size or time that a file system can store."""

SIZES = "write 512, 10K, 1.5M or 2G (1K is 1024 bytes)"
AGES = "write 30s, 10m (minutes), 12h, 7d, 2w or 1y"
TIMES = f"{AGES}, or a date such as 2024-05-01"


def size(option: str, text: str) -> int:
    """Return a size such as `10M` in bytes. Raises `UsageError`."""
    match = re.fullmatch(_SIZE, text.strip())
    if match is None:
        raise UsageError(f"{option} {display(text)} is not a valid size.", hint=SIZES)
    bytes_ = _whole(match[1], 1024 ** " kmgtp".index((match[2] or " ").lower()))
    if bytes_ > _MOST:
        raise UsageError(f"{option} {display(text)} is larger than any disk.", hint=SIZES)
    return bytes_


def age(option: str, text: str) -> int:
    """Return an age such as `10m` in nanoseconds. Raises `UsageError`."""
    found = _age(text)
    if found is None:
        raise UsageError(f"{option} {display(text)} is not a valid age.", hint=AGES)
    return _bounded(option, text, found)


def moment(option: str, text: str) -> int:
    """Return `7d` (ago) or `2024-05-01` (the start of that day, local time) in nanoseconds since 1970.

    Raises `UsageError`.
    """
    found = _age(text)
    if found is not None:
        return time.time_ns() - _bounded(option, text, found)
    from datetime import datetime

    try:
        if re.fullmatch(_DATE, text.strip()) is None:
            raise ValueError
        return int(datetime.fromisoformat(text.strip()).timestamp()) * _SECOND_NS
    except (ValueError, OverflowError, OSError):
        raise UsageError(f"{option} {display(text)} is not an age or a date.", hint=TIMES) from None


def _age(text: str) -> int | None:
    match = re.fullmatch(_AGE, text.strip())
    return None if match is None else _whole(match[1], _SECONDS[match[2].lower()] * _SECOND_NS)


def _bounded(option: str, text: str, age_ns: int) -> int:
    if age_ns > _MOST:
        raise UsageError(f"{option} {display(text)} is longer ago than any file can be.", hint=AGES)
    return age_ns


def _whole(number: str, unit: int) -> int:
    """Return `number` times `unit`, exactly: not through a float."""
    whole, _, part = number.partition(".")
    return int(whole) * unit + (int(part) * unit // 10 ** len(part) if part else 0)
