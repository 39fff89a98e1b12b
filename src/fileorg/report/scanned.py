"""The report on the last scan of a folder, from the index."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fileorg.content.keeper import KeeperPolicy, KeepOptions, Trees
from fileorg.core.model import StatusCode
from fileorg.core.names import below
from fileorg.journal.status import OperationStatus
from fileorg.plan.dedupe_plan import decisions
from fileorg.report.content import SCAN, SEEN, Copy, DuplicateGroup, DuplicateSums, Line, Report, Share, Summary
from fileorg.report.folder_tree import tree_of
from fileorg.scan.totals import Totals

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.index.index import Index
    from fileorg.scan.classifier import Classifier


def scan_report(index: Index, root: bytes, classifier: Classifier) -> Report | None:
    """Return the report on the last scan of `root`, or None if there was none. `classifier` assigns categories.

    Raises `FileorgError` for a damaged index.
    """
    scanned_ns = index.scanned_ns(root)
    if scanned_ns is None:
        return None
    totals = Totals()
    folders = _folders(index, root, totals, classifier)
    places = tree_of(folders, [root])
    files, size_bytes = totals.files.total(), totals.size_bytes.total()
    with index.guarded():
        groups = index.groups()
        sums = groups.sums() if groups.roots() == [root] else None
    return Report(
        summary=Summary(
            kind=SCAN,
            status=OperationStatus(StatusCode.SCANNED),
            roots=[root],
            dest=None,
            records=files,
            files=files,
            size_bytes=size_bytes,
            options={},
            started_ns=scanned_ns,
        ),
        categories=sorted(
            (Share(name, count, totals.size_bytes[name]) for name, count in totals.files.items()),
            key=lambda share: (-share.size_bytes, -share.records, share.name),
        ),
        statuses=[Share(SEEN, files, size_bytes)],
        reasons=[],
        places=places,
        duplicates=DuplicateSums(sums.groups, sums.files, sums.freed_bytes) if sums and sums.groups else None,
        lines=partial(_lines, index, root, classifier),
        groups=partial(_groups, index, root),
    )


def _folders(index: Index, root: bytes, totals: Totals, classifier: Classifier) -> Iterator[tuple[bytes, int, int]]:
    """Yield (path, files, bytes) of each batch, and add it to `totals`."""
    for _, batch in index.batches(root):
        totals.add(batch, root, classifier.categories_of(batch))
        yield below(root, batch.folder), batch.files, sum(batch.sizes)


def _lines(index: Index, root: bytes, classifier: Classifier) -> Iterator[Line]:
    number = 0
    for _, batch in index.batches(root):
        folder = below(root, batch.folder)
        rows = zip(batch.rows(), classifier.categories_of(batch), strict=True)
        for (name, size, mtime_ns, *_), category in rows:
            number += 1
            yield Line(number, "", folder, name, None, None, category, SEEN, size, mtime_ns, "", None)


def _groups(index: Index, root: bytes) -> Iterator[DuplicateGroup]:
    """Yield the groups of the last `fileorg dedupe`, with keepers chosen by default rules."""
    trees = Trees([root])
    with index.guarded():
        for decision in decisions(index.groups().all_groups(), KeeperPolicy(trees, KeepOptions(), lambda *_: 1)):
            keeper, *others = map(trees.path, decision.listed)
            size = decision.group.size
            copies = [Copy(path, "duplicate") for path in others]
            yield DuplicateGroup(keeper, size, size * decision.wasted, len(copies), copies)
