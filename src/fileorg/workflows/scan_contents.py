"""Scans that look into all files: those whose extension does not fit their content, and how files are dated.

Changes no user files. What was read is kept in the index.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from typing import TYPE_CHECKING

from fileorg.content.dating import MODIFIED, NAMED, DatedBy, Dating, taken_by
from fileorg.content.evidence import IndexedEvidence
from fileorg.core.model import LookInto
from fileorg.core.names import display, scheme_of
from fileorg.core.sorting import in_path_order
from fileorg.core.tuples import NamedTuple
from fileorg.rules.classify import Rules
from fileorg.scan.selection import Selection
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.contents import asked_exiftool
from fileorg.workflows.date_choice import date_choice
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.locked_index import locked_index
from fileorg.workflows.roots import distinct_folders, met_twice, open_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.content.dates import RefusedDate
    from fileorg.content.exiftool import Exiftool
    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.index.columns import FileBatch
    from fileorg.index.index import Index
    from fileorg.rules.config import Configuration
    from fileorg.rules.filters import Filters

_LOOKS = 2
"""What a file is, and then what it says of itself."""


class Mismatch(NamedTuple):
    """A file whose extension does not fit its content. `path` is absolute, `size` in bytes; extensions are in lower
    case, without a dot. `category` is that of the content.
    """

    path: bytes
    size: int
    extension: bytes
    right_extension: bytes
    category: str


class RefusedIn(NamedTuple):
    """A file with dates that are not believed. `path` is absolute."""

    path: bytes
    dates: Sequence[RefusedDate]


class _ScannedTree(NamedTuple):
    root: bytes
    evidence: IndexedEvidence


class LookedInto:
    """Scanned trees whose files have been read. Paths are absolute."""

    def __init__(self, index: Index, trees: Sequence[_ScannedTree], seen: Seen, rules: Rules) -> None:
        self._index = index
        self._trees = trees
        self._rules = rules
        self.seen = seen

    @property
    def roots(self) -> list[bytes]:
        return [tree.root for tree in self._trees]

    @property
    def unread(self) -> int:
        """The number of files that could not be read."""
        return sum(tree.evidence.unread for tree in self._trees)

    def _batches(self) -> Iterator[tuple[_ScannedTree, FileBatch]]:
        for tree in self._trees:
            for _, batch in self._index.batches(tree.root):
                yield tree, batch

    def mismatches(self) -> Iterator[Mismatch]:
        """Yield the files whose extension does not fit their content, in path order."""
        return in_path_order((found.path, found) for found in self._mismatches())

    def _mismatches(self) -> Iterator[Mismatch]:
        for tree, batch in self._batches():
            for name, size in zip(batch.split_names(), batch.sizes, strict=True):
                verdict = tree.evidence.verdict(batch.folder, name)
                if verdict is not None and verdict.is_mismatch:
                    path = os.path.join(tree.root, batch.folder, name)
                    extension = self._rules.extension_of(name)
                    yield Mismatch(path, size, extension, verdict.right_extension, verdict.category)

    def dated(self, datings: Sequence[Dating]) -> tuple[Counter[DatedBy], Iterator[RefusedIn]]:
        """Return how many files have their date from where, and the dates that are not believed, in path order.

        `datings` are those of the trees. A file that belongs to another one has the date of that.
        """
        found = Counter[DatedBy]()
        refused = list(in_path_order((each.path, each) for each in self._dated(datings, found)))
        return found, iter(refused)

    def _dated(self, datings: Sequence[Dating], found: Counter[DatedBy]) -> Iterator[RefusedIn]:
        of_root = dict(zip(self.roots, datings, strict=True))
        for tree, batch in self._batches():
            dating, leaders = of_root[tree.root], batch.followers()
            for at, name in enumerate(batch.split_names()):
                dates = dating.dates_of(batch.folder, leaders.get(at, name))
                if dates.taken is not None:
                    found[taken_by(dates.taken)] += 1
                else:
                    found[MODIFIED if dates.named is None else NAMED] += 1
                if dates.refused and at not in leaders:
                    yield RefusedIn(os.path.join(tree.root, batch.folder, name), dates.refused)


@contextlib.contextmanager
def finding_mismatches(
    paths: Sequence[bytes],
    filters: Filters,
    state: StateDirectory,
    reporter: Reporter,
    configuration: Configuration | None = None,
) -> Iterator[LookedInto]:
    """Scan trees and read what the files in them are. Raises `UsageError`, `Locked`."""
    _refuse_stores(paths, "--mismatch")

    def ask(evidence: IndexedEvidence, batch: FileBatch) -> None:
        for name in batch.split_names():
            evidence.kind(batch.folder, name)

    rules = Rules.of(configuration).asking(LookInto.ALL)
    with _read_trees(
        paths, filters, state, reporter, rules, lambda evidence: lambda batch: ask(evidence, batch)
    ) as found:
        yield found


@contextlib.contextmanager
def finding_dates(
    paths: Sequence[bytes],
    filters: Filters,
    state: StateDirectory,
    reporter: Reporter,
    configuration: Configuration | None = None,
    look_into: LookInto = LookInto.UNKNOWN,
    timezone: str = "",
    *,
    asks_exiftool: bool = False,
) -> Iterator[tuple[Counter[DatedBy], Iterator[RefusedIn], LookedInto]]:
    """Scan trees and read when the pictures and films in them were taken: see `LookedInto.dated`.

    Raises `UsageError`, `Locked`.
    """
    _refuse_stores(paths, "--dates")
    datings: list[Dating] = []
    choice = date_choice(timezone, configuration)

    def asking(evidence: IndexedEvidence) -> Callable[[FileBatch], None]:
        datings.append(dating := Dating(evidence, choice))

        def ask(batch: FileBatch) -> None:
            leaders = batch.followers()
            for at, name in enumerate(batch.split_names()):
                if at not in leaders:
                    dating.dates_of(batch.folder, name)

        return ask

    rules = Rules.of(configuration).asking(look_into)
    exiftool = asked_exiftool(configuration, is_asked=asks_exiftool)
    with _read_trees(paths, filters, state, reporter, rules, asking, exiftool) as found:
        yield *found.dated(datings), found


def _refuse_stores(paths: Sequence[bytes], option: str) -> None:
    """Raise `UsageError` if one of the paths is a URL: each look into an object would be a request."""
    if any(map(scheme_of, paths)):
        from fileorg.workflows.stores import refuse_in_stores

        refuse_in_stores(paths, f"use {option}")


@contextlib.contextmanager
def _read_trees(
    paths: Sequence[bytes],
    filters: Filters,
    state: StateDirectory,
    reporter: Reporter,
    rules: Rules,
    asking: Callable[[IndexedEvidence], Callable[[FileBatch], None]],
    exiftool: Exiftool | None = None,
) -> Iterator[LookedInto]:
    """Scan trees and read all that is asked of each batch; `asking` returns the function that asks."""
    roots = distinct_folders([existing_folder(path) for path in paths])
    seen, trees = Seen(), list[_ScannedTree]()
    never = state.identities()
    with locked_index(state, "scanning " + ", ".join(map(display, roots)), reporter) as index:
        for root, twice in zip(roots, met_twice(Mounts(), roots), strict=True):
            with contextlib.ExitStack() as stack:
                storage = open_local(stack, root, one_file_system=filters.one_file_system)
                reporter.stage("scan")
                selection = Selection(filters, never, twice, with_leaders=True)
                seen.unchanged += index.update(root, scan(Reader(storage, selection), seen, reporter))
            evidence = IndexedEvidence(rules, index, root, exiftool)
            ask = asking(evidence)
            for _ in range(_LOOKS):
                evidence.is_missing = False
                for _, batch in index.batches(root):
                    ask(batch)
                if not evidence.is_missing:
                    break
                evidence.gather(reporter)
            trees.append(_ScannedTree(root, evidence))
        yield LookedInto(index, trees, seen, rules)
