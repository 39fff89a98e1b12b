"""Empties the trash, the only change that cannot be undone.

The records of a batch change from done to purged in one commit, and only then are their files removed. A file that
cannot be removed, or was changed in the trash, is kept and its record is done again; the same after a crash. So a
record that is done always has its file, and a record that is purged is never undone.
"""

from __future__ import annotations

import time
from itertools import chain
from typing import TYPE_CHECKING

from fileorg.core.model import Outcome, Problem, RecordState
from fileorg.core.names import display, join
from fileorg.execute.last_copies import LastCopies, as_put_back
from fileorg.execute.recovery import Unsettled
from fileorg.execute.temporaries import Stuck, aside
from fileorg.execute.trash import are_there, by_folder, check_trash, close, is_back, note_times, remove
from fileorg.execute.verdict import Refusal
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Entry
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation
    from fileorg.journal.trash_records import Trashed
    from fileorg.storage.base import Storage
    from fileorg.storage.local.storage import LocalStorage

PROBLEMS_KEPT = 1000


class _Purge:
    """The trash of one operation while it is emptied."""

    def __init__(self, journal: Journal, purge: Operation, purged: Operation, storages: Sequence[LocalStorage]) -> None:
        self._journal = journal
        self._purge = purge
        self._purged = purged
        self._storages = storages
        self._last_copies = LastCopies(journal, purged, storages)
        self._stay: list[Trashed] = []
        self._gone: list[int] = []
        """Records whose originals were removed; unlike the others, they are still done."""
        self.outcome = Outcome(purge.id)

    def batch(self, files: Sequence[Trashed]) -> None:
        """Commit the batch, then remove its files."""
        for storage in self._storages:
            storage.forget(b"")  # an open folder may have been moved away since
        seen = self._last_copies.judge(files, check_trash(self._storages, files))
        self._ask_stores(files, seen)
        with self._journal.transaction():
            self.settle()
            gone = [file for file, found in zip(files, seen, strict=True) if not isinstance(found, Refusal)]
            self._journal.mark_many([(file.id, RecordState.PURGED, {}) for file in gone if file.uploaded is None])
        self._gone += [file.id for file in gone if file.uploaded is not None]
        objects: dict[int, list[Trashed]] = {}
        for file, found in zip(files, seen, strict=True):
            if isinstance(found, Refusal):
                self._problem(file, found)
            elif found is not None and self._storages[file.base].kind is Kind.LOCAL:
                self._remove(file)
            elif found is not None:
                objects.setdefault(file.base, []).append(file)
        for base, of_base in objects.items():
            self._remove_objects(self._storages[base], of_base)

    def _ask_stores(self, files: Sequence[Trashed], seen: list[Entry | Refusal | None]) -> None:
        """Keep files whose object is not in its store any more: no condition protects a file, and a listing is old."""
        removable = zip(files, seen, strict=True)
        uploaded = [
            (position, file)
            for position, (file, found) in enumerate(removable)
            if file.uploaded is not None and found is not None and not isinstance(found, Refusal)
        ]
        if uploaded:
            from fileorg.execute.last_objects import judged_uploads

            for position, refusal in judged_uploads(self._storages, uploaded):
                seen[position] = refusal

    def settle(self) -> None:
        """Record the results of the last batch. Inside a transaction."""
        keepers = self._journal.groups.keepers_of([file.id for file in self._stay])
        self._journal.mark_many(
            [(file.id, RecordState.DONE, as_put_back(self._storages[file.base], file, keepers)) for file in self._stay]
        )
        stay = {file.id for file in self._stay}
        self._journal.objects().note_purged(record for record in self._gone if record not in stay)
        self._stay, self._gone = [], []
        self._journal.record_purged(self._purge.id, self.outcome.size_bytes)

    def _remove(self, file: Trashed) -> None:
        try:
            reserving = self._journal.reservations.announcing(file.id)
            self.outcome.size_bytes += remove(self._storages[file.base], self._purged.id, file, reserving)
            self.outcome.done += 1
        except Stuck:
            raise
        except Refusal as refusal:
            self._stay.append(file)
            self._problem(file, refusal)
        except OSError as error:
            self._stay.append(file)
            self._problem(file, Refusal.of_error(error))

    def _remove_objects(self, storage: Storage, files: Sequence[Trashed]) -> None:
        from fileorg.execute.purged_objects import remove_objects

        for file, removed in zip(files, remove_objects(storage, files), strict=True):
            if isinstance(removed, int):
                self.outcome.size_bytes += removed
                self.outcome.done += 1
            else:
                self._stay.append(file)
                self._problem(file, removed if isinstance(removed, Refusal) else Refusal.of_error(removed))

    def _problem(self, file: Trashed, refusal: Refusal) -> None:
        counts = self.outcome.counts
        counts[refusal.state] = counts.get(refusal.state, 0) + 1
        if len(self.outcome.problems) < PROBLEMS_KEPT:
            root = self._storages[file.base].root
            self.outcome.problems.append(Problem(join(file.folder, file.name), refusal.state, refusal.reason, root))


