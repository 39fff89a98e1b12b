"""Listings of a tree before and after a run, and the changes between them."""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from loop import Changes

OWN_FOLDER = b".fileorg"


@dataclass(frozen=True, slots=True)
class Listing:
    """A summary of a tree. `digest` covers path and mode of all entries, and size and mtime of each file."""

    digest: str
    files: int
    files_of_top_folder: Counter[bytes]


def _entries(root: bytes) -> Iterator[tuple[bytes, os.stat_result, bool]]:
    """Yield each entry below the root, except fileorg's own folder, in an order that depends only on names."""
    with os.scandir(root) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        is_folder = entry.is_dir(follow_symlinks=False)
        if is_folder and entry.name == OWN_FOLDER:
            continue
        yield entry.path, entry.stat(follow_symlinks=False), is_folder
        if is_folder:
            yield from _entries(entry.path)


def take(root: Path) -> Listing:
    base = os.fsencode(root)
    digest = blake2b(digest_size=16)
    tops: Counter[bytes] = Counter()
    files = 0
    for path, status, is_folder in _entries(base):
        relative = path[len(base) + 1 :]
        facts = b"d" if is_folder else b"%d %d" % (status.st_size, status.st_mtime_ns)
        digest.update(b"%b\0%o %b\n" % (relative, status.st_mode, facts))
        if not is_folder:
            files += 1
            tops[relative.partition(b"/")[0] if b"/" in relative else b""] += 1
    return Listing(digest.hexdigest(), files, tops)


@dataclass(frozen=True, slots=True)
class Places:
    """The paths of all files by inode, which a rename keeps, and of all folders."""

    files: dict[int, bytes]
    folders: list[bytes]


def places(root: Path) -> Places:
    files: dict[int, bytes] = {}
    folders: list[bytes] = []
    for path, status, is_folder in _entries(os.fsencode(root)):
        if is_folder:
            folders.append(path)
        else:
            files[status.st_ino] = path
    return Places(files, folders)


def changes_between(before: Places, after: Places) -> Changes:
    """Return the renames that lead from `before` to `after`, in the order of a walk."""
    moved = [
        (source, destination)
        for inode, source in before.files.items()
        if (destination := after.files.get(inode)) is not None and destination != source
    ]
    old, new = set(before.folders), set(after.folders)
    return Changes(
        make=[folder for folder in after.folders if folder not in old],
        sources=[source for source, _ in moved],
        destinations=[destination for _, destination in moved],
        # Deepest first: only an empty folder can be removed.
        remove=[folder for folder in reversed(before.folders) if folder not in new],
    )
