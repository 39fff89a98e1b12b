"""The sentences of reasons and the words of states. No other module words a reason."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fileorg.core.model import StatusCode
from fileorg.core.names import display
from fileorg.core.reasons import ABOUT_ANOTHER_FILE, STORE_WORDS, Lost, ReasonCode

if TYPE_CHECKING:
    from fileorg.core.reasons import Reason
    from fileorg.journal.status import OperationStatus

_SENTENCES = {
    ReasonCode.NAME_TAKEN: "the name is taken: {about}",
    ReasonCode.NEWER_THERE: "the existing file is newer: {about}",
    ReasonCode.NEWER_TAKES_NAME: "a newer file takes its name: {about}",
    ReasonCode.IDENTICAL: "identical to {about}",
    ReasonCode.LEADER_STAYS: "kept with {about}, which is not moved",
    ReasonCode.NEEDED_BY_NEIGHBOUR: "the existing file stays because of {about} beside it",
    ReasonCode.BESIDE_FOREIGN_LOG: "a database would be mixed up with the log of another one: {about} is there",
    ReasonCode.BESIDE_DOWNLOAD: "an unfinished download would take the name from it: {about}",
    ReasonCode.NAME_REFUSED: "the destination file system does not allow this name: {error}",
    ReasonCode.FOLDER_IN_THE_WAY: "{about} exists but is not a folder",
    ReasonCode.SYMLINK_IN_THE_WAY: "{about} is a symlink that does not lead to a folder of this tree",
    ReasonCode.FOLDER_UNUSABLE: "{about} cannot be used: {error}",
    ReasonCode.FOLDER_MISSING: "the folder {about} does not exist",
    ReasonCode.ROOT_MISSING: "{about} does not exist, or is not the same folder as before (is its disk mounted?)",
    ReasonCode.TRASH_UNUSABLE: "fileorg's trash cannot be used: {error}",
    ReasonCode.FOLDER_FLAGGED: "nothing can be moved out of {about}: it has the flag a or i (see chattr)",
    ReasonCode.FOLDER_IS_WHOLE: "nothing is moved into a folder that is kept whole (because of {about})",
    ReasonCode.ALREADY_THERE: "already there",
    ReasonCode.NOT_EMPTY: "not empty, so it was kept",
    ReasonCode.IN_USE: "in use, or a mount point",
    ReasonCode.MOUNTED: "another file system is mounted there",
    ReasonCode.OTHER_OWNER: "could not be restored exactly: its owner or group differs from those of a new folder",
    ReasonCode.HAS_ATTRIBUTES: (
        "could not be restored exactly: it has attributes or an access list, or would inherit one"
    ),
    ReasonCode.GROUP_NOT_PASSED_ON: "could not be restored exactly: only a member of its group may set its setgid bit",
    ReasonCode.SYMLINK_LEADS_TO_IT: "a symlink points to it",
    ReasonCode.GONE: "it no longer exists",
    ReasonCode.SOMETHING_ELSE_THERE: "something else has taken its place",
    ReasonCode.SOMETHING_ELSE_KEPT: "something else has taken its place, and was kept",
    ReasonCode.ANOTHER_FILE_THERE: "another file has taken its place",
    ReasonCode.CHANGED_SINCE_SCAN: "it changed after the scan",
    ReasonCode.CHANGED_JUST_NOW: "it has just changed, so it was skipped",
    ReasonCode.CHANGED_AND_KEPT: "it has just changed, so it was kept",
    ReasonCode.CHANGED_WHILE_COPIED: "it changed during the copy, so it was skipped",
    ReasonCode.CHANGED_WHILE_MOVED: "it changed or was in use during the move, so it was skipped",
    ReasonCode.BEING_WRITTEN: "another program (process {number}) has it open for writing, so it was skipped",
    ReasonCode.WRITERS_UNKNOWN: "fileorg cannot tell here whether another program is writing to it, so it was skipped",
    ReasonCode.EDITED: "it was edited since",
    ReasonCode.EDITED_AND_MOVED: "it was edited since; moved with its current content",
    ReasonCode.EDITED_AND_KEPT: "it was edited since, so it was kept",
    ReasonCode.EDITED_IN_TRASH: "it was edited in the trash, so it was kept",
    ReasonCode.REMOVED_MEANWHILE: "another program removed it at the same moment",
    ReasonCode.NOT_PUT_BACK: (
        "another file took its name in the meantime, so it could not be moved back: it is now {about}"
    ),
    ReasonCode.ANOTHER_LINK: "it is a different link now",
    ReasonCode.NO_SECOND_NAME: "it is no longer a hard link to the same file, so it was kept",
    ReasonCode.ORIGINAL_CHANGED: "its original changed or no longer exists, so the copy was kept",
    ReasonCode.UNREADABLE: "{about} cannot be read: {error}",
    ReasonCode.CHANGED_WHILE_READ: "it changed while it was read",
    ReasonCode.ENDED_HELPERS: "three helper processes ended while they worked on it",
    ReasonCode.SYSTEM_ERROR: "{error}",
    ReasonCode.HARD_LINKS_TORN: (
        "it has {number} names (hard links), which cannot be moved to another file system; use --action copy"
    ),
    ReasonCode.SYMLINK_STAYS: "it is a symlink, and fileorg does not move symlinks to another file system",
    ReasonCode.SYMLINK_NOT_REWRITTEN: "its target is now {about}, but the symlink could not be updated: {error}",
    ReasonCode.SYMLINK_TARGET_STAYS: "its target is not moved, so the symlink is not changed",
    ReasonCode.SYMLINK_LEFT_ALONE: (
        "its target moves to {about}, but the symlink is not updated: its name or a pattern excludes it"
    ),
    ReasonCode.SYMLINK_NOT_ENTERED: (
        "its target moves to {about}, but the symlink is not updated: its folder is not entered"
    ),
    ReasonCode.SYMLINK_LED_TO_MOVED: "fileorg moved its target: operation {number}, to {about}",
    ReasonCode.NO_SYMLINKS: "the file system does not support symlinks: {error}",
    ReasonCode.NO_HARD_LINKS: "the file system does not support hard links: {error}",
    ReasonCode.NO_EXCHANGE: "the file system cannot exchange two names in one step, so no link can replace the file",
    ReasonCode.NO_LASTING_INODES: "the file system has no stable inode numbers, so no link can replace the file",
    ReasonCode.NO_SHARED_BLOCKS: "the file system cannot share blocks between files",
    ReasonCode.NOT_WRITABLE: "sharing its blocks requires write permission",
    ReasonCode.OTHER_DISK_THAN_TRASH: "it is on another file system than the trash below its root",
    ReasonCode.CLEANED_BY_ITSELF: (
        "it is on another file system than fileorg's trash: run fileorg clean on that folder itself"
    ),
    ReasonCode.COPY_STAYS: "it could not be removed after the copy ({error}), and neither could its copy {about}",
    ReasonCode.LAST_COPY: (
        "the file that it duplicated no longer exists or was edited, so this may be the last copy; fileorg"
        " undo restores it"
    ),
    ReasonCode.KEEPER_GONE: "its keeper {about} no longer exists",
    ReasonCode.KEEPER_CHANGED: "its keeper {about} changed after the scan",
    ReasonCode.KEEPER_CHANGED_JUST_NOW: "its keeper {about} has just changed or was removed",
    ReasonCode.KEEPER_BEING_WRITTEN: "another program has its keeper {about} open for writing",
    ReasonCode.KEEPER_REPLACED: "its keeper has just been replaced",
    ReasonCode.KEEPER_REMAINS: (
        "its keeper was changed and removed in the meantime; the rest of the keeper is now {about}"
    ),
    ReasonCode.KEEPER_DIFFERS: "its content differs from {about} now",
    ReasonCode.KEEPER_IS_ITSELF: "it is the same file as {about}, under another name",
    ReasonCode.KEEPER_UNKNOWN: "the journal does not name its keeper",
    ReasonCode.KEEPER_NOT_LINKABLE: (
        "could not create a hard link to {about}: {error} (does another user own the file?)"
    ),
    ReasonCode.KEEPER_HAS_TOO_MANY_NAMES: "its keeper {about} already has as many hard links as the file system allows",
    ReasonCode.KEEPER_ON_OTHER_DISK: "its keeper {about} is on another file system, where no hard link can lead",
    ReasonCode.HARD_LINK_TO_OTHER_DISK: "it is on another file system than {about}, where no hard link can lead",
    ReasonCode.REFLINK_TO_OTHER_DISK: "it is on another file system than {about}, where no reflink can lead",
    ReasonCode.CHANGED_WHILE_COMPARED: "it or its keeper changed during the comparison",
    ReasonCode.LINK_IS_ONLY_NAME: "kept: the link was edited and is now the only name of that content",
    ReasonCode.LINK_REMOVED: "the link in its place has just been removed",
    ReasonCode.STAYS_SHARED: "its blocks stay shared; this has no visible effect",
    ReasonCode.INTERRUPTED: "the run was interrupted before this file",
    ReasonCode.CUT_SHORT: "the run was interrupted during this file",
    ReasonCode.BACK_ALREADY: "it is already back in its place",
    ReasonCode.LOST_IN_CRASH: "after the crash, it is at neither of its paths",
    ReasonCode.CHANGED_IN_CRASH: "after the crash, its paths hold something else, which was kept",
    ReasonCode.CHANGED_BEFORE_RECOVERY: "it changed between the crash and its recovery, so it was kept",
    ReasonCode.INCONSISTENT_AFTER_CRASH: "inconsistent after the crash; left untouched, see {about}",
    ReasonCode.UNSETTLED_AFTER_CRASH: "after the crash it could not be recovered: {error}",
    ReasonCode.LEFT_AFTER_CRASH: (
        "after the crash, {about} cannot be removed: its folder has the flag a or i (see chattr); without"
        " the flag, fileorg recover removes it"
    ),
    ReasonCode.NAME_TAKEN_AFTER_CRASH: (
        "after the crash, another file has its name, and it is now {about}; once the name is free, fileorg"
        " recover restores it"
    ),
    ReasonCode.GIVEN_UP: (
        "its operation was given up unchecked; fileorg recover checks it once its disk or store is back"
    ),
    ReasonCode.OTHER: "{about}",
    ReasonCode.STORE_REFUSED: "the store refused it",
}
_WITHOUT = {
    ReasonCode.NAME_TAKEN: "the name is taken",
    ReasonCode.NEWER_THERE: "the existing file is newer",
    ReasonCode.IDENTICAL: "identical to a file that is already there",
    ReasonCode.LEADER_STAYS: "kept with a file that is not moved",
    ReasonCode.NEEDED_BY_NEIGHBOUR: "the existing file stays because of another file beside it",
    ReasonCode.BESIDE_FOREIGN_LOG: "a database would be mixed up with the log of another one",
    ReasonCode.BESIDE_DOWNLOAD: "an unfinished download would take the name from it",
    ReasonCode.NAME_REFUSED: "the destination file system does not allow this name",
    ReasonCode.FOLDER_MISSING: "the destination folder does not exist",
    ReasonCode.KEEPER_IS_ITSELF: "it is the same file as its keeper, under another name",
    ReasonCode.SYMLINK_NOT_REWRITTEN: "its target has moved, but the symlink could not be updated: {error}",
    ReasonCode.SYMLINK_LEFT_ALONE: (
        "its target moves, but the symlink is not updated: its name or a pattern excludes it"
    ),
    ReasonCode.SYMLINK_NOT_ENTERED: "its target moves, but the symlink is not updated: its folder is not entered",
    ReasonCode.SYMLINK_LED_TO_MOVED: "fileorg moved its target: operation {number}",
    ReasonCode.BEING_WRITTEN: "another program has it open for writing, so it was skipped",
    ReasonCode.OTHER: "for other reasons",
}
"""Sentences for reasons without a path or an error, if they differ."""


_STATUSES = {StatusCode.SCANNED: "as of the last scan", StatusCode.CURRENT: "as it is now"}


def status_in_words(status: OperationStatus | None) -> str:
    """Return the status of an operation, or of a scanned folder, for people; empty for none."""
    if status is None:
        return ""
    words = _STATUSES.get(status.code) or str(status.code).replace("_", " ")
    if status.undone_by:
        words += f" by {', '.join(map(str, status.undone_by))}"
    words += ", stopped early" if status.stopped_early else ""
    return words + (", purged in part" if status.partly_purged else "")


def sentence(reason: Reason | None) -> str:
    """Return the reason as one printable line, empty for None."""
    if reason is None:
        return ""
    if reason.code is ReasonCode.NOT_KEPT:
        return f"{', '.join(_lost(reason))} could not be preserved"
    template = _SENTENCES[reason.code]
    if reason.code is ReasonCode.STORE_REFUSED:
        return _of_store((reason.about or b"").decode(errors="replace"))
    if reason.code in _WITHOUT and reason.about is None and reason.number is None:
        template = _WITHOUT[reason.code]
    return _filled(template, reason, "" if reason.about is None else display(reason.about))


def _of_store(about: str) -> str:
    code, _, permission = about.partition(" ")
    if code not in STORE_WORDS:
        return f"the store refused it: {display(about)}"
    return f"{STORE_WORDS[code]}: the permission {display(permission)} is missing" if permission else STORE_WORDS[code]


def sentence_of_many(reason: Reason | None) -> str:
    """Return the sentence for all records with the same kind of reason, without the path that differs."""
    if reason is None or reason.code not in ABOUT_ANOTHER_FILE:
        return sentence(reason)
    template = _WITHOUT.get(reason.code) or _SENTENCES[reason.code].replace("its keeper {about}", "its keeper")
    return _filled(template, reason, "its keeper")


def _filled(template: str, reason: Reason, about: str) -> str:
    error = "" if reason.number is None else os.strerror(reason.number)
    return template.format(about=about, number=reason.number, error=error)


def _lost(reason: Reason) -> list[str]:
    """Return a word for each attribute that a file system did not preserve."""
    found = []
    for lost in Lost:
        if lost is Lost.ATTRIBUTE and lost in reason.lost:
            found += [f"attribute {display(name)}" for name in (reason.about or b"").split(b"\0")]
        elif lost in reason.lost:
            found.append(lost.name.lower() if lost.name else "")
    return found
