"""Hard links and symlinks that are made for files, and the removal of what was made: of copies, too."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions.handler import Handler, check_source, gone, one_by_one
from fileorg.execute.identity import Identity, identity, is_certain
from fileorg.execute.temporaries import settle_aside
from fileorg.execute.verdict import CHANGED, DONE, NOT_DONE, Refusal, Verdict
from fileorg.storage.links import link_content

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.core.model import Entry, PlanRow
    from fileorg.execute.case import Case
    from fileorg.execute.work import Work

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS}

# Made -----------------------------------------------------------------------------------------------------------------


def _make_hardlink(work: Work, row: PlanRow, _: int) -> None:
    source, target = work.storages[row.source_base], work.storages[row.target_base]
    try:
        source.hardlink(row.source_folder, row.source_name, target, row.target_folder, row.target_name)
    except OSError as error:
        raise _no_link(error, ReasonCode.NO_HARD_LINKS) from error


def _make_symlink(work: Work, row: PlanRow, _: int) -> None:
    target = work.storages[row.target_base]
    content = _content(work, row)
    try:
        target.symlink(content, row.target_folder, row.target_name)
    except OSError as error:
        raise _no_link(error, ReasonCode.NO_SYMLINKS) from error


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

    return case.made(is_ours)


HARDLINK = Handler(check_source, one_by_one(_make_hardlink), _settle_hardlink)
SYMLINK = Handler(check_source, one_by_one(_make_symlink), _settle_symlink)

# Removed --------------------------------------------------------------------------------------------------------------


def _removal(ask: Callable[[Work, PlanRow, Entry, Entry | None], None]) -> Handler:
    """What we made is taken away only if it is still as we made it: `ask` raises `Refusal` if not, given what is there
    and what there is of the file that it was made for. It is asked before the commit, and again after.
    """

    def check(work: Work, row: PlanRow, _: Entry | None) -> tuple[Entry, None]:
        seen = work.storages[row.target_base].lstat(row.target_folder, row.target_name)
        if seen is None:
            raise gone(work, row)
        ask(work, row, seen, work.storages[row.source_base].lstat(row.source_folder, row.source_name))
        return seen, None

    def remove(work: Work, row: PlanRow, record: int) -> None:
        seen, _ = check(work, row, None)
        work.disturbed.add((row.target_base, row.target_folder))
        target = work.storages[row.target_base]
        if not work.remove(target, row.target_folder, row.target_name, record, identity(seen)):
            raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_AND_KEPT)

    return Handler(check, one_by_one(remove), _settle_removal, looks_at_source=False)


def _ask_symlink(work: Work, row: PlanRow, seen: Entry, _: Entry | None) -> None:
    content, target = _content(work, row), work.storages[row.target_base]
    if not stat.S_ISLNK(seen.mode) or target.readlink(row.target_folder, row.target_name) != content:
        raise Refusal(RecordState.CHANGED, ReasonCode.ANOTHER_LINK)


def _ask_hardlink(work: Work, row: PlanRow, seen: Entry, source: Entry | None) -> None:
    stable = work.storages[row.target_base].has_stable_inodes(row.target_folder)
    if (stable and seen.inode != row.inode) or source is None or source.inode != seen.inode:
        raise Refusal(RecordState.CHANGED, ReasonCode.NO_SECOND_NAME)


def _ask_copy(work: Work, row: PlanRow, seen: Entry, source: Entry | None) -> None:
    expected, digest = Identity(row.inode, row.size, row.mtime_ns), work.journal.digest_of(row.reverts)
    if not is_certain(work.storages[row.target_base], row.target_folder, row.target_name, expected, digest):
        raise Refusal(RecordState.CHANGED, ReasonCode.EDITED_AND_KEPT)
    # The copy may have another time than its original: a file system rounds it, or does not keep it.
    times = () if source is None else (seen.mtime_ns, work.journal.mtime_of(row.reverts))
    if source is None or source.size != seen.size or source.mtime_ns not in times:
        raise Refusal(RecordState.CHANGED, ReasonCode.ORIGINAL_CHANGED)


def _settle_removal(case: Case) -> Verdict:
    folder, name = case.record.target_folder, case.record.target_name
    if case.is_aside(case.target, folder, name, case.original):
        digest = case.digest_of(case.record.reverts or 0)
        place = case.target, folder, name, case.aside
        return DONE if settle_aside(*place, case.original, digest, reserving=case.reserving) else CHANGED
    there = case.at_target()
    if there is None:
        return DONE
    same = there.inode == case.record.inode or case.is_made(there, case.original)
    return NOT_DONE if same else CHANGED


REMOVE_HARDLINK = _removal(_ask_hardlink)
REMOVE_SYMLINK = _removal(_ask_symlink)
REMOVE_COPY = _removal(_ask_copy)
