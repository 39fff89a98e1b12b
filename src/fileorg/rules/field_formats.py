"""The formats of template fields: dates, parts of texts, and names that every system accepts. Pure."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    import time
    from collections.abc import Callable

DATE_DIRECTIVES = "YymdHMSjBbAaVGuq"
"""What may follow % in a date format: those of strftime whose result fits into a name, and q for the quarter."""
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SHORT_MONTHS = tuple(month[:3] for month in _MONTHS)
_SHORT_DAYS = tuple(day[:3] for day in _DAYS)


class Calendar(NamedTuple):
    """The names of months and days, from January and from Monday on."""

    months: tuple[str, ...] = _MONTHS
    short_months: tuple[str, ...] = _SHORT_MONTHS
    days: tuple[str, ...] = _DAYS
    short_days: tuple[str, ...] = _SHORT_DAYS


def calendar_of(locale: str) -> Calendar:
    """Return the names of a locale such as `de_DE.UTF-8`; English for an empty one.

    Raises `ValueError` for a locale that this system does not have.
    """
    if not locale:
        return Calendar()
    import calendar
    from locale import Error

    for wanted in dict.fromkeys((locale, f"{locale}.UTF-8")):
        try:
            with calendar.different_locale(wanted):  # type: ignore[arg-type]
                return Calendar(
                    tuple(calendar.month_name)[1:],
                    tuple(calendar.month_abbr)[1:],
                    tuple(calendar.day_name),
                    tuple(calendar.day_abbr),
                )
        except Error:
            continue
    raise ValueError(f"this system has no locale {locale}: locale -a lists those that it has")


def date_format(form: str, calendar: Calendar) -> Callable[[time.struct_time], str]:
    """Return the function of a date format: `%Y-%m`, or `fy4` for the financial year that begins in April.

    Raises `ValueError`.
    """
    if match := re.fullmatch(r"(?a)fy(\d{1,2})", form):
        first = int(match[1])
        if not 1 <= first <= 12:
            raise ValueError(f"fy{first} is no financial year: write fy1 to fy12, the month in which it begins")
        return lambda date: _financial_year(date, first)
    if not form or "%" not in form:
        raise ValueError(f"{form or 'an empty text'} is no date format: write for example %Y-%m-%d or fy4")
    parts = re.findall(r"(?s)%(.?)|([^%]+)", form)
    for directive, _ in parts:
        if directive and directive not in DATE_DIRECTIVES + "%":
            raise ValueError(f"%{directive} cannot be used: the date formats are {_directives()}")
    if form.endswith("%") and not form.endswith("%%"):
        raise ValueError("the date format ends with a single %")
    pieces = [(directive, text) for directive, text in parts]
    return lambda date: "".join(text or _dated(directive, date, calendar) for directive, text in pieces)


def date_parts(form: str) -> int:
    """Return how many of year, month, day and hour decide what a date format gives."""
    directives = set(re.findall(r"(?s)%(.)", form))
    if not directives:
        return 2  # a financial year
    return 1 if directives <= set("Yy%") else 2 if directives <= set("YymBbq%") else 4 if directives & set("HMS") else 3


def _directives() -> str:
    return " ".join(f"%{directive}" for directive in DATE_DIRECTIVES)


def _dated(directive: str, date: time.struct_time, calendar: Calendar) -> str:
    match directive:
        case "Y":
            return f"{date.tm_year:04}"
        case "y":
            return f"{date.tm_year % 100:02}"
        case "m":
            return f"{date.tm_mon:02}"
        case "d":
            return f"{date.tm_mday:02}"
        case "H":
            return f"{date.tm_hour:02}"
        case "M":
            return f"{date.tm_min:02}"
        case "S":
            return f"{min(date.tm_sec, 59):02}"
        case "j":
            return f"{date.tm_yday:03}"
        case "B":
            return calendar.months[date.tm_mon - 1]
        case "b":
            return calendar.short_months[date.tm_mon - 1]
        case "A":
            return calendar.days[date.tm_wday]
        case "a":
            return calendar.short_days[date.tm_wday]
        case "u":
            return f"{date.tm_wday + 1}"
        case "q":
            return f"{(date.tm_mon + 2) // 3}"
        case "V" | "G":
            from datetime import date as day

            year, week, _ = day(date.tm_year, date.tm_mon, date.tm_mday).isocalendar()
            return f"{week:02}" if directive == "V" else f"{year:04}"
    return "%"


def _financial_year(date: time.struct_time, first: int) -> str:
    """Return `2023-24` for a year that does not begin in January, else `2023`."""
    if first == 1:
        return f"{date.tm_year:04}"
    begun = date.tm_year - (date.tm_mon < first)
    return f"{begun:04}-{(begun + 1) % 100:02}"


def text_format(form: str) -> Callable[[str], str]:
    """Return the function of one text format: `lower`, `upper`, `title`, `slug`, or a number of characters.

    Raises `ValueError`.
    """
    if re.fullmatch(r"(?a)[1-9]\d?", form):
        length = int(form)
        return lambda text: composed(text)[:length].strip()
    formats = {"lower": str.lower, "upper": str.upper, "title": titled, "slug": slug}
    if form not in formats:
        raise ValueError(f"{form or 'an empty text'} is no format: the formats are {' '.join(formats)} and a number")
    return formats[form]


def safe_part(text: str) -> str:
    """Return a text that a file holds as a part of a name: `_` for slashes and controls, no dot at the beginning."""
    return re.sub(r"[/\x00-\x1f\x7f]", "_", text).strip().lstrip(".")


def slug(text: str) -> str:
    """Return the text in lower case, with `_` for each run of characters that are no letters, digits or `-`."""
    return re.sub(r"[^\w-]+|_+", "_", composed(text.lower())).strip("_")


_WORD = re.compile(r"(?i)[^\W\d_]+(?:['\u2019](?:s|t|d|m|ll|re|ve)\b)?")


def titled(text: str) -> str:
    """Return the text with a capital at the beginning of each word: `Bob's Letter`, `O'Brien`."""
    return _WORD.sub(lambda word: word[0].capitalize(), composed(text))


def composed(text: str) -> str:
    """Return a text with one character for each letter with its marks (NFC), so that no format tears them apart."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


_SIZE_CLASSES = ((0, "Empty"), (16 << 10, "Tiny"), (1 << 20, "Small"), (128 << 20, "Medium"), (1 << 30, "Large"))


def size_class(size_bytes: int) -> str:
    """Return the class of a size, as file managers name them: up to 16 KB, 1 MB, 128 MB, 1 GB and above."""
    return next((name for limit, name in _SIZE_CLASSES if size_bytes <= limit), "Huge")


_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{device}{number}" for device in ("com", "lpt") for number in range(1, 10))}
)


def portable_characters(text: bytes) -> bytes:
    """Return a part of a name with `_` for each character that Windows does not accept."""
    plain = text.decode("utf-8", "replace").replace("\ufffd", "_")
    return re.sub(r'[<>:"\\|?*\x00-\x1f\x7f]', "_", plain).encode()


def portable(component: bytes) -> bytes:
    r"""Return a name that Windows accepts: `_` for `<>:"\|?*`, controls, bytes that are not UTF-8, and a blank or dot
    at the end; `_` after a device name such as `con`.
    """
    text = portable_characters(component).decode()
    if text.endswith((" ", ".")):
        text = f"{text[:-1]}_"
    stem, dot, rest = text.partition(".")
    if stem.strip().lower() in _RESERVED:
        text = f"{stem}_{dot}{rest}"
    return text.encode()
