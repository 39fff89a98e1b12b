"""The facts about one file that conditions and templates ask for; what costs a look at the disk is looked up once."""

from __future__ import annotations

import os
import stat
import time
import unicodedata
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from fileorg.core.memo import Memo
from fileorg.core.times import true_ns

if TYPE_CHECKING:
    from collections.abc import Sequence

_SECOND_NS = 1_000_000_000
_DAYS_KNOWN = 1 << 15


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
    def modified(self) -> time.struct_time | None:
        """The local modification time, None if no calendar has it."""
        return local_time(self.mtime_ns)


def name_text(name: bytes) -> str:
    """Return a name as text for comparisons: composed (NFC), with U+FFFD for bytes that are not UTF-8."""
    text = name.decode("utf-8", "replace")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


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
