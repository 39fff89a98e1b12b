"""Target folders from templates, and safe, free names. Pure: nothing here accesses a disk."""

from __future__ import annotations

import re
import time
from enum import StrEnum
from os import fsencode
from typing import TYPE_CHECKING

from fileorg.core.errors import UsageError
from fileorg.core.memo import Memo
from fileorg.core.model import By
from fileorg.core.names import display
from fileorg.core.times import EXACT_NS, true_ns
from fileorg.rules.extensions import extension_start

if TYPE_CHECKING:
    from collections.abc import Iterable

NO_EXTENSION = b"No extension"
UNDATED = b"Undated"

# Cache sizes: about 10 MB each; 90 years of days.
_FOLDERS = 1 << 15
_DAYS = 1 << 15
_DAY_NS = 86_400_000_000_000
_NANOSECONDS = 1_000_000_000
# A component of a literal and a field must stay below 255 bytes, the limit of all file systems.
MAX_LITERAL_BYTES = 200


class Field(StrEnum):
    """The fields of a template, written in braces."""

    CATEGORY = "category"
    EXTENSION = "extension"
    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    NAME = "name"


_FIELDS = {field.value: field for field in Field}
_DATES = frozenset((Field.YEAR, Field.MONTH, Field.DAY))
_HINT = f"the fields are {' '.join(f'{{{field}}}' for field in Field)}; write {{{{ and }}}} for braces"

_BY = {
    By.CATEGORY: "{category}/{name}",
    By.DATE: "{year}/{month}/{name}",
    By.EXTENSION: "{extension}/{name}",
}

# A path component: literal bytes and fields, in order.
_Component = tuple[bytes | Field, ...]
# Year, month and day as text; None for an invalid time.
_Date = tuple[str, str, str] | None


