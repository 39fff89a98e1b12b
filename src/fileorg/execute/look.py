"""Before the commit: look at what a batch is about, as it is now, and write down what is meant with it."""

from __future__ import annotations

import stat
from enum import Enum, auto
from typing import TYPE_CHECKING

from fileorg.execute.steps import Identity, Refusal, link_content
from fileorg.journal import Intent
from fileorg.model import Action, Base, Entry, RecordState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.journal import Journal, Operation
    from fileorg.model import PlanRow
    from fileorg.storage import LocalStorage

_FROM_SOURCE = frozenset({Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK})
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
        self._folders: dict[Base, dict[bytes, int]] = {base: {} for base in Base}

    def intents(self, batch: Sequence[PlanRow]) -> list[Intent]:
        """An intent for each row, of the same position: to be done, or not and why."""
        for storage in self._storages:
            storage.forget(b"")  # a folder that was moved away since is not followed
        seen = self._look_at_sources(batch)
        operation, new = self._operation, tuple.__new__
        intents: list[Intent] = []
        for row, entry in zip(batch, seen, strict=True):
            action, source_base, source_folder, name, base, folder, target_name, inode, size, mtime_ns, *_ = row
            if entry.__class__ is Entry and (entry[4], entry[1], entry[2]) == (inode, size, mtime_ns):
                # Nearly every row: a file that is as it was planned.
                source = self._folder(source_base, source_folder)
                target = self._folder(base, folder)
                intents.append(
                    new(
                        Intent,
                        (operation, action, source, name, target, None if target_name == name else target_name,
                         entry[7], inode, size, mtime_ns, entry[5], entry[6], row[11], _INTENT, row[12] or None, None),
                    )
                )  # fmt: skip
            else:
                intents.append(self._intent(row, entry))
        return intents

    def _look_at_sources(self, batch: Sequence[PlanRow]) -> list[Entry | OSError | None]:
        """What is at each source, folder by folder; None also for rows that are about something else."""
        seen: list[Entry | OSError | None] = [None] * len(batch)
        by_folder: dict[tuple[Base, bytes], list[int]] = {}
        for position, row in enumerate(batch):
            if row[0] in _FROM_SOURCE and not row[13]:
                by_folder.setdefault((row[1], row[2]), []).append(position)
        for (base, folder), positions in by_folder.items():
            entries = self._storages[base].lstat_all(folder, [batch[position][3] for position in positions])
            for position, entry in zip(positions, entries, strict=True):
                seen[position] = entry
        return seen

    def _intent(self, row: PlanRow, found: Entry | OSError | None) -> Intent:
        state, reason, seen = _INTENT, row.reason or None, None
        if row.reason:
            state = _SKIPPED
        else:
            try:
                if isinstance(found, OSError):
                    raise found
                seen, reason = self._look(row, found)
            except Refusal as refusal:
                state, reason = refusal.state, refusal.reason
            except OSError as error:
                state, reason = RecordState.FAILED, error.strerror or str(error)
        has_source = row.source_name != b""
        known = seen or _Planned(row)
        return Intent(
            self._operation,
            row.action,
            self._folder(row.source_base, row.source_folder) if has_source else None,
            row.source_name if has_source else None,
            self._folder(row.target_base, row.target_folder),
            None if row.target_name == row.source_name else row.target_name,
            known.dev,
            known.inode,
            known.size,
            known.mtime_ns,
            known.mode,
            known.nlink,
            row.category or None,
            state,
            row.reverts or None,
            reason,
        )

    def _look(self, row: PlanRow, found: Entry | None) -> tuple[Entry | None, str | None]:
        """What the row is about, as it is now, and a note about it. Raises `Refusal` if it must not be touched."""
        match row.action:
            case Action.MOVE | Action.COPY | Action.HARDLINK | Action.SYMLINK:
                return found, self._check(row, found)
            case Action.REMOVE_COPY | Action.REMOVE_HARDLINK | Action.REMOVE_SYMLINK:
                seen = self._storages[row.target_base].lstat(row.target_folder, row.target_name)
                check_removal(row, seen, self._storages)
                return seen, None
            case Action.MAKE_FOLDER:
                if self._storages[row.target_base].lstat(row.target_folder, row.target_name) is not None:
                    raise Refusal(RecordState.SKIPPED, "it is there already")
                return None, None
            case Action.REMOVE_FOLDER:
                seen = self._storages[row.target_base].lstat(row.target_folder, row.target_name)
                if seen is None or not seen.is_folder:
                    raise Refusal(RecordState.SKIPPED, "it is no longer there")
                return seen, None

    def _check(self, row: PlanRow, seen: Entry | None) -> str | None:
        if seen is None:
            raise Refusal(RecordState.MISSING, "it is no longer there")
        if (seen[4], seen[1], seen[2]) == (row.inode, row.size, row.mtime_ns):
            return None
        if not seen.is_file:
            raise Refusal(RecordState.CHANGED, "there is something else in its place")
        if row.inode == 0:  # not known: a redo of a copy
            return None
        if seen.inode != row.inode and self._changed is not Changed.ANY:
            raise Refusal(RecordState.CHANGED, "another file is in its place")
        if self._changed is Changed.LEAVE:
            raise Refusal(RecordState.CHANGED, "it changed since it was scanned")
        return "it was edited since, and moved as it is"

    def _folder(self, base: Base, path: bytes) -> int:
        known = self._folders[base].get(path)
        if known is not None:
            return known
        known = self._journal.known_folder(self._operation, base, path)
        if known is None:
            try:
                seen = self._storages[base].stat_folder(path)
            except OSError:
                seen = None
            known = self._journal.add_folder(self._operation, base, path, seen)
        if len(self._folders[base]) >= _FOLDERS_KNOWN:
            self._folders[base].clear()
        self._folders[base][path] = known
        return known


def check_removal(row: PlanRow, seen: Entry | None, storages: Sequence[LocalStorage]) -> None:
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
        if seen.inode != row.inode or source is None or source.inode != seen.inode:
            raise Refusal(RecordState.CHANGED, "it is no longer a second name of the same file, and was kept")
        return
    if not Identity(row.inode, row.size, row.mtime_ns).fits(seen):
        raise Refusal(RecordState.CHANGED, "it was edited since, and was kept")
    if source is None or (source.size, source.mtime_ns) != (seen.size, seen.mtime_ns):
        raise Refusal(RecordState.CHANGED, "its original changed or is gone, so the copy was kept")


class _Planned:
    """What a record says of a file that was not looked at, or not found: what the plan knew."""

    dev = None
    nlink = None

    def __init__(self, row: PlanRow) -> None:
        self.inode = row.inode
        self.size = row.size
        self.mtime_ns = row.mtime_ns
        self.mode = row.mode
