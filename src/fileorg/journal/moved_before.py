"""Read which files the operations in a folder have moved, for runs that nobody starts by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import Action, RecordState
from fileorg.core.names import is_within
from fileorg.core.tuples import NamedTuple
from fileorg.journal.rows import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.journal.reader import JournalReader

_MOVED = quoted((RecordState.DONE, RecordState.UNDONE))
_ROWS = 4096


class MovedBefore(NamedTuple):
    """A file as an operation has moved it, forth or back. Times in nanoseconds since 1970."""

    operation: int
    source_name: bytes
    target_name: bytes
    inodes: tuple[int, ...]
    size: int
    mtime_ns: int


def moved_before(journal: JournalReader, root: bytes, after: int = 0) -> Iterator[MovedBefore]:
    """Yield the files that the operations in `root` have moved, without operations up to the number `after`.

    Raises `JournalError`.
    """
    kinds = "root = ? AND id > ? AND kind IN ('organize', 'undo', 'redo')"
    for operation in journal.operations(kinds, (root, after)):
        low, high = journal.record_range(operation)
        while low <= high:
            rows = journal.select(
                "SELECT id, source_name, coalesce(target_name, source_name), inode, target_inode, size,"
                " coalesce(target_mtime_ns, mtime_ns) FROM records WHERE id BETWEEN ? AND ?"
                f" AND action = '{Action.MOVE}' AND state IN ({_MOVED}) ORDER BY id LIMIT {_ROWS}",
                (low, high),
            )
            for number, source, target, inode, other, size, mtime_ns in rows:
                low = number
                if isinstance(source, bytes) and isinstance(target, bytes) and isinstance(mtime_ns, int):
                    inodes = tuple(each for each in {inode, other} if isinstance(each, int))
                    yield MovedBefore(operation.id, source, target, inodes, size, mtime_ns)
            if len(rows) < _ROWS:
                break
            low += 1


def mover_of(journal: JournalReader, path: bytes, inode: int, size: int, mtime_ns: int) -> int | None:
    """Return the operation that last moved a file, with this content, in a folder above it; None if none did."""
    roots = {root for (root,) in journal.select("SELECT DISTINCT root FROM operations WHERE kind = 'organize'")}
    for root in roots:
        if isinstance(root, bytes) and is_within(path, root):
            for file in moved_before(journal, root):
                if inode in file.inodes and (file.size, file.mtime_ns) == (size, mtime_ns):
                    return file.operation
    return None


def last_operation(journal: JournalReader) -> int:
    """Return the number of the last operation, 0 if there is none."""
    return journal.next_operation() - 1


def sizes_before(journal: JournalReader, root: bytes, limit: int) -> list[int]:
    """Return the numbers of files that the last operations of organize in `root` have moved, the newest first."""
    last = (
        "id IN (SELECT id FROM operations WHERE kind = 'organize' AND root = ? AND done > 0 ORDER BY id DESC LIMIT ?)"
    )
    return [operation.done or 0 for operation in journal.operations(last, (root, limit))]
