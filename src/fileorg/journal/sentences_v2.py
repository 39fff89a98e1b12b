"""The sentences that journals stored before version 3, and the reasons that they stood for.

Older versions wrote these sentences: nothing here changes when today's wording does.
"""

from __future__ import annotations

import errno
import os
import re
from functools import lru_cache

from fileorg.core.reasons import NOTHING_LOST, Lost, Reason, ReasonCode

_WHOLE = {
    "it is no longer there": ReasonCode.GONE,
    "the name is taken": ReasonCode.NAME_TAKEN,
    "it is there already": ReasonCode.ALREADY_THERE,
    "it is not empty, and was kept": ReasonCode.NOT_EMPTY,
    "something is mounted there, or it is in use": ReasonCode.IN_USE,
    "another disk is mounted there": ReasonCode.MOUNTED,
    "it could not be made again as it is: it has another owner or group than a new one would get": (
        ReasonCode.OTHER_OWNER
    ),
    "it could not be made again as it is: it has attributes or an access list, or would inherit one": (
        ReasonCode.HAS_ATTRIBUTES
    ),
    "it could not be made again as it is: only a member of its group may have it pass that on": (
        ReasonCode.GROUP_NOT_PASSED_ON
    ),
    "a symlink leads to it": ReasonCode.SYMLINK_LEADS_TO_IT,
    "there is something else in its place": ReasonCode.SOMETHING_ELSE_THERE,
    "another file is in its place": ReasonCode.ANOTHER_FILE_THERE,
    "it changed since it was scanned": ReasonCode.CHANGED_SINCE_SCAN,
    "it changed just now, and stayed": ReasonCode.CHANGED_JUST_NOW,
    "it changed just now, and was kept": ReasonCode.CHANGED_AND_KEPT,
    "it changed while it was copied, and stayed": ReasonCode.CHANGED_WHILE_COPIED,
    "it changed or was held while it was moved, and stayed": ReasonCode.CHANGED_WHILE_MOVED,
    "it was edited since": ReasonCode.EDITED,
    "it was edited since, and moved as it is": ReasonCode.EDITED_AND_MOVED,
    "it was edited since, and was kept": ReasonCode.EDITED_AND_KEPT,
    "someone else removed it at the same moment": ReasonCode.REMOVED_MEANWHILE,
    "it is another link now": ReasonCode.ANOTHER_LINK,
    "it is no longer a second name of the same file, and was kept": ReasonCode.NO_SECOND_NAME,
    "its original changed or is gone, so the copy was kept": ReasonCode.ORIGINAL_CHANGED,
    "it is a symlink, which is not carried to another disk": ReasonCode.SYMLINK_STAYS,
    "the file system at the target does not take its name": ReasonCode.NAME_REFUSED,
    "the file system cannot exchange two names in one step, so no link can take its place": ReasonCode.NO_EXCHANGE,
    "inode numbers do not last here, so no link can take its place": ReasonCode.NO_LASTING_INODES,
    "the file system shares no blocks between files": ReasonCode.NO_SHARED_BLOCKS,
    "only who may write to a file may let it share its blocks": ReasonCode.NOT_WRITABLE,
    "it is on another disk than the trash below its root": ReasonCode.OTHER_DISK_THAN_TRASH,
    "it is on another disk than the trash of fileorg: clean that folder by itself": ReasonCode.CLEANED_BY_ITSELF,
    "its keeper was replaced just now": ReasonCode.KEEPER_REPLACED,
    "the journal does not say of what it is a duplicate": ReasonCode.KEEPER_UNKNOWN,
    "it or its keeper changed while they were compared": ReasonCode.CHANGED_WHILE_COMPARED,
    "the link in its place was edited and is the only name left of what it holds: it was kept": (
        ReasonCode.LINK_IS_ONLY_NAME
    ),
    "the link in its place was removed just now": ReasonCode.LINK_REMOVED,
    "its blocks stay shared, which nothing that can be seen depends on": ReasonCode.STAYS_SHARED,
    "the run was interrupted before it was done": ReasonCode.INTERRUPTED,
    "the run was interrupted while it was done; what there was of it is gone": ReasonCode.CUT_SHORT,
    "after the crash, it is under neither of its names": ReasonCode.LOST_IN_CRASH,
    "after the crash, neither name holds the file as it was; nothing was touched": ReasonCode.CHANGED_IN_CRASH,
}
# Tried in this order. A name may contain any of these words: the text before it decides.
_PATTERNS = tuple(
    (re.compile(pattern, re.DOTALL), code)
    for pattern, code in (
        (r"identical to (?P<about>.*)", ReasonCode.IDENTICAL),
        (r"the name is taken: (?P<about>.*)", ReasonCode.NAME_TAKEN),
        (r"the one there is newer: (?P<about>.*)", ReasonCode.NEWER_THERE),
        (r"a newer one takes the name: (?P<about>.*)", ReasonCode.NEWER_TAKES_NAME),
        (r"it goes with (?P<about>.*), which stays", ReasonCode.LEADER_STAYS),
        (r"the file system at the target does not take its name: (?P<error>.*)", ReasonCode.NAME_REFUSED),
        (r"the folder (?P<about>.*) is not there", ReasonCode.FOLDER_MISSING),
        (r"the trash of fileorg cannot be used: (?P<error>.*)", ReasonCode.TRASH_UNUSABLE),
        (
            r"another file took its name meanwhile: it could not be put back, and is (?P<about>.*) now",
            ReasonCode.NOT_PUT_BACK,
        ),
        (
            r"it has (?P<number>\d{1,9}) names \(hard links\), torn apart by another disk; --action copy copies it",
            ReasonCode.HARD_LINKS_TORN,
        ),
        (r"the file system makes no symlinks here: (?P<error>.*)", ReasonCode.NO_SYMLINKS),
        (r"the file system makes no hard links here: (?P<error>.*)", ReasonCode.NO_HARD_LINKS),
        (
            r"its keeper was changed and removed meanwhile: what is left of that is (?P<about>.*) now",
            ReasonCode.KEEPER_REMAINS,
        ),
        (r"its content is no longer that of (?P<about>.*)", ReasonCode.KEEPER_DIFFERS),
        (r"it is the same file as (?P<about>.*), by another name", ReasonCode.KEEPER_IS_ITSELF),
        (
            r"no hard link to (?P<about>.*) may be made: (?P<error>.*) \(is it someone else's file\?\)",
            ReasonCode.KEEPER_NOT_LINKABLE,
        ),
        (
            r"it is on another disk than (?P<about>.*), where no hard link can lead",
            ReasonCode.HARD_LINK_TO_OTHER_DISK,
        ),
        (r"it is on another disk than (?P<about>.*), where no reflink can lead", ReasonCode.REFLINK_TO_OTHER_DISK),
        (
            r"after the crash, it is as no run leaves it; nothing was touched, see (?P<about>.*)",
            ReasonCode.INCONSISTENT_AFTER_CRASH,
        ),
        (r"after the crash it could not be settled: (?P<error>.*)", ReasonCode.UNSETTLED_AFTER_CRASH),
        (r"(?P<about>.*), its keeper, is no longer there", ReasonCode.KEEPER_GONE),
        (r"(?P<about>.*), its keeper, changed since it was scanned", ReasonCode.KEEPER_CHANGED),
        (r"(?P<about>.*), its keeper, changed or went just now", ReasonCode.KEEPER_CHANGED_JUST_NOW),
        (
            r"(?P<about>.*), its keeper, has as many names as the file system allows",
            ReasonCode.KEEPER_HAS_TOO_MANY_NAMES,
        ),
        (
            r"(?P<about>.*), its keeper, is on another disk, where no hard link can lead",
            ReasonCode.KEEPER_ON_OTHER_DISK,
        ),
        (r"(?P<about>.*) is in the way: it is no folder", ReasonCode.FOLDER_IN_THE_WAY),
        (r"(?P<about>.*) cannot be used: (?P<error>.*)", ReasonCode.FOLDER_UNUSABLE),
        (r"(?P<about>.*) cannot be read: (?P<error>.*)", ReasonCode.UNREADABLE),
    )
)
# The parts always came in this order, so a comma in the name of an attribute differs from a separator.
_NOT_KEPT = re.compile(
    r"(?:(?P<owner>owner)(?:, |(?=\Z)))?"
    r"(?:(?P<attributes>attributes)(?:, |(?=\Z)))?"
    r"(?:attribute (?P<names>.+?)(?:, (?=(?:mode|mode, times|times)\Z)|(?=\Z)))?"
    r"(?:(?P<mode>mode)(?:, |(?=\Z)))?"
    r"(?P<times>times)?",
    re.DOTALL,
)
_END = " could not be kept"
_NUMBERS = {os.strerror(number): number for number in errno.errorcode}


