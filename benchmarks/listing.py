"""What a tree looks like before and after, and which changes lie between."""

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
    """A tree in short. `digest` covers path and mode of all, and size and mtime of each file."""

    digest: str
    files: int
    files_of_top_folder: Counter[bytes]


def _entries(root: bytes) -> Iterator[tuple[bytes, os.stat_result, bool]]:
    """Each entry below the root but fileorg's own folder, in an order that depends on the names alone."""
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
    """Where everything is: files by inode, which a rename keeps, and folders by path."""

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
    """The renames that lead from one to the other, in the order in which a walk meets the files."""
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
        # Deepest first: a folder can go only when it is empty.
        remove=[folder for folder in reversed(before.folders) if folder not in new],
    )
