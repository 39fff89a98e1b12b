"""Owner and mode of a folder made by root: inherited from its parent.

Other users make folders as their own, with the mode of their umask. Below a default ACL the kernel sets the mode.
"""

from __future__ import annotations

import errno
import os
import stat

from fileorg.core.tuples import NamedTuple

USUAL = 0o777
"""A mode that requests the default of the place."""
_FIRST = 0o700
_KNOWS_NONE = frozenset({errno.EPERM, errno.EOPNOTSUPP})
"""Errors of file systems without owners, such as FAT, and of file servers that map root to nobody."""
_NOBODY = 65534
"""The owner that a container shows for unmapped ids; it cannot be assigned (EINVAL)."""
_ACCESS_LIST = "system.posix_acl_default"


class Heir(NamedTuple):
    """Owner, group and mode of a new folder. Mode None: the kernel set it correctly."""

    owner: int
    group: int
    mode: int | None


def heir_of(above_fd: int) -> Heir | None:
    """Return what a new folder inherits from an open one, None where mkdir sets it correctly."""
    if os.geteuid() != 0:
        return None
    above = os.fstat(above_fd)
    if (above.st_uid, above.st_gid) == (0, os.getegid()):
        return None
    return Heir(above.st_uid, above.st_gid, None if _has_access_list(above_fd) else _mode_in(above.st_mode))


def _mode_in(above: int) -> int:
    """Return the mode of the parent, with setgid and full rights for the owner. Below a sticky folder nobody else gets
    write permission; the sticky bit itself is not inherited, because it concerns that place only.
    """
    mode = stat.S_IMODE(above) & ~(stat.S_ISUID | stat.S_ISVTX) | 0o700
    return mode & ~0o022 if above & stat.S_ISVTX else mode


def _has_access_list(fd: int) -> bool:
    try:
        return hasattr(os, "listxattr") and _ACCESS_LIST in os.listxattr(fd)
    except OSError:
        return False


def first_mode(mode: int, heir: Heir | None) -> int:
    """Return the initial mode of a folder, which never grants more than its final one."""
    if stat.S_ISDIR(mode):
        return stat.S_IMODE(mode) | 0o700  # it must be opened for fchmod, whatever its final mode
    return _FIRST if mode == USUAL and heir is not None and heir.mode is not None else mode


def hand_over(fd: int, mode: int, heir: Heir) -> None:
    """Give a new folder, made with `mode`, its inherited owner and mode, as far as the file system has owners.

    Raises `OSError` if a file system with owners refuses.

    A folder that is not empty or has another owner is left alone: another program put it there, and root must not give
    it away. A folder that already has the inherited owner may still lack its mode.
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
