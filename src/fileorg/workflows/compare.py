"""Compare: which files of a folder have their content nowhere in others. Changes no user files."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from fileorg.content.comparison import Comparison
from fileorg.content.duplicate_finder import Finder
from fileorg.content.hashing import Tree
from fileorg.content.identical import same_content
from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.names import display, is_within, split, with_parents
from fileorg.core.pool import Processes
from fileorg.core.times import kept
from fileorg.rules.filters import Filters
from fileorg.scan.selection import Selection
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.locked_index import locked_index
from fileorg.workflows.roots import distinct_folders, identity_of, met_twice, open_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.content.comparison import ComparedFile
    from fileorg.content.hashing import Reads
    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.index.columns import FileBatch
    from fileorg.rules.ignore import Ignore, Scope
    from fileorg.storage.local.storage import LocalStorage


class CompareOptions(NamedTuple):
    """The options of `fileorg compare`. The `filters` apply to the files that are looked for, not to the others.

    `reverse` looks for the files of `new` in `old`, `both` in both directions. `paranoid` trusts no digest.
    """

    old: bytes
    new: Sequence[bytes]
    filters: Filters = Filters()
    reverse: bool = False
    both: bool = False
    paranoid: bool = False


class Side(NamedTuple):
    """One direction of a comparison: the files of `roots` that are not in `others`. `seen` is of the roots."""

    roots: Sequence[bytes]
    others: Sequence[bytes]
    found: Comparison
    seen: Seen

    @property
    def is_complete(self) -> bool:
        """True if all content of the roots is in the others, as far as all of it could be read."""
        return not self.found.sums.missing and not self.seen.unreadable_count

    def path(self, tree: int, folder: bytes, name: bytes = b"") -> bytes:
        """Return an absolute path."""
        return os.path.join(self.roots[tree], folder, name).rstrip(b"/") or b"/"


class Compared(NamedTuple):
    """The result of `fileorg compare`. `reads` has the files that could not be read, which count as missing."""

    sides: Sequence[Side]
    seen_elsewhere: Sequence[Seen]
    reads: Reads
    seconds: float


@contextlib.contextmanager
def comparing(options: CompareOptions, state: StateDirectory, reporter: Reporter) -> Iterator[Compared]:
    """Yield the result, which can be read until the block ends. Raises `UsageError`, `Locked`, `StateError`."""
    started = time.monotonic()
    mounts = Mounts()
    old = existing_folder(options.old)
    new = distinct_folders([existing_folder(path) for path in options.new])
    _refuse_overlap(old, new, mounts)
    taken = Taken(options.filters)
    with contextlib.ExitStack() as stack:
        paths = [old, *new]
        what = "comparing " + ", ".join(map(display, paths))
        index = stack.enter_context(locked_index(state, what, reporter))
        one_file_system = options.filters.one_file_system
        storages = [open_local(stack, path, one_file_system=one_file_system) for path in paths]
        seen = [Seen(), Seen()]
        with index.guarded():
            finder = Finder(index, options.filters)
        processes = stack.enter_context(Processes())
        reporter.stage("scan")
        trees = []
        for at, (storage, twice) in enumerate(zip(storages, met_twice(mounts, paths), strict=True)):
            selection = Selection(_ALL._replace(one_file_system=one_file_system), state.identities(), twice)
            reader = Reader(storage, selection._replace(ignore_files=False))
            batches = scan(reader, seen[at > 0], reporter, processes=processes)
            seen[at > 0].unchanged += index.update(storage.root, finder.watching(batches))
            trees.append(Tree(index.version(storage.root)[0], storage.root))
        stack.enter_context(index.guarded())
        repeated, reads = stack.enter_context(finder.candidates(trees, processes, reporter))
        sides = []
        for is_reverse in _directions(options):
            one, several = slice(0, 1), slice(1, None)
            ours, others = (several, one) if is_reverse else (one, several)
            found = stack.enter_context(Comparison(index.digests(), trees[ours], trees[others]))
            confirm = _confirmation(storages[ours], storages[others]) if options.paranoid else None
            found.judge(repeated, taken if taken.is_needed else None, confirm)
            sides.append(Side(paths[ours], paths[others], found, seen[is_reverse]))
        others_seen = [each for each in seen if all(each is not side.seen for side in sides)]
        yield Compared(sides, others_seen, reads, time.monotonic() - started)


_ALL = Filters(all_files=True)
"""Both sides are read as a whole: nothing is skipped but the files of fileorg itself."""


def _directions(options: CompareOptions) -> Sequence[bool]:
    """Return for each direction whether it is the reverse one."""
    return (False, True) if options.both else (options.reverse,)


def _refuse_overlap(old: bytes, new: Sequence[bytes], mounts: Mounts) -> None:
    """Raise `UsageError` if a folder is compared with itself, or with one inside it, by whatever path."""
    for path in new:
        if identity_of(path) == identity_of(old):
            problem = f"{display(path)} and {display(old)} are the same folder."
        elif _are_nested(old, path, mounts):
            problem = f"{display(path)} is inside {display(old)}: each file in it would be found in itself."
        elif _are_nested(path, old, mounts):
            problem = f"{display(old)} is inside {display(path)}: each file would be found in itself."
        else:
            continue
        raise UsageError(problem, hint="compare two folders that are apart", code=ErrorCode.OVERLAPPING, path=path)


def _are_nested(outer: bytes, inner: bytes, mounts: Mounts) -> bool:
    return is_within(inner, outer) or any(is_within(inner, alias) for alias in mounts.aliases(outer))


def _confirmation(
    ours: Sequence[LocalStorage], others: Sequence[LocalStorage]
) -> Callable[[ComparedFile, int, bytes, bytes], bool]:
    """Return a function that compares a file with one of the other trees byte by byte."""

    def confirm(file: ComparedFile, tree: int, folder: bytes, name: bytes) -> bool:
        return same_content(ours[file.tree], file.folder, file.name, others[tree], folder, name)

    return confirm


class Taken:
    """The files of a batch that the filters take. Patterns apply to names and to all folders above them."""

    def __init__(self, filters: Filters) -> None:
        """Raises `UsageError` for a pattern that can match nothing."""
        self._filters = filters
        self._ignore: Ignore | None = filters.ignore() if filters.include or filters.exclude else None
        self._folder: bytes | None = None
        self._scope: Scope | None = None
        self._is_excluded = False

    @property
    def is_needed(self) -> bool:
        """False if all files are taken."""
        return self._filters.has_bounds or self._ignore is not None or self._filters.max_depth is not None

    def __call__(self, batch: FileBatch) -> Sequence[int]:
        """Return the positions of the files that are taken."""
        filters = self._filters
        if batch.folder != self._folder:
            self._enter(batch.folder)
        if self._is_excluded:
            return ()
        scope = self._scope
        return [
            position
            for position, (name, size, mtime_ns, *_) in enumerate(batch.rows())
            if (filters.min_size is None or size >= filters.min_size)
            and (filters.max_size is None or size <= filters.max_size)
            and (filters.newer_than_ns is None or mtime_ns >= kept(filters.newer_than_ns))
            and (filters.older_than_ns is None or mtime_ns <= kept(filters.older_than_ns))
            and (scope is None or not scope.excludes(name, is_folder=False))
        ]

    def _enter(self, folder: bytes) -> None:
        depth = folder.count(b"/") + bool(folder)
        self._folder = folder
        self._is_excluded = self._filters.max_depth is not None and depth > self._filters.max_depth
        if self._ignore is not None:
            self._scope = self._ignore.scope(folder, None, None)
            self._is_excluded = self._is_excluded or any(map(self._leaves, with_parents(folder)))

    def _leaves(self, folder: bytes) -> bool:
        """Return whether the patterns exclude a folder itself."""
        above, name = split(folder)
        scope = None if self._ignore is None else self._ignore.scope(above, None, None)
        return scope is not None and scope.excludes(name, is_folder=True)
