"""Parsers of the values of options: sizes, ages, dates and the configuration. Errors name the option."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.figures import MAXIMUM, UNIT_OF_NAME, UNITS, age_parts, before, parsed_size
from fileorg.core.names import display
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.rules.config import Configuration

_DATE = r"(?a)\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?"

_SECOND_NS = 1_000_000_000
_LONGEST_SECONDS = 366 * 86_400

SIZES = "write 512, 10K, 1.5M or 2G (1K is 1024 bytes)"
AGES = "write 30s, 10min, 12h, 7d, 2w, 6mo or 1y; m is minutes, mo is months"
TIMES = f"{AGES}; or a date such as 2024-05-01"


class Moment(NamedTuple):
    """A point in time, in nanoseconds since 1970. If it was given as an age: this age, and the same in words."""

    ns: int
    age: str = ""
    words: str = ""


def size(option: str, text: str) -> int:
    """Return a size such as `10M` in bytes. Raises `UsageError`."""
    size_bytes = parsed_size(text)
    if size_bytes is None:
        raise UsageError(f"{option} {display(text)} is not a valid size.", hint=SIZES, code=ErrorCode.BAD_VALUE)
    if size_bytes > MAXIMUM:
        raise UsageError(f"{option} {display(text)} is larger than any disk.", hint=SIZES, code=ErrorCode.BAD_VALUE)
    return size_bytes


def age(option: str, text: str) -> Moment:
    """Return the moment an age such as `10min` ago. Raises `UsageError`."""
    parts = age_parts(text)
    if parts is None:
        raise UsageError(f"{option} {display(text)} is not a valid age.", hint=AGES, code=ErrorCode.BAD_VALUE)
    return _ago(option, text, parts)


def elapsed(option: str, text: str) -> float:
    """Return the seconds that an age such as `10min` or `1mo` goes back from now. Raises `UsageError`."""
    return (time.time_ns() - age(option, text).ns) / 1e9


def seconds(option: str, text: str, *, at_least: float = 0.0) -> float:
    """Return a length of time such as `10s` in seconds. Raises `UsageError`."""
    parts = age_parts(text)
    factors = {name: factor for names, months, factor in UNITS.values() if not months for name in names}
    hint = "write 2s, 10s, 5min or 1h"
    if parts is None or any(name not in factors for _, name in parts):
        raise UsageError(f"{option} {display(text)} is not a valid time.", hint=hint, code=ErrorCode.BAD_VALUE)
    found = sum(float(number) * factors[name] for number, name in parts)
    if not at_least <= found <= _LONGEST_SECONDS:
        bound = f"shorter than {at_least:g} s" if found < at_least else "longer than a year"
        raise UsageError(f"{option} {display(text)} is {bound}.", hint=hint, code=ErrorCode.BAD_VALUE)
    return found


def moment(option: str, text: str, *, for_good: bool = False) -> Moment:
    """Return the moment of `7d` (ago) or `2024-05-01` (the start of that day, local time).

    With `for_good`, for files that are deleted permanently, `m` is refused: other tools read it as months.
    Raises `UsageError`.
    """
    parts = age_parts(text)
    if parts is not None:
        if for_good and any(unit_name == "m" for _, unit_name in parts):
            clear = re.sub(r"(?ai)(?<=[\d\s])m(?![a-z])", "{}", text.strip())
            raise UsageError(
                f"{option} {display(text)} is unclear: m can mean minutes or months, and a purge cannot be undone.",
                hint=f"write {clear.format('min')} for minutes, or {clear.format('mo')} for months",
                code=ErrorCode.BAD_VALUE,
            )
        return _ago(option, text, parts)
    from datetime import datetime

    try:
        if re.fullmatch(_DATE, text.strip()) is None:
            raise ValueError
        return Moment(int(datetime.fromisoformat(text.strip()).timestamp()) * _SECOND_NS)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {display(text)} is not an age or a date.", hint=TIMES, code=ErrorCode.BAD_VALUE
        ) from None


def _ago(option: str, text: str, parts: list[tuple[str, str]]) -> Moment:
    try:
        ns = before(time.time_ns(), parts)
    except (ValueError, OverflowError, OSError):
        raise UsageError(
            f"{option} {display(text)} is longer ago than any file can be.", hint=AGES, code=ErrorCode.BAD_VALUE
        ) from None
    if ns is None:
        raise UsageError(
            f"{option} {display(text)} is not a whole number of months.", hint=AGES, code=ErrorCode.BAD_VALUE
        )
    words = [f"{number} {UNIT_OF_NAME[name]}" + ("" if number == "1" else "s") for number, name in parts]
    shown = "".join(number + ("min" if name == "m" else name) for number, name in parts)
    return Moment(ns, shown, " ".join(words))


def default_config_path() -> bytes:
    """Return the path of the configuration that is read without `--config`."""
    from fileorg.core.state import default_config_path

    return default_config_path()


def configuration_of(words: Sequence[str]) -> bytes:
    """Return the path of the configuration of a command line, which need not exist: also for a command without
    `--config`.
    """
    return named_configuration(words) or default_config_path()


def named_configuration(words: Sequence[str]) -> bytes:
    """Return the path that `--config` or FILEORG_CONFIG names, empty if neither is given."""
    import os
    from itertools import pairwise

    given = os.environ.get("FILEORG_CONFIG") or None
    for word, following in pairwise([*words, ""]):
        if word == "--":
            break
        if word == "--config":
            given = following
        elif word.startswith("--config="):
            given = word.partition("=")[2]
    return b"" if given is None else os.path.abspath(os.fsencode(given))


def configuration(path: str | None, profile: str | None = None, *, with_rules: bool = True) -> Configuration | None:
    """Return the configuration of `--config` or FILEORG_CONFIG, else of the default file; None if there is none. With a
    profile, it has only the rules of this profile; without `with_rules`, the values of conditions are not checked.

    Raises `ConfigError`.
    """
    import os

    found = default_config_path() if path is None else os.fsencode(path)
    if path is not None:
        from fileorg.core.model import GIVEN

        GIVEN.configuration = os.path.abspath(found)
    if path is None and not os.path.lexists(found):
        return None
    from fileorg.rules.config_file import read_configuration

    configuration = read_configuration(found, with_rules=with_rules)
    return configuration if profile is None else configuration.for_profile(profile)
