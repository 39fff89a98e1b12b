"""What the keys of rules share: what a condition is, what it costs, and how its value is read."""

from __future__ import annotations

import re
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from fileorg.core.figures import age_parts, before
from fileorg.core.names import display
from fileorg.core.times import kept
from fileorg.core.tuples import NamedTuple
from fileorg.rules.calendar_spans import span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fileorg.rules.classify import Rules
    from fileorg.rules.facts import FileFacts
    from fileorg.rules.regexes import Regexes

SIZES = 'write for example ">500MB", "<50KB" or "1MB..2GB"; 1KB is 1024 bytes'
_AGES = 'write for example ">14d", "<1h" or "7d..30d"; the units are s, min, h, d, w, mo and y'
_SPANS = 'write for example "2024", "2023-10..2024-03", "..2019", or an age such as ">14d"'


class Price(IntEnum):
    """What an answer costs: keys are asked in this order, and the later ones only if the earlier ones match."""

    NAME = 0  # the path alone
    STAT = 1  # size, times and mode, which the scan has read
    ATTRIBUTES = 2  # one more look at the file's entry
    HEAD = 3  # the first bytes, of files with an ambiguous extension
    CONTENT = 4  # the first 64 KiB
    FURTHER = 5  # 256 KiB beyond them, at most


class DependsOn(IntEnum):
    """What a condition depends on: answers for a folder or a suffix serve for all its files."""

    FOLDER = 0
    SUFFIX = 1  # the last dot of the name and what follows
    NAME = 2
    FILE = 3


class NumberColumn(StrEnum):
    """The numbers of files that a scan has read, by their names in `FileColumns`."""

    SIZES = "sizes"
    MTIMES = "mtimes_ns"
    CTIMES = "ctimes_ns"


