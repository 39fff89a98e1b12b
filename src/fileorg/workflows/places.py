"""Classifies paths: system directories, shared directories, home directories and the settings in them."""

from __future__ import annotations

import os
from enum import Enum, auto
from functools import cache

from fileorg.core.names import is_within, with_parents

# Refused, and everything below them.
_SYSTEM = (
    b"/bin", b"/boot", b"/dev", b"/etc", b"/lib", b"/lib32", b"/lib64", b"/proc", b"/sbin", b"/sys", b"/usr",
    b"/System", b"/Library", b"/Applications",
)  # fmt: skip
# Refused themselves; folders in them may be anyone's.
SHARED = frozenset((
    b"/", b"/home", b"/media", b"/mnt", b"/opt", b"/root", b"/run", b"/srv", b"/tmp", b"/var", b"/var/tmp", b"/dev/shm",
    b"/Users", b"/Volumes",
))  # fmt: skip
# Directories of a Windows system, in lower case.
_WINDOWS = frozenset((
    b"windows", b"program files", b"program files (x86)", b"programdata", b"recovery", b"boot", b"efi", b"perflogs",
    b"msocache", b"$recycle.bin", b"system volume information",
))  # fmt: skip
_HOMES = frozenset({b"/home", b"/Users", b"/Documents and Settings"})
_KEYS = frozenset(b".ssh .gnupg .pki .password-store .aws .kube .docker".split())
_SETTINGS = frozenset({b"AppData", b"Application Data", b"Local Settings"})
_FIRST_USER, _NOBODY = 1000, 65534


class ProtectedPlace(Enum):
    """The role of a path in its system."""

    SYSTEM = auto()
    HOME = auto()
    KEYS = auto()
    SETTINGS = auto()
    ANYONES = auto()


def place_of(path: bytes) -> ProtectedPlace:
    """Return the role of an absolute path in this system."""
    return _judged(path, _accounts())


def place_in(system: bytes, path: bytes) -> ProtectedPlace:
    """Return the role of a path in another system, whose root is at `system`."""
    inner = path[len(system) :] or b"/"
    if inner[1:].partition(b"/")[0].lower() in _WINDOWS:
        return ProtectedPlace.SYSTEM
    return _judged(inner, frozenset())


def is_systems(path: bytes) -> bool:
    """Return whether the path belongs to this system, so that nothing in it is ever moved, not even by undo."""
    return path == b"/" or (any(is_within(path, system) for system in _SYSTEM) and not is_within(path, b"/dev/shm"))


def is_home(path: bytes) -> bool:
    """Return whether the path is a home directory of this system."""
    return _is_home(path, _accounts())


def _is_home(path: bytes, accounts: frozenset[bytes]) -> bool:
    return path in accounts or path == b"/root" or os.path.dirname(path) in _HOMES


def _judged(path: bytes, accounts: frozenset[bytes]) -> ProtectedPlace:
    for above in (b"/" + each for each in with_parents(path[1:])):
        if _is_home(above, accounts):
            if above == path:
                return ProtectedPlace.HOME
            name = path[len(above) + 1 :].partition(b"/")[0]
            if name in _KEYS:
                return ProtectedPlace.KEYS
            of_a_mac = name == b"Library" and above.startswith(b"/Users/")
            return (
                ProtectedPlace.SETTINGS
                if name.startswith(b".") or name in _SETTINGS or of_a_mac
                else ProtectedPlace.ANYONES
            )
    return ProtectedPlace.SYSTEM if is_systems(path) or path in SHARED or path in _HOMES else ProtectedPlace.ANYONES


def own_home() -> bytes:
    """Return the real path of this user's home directory."""
    return os.path.realpath(os.path.expanduser(b"~"))


def _accounts() -> frozenset[bytes]:
    return _accounts_here() | {own_home()}


@cache
def _accounts_here() -> frozenset[bytes]:
    """Return the home directories of the local users in /etc/passwd."""
    homes = set[bytes]()
    try:
        with open("/etc/passwd", "rb") as file:
            for line in file:
                fields = line.rstrip(b"\n").split(b":")
                if len(fields) > 5 and fields[2].isdigit() and _FIRST_USER <= int(fields[2]) < _NOBODY:
                    homes.add(os.path.normpath(fields[5]))
    except OSError:
        pass
    return frozenset(homes - {b"/", b"."})
