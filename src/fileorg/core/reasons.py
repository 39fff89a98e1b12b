"""Reasons and notes about files as data; `report` turns them into sentences for display."""

from __future__ import annotations

import os
from enum import IntFlag, StrEnum
from typing import TYPE_CHECKING, Self

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from enum import Enum


class ReasonCode(StrEnum):
    """Codes stored in the journal: never renamed, and never reused with another meaning."""

    # Names
    NAME_TAKEN = "name-taken"
    NEWER_THERE = "newer-there"
    NEWER_TAKES_NAME = "newer-takes-name"
    IDENTICAL = "identical"
    LEADER_STAYS = "leader-stays"
    NEEDED_BY_NEIGHBOUR = "needed-by-neighbour"
    BESIDE_FOREIGN_LOG = "beside-foreign-log"
    BESIDE_DOWNLOAD = "beside-download"
    NAME_REFUSED = "name-refused"

    # Folders
    FOLDER_IN_THE_WAY = "folder-in-the-way"
    SYMLINK_IN_THE_WAY = "symlink-in-the-way"
    FOLDER_UNUSABLE = "folder-unusable"
    FOLDER_MISSING = "folder-missing"
    ROOT_MISSING = "root-missing"
    TRASH_UNUSABLE = "trash-unusable"
    FOLDER_FLAGGED = "folder-flagged"
    FOLDER_IS_WHOLE = "folder-is-whole"
    ALREADY_THERE = "already-there"
    NOT_EMPTY = "not-empty"
    IN_USE = "in-use"
    MOUNTED = "mounted"
    OTHER_OWNER = "other-owner"
    HAS_ATTRIBUTES = "has-attributes"
    GROUP_NOT_PASSED_ON = "group-not-passed-on"
    SYMLINK_LEADS_TO_IT = "symlink-leads-to-it"

    # Changes since the scan or the operation
    GONE = "gone"
    SOMETHING_ELSE_THERE = "something-else-there"
    SOMETHING_ELSE_KEPT = "something-else-kept"
    ANOTHER_FILE_THERE = "another-file-there"
    CHANGED_SINCE_SCAN = "changed-since-scan"
    CHANGED_JUST_NOW = "changed-just-now"
    CHANGED_AND_KEPT = "changed-and-kept"
    CHANGED_WHILE_COPIED = "changed-while-copied"
    CHANGED_WHILE_MOVED = "changed-while-moved"
    BEING_WRITTEN = "being-written"
    WRITERS_UNKNOWN = "writers-unknown"
    EDITED = "edited"
    EDITED_AND_MOVED = "edited-and-moved"
    EDITED_AND_KEPT = "edited-and-kept"
    EDITED_IN_TRASH = "edited-in-trash"
    REMOVED_MEANWHILE = "removed-meanwhile"
    NOT_PUT_BACK = "not-put-back"
    ANOTHER_LINK = "another-link"
    NO_SECOND_NAME = "no-second-name"
    ORIGINAL_CHANGED = "original-changed"
    UNREADABLE = "unreadable"
    CHANGED_WHILE_READ = "changed-while-read"
    ENDED_HELPERS = "ended-helpers"

    # File systems
    SYSTEM_ERROR = "system-error"
    HARD_LINKS_TORN = "hard-links-torn"
    SYMLINK_STAYS = "symlink-stays"
    SYMLINK_NOT_REWRITTEN = "symlink-not-rewritten"
    SYMLINK_TARGET_STAYS = "symlink-target-stays"
    SYMLINK_LEFT_ALONE = "symlink-left-alone"
    SYMLINK_NOT_ENTERED = "symlink-not-entered"
    SYMLINK_LED_TO_MOVED = "symlink-led-to-moved"
    NO_SYMLINKS = "no-symlinks"
    NO_HARD_LINKS = "no-hard-links"
    NO_EXCHANGE = "no-exchange"
    NO_LASTING_INODES = "no-lasting-inodes"
    NO_SHARED_BLOCKS = "no-shared-blocks"
    NOT_WRITABLE = "not-writable"
    OTHER_DISK_THAN_TRASH = "other-disk-than-trash"
    CLEANED_BY_ITSELF = "cleaned-by-itself"
    NOT_KEPT = "not-kept"
    COPY_STAYS = "copy-stays"

    # Keepers of duplicates
    KEEPER_GONE = "keeper-gone"
    LAST_COPY = "last-copy"
    KEEPER_CHANGED = "keeper-changed"
    KEEPER_CHANGED_JUST_NOW = "keeper-changed-just-now"
    KEEPER_BEING_WRITTEN = "keeper-being-written"
    KEEPER_REPLACED = "keeper-replaced"
    KEEPER_REMAINS = "keeper-remains"
    KEEPER_DIFFERS = "keeper-differs"
    KEEPER_IS_ITSELF = "keeper-is-itself"
    KEEPER_UNKNOWN = "keeper-unknown"
    KEEPER_NOT_LINKABLE = "keeper-not-linkable"
    KEEPER_HAS_TOO_MANY_NAMES = "keeper-has-too-many-names"
    KEEPER_ON_OTHER_DISK = "keeper-on-other-disk"
    HARD_LINK_TO_OTHER_DISK = "hard-link-to-other-disk"
    REFLINK_TO_OTHER_DISK = "reflink-to-other-disk"
    CHANGED_WHILE_COMPARED = "changed-while-compared"
    LINK_IS_ONLY_NAME = "link-is-only-name"
    LINK_REMOVED = "link-removed"
    STAYS_SHARED = "stays-shared"

    # Interrupted runs
    INTERRUPTED = "interrupted"
    CUT_SHORT = "cut-short"
    BACK_ALREADY = "back-already"
    LOST_IN_CRASH = "lost-in-crash"
    CHANGED_IN_CRASH = "changed-in-crash"
    CHANGED_BEFORE_RECOVERY = "changed-before-recovery"
    INCONSISTENT_AFTER_CRASH = "inconsistent-after-crash"
    UNSETTLED_AFTER_CRASH = "unsettled-after-crash"
    LEFT_AFTER_CRASH = "left-after-crash"
    NAME_TAKEN_AFTER_CRASH = "name-taken-after-crash"
    GIVEN_UP = "given-up"

    OTHER = "other"
    STORE_REFUSED = "store-refused"


