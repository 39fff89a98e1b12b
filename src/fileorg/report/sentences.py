"""The sentences of reasons. No other module words a reason."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fileorg.core.names import display
from fileorg.core.reasons import ABOUT_ANOTHER_FILE, Lost, ReasonCode

if TYPE_CHECKING:
    from fileorg.core.reasons import Reason

_SENTENCES = {
    ReasonCode.NAME_TAKEN: "the name is taken: {about}",
    ReasonCode.NEWER_THERE: "the one there is newer: {about}",
    ReasonCode.NEWER_TAKES_NAME: "a newer one takes the name: {about}",
    ReasonCode.IDENTICAL: "identical to {about}",
    ReasonCode.LEADER_STAYS: "it goes with {about}, which stays",
    ReasonCode.NAME_REFUSED: "the file system at the target does not take its name: {error}",
    ReasonCode.FOLDER_IN_THE_WAY: "{about} is in the way: it is no folder",
    ReasonCode.FOLDER_UNUSABLE: "{about} cannot be used: {error}",
    ReasonCode.FOLDER_MISSING: "the folder {about} is not there",
    ReasonCode.ROOT_MISSING: "{about} is not there now, or not the folder that it was (is its disk mounted?)",
    ReasonCode.TRASH_UNUSABLE: "the trash of fileorg cannot be used: {error}",
    ReasonCode.FOLDER_FLAGGED: "nothing can be taken away from {about}: that has the flag a or i (see chattr)",
    ReasonCode.FOLDER_IS_WHOLE: "nothing is put into a folder that is one thing, as {about} tells",
    ReasonCode.ALREADY_THERE: "it is there already",
    ReasonCode.NOT_EMPTY: "it is not empty, and was kept",
    ReasonCode.IN_USE: "something is mounted there, or it is in use",
    ReasonCode.MOUNTED: "another disk is mounted there",
    ReasonCode.OTHER_OWNER: (
        "it could not be made again as it is: it has another owner or group than a new one would get"
    ),
    ReasonCode.HAS_ATTRIBUTES: (
        "it could not be made again as it is: it has attributes or an access list, or would inherit one"
    ),
    ReasonCode.GROUP_NOT_PASSED_ON: (
        "it could not be made again as it is: only a member of its group may have it pass that on"
    ),
    ReasonCode.SYMLINK_LEADS_TO_IT: "a symlink leads to it",
    ReasonCode.GONE: "it is no longer there",
    ReasonCode.SOMETHING_ELSE_THERE: "there is something else in its place",
    ReasonCode.SOMETHING_ELSE_KEPT: "something else is in its place, and was kept",
    ReasonCode.ANOTHER_FILE_THERE: "another file is in its place",
    ReasonCode.CHANGED_SINCE_SCAN: "it changed since it was scanned",
    ReasonCode.CHANGED_JUST_NOW: "it changed just now, and stayed",
    ReasonCode.CHANGED_AND_KEPT: "it changed just now, and was kept",
    ReasonCode.CHANGED_WHILE_COPIED: "it changed while it was copied, and stayed",
    ReasonCode.CHANGED_WHILE_MOVED: "it changed or was held while it was moved, and stayed",
    ReasonCode.BEING_WRITTEN: "another program (process {number}) has it open for writing, and it stayed",
    ReasonCode.WRITERS_UNKNOWN: "whether another program is writing to it cannot be told here, and it stayed",
    ReasonCode.EDITED: "it was edited since",
    ReasonCode.EDITED_AND_MOVED: "it was edited since, and moved as it is",
    ReasonCode.EDITED_AND_KEPT: "it was edited since, and was kept",
    ReasonCode.EDITED_IN_TRASH: "it was edited in the trash, and was kept",
    ReasonCode.REMOVED_MEANWHILE: "someone else removed it at the same moment",
    ReasonCode.NOT_PUT_BACK: "another file took its name meanwhile: it could not be put back, and is {about} now",
    ReasonCode.ANOTHER_LINK: "it is another link now",
    ReasonCode.NO_SECOND_NAME: "it is no longer a second name of the same file, and was kept",
    ReasonCode.ORIGINAL_CHANGED: "its original changed or is gone, so the copy was kept",
    ReasonCode.UNREADABLE: "{about} cannot be read: {error}",
    ReasonCode.SYSTEM_ERROR: "{error}",
    ReasonCode.HARD_LINKS_TORN: (
        "it has {number} names (hard links), torn apart by another disk; --action copy copies it"
    ),
    ReasonCode.SYMLINK_STAYS: "it is a symlink, which is not carried to another disk",
    ReasonCode.SYMLINK_NOT_REWRITTEN: "it led to a file that is {about} now, and could not be rewritten: {error}",
    ReasonCode.SYMLINK_TARGET_STAYS: "the file that it leads to is not moved, so it stays as it is",
    ReasonCode.SYMLINK_LEFT_ALONE: (
        "it leads to a file that goes to {about}, and is not rewritten: its name or a pattern has it left alone"
    ),
    ReasonCode.SYMLINK_NOT_ENTERED: (
        "it leads to a file that goes to {about}, and is not rewritten: its folder is not entered"
    ),
    ReasonCode.SYMLINK_LED_TO_MOVED: "fileorg moved the file that it leads to: operation {number}, to {about}",
    ReasonCode.NO_SYMLINKS: "the file system makes no symlinks here: {error}",
    ReasonCode.NO_HARD_LINKS: "the file system makes no hard links here: {error}",
    ReasonCode.NO_EXCHANGE: "the file system cannot exchange two names in one step, so no link can take its place",
    ReasonCode.NO_LASTING_INODES: "inode numbers do not last here, so no link can take its place",
    ReasonCode.NO_SHARED_BLOCKS: "the file system shares no blocks between files",
    ReasonCode.NOT_WRITABLE: "only who may write to a file may let it share its blocks",
    ReasonCode.OTHER_DISK_THAN_TRASH: "it is on another disk than the trash below its root",
    ReasonCode.CLEANED_BY_ITSELF: "it is on another disk than the trash of fileorg: clean that folder by itself",
    ReasonCode.LAST_COPY: (
        "the file that it was a duplicate of is gone or was edited, so this may be the last copy; undo brings it back"
    ),
    ReasonCode.KEEPER_GONE: "{about}, its keeper, is no longer there",
    ReasonCode.KEEPER_CHANGED: "{about}, its keeper, changed since it was scanned",
    ReasonCode.KEEPER_CHANGED_JUST_NOW: "{about}, its keeper, changed or went just now",
    ReasonCode.KEEPER_BEING_WRITTEN: "another program has {about}, its keeper, open for writing",
    ReasonCode.KEEPER_REPLACED: "its keeper was replaced just now",
    ReasonCode.KEEPER_REMAINS: "its keeper was changed and removed meanwhile: what is left of that is {about} now",
    ReasonCode.KEEPER_DIFFERS: "its content is no longer that of {about}",
    ReasonCode.KEEPER_IS_ITSELF: "it is the same file as {about}, by another name",
    ReasonCode.KEEPER_UNKNOWN: "the journal does not say of what it is a duplicate",
    ReasonCode.KEEPER_NOT_LINKABLE: "no hard link to {about} may be made: {error} (is it someone else's file?)",
    ReasonCode.KEEPER_HAS_TOO_MANY_NAMES: "{about}, its keeper, has as many names as the file system allows",
    ReasonCode.KEEPER_ON_OTHER_DISK: "{about}, its keeper, is on another disk, where no hard link can lead",
    ReasonCode.HARD_LINK_TO_OTHER_DISK: "it is on another disk than {about}, where no hard link can lead",
    ReasonCode.REFLINK_TO_OTHER_DISK: "it is on another disk than {about}, where no reflink can lead",
    ReasonCode.CHANGED_WHILE_COMPARED: "it or its keeper changed while they were compared",
    ReasonCode.LINK_IS_ONLY_NAME: (
        "the link in its place was edited and is the only name left of what it holds: it was kept"
    ),
    ReasonCode.LINK_REMOVED: "the link in its place was removed just now",
    ReasonCode.STAYS_SHARED: "its blocks stay shared, which nothing that can be seen depends on",
    ReasonCode.INTERRUPTED: "the run was interrupted before it was done",
    ReasonCode.CUT_SHORT: "the run was interrupted while it was done",
    ReasonCode.BACK_ALREADY: "it is where it was before",
    ReasonCode.LOST_IN_CRASH: "after the crash, it is under neither of its names",
    ReasonCode.CHANGED_IN_CRASH: "after the crash, what is under its names is not as it was, and was kept",
    ReasonCode.INCONSISTENT_AFTER_CRASH: "after the crash, it is as no run leaves it; nothing was touched, see {about}",
    ReasonCode.UNSETTLED_AFTER_CRASH: "after the crash it could not be settled: {error}",
    ReasonCode.LEFT_AFTER_CRASH: (
        "after the crash, {about} cannot be taken away: its folder has the flag a or i (see chattr); when it has not,"
        " fileorg recover takes it away"
    ),
    ReasonCode.NAME_TAKEN_AFTER_CRASH: (
        "after the crash, its name is another file's, and it is {about} now; when the name is free, fileorg recover"
        " settles it"
    ),
    ReasonCode.OTHER: "{about}",
}
_WITHOUT = {
    ReasonCode.NAME_TAKEN: "the name is taken",
    ReasonCode.NEWER_THERE: "the one there is newer",
    ReasonCode.IDENTICAL: "identical to a file that is there already",
    ReasonCode.LEADER_STAYS: "it goes with a file that stays",
    ReasonCode.NAME_REFUSED: "the file system at the target does not take its name",
    ReasonCode.FOLDER_MISSING: "the folder it goes to is not there",
    ReasonCode.KEEPER_IS_ITSELF: "it is the same file as the one that stays, by another name",
    ReasonCode.SYMLINK_NOT_REWRITTEN: "it led to a file that has moved, and could not be rewritten: {error}",
    ReasonCode.SYMLINK_LEFT_ALONE: (
        "it leads to a file that moves, and is not rewritten: its name or a pattern has it left alone"
    ),
    ReasonCode.SYMLINK_NOT_ENTERED: ("it leads to a file that moves, and is not rewritten: its folder is not entered"),
    ReasonCode.SYMLINK_LED_TO_MOVED: "fileorg moved the file that it leads to: operation {number}",
    ReasonCode.BEING_WRITTEN: "another program has it open for writing, and it stayed",
    ReasonCode.OTHER: "for other reasons",
}
"""Sentences for reasons without a path or an error, if they differ."""


def sentence(reason: Reason | None) -> str:
    """Return the reason as one printable line, empty for None."""
    if reason is None:
        return ""
    if reason.code is ReasonCode.NOT_KEPT:
        return f"{', '.join(_lost(reason))} could not be kept"
    template = _SENTENCES[reason.code]
    if reason.code in _WITHOUT and reason.about is None and reason.number is None:
        template = _WITHOUT[reason.code]
    return _filled(template, reason, "" if reason.about is None else display(reason.about))


def sentence_of_many(reason: Reason | None) -> str:
    """Return the sentence for all records with the same kind of reason, without the path that differs."""
    if reason is None or reason.code not in ABOUT_ANOTHER_FILE:
        return sentence(reason)
    return _filled(_WITHOUT.get(reason.code, _SENTENCES[reason.code]), reason, "the file that stays")


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
