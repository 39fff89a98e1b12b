"""What a file has beside its content and its times, for a place that cannot keep it: read, and given back."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from fileorg.core.reasons import NOTHING_LOST, Lost
from fileorg.core.tuples import NamedTuple
from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Mapping

_SET_BY_SYSTEM = ("security.selinux", "system.nfs4", "trusted.SGI_ACL_")
_ACL = "system.posix_acl_access"


class FileAttributes(NamedTuple):
    """`flags` are those of chattr(1); `extended` includes the access list."""

    mode: int
    owner: int
    group: int
    flags: int
    extended: Mapping[str, bytes]


def attributes_of(fd: int) -> FileAttributes:
    """Return the attributes of an open file. Raises `OSError`."""
    seen, extended = os.fstat(fd), dict[str, bytes]()
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(fd):
                if not name.startswith(_SET_BY_SYSTEM):
                    extended[name] = os.getxattr(fd, name)
    return FileAttributes(stat.S_IMODE(seen.st_mode), seen.st_uid, seen.st_gid, posix.flags(fd), extended)


def give_back(fd: int, attributes: FileAttributes) -> tuple[Lost, list[bytes]]:
    """Give an open file its attributes. Return what it did not get, and the names of lost extended attributes."""
    lost, names = NOTHING_LOST, list[bytes]()
    with contextlib.suppress(OSError):
        os.fchown(fd, attributes.owner, attributes.group)
    now, mode = os.fstat(fd), attributes.mode
    if (now.st_uid, now.st_gid) != (attributes.owner, attributes.group):
        lost |= Lost.OWNER
        mode &= ~(stat.S_ISUID | stat.S_ISGID)  # they would apply to the new owner
    if posix.add_flags(fd, attributes.flags):
        lost |= Lost.FLAGS
    if _ACL not in attributes.extended and hasattr(os, "removexattr"):
        with contextlib.suppress(OSError):  # it may be inherited from the folder, and would let others read the file
            os.removexattr(fd, _ACL)
    for name, value in attributes.extended.items():
        try:
            os.setxattr(fd, name, value)
        except OSError:
            names.append(os.fsencode(name))
    with contextlib.suppress(OSError):
        os.fchmod(fd, mode)
    if stat.S_IMODE(os.fstat(fd).st_mode) != attributes.mode:
        lost |= Lost.MODE
    return (lost | Lost.ATTRIBUTE if names else lost), names