def reason_code(reason: Enum) -> str:
    """Return the code of a reason that is stored as words: its name, because the words may change."""
    return reason.name.lower().replace("_", "-")


class Lost(IntFlag):
    """Metadata that a file system could not store. Kept in the journal, because undo restores it."""

    OWNER = 1
    ATTRIBUTES = 2  # unknown which
    ATTRIBUTE = 4  # the named ones
    MODE = 8
    TIMES = 16
    FLAGS = 32  # set by chattr(1)


NOTHING_LOST = Lost(0)


class Reason(NamedTuple):
    """A code and its details. `about` is a path, names of extended attributes separated by NUL, or for `OTHER` the
    sentence itself; `number` is a number of names, a process id or an errno; `lost` the metadata that was lost.
    """

    code: ReasonCode
    about: bytes | None = None
    number: int | None = None
    lost: Lost = NOTHING_LOST

    @classmethod
    def of_error(cls, error: OSError) -> Self:
        """Return the reason for a system error, or for an `OSError` raised with a custom message."""
        refused = getattr(error, "refused", None)  # an error of a store: its code, and a missing permission
        if refused is not None:
            return cls(ReasonCode.STORE_REFUSED, refused)
        if error.errno is not None and error.strerror == os.strerror(error.errno):
            return cls(ReasonCode.SYSTEM_ERROR, None, error.errno)
        return cls(ReasonCode.OTHER, os.fsencode(error.strerror or str(error)))


