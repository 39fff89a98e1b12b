"""The order in which operations can be undone: later operations on the same files come first."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, GuardRefused
from fileorg.core.names import below, scheme_of, with_parents
from fileorg.core.tuples import NamedTuple
from fileorg.journal.folder_times import line_of
from fileorg.journal.relations import Link
from fileorg.journal.trash_records import PURGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.journal.journal import Journal
    from fileorg.journal.relations import Related
    from fileorg.journal.rows import Operation, RecordId
    from fileorg.storage.object.client import ObjectClient


class OthersFirst(GuardRefused):
    """Raised if later operations changed the files and must be undone first, in the given order."""

    code = ErrorCode.OTHERS_FIRST

    def __init__(self, operation: Operation, first: Sequence[Operation], records: int, *, has_kept: bool) -> None:
        """`has_kept`: an undo has tried some of what is in the way, and had to keep it."""
        self.operation = operation
        self.first = [(each.id, f"fileorg {'redo' if each.kind == 'undo' else 'undo'} {each.id}") for each in first]
        numbers = " and ".join(filter(None, [", ".join(str(each.id) for each in first[:-1]), str(first[-1].id)]))
        who = f"operation {numbers} has" if len(first) == 1 else f"operations {numbers} have"
        files = "one of its files" if records == 1 else f"{records:,} of its files"
        word = "redone" if operation.kind == "undo" else "undone"
        kept = "; or leave what an undo had to keep there, with --include-changed" if has_kept else ""
        super().__init__(
            f"Operation {operation.id} cannot be {word} yet: {who} moved or used {files}.",
            hint=f"first run {', then '.join(way for _, way in self.first)}{kept}",
        )


class _There(NamedTuple):
    """A file, or an object with its token in place of the inode number."""

    inode: int
    mtime_ns: int


class Order:
    """Finds the operations that must be undone first; `close` ends it. With `rename`, a taken name does not matter.
    With `include_changed`, neither does a copy or a link that an undo had to keep, because it was changed, nor the
    folder that it is in: no undo ever removes them.
    """

    def __init__(
        self, journal: Journal, is_left: Callable[[Operation], bool], *, rename: bool, include_changed: bool
    ) -> None:
        """`is_left` returns whether an operation has anything left to undo."""
        self._journal = journal
        self._operations = journal.operations()
        self._undoes = {each.id: each.undoes for each in self._operations}
        self._is_left = is_left
        self._rename = rename
        self._include_changed = include_changed
        self._kept: dict[int, set[RecordId]] = {}
        self._displaced: dict[int, set[RecordId]] = {}
        self._known: dict[int, tuple[set[int], int]] = {}
        self._open = ExitStack()
        self._buckets: dict[tuple[str, str], ObjectClient] = {}

    def close(self) -> None:
        """Close the clients of the stores that were asked."""
        self._open.close()

    def check(self, operation: Operation) -> None:
        """Raise `OthersFirst` if other operations must be undone first."""
        numbers, records = self._first(operation)
        if numbers:
            has_kept = not self._include_changed and any(map(self._kept_by_undo, numbers))
            first = [each for each in self._operations if each.id in numbers]
            raise OthersFirst(operation, first, records, has_kept=has_kept)

    def _first(self, operation: Operation) -> tuple[set[int], int]:
        """Return the numbers of all operations to undo first, also indirectly, and the number of records in the way."""
        if operation.id not in self._known:
            self._known[operation.id] = self._looked_up(operation)
        return self._known[operation.id]

    def later(self, operation: Operation) -> list[Operation]:
        """Return the later operations in effect that may have changed the result of an operation."""
        return [each for each in self._operations if self._comes_after(each, operation) and self._is_left(each)]

    def related(self, operation: Operation, later: Sequence[Operation], within: str = "") -> Iterator[Related]:
        """Yield the records of `later` operations on files of an operation; `within` is a table of a selection."""
        if later:
            needed = partial(self._needed, operation, within)
            yield from self._journal.relations.later(operation, later, needed, within)

    def _looked_up(self, operation: Operation) -> tuple[set[int], int]:
        later = self.later(operation)
        counts = dict.fromkeys((each.id for each in later), 0)
        filled = dict(counts)  # a file that went back counts once, although it has also filled its old name
        hinders: set[int] = set()
        for related in self.related(operation, later):
            if self._may_stay(related):
                continue
            counts[related.operation] += 1
            filled[related.operation] += related.link is Link.FILLED
            if related.operation not in hinders and self.is_in_the_way(related):
                hinders.add(related.operation)
        first: set[int] = set()
        for each in later:
            # If its files are not where it put them, an even later operation may have moved them.
            before = self._first(each)[0] if counts[each.id] else set()
            if each.id in hinders or before:
                first |= {each.id} | before
        return first, sum(counts[each] - filled[each] or filled[each] for each in first if each in counts)

    def _comes_after(self, other: Operation, operation: Operation) -> bool:
        """Return whether `other` changed the result of `operation`: not the undo of a later operation, and not an undo
        or redo of the operation itself.
        """
        if other.id <= operation.id or other.kind == PURGE:
            return False
        line = line_of(other.id, self._undoes)
        own = line[-1] == line_of(operation.id, self._undoes)[-1]
        return not own and sum(number > operation.id for number in line) % 2 == 1

    def _needed(self, operation: Operation, within: str) -> set[bytes]:
        """Return the folders that must be there when the operation is undone."""
        roots = self._journal.roots(operation)
        places = (below(roots[base].path, folder) for base, folder in self._journal.needed_places(operation, within))
        return {above for place in places for above in with_parents(place)}

    def is_in_the_way(self, related: Related) -> bool:
        """Return whether the file is still in the way. Other programs may have moved or removed it."""
        match related.link:
            case Link.TOOK:
                there = self._inode(related.place)
                if there is not None and related.later in self._displaced_by_others(related.operation):
                    return False
                return (there is None or there != related.inode) and self._is_as_left(related)
            case Link.FILLED:
                return not self._rename and related.inode is not None and self._inode(related.place) == related.inode
            case Link.REMOVED:
                return self._inode(related.place) is None
            case Link.USED | Link.MADE:
                return not self._may_stay(related) and self._inode(related.other) is not None
            case Link.REPLACED:
                return _is_link(related.other, related.place, related.inode)

    def _may_stay(self, related: Related) -> bool:
        """Return whether it was asked to leave what an undo had to keep, and this is it."""
        return self._include_changed and related.later in self._kept_by_undo(related.operation)

    def _kept_by_undo(self, number: int) -> set[RecordId]:
        """Return the records of an operation whose copies, links and folders an undo had to keep: see `kept`."""
        if number not in self._kept:
            self._kept[number] = self._journal.relations.kept(self._undos(number))
        return self._kept[number]

    def _displaced_by_others(self, number: int) -> set[RecordId]:
        """Return the records of an operation whose duplicates an undo had to leave in the trash: others have replaced
        the link.
        """
        if number not in self._displaced:
            self._displaced[number] = self._journal.relations.displaced(self._undos(number))
        return self._displaced[number]

    def _undos(self, number: int) -> list[Operation]:
        return [each for each in self._operations if each.undoes == number and each.kind != PURGE]

    def _is_as_left(self, related: Related) -> bool:
        """Return whether undoing the later operation would move the file back: it would not move another file."""
        try:
            there = self._stat(related.other)
        except OSError:
            return True
        # Without stable inode numbers, the mtime must suffice.
        return there is not None and (there.inode == related.other_inode or there.mtime_ns == related.other_mtime_ns)

    def _inode(self, path: bytes) -> int | None:
        """Return the inode number at `path`, None if the path does not exist, 0 if that cannot be determined."""
        try:
            there = self._stat(path)
        except OSError:
            return 0
        return None if there is None else there.inode

    def _stat(self, path: bytes) -> _There | None:
        """Return what is at an absolute path or a URL, None if nothing is. Raises `OSError`, `FileorgError`."""
        if scheme_of(path):
            return self._stat_object(path)
        try:
            there = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _There(there.st_ino, there.st_mtime_ns)

    def _stat_object(self, url: bytes) -> _There | None:
        from fileorg.storage.object.client import head_one
        from fileorg.workflows.stores import open_bucket, parsed

        scheme, bucket, key = parsed(url)
        client = self._buckets.get((scheme, bucket))
        if client is None:
            client = self._open.enter_context(closing(open_bucket(url)))
            self._buckets[scheme, bucket] = client
        there = head_one(client, key)
        return None if there is None else _There(there.token, there.mtime_ns)


def _is_link(path: bytes, keeper: bytes, inode: int | None) -> bool:
    """Return whether a link to the keeper is at a path, and not something that others put there; True if unknown."""
    try:
        there = os.lstat(path)
        if stat.S_ISLNK(there.st_mode):
            return os.path.normpath(os.path.join(os.path.dirname(path), os.readlink(path))) == keeper
    except OSError as error:
        return not isinstance(error, FileNotFoundError | NotADirectoryError)
    return there.st_ino == inode
