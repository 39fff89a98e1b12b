"""The report of an operation, from the journal."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fileorg.core.batches import row_maker
from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.model import LISTED_STATES, ON_DUPLICATES, WAS_DONE
from fileorg.core.names import below, join
from fileorg.journal.rows import BIRTHS, parsed_options
from fileorg.journal.status import operation_statuses
from fileorg.journal.trash_records import PURGE
from fileorg.report.content import STAYS, Copy, DuplicateGroup, DuplicateSums, Line, ReasonShare, Report, Share, Summary
from fileorg.report.folder_tree import tree_of
from fileorg.report.sentences import sentence, sentence_of_many

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from fileorg.core.model import Keeper
    from fileorg.journal.kept_groups import KeptGroup
    from fileorg.journal.reader import JournalReader
    from fileorg.journal.record_listing import ListedRecord
    from fileorg.journal.rows import Operation

RANK: dict[str, int] = {state: rank for rank, state in enumerate([*LISTED_STATES, STAYS])}
"""The order of the states in a report."""
_new_line = row_maker(Line)


def operation_report(journal: JournalReader, operation: Operation) -> Report:
    """Return the report of an operation. The journal must stay open while lines and groups are read.

    Raises `JournalError`.
    """
    roots = [root.path for root in journal.roots(operation)]
    counts = journal.sums.counts(operation.id)
    statuses = [Share(state, *counts[state]) for state in LISTED_STATES if state in counts]
    return Report(
        summary=_summary(journal, operation, roots, statuses),
        categories=[Share(*row) for row in journal.sums.categories(operation)],
        statuses=statuses,
        reasons=_reasons(journal, operation, roots),
        places=tree_of(places_of(journal, operation), list(dict.fromkeys(roots))),
        duplicates=_duplicate_sums(journal, operation),
        lines=partial(_lines, journal, operation, roots),
        groups=partial(_groups, journal, operation, roots),
    )


def places_of(journal: JournalReader, operation: Operation) -> Iterator[tuple[bytes, int, int]]:
    """Yield the folders that received files in an operation, with the number of files and bytes."""
    roots = [root.path for root in journal.roots(operation)]
    for (base, path), files, size_bytes in journal.sums.places(operation):
        yield below(roots[base], path), files, size_bytes


def _summary(
    journal: JournalReader, operation: Operation, roots: Sequence[bytes], statuses: Sequence[Share]
) -> Summary:
    operations = journal.operations("id >= ?", (operation.id,))
    status = operation_statuses(journal, operations)[-1]
    done = [share for share in statuses if share.name in WAS_DONE]
    is_left = operation.kind != PURGE and journal.has_done(operation)
    first, last = journal.record_range(operation)
    return Summary(
        kind=operation.kind,
        status=status,
        roots=[path for base, path in enumerate(roots) if base != 1],
        dest=operation.destination,
        records=max(0, last - first + 1),
        files=sum(share.records for share in done) if operation.kind != PURGE else operation.done,
        size_bytes=sum(share.size_bytes for share in done) if operation.kind != PURGE else operation.size_bytes,
        operation=operation.id,
        operations=[operation.id],
        undoes=operation.undoes,
        options=_options(operation),
        started_ns=operation.started_ns,
        ended_ns=operation.ended_ns,
        way_back=f"fileorg {'redo' if operation.kind == 'undo' else 'undo'} {operation.id}" if is_left else None,
    )


def _options(operation: Operation) -> dict[str, Any]:
    options = parsed_options(operation.options)
    return {name: value for name, value in options.items() if name not in {"dest", "dest_b64", BIRTHS}}


def _reasons(journal: JournalReader, operation: Operation, roots: Sequence[bytes]) -> list[ReasonShare]:
    folders = Folders(journal, roots)
    found = [
        ReasonShare(
            each.state,
            sentence_of_many(each.reason),
            each.records,
            [whole_path(record, folders) for record in journal.listing.listed_by_id(each.first)],
            each.reason and each.reason.code,
        )
        for each in journal.sums.reasons(operation)
    ]
    return sorted(found, key=lambda reason: RANK[reason.status])


def _duplicate_sums(journal: JournalReader, operation: Operation) -> DuplicateSums | None:
    if not journal.groups.has_groups(operation):
        return None
    return DuplicateSums(*journal.groups.sums(operation))


def _lines(journal: JournalReader, operation: Operation, roots: Sequence[bytes]) -> Iterator[Line]:
    has_keepers = journal.groups.has_keepers(operation)
    folders = Folders(journal, roots)
    for batch in journal.listing.listed_records(operation):
        keepers = journal.groups.keepers(batch[0].id, batch[-1].id) if has_keepers else {}
        yield from lines_of(batch, folders, keepers)


class Folders:
    """The absolute paths of folders of the journal, by their ids. Raises `JournalError`."""

    def __init__(self, journal: JournalReader, roots: Sequence[bytes]) -> None:
        self._journal, self.roots = journal, roots
        self._known: Memo[int, bytes] = Memo(MANY_FOLDERS)

    def path(self, folder: int) -> bytes:
        found = self._known.get(folder)
        if found is None:
            base, inside = self._journal.place(folder)
            found = self._known[folder] = below(self.roots[base], inside)
        return found


def lines_of(records: Sequence[ListedRecord], folders: Folders, keepers: Mapping[int, Keeper]) -> Iterator[Line]:
    """Yield records as report lines."""
    path, roots = folders.path, folders.roots
    for listed in records:
        record, action, source, source_name, target, target_name, category, state, size, mtime_ns, code, *_ = listed
        keeper = keepers.get(record)
        yield _new_line(
            (
                record,
                action,
                None if source is None else path(source),
                source_name,
                path(target),
                target_name,
                category or "",
                state,
                0 if source_name is None else size or 0,  # a folder has no size
                None if source is None else mtime_ns,
                "" if code is None else sentence(listed.reason),
                None if keeper is None else below(roots[keeper.base], join(keeper.folder, keeper.name)),
                code,
            )
        )


def _groups(journal: JournalReader, operation: Operation, roots: Sequence[bytes]) -> Iterator[DuplicateGroup]:
    return groups_of(journal.groups.all_groups(operation), roots)


def groups_of(groups: Iterable[KeptGroup], roots: Sequence[bytes]) -> Iterator[DuplicateGroup]:
    """Yield groups of kept files as duplicate groups of the report."""
    for keeper, records, count, freed in groups:
        copies = []
        for record in records:
            # The original path of the duplicate, also for an undo.
            base, folder, name = record[2:5] if record.action in ON_DUPLICATES else record[5:8]
            copies.append(Copy(below(roots[base], join(folder, name)), f"{record.action}, {record.state}"))
        size = records[0].size or 0
        kept = below(roots[keeper.base], join(keeper.folder, keeper.name))
        yield DuplicateGroup(kept, size, size * freed, count, copies)


def whole_path(record: ListedRecord, folders: Folders) -> bytes:
    """Return the original path of the file of a record, or the path of its folder."""
    if record.source_folder is None or record.source_name is None:
        return join(folders.path(record.target_folder), record.target_name)
    return join(folders.path(record.source_folder), record.source_name)
