"""A Landlock sandbox for this process and its children: they change files beneath given folders only.

The kernel enforces it, whatever the process does: changes elsewhere get an error and are noticed. Reading is allowed
everywhere. Landlock does not cover changes of modes, times and attributes.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION, _PATH_BENEATH, _PR_SET_NO_NEW_PRIVS = 1, 1, 38
_WRITE_FILE, _TRUNCATE = 1 << 1, 1 << 14
# remove folders, files; make devices, folders, files, sockets, pipes, symlinks; refer: to other folders
_IN_FOLDERS = sum(1 << bit for bit in range(4, 14))
_TRUNCATE_SINCE = 3
"""The Landlock version that supports all of these."""

NOT_TESTED = "NOT TESTED: this kernel has no Landlock of version 3, so nothing holds a process back"

_libc = ctypes.CDLL(None, use_errno=True)


class _Ruleset(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def can_be_raised() -> bool:
    """Return whether this kernel supports the sandbox."""
    if sys.platform != "linux":
        return False
    return int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION))) >= _TRUNCATE_SINCE


def raise_wall(places: Iterable[str]) -> None:
    """Restrict changes to `places`, folders or single files, irrevocably.

    Raises `OSError`, also for a missing place.
    """
    handled = _Ruleset(_WRITE_FILE | _TRUNCATE | _IN_FOLDERS)
    ruleset = _call(_CREATE_RULESET, ctypes.byref(handled), ctypes.c_size_t(ctypes.sizeof(handled)), 0)
    try:
        for place in places:
            fd = os.open(place, os.O_PATH | os.O_CLOEXEC)
            try:
                access = _WRITE_FILE | _TRUNCATE
                if stat.S_ISDIR(os.fstat(fd).st_mode):
                    access |= _IN_FOLDERS
                rule = _Beneath(access, fd)
                _call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
            finally:
                os.close(fd)
        if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "prctl")
        _call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _call(number: int, *arguments: object) -> int:
    answer = int(_libc.syscall(number, *arguments))
    if answer < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return answer
