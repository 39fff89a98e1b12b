#!/usr/bin/env python3
"""The bare loop that fileorg is compared with: the same changes, without checks and records.

A separate program, so that its heap is clean and only the loop is timed. Print one line of JSON.
"""

import argparse
import ctypes
import json
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

RENAME_NOREPLACE = 1
MAX_OPEN_FOLDERS = 500  # well below the usual limit of 1024 descriptors


class How(Enum):
    """The primitive of the loop."""

    RENAME = "rename"
    """os.rename over absolute paths: the best case of a simple sorter."""
    RENAMEAT2 = "renameat2"
    """renameat2 that never overwrites, between descriptors of two folders: the minimum for fileorg."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Renames, the folders to create before them, and the folders to remove after them; all paths are absolute."""

    make: list[bytes]
    sources: list[bytes]
    destinations: list[bytes]
    remove: list[bytes]

    def inverse(self) -> "Changes":
        return Changes(self.remove[::-1], self.destinations[::-1], self.sources[::-1], self.make[::-1])


def write_changes(path: Path, changes: Changes) -> None:
    """Write four sections, each a count and NUL-terminated paths, because a name may contain any other byte."""
    with path.open("wb") as stream:
        for section in (changes.make, changes.sources, changes.destinations, changes.remove):
            stream.write(b"%d\0" % len(section))
            stream.writelines(item + b"\0" for item in section)


def read_changes(path: Path) -> Changes:
    fields = path.read_bytes().split(b"\0")
    sections: list[list[bytes]] = []
    at = 0
    for _ in range(4):
        count = int(fields[at])
        sections.append(fields[at + 1 : at + 1 + count])
        at += 1 + count
    return Changes(*sections)


def _rename_all(changes: Changes) -> None:
    for source, destination in zip(changes.sources, changes.destinations, strict=True):
        os.rename(source, destination)


def _renameat2_all(changes: Changes) -> None:
    """Rename all files, and keep folders open like a program that works folder by folder."""
    renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    renameat2.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    directories: dict[bytes, int] = {}
    try:
        for source, destination in zip(changes.sources, changes.destinations, strict=True):
            old_folder, _, old_name = source.rpartition(b"/")
            new_folder, _, new_name = destination.rpartition(b"/")
            if len(directories) > MAX_OPEN_FOLDERS:
                _close(directories.values())
                directories.clear()
            old = _descriptor(directories, old_folder)
            new = _descriptor(directories, new_folder)
            if renameat2(old, old_name, new, new_name, RENAME_NOREPLACE):
                number = ctypes.get_errno()
                raise OSError(number, os.strerror(number), os.fsdecode(destination))
    finally:
        _close(directories.values())


def _descriptor(directories: dict[bytes, int], folder: bytes) -> int:
    fd = directories.get(folder)
    if fd is None:
        fd = directories[folder] = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    return fd


def _close(descriptors: Iterable[int]) -> None:
    for fd in descriptors:
        os.close(fd)


def _syncfs(folder: bytes) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(fd):
            raise OSError(ctypes.get_errno(), "syncfs failed")
    finally:
        os.close(fd)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="a bare loop of renames, timed")
    parser.add_argument("changes", type=Path, help="a file written by write_changes()")
    parser.add_argument("--back", action="store_true", help="undo the changes instead, newest first")
    parser.add_argument("--how", choices=[how.value for how in How], default=How.RENAME.value)
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    changes = read_changes(arguments.changes)
    if arguments.back:
        changes = changes.inverse()
    rename_all = _rename_all if How(arguments.how) is How.RENAME else _renameat2_all
    started = time.perf_counter()
    for folder in changes.make:
        os.mkdir(folder)
    rename_all(changes)
    for folder in changes.remove:
        os.rmdir(folder)
    renamed = time.perf_counter()
    if changes.destinations:
        _syncfs(os.path.dirname(changes.destinations[0]))
    synced = time.perf_counter()
    print(json.dumps({"loop_s": renamed - started, "syncfs_s": synced - renamed}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
