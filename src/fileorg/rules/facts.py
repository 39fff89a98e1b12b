"""The facts about one file that conditions and templates ask for; what costs a look at the disk is looked up once."""

from __future__ import annotations

import os
import stat
import time
import unicodedata
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from fileorg.core.memo import Memo
from fileorg.core.times import EXACT_NS, true_ns
from fileorg.core.tuples import NamedTuple
from fileorg.rules.template import local_dates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fileorg.rules.moments import MediaMoment

_SECOND_NS = 1_000_000_000
_DAY_NS = 86_400 * _SECOND_NS
_DAYS_KNOWN = 1 << 15


class ContentType(NamedTuple):
    """What a file is by its content. Extensions are in lower case without a dot, empty if they are not known."""

    mime: str = ""
    extension: bytes = b""
    """The usual one of the format."""
    fitting_extension: bytes = b""
    """That of the name, or the usual one of the format if the name has none or another one."""
    is_mismatch: bool = False
    """True if the extension of the name does not fit the content."""


class MediaFields(NamedTuple):
    """What a picture, film, recording or document says of itself, zeros and nothing if it does not. Sizes in pixels."""

    width: int = 0
    height: int = 0
    duration_ms: int = 0
    texts: Mapping[str, str] = MappingProxyType({})
    """The texts of `META`, by name."""


META: Mapping[str, str] = {
    "camera": "maker and model of the camera or phone",
    "artist": "the artist",
    "album_artist": "the artist of the album",
    "album": "the album",
    "title": "the title, also of PDFs and office files",
    "genre": "the genre",
    "track": "the number of the track, with two digits",
    "year": "the year of the album",
    "pages": "the number of pages or slides of a PDF or an office file",
}
"""The texts that files say about themselves."""


class ContentLookups(Protocol):
    """What is in files, read only if a rule asks for it. Nothing is said of a file that is not read yet."""

    def content_type(self, folder: bytes, name: bytes) -> ContentType: ...

    def taken(self, folder: bytes, name: bytes) -> MediaMoment | None:
        """Return when a picture or film was taken, as a wall clock."""
        ...

    def named(self, name: bytes) -> MediaMoment | None:
        """Return the date in a name, as a wall clock."""
        ...

    def media(self, folder: bytes, name: bytes) -> MediaFields: ...

    def archive_names(self, folder: bytes, name: bytes) -> Sequence[str]:
        """Return the first names in a zip."""
        ...

    def head_text(self, folder: bytes, name: bytes) -> str:
        """Return the beginning of a plain text; empty for other files."""
        ...


class Lookups(Protocol):
    """What lies beyond a file's name and times: asked only for rules that need it."""

    def category_of(self, folder: bytes, name: bytes) -> str: ...

    def extension_of(self, folder: bytes, name: bytes) -> bytes:
        """Return the extension in lower case without its first dot, empty if there is none."""
        ...

    def origins(self, folder: bytes, name: bytes) -> Sequence[str]:
        """Return the addresses that the file was downloaded from, as far as the file system keeps them."""
        ...

    def tags(self, folder: bytes, name: bytes) -> Sequence[str]: ...

    def owner(self, folder: bytes, name: bytes) -> int | None:
        """Return the user id of the owner, None if it is not known."""
        ...

    def folders_in(self, path: bytes) -> Sequence[str]:
        """Return the names of the folders in a folder: absolute, or relative to the root."""
        ...

    @property
    def contents(self) -> ContentLookups: ...


class FileFacts:
    """A regular file. Paths are relative to the root; times in nanoseconds since 1970 as stored by `core.times`."""

    def __init__(
        self, lookups: Lookups, folder: bytes, name: bytes, size: int, mtime_ns: int, ctime_ns: int, mode: int
    ) -> None:
        self._lookups = lookups
        self.folder = folder
        self.name = name
        self.size = size
        self.mtime_ns = mtime_ns
        self.ctime_ns = ctime_ns
        self.mode = mode

    @cached_property
    def text(self) -> str:
        """The name in the form that patterns are compared with: see `name_text`."""
        return name_text(self.name)

    @cached_property
    def lower(self) -> str:
        return self.text.lower()

    @cached_property
    def category(self) -> str:
        return self._lookups.category_of(self.folder, self.name)

    @cached_property
    def extension(self) -> bytes:
        return self._lookups.extension_of(self.folder, self.name)

    @property
    def stem(self) -> bytes:
        """The name without its extension and the dot before it."""
        return self.name[: len(self.name) - len(self.extension) - 1] if self.extension else self.name

    @cached_property
    def is_hidden(self) -> bool:
        return self.name.startswith(b".") or self.folder.startswith(b".") or b"/." in self.folder

    @property
    def is_read_only(self) -> bool:
        return not self.mode & stat.S_IWUSR

    @cached_property
    def owner(self) -> int | None:
        return self._lookups.owner(self.folder, self.name)

    @cached_property
    def origins(self) -> Sequence[str]:
        return self._lookups.origins(self.folder, self.name)

    @cached_property
    def tags(self) -> Sequence[str]:
        return self._lookups.tags(self.folder, self.name)

    def folders_in(self, path: bytes) -> Sequence[str]:
        return self._lookups.folders_in(path)

    @cached_property
    def content_type(self) -> ContentType:
        return self._lookups.contents.content_type(self.folder, self.name)

    @cached_property
    def taken(self) -> MediaMoment | None:
        return self._lookups.contents.taken(self.folder, self.name)

    @cached_property
    def named(self) -> MediaMoment | None:
        return self._lookups.contents.named(self.name)

    @cached_property
    def media(self) -> MediaFields:
        return self._lookups.contents.media(self.folder, self.name)

    @cached_property
    def archive_names(self) -> Sequence[str]:
        return self._lookups.contents.archive_names(self.folder, self.name)

    @cached_property
    def head_text(self) -> str:
        return self._lookups.contents.head_text(self.folder, self.name)

    @cached_property
    def modified(self) -> time.struct_time | None:
        """The local modification time, None if no calendar has it."""
        return local_time(self.mtime_ns)


