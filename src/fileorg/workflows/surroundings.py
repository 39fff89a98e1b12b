"""Finds the checkout, project, bundle, library or other system that a folder is part of.

The open folder and its parents are examined through `..`, because the folders at a path may change meanwhile.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.descriptors import telling_the_limit
from fileorg.core.names import below
from fileorg.core.trusted import path_of
from fileorg.core.tuples import NamedTuple
from fileorg.rules.ignore import IgnoreReason, is_tooling
from fileorg.rules.triggers import SIGN_NAMES, SYSTEM_SIGNS
from fileorg.rules.whole_folders import VERSION_CONTROL, Signs, Whole, is_bundle
from fileorg.storage.local.listing import INODE_MASK, names_in
from fileorg.storage.local.posix import FOLDER_FLAGS
from fileorg.workflows.places import SHARED, is_home

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_ON_THE_WAY = (FOLDER_FLAGS & ~os.O_RDONLY) | getattr(os, "O_PATH", os.O_RDONLY)
_INBOXES = frozenset(b"Desktop Documents Downloads Movies Music Pictures Public Templates Videos".split())
"""Folders of a home directory in which all kinds of files collect."""
_FOR_ALL = SYSTEM_SIGNS.union(VERSION_CONTROL)
"""The only markers that count in places such as /tmp, which may have very many names."""


class EnclosingWhole(NamedTuple):
    """The kind of whole that a folder is part of, and the path of the marker that shows it."""

    of: IgnoreReason
    marker: bytes
    by_version_control: bool = False


class Surroundings(NamedTuple):
    """The whole that a folder is part of, if any, and the path of the other system that contains it, if any."""

    part: EnclosingWhole | None
    system: bytes | None


class _OpenedFolder(NamedTuple):
    """A folder on the way up: its descriptor, its path from the kernel, its stat result, and if it is a mount point."""

    fd: int
    path: bytes
    seen: os.stat_result
    is_mount: bool


class _Evidence(NamedTuple):
    """The evidence in the names of a folder."""

    version_control: bytes | None
    project: bytes | None
    surely: Whole | None
    whole: Whole | None


_evidence: dict[tuple[int, int, int, int], _Evidence] = {}
"""A cache by device, inode and both times: each folder is examined twice, before it is locked and after."""


def surroundings(fd: int, path: bytes, *, is_asked: bool = True, within: tuple[int, int] | None = None) -> Surroundings:
    """Return the surroundings of the open folder at `path`.

    `is_asked`: a command works in the folder itself, not only in a subfolder that it creates. `within` is the identity
    of a folder that was checked before, with its parents. Raises `TooManyOpen`, `OSError`.
    """
    part = None
    with telling_the_limit(), contextlib.closing(_levels(fd, path)) as levels:
        for number, level in enumerate(levels):
            if (level.seen.st_dev, level.seen.st_ino & INODE_MASK) == within:
                break
            evidence = _names_of(level)
            if (
                level.path != b"/"
                and evidence.surely is not None
                and evidence.surely.reason is IgnoreReason.OTHER_SYSTEM
            ):
                return Surroundings(part, level.path)
            part = part or _part(level, evidence, itself=is_asked and not number)
    return Surroundings(part, None)


def _levels(fd: int, path: bytes) -> Generator[_OpenedFolder, None, None]:
    """Yield an open folder and its parents up to the top. A descriptor is valid until the next level."""
    own = os.dup(fd)
    try:
        while True:
            here = above = os.fstat(own)
            with contextlib.suppress(OSError):  # without search permission, the parents stay unknown
                above = os.stat(b"..", dir_fd=own)
            yield _OpenedFolder(own, path_of(own, path), here, above.st_dev != here.st_dev)
            if (above.st_dev, above.st_ino) == (here.st_dev, here.st_ino):
                return
            below, own, path = own, os.open(b"..", _ON_THE_WAY, dir_fd=own), os.path.dirname(path)
            os.close(below)
    finally:
        os.close(own)


def _part(level: _OpenedFolder, evidence: _Evidence, *, itself: bool) -> EnclosingWhole | None:
    """Return the whole that everything inside a level is part of, or None.

    For parents of the working folder, every sign of a folder kept whole counts. For the working folder itself, mount
    points and inbox folders of a home directory, only certain signs count.
    """
    above, name = os.path.split(level.path)
    if evidence.version_control:
        return EnclosingWhole(
            IgnoreReason.PROJECT, below(level.path, evidence.version_control), by_version_control=True
        )
    if level.path in SHARED or is_home(level.path):
        return None
    if is_bundle(name):
        return EnclosingWhole(IgnoreReason.BUNDLE, level.path)
    if is_tooling(name):
        return EnclosingWhole(IgnoreReason.PROJECT, level.path)
    found = evidence.whole
    if itself or level.is_mount or (name in _INBOXES and is_home(above)):
        found = Whole(IgnoreReason.PROJECT, evidence.project) if evidence.project else evidence.surely
    return found and EnclosingWhole(found.reason, below(level.path, found.marker))


def _names_of(level: _OpenedFolder) -> _Evidence:
    seen = level.seen
    key = seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns
    if key not in _evidence:
        is_for_all = level.path in SHARED or is_home(level.path)
        names = partial(_few_names, level.fd, _FOR_ALL) if is_for_all else partial(_names, level.fd)
        signs = Signs(names, partial(_holds, level.fd))
        marker = signs.one_of(VERSION_CONTROL)
        _evidence[key] = _Evidence(marker, signs.project(), signs.whole(surely=True), signs.whole())
    return _evidence[key]


def _names(fd: int) -> Iterator[list[bytes]]:
    """Yield all names in a folder, or if it cannot be listed, the names that are signs."""
    try:
        listed = os.open(b".", FOLDER_FLAGS, dir_fd=fd)
    except OSError:
        yield from _few_names(fd, SIGN_NAMES)
        return
    try:
        yield from names_in(listed)
    finally:
        os.close(listed)


def _few_names(fd: int, wanted: frozenset[bytes]) -> Iterator[list[bytes]]:
    """Yield those of the `wanted` names that exist."""
    yield [name for name in wanted if _holds(fd, name)]


def _holds(fd: int, path: bytes) -> bool:
    try:
        os.lstat(path, dir_fd=fd)
    except OSError:
        return False
    return True
