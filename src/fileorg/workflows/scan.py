"""Scan and categorize. Changes no user files."""

from __future__ import annotations

import contextlib
import os
import time
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.names import display
from fileorg.rules.classify import Rules
from fileorg.scan.classifier import Classifier
from fileorg.scan.selection import Selection
from fileorg.scan.totals import Totals
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.guards import existing_folder
from fileorg.workflows.locked_index import locked_index
from fileorg.workflows.roots import distinct_folders, met_twice, open_local

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.rules.classify import Evidence
    from fileorg.rules.config import Configuration
    from fileorg.rules.filters import Filters


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
) -> ScanReport:
    """Update the index for each tree and return totals. Raises `UsageError`, `Locked`."""
    started = time.monotonic()
    rules = Rules.of(configuration)
    roots = distinct_folders([existing_folder(path) for path in paths])
    totals, seen = Totals(), Seen()
    never = state.identities()
    with locked_index(state, "scanning " + ", ".join(map(display, roots)), reporter) as index:
        for root, twice in zip(roots, met_twice(Mounts(), roots), strict=True):
            with contextlib.ExitStack() as stack:
                storage = open_local(stack, root, one_file_system=filters.one_file_system)
                reader = Reader(storage, Selection(filters, never, twice))
                classifier = Classifier(rules, storage)
                reporter.stage("scan")
                seen.unchanged += index.update(root, totals.counted(scan(reader, seen, reporter), root, classifier))
    return ScanReport(roots, totals, seen, time.monotonic() - started)


class Categorized(NamedTuple):
    """A file, with its category and the evidence for it. `path` is absolute, `size` in bytes."""

    path: bytes
    size: int
    evidence: Evidence


def categorize(
    paths: Sequence[bytes], filters: Filters, seen: Seen, reporter: Reporter, configuration: Configuration | None = None
) -> Iterator[Categorized]:
    """Yield the category of each file and the evidence for it. Streams; writes nothing. Raises `UsageError`."""
    rules = Rules.of(configuration)
    roots = distinct_folders([existing_folder(path) for path in paths])
    for root, twice in zip(roots, met_twice(Mounts(), roots), strict=True):
        with contextlib.ExitStack() as stack:
            storage = open_local(stack, root, one_file_system=filters.one_file_system)
            reader = Reader(storage, Selection(filters, twice=twice))
            classifier = Classifier(rules, storage)
            for _, batch in scan(reader, seen, reporter):
                folder = os.path.join(root, batch.folder)
                for (name, size, *_), evidence in zip(batch.rows(), classifier.evidences_of(batch), strict=True):
                    yield Categorized(os.path.join(folder, name), size, evidence)
