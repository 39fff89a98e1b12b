"""Scan and categorize. Changes no user files."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from array import array
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.model import LookInto
from fileorg.core.names import display, is_within, scheme_of
from fileorg.core.pool import Processes
from fileorg.core.tuples import NamedTuple
from fileorg.rules.classify import Rules
from fileorg.scan.classifier import Classifier, LateContents
from fileorg.scan.selection import Selection
from fileorg.scan.totals import Totals
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.locked_index import locked_index
from fileorg.workflows.roots import distinct_folders, met_twice, open_local, readable_root, readable_storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.pool import Pool
    from fileorg.core.state import StateDirectory
    from fileorg.index.columns import FileBatch
    from fileorg.index.index import Index
    from fileorg.rules.classify import Evidence
    from fileorg.rules.config import Configuration
    from fileorg.rules.filters import Filters
    from fileorg.scan.classifier import GatheredContents
    from fileorg.storage.base import Storage


class ScanReport(NamedTuple):
    """The result of `fileorg scan`. Paths in `totals` are absolute."""

    roots: list[bytes]
    totals: Totals
    seen: Seen
    seconds: float


def scan_trees(
    paths: Sequence[bytes],
    filters: Filters,
    state: StateDirectory,
    reporter: Reporter,
    configuration: Configuration | None = None,
    look_into: LookInto = LookInto.UNKNOWN,
) -> ScanReport:
    """Update the index for each tree and return totals. Raises `UsageError`, `Locked`."""
    started = time.monotonic()
    by_name = Rules.of(configuration)
    roots = distinct_folders([readable_root(path) for path in paths])
    totals, seen = Totals(), Seen()
    never = state.identities()
    what = "scanning " + ", ".join(map(display, roots))
    with locked_index(state, what, reporter) as index, Processes() as pool:
        for root, twice in zip(roots, met_twice(Mounts(), roots), strict=True):
            with contextlib.ExitStack() as stack:
                storage = readable_storage(stack, root, one_file_system=filters.one_file_system)
                reader = Reader(storage, Selection(filters, never, twice))
                rules = by_name.asking(looking_into(root, look_into))
                reporter.stage("scan")
                contents = LateContents(partial(_indexed, rules, index, root, pool))
                count = _Count(totals, Classifier(rules, storage, contents), contents, root)
                seen.unchanged += index.update(root, count.counted(scan(reader, seen, reporter, pool=pool)))
                count.count_rest(index, reporter)
    return ScanReport(roots, totals, seen, time.monotonic() - started)


def looking_into(root: bytes, look_into: LookInto) -> LookInto:
    """Return whose content is read below a root. In a store, each read is a request: names alone decide, unless
    --by-content asks for more, which is not possible yet. Raises `UsageError`.
    """
    if not scheme_of(root):
        return look_into
    if look_into is LookInto.ALL:
        from fileorg.workflows.stores import cannot_yet

        raise cannot_yet("use --by-content", root)
    return LookInto.NONE


class _Count:
    """Adds batches to totals. Files whose content is not known yet are counted when it was read."""

    def __init__(self, totals: Totals, classifier: Classifier, contents: LateContents, root: bytes) -> None:
        self._totals, self._classifier, self._contents, self._root = totals, classifier, contents, root
        self._later: dict[bytes, dict[int, array[int]]] = {}
        """By folder and sequence of the batch, the positions of the files to count later."""

    def counted(self, batches: Iterator[tuple[int, FileBatch]]) -> Iterator[tuple[int, FileBatch]]:
        """Yield the same batches, counted as they pass."""
        for sequence, batch in batches:
            yield sequence, batch  # first into the index, which is asked about its files
            categories = self._classifier.known_categories_of(batch, self._contents)
            self._totals.add(batch, self._root, categories)
            if None in categories:
                positions = (position for position, category in enumerate(categories) if category is None)
                self._later.setdefault(batch.folder, {})[sequence] = array("H", positions)

    def count_rest(self, index: Index, reporter: Reporter) -> None:
        """Read what is missing, and count the batches that had to wait."""
        if self._later:
            self._contents.gather(reporter)
        for folder, sequences in self._later.items():
            for sequence, batch in index.folder_parts(self._root, folder):
                if (positions := sequences.get(sequence)) is not None:
                    self._totals.add(batch, self._root, self._classifier.categories_at(batch, positions))


def _indexed(rules: Rules, index: Index, root: bytes, pool: Pool) -> GatheredContents:
    from fileorg.content.evidence import IndexedEvidence

    return IndexedEvidence(rules, index, root, pool=pool)


def direct_contents(rules: Rules, storage: Storage) -> GatheredContents:
    """Return what files are by their content, read when they are asked about."""
    from fileorg.content.evidence import DirectEvidence

    return DirectEvidence(rules, storage)


class Categorized(NamedTuple):
    """A file, with its category and the evidence for it. `path` is absolute, `size` in bytes."""

    path: bytes
    size: int
    evidence: Evidence


def categorize(
    paths: Sequence[bytes],
    filters: Filters,
    seen: Seen,
    reporter: Reporter,
    configuration: Configuration | None = None,
    look_into: LookInto = LookInto.UNKNOWN,
) -> Iterator[Categorized]:
    """Yield the category of each file and the evidence for it: those of a folder in path order, or a file that was
    given. Writes nothing. Raises `UsageError`.
    """
    from fileorg.core.sorting import in_path_order

    by_name = Rules.of(configuration)
    given = [_file_or_folder(path) for path in paths]
    roots = distinct_folders([path for path, is_file in given if not is_file])
    twice_in = dict(zip(roots, met_twice(Mounts(), roots), strict=True))
    for path in dict.fromkeys(path for path, _ in given):
        if path in twice_in:
            selection = Selection(filters, twice=twice_in[path])
            rules = by_name.asking(looking_into(path, look_into))
            yield from in_path_order((file.path, file) for file in _in_folder(path, selection, rules, seen, reporter))
        elif not any(is_within(path, root) for root in roots):
            if (file := _single(path, filters, by_name.asking(look_into))) is None:
                reporter.note(f"{display(path)} was skipped: it is neither a file nor a folder.")
            else:
                yield file


def _file_or_folder(path: bytes) -> tuple[bytes, bool]:
    """Return the real path of a folder, or a path in a real folder of something else, and whether it is the latter."""
    if path and not scheme_of(path) and os.path.lexists(path) and not os.path.isdir(path):
        return os.path.join(existing_folder(os.path.dirname(path) or b"."), os.path.basename(path)), True
    return readable_root(path), False


def _in_folder(
    root: bytes, selection: Selection, rules: Rules, seen: Seen, reporter: Reporter
) -> Iterator[Categorized]:
    with contextlib.ExitStack() as stack:
        storage = readable_storage(stack, root, one_file_system=selection.filters.one_file_system)
        classifier = Classifier(rules, storage, LateContents(partial(direct_contents, rules, storage)))
        for _, batch in scan(Reader(storage, selection), seen, reporter):
            folder = os.path.join(root, batch.folder)
            for (name, size, *_), evidence in zip(batch.rows(), classifier.evidences_of(batch), strict=True):
                yield Categorized(os.path.join(folder, name), size, evidence)


def _single(path: bytes, filters: Filters, rules: Rules) -> Categorized | None:
    """Return a file that was given by its path; None if it is no regular file. Its group counts, not the filters."""
    from fileorg.scan.why import why  # only for files that are given by their path

    folder, name = os.path.split(path)
    there = os.lstat(path)
    if not stat.S_ISREG(there.st_mode):
        return None
    with contextlib.ExitStack() as stack:
        storage = open_local(stack, folder)
        found = why(Reader(storage, Selection(filters, with_leaders=True)), storage, name)
        classifier = Classifier(rules, storage, LateContents(partial(direct_contents, rules, storage)))
        return Categorized(path, there.st_size, classifier.evidence_with(b"", name, found.leader))
