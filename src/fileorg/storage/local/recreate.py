"""Check that a removed folder could be made again exactly: with the owner and attributes that a new folder gets."""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from fileorg.core.names import split
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from fileorg.storage.local.storage import LocalStorage

_INHERITED = "system.posix_acl_default"
_OF_THE_SYSTEM = ("security.selinux",)
"""Set by the system on every folder, new ones included."""


class _Facts(NamedTuple):
    owner: int
    group: int
    mode: int
    dev: int
    attributes: frozenset[str]


class RecreationCheck:
    """A check of folders, fastest with those of one parent together."""

    def __init__(self, storage: LocalStorage) -> None:
        self._storage = storage
        self._above: tuple[bytes, _Facts] | None = None

    def obstacle(self, folder: bytes, above: bytes | None = None) -> Reason | None:
        """Return the reason why the folder could not be removed or not be made again exactly; None if it could. It is
        made in `above`, by default where it is.
        """
        above = split(folder)[0] if above is None else above
        try:
            if self._above is None or self._above[0] != above:
                self._above = above, self._facts(above)
            own, parent = self._facts(folder), self._above[1]
        except OSError as error:
            return Reason.of_error(error)
        if own.dev != parent.dev:
            return Reason(ReasonCode.MOUNTED)
        if (own.owner, own.group) != _owners_in(parent):
            return Reason(ReasonCode.OTHER_OWNER)
        if own.attributes or _INHERITED in parent.attributes:
            return Reason(ReasonCode.HAS_ATTRIBUTES)
        if own.mode & stat.S_ISGID and not _may_pass_on(own.group):
            return Reason(ReasonCode.GROUP_NOT_PASSED_ON)
        return None

    def _facts(self, folder: bytes) -> _Facts:
        fd = self._storage.fd(folder)
        seen = os.fstat(fd)
        names = _attributes(fd)
        attributes = frozenset(name for name in names if name not in _OF_THE_SYSTEM)
        return _Facts(seen.st_uid, seen.st_gid, seen.st_mode, seen.st_dev, attributes)


def _attributes(fd: int) -> list[str]:
    if not hasattr(os, "listxattr"):
        return []
    try:
        return os.listxattr(fd)
    except OSError as error:
        if error.errno != errno.ENOTSUP:  # exFAT has no attributes
            raise
        return []


def _owners_in(parent: _Facts) -> tuple[int, int]:
    """Return owner and group of a folder that this process makes in another one: see `heirs`."""
    if os.geteuid() == 0:
        return parent.owner, parent.group
    return os.geteuid(), parent.group if parent.mode & stat.S_ISGID else os.getegid()


def _may_pass_on(group: int) -> bool:
    """Return whether this process may set the setgid bit on a folder of this group."""
    return os.geteuid() == 0 or group == os.getegid() or group in os.getgroups()
