"""State shared by the actions of one operation: storages, journal lookups, and notes for the summary."""

from __future__ import annotations

import errno
import os
from enum import Enum, auto
from functools import cached_property
from typing import TYPE_CHECKING

from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.names import split
from fileorg.execute.temporaries import aside, remove_checked
from fileorg.execute.verdict import Losses
from fileorg.journal.trash_records import is_trash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.model import Base, PlanRow, Reserving
    from fileorg.execute.free_names import FreeNames
    from fileorg.execute.identity import Identity
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.local.original import Original
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.local.worker import Renamer


SYMLINKS_KEPT = 1000


class Changed(Enum):
    """The treatment of files that changed since the plan was made."""

    LEAVE = auto()  # skip the file
    EDITED = auto()  # move an edited file, with a note; skip a different file at its path
    ANY = auto()  # move any file at the path


class Work:
    """The operation that is being carried out."""

    def __init__(
        self,
        journal: Journal,
        operation: Operation,
        storages: Sequence[LocalStorage],
        renamer: Renamer,
        changed: Changed = Changed.LEAVE,
        is_cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_cancelled` is asked between two files, and while one is copied or compared."""
        self.journal = journal
        self.operation = operation.id
        self._undoes = operation.undoes
        self.storages = storages
        self.renamer = renamer
        self.changed = changed
        self.is_cancelled = is_cancelled
        self.was_cancelled = False
        """True if files were left because the job was cancelled."""
        self.folders: dict[Base, Memo[bytes, int]] = {base: Memo(MANY_FOLDERS) for base in range(len(storages))}
        """A cache of folder ids; `folder_id` looks up the others."""
        self.flagged: dict[tuple[Base, bytes], bytes] = {}
        """Folders from which nothing can be removed, and the folder that has the flag: itself or one above."""
        self.has_trash = False
        """True if the operation involves a folder of the trash."""
        self.touched_folders: set[tuple[Base, bytes]] = set()
        """Folders in which temporary files were created and removed."""
        self.free: FreeNames | None = None
        """The names that earlier rows of the batch make free, if these belong together with folders."""
        self.read_back: list[tuple[int, int]] = []
        """(ctime_ns, record) of each copy made, or file put into the trash, in this batch."""
        self.made_again: dict[int, Identity] = {}
        """Symlinks that a redo has to rewrite and that the redo before it made anew, by the record that it reverts."""
        self.rewritten = 0
        """The number of symlinks that were rewritten or restored because their files moved."""
        self.symlinks: list[bytes] = []
        self.symlink_roots: list[bytes] = []
        """The paths of the first of these symlinks."""
        self.notes: set[str] = set()
        """Notes on the operation as a whole."""
        self.transient = 0
        """The number of files that failed for a reason that may pass."""
        self._commits = 0
        self.losses = Losses()

    def begin_row(self) -> None:
        """Begin to apply a row: see `has_recorded`."""
        self._commits = self.journal.commits

    @property
    def has_recorded(self) -> bool:
        """True if the current row has written into the journal, so that it must not simply be applied again."""
        return self.journal.commits != self._commits

    def is_transient(self, row: PlanRow, error: OSError) -> bool:
        """Return whether an error at a row may pass."""
        from fileorg.core import retry

        if error.errno not in retry.PASSING:
            return False
        try:
            is_network = self.storages[row.source_base].is_network(row.source_folder)
        except OSError:
            is_network = False
        return retry.is_transient(error, is_network=is_network)

    def check_cancelled(self) -> None:
        """Raise `OSError` (ECANCELED) if the job was cancelled."""
        if self.is_cancelled():
            self.was_cancelled = True
            raise OSError(errno.ECANCELED, os.strerror(errno.ECANCELED))

    @cached_property
    def _undone(self) -> Operation | None:
        return self.journal.operation(self._undoes or 0)

    @cached_property
    def unsettled(self) -> set[int]:
        """The records of the operation being undone whose result recovery could not determine."""
        return set() if self._undone is None else self.journal.unsettled(self._undone)

    def is_foreign(self, inode: int, born_ns: int) -> bool:
        """Return whether a file in the place of one to be undone was created by others, after the operation."""
        return self._undone is not None and not self.journal.may_have_made(self._undone, inode, born_ns)

    def came_back(self, row: PlanRow, inode: int) -> bool:
        """Return whether a file in the place of one to be undone has come back there by an undo of the operation."""
        place = row.source_base, row.source_folder, row.source_name
        return self._undone is not None and self.journal.has_brought_back(self._undone, *place, inode)

    @cached_property
    def put_aside(self) -> dict[int, bytes]:
        """The records of the operation being undone whose file has a temporary name since a crash, and that name."""
        return {} if self._undone is None else self.journal.put_aside(self._undone)

    def folder_id(self, base: Base, path: bytes) -> int:
        """Return the journal's id of a folder, recording the folder if it is new. Inside a transaction."""
        known = self.folders[base].get(path)
        if known is not None:
            return known
        new, each = list[bytes](), path  # no recursion: a path may have more parts than Python calls
        while (known := self._known_folder(base, each)) is None:
            new.append(each)
            if not each:
                break
            each, _ = split(each)  # parents too: undo may have to recreate them
        for each in reversed(new):
            known = self.folders[base][each] = self._added_folder(base, each)
        return self.folders[base][path]

    def _known_folder(self, base: Base, path: bytes) -> int | None:
        known = self.folders[base].get(path)
        if known is None and (known := self.journal.known_folder(self.operation, base, path)) is not None:
            self.folders[base][path] = known
        return known

    def _added_folder(self, base: Base, path: bytes) -> int:
        try:
            seen = self.storages[base].stat_folder(path)
        except OSError:
            seen = None
        self._note_flags(base, path, is_there=seen is not None)
        self.has_trash = self.has_trash or is_trash(path)
        return self.journal.add_folder(self.operation, base, path, seen)

    def new_folder(self, base: Base, path: bytes) -> None:
        """Record a folder that will be made, whatever has its name now. Inside a transaction."""
        if self._known_folder(base, path) is None:
            self.folder_id(base, split(path)[0])
            self._note_flags(base, path, is_there=False)
            self.folders[base][path] = self.journal.add_folder(self.operation, base, path, None)

    def _note_flags(self, base: Base, path: bytes, *, is_there: bool) -> None:
        """Note the flag of a folder; one that is still to be made inherits it, because it could not be removed."""
        above = self.flagged.get((base, split(path)[0])) if path and not is_there else None
        if above is None and is_there and self.storages[base].is_flagged(path):
            above = path
        if above is not None:
            self.flagged[base, path] = above

    def note_rewritten(self, root: bytes, path: bytes) -> None:
        """Count a symlink that was rewritten or restored."""
        self.rewritten += 1
        if len(self.symlinks) < SYMLINKS_KEPT:
            self.symlinks.append(path)
            self.symlink_roots.append(root)

    def remove(
        self,
        storage: LocalStorage,
        folder: bytes,
        name: bytes,
        record: int,
        expected: Identity,
        digest: bytes | None = None,
        original: Original | None = None,
        dispose: Callable[[bytes, bytes], None] | None = None,
    ) -> bool:
        """Call `remove_checked` with the temporary name of the record."""
        reserving = self.reserving(record)
        name_aside = aside(self.operation, record)
        facts = expected, digest, original
        return remove_checked(storage, folder, name, name_aside, *facts, reserving=reserving, dispose=dispose)

    def reserving(self, record: int) -> Reserving:
        """Return a callable that records that a placeholder occupies a name of the record."""
        return self.journal.reservations.announcing(record)
