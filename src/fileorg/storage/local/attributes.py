"""What a file has beside its content and its times: read, and given to another file."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

from fileorg.core.reasons import NOTHING_LOST, Lost
from fileorg.core.tuples import NamedTuple
from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Mapping

_ACL = "system.posix_acl_access"
# Set by the kernel, or specific to the target.
_NOT_OURS = ("system.nfs4", "security.selinux")
_ACLS_OF_XFS = "trusted.SGI_ACL_"
"""XFS also exposes ACLs to root under this prefix."""


class FileAttributes(NamedTuple):
    """`flags` are those of chattr(1); `extended` includes the access list."""

    mode: int
    owner: int
    group: int
    flags: int
    extended: Mapping[str, bytes]


class ExtendedAttributes(NamedTuple):
    """The extended attributes of a file, the names of those that cannot be read, and what is lost if none can."""

    values: Mapping[str, bytes]
    unread: list[str]
    lost: Lost


def attributes_of(fd: int) -> FileAttributes:
    """Return the attributes of an open file, as far as they can be read. Raises `OSError`."""
    seen = os.fstat(fd)
    return FileAttributes(
        stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid, posix.flags(fd), extended_attributes(fd).values
    )


def extended_attributes(fd: int) -> ExtendedAttributes:
    """Return the extended attributes of an open file."""
    values, unread = dict[str, bytes](), list[str]()
    if not hasattr(os, "listxattr"):
        return ExtendedAttributes(values, unread, NOTHING_LOST)
    try:
        names = os.listxattr(fd)
    except OSError as error:
        return ExtendedAttributes(values, unread, NOTHING_LOST if error.errno == errno.ENOTSUP else Lost.ATTRIBUTES)
    if any(name.startswith(_ACLS_OF_XFS) for name in names) and posix.file_system_type(fd) == posix.XFS:
        names = [name for name in names if not name.startswith(_ACLS_OF_XFS)]
    for name in names:
        try:
            values[name] = os.getxattr(fd, name)
        except OSError:
            unread.append(name)
    return ExtendedAttributes(values, unread, NOTHING_LOST)


def give(fd: int, attributes: FileAttributes) -> tuple[Lost, list[bytes], int]:
    """Give an open file these attributes. Return the kinds that it did not get, the names of lost extended attributes,
    and the lost flags.

    All is read back, because some file systems report success and store nothing.
    """
    lost = NOTHING_LOST
    with contextlib.suppress(OSError):
        os.fchown(fd, attributes.owner, attributes.group)
    now, mode = os.fstat(fd), attributes.mode
    if (now.st_uid, now.st_gid) != (attributes.owner, attributes.group):
        lost |= Lost.OWNER
        mode &= ~(stat.S_ISUID | stat.S_ISGID)  # setuid would apply to the new owner
    # With either of these, the file could be neither renamed nor removed.
    forbidding = attributes.flags & (posix.IMMUTABLE | posix.APPEND)
    lost_flags = posix.add_flags(fd, attributes.flags & ~forbidding) | forbidding
    names = _give_extended(fd, attributes.extended)  # after the flags: see `add_flags`
    with contextlib.suppress(OSError):
        os.fchmod(fd, mode)
    if stat.S_IMODE(os.fstat(fd).st_mode) != attributes.mode:
        lost |= Lost.MODE
    lost |= (Lost.FLAGS if lost_flags else NOTHING_LOST) | (Lost.ATTRIBUTE if names else NOTHING_LOST)
    return lost, names, lost_flags


def are_ours(names: list[str]) -> list[bytes]:
    """Return the names of extended attributes that can be called lost."""
    return [os.fsencode(name) for name in names if not name.startswith(_NOT_OURS)]


def _give_extended(fd: int, extended: Mapping[str, bytes]) -> list[bytes]:
    if _ACL not in extended and hasattr(os, "removexattr"):
        with contextlib.suppress(OSError):  # it may be inherited from the folder, and would let others read the file
            os.removexattr(fd, _ACL)
    return are_ours([name for name, value in extended.items() if not _is_given(fd, name, value)])


def _is_given(fd: int, name: str, value: bytes) -> bool:
    if name.startswith(_ACLS_OF_XFS) and posix.file_system_type(fd) == posix.XFS:
        return False  # XFS would store it as an ACL
    try:
        os.setxattr(fd, name, value)
        return os.getxattr(fd, name) == value
    except OSError:
        return False