@lru_cache(maxsize=4096)
def reason_of(sentence: str) -> Reason:
    """Return the reason that a sentence stood for. The text of an unknown sentence is kept."""
    code = _WHOLE.get(sentence)
    if code is not None:
        return Reason(code)
    if sentence in _NUMBERS:
        return Reason(ReasonCode.SYSTEM_ERROR, None, _NUMBERS[sentence])
    for pattern, named in _PATTERNS:
        found = pattern.fullmatch(sentence)
        if found is not None:
            return _made(named, found.groupdict()) or _other(sentence)
    return _lost(sentence) or _other(sentence)


def _made(code: ReasonCode, found: dict[str, str]) -> Reason | None:
    """Return the reason, None if its error text is unknown to this system."""
    about, error, number = found.get("about"), found.get("error"), found.get("number")
    if error is not None and error not in _NUMBERS:
        return None
    return Reason(
        code,
        None if about is None else _bytes(about),
        _NUMBERS[error] if error is not None else int(number) if number is not None else None,
    )


def _lost(sentence: str) -> Reason | None:
    found = _NOT_KEPT.fullmatch(sentence.removesuffix(_END))
    if found is None or not found[0] or not sentence.endswith(_END):
        return None
    lost, names = NOTHING_LOST, found["names"]
    for flag in (Lost.OWNER, Lost.ATTRIBUTES, Lost.MODE, Lost.TIMES):
        if found[str(flag.name).lower()]:
            lost |= flag
    if names is None:
        return Reason(ReasonCode.NOT_KEPT, None, None, lost)
    about = b"\0".join(map(_bytes, names.split(", attribute ")))
    return Reason(ReasonCode.NOT_KEPT, about, None, lost | Lost.ATTRIBUTE)


def _other(sentence: str) -> Reason:
    return Reason(ReasonCode.OTHER, _bytes(sentence))


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")
