"""Where one rename cannot do it: to another file system, or on one that can neither refuse to replace nor link.

What is made here has a name of ours until it is whole, and each step can be told from the next by what lies there.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from typing import TYPE_CHECKING

from fileorg.core.model import NOT_KEPT, Action, RecordState
from fileorg.core.names import display, join
from fileorg.execute.identity import Identity, identity, is_known
from fileorg.execute.temporaries import PLACED, Stuck, rename_over_reserved, temporary
from fileorg.execute.verdict import Refusal

if TYPE_CHECKING:
    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.work import Work
    from fileorg.journal.journal import Intent
    from fileorg.storage.local.storage import StagedCopy


class Across:
    """Copies, moves to other devices, and moves by a placeholder, one at a time."""

    def __init__(self, work: Work) -> None:
        self._journal = work.journal
        self._operation = work.operation
        self._storages = work.storages
        self.remove = work.remove
        self.disturbed = work.disturbed

    def move(self, row: PlanRow, intent: Intent, record: int) -> None:
        """To another file system: copy, make sure, and only then take the original away."""
        if (intent.nlink or 1) > 1:
            raise Refusal(
                RecordState.SKIPPED,
                f"it has {intent.nlink} names (hard links), torn apart by another disk; --action copy copies it",
            )
        if not stat.S_ISREG(intent.mode or stat.S_IFREG):
            raise Refusal(RecordState.SKIPPED, "it is a symlink, which is not carried to another disk")
        source = self._storages[row.source_base]
        original = Identity(intent.inode or 0, intent.size or 0, intent.mtime_ns or 0)
        staged, entry = self._copy(row, record)
        made = identity(entry)
        try:
            gone = self.remove(source, row.source_folder, row.source_name, record, original, staged.digest)
        except OSError:
            gone = False
        if not gone:
            self.disturbed.add((row.source_base, row.source_folder))
            self._withdraw(row, record, made, staged.digest)
            raise Refusal(RecordState.CHANGED, "it changed or was held while it was moved, and stayed")

    def copy(self, row: PlanRow, record: int) -> None:
        """A durable copy under its name, and a record that says so."""
        self._copy(row, record)

    def _copy(self, row: PlanRow, record: int) -> tuple[StagedCopy, Entry]:
        source, target = self._storages[row.source_base], self._storages[row.target_base]
        name = temporary(self._operation, record)
        self.disturbed.add((row.target_base, row.target_folder))
        mode, mtime_ns = self._as_before(row)
        staged = source.stage_copy(
            row.source_folder, row.source_name, target, row.target_folder, name, mode=mode, mtime_ns=mtime_ns
        )
        try:
            made = self._publish(row, record, name, staged)
            self._mark(record, RecordState.COPIED, staged, made)
        except OSError:
            self._withdraw(row, record, identity(staged.entry), staged.digest)
            raise
        try:
            target.discard(row.target_folder, name)
        except OSError as error:
            raise self._stuck(row, name) from error
        return staged, made

    def _as_before(self, row: PlanRow) -> tuple[int | None, int | None]:
        """The mode and the mtime_ns that a file had before it went to a file system that does not keep them."""
        if not row.reverts or row.action is not Action.MOVE:
            return None, None
        mode, mtime_ns = self._journal.lost_by(row.reverts)
        seen = self._storages[row.source_base].lstat(row.source_folder, row.source_name)
        edited = seen is None or seen.mtime_ns != row.mtime_ns
        return mode, None if edited else mtime_ns

    def _publish(self, row: PlanRow, record: int, name: bytes, staged: StagedCopy) -> Entry:
        """Give the copy its name, by whatever the file system has."""
        target, folder = self._storages[row.target_base], row.target_folder

        def before_rename() -> None:
            self._mark(record, RecordState.INTENT, staged, staged.entry)

        try:
            return target.publish(folder, name, row.target_name, before_rename=before_rename)
        except OSError as error:
            if error.errno != errno.ENOTSUP:
                raise
        rename_over_reserved(target, folder, name, target, folder, row.target_name)
        os.fsync(target.fd(folder))
        return target.lstat(folder, row.target_name) or staged.entry

    def _mark(self, record: int, state: RecordState, staged: StagedCopy, made: Entry) -> None:
        lost = f"{', '.join(staged.lost_metadata)}{NOT_KEPT}" if staged.lost_metadata else None
        self._journal.mark(
            record,
            state,
            target_inode=made.inode,
            target_mtime_ns=made.mtime_ns,
            digest=staged.digest,
            error=lost,
        )

    def _withdraw(self, row: PlanRow, record: int, made: Identity, digest: bytes) -> None:
        """Take a copy of ours away again, under whichever of its names. Raises `Stuck`: recovery is to do it then."""
        target, name = self._storages[row.target_base], temporary(self._operation, record)
        try:
            if is_known(target, row.target_folder, target.lstat(row.target_folder, row.target_name), made):
                self.remove(target, row.target_folder, row.target_name, record, made, digest)
            target.discard(row.target_folder, name)
        except OSError as error:
            raise self._stuck(row, name) from error

    def by_placeholder(self, row: PlanRow, record: int) -> None:
        """Take the name with an empty file, which no one can do twice, and rename over that."""
        source, target = self._storages[row.source_base], self._storages[row.target_base]
        # The time is what tells an empty file of ours from one that was there before.
        self._journal.mark(record, RecordState.INTENT, target_inode=PLACED, target_mtime_ns=time.time_ns())
        self.disturbed.add((row.target_base, row.target_folder))
        rename_over_reserved(source, row.source_folder, row.source_name, target, row.target_folder, row.target_name)
        made = target.lstat(row.target_folder, row.target_name)
        if made is not None:
            self._journal.mark(record, RecordState.COPIED, target_inode=made.inode, target_mtime_ns=made.mtime_ns)

    def _stuck(self, row: PlanRow, name: bytes) -> Stuck:
        shown = display(join(row.target_folder, row.target_name))
        return Stuck(f"The copy {shown} can neither be finished nor taken away: see {display(name)} beside it.")
