"""Copies a file under a temporary name before it gets its own, so that recovery can tell each step from the next."""

from __future__ import annotations

import errno
import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from fileorg.content.identical import same_content
from fileorg.core.descriptors import limit
from fileorg.core.model import Action, RecordState
from fileorg.core.names import display, join
from fileorg.core.reasons import NOTHING_LOST, Reason, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.execute.actions.handler import Handler, check_ready, check_source
from fileorg.execute.identity import Identity, identity, is_known
from fileorg.execute.temporaries import (
    Stuck,
    remove_checked,
    rename_over_reserved,
    settle_aside,
    temporary,
)
from fileorg.execute.verdict import CHANGED, CUT_SHORT, TAKEN, Refusal, Verdict
from fileorg.journal.rows import LostBefore, columns_of, exact_time
from fileorg.storage.local import posix

if TYPE_CHECKING:
    from typing import Self

    from fileorg.core.model import Base, Entry, PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work
    from fileorg.journal.rows import RecordId
    from fileorg.storage.local.copying import StagedCopy
    from fileorg.storage.local.original import Original


GROUP_BYTES = 64 << 20
_GROUP_FILES = 256
"""Copies that become durable together: a flush costs the same for one and for many. Their descriptors stay open."""
_SHARE = 16
"""One in 16 of the permitted descriptors is for such copies; a move takes as many for the originals."""

_NOTHING_BEFORE = LostBefore(None, None, 0, NOTHING_LOST, [])


def _apply(work: Work, series: Series, fail: Fail) -> None:
    with Copies(work, fail) as copies:
        for position in series.positions:
            row = series.batch[position]
            try:
                work.check_cancelled()
                work.begin_row()
                with work.storages[row.source_base].original(row.source_folder, row.source_name) as original:
                    check_ready(row, original.begin(), if_unknown=original.is_quiet)
                    copies.stage(position, row, series.first + position, original)
            except (Refusal, OSError) as error:
                fail(position, error)
            if copies.is_full:
                publish(work, copies)
        publish(work, copies)


def publish(work: Work, copies: Copies) -> None:
    """Publish the copies staged so far, and note what of them was lost, and their ctimes."""
    for _, row, record, staged, made in copies.publish():
        work.losses.add(staged.lost)
        # Undo removes the copy only if its ctime is still this one; removing the temporary name has just changed it.
        left = work.storages[row.target_base].lstat(row.target_folder, row.target_name)
        if identity(made).fits(left):
            work.read_back.append((left.ctime_ns, record))


class PendingCopy(NamedTuple):
    """A copy; `entry` is that of its temporary name, then that of its own."""

    position: int
    row: PlanRow
    record: int
    staged: StagedCopy
    entry: Entry