class ConditionError(ValueError):
    """A key or value that cannot be used. `hint` is the way out."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Setting(NamedTuple):
    """What conditions are compiled for: one root, one moment, one set of categories."""

    root: bytes
    now_ns: int
    rules: Rules
    regexes: Regexes


class Condition(NamedTuple):
    """One key with its value. `test` answers for a file; the others answer for many files, and None leaves it open:
    `of_folder` for those of a folder, `of_suffix` for those with a suffix, `of_category` for those of a category.

    `globs` and `patterns` are those of a condition on names, which are tried all at once. `column` and `ranges` say the
    same as `test` of a number that the scan has read.
    """

    key: str
    shown: str
    price: Price
    scope: DependsOn
    test: Callable[[FileFacts], bool]
    of_folder: Callable[[bytes], bool | None] | None = None
    of_suffix: Callable[[bytes], bool | None] | None = None
    of_category: Callable[[str], bool] | None = None
    globs: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    column: NumberColumn | None = None
    ranges: tuple[tuple[int, int], ...] = ()
    suffixes: frozenset[bytes] = frozenset()
    """The suffixes for which `of_suffix` does not say False."""


class Key(NamedTuple):
    """A key that rules may use: its price, its meaning, an example, and the function that reads its value."""

    price: Price
    meaning: str
    example: str
    read: Callable[[object, Setting], Condition]


# Values -----------------------------------------------------------------------------------------------------------


def texts_of(key: str, value: object) -> tuple[str, ...]:
    """Return the texts of a value: one, or a list of them."""
    values = value if isinstance(value, list | tuple) else [value]
    if not values:
        raise ConditionError(f"the list of {key} is empty: no file matches it", f"leave {key} out, or add a value")
    for each in values:
        if not isinstance(each, str):
            raise ConditionError(f"{key} is {each!r}, which is no text", f'write {key} = "…", or a list of texts')
        if not each.strip():
            hint = 'for files without an extension, write not = { name = "*.*" }' if key == "ext" else ""
            raise ConditionError(
                f"{key} has an empty text, which no file matches", hint or f"leave {key} out, or add a value"
            )
    return tuple(values)


def flag_of(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConditionError(f"{key} is {value!r}, which is neither true nor false", f"write {key} = true")
    return value


def shown_value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return f"{key} = {str(value).lower()}"
    if isinstance(value, list | tuple):
        few = [f'"{display(str(each))}"' for each in value[:3]]
        return f"{key} = [{', '.join(few)}{', …' if len(value) > 3 else ''}]"
    return f'{key} = "{display(str(value))}"' if isinstance(value, str) else f"{key} = {value}"


def bounds_of(key: str, value: object, parse: Callable[[str], int], hint: str) -> list[tuple[int | None, int | None]]:
    """Return the bounds (low, high) of comparisons such as `>5` and ranges such as `5..9`; both are inclusive."""
    texts = texts_of(key, str(value) if isinstance(value, int) and not isinstance(value, bool) else value)
    bounds = list[tuple[int | None, int | None]]()
    for text in texts:
        low: int | None
        high: int | None
        if match := re.fullmatch(r"\s*(<=|>=|<|>|=)\s*(.+?)\s*", text):
            number = parse(match[2])
            low = {">": number + 1, ">=": number, "=": number}.get(match[1])
            high = {"<": number - 1, "<=": number, "=": number}.get(match[1])
        elif ".." in text:
            first, _, last = text.partition("..")
            low = parse(first) if first.strip() else None
            high = parse(last) if last.strip() else None
            if low is None and high is None:
                raise ConditionError(f"{key} is {display(text)}, which has no limit", hint)
        else:
            raise ConditionError(f"{key} is {display(text)}, which says neither more nor less", hint)
        if low is not None and high is not None and low > high:
            raise ConditionError(f"{key} is {display(text)}, which no file can match", "swap the two limits")
        bounds.append((low, high))
    return bounds


def ranges_of(bounds: Iterable[tuple[int | None, int | None]]) -> tuple[tuple[int, int], ...]:
    """Return one range per pair of bounds, with limits that every number passes where there is none."""
    return tuple(
        (low if low is not None else -(1 << 64), high if high is not None else 1 << 64) for low, high in bounds
    )


def _moment_before(key: str, text: str, now_ns: int) -> int:
    """Return the time an age before now."""
    parts = age_parts(text)
    try:
        ns = None if parts is None else before(now_ns, parts)
    except (ValueError, OverflowError, OSError):
        raise ConditionError(f"{key} is {display(text)}, which is longer ago than any file can be", _AGES) from None
    if ns is None:
        raise ConditionError(f"{key} has {display(text)}, which is no age", _AGES)
    return ns


def bounds_by_age(key: str, value: object, setting: Setting) -> list[tuple[int | None, int | None]]:
    """Return the bounds of the time for comparisons of the age: an older file has the smaller time."""
    ages = bounds_of(key, value, lambda text: setting.now_ns - _moment_before(key, text, setting.now_ns), _AGES)
    return [
        (None if high is None else kept(setting.now_ns - high), None if low is None else kept(setting.now_ns - low))
        for low, high in ages
    ]


def bounds_by_day(key: str, value: object, setting: Setting) -> list[tuple[int | None, int | None]]:
    """Return the bounds of the stored time for days, spans of days, and ages."""
    bounds = list[tuple[int | None, int | None]]()
    for text in texts_of(key, str(value) if not isinstance(value, str | list | tuple | bool) else value):
        if match := re.match(r"\s*([<>]=?)", text):
            if re.match(r"\s*\d{4}(?:-|\s*$)", text[match.end() :]):
                hint = 'write for example "..2023" for the days before 2024, or "2024-05.." for those from May on'
                raise ConditionError(f"{key} is {display(text)}, and days are not compared with {match[1]}", hint)
            bounds += bounds_by_age(key, text, setting)
            continue
        try:
            low, high = span(text)
        except ValueError as error:
            raise ConditionError(f"{key} is {display(text)}: {error}", _SPANS) from None
        bounds.append((None if low is None else kept(low), None if high is None else kept(high)))
    return bounds