class NumberColumns(Protocol):
    """The numbers of files that a scan has read, by column; times as stored by `core.times`."""

    @property
    def sizes(self) -> Sequence[int]: ...

    @property
    def mtimes_ns(self) -> Sequence[int]: ...

    @property
    def ctimes_ns(self) -> Sequence[int]: ...

    @property
    def modes(self) -> Sequence[int]: ...


class FileNumbers(NamedTuple):
    """`NumberColumns` of given numbers."""

    sizes: Sequence[int]
    mtimes_ns: Sequence[int]
    ctimes_ns: Sequence[int]
    modes: Sequence[int]


class FileColumns:
    """Files of one folder, by column. `file` returns one of them, the same object each time."""

    def __init__(self, lookups: Lookups, folder: bytes, names: Sequence[bytes], numbers: NumberColumns) -> None:
        """`numbers` may make a column anew at each access: here it is made once, if it is needed."""
        self._lookups = lookups
        self.folder = folder
        self.names = names
        self._numbers = numbers
        self._files: dict[int, FileFacts] = {}

    @cached_property
    def sizes(self) -> Sequence[int]:
        return self._numbers.sizes

    @cached_property
    def mtimes_ns(self) -> Sequence[int]:
        return self._numbers.mtimes_ns

    @cached_property
    def ctimes_ns(self) -> Sequence[int]:
        return self._numbers.ctimes_ns

    @cached_property
    def modes(self) -> Sequence[int]:
        return self._numbers.modes

    def file(self, at: int, category: str) -> FileFacts:
        """Return the file at a position, whose category is known."""
        found = self._files.get(at)
        if found is None:
            found = self._files[at] = FileFacts(
                self._lookups,
                self.folder,
                self.names[at],
                self.sizes[at],
                self.mtimes_ns[at],
                self.ctimes_ns[at],
                self.modes[at],
            )
            found.__dict__["category"] = category
        return found

    def extension(self, at: int) -> bytes:
        return self._lookups.extension_of(self.folder, self.names[at])


def name_text(name: bytes) -> str:
    """Return a name as text for comparisons: composed (NFC), with U+FFFD for bytes that are not UTF-8."""
    text = name.decode("utf-8", "replace")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


_Day = tuple[int, ...] | None
_days: Mapping[int, Memo[int, tuple[int, _Day, _Day]]] = {parts: Memo(_DAYS_KNOWN) for parts in (1, 2, 3)}


def local_days(kept_ns: Sequence[int], parts: int) -> list[_Day]:
    """Return the local dates of stored times: year, month and day, or the first `parts` of these; None outside the
    years 1 to 9999.
    """
    if kept_ns and (min(kept_ns) < -EXACT_NS or max(kept_ns) > EXACT_NS):
        kept_ns = list(map(true_ns, kept_ns))
    found, known = list[_Day](), _days[parts]
    for time_ns in kept_ns:
        try:
            midnight_ns, before, after = known[time_ns // _DAY_NS]
        except KeyError:
            midnight_ns, *dates = local_dates(time_ns // _DAY_NS)
            before, after = (None if date is None else tuple(map(int, date[:parts])) for date in dates)
            known[time_ns // _DAY_NS] = midnight_ns, before, after
        found.append(before if time_ns < midnight_ns else after)
    return found


def local_midnight(kept_ns: int) -> time.struct_time | None:
    """Return midnight of the local day of a stored time, None outside the years 1 to 9999."""
    (day,) = local_days([kept_ns], 3)
    return None if day is None else date(*day).timetuple()


_seconds: Memo[int, time.struct_time | None] = Memo(_DAYS_KNOWN)


def local_time(kept_ns: int) -> time.struct_time | None:
    """Return the local time of a stored time, None outside the years 1 to 9999."""
    seconds = true_ns(kept_ns) // _SECOND_NS
    try:
        return _seconds[seconds]
    except KeyError:
        pass
    try:
        local = time.localtime(seconds)
    except (OverflowError, ValueError, OSError):
        local = None
    if local is not None and not 1 <= local.tm_year <= 9999:
        local = None
    _seconds[seconds] = local
    return local


def decoded(name: bytes) -> str:
    """Return a name as text that `os.fsencode` turns back into the same bytes."""
    return os.fsdecode(name)
