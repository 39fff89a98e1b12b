"""Creates hard links and symlinks, and removes links and copies that fileorg made."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING, Any, TypeAlias

from fileorg.core.model import Action, RecordState
from fileorg.core.names import join
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions.copy import as_recorded
from fileorg.execute.actions.handler import Handler, check_ready, check_source, gone, one_by_one
from fileorg.execute.identity import Identity, identity, is_known
from fileorg.execute.temporaries import put_back, settle_aside
from fileorg.execute.verdict import CHANGED, DONE, NOT_DONE, Refusal, Verdict
from fileorg.storage.base import Kind
from fileorg.storage.links import link_content
from fileorg.storage.local.original import CLOCK_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work
    from fileorg.journal.rows import Copied
    from fileorg.storage.local.original import Original
    from fileorg.storage.local.storage import LocalStorage

Ask: TypeAlias = "Callable[[Work, PlanRow, Entry, Entry | None], None]"

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}

# Create ---------------------------------------------------------------------------------------------------------------


def _make_hardlink(work: Work, row: PlanRow, _: int) -> None:
    source, target = work.storages[row.source_base], work.storages[row.target_base]
    try:
        source.hardlink(row.source_folder, row.source_name, target, row.target_folder, row.target_name)
    except OSError as error:
        if error.errno == errno.EPERM and _is_of_another(source, row):  # Linux refuses that: fs.protected_hardlinks
            path = join(row.source_folder, row.source_name)
            raise Refusal(RecordState.FAILED, ReasonCode.KEEPER_NOT_LINKABLE, path, error.errno) from error
        raise _no_link(error, ReasonCode.NO_HARD_LINKS) from error


def _is_of_another(source: LocalStorage, row: PlanRow) -> bool:
    """Return whether another user owns the file."""
    seen = os.lstat(row.source_name, dir_fd=source.fd(row.source_folder))
    return os.geteuid() not in {0, seen.st_uid}


def _make_symlinks(work: Work, series: Series, fail: Fail) -> None:
    """Make the symlinks of a series, and record them, so that they are known under a later name, too."""
    made: list[tuple[int, RecordState, dict[str, Any]]] = []

    def make(work: Work, row: PlanRow, record: int) -> None:
        target = work.storages[row.target_base]
        content = _content(work, row)
        try:
            target.symlink(content, row.target_folder, row.target_name)
        except OSError as error:
            raise _no_link(error, ReasonCode.NO_SYMLINKS) from error
        there = target.lstat(row.target_folder, row.target_name)
        if there is not None:
            made.append((record, RecordState.INTENT, as_recorded(identity(there))))

    one_by_one(make)(work, series, fail)
    if made:
        with work.journal.transaction():
            work.journal.mark_many(made)


def _no_link(error: OSError, code: ReasonCode) -> OSError | Refusal:
    if error.errno in _NO_LINKS:
        return Refusal(RecordState.FAILED, code, None, error.errno)
    return error


def _content(work: Work, row: PlanRow) -> bytes:
    source, target = work.storages[row.source_base], work.storages[row.target_base]
    return link_content(source, row.source_folder, row.source_name, target, row.target_folder)


def _settle_hardlink(case: Case) -> Verdict:
    def is_ours(there: Entry) -> bool:
        if there.inode == case.record.inode:
            return True
        source = case.at_source() if not case.target.has_stable_inodes(case.record.target_folder) else None
        return source is not None and (source.dev, source.inode) == (there.dev, there.inode)

    return case.made(is_ours)


def _settle_symlink(case: Case) -> Verdict:
    def is_ours(there: Entry) -> bool:
        record, target = case.record, case.target
        content = link_content(case.source, record.source_folder, record.source_name, target, record.target_folder)
        return stat.S_ISLNK(there.mode) and (
            os.fsencode(target.readlink(record.target_folder, record.target_name)) == content
        )

    verdict, there = case.made(is_ours), case.at_target()
    return verdict._replace(columns=as_recorded(identity(there))) if verdict is DONE and there is not None else verdict


HARDLINK = Handler(check_source, one_by_one(_make_hardlink), _settle_hardlink, is_repeatable=True)
SYMLINK = Handler(check_source, _make_symlinks, _settle_symlink, is_repeatable=True)

# Remove ---------------------------------------------------------------------------------------------------------------


def _removal(ask: Ask) -> Handler:
    """Return a handler that removes a link only if it is unchanged since fileorg made it: see `_checked_target`."""

    def check(work: Work, row: PlanRow, _: Entry | None) -> tuple[Entry, None]:
        return _checked_target(work, row, ask), None

    def remove(work: Work, row: PlanRow, record: int) -> None:
        seen = _checked_target(work, row, ask)
        work.touched_folders.add((row.target_base, row.target_folder))
        target = work.storages[row.target_base]
        if not work.remove(target, row.target_folder, row.target_name, record, identity(seen)):
            raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_AND_KEPT)

    return Handler(check, one_by_one(remove), _settle_removal, checks_source=False)


def _checked_target(work: Work, row: PlanRow, ask: Ask) -> Entry:
    """Return the entry of the link or copy. `ask`, given this entry and that of the original, raises `Refusal` if the
    link or copy has changed. Called before the commit and again after it.
    """
    seen = work.storages[row.target_base].lstat(row.target_folder, row.target_name)
    if seen is None:
        raise gone(work, row)
    ask(work, row, seen, work.storages[row.source_base].lstat(row.source_folder, row.source_name))
    return seen


def _ask_symlink(work: Work, row: PlanRow, seen: Entry, _: Entry | None) -> None:
    content, target = _content(work, row), work.storages[row.target_base]
    if not stat.S_ISLNK(seen.mode):
        raise Refusal(RecordState.CHANGED, ReasonCode.SOMETHING_ELSE_KEPT)
    if target.readlink(row.target_folder, row.target_name) != content:
        raise Refusal(RecordState.CHANGED, ReasonCode.ANOTHER_LINK)


def _ask_hardlink(work: Work, row: PlanRow, seen: Entry, source: Entry | None) -> None:
    stable = work.storages[row.target_base].has_stable_inodes(row.target_folder)
    if (stable and seen.inode != row.inode) or source is None or source.inode != seen.inode:
        raise Refusal(RecordState.CHANGED, ReasonCode.NO_SECOND_NAME)


def _ask_copy(work: Work, row: PlanRow, seen: Entry, source: Entry | None) -> None:
    """Check a copy by its metadata."""
    expected, copied = Identity(row.inode, row.size, row.mtime_ns), work.journal.copied(row.reverts)
    target = work.storages[row.target_base]
    if not is_known(target, row.target_folder, seen, expected):
        same = seen.is_file and (seen.inode == row.inode or not target.has_stable_inodes(row.target_folder))
        code = ReasonCode.EDITED_AND_KEPT if same else ReasonCode.SOMETHING_ELSE_KEPT
        raise Refusal(RecordState.CHANGED, code)
    # The copy may have a different time than its original: some file systems round times or drop them.
    times = (seen.mtime_ns, copied.mtime_ns)
    if source is None or source.size != seen.size or source.mtime_ns not in times:
        raise Refusal(RecordState.CHANGED, ReasonCode.ORIGINAL_CHANGED)


def _check_copy(work: Work, row: PlanRow, _: Entry | None) -> tuple[Entry, None]:
    return _checked_target(work, row, _ask_copy), None


def _remove_copy(work: Work, row: PlanRow, record: int) -> None:
    """Remove a copy if it and its original still have the copied content: an edit can keep size and time."""
    seen, copied = _checked_target(work, row, _ask_copy), work.journal.copied(row.reverts)
    target, folder, name = work.storages[row.target_base], row.target_folder, row.target_name
    with target.original(folder, name) as copy:
        copy.begin()
        check_ready(row, copy.ask(), if_unknown=False)
        copy.ready()
        if identity(copy.entry) != identity(seen) or not _is_as_left(target, folder, copy, copied):
            raise Refusal(RecordState.CHANGED, ReasonCode.EDITED_AND_KEPT)
        if not _is_original_kept(work, row, copied):
            raise Refusal(RecordState.CHANGED, ReasonCode.ORIGINAL_CHANGED)
        work.touched_folders.add((row.target_base, folder))
        if not work.remove(target, folder, name, record, identity(seen), copied.digest, copy):
            raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_AND_KEPT)


def _is_as_left(storage: LocalStorage, folder: bytes, copy: Original, copied: Copied) -> bool:
    """Return whether a copy is unchanged, by its ctime, which no program can set, or else by its content."""
    if copy.entry.ctime_ns == copied.copy_ctime_ns and storage.has_stable_inodes(folder):
        return True
    return copied.digest is not None and copy.has_digest(copied.digest)


def _is_original_kept(work: Work, row: PlanRow, copied: Copied) -> bool:
    """Return whether the original still has the copied content."""
    storage, folder, name = work.storages[row.source_base], row.source_folder, row.source_name
    seen = storage.lstat(folder, name)
    if seen is None or copied.digest is None:
        return False
    if storage.kind is not Kind.LOCAL:
        return seen.inode == copied.inode  # what stands for it changes with the content
    older = seen.inode == copied.inode and seen.ctime_ns < copied.started_ns - CLOCK_NS
    return (older and storage.has_stable_inodes(folder)) or storage.has_digest(folder, name, copied.digest)


def _settle_removal(case: Case) -> Verdict:
    folder, name = case.record.target_folder, case.record.target_name
    if case.is_aside(case.record.target_base, folder, name, case.original):
        digest = case.digest_of(case.record.reverts or 0)
        place = case.target, folder, name, case.aside
        if not _is_elsewhere(case, digest):
            put_back(*place, case.reserving)
            return CHANGED
        return DONE if settle_aside(*place, case.original, digest, reserving=case.reserving) else CHANGED
    there = case.at_target()
    if there is None:
        return DONE
    same = there.inode == case.record.inode or case.is_made(there, case.original)
    return NOT_DONE if same else CHANGED


def _is_elsewhere(case: Case, digest: bytes | None) -> bool:
    """Return whether what a copy or hard link that was put aside holds is still elsewhere: others may have changed the
    original since the crash. A symlink holds nothing.
    """
    record = case.record
    if record.action is Action.REMOVE_SYMLINK:
        return True
    put_aside = case.target.lstat(record.target_folder, case.aside)
    if put_aside is None or put_aside.nlink > 1 or not put_aside.size:
        return True
    try:
        return digest is not None and case.source.has_digest(record.source_folder, record.source_name, digest)
    except OSError:
        return False


REMOVE_HARDLINK = _removal(_ask_hardlink)
REMOVE_SYMLINK = _removal(_ask_symlink)
REMOVE_COPY = Handler(_check_copy, one_by_one(_remove_copy), _settle_removal, checks_source=False)
