"""Checks of the places that rows name: the folders of their sources, those of their targets, and the names there.

Each folder is read once for its rules. What is known of it is small, and the number of remembered folders is bounded.
"""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.names import join, split, with_parents
from fileorg.core.row_problems import RowFault
from fileorg.core.tuples import NamedTuple
from fileorg.plan.given_rows import ETAG
from fileorg.rules.filters import Filters
from fileorg.rules.ignore import IgnoreReason
from fileorg.scan.selection import Selection
from fileorg.scan.walk import Reader, Task
from fileorg.scan.whole import whole_target
from fileorg.storage.base import BATCH_ENTRIES, Kind
from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fileorg.core.model import Entry
    from fileorg.storage.local.storage import LocalStorage

_FAT_TYPES = frozenset({0x4D44, 0x2011BAB0})  # vfat, exFAT
_NOT_ON_FAT = frozenset(b'"*:<>?|\\') | frozenset(range(32))
_NO_FOLDER = {errno.ELOOP, errno.ENOTDIR}


class Fault(NamedTuple):
    """A fault and its details: see `RowProblem`."""

    fault: RowFault
    about: bytes = b""
    number: int | None = None


class SourceFolder(NamedTuple):
    """What is known of a folder that rows take files from.

    `fault` applies to all of its files, `left` to the named ones. `groups` has the files that belong together, the
    leader first, by each of their names.
    """

    fault: Fault | None = None
    left: Mapping[bytes, Fault] = {}
    groups: Mapping[bytes, tuple[bytes, ...]] = {}


_PLAIN = SourceFolder()
_GONE = SourceFolder(Fault(RowFault.MISSING))


class SourceFolders:
    """The folders of one tree that rows take files from."""

    def __init__(self, storage: LocalStorage, *, all_files: bool) -> None:
        """`all_files`: also files that fileorg keeps where they are, such as those of a project."""
        filters = Filters(hidden=True, all_files=all_files)
        selection = Selection(filters, with_leaders=True, leftovers=False, ignore_files=False)
        self._reader = Reader(storage, selection)
        self._storage = storage
        self._known: Memo[bytes, SourceFolder] = Memo(MANY_FOLDERS)

    def judged(self, folder: bytes) -> tuple[SourceFolder, dict[bytes, Entry] | None]:
        """Return what is known of a folder; and all its entries, if it has just been read and is not large."""
        known = self._known.get(folder)
        if known is not None:
            return known, None
        # No recursion: a path may have more parts than Python calls.
        above = self._known.get(split(folder)[0]) if folder else None
        found, entries = (_PLAIN, None) if above is None else (above, None)
        for each in (b"", *with_parents(folder)) if above is None else (folder,):
            found, entries = self._judged(each, found)
        return found, entries

    def _judged(self, folder: bytes, above: SourceFolder) -> tuple[SourceFolder, dict[bytes, Entry] | None]:
        """Return what is known of a folder, and its entries if it is read now. `above` is known of the one above it."""
        known, entries = self._known.get(folder), None
        if known is None:
            fault = above.fault or above.left.get(split(folder)[1])
            known, entries = self._read(folder) if fault is None else (SourceFolder(fault), None)
            self._known[folder] = known
        return known, entries

    def _read(self, folder: bytes) -> tuple[SourceFolder, dict[bytes, Entry] | None]:
        try:
            listing = next(self._storage.list_folder(folder))
            task = Task(folder, folder.count(b"/") + 1 if folder else 0, None)
            _, whole, known = self._reader.judged(task, listing)
        except FileNotFoundError:
            return _GONE, None
        except OSError as error:
            if error.errno in _NO_FOLDER:
                return SourceFolder(_no_folder(folder, self._storage.lstat(*split(folder)))), None
            return SourceFolder(Fault(RowFault.UNREADABLE, folder, error.errno)), None
        if whole is not None:
            return SourceFolder(
                Fault(RowFault.KEPT_WHOLE, join(folder, whole.marker) if whole.marker else folder)
            ), None
        entries = None
        if sum(map(len, listing[1:])) < BATCH_ENTRIES:
            entries = {entry.name: entry for part in listing[1:] for entry in part}
        if not known.left and not known.leaders:
            return _PLAIN, entries
        left = {
            name: Fault(
                RowFault.TEARS_GROUP if reason is IgnoreReason.TOGETHER else RowFault.MARKED,
                known.said_by.get(name, b""),
            )
            for name, reason in known.left.items()
        }
        members: dict[bytes, list[bytes]] = {}
        for follower, leader in known.leaders.items():
            members.setdefault(leader, [leader]).append(follower)
        groups = {name: tuple(group) for group in members.values() for name in group}
        return SourceFolder(None, left, groups), entries


class TargetFolder(NamedTuple):
    """What is known of a folder that rows put files into. `exists`: it is there already, so its names may be taken."""

    exists: bool
    fault: Fault | None = None


_THERE = TargetFolder(exists=True)


