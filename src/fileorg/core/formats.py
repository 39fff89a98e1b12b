"""Streamed JSON, CSV and NUL-separated output: exact for programs, and harmless in terminals and spreadsheets.

Each format imports its modules on first use: most runs write none of them.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TextIO

from fileorg.core.batches import in_batches
from fileorg.core.names import display
from fileorg.core.times import MAX_KEPT, true_ns

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_DIGITS = tuple(f"{number:02d}" for number in range(60))
_DAYS_IN_400_YEARS, _DAYS_FROM_1_TO_1970 = 146_097, 719_162

# Characters that start a formula in a spreadsheet, full-width forms included.
_FORMULA = frozenset("=+-@\t\r＝＋－＠")  # noqa: RUF001


def named(key: str, name: bytes) -> dict[str, str]:
    """Return `name` for JSON: as text, and also in base 64 if it is not valid UTF-8."""
    try:
        return {key: name.decode()}
    except UnicodeDecodeError:
        import base64

        return {key: name.decode(errors="replace"), f"{key}_b64": base64.b64encode(name).decode()}


def exact(key: str, fields: Mapping[str, Any]) -> bytes:
    """Return the name that `named` wrote into `fields`, empty for none. Raises `ValueError`."""
    import base64

    encoded, text = fields.get(f"{key}_b64"), fields.get(key)
    if not isinstance(encoded, str | None) or not isinstance(text, str | None):
        raise ValueError(key)  # noqa: TRY004  one kind of error for all damage
    return base64.b64decode(encoded, validate=True) if encoded else (text or "").encode()


def iso(ns: int | None) -> str | None:
    """Return a time in ISO 8601, `ns` as stored by `core.times`; None for no time, and for one beyond all calendars."""
    if ns is None or abs(ns) == MAX_KEPT:
        return None
    day, seconds = divmod(true_ns(ns) // 1_000_000_000, 86_400)
    return f"{_date(day)}T{_DIGITS[seconds // 3600]}:{_DIGITS[seconds // 60 % 60]}:{_DIGITS[seconds % 60]}Z"


def is_at(ns: int | None, time: str) -> bool | None:
    """Return whether a time in ISO 8601 is `ns`, as exactly as it is written; None if it is no time, or has no zone."""
    if time == iso(ns):
        return True
    import re
    from datetime import datetime

    found = re.fullmatch(r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", time)
    if found is None:
        return None
    seconds, fraction, zone = found[1], found[2] or "", found[3]
    try:
        given = round(datetime.fromisoformat(seconds + zone).timestamp())
    except ValueError:
        return None
    unit = 10 ** (9 - len(fraction))
    return ns is not None and true_ns(ns) // unit == given * 10 ** len(fraction) + int(fraction or 0)


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    """Return the date of `day` since 1970, cached for files of one day. Years of more than four digits have a sign."""
    from datetime import date

    # Python's calendar covers the years 1 to 9999; the Gregorian calendar repeats every 400 years.
    cycles, in_cycle = divmod(day + _DAYS_FROM_1_TO_1970, _DAYS_IN_400_YEARS)
    found = date.fromordinal(in_cycle + 1)
    year = found.year + 400 * cycles
    return f"{year:{'04' if 0 <= year <= 9999 else '+06'}}-{found:%m-%d}"


def write_json(stream: TextIO, value: Any, *, lines: bool = False) -> None:
    """Write a value that fits in memory as one document; with `lines`, as one of several, each on a line."""
    import json

    stream.write(json.dumps(value, indent=None if lines else 2) + "\n")


class JsonDocument:
    """A streamed JSON object: fields and long lists of rows, one row per line."""

    def __init__(self, stream: TextIO) -> None:
        import json

        self._write = stream.write
        self._encode = json.JSONEncoder().encode
        self._separator = "{\n  "

    def field(self, key: str, value: Any) -> None:
        self._write(f"{self._separator}{self._encode(key)}: {self._encode(value)}")
        self._separator = ",\n  "

    def rows(self, key: str, rows: Iterable[Any]) -> None:
        self._write(f"{self._separator}{self._encode(key)}: [")
        separator = "\n    "
        for batch in in_batches(map(self._encode, rows), 256):
            self._write(separator + ",\n    ".join(batch))
            separator = ",\n    "
        self._write("]" if separator.startswith("\n") else "\n  ]")
        self._separator = ",\n  "

    def end(self) -> None:
        self._write("\n}\n")


def write_csv(stream: TextIO, titles: Sequence[str], rows: Iterable[Sequence[Any]], *, raw: bool = False) -> None:
    """Write titles and rows. Names are escaped by `display`, and text that a spreadsheet would run is quoted.

    With `raw` neither is done: names are written byte by byte, and so is the rest of the stream.
    """
    import csv
    import io

    if raw and isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="surrogateescape")
    cell = _raw_cell if raw else _cell
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(titles)
    writer.writerows(map(cell, row) for row in rows)


def _raw_cell(value: Any) -> Any:
    return os.fsdecode(value) if isinstance(value, bytes) else value


def _cell(value: Any) -> Any:
    if isinstance(value, bytes):
        value = display(value)
    if isinstance(value, str) and (value[:1] in _FORMULA or (value[:1].isspace() and value.lstrip()[:1] in _FORMULA)):
        return f"'{value}"
    return value


def write_null(stream: TextIO, names: Iterable[bytes]) -> None:
    """Write unescaped names, each terminated by NUL."""
    _write_raw(stream, names, b"\0")


def write_lines(stream: TextIO, names: Iterable[bytes]) -> None:
    """Write unescaped names, one per line."""
    _write_raw(stream, names, b"\n")


def _write_raw(stream: TextIO, names: Iterable[bytes], end: bytes) -> None:
    stream.flush()
    buffer = stream.buffer
    for batch in in_batches(names, 256):
        buffer.write(end.join(batch) + end)
    buffer.flush()
