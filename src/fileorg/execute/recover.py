"""After a crash: look at every file of an operation that was left open, and say for each what came of it.

No record is believed, not even "done": a file system may have lost a rename that the journal still has. What is found
on the disk decides. Recovery can be killed and run again.
"""

from __future__ import annotations

import os
import stat
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from fileorg.execute.steps import (
    Identity,
    aside,
    identity,
    link_content,
    remove_checked,
    seal,
    settle_aside,
    temporary,
)
from fileorg.journal import checked
from fileorg.model import Action, RecordState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fileorg.events import Reporter
    from fileorg.journal import Journal, Operation, Record
    from fileorg.model import Entry
    from fileorg.storage import LocalStorage

NOT_DONE = "the run was interrupted before it was done"


class Verdict(NamedTuple):
    """What became of one record."""

    state: RecordState
    reason: str | None = None
    columns: Mapping[str, Any] = MappingProxyType({})


_DONE = Verdict(RecordState.DONE)
_NOT_DONE = Verdict(RecordState.SKIPPED, NOT_DONE)
_CHANGED = Verdict(RecordState.CHANGED, "after the crash, neither name holds the file as it was; nothing was touched")


def recover(journal: Journal, operation: Operation, storages: Sequence[LocalStorage], reporter: Reporter) -> None:
    """Settle and seal one open operation. The caller holds the run lock and the locks of its roots."""
    journal.interrupt(operation.id)
    low, high = journal.record_range(operation)
    reporter.stage("recover", max(0, high - low + 1))
    for batch in journal.records(operation):
        marks = []
        for raw in batch:
            record = checked(raw)
            verdict = _judge(record, operation.id, storages)
            if (verdict.state, verdict.reason) != (record.state, record.error) or verdict.columns:
                marks.append((record.id, verdict.state, {"error": verdict.reason, **verdict.columns}))
        with journal.transaction():
            journal.mark_many(marks)
        reporter.advance(len(batch))
    journal.sync_reverted(operation.id)
    seal(journal, operation, storages)


def _judge(record: Record, operation: int, storages: Sequence[LocalStorage]) -> Verdict:
    if record.state in {RecordState.SKIPPED, RecordState.UNDONE}:
        return Verdict(record.state, record.error)  # decided before anything was done
    case = _Case(record, operation, storages)
    try:
        match record.action:
            case Action.MOVE:
                verdict = case.move()
            case Action.COPY:
                verdict = case.copy()
            case Action.HARDLINK:
                verdict = case.made(lambda there: there.inode == record.inode)
            case Action.SYMLINK:
                verdict = case.made(case.is_our_symlink)
            case Action.MAKE_FOLDER:
                verdict = case.made(lambda there: there.is_folder)
            case Action.REMOVE_FOLDER:
                verdict = _DONE if case.at_target() is None else _NOT_DONE
            case Action.REMOVE_COPY | Action.REMOVE_HARDLINK | Action.REMOVE_SYMLINK:
                verdict = case.removal()
    except OSError as error:
        return Verdict(RecordState.CHANGED, f"after the crash it could not be looked at: {error.strerror or error}")
    # What was refused before the crash stays refused for the reason known then.
    if verdict is _NOT_DONE and record.state not in {
        RecordState.INTENT,
        RecordState.COPIED,
        RecordState.DONE,
    }:
        return Verdict(record.state, record.error)
    return verdict