class Template:
    """A layout: returns the target folder of each file. Made by `parse_template` or `Template.for_by`."""

    def __init__(self, text: str, components: tuple[_Component, ...], above: bytes = b"") -> None:
        """Take `components` checked by `parse_template`, without the final `{name}`; for `above` see `below`."""
        self.text = text
        self._components = components
        self._above = above
        fields = {part for component in components for part in component if isinstance(part, Field)}
        self._by_category = Field.CATEGORY in fields
        self._by_extension = Field.EXTENSION in fields
        self._by_date = not fields.isdisjoint(_DATES)
        self._folders: Memo[tuple[str, bytes, _Date], bytes] = Memo(_FOLDERS)
        self._days: Memo[int, tuple[int, _Date, _Date]] = Memo(_DAYS)

    @staticmethod
    def for_by(by: By) -> Template:
        """Return the template of `--by`."""
        return parse_template(_BY[by])

    def below(self, folder: bytes) -> Template:
        """Return the same layout inside a folder of the root."""
        return Template(self.text, self._components, folder)

    def folder(self, category: str, extension: bytes, mtime_ns: int) -> bytes:
        """Return the root-relative folder of a file, `b""` for the root. Called once per file.

        `extension` is from `Rules.extension_of`, `mtime_ns` as stored by `core.times`; dates are local. An extension
        that is unfit for a folder name counts as none. Raises `UsageError` for a category that is unfit.
        """
        date = None
        if self._by_date:
            if not -EXACT_NS <= mtime_ns <= EXACT_NS:
                mtime_ns = true_ns(mtime_ns)
            try:
                midnight_ns, before, after = self._days[mtime_ns // _DAY_NS]
            except KeyError:
                day = self._days[mtime_ns // _DAY_NS] = local_dates(mtime_ns // _DAY_NS)
                midnight_ns, before, after = day
            date = before if mtime_ns < midnight_ns else after
        key = (category if self._by_category else "", extension if self._by_extension else b"", date)
        folder = self._folders.get(key)
        if folder is None:
            folder = self._folders[key] = self._render(*key)
        return folder

    def _render(self, category: str, extension: bytes, date: _Date) -> bytes:
        year, month, day = date or ("", "", "")
        values: dict[Field, bytes] = {
            Field.CATEGORY: fsencode(category),
            Field.EXTENSION: extension or NO_EXTENSION,
            Field.YEAR: year.encode(),
            Field.MONTH: month.encode(),
            Field.DAY: day.encode(),
        }
        rendered: list[bytes] = []
        above = [self._above] if self._above else []
        for component in self._components:
            if date is None and not _DATES.isdisjoint(component):
                # `{year}/{month}` of a file without a date is one folder, not two nested ones.
                if rendered[-1:] != [UNDATED]:
                    rendered.append(UNDATED)
                continue
            folder = _join(component, values)
            if fault(folder):
                folder = _join(component, values | {Field.EXTENSION: NO_EXTENSION})
            if wrong := fault(folder):
                raise UsageError(f"the category {display(category)} would be moved to {display(folder)}, {wrong}")
            rendered.append(folder)
        return b"/".join(above + rendered)

    @property
    def is_by_category_alone(self) -> bool:
        """True if all files of one category have the same folder."""
        return not (self._by_extension or self._by_date)

    @property
    def uses_category(self) -> bool:
        """True if `folder` depends on the category."""
        return self._by_category

    @property
    def uses_dates(self) -> bool:
        """True if `folder` depends on the modification time."""
        return self._by_date

    @property
    def uses_extension(self) -> bool:
        """True if `folder` depends on the extension, which need not be determined otherwise."""
        return self._by_extension

    @property
    def first_component_is_category(self) -> bool:
        """True if the top folders are exactly the categories."""
        return self._components[:1] == ((Field.CATEGORY,),)

    def top_folders(self, categories: Iterable[str]) -> frozenset[bytes] | None:
        """Return the folders that this template makes in the root; None if they depend on the files."""
        if not self._components:
            return frozenset()
        first = self._components[0]
        fields = {part for part in first if isinstance(part, Field)}
        if not fields:
            return frozenset((_join(first, {}),))
        if fields == {Field.CATEGORY}:
            return frozenset(_join(first, {Field.CATEGORY: fsencode(category)}) for category in categories)
        return None


def _join(component: _Component, values: dict[Field, bytes]) -> bytes:
    return b"".join(values[part] if isinstance(part, Field) else part for part in component)


def fault(component: bytes) -> str:
    """Return the fault of a folder name as the end of a sentence; empty if it is fit."""
    if not component:
        return "which is empty"
    if component in {b".", b".."}:
        return "named . or .., which leads elsewhere"
    if b"/" in component or b"\0" in component:
        return "which holds a slash or NUL"
    if component[:8].lower() == b".fileorg":
        return "which is reserved for fileorg"
    if len(component) > 255:
        return "which is longer than 255 bytes"
    return ""


def local_dates(utc_day: int) -> tuple[int, _Date, _Date]:
    """Return the local midnight within a UTC day, in nanoseconds since 1970, and the dates before and after it.

    A UTC day holds one local midnight, so two cache lookups replace a `localtime` per file. Where clocks went back
    across midnight (Newfoundland until 2011), one of the two is returned, the same in every run.
    """
    low = utc_day * 86_400
    high = low + 86_399
    first, last = _local_date(low), _local_date(high)
    if first == last:
        return low * _NANOSECONDS, first, last
    while high - low > 1:
        middle = (low + high) // 2
        if _local_date(middle) == first:
            low = middle
        else:
            high = middle
    return high * _NANOSECONDS, first, last


def _local_date(seconds: int) -> _Date:
    try:
        local = time.localtime(seconds)
    except (OverflowError, ValueError, OSError):
        return None
    if not 1 <= local.tm_year <= 9999:
        return None
    return f"{local.tm_year:04}", f"{local.tm_mon:02}", f"{local.tm_mday:02}"


_PIECE = r"\{\{|\}\}|\{([^{}]*)\}|[{}/]|[^{}/]+"


def is_simple(text: str) -> bool:
    """Return whether a template has only the fields of `Field`, as `parse_template` takes them.

    One that does not is written in the whole language: see `path_template`.
    """
    fields = re.findall(r"\{([^{}]*)\}", text.replace("{{", "").replace("}}", ""))
    name = text.rpartition("/")[2]
    return all(field in _FIELDS for field in fields) and ("{name}" not in name or name == "{name}")


def parse_template(text: str) -> Template:
    """Parse a template such as `{category}/{year}/{month}/{name}`; a missing final `{name}` is added.

    Raises `UsageError`, which names the fault and the fields.
    """
    try:
        components = _components(text)
        if components[-1] in {(), (Field.NAME,)}:
            components.pop()
        for component in components:
            _check(component)
    except ValueError as error:
        raise UsageError(f"the template {display(text)} cannot be used: {error}", hint=_HINT) from error
    folder = text.removesuffix("{name}").removesuffix("/")
    return Template(f"{folder}/{{name}}" if folder else "{name}", tuple(components))


def _components(text: str) -> list[_Component]:
    """Split the template at its slashes. Raises `ValueError` with the fault."""
    if not text:
        raise ValueError("it is empty")
    if text.startswith(("/", "~")):
        raise ValueError("its folders are created below the root or --dest: leave out / and ~")
    components: list[_Component] = [()]
    for match in re.finditer(_PIECE, text):
        piece, field = match[0], match[1]
        if piece == "/":
            components.append(())
        elif field is not None:
            if field not in _FIELDS:
                raise ValueError(f"{display(piece)} is not a field")
            components[-1] += (_FIELDS[field],)
        elif piece in "{}":
            raise ValueError(f"a single {piece} is not allowed")
        else:
            literal = fsencode(piece[:1] if piece in {"{{", "}}"} else piece)
            # Merge adjacent literals, so that `.` and `..` are recognized.
            before = components[-1]
            if before and isinstance(before[-1], bytes):
                components[-1] = (*before[:-1], before[-1] + literal)
            else:
                components[-1] = (*before, literal)
    return components


def _check(component: _Component) -> None:
    """Check a component. Raises `ValueError` if it makes an unfit folder."""
    if Field.NAME in component:
        # Otherwise a second run would move each file again.
        raise ValueError("{name} may only be the whole last component")
    literals = [part for part in component if isinstance(part, bytes)]
    if sum(map(len, literals)) > MAX_LITERAL_BYTES:
        raise ValueError(f"a component has more than {MAX_LITERAL_BYTES} bytes of text")
    # A letter stands in for each field: `.{extension}` can only be checked when rendered.
    if wrong := fault(_join(component, dict.fromkeys(Field, b"x"))):
        raise ValueError(f"it has a component {wrong}")


def numbered(name: bytes, n: int, limit: int = 255, *, stem: int | None = None, tail: int = 0) -> bytes:
    """Return `name` with ` (n)` before its extension: never equal to `name`, different for each `n`.

    `stem` is another position for the number. Names of one stem are truncated alike if each gets the longest `tail`
    that follows the number in any of them. `limit` is that of the file system in bytes, at least 32: the stem is
    truncated to fit, between characters if it is UTF-8. An extension too long to fit counts as part of the stem.
    """
    number = b" (%d)" % n
    start = extension_start(name) if stem is None else stem
    if max(len(name) - start, tail) + len(number) >= limit:
        start, tail = len(name), 0
    extension = name[start:]
    room = limit - len(number) - max(len(extension), tail)
    result = _cut(name[:start], room) + number + extension
    # A name of maximum length that already ends in this number.
    return _cut(name[:start], room - 1) + number + extension if result == name else result


def _cut(stem: bytes, length: int) -> bytes:
    """Return at most `length` bytes of `stem`, without splitting a UTF-8 character."""
    if len(stem) <= length:
        return stem
    try:
        stem.decode()
    except UnicodeDecodeError:
        return stem[:length]
    return stem[:length].decode(errors="ignore").encode()