def purge(
    journal: Journal,
    operation: Operation,
    storages: Sequence[LocalStorage],
    reporter: Reporter,
    *,
    stop: Callable[[], bool] = lambda: False,
    rows: int,
) -> Outcome:
    """Empty the trash of the operation that `operation`, a purge that has just begun, refers to. `stop` is called
    before each batch. The outcome counts freed bytes: a file with other hard links frees none.

    Raises `JournalError`; `Stuck` or `StorageFailure` if a disk fails: the operation stays open for recovery.
    """
    started = time.monotonic()
    purged = journal.about(operation)
    work = _Purge(journal, operation, purged, storages)
    for files in journal.trash.all_files(purged, rows):
        if stop():
            work.outcome.interrupted = True
            break
        work.batch(files)
        reporter.advance(len(files), sum(file.size for file in files), files[-1].folder if files else b"")
    with journal.transaction():
        work.settle()
        note_times(journal, operation, purged, storages)
        if work.outcome.interrupted:
            journal.was_interrupted(operation.id)
    work.outcome.notes += close(journal, operation, purged, storages, sum(work.outcome.counts.values()))
    work.outcome.counts[RecordState.PURGED] = work.outcome.done
    work.outcome.seconds = time.monotonic() - started
    return work.outcome


def settle_purge(journal: Journal, operation: Operation, storages: Sequence[LocalStorage], reporter: Reporter) -> None:
    """Recover and seal an interrupted purge: a file that is still in the trash was not purged.

    The caller holds the run lock and the locks of its roots. Raises `Unsettled` if a disk did not let it finish.
    """
    journal.interrupt(operation.id)
    purged = journal.about(operation)
    low, high = journal.record_range(purged)
    reporter.stage("recover", max(0, high - low + 1))
    unsettled, first = 0, ""
    for files in chain(journal.trash.files(purged, RecordState.PURGED), journal.trash.originals(purged)):
        back: list[tuple[int, RecordState, dict[str, int]]] = []
        gone = list[int]()
        keepers = journal.groups.keepers_of([file.id for file in files])
        reservations = journal.reservations.of(files[0].id, files[-1].id) if files else {}
        for storage, folder, some in by_folder(storages, files):
            for file, is_there in zip(some, are_there(storage, folder, purged.id, some), strict=True):
                try:
                    known = reservations.get(file.id), journal.reservations.announcing(file.id)
                    was_aside = is_there and storage.lstat(folder, aside(purged.id, file.id)) is not None
                    if is_there and is_back(storage, purged.id, file, *known):
                        facts = as_put_back(storage, file, keepers) if was_aside else {}
                        back.append((file.id, RecordState.DONE, facts))
                    elif file.uploaded is not None:
                        gone.append(file.id)
                except (Stuck, OSError) as error:
                    if isinstance(error.__cause__, FileExistsError):  # another file has its name: keep both
                        reporter.note(str(error))
                        back.append((file.id, RecordState.DONE, {}))
                        continue
                    unsettled += 1
                    shown = display(join(file.folder, file.name))
                    first = first or (str(error) if isinstance(error, Stuck) else f"{shown}: {error.strerror}")
        with journal.transaction():
            journal.mark_many(back)
            journal.objects().note_purged(gone)
        reporter.advance(len(files))
    if unsettled:
        raise Unsettled(first.removesuffix(".") + (f" (and {unsettled - 1:,} more)" if unsettled > 1 else ""))
    with journal.transaction():
        note_times(journal, operation, purged, storages)
    for note in close(journal, operation, purged, storages, 0):
        reporter.note(note)