class _Case:
    """One record, and the places it speaks of."""

    def __init__(self, record: Record, operation: int, storages: Sequence[LocalStorage]) -> None:
        self.record = record
        self.source = storages[record.source_base]
        self.target = storages[record.target_base]
        self.temporary = temporary(operation, record.id)
        self.aside = aside(operation, record.id)
        self.original = Identity(record.inode, record.size, record.mtime_ns)
        self.moved = Identity(record.target_inode, record.size, record.target_mtime_ns)

    def at_source(self) -> Entry | None:
        return self.source.lstat(self.record.source_folder, self.record.source_name)

    def at_target(self) -> Entry | None:
        return self.target.lstat(self.record.target_folder, self.record.target_name)

    def move(self) -> Verdict:
        if (made := self._settle_copy()) is not None:
            return self._move_across(made)
        source, target = self.at_source(), self.at_target()
        match (self.original.fits(source), self.moved.fits(target), target is None):
            case (False, True, _):
                # A new file at the source is someone else's.
                return Verdict(RecordState.DONE, self._note())
            case (True, False, True):
                return _NOT_DONE
            case (True, True, _) if source is not None and target is not None and source.inode == target.inode:
                # Between link and unlink: both names are of one file.
                self.source.remove(self.record.source_folder, self.record.source_name)
                return _DONE
            case (True, False, False) if self._is_our_placeholder(target):
                self.target.remove(self.record.target_folder, self.record.target_name)
                return _NOT_DONE
            case (True, False, False):
                return Verdict(RecordState.CONFLICT, "the name is taken")
            case (False, False, True) if source is None:
                return Verdict(RecordState.MISSING, "after the crash, it is under neither of its names")
            case _:
                return self._edited(source, target)

    def _edited(self, source: Entry | None, target: Entry | None) -> Verdict:
        """The same inode with other content: an outsider wrote to it, wherever it is."""
        if target is not None and target.inode == self.record.target_inode and target.is_file and source is None:
            return Verdict(RecordState.DONE, "it was edited since")
        if source is not None and source.inode == self.record.inode and target is None:
            return _NOT_DONE
        return _CHANGED

    def _note(self) -> str | None:
        return self.record.error if self.record.state in {RecordState.INTENT, RecordState.DONE} else None

    def _is_our_placeholder(self, target: Entry | None) -> bool:
        record = self.record
        placed = record.digest is None and record.target_inode != record.inode
        return placed and target is not None and target.size == 0 and target.inode == record.target_inode

    def _settle_copy(self) -> Identity | None:
        """Bring a copy under way to one of two ends: there is none, or it is whole and under its name."""
        folder, name = self.record.target_folder, self.record.target_name
        staged = self.target.lstat(folder, self.temporary)
        if staged is None:
            return self.moved if self.record.digest is not None else None
        there = self.at_target()
        published = there is not None and (there.dev, there.inode) == (staged.dev, staged.inode)
        if published and self.record.digest is None and self.at_source() is not None:
            # It was never recorded, and the original is there: as if it had not happened.
            remove_checked(self.target, folder, name, self.aside, identity(staged))
            published = False
        self.target.discard(folder, self.temporary)
        return identity(staged) if published else None

    def _move_across(self, made: Identity) -> Verdict:
        """The copy is whole; now the original goes, unless either of them is no longer what it was."""
        record = self.record
        aside_there = self.source.lstat(record.source_folder, self.aside) is not None
        copied = {"target_inode": made.inode, "target_mtime_ns": made.mtime_ns}
        if not made.fits(self.at_target()):
            if aside_there:
                self.source.rename_noreplace(
                    record.source_folder, self.aside, self.source, record.source_folder, record.source_name
                )
            return _NOT_DONE if self.original.fits(self.at_source()) else _CHANGED
        if aside_there:
            gone = settle_aside(self.source, record.source_folder, record.source_name, self.aside, self.original)
        elif self.original.fits(self.at_source()):
            gone = remove_checked(self.source, record.source_folder, record.source_name, self.aside, self.original)
        else:
            gone = True  # what is at the source now is someone else's
        return Verdict(RecordState.DONE, self._note(), copied) if gone else _CHANGED

    def copy(self) -> Verdict:
        made = self._settle_copy()
        target = self.at_target()
        if made is not None and made.fits(target):
            columns = {"target_inode": made.inode, "target_mtime_ns": made.mtime_ns}
            return Verdict(RecordState.DONE, self._note(), columns)
        return _NOT_DONE if target is None else Verdict(RecordState.CONFLICT, "the name is taken")

    def made(self, is_ours: Any) -> Verdict:
        """For what is there or not, and is made in one step."""
        there = self.at_target()
        if there is None:
            return _NOT_DONE
        return _DONE if is_ours(there) else Verdict(RecordState.CONFLICT, "the name is taken")

    def is_our_symlink(self, there: Entry) -> bool:
        record = self.record
        content = link_content(self.source, record.source_folder, record.source_name, self.target, record.target_folder)
        return stat.S_ISLNK(there.mode) and (
            os.fsencode(self.target.readlink(record.target_folder, record.target_name)) == content
        )

    def removal(self) -> Verdict:
        folder, name = self.record.target_folder, self.record.target_name
        if self.target.lstat(folder, self.aside) is not None:
            return _DONE if settle_aside(self.target, folder, name, self.aside, self.original) else _CHANGED
        there = self.at_target()
        if there is None:
            return _DONE
        return _NOT_DONE if there.inode == self.record.inode else _CHANGED
