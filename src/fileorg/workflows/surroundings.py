"""What a folder is a part of: a checkout, a project, a bundle, a library, another system.

It is asked of the folder that is open, and of those above it by way of `..`: what a path says may change meanwhile.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.descriptors import telling_the_limit
from fileorg.core.names import below
from fileorg.core.trusted import path_of
from fileorg.rules.ignore import Reason, is_tooling
from fileorg.rules.whole_folders import SIGN_NAMES, SYSTEM_SIGNS, VERSION_CONTROL, Signs, Whole, is_bundle
from fileorg.storage.local.listing import INODE_MASK, names_in
from fileorg.storage.local.posix import FOLDER_FLAGS
from fileorg.workflows.places import SHARED, is_home

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

_ON_THE_WAY = (FOLDER_FLAGS & ~os.O_RDONLY) | getattr(os, "O_PATH", os.O_RDONLY)
_INBOXES = frozenset(b"Desktop Documents Downloads Movies Music Pictures Public Templates Videos".split())
"""Of a home directory. Things of all kinds stray into these."""
_FOR_ALL = SYSTEM_SIGNS.union(VERSION_CONTROL)
"""What counts in a place such as /tmp, where there may be very many names."""


class Part(NamedTuple):
    """Of what a folder is a part, and the path of what says so."""

    of: Reason
    marker: bytes
    by_version_control: bool = False


class Surroundings(NamedTuple):
    """Of what a folder is a part, if it is one, and the path of the other system that it is in."""

    part: Part | None
    system: bytes | None


class _Level(NamedTuple):
    """A folder on the way up: its descriptor, its path as the kernel tells it, and what its names say."""

    fd: int
    path: bytes
    seen: os.stat_result
    is_mount: bool


class _Told(NamedTuple):
    """What the names in a folder say."""

    version_control: bytes | None
    project: bytes | None
    surely: Whole | None
    whole: Whole | None


_told: dict[tuple[int, int, int, int], _Told] = {}
"""By device, inode and both times: a folder is asked about twice, before it is locked and after."""


def surroundings(fd: int, path: bytes, *, is_asked: bool = True, within: tuple[int, int] | None = None) -> Surroundings:
    """Return what the open folder at `path` is a part of.

    `is_asked`: it is what a command works in, not one in which something is made. `within` is the identity of a folder
    that was asked about before, with those above it. Raises `TooManyOpen`, `OSError`.
    """
    part = None
    with telling_the_limit(), contextlib.closing(_levels(fd, path)) as levels:
        for number, level in enumerate(levels):
            if (level.seen.st_dev, level.seen.st_ino & INODE_MASK) == within:
                break
            told = _names_of(level)
            if level.path != b"/" and told.surely is not None and told.surely.reason is Reason.OTHER_SYSTEM:
                return Surroundings(part, level.path)
            part = part or _part(level, told, itself=is_asked and not number)
    return Surroundings(part, None)


def _levels(fd: int, path: bytes) -> Generator[_Level, None, None]:
    """An open folder, and those above it up to the top. A descriptor is valid until the next one is asked for."""
    own = os.dup(fd)
    try:
        while True:
            here = above = os.fstat(own)
            with contextlib.suppress(OSError):  # it may not be searched: what is above stays unknown
                above = os.stat(b"..", dir_fd=own)
            yield _Level(own, path_of(own, path), here, above.st_dev != here.st_dev)
            if (above.st_dev, above.st_ino) == (here.st_dev, here.st_ino):
                return
            below, own, path = own, os.open(b"..", _ON_THE_WAY, dir_fd=own), os.path.dirname(path)
            os.close(below)
    finally:
        os.close(own)


def _part(level: _Level, told: _Told, *, itself: bool) -> Part | None:
    """Of what a level makes all that is in it a part.

    Above what a command works in, whatever makes a run leave a folder whole counts. For what it works in, for a disk,
    and for the folders of a home into which things stray, it has to be certain.
    """
    above, name = os.path.split(level.path)
    if told.version_control:
        return Part(Reason.PROJECT, below(level.path, told.version_control), by_version_control=True)
    if level.path in SHARED or is_home(level.path):
        return None
    if is_bundle(name):
        return Part(Reason.BUNDLE, level.path)
    if is_tooling(name):
        return Part(Reason.PROJECT, level.path)
    found = told.whole
    if itself or level.is_mount or (name in _INBOXES and is_home(above)):
        found = Whole(Reason.PROJECT, told.project) if told.project else told.surely
    return found and Part(found.reason, below(level.path, found.marker))


def _names_of(level: _Level) -> _Told:
    seen = level.seen
    key = seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns
    if key not in _told:
        is_for_all = level.path in SHARED or is_home(level.path)
        names = partial(_few_names, level.fd, _FOR_ALL) if is_for_all else partial(_names, level.fd)
        signs = Signs(names, partial(_holds, level.fd))
        marker = signs.one_of(VERSION_CONTROL)
        _told[key] = _Told(marker, signs.project(), signs.whole(surely=True), signs.whole())
    return _told[key]


def _names(fd: int) -> Iterator[list[bytes]]:
    """All names in a folder; in one that may not be listed, those that would be a sign."""
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
    """Those of the `wanted` names that are there."""
    yield [name for name in wanted if _holds(fd, name)]


def _holds(fd: int, path: bytes) -> bool:
    try:
        os.lstat(path, dir_fd=fd)
    except OSError:
        return False
    return True
