"""Protects last copies: a duplicate in the trash is purged only if another file still has the same content.

The keeper is searched for at its recorded path and where fileorg has moved it since. If the ctimes show that neither
file was touched since they were compared, that is enough; otherwise they are compared again.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, BinaryIO

from fileorg.content.identical import same_bytes
from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.identity import Identity
from fileorg.execute.trash import identity_in_trash
from fileorg.execute.verdict import Refusal
from fileorg.journal.trash_records import TRASH
from fileorg.storage.base import Kind
from fileorg.storage.local.listing import entry_of
from fileorg.storage.local.original import CLOCK_NS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fileorg.core.model import Entry, Keeper
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.journal.trash_records import Trashed
    from fileorg.storage.local.storage import LocalStorage

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class LastCopies:
    """Judges the files that an operation put into the trash."""

    def __init__(self, journal: Journal, purged: Operation, storages: Sequence[LocalStorage]) -> None:
        self._journal = journal
        self._storages = storages
        self._started_ns, self._ended_ns = purged.started_ns, purged.ended_ns or purged.started_ns

    def judge(self, files: Sequence[Trashed], seen: Sequence[Entry | Refusal | None]) -> list[Entry | Refusal | None]:
        """Return the entry of each file of a batch, or why it is kept; `seen` comes from `check_trash`."""
        keepers = self._journal.groups.keepers_of([file.id for file in files])
        doubtful: list[tuple[int, Keeper, Entry]] = []
        judged = list(seen)
        names = Counter(found.inode for found in seen if found is not None and not isinstance(found, Refusal))
        for position, (file, found) in enumerate(zip(files, seen, strict=True)):
            if found is None or isinstance(found, Refusal) or found.nlink > names[found.inode]:
                continue  # missing, kept, or a hard link outside the trash has the same content
            keeper = keepers.get(file.id) if found.is_file else None  # a symlink has no content
            if keeper is not None:
                if self._storages[file.base].kind is not Kind.LOCAL or not (
                    self._is_as_left(file, found) and self._is_untouched(keeper, file, found)
                ):
                    doubtful.append((position, keeper, found))
            elif (refusal := self._not_uploaded(file)) is not None:
                judged[position] = refusal
            elif found.size and found.is_file and self._was_touched(file, found):
                judged[position] = Refusal(RecordState.CHANGED, ReasonCode.EDITED_IN_TRASH)
        if doubtful:
            places = {files[position].id: self._path(*keeper[:3]) for position, keeper, _ in doubtful}
            now = self._journal.trash.moved_on(places)
            in_stores: list[tuple[int, Trashed, list[bytes]]] = []
            for position, keeper, found in doubtful:
                file = files[position]
                paths = dict.fromkeys([places[file.id], now[file.id], self._path(*file.was)])
                if self._storages[file.base].kind is not Kind.LOCAL:
                    in_stores.append((position, file, list(paths)))
                elif (refusal := self._compare(file, found, keeper, paths)) is not None:
                    judged[position] = refusal
            if in_stores:
                from fileorg.execute.last_objects import judged_objects

                for position, refusal in judged_objects(self._storages, in_stores):
                    judged[position] = refusal
        return judged

    def _not_uploaded(self, file: Trashed) -> Refusal | None:
        """Return why a file that went into a store is kept, None if its object is still there and the same."""
        if file.uploaded is None:
            return None
        base, folder, name, token = file.uploaded
        [there] = self._storages[base].lstat_all(folder, [name])
        if isinstance(there, OSError):
            return Refusal.of_error(there)
        if there is not None and (there.st_ino, there.st_size) == (token, file.size):
            return None
        return Refusal(RecordState.CHANGED, ReasonCode.LAST_COPY)

    def _path(self, base: int, folder: bytes, name: bytes) -> bytes:
        return os.path.join(self._storages[base].root, folder, name)

    def _is_as_left(self, file: Trashed, found: Entry) -> bool:
        """Return whether the duplicate was not touched since it was moved to the trash: no program can set a ctime."""
        return found.ctime_ns == file.ctime_ns and self._storages[file.base].has_stable_inodes(file.folder)

    def _was_touched(self, file: Trashed, found: Entry) -> bool:
        """Return whether a file that was moved to the trash was touched after the operation ended."""
        if self._storages[file.base].kind is not Kind.LOCAL:
            return False  # what stands for its inode number changes with its content
        later = found.ctime_ns > self._ended_ns and found.ctime_ns != file.ctime_ns
        # A driver that numbers files itself may have no ctime, either; an overlay has that of its upper layer.
        return later and not self._storages[file.base].reuses_inodes(file.folder)

    def _is_untouched(self, keeper: Keeper, file: Trashed, found: Entry) -> bool:
        storage = self._storages[keeper.base]
        try:
            there = storage.lstat(keeper.folder, keeper.name)
            stable = storage.has_stable_inodes(keeper.folder)
        except OSError:
            return False
        return (
            Identity(keeper.inode, file.size, keeper.mtime_ns).fits(there)
            and (there.dev, there.inode) != (found.dev, found.inode)
            and there.ctime_ns < self._started_ns - CLOCK_NS
            and stable
        )

    def _compare(self, file: Trashed, found: Entry, keeper: Keeper, paths: dict[bytes, None]) -> Refusal | None:
        """Return why a file is kept, or None if another file at one of `paths` has the same content."""
        storage = self._storages[file.base]
        try:
            with storage.open_read(file.folder, file.name) as victim:
                if any(_holds_the_same(path, victim, found) for path in paths):
                    return None
        except OSError as error:
            return Refusal.of_error(error)
        is_edited = not self._is_as_left(file, found) and self._is_untouched(keeper, file, found)
        code = ReasonCode.EDITED_IN_TRASH if is_edited else ReasonCode.LAST_COPY
        return Refusal(RecordState.CHANGED, code)


def _holds_the_same(path: bytes, victim: BinaryIO, found: Entry) -> bool:
    """Return whether another file at `path`, outside the trash, has the content of `victim`.

    Raises `OSError` if one of them cannot be read.
    """
    if b"/" + TRASH + b"/" in path:
        return False
    try:
        fd = os.open(path, _READ)
    except OSError:
        return False
    try:
        seen = entry_of(b"", os.fstat(fd))
        if not seen.is_file or seen.size != found.size or (seen.dev, seen.inode) == (found.dev, found.inode):
            return False
        victim.seek(0)
        with open(fd, "rb", buffering=0, closefd=False) as other:
            return same_bytes(victim, other, found.size)
    finally:
        os.close(fd)


def as_put_back(storage: LocalStorage, file: Trashed, keepers: Mapping[int, Keeper]) -> dict[str, int]:
    """Return the columns to record for a file that was put aside and back, which changed its ctime.

    A duplicate needs none: it is compared with its keeper instead.
    """
    try:
        there = storage.lstat(file.folder, file.name)
    except OSError:
        return {}
    if file.id in keepers or not identity_in_trash(file).fits(there):
        return {}
    return {"target_ctime_ns": there.ctime_ns}
