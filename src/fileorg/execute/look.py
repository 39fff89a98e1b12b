"""Before the commit: look at what a batch is about, as it is now, and write down what is meant with it."""

from __future__ import annotations

import os
import stat
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from fileorg.core.model import OF_DUPLICATES, TO_AND_FRO, Action, Base, RecordState
from fileorg.core.names import join, split
from fileorg.execute.duplicates import STAYS_SHARED
from fileorg.execute.identity import Identity, is_certain, is_known
from fileorg.execute.verdict import Refusal
from fileorg.journal.journal import Batch
from fileorg.storage.links import link_content
from fileorg.storage.local.listing import INODE_MASK, entry_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Entry, PlanRow
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.storage.local.storage import LocalStorage

_FROM_SOURCE = TO_AND_FRO | {Action.COPY, Action.HARDLINK, Action.SYMLINK, Action.REFLINK}
_FOLDERS_KNOWN = 20_000
_SKIPPED, _INTENT = RecordState.SKIPPED, RecordState.INTENT


class Changed(Enum):
    """What happens to a file that is not as it was when the plan was made."""

    LEAVE = auto()  # it stays
    EDITED = auto()  # the same file with other content is moved, with a note; another file at its place stays
    ANY = auto()  # whatever file is at the place is moved


class Lookout:
    """Turns rows of a plan into intents of the journal. Used inside a transaction of it."""

    def __init__(
        self, journal: Journal, operation: Operation, storages: Sequence[LocalStorage], changed: Changed
    ) -> None:
        self._journal = journal
        self._operation = operation.id
        self._storages = storages
        self._changed = changed
        self.seen: list[os.stat_result | OSError | None] = []
        """What was at the source of each row of the last batch."""
        self._folders: dict[Base, dict[bytes, int]] = {base: {} for base in range(len(storages))}

    def look(self, batch: Sequence[PlanRow]) -> Batch:
        """An intent for each row, of the same position; as exceptions, those that are not to be done, and why."""
        for storage in self._storages:
            storage.forget(b"")  # a folder that was moved away since is not followed
        seen = self.seen = self._look_at_sources(batch)
        folder_id, known, values = self._folder, self._folders, list[Any]()
        add = values.extend
        exceptions: dict[int, tuple[RecordState, str | None]] = {}
        keepers: dict[int, tuple[int, bytes, int, int]] = {}
        for position, (row, there) in enumerate(zip(batch, seen, strict=True)):
            (action, source_base, source_folder, name, base, folder, target_name, inode, size, mtime_ns, _, category,
             reverts, _, keeper) = row  # fmt: skip
            if (
                there.__class__ is os.stat_result
                and there.st_size == size
                and there.st_mtime_ns == mtime_ns
                and there.st_ino & INODE_MASK == inode
            ):
                # Nearly every row: a file that is as it was planned.
                mode, nlink, dev = there.st_mode, there.st_nlink, there.st_dev
            else:
                found = entry_of(name, there) if isinstance(there, os.stat_result) else there
                state, reason, found = self._judge(row, found)
                if state is not _INTENT or reason:
                    exceptions[position] = (state, reason)
                mode, nlink, dev = row.mode, None, None
                if found is not None:
                    _, size, mtime_ns, _, inode, mode, nlink, dev = found
            # What is known is looked up here: a call each would be a tenth of the look.
            source = known[source_base].get(source_folder) or folder_id(source_base, source_folder) if name else None
            add((
                action, source, name or None,
                known[base].get(folder) or folder_id(base, folder), None if target_name == name else target_name,
                dev, inode, size, mtime_ns, mode, nlink, category or None, reverts or None,
            ))  # fmt: skip
            if keeper is not None:
                keepers[position] = (folder_id(keeper.base, keeper.folder), keeper.name, keeper.inode, keeper.mtime_ns)
        return Batch(values, exceptions, keepers)

    def _look_at_sources(self, batch: Sequence[PlanRow]) -> list[os.stat_result | OSError | None]:
        """What is at each source, folder by folder; None also for rows that are about something else."""
        seen: list[os.stat_result | OSError | None] = [None] * len(batch)
        by_folder: dict[tuple[Base, bytes], list[int]] = {}
        base: Base | None = None
        folder, positions = b"", list[int]()
        for position, row in enumerate(batch):
            if row[0] in _FROM_SOURCE and not row[13]:
                if row[2] is not folder or row[1] is not base:  # rows of one folder follow each other
                    base, folder = row[1], row[2]
                    positions = by_folder.setdefault((base, folder), [])
                positions.append(position)
        for (base, folder), positions in by_folder.items():
            entries = self._storages[base].lstat_all(folder, [batch[position][3] for position in positions])
            for position, entry in zip(positions, entries, strict=True):
                seen[position] = entry
        return seen

    def _judge(self, row: PlanRow, found: Entry | OSError | None) -> tuple[RecordState, str | None, Entry | None]:
        """Whether the row is to be done, what is to be noted, and what is there now."""
        if row.reason:
            return _SKIPPED, row.reason, None
        try:
            if isinstance(found, OSError):
                raise found
            seen, reason = self._look(row, found)
        except Refusal as refusal:
            return refusal.state, refusal.reason, None
        except OSError as error:
            return RecordState.FAILED, error.strerror or str(error), None
        return _INTENT, reason, seen

    def _look(self, row: PlanRow, found: Entry | None) -> tuple[Entry | None, str | None]:
        """What the row is about, as it is now, and a note about it. Raises `Refusal` if it must not be touched."""
        match row.action:
            case Action.REMOVE_COPY | Action.REMOVE_HARDLINK | Action.REMOVE_SYMLINK:
                seen = self._storages[row.target_base].lstat(row.target_folder, row.target_name)
                check_removal(row, seen, self._storages, self._journal)
                return seen, None
            case Action.MAKE_FOLDER:
                seen = self._storages[row.target_base].lstat(row.target_folder, row.target_name)
                if seen is not None and row.category and not seen.is_folder:  # on the way, the files themselves tell
                    raise Refusal(RecordState.CONFLICT, "the name is taken")
                if seen is not None:
                    raise Refusal(RecordState.SKIPPED, "it is there already")
                # Known as missing from now on: a later batch finds it made, and must not take it for older.
                self._folder(row.target_base, join(row.target_folder, row.target_name))
                return None, None
            case Action.REMOVE_FOLDER:
                seen = self._storages[row.target_base].lstat(row.target_folder, row.target_name)
                if seen is None or not seen.is_folder:
                    raise Refusal(RecordState.SKIPPED, "it is no longer there")
                # Known with its time, also where no file leaves it: redo gives it back.
                self._folder(row.target_base, join(row.target_folder, row.target_name))
                return seen, None
            case Action.REMOVE_REFLINK:
                return None, STAYS_SHARED
            case _:
                return found, self._check(row, found)

    def _check(self, row: PlanRow, seen: Entry | None) -> str | None:
        if seen is None:
            raise Refusal(RecordState.MISSING, "it is no longer there")
        if (seen[4], seen[1], seen[2]) == (row.inode, row.size, row.mtime_ns):
            return None
        if not (seen.is_file or (stat.S_ISLNK(seen.mode) and stat.S_ISLNK(row.mode))):
            raise Refusal(RecordState.CHANGED, "there is something else in its place")
        if row.inode == 0:  # not known: a redo of a copy
            return None
        expected = Identity(row.inode, row.size, row.mtime_ns)
        if is_known(self._storages[row.source_base], row.source_folder, seen, expected):
            return None
        same = seen.inode == row.inode and self._storages[row.source_base].has_stable_inodes(row.source_folder)
        if not same and (self._changed is not Changed.ANY or row.action in OF_DUPLICATES):
            raise Refusal(RecordState.CHANGED, "another file is in its place")
        if self._changed is Changed.LEAVE or row.action in OF_DUPLICATES:
            raise Refusal(RecordState.CHANGED, "it changed since it was scanned")
        return "it was edited since, and moved as it is"

    def _folder(self, base: Base, path: bytes) -> int:
        known = self._folders[base].get(path)
        if known is not None:
            return known
        known = self._journal.known_folder(self._operation, base, path)
        if known is None:
            if path:  # those above too: undo may have to make them again
                self._folder(base, split(path)[0])
            try:
                seen = self._storages[base].stat_folder(path)
            except OSError:
                seen = None
            known = self._journal.add_folder(self._operation, base, path, seen)
        if len(self._folders[base]) >= _FOLDERS_KNOWN:
            self._folders[base].clear()
        self._folders[base][path] = known
        return known


