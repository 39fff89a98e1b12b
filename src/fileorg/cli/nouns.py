"""Nouns for entries that are counted, in the singular and the plural."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.rules.ignore import LIMITS, IgnoreReason
from fileorg.scan.stays import NotTaken

if TYPE_CHECKING:
    from fileorg.rules.filters import Filters
    from fileorg.scan.stays import StayReason


class Noun(NamedTuple):
    """The name of something that is counted. `several` is needed where the plural is more than an added `s`."""

    one: str
    several: str = ""

    def of(self, count: int) -> str:
        """Return the form that follows the number."""
        return self.one if count == 1 else self.several or f"{self.one}s"


SKIPPED = Noun("file skipped (--dry-run shows why)", "files skipped (--dry-run shows why)")
SKIPPED_ITEM = Noun("item skipped (--dry-run shows why)", "items skipped (--dry-run shows why)")
SKIPPED_ABOVE = Noun("skipped (see above)", "skipped (see above)")
IN_PLACE = Noun("file already in place", "files already in place")
UNKNOWN_KIND = Noun("file of unknown type", "files of unknown type")
KEPT = Noun("file kept by a rule", "files kept by rules")
SPECIAL = Noun("symlink or special file", "symlinks and special files")
NOT_ENTERED = Noun("folder not entered", "folders not entered")
NOT_ENTERED_HERE = Noun("folder not entered (-r enters it)", "folders not entered (-r enters them)")
UNREADABLE = Noun("unreadable folder")
OTHER_FILE_SYSTEM = Noun("folder on another file system", "folders on other file systems")
EXCLUDED_FILE = Noun("file not selected by the options", "files not selected by the options")
BAD_PATTERN = Noun("unusable ignore file or pattern", "unusable ignore files or patterns")
ODD_KEY = Noun("key that no path can name", "keys that no path can name")
EMPTY_FILE, EMPTY_FOLDER, BROKEN_SYMLINK = Noun("empty file"), Noun("empty folder"), Noun("broken symlink")

LEFT_ALONE: dict[IgnoreReason, Noun] = {
    IgnoreReason.LOCK_FILE: Noun("lock file of an office program", "lock files of office programs"),
    IgnoreReason.HIDDEN: Noun("hidden file or folder", "hidden files and folders"),
    IgnoreReason.OURS: Noun("file or folder of fileorg", "files and folders of fileorg"),
    IgnoreReason.TOOLING: Noun("version control or dependency folder"),
    IgnoreReason.EXCLUDED: Noun("file or folder excluded by a pattern", "files and folders excluded by a pattern"),
    IgnoreReason.INTENTIONAL: Noun("file empty on purpose", "files empty on purpose"),
    IgnoreReason.TWICE: Noun("folder mounted twice", "folders mounted twice"),
    IgnoreReason.OPEN: Noun("file open in a program", "files open in programs"),
    IgnoreReason.TOGETHER: Noun("file kept with its folder", "files kept with their folders"),
    IgnoreReason.ABANDONED: Noun("download unfinished for over a month", "downloads unfinished for over a month"),
    IgnoreReason.UNSETTLED: Noun("file not settled yet", "files not settled yet"),
    IgnoreReason.PUT_BACK: Noun("file moved back by hand", "files moved back by hand"),
    IgnoreReason.LIBRARY: Noun("library", "libraries"),
    IgnoreReason.OTHER_SYSTEM: Noun("folder of another operating system", "folders of another operating system"),
}
"""Reasons whose own words are no noun, or one with an irregular plural."""


_NOT_TAKEN = {
    NotTaken.UNKNOWN_KIND: UNKNOWN_KIND,
    NotTaken.KEPT: KEPT,
    NotTaken.IN_PLACE: IN_PLACE,
    NotTaken.NOT_ENTERED: NOT_ENTERED_HERE,
    NotTaken.NOT_A_FILE: SPECIAL,
    NotTaken.UNREADABLE: UNREADABLE,
}


def stay_noun(reason: StayReason, filters: Filters) -> Noun:
    """Return the noun for an entry that stays for `reason`."""
    return _NOT_TAKEN[reason] if isinstance(reason, NotTaken) else left_alone_noun(reason, filters)


def left_alone_noun(reason: IgnoreReason, filters: Filters, held: str = "file") -> Noun:
    """Return the noun for entries that were skipped for `reason`, and `held` is that for those beyond a limit."""
    if reason in LIMITS:
        limit = filters.said(reason)
        return Noun(f"{held} {limit}", f"{held}s {limit}")
    return LEFT_ALONE.get(reason) or Noun(reason)
