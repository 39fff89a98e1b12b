"""The leftovers in a folder: empty files, broken symlinks, empty folders; and entries that only look like leftovers."""

from __future__ import annotations

import stat
from enum import StrEnum
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from fileorg.core.model import Entry
    from fileorg.storage.base import Storage


class Leftover(StrEnum):
    """The kinds of leftovers, which the journal stores as categories."""

    EMPTY_FILE = "empty file"
    EMPTY_FOLDER = "empty folder"
    BROKEN_SYMLINK = "broken symlink"


# Empty on purpose: their existence is their meaning. Lower case here, any case on disk.
_INTENTIONAL = frozenset(
    b"""
    __init__.py __init__.pyi __init__.pxd py.typed conftest.py
    .gitkeep .gitignore .keep keep .empty .placeholder .nojekyll .nomedia .hushlogin .stfolder .trackerignore
    .metadata_never_index .metadata_never_index_unless_rootfs .metadata_direct_scope_only
    _success _started _committed lock lockfile .parentlock singletonlock singletoncookie singletonsocket
    """.split()
)
_INTENTIONAL_SUFFIXES = frozenset(b"lock lck pid stamp timestamp sentinel".split())
# Broken on purpose: these symlinks record who has a file open.
_INTENTIONAL_PREFIXES = (b".#", b".~lock.")


def is_intentional(name: bytes) -> bool:
    """Return whether an entry of that name is empty, or a broken symlink, on purpose."""
    lower = name.lower()
    dot = lower.rfind(b".")
    return (
        lower in _INTENTIONAL
        or (dot > 0 and lower[dot + 1 :] in _INTENTIONAL_SUFFIXES)
        or lower.startswith(_INTENTIONAL_PREFIXES)
    )


class FoundLeftovers(NamedTuple):
    """The leftovers in one part of a folder.

    `meant` are left alone for their names. `stays`: the folder will not be empty even when `goes` and its folders are
    removed. `led_to`: (dev, inode) of symlink targets that could be leftovers themselves.
    """

    empty_files: int = 0
    broken_symlinks: int = 0
    intentional: int = 0
    stays: bool = True
    goes: Sequence[Entry] = ()
    led_to: Sequence[tuple[int, int]] = ()


class Links(NamedTuple):
    """The broken symlinks among the entries of a folder, and the targets of the others, as in `FoundLeftovers`.

    `held` are broken, and not taken.
    """

    broken: Sequence[Entry]
    led_to: Sequence[tuple[int, int]]
    held: Sequence[Entry] = ()


def links_in(
    storage: Storage,
    folder: bytes,
    others: Sequence[Entry],
    is_taken: Callable[[Entry], bool],
    *,
    all_of_them: bool,
) -> Links:
    """Follow the symlinks that are taken. With `all_of_them` follow the others too: return their targets, but do not
    call them broken.
    """
    broken: list[Entry] = []
    held: list[Entry] = []
    led_to: list[tuple[int, int]] = []
    for entry in others:
        if not stat.S_ISLNK(entry.mode):
            continue
        taken = is_taken(entry)
        if not (taken or all_of_them):
            continue
        try:
            there = storage.follow_symlink(folder, entry.name)
        except OSError:
            continue  # unreadable: it may lead somewhere
        if there is None:
            (broken if taken else held).append(entry)
        elif all_of_them and (there.is_folder or not there.size):
            led_to.append((there.dev, there.inode))
    return Links(broken, led_to, held)


def found_in(
    empty: Sequence[Entry], links: Links, entries: int, goes: Collection[Leftover], *, keeps: bool
) -> FoundLeftovers:
    """Return the leftovers: `empty` files and `links` of a folder with `entries`, not counting subfolders read too.

    Leftovers of the kinds `goes` do not keep the folder; `keeps` keeps it anyway.
    """
    if not (empty or links.broken):
        return FoundLeftovers(stays=keeps or entries > 0, led_to=links.led_to)
    files = [entry for entry in empty if not is_intentional(entry.name)]
    broken = [entry for entry in links.broken if not is_intentional(entry.name)]
    going: list[Entry] = []
    intentional = 0
    for kind, all_entries, plain in (
        (Leftover.EMPTY_FILE, empty, files),
        (Leftover.BROKEN_SYMLINK, links.broken, broken),
    ):
        if kind in goes:
            going += plain
            intentional += len(all_entries) - len(plain)
    return FoundLeftovers(len(files), len(broken), intentional, keeps or entries > len(going), going, links.led_to)