def check_removal(row: PlanRow, seen: Entry | None, storages: Sequence[LocalStorage], journal: Journal) -> None:
    """What we made is taken away only if it is still as we made it, and what it was made from still there.

    Raises `Refusal` if not.
    """
    if seen is None:
        raise Refusal(RecordState.MISSING, "it is no longer there")
    storage = storages[row.source_base]
    source = storage.lstat(row.source_folder, row.source_name)
    if row.action is Action.REMOVE_SYMLINK:
        target = storages[row.target_base]
        content = link_content(storage, row.source_folder, row.source_name, target, row.target_folder)
        if not stat.S_ISLNK(seen.mode) or target.readlink(row.target_folder, row.target_name) != content:
            raise Refusal(RecordState.CHANGED, "it is another link now")
        return
    if row.action is Action.REMOVE_HARDLINK:
        stable = storages[row.target_base].has_stable_inodes(row.target_folder)
        if (stable and seen.inode != row.inode) or source is None or source.inode != seen.inode:
            raise Refusal(RecordState.CHANGED, "it is no longer a second name of the same file, and was kept")
        return
    expected, digest = Identity(row.inode, row.size, row.mtime_ns), journal.digest_of(row.reverts)
    if not is_certain(storages[row.target_base], row.target_folder, row.target_name, expected, digest):
        raise Refusal(RecordState.CHANGED, "it was edited since, and was kept")
    # The copy may have another time than its original: a file system rounds it, or does not keep it.
    times = () if source is None else (seen.mtime_ns, journal.mtime_of(row.reverts))
    if source is None or source.size != seen.size or source.mtime_ns not in times:
        raise Refusal(RecordState.CHANGED, "its original changed or is gone, so the copy was kept")
