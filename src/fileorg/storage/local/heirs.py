"""To whom a folder belongs that root makes, and its mode: what it gets of the folder that it is in.

Anyone else makes folders as their own, by their umask, which is theirs to choose. Of a folder with a default access
list the kernel knows the mode of what is made in it.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import NamedTuple

USUAL = 0o777
"""The mode that asks for what is usual in the place."""
_FIRST = 0o700
_KNOWS_NONE = frozenset({errno.EPERM, errno.EOPNOTSUPP})
"""What file systems without owners say, as FAT; and file servers that take root for nobody."""
_NOBODY = 65534
"""What a container shows of an owner that it has no number for, and to whom it can give nothing (EINVAL)."""
_ACCESS_LIST = "system.posix_acl_default"


class Heir(NamedTuple):
    """What a new folder is to have. No mode: the kernel gave it the right one."""

    owner: int
    group: int
    mode: int | None


def heir_of(above_fd: int) -> Heir | None:
    """Return what a folder that is made in an open one gets of it, None where that is what mkdir gives."""
    if os.geteuid() != 0:
        return None
    above = os.fstat(above_fd)
    if (above.st_uid, above.st_gid) == (0, os.getegid()):
        return None
    return Heir(above.st_uid, above.st_gid, None if _has_access_list(above_fd) else _mode_in(above.st_mode))


def _mode_in(above: int) -> int:
    """The mode of the folder above, setgid too, with which its owner can work. Where nobody but an owner may remove
    things (sticky), nobody else may write: the bit itself says more of a place than of what is in it.
    """
    mode = stat.S_IMODE(above) & ~(stat.S_ISUID | stat.S_ISVTX) | 0o700
    return mode & ~0o022 if above & stat.S_ISVTX else mode


def _has_access_list(fd: int) -> bool:
    try:
        return hasattr(os, "listxattr") and _ACCESS_LIST in os.listxattr(fd)
    except OSError:
        return False


def first_mode(mode: int, heir: Heir | None) -> int:
    """The mode to make a folder with, so that it is never open to more than it is to be in the end."""
    if stat.S_ISDIR(mode):
        return stat.S_IMODE(mode) | 0o700  # it has to be opened to be given its mode, which may be one that forbids it
    return _FIRST if mode == USUAL and heir is not None and heir.mode is not None else mode


def hand_over(fd: int, mode: int, heir: Heir) -> None:
    """Give a folder that was just made as `mode` asks to whom it belongs, as far as the file system knows owners.

    Raises `OSError` where it does, and failed.

    Nothing is done to one that holds something, or that is not ours: someone put it in the place of the one that was
    made, for root to give away. Of one that is handed over already only the mode may be missing.
    """
    seen = os.fstat(fd)
    is_handed_over = (seen.st_uid, seen.st_gid) == (heir.owner, heir.group)
    if not (is_handed_over or seen.st_uid == os.geteuid()) or os.listdir(fd):
        return
    if not is_handed_over:
        try:
            os.fchown(fd, heir.owner, heir.group)
        except OSError as error:
            is_nobody = error.errno == errno.EINVAL and _NOBODY in heir
            if error.errno not in _KNOWS_NONE and not is_nobody:
                raise
    if mode == USUAL and heir.mode is not None and stat.S_IMODE(seen.st_mode) & ~stat.S_ISGID == _FIRST:
        try:
            os.fchmod(fd, heir.mode)
        except OSError as error:
            if error.errno not in _KNOWS_NONE:
                raise
