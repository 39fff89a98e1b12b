"""Copy the content and the metadata of an open file: by reflink if possible, else by read and write, preserving holes.

Each byte is read for the digest anyway; copy_file_range(2) would require a second pass.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import sys
from typing import TYPE_CHECKING

from fileorg.core.reasons import NOTHING_LOST, Lost
from fileorg.core.times import true_ns
from fileorg.core.tuples import NamedTuple
from fileorg.storage.local import posix
from fileorg.storage.local.digests import NOT_POSSIBLE, digest_of, digest_of_copy
from fileorg.storage.local.listing import entry_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.core.model import Entry
    from fileorg.storage.local.original import Original

_FICLONE = 0x40049409
_CHUNK_BYTES = 1 << 20
_NO_CLONE = NOT_POSSIBLE | {errno.EXDEV}
_ROUNDED_NS = 2 * 10**9  # FAT has a resolution of two seconds


class StagedCopy(NamedTuple):
    """A complete copy under a temporary name. It is durable once `fd` is flushed, and its folder."""

    fd: int
    """The copy, open; to be closed by whoever has it made."""
    digest: bytes
    entry: Entry
    lost: Lost
    """Metadata that the file system could not store."""
    lost_attributes: list[bytes]
    lost_flags: int
    """Lost flags of chattr(1)."""
    lost_mtime_ns: int | None
    """The exact mtime of the source, if the copy lacks it and `Entry.mtime_ns` cannot express it."""


def copy(
    source: Original,
    target_fd: int,
    name: bytes,
    *,
    mode: int | None,
    mtime_ns: int | None,
    flags: int,
    check: Callable[[], None] = lambda: None,
) -> StagedCopy:
    """Make an empty open file, called `name`, a copy of a source after `Original.ready`.

    `mode` and `mtime_ns` replace those of the source; `flags` of chattr(1) are added to those of the source. Raises
    `OSError`; ESTALE if the source changed meanwhile.
    """
    flags |= posix.flags(source.fd)
    posix.remove_flags(target_fd, posix.KEPT_FLAGS & ~flags)  # undo would carry inherited flags back
    posix.add_flags(target_fd, flags & posix.WHILE_EMPTY)
    digest = copy_content(source.fd, target_fd, source.facts.st_size, check)
    lost = copy_metadata(source.fd, target_fd, source.facts, flags=flags, mode=mode, mtime_ns=mtime_ns)
    posix.begin_to_write(target_fd)
    if not source.is_untouched():
        raise OSError(errno.ESTALE, "it changed while it was copied", os.fsdecode(source.entry.name))
    made, exact_ns = os.fstat(target_fd), source.facts.st_mtime_ns
    is_kept = made.st_mtime_ns == exact_ns or true_ns(source.entry.mtime_ns) == exact_ns
    return StagedCopy(target_fd, digest, entry_of(name, made), *lost, None if is_kept else exact_ns)


def copy_content(source_fd: int, target_fd: int, size: int, check: Callable[[], None] = lambda: None) -> bytes:
    """Copy `size` bytes from the start of one file into an empty one. `check` is called for each part.

    Returns the digest that identifies the copy: see `digests`. Raises `OSError`; ESTALE if the size of the source is
    different.
    """

    def write(data: memoryview, position: int) -> None:
        check()
        _write_all(target_fd, data, position)

    made, view = digest_of_copy(_of_size(source_fd, size)), memoryview(bytearray(_CHUNK_BYTES))
    if _clone(source_fd, target_fd):
        digest = digest_of(source_fd, size, view, made, lambda _data, _position: check())
    else:
        digest = digest_of(source_fd, size, view, made, write)
        os.ftruncate(target_fd, size)  # for a hole at the end
    _of_size(source_fd, size)
    return digest


def _of_size(fd: int, size: int) -> os.stat_result:
    seen = os.fstat(fd)
    if seen.st_size != size:
        raise OSError(errno.ESTALE, "its size changed while it was copied")
    return seen


def _clone(source_fd: int, target_fd: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fcntl.ioctl(target_fd, _FICLONE, source_fd)
    except OSError as error:
        if error.errno in _NO_CLONE:
            return False
        raise
    return True


def _write_all(fd: int, data: memoryview, position: int) -> None:
    while data:
        count = os.pwrite(fd, data, position)
        data = data[count:]
        position += count


def copy_metadata(
    source_fd: int,
    target_fd: int,
    seen: os.stat_result,
    *,
    flags: int = 0,
    mode: int | None = None,
    mtime_ns: int | None = None,
) -> tuple[Lost, list[bytes], int]:
    """Copy owner, mode, extended attributes including ACLs, times, and the `flags` of chattr(1). Return the kinds of
    metadata that were lost, the names of the lost attributes, and the lost flags.

    `seen` is the stat of the source before reading, which may change its atime. `mode` and `mtime_ns` are given if the
    source is on a file system that could not store them.
    """
    from fileorg.storage.local.attributes import FileAttributes, are_ours, extended_attributes, give

    wanted = stat.S_IMODE(seen.st_mode if mode is None else mode)
    extended, unread, lost = extended_attributes(source_fd)
    given = give(target_fd, FileAttributes(wanted, seen.st_uid, seen.st_gid, flags, extended))
    names = [*given[1], *are_ours(unread)]
    lost |= given[0] | (Lost.ATTRIBUTE if names else NOTHING_LOST)
    mtime_ns = seen.st_mtime_ns if mtime_ns is None else mtime_ns
    try:
        os.utime(target_fd, ns=(seen.st_atime_ns, mtime_ns))
    except OSError:
        lost |= Lost.TIMES
    # A file system clamps times beyond its range.
    if abs(os.fstat(target_fd).st_mtime_ns - mtime_ns) > _ROUNDED_NS:
        lost |= Lost.TIMES
    return lost, names, given[2]
