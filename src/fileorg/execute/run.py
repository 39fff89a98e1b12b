"""Carry out a plan: journaled before it acts, never overwriting, one commit a batch. The only writer of user files."""

from __future__ import annotations

import errno
import stat
import time
from enum import Enum, auto
from typing import TYPE_CHECKING

from fileorg.execute.steps import Identity, aside, identity, link_content, remove_checked, seal, temporary
from fileorg.journal import Intent, Settled
from fileorg.model import Action, Outcome, Problem, RecordState
from fileorg.names import join

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.events import Reporter
    from fileorg.journal import Journal, Operation
    from fileorg.model import Base, Entry, Plan, PlanRow
    from fileorg.storage import LocalStorage

BATCH_ROWS = 4096
"""Rows a commit: a commit costs one flush of the disk, and Ctrl-C waits for the batch to end."""

_PROBLEMS_KEPT = 1000


class Changed(Enum):
    """What happens to a file that is not as it was when the plan was made."""

    LEAVE = auto()  # it stays
    EDITED = auto()  # the same file with other content is moved, with a note; another file at its place stays
    ANY = auto()  # whatever is at the place is moved


class Refusal(Exception):
    """A file that is not done, and why. It becomes the state of its record; it never ends the run."""

    def __init__(self, state: RecordState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


class Execution:
    """One operation at work. Holds one batch at a time."""

    def __init__(
        self,
        journal: Journal,
        operation: Operation,
        storages: Sequence[LocalStorage],
        reporter: Reporter,
        *,
        stop: Callable[[], bool] = lambda: False,
        changed: Changed = Changed.LEAVE,
    ) -> None:
        """`storages` by `Base`. `stop` is asked before each batch."""
        self._journal = journal
        self._operation = operation
        self._storages = storages
        self._reporter = reporter
        self._stop = stop
        self._changed = changed
        self._outcome = Outcome(operation.id)
        self._exceptions: list[tuple[RecordState, str | None, int]] = []
        self._notes: list[tuple[str, int]] = []

    def run(self, plan: Plan, rows: int = BATCH_ROWS) -> Outcome:
        """All of the plan, or as much as there is time for. Raises `JournalError` if the journal cannot be written:
        the batch it was for is not touched then.
        """
        started = time.monotonic()
        settled: Settled | None = None
        for batch in plan.batches(rows):
            if self._stop():
                self._outcome.interrupted = True
                break
            with self._journal.transaction():
                if settled is not None:
                    self._journal.settle(settled)
                intents = [self._intent(row) for row in batch]
                first = self._journal.insert(intents)
            settled = self._act(batch, intents, first)
            done = len(batch)
            self._reporter.advance(done, sum(row.size for row in batch), batch[-1].source_folder)
        if settled is not None:
            with self._journal.transaction():
                self._journal.settle(settled)
        if self._outcome.interrupted:
            self._journal.mark_interrupted(self._operation.id)
        seal(self._journal, self._operation, self._storages)
        return self._finish(time.monotonic() - started)

    def _finish(self, seconds: float) -> Outcome:
        counts = self._journal.counts(self._operation.id)
        outcome = self._outcome
        outcome.done, outcome.bytes = counts.get(RecordState.DONE, (0, 0))
        outcome.counts = {state: files for state, (files, _) in counts.items()}
        outcome.seconds = seconds
        return outcome

    # Before the commit: look, and write down what is meant ---------------------------------------------------------

    def _intent(self, row: PlanRow) -> Intent:
        state, reason, seen = RecordState.INTENT, row.reason or None, None
        if row.reason:
            state = RecordState.SKIPPED
        else:
            try:
                seen, reason = self._look(row)
            except Refusal as refusal:
                state, reason = refusal.state, refusal.reason
            except OSError as error:
                state, reason = RecordState.FAILED, error.strerror or str(error)
        has_source = row.source_name != b""
        known = seen or _Planned(row)
        return Intent(
            self._operation.id,
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

    def _look(self, row: PlanRow) -> tuple[Entry | None, str | None]:
        """What the row is about, as it is now, and a note about it. Raises `Refusal` if it must not be touched."""
        match row.action:
            case Action.MOVE | Action.COPY | Action.HARDLINK | Action.SYMLINK:
                seen = self._storages[row.source_base].lstat(row.source_folder, row.source_name)
                return seen, self._check(row, seen)
            case Action.REMOVE_COPY | Action.REMOVE_HARDLINK | Action.REMOVE_SYMLINK:
                seen = self._storages[row.target_base].lstat(row.target_folder, row.target_name)
                self._check_removal(row, seen)
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

    def _check_removal(self, row: PlanRow, seen: Entry | None) -> None:
        """What we made is taken away only if it is still as we made it, and what it was made from still there."""
        if seen is None:
            raise Refusal(RecordState.MISSING, "it is no longer there")
        storage = self._storages[row.source_base]
        source = storage.lstat(row.source_folder, row.source_name)
        if row.action is Action.REMOVE_SYMLINK:
            target = self._storages[row.target_base]
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

    def _folder(self, base: Base, path: bytes) -> int:
        known = self._journal.known_folder(self._operation.id, base, path)
        if known is not None:
            return known
        try:
            seen = self._storages[base].stat_folder(path)
        except OSError:
            seen = None
        return self._journal.add_folder(self._operation.id, base, path, seen)

    # After the commit: act ------------------------------------------------------------------------------------------

    def _act(self, batch: Sequence[PlanRow], intents: Sequence[Intent], first: int) -> Settled:
        self._exceptions, self._notes = [], []
        storages, intended = self._storages, RecordState.INTENT
        for record, (row, intent) in enumerate(zip(batch, intents, strict=True), first):
            if intent[13] is not intended:
                self._problem(row, intent.state, intent.error or "")
                continue
            try:
                if row[0] is Action.MOVE:
                    storages[row[1]].rename_noreplace(row[2], row[3], storages[row[4]], row[5], row[6])
                else:
                    self._act_on(row, record)
            except Refusal as refusal:
                self._refuse(row, record, refusal.state, refusal.reason)
            except OSError as error:
                self._recoverable(row, intent, record, error)
        reverted = [row.reverts for row in batch if row.reverts]
        refused = {record for _, _, record in self._exceptions}
        return Settled(
            first,
            first + len(batch) - 1,
            self._exceptions,
            self._notes,
            (min(reverted), max(reverted)) if reverted else None,
            [
                (row.reverts,)
                for record, (row, intent) in enumerate(zip(batch, intents, strict=True), first)
                if row.reverts and (record in refused or intent.state is not intended)
            ]
            if reverted
            else [],
        )

    def _act_on(self, row: PlanRow, record: int) -> None:
        source, target = self._storages[row.source_base], self._storages[row.target_base]
        place = (row.target_folder, row.target_name)
        match row.action:
            case Action.COPY:
                self._copy(row, record)
            case Action.HARDLINK:
                source.hardlink(row.source_folder, row.source_name, target, *place)
            case Action.SYMLINK:
                content = link_content(source, row.source_folder, row.source_name, target, row.target_folder)
                target.symlink(content, *place)
            case Action.MAKE_FOLDER:
                target.make_folder(*place, row.mode)
            case Action.REMOVE_FOLDER:
                target.remove_folder(*place)
            case Action.REMOVE_COPY | Action.REMOVE_HARDLINK | Action.REMOVE_SYMLINK:
                seen = target.lstat(*place)
                if seen is None:
                    raise Refusal(RecordState.MISSING, "it is no longer there")
                self._check_removal(row, seen)
                self._remove(target, *place, record, identity(seen))

    def _recoverable(self, row: PlanRow, intent: Intent, record: int, error: OSError) -> None:
        """An error that means: by another way. Any other is the file's own, and the run goes on."""
        try:
            match (row.action, error.errno):
                case (Action.MOVE, errno.EXDEV):
                    self._move_across(row, intent, record)
                case (Action.MOVE, errno.ENOTSUP):
                    self._move_by_placeholder(row, record)
                case _:
                    raise error
        except Refusal as refusal:
            self._refuse(row, record, refusal.state, refusal.reason)
        except OSError as failure:
            self._refuse(row, record, *_verdict(row, failure))

    def _move_across(self, row: PlanRow, intent: Intent, record: int) -> None:
        """To another file system: copy, make sure, and only then take the original away."""
        if (intent.nlink or 1) > 1:
            raise Refusal(
                RecordState.SKIPPED,
                f"it has {intent.nlink} names (hard links) that would be torn apart on another disk; --action copy copies it",
            )
        source = self._storages[row.source_base]
        original = Identity(intent.inode or 0, intent.size or 0, intent.mtime_ns or 0)
        made = identity(self._copy(row, record))
        name = aside(self._operation.id, record)
        try:
            gone = remove_checked(source, row.source_folder, row.source_name, name, original)
        except OSError:
            gone = False
        if not gone:
            self._remove(self._storages[row.target_base], row.target_folder, row.target_name, record, made)
            raise Refusal(RecordState.CHANGED, "it changed or was held while it was moved, and stayed")

    def _copy(self, row: PlanRow, record: int) -> Entry:
        """A durable copy under its name, and a record that says so."""
        source, target = self._storages[row.source_base], self._storages[row.target_base]
        name = temporary(self._operation.id, record)
        staged = source.stage_copy(row.source_folder, row.source_name, target, row.target_folder, name)
        try:
            made = target.publish(row.target_folder, name, row.target_name)
            lost = f"{', '.join(staged.lost_metadata)} could not be kept" if staged.lost_metadata else None
            self._journal.mark(
                record,
                RecordState.COPIED,
                target_inode=made.inode,
                target_mtime_ns=made.mtime_ns,
                digest=staged.digest,
                error=lost,
            )
        except OSError:
            target.discard(row.target_folder, name)
            raise
        target.discard(row.target_folder, name)
        return made

    def _move_by_placeholder(self, row: PlanRow, record: int) -> None:
        """Where the file system can neither rename without replacing nor link: take the name with an empty file first."""
        source, target = self._storages[row.source_base], self._storages[row.target_base]
        reserved = target.reserve(row.target_folder, row.target_name)
        self._journal.mark(record, RecordState.INTENT, target_inode=reserved.inode)
        try:
            source.rename_onto_reserved(row.source_folder, row.source_name, target, row.target_folder, reserved)
        except OSError:
            if identity(reserved).fits(target.lstat(row.target_folder, row.target_name)):
                target.remove(row.target_folder, row.target_name)
            raise
        made = target.lstat(row.target_folder, row.target_name)
        if made is not None:
            self._journal.mark(
                record, RecordState.COPIED, target_inode=made.inode, target_mtime_ns=made.mtime_ns
            )

    def _remove(self, storage: LocalStorage, folder: bytes, name: bytes, record: int, expected: Identity) -> None:
        if not remove_checked(storage, folder, name, aside(self._operation.id, record), expected):
            raise Refusal(RecordState.CHANGED, "it changed just now, and was kept")

    def _refuse(self, row: PlanRow, record: int, state: RecordState, reason: str) -> None:
        self._exceptions.append((state, reason, record))
        self._problem(row, state, reason)

    def _problem(self, row: PlanRow, state: RecordState, reason: str) -> None:
        if row.action in {Action.MAKE_FOLDER, Action.REMOVE_FOLDER} and state is RecordState.SKIPPED:
            return  # a folder that is there already, or that others have filled: nothing to worry about
        if len(self._outcome.problems) < _PROBLEMS_KEPT:
            path = join(row.source_folder, row.source_name) or join(row.target_folder, row.target_name)
            self._outcome.problems.append(Problem(path, state, reason))


class _Planned:
    """What a record says of a file that was not looked at, or not found: what the plan knew."""

    dev = None
    nlink = None

    def __init__(self, row: PlanRow) -> None:
        self.inode = row.inode
        self.size = row.size
        self.mtime_ns = row.mtime_ns
        self.mode = row.mode


def _verdict(row: PlanRow, error: OSError) -> tuple[RecordState, str]:
    """The state and the reason of a failure that stays one."""
    match (row.action, error.errno):
        case (Action.MAKE_FOLDER, errno.EEXIST):
            return RecordState.SKIPPED, "it is there already"
        case (Action.REMOVE_FOLDER, errno.ENOTEMPTY | errno.EEXIST):
            return RecordState.SKIPPED, "it is not empty, and was kept"
        case (_, errno.EEXIST):
            return RecordState.CONFLICT, "the name is taken"
        case (_, errno.ENOENT):
            return RecordState.MISSING, "it is no longer there, or the name is not possible at the target"
        case (_, errno.ESTALE):
            return RecordState.CHANGED, "it changed while it was copied, and stayed"
        case _:
            return RecordState.FAILED, error.strerror or str(error)