ABOUT_ANOTHER_FILE = frozenset(
    {
        ReasonCode.NAME_TAKEN, ReasonCode.NEWER_THERE, ReasonCode.IDENTICAL, ReasonCode.LEADER_STAYS,
        ReasonCode.FOLDER_MISSING, ReasonCode.KEEPER_GONE, ReasonCode.KEEPER_CHANGED, ReasonCode.NEEDED_BY_NEIGHBOUR,
        ReasonCode.BESIDE_FOREIGN_LOG, ReasonCode.BESIDE_DOWNLOAD,
        ReasonCode.KEEPER_CHANGED_JUST_NOW, ReasonCode.KEEPER_DIFFERS, ReasonCode.KEEPER_IS_ITSELF,
        ReasonCode.KEEPER_HAS_TOO_MANY_NAMES, ReasonCode.KEEPER_ON_OTHER_DISK, ReasonCode.HARD_LINK_TO_OTHER_DISK,
        ReasonCode.REFLINK_TO_OTHER_DISK, ReasonCode.SYMLINK_NOT_REWRITTEN, ReasonCode.SYMLINK_LEFT_ALONE,
        ReasonCode.SYMLINK_NOT_ENTERED, ReasonCode.SYMLINK_LED_TO_MOVED,
        ReasonCode.BEING_WRITTEN, ReasonCode.KEEPER_BEING_WRITTEN,
    }
)  # fmt: skip
"""Codes whose `about` differs from record to record: left out where records are counted by reason."""

ALWAYS_KEPT = frozenset(
    {
        ReasonCode.EDITED_AND_KEPT, ReasonCode.SOMETHING_ELSE_KEPT, ReasonCode.ANOTHER_LINK, ReasonCode.NO_SECOND_NAME,
        ReasonCode.ORIGINAL_CHANGED,
    }
)  # fmt: skip
"""Why an undo keeps a copy or a link, even with `--include-changed`."""

ABOUT_A_PROCESS = frozenset({ReasonCode.BEING_WRITTEN, ReasonCode.KEEPER_BEING_WRITTEN})
"""Codes whose `number` is a process id: left out where records are counted by reason."""

LYING = frozenset(
    {
        ReasonCode.INCONSISTENT_AFTER_CRASH, ReasonCode.LEFT_AFTER_CRASH, ReasonCode.NAME_TAKEN_AFTER_CRASH,
        ReasonCode.GIVEN_UP,
    }
)  # fmt: skip
"""Codes for a file that recovery had to leave, perhaps under a temporary name of fileorg; the next recovery tries
again."""

UNSETTLED = LYING | {
    ReasonCode.CHANGED_IN_CRASH, ReasonCode.UNSETTLED_AFTER_CRASH, ReasonCode.LOST_IN_CRASH,
}  # fmt: skip
"""Codes for a file whose state recovery could not determine: undo tries its record like a done one."""

STORE_WORDS = {
    "denied": "access denied",
    "archived": "it is in an archive, and must be restored in the store first",
    "locked": "it is under a legal hold or a retention",
    "key-too-long": "its key would be longer than 1,024 bytes",
    "invalid-key": "the store does not allow its key",
    "too-large": "it is too large for the store",
    "unsafe-parts": "the store could overwrite another object, because it ignores a condition of uploads in parts",
    "unsupported": "the store cannot do this",
    "checksum": "its content did not arrive as it was sent",
    "expired": "the credentials have expired",
    "bad-credentials": "the credentials are not valid",
    "throttled": "the store asked for fewer requests, again and again",
    "timed-out": "no answer came in time",
    "no-network": "the store could not be reached",
    "conflict": "another request was changing it",
    "requester-pays": "its bucket bills its readers",
    "no-bucket": "its bucket is not there",
    "no-credentials": "no credentials were found",
    "no-profile": "the profile of its credentials does not exist",
    "bad-settings": "the settings of AWS for it cannot be used",
    "clock-skew": "it refuses the time of this computer",
    "wrong-region": "its bucket is in another region",
    "not-a-store": "what answers is no object store",
    "server": "the store reported an error of its own",
    "incomplete": "its answers were cut off",
}
"""The words for what a store said, by the codes of `storage.object.store_error`."""
