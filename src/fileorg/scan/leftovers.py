"""What is left over in a folder: empty files, symlinks that lead nowhere, nothing at all; and what only looks so."""

from __future__ import annotations

import stat
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from fileorg.core.model import Entry
    from fileorg.storage.base import Storage


class Leftover(StrEnum):
    """The kinds, as the journal has them for categories."""

    EMPTY_FILE = "empty file"
    EMPTY_FOLDER = "empty folder"
    BROKEN_SYMLINK = "broken symlink"


# Empty on purpose: that they are there is what they say. Lower-case here, any case on disk.
_MEANT = frozenset(
    b"""
    __init__.py __init__.pyi __init__.pxd py.typed conftest.py
    .gitkeep .gitignore .keep keep .empty .placeholder .nojekyll .nomedia .hushlogin .stfolder .trackerignore
    .metadata_never_index .metadata_never_index_unless_rootfs .metadata_direct_scope_only
    _success _started _committed lock lockfile .parentlock singletonlock singletoncookie singletonsocket
    """.split()
)
_MEANT_SUFFIXES = frozenset(b"lock lck pid stamp timestamp sentinel".split())
# A link that no one follows: it says who has a file open.
_MEANT_PREFIXES = (b".#", b".~lock.")


def is_meant(name: bytes) -> bool:
    """Whether anything of that name means something, although it holds nothing or leads nowhere."""
    lower = name.lower()
    dot = lower.rfind(b".")
    return lower in _MEANT or (dot > 0 and lower[dot + 1 :] in _MEANT_SUFFIXES) or lower.startswith(_MEANT_PREFIXES)


class Found(NamedTuple):
    """What is left over in one part of a folder.

    `meant` are left alone for their names. `stays`: something in it keeps the folder from being empty, once what
    `goes` is gone and the folders in it are. `led_to`: (dev, inode) of what symlinks lead to, if that could go.
    """

    empty_files: int = 0
    broken_symlinks: int = 0
    meant: int = 0
    stays: bool = True
    goes: Sequence[Entry] = ()
    led_to: Sequence[tuple[int, int]] = ()


class Links(NamedTuple):
    """The symlinks among the entries of a folder that lead nowhere, and what others lead to, as in `Found`."""

    broken: Sequence[Entry]
    led_to: Sequence[tuple[int, int]]


def links_in(
    storage: Storage,
    folder: bytes,
    others: Sequence[Entry],
    is_taken: Callable[[Entry], bool],
    *,
    all_of_them: bool,
) -> Links:
    """Follow the symlinks that are taken. With `all_of_them` the others, too: what they lead to is told, but not that
    they are broken.
    """
    broken: list[Entry] = []
    led_to: list[tuple[int, int]] = []
    for entry in others:
        if not stat.S_ISLNK(entry.mode):
            continue
        taken = is_taken(entry)
        if not (taken or all_of_them):
            continue
        try:
            there = storage.follow(folder, entry.name)
        except OSError:
            continue  # it may lead somewhere
        if there is None:
            broken += [entry] if taken else []
        elif all_of_them and (there.is_folder or not there.size):
            led_to.append((there.dev, there.inode))
    return Links(broken, led_to)


def found_in(empty: Sequence[Entry], links: Links, entries: int, goes: Collection[Leftover], *, keeps: bool) -> Found:
    """What is left over: `empty` files and `links` among so many `entries`, subfolders that are read too not counted.

    What is of a kind that `goes` does not keep the folder; `keeps` says that it stays anyway.
    """
    if not (empty or links.broken):
        return Found(stays=keeps or entries > 0, led_to=links.led_to)
    files = [entry for entry in empty if not is_meant(entry.name)]
    broken = [entry for entry in links.broken if not is_meant(entry.name)]
    going: list[Entry] = []
    meant = 0
    for kind, every, plain in ((Leftover.EMPTY_FILE, empty, files), (Leftover.BROKEN_SYMLINK, links.broken, broken)):
        if kind in goes:
            going += plain
            meant += len(every) - len(plain)
    return Found(len(files), len(broken), meant, keeps or entries > len(going), going, links.led_to)