class Copies:
    """Copies that become durable together: their flushes are under way at once, and one commit records them."""

    def __init__(self, work: Work, fail: Fail, *, files: int = _GROUP_FILES) -> None:
        """`files`: how many are copied together at most."""
        self._work = work
        self._fail = fail
        self._staged: list[PendingCopy] = []
        self._bytes = 0
        self.brings: dict[RecordId, RecordId] = {}
        """By record of a copy: the record of the next move of the file."""
        self._limit = min(files, max(1, limit() // _SHARE))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files of copies that were not published; recovery removes them."""
        staged, self._staged = self._staged, []
        for copy in staged:
            os.close(copy.staged.fd)

    @property
    def is_full(self) -> bool:
        """True if `publish` should be called before the next `stage`."""
        return len(self._staged) >= self._limit or self._bytes >= GROUP_BYTES

    def stage(self, position: int, row: PlanRow, record: int, original: Original | None, **known: Any) -> None:
        """Copy the source, which is open as `original` if it is a file, to a temporary name beside its own. `known` is
        what is known of an object.

        Raises `OSError`; nothing is left then.
        """
        work = self._work
        source, target = work.storages[row.source_base], work.storages[row.target_base]
        name = temporary(work.operation, record)
        work.touched_folders.add((row.target_base, row.target_folder))
        before = _as_before(work, row)
        place = row.source_folder, row.source_name, target, row.target_folder, name
        staged = source.stage_copy(
            *place,
            mode=before.mode,
            mtime_ns=before.mtime_ns,
            flags=before.flags,
            original=original,
            check=work.check_cancelled,
            **known,
        )
        if before.for_good:
            lost = staged.lost | before.for_good
            staged = staged._replace(lost=lost, lost_attributes=[*staged.lost_attributes, *before.attributes])
        self._staged.append(PendingCopy(position, row, record, staged, staged.entry))
        self._bytes += row.size

    def publish(self) -> list[PendingCopy]:
        """Give the copies their names, durably, and record them. Return those that have them; `fail` gets the others.

        Raises `Stuck`.
        """
        work, staged, made = self._work, self._staged, list[PendingCopy]()
        if not staged:
            return made
        flushed = posix.flush_all([copy.staged.fd for copy in staged])
        self._staged, self._bytes = [], 0
        for copy in staged:
            os.close(copy.staged.fd)
        for copy, failure in zip(staged, flushed, strict=True):
            try:
                if failure is not None:
                    raise failure
                work.begin_row()
                made.append(copy._replace(entry=_publish_one(work, copy)))
            except OSError as error:
                self._withdraw(copy, error)
        made = self._with_folder_flushed(made)
        if not made:
            return made
        with work.journal.transaction():
            work.journal.mark_many([_mark(copy, RecordState.COPIED) for copy in made])
            for copy in made:
                work.journal.reservations.forget(copy.record)
                if (following := self.brings.get(copy.record)) is not None:
                    work.journal.identify(following, copy.entry.inode, copy.entry.mtime_ns)
        for copy in made:
            row, name = copy.row, temporary(work.operation, copy.record)
            try:
                work.storages[row.target_base].discard(row.target_folder, name)
            except OSError as error:
                raise _stuck(row, name) from error
        return made

    def _with_folder_flushed(self, made: list[PendingCopy]) -> list[PendingCopy]:
        """Flush the folders of copies; return those whose folder is flushed, and withdraw the others."""
        by_folder: defaultdict[tuple[Base, bytes], list[PendingCopy]] = defaultdict(list)
        for copy in made:
            by_folder[copy.row.target_base, copy.row.target_folder].append(copy)
        flushed = list[PendingCopy]()
        for (base, folder), copies in by_folder.items():
            try:
                posix.flush(self._work.storages[base].fd(folder))
                flushed += copies
            except OSError as error:
                for copy in copies:
                    self._withdraw(copy, error)
        return flushed

    def _withdraw(self, copy: PendingCopy, error: OSError) -> None:
        facts = copy.row, copy.record, RecordState.INTENT, identity(copy.staged.entry), copy.staged.digest
        # A file that has the name already may look like the copy where inode numbers do not last; it may be the source,
        # found under a name in another case.
        withdraw(self._work, *facts, may_have_name=not isinstance(error, FileExistsError))
        self._fail(copy.position, error)


def _as_before(work: Work, row: PlanRow) -> LostBefore:
    """Return the attributes that a file lost on the way to another file system, to restore them on the way back."""
    if not row.reverts or row.action is not Action.MOVE:
        return _NOTHING_BEFORE
    before = work.journal.lost_by(row.reverts)
    seen = work.storages[row.source_base].lstat(row.source_folder, row.source_name)
    edited = seen is None or seen.mtime_ns != row.mtime_ns
    return before._replace(mtime_ns=None) if edited else before


def _publish_one(work: Work, copy: PendingCopy) -> Entry:
    """Give the copy its name, by any method that the file system supports."""
    row, record, name = copy.row, copy.record, temporary(work.operation, copy.record)
    target, folder = work.storages[row.target_base], row.target_folder

    def before_rename() -> None:
        with work.journal.transaction():
            work.journal.mark_many([_mark(copy, RecordState.INTENT)])

    try:
        return target.publish(folder, name, row.target_name, before_rename=before_rename)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
    rename_over_reserved(target, folder, name, target, folder, row.target_name, work.reserving(record))
    return target.lstat(folder, row.target_name) or copy.entry


def _mark(copy: PendingCopy, state: RecordState) -> tuple[int, RecordState, dict[str, Any]]:
    staged, reason = copy.staged, None
    if staged.lost:
        about = b"\0".join(staged.lost_attributes) or None
        reason = Reason(ReasonCode.NOT_KEPT, about, staged.lost_flags or None, staged.lost)
    exact = {} if staged.lost_mtime_ns is None else {"exact_mtime_ns": exact_time(staged.lost_mtime_ns)}
    known = {"target_inode": copy.entry.inode, "target_mtime_ns": copy.entry.mtime_ns, "digest": staged.digest}
    return copy.record, state, {**known, **columns_of(reason), **exact}


def withdraw(
    work: Work,
    row: PlanRow,
    record: int,
    state: RecordState,
    made: Identity,
    digest: bytes,
    *,
    may_have_name: bool = True,
) -> None:
    """Remove a copy under either of its names, or only under the temporary one. Raises `Stuck` if that fails; recovery
    then removes it.
    """
    target, name = work.storages[row.target_base], temporary(work.operation, record)
    # Recorded first: after the removal, nothing else tells recovery to restore the folder's time.
    work.journal.mark(record, state, **columns_of(CUT_SHORT.reason))
    try:
        there = target.lstat(row.target_folder, row.target_name) if may_have_name else None
        if is_known(target, row.target_folder, there, made):
            work.remove(target, row.target_folder, row.target_name, record, made, digest)
        target.discard(row.target_folder, name)
    except OSError as error:
        raise _stuck(row, name) from error


def _stuck(row: PlanRow, name: bytes) -> Stuck:
    shown = display(join(row.target_folder, row.target_name))
    return Stuck(f"Could not finish or remove the copy {shown}: see {display(name)} beside it.")


def _settle(case: Case) -> Verdict:
    made = settle_copy(case)
    if isinstance(made, Verdict):
        return made
    if made is not None and case.is_made(case.at_target(), made):
        return Verdict(RecordState.DONE, case.note(), as_recorded(made))
    return without_copy(case) if made is not None else _not_made(case)


def _not_made(case: Case) -> Verdict:
    return case.not_done if case.at_target() is None else TAKEN


def without_copy(case: Case) -> Verdict:
    """Return the verdict on a complete copy that does not have its name: the file there may be an edited copy."""
    if case.record.state is RecordState.CONFLICT or case.at_target() is None:
        return _not_made(case)
    return CHANGED


def as_recorded(made: Identity) -> dict[str, int]:
    """Return the columns by which the journal recognises a copy."""
    return {"target_inode": made.inode, "target_mtime_ns": made.mtime_ns}


def settle_copy(case: Case) -> Identity | Verdict | None:
    """Finish or roll back an interrupted copy. Return None if there is no copy, or the identity of the complete copy.

    Return a verdict if a file has the name, but may no longer have the copied content.
    """
    folder, name, recorded = case.record.target_folder, case.record.target_name, case.record.digest is not None
    staged = case.target.lstat(folder, case.temporary)
    whole = identity(staged) if staged is not None else case.moved if recorded else None
    if whole is None:
        # An earlier recovery may have removed the evidence.
        return CHANGED if case.record.reason == CHANGED.reason and case.at_target() is not None else None
    withdrawn = case.is_aside(case.record.target_base, folder, name, whole)
    if staged is not None:
        case.touch_folder(case.record.target_base, folder)
    if withdrawn:
        settle_aside(case.target, folder, name, case.aside, whole, case.record.digest, reserving=case.reserving)
    if staged is None:
        return None if withdrawn else whole
    there = case.at_target()
    found: Identity | Verdict | None = None
    if there is not None and (there.dev, there.inode) == (staged.dev, staged.inode):
        found = _published(case, whole, recorded=recorded)
    if isinstance(found, Verdict):
        case.announce(found)
    case.target.discard(folder, case.temporary)
    return found


def _published(case: Case, copy: Identity, *, recorded: bool) -> Identity | Verdict | None:
    """Judge a copy that has both of its names. Without a recorded digest, the copy is compared with the original."""
    record = case.record
    if recorded:
        return copy if (copy.size, copy.mtime_ns) == (case.moved.size, case.moved.mtime_ns) else CHANGED
    source = case.at_source()
    if source is not None and source.is_file:
        place = record.target_folder, record.target_name
        if same_content(case.target, *place, case.source, record.source_folder, record.source_name):
            # Roll back.
            remove_checked(case.target, *place, case.aside, copy, reserving=case.reserving)
            return None
    if case.is_original(source) or copy.size != record.size:
        return CHANGED
    return copy  # the only copy of the content that is left


COPY = Handler(check_source, _apply, _settle, is_repeatable=True)