class TargetFolders:
    """The folders of one tree that rows put files into."""

    def __init__(
        self,
        storage: LocalStorage,
        note_missing: Callable[[bytes, int], object],
        will_be_folder: Callable[[bytes], bool],
        *,
        all_files: bool,
    ) -> None:
        """`note_missing` is called with a missing folder and the line of a row that needs it, maybe more than once;
        `will_be_folder` with a path where no folder is yet.
        """
        self._storage = storage
        self._note_missing, self._will_be_folder = note_missing, will_be_folder
        self._all_files = all_files
        self._limit = storage.capabilities.name_limit
        self._known: Memo[bytes, TargetFolder] = Memo(MANY_FOLDERS)
        self._is_store = storage.kind is not Kind.LOCAL
        self._is_fat = not self._is_store and posix.file_system_type(storage.fd(b"")) in _FAT_TYPES

    def judged(self, folder: bytes, line: int) -> TargetFolder:
        known = self._known.get(folder)
        if known is not None:
            return known
        above = self._known.get(split(folder)[0]) if folder else None
        found = _THERE if above is None else above
        for each in with_parents(folder) if above is None else (folder,):
            known = self._known.get(each)
            if known is None:
                known = self._known[each] = self._judged(each, found, line)
            found = known
        return found

    def name_fault(self, name: bytes, folder: bytes) -> Fault | None:
        """Return why a name is not allowed in a folder, None if it is as far as that is known beforehand."""
        if self._is_store:
            key = join(folder, name)
            if len(key) > self._limit:
                return Fault(RowFault.NAME_TOO_LONG, key, self._limit)
            try:
                name.decode()
            except UnicodeDecodeError:
                return Fault(RowFault.NAME_REFUSED, name)
        elif len(name) > self._limit:
            return Fault(RowFault.NAME_TOO_LONG, name, self._limit)
        if self._is_fat and (name[-1:] in b". " or not _NOT_ON_FAT.isdisjoint(name)):
            return Fault(RowFault.NAME_REFUSED, name)
        if name[:8].lower() == b".fileorg" and (len(name) == 8 or (name[8:9] == b"-" and name.endswith(b".part"))):
            return Fault(RowFault.OURS, name)
        return None

    def _judged(self, folder: bytes, parent: TargetFolder, line: int) -> TargetFolder:
        """Return what is known of a folder, if that is known of the one above it."""
        above, name = split(folder)
        if parent.fault is not None:
            return parent
        if fault := self.name_fault(name, above):
            return TargetFolder(exists=False, fault=fault)
        if not parent.exists:
            self._note_missing(folder, line)
            return parent
        try:
            entry = self._storage.lstat_listed(above, name)
            if entry is None:
                self._note_missing(folder, line)
                return TargetFolder(exists=False)
            if not entry.is_folder and self._will_be_folder(folder):
                return TargetFolder(exists=False)
            if not entry.is_folder:
                return TargetFolder(exists=False, fault=_no_folder(folder, entry))
            whole = None if self._all_files else whole_target(self._storage, folder)
        except OSError as error:
            return TargetFolder(exists=False, fault=Fault(RowFault.UNREADABLE, folder, error.errno))
        if whole is not None:
            return TargetFolder(exists=True, fault=Fault(RowFault.KEPT_WHOLE, join(folder, whole.marker)))
        return TargetFolder(exists=True)


def _no_folder(path: bytes, entry: Entry | None) -> Fault:
    """Return why nothing is in a path that leads to no folder."""
    is_symlink = entry is not None and stat.S_ISLNK(entry.mode)
    return Fault(RowFault.BEHIND_SYMLINK if is_symlink else RowFault.BELOW_A_FILE, path)


def is_empty(storage: LocalStorage, folder: bytes) -> bool:
    """Return whether a folder holds no files, at any depth. False if a part of it cannot be read."""
    waiting = [folder]
    try:
        while waiting:
            above = waiting.pop()
            for listing in storage.list_folder(above):
                if listing.files or listing.others:
                    return False
                waiting += [join(above, entry.name) for entry in listing.folders]
    except OSError:
        return False
    return True


def digest_fault(storage: LocalStorage, folder: bytes, entry: Entry, digest: tuple[str, str]) -> Fault | None:
    """Return a fault if the content of a file does not have a digest."""
    if not entry.is_file:
        return Fault(RowFault.NOT_A_FILE)
    algorithm, expected = digest
    if algorithm == ETAG:
        from fileorg.storage.object.client import etag_token

        is_same = storage.kind is not Kind.LOCAL and entry.inode == etag_token(expected)
        return None if is_same else Fault(RowFault.OTHER_CONTENT)
    from fileorg.content.digest import plain_digest

    try:
        found = plain_digest(algorithm, storage, folder, entry.name)
    except OSError as error:
        return Fault(RowFault.UNREADABLE, join(folder, entry.name), error.errno)
    return None if found == expected else Fault(RowFault.OTHER_CONTENT)
