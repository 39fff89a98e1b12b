"""Conditions on what is in files: their kind, their dates, and what they say of themselves.

Loaded only for rules with such a key. The facts come from `FileFacts`, which reads a file when it is first asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import translate
from typing import TYPE_CHECKING

from fileorg.core.errors import did_you_mean
from fileorg.core.names import display
from fileorg.core.times import kept
from fileorg.rules.condition_values import (
    ConditionError,
    bounds_by_day,
    bounds_of,
    flag_of,
    ranges_of,
    shown_value,
    texts_of,
)
from fileorg.rules.facts import META
from fileorg.rules.globs import Glob

if TYPE_CHECKING:
    from datetime import datetime

    from fileorg.rules.condition_values import Setting
    from fileorg.rules.facts import FileFacts
    from fileorg.rules.moments import MediaMoment

_SECOND_NS = 1_000_000_000
_PIXELS = 'write for example "<640x480", ">1920x1080" or "640x480..1920x1080"'
_DURATIONS = 'write for example "<40s", ">10min" or "1min..1h30min"; the units are s, min and h'
_UNITS = {"s": 1000, "min": 60_000, "h": 3_600_000}
_LONGEST_PATTERN = 200
SYNONYMS: Mapping[str, str] = {
    "jpeg": "jpg", "jpe": "jpg", "jfif": "jpg", "tiff": "tif", "heif": "heic", "htm": "html", "mpeg": "mpg",
    "mpe": "mpg", "midi": "mid", "aiff": "aif", "yml": "yaml", "markdown": "md", "sqlite": "db", "sqlite3": "db",
    "eps": "ps", "dll": "exe",
}  # fmt: skip
"""Other words for the usual extension of a format."""
TEXTS = frozenset({"txt", "text"})
"""Words for a text of no known format."""


Asked = tuple[str, Callable[["FileFacts"], bool]]
"""A condition for people, and the function that answers it for a file."""


def _asked(key: str, value: object, test: Callable[[FileFacts], bool]) -> Asked:
    return shown_value(key, value), test


# Kinds ----------------------------------------------------------------------------------------------------------------


def _type(value: object, _: Setting) -> Asked:
    types, extensions = list[re.Pattern[str]](), set[bytes]()
    for text in texts_of("type", value):
        plain = text.strip().lower()
        if "/" in plain:
            types.append(_glob("type", plain))
        elif set(plain) & set("*?["):
            raise ConditionError(
                f"type is {display(text)}, which is no media type", 'write for example "image/*", or "pdf"'
            )
        else:
            word = plain.removeprefix(".")
            if word in TEXTS:
                types.append(_glob("type", "text/plain"))
            extensions.add(SYNONYMS.get(word, word).encode("utf-8", "surrogateescape"))

    def test(file: FileFacts) -> bool:
        kind = file.content_type
        return kind.extension in extensions or any(each.match(kind.mime) for each in types)

    return _asked("type", value, test)


def _mismatch(value: object, _: Setting) -> Asked:
    wanted = flag_of("mismatch", value)
    return _asked("mismatch", value, lambda file: file.content_type.is_mismatch == wanted)


def _contains(value: object, _: Setting) -> Asked:
    globs = list[Glob]()
    for text in texts_of("contains", value):
        try:
            globs.append(Glob(text.lower(), whole=True))
        except ValueError as error:
            raise ConditionError(f"contains is {display(text)}, which cannot be used: {error}") from error

    def test(file: FileFacts) -> bool:
        for name in file.archive_names:
            *above, last = name.lower().strip("/").split("/")
            if any(glob.fits(above, last) for glob in globs):
                return True
        return False

    return _asked("contains", value, test)


def _text(value: object, setting: Setting) -> Asked:
    patterns = texts_of("text", value)
    for pattern in patterns:
        setting.regexes.check(pattern)

    def test(file: FileFacts) -> bool:
        text = file.head_text
        return bool(text) and any(setting.regexes.found(pattern, text) is not None for pattern in patterns)

    return _asked("text", value, test)


# Dates ----------------------------------------------------------------------------------------------------------------


def _taken(value: object, setting: Setting) -> Asked:
    return _by_day("taken", value, setting, lambda file: file.taken)


def _named(value: object, setting: Setting) -> Asked:
    return _by_day("named", value, setting, lambda file: file.named)


def _by_day(key: str, value: object, setting: Setting, moment: Callable[[FileFacts], MediaMoment | None]) -> Asked:
    ranges = ranges_of(bounds_by_day(key, value, setting))

    def test(file: FileFacts) -> bool:
        found = moment(file)
        if found is None:
            return False
        time_ns = _wall_ns(found.wall)
        return any(low <= time_ns <= high for low, high in ranges)

    return _asked(key, value, test)


def _wall_ns(wall: datetime) -> int:
    """Return a wall clock as stored time: as if it were of this place, like the days it is compared with."""
    return kept(int(wall.timestamp()) * _SECOND_NS)


# What files say of themselves -----------------------------------------------------------------------------------------

_HAS: Mapping[str, Callable[[FileFacts], bool]] = {
    "taken": lambda file: file.taken is not None,
    "named": lambda file: file.named is not None,
    "pixels": lambda file: bool(file.media.width and file.media.height),
    "duration": lambda file: bool(file.media.duration_ms),
}


def _has(value: object, _: Setting) -> Asked:
    wanted = tuple(text.strip().lower() for text in texts_of("has", value))
    for word in wanted:
        if word not in _HAS and word not in META:
            raise ConditionError(
                f"has is {display(word)}, which no file says of itself", f"the words are {', '.join((*_HAS, *META))}"
            )

    def test(file: FileFacts) -> bool:
        return any(_HAS[word](file) if word in _HAS else word in file.media.texts for word in wanted)

    return _asked("has", value, test)


def _meta(value: object, _: Setting) -> Asked:
    if not isinstance(value, dict) or not value:
        raise ConditionError(f"meta is {value!r}, which names no field", 'write for example meta = { artist = "…" }')
    wanted = list[tuple[str, list[re.Pattern[str]]]]()
    for name, patterns in value.items():
        if name not in META:
            raise ConditionError(
                f"meta has no field {display(name)}{did_you_mean(name, META)}",
                f"the fields are {', '.join(META)}",
            )
        texts = texts_of(f"meta.{name}", patterns)
        wanted.append((name, [_glob(f"meta.{name}", text.casefold()) for text in texts]))

    def test(file: FileFacts) -> bool:
        texts = file.media.texts
        return all(
            name in texts and any(glob.match(texts[name].casefold()) for glob in globs) for name, globs in wanted
        )

    shown = ", ".join(shown_value(f"meta.{name}", patterns) for name, patterns in value.items())
    return shown, test


def _glob(key: str, pattern: str) -> re.Pattern[str]:
    if len(pattern) > _LONGEST_PATTERN:
        raise ConditionError(f"{key} has more than {_LONGEST_PATTERN} characters")
    return re.compile(translate(pattern))


def _pixels(value: object, _: Setting) -> Asked:
    ranges = ranges_of(bounds_of("pixels", value, _area, _PIXELS))

    def test(file: FileFacts) -> bool:
        area = file.media.width * file.media.height
        return bool(area) and any(low <= area <= high for low, high in ranges)

    return _asked("pixels", value, test)


def _area(text: str) -> int:
    match = re.fullmatch(r"(?a)\s*(\d{1,6})\s*[xX]\s*(\d{1,6})\s*", text)
    if match is None:
        raise ConditionError(f"pixels has {display(text)}, which is no size of a picture", _PIXELS)
    return int(match[1]) * int(match[2])


def _duration(value: object, _: Setting) -> Asked:
    ranges = ranges_of(bounds_of("duration", value, _milliseconds, _DURATIONS))

    def test(file: FileFacts) -> bool:
        length = file.media.duration_ms
        return bool(length) and any(low <= length <= high for low, high in ranges)

    return _asked("duration", value, test)


def _milliseconds(text: str) -> int:
    parts = re.findall(r"(?a)(\d{1,6}(?:\.\d{1,3})?)\s*(min|s|h)", text)
    if not parts or re.sub(r"(?a)\d{1,6}(?:\.\d{1,3})?\s*(?:min|s|h)|\s", "", text):
        raise ConditionError(f"duration has {display(text)}, which is no length of time", _DURATIONS)
    return sum(round(float(number) * _UNITS[unit]) for number, unit in parts)


READERS: Mapping[str, Callable[[object, Setting], Asked]] = {
    "type": _type,
    "mismatch": _mismatch,
    "contains": _contains,
    "text": _text,
    "taken": _taken,
    "named": _named,
    "has": _has,
    "meta": _meta,
    "pixels": _pixels,
    "duration": _duration,
}
"""The functions that read the values of these keys."""
