"""Reports and listings of the records of an operation, or of the files of a scan. Changes nothing."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING

from xxhash import xxh3_128_digest

from fileorg.core.errors import ErrorCode, StateError, UnknownOperation, UsageError
from fileorg.core.names import display, real_path
from fileorg.core.tuples import NamedTuple
from fileorg.index.listings import Listings
from fileorg.report.collect import Folders, groups_of, lines_of, operation_report
from fileorg.workflows.history import is_empty
from fileorg.workflows.locked_index import index_to_read
from fileorg.workflows.open_journal import open_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.state import StateDirectory
    from fileorg.index.recorded_stays import RecordedStays
    from fileorg.journal.reader import JournalReader
    from fileorg.journal.record_listing import RecordQuery
    from fileorg.journal.rows import Operation
    from fileorg.report.content import DuplicateGroup, Line, Report
    from fileorg.rules.config import Configuration


class FilePage(NamedTuple):
    """A page of records, and the total number. `operation` is None if nothing was done yet."""

    operation: int | None
    root: bytes
    """The directory of the operation with a slash if there is only one, else empty."""
    total: int
    lines: list[Line]


class GroupPage(NamedTuple):
    """A page of duplicate groups, and the total number."""

    total: int
    groups: list[DuplicateGroup]


class NothingDone(UsageError):
    """There is no operation yet."""

    hint = UnknownOperation.hint

    def __init__(self) -> None:
        super().__init__("No operations yet.")


CACHED_FROM = 100_000
"""The number of records from which the order of a listing is cached: for fewer, it takes less than half a second."""


@contextlib.contextmanager
def reported(
    about: int | bytes | None,
    state: StateDirectory,
    configuration: Configuration | None = None,
    *,
    stays: bool = False,
) -> Iterator[Report]:
    """Yield the report on an operation, by default the last one, or on the last scan of a folder; valid until the block
    ends.

    With `stays`, the folder is scanned anew, and all entries that organize would leave in place are in the report. In
    that of an operation such entries are if they were recorded. Raises `UsageError` if there is none, `JournalError`,
    `Locked`; with `stays` also like `organizing`.
    """
    if isinstance(about, bytes):
        with (_fresh if stays else _scanned)(about, state, configuration) as report:
            yield report
        return
    with _read(state, about) as (journal, operation), contextlib.ExitStack() as stack:
        yield _reported(stack, journal, operation, state, stays=stays)


@contextlib.contextmanager
def job_reported(
    job: int, operations: Sequence[int], state: StateDirectory, *, stays: bool = False
) -> Iterator[Report]:
    """Yield the report on the operations of a job, the oldest first; valid until the block ends. Raises like
    `reported`.
    """
    from fileorg.report.job_report import job_report

    with open_journal(state, read_only=True) as journal, contextlib.ExitStack() as stack:
        found = [operation for number in operations if (operation := journal.operation(number)) is not None]
        yield job_report(journal, job, found, [_reported(stack, journal, each, state, stays=stays) for each in found])


def _reported(
    stack: contextlib.ExitStack, journal: JournalReader, operation: Operation, state: StateDirectory, *, stays: bool
) -> Report:
    recorded = stack.enter_context(_stays_of(state, operation, is_needed=stays))
    report = operation_report(journal, operation)
    if recorded is None:
        return report
    from fileorg.report.stay_lines import with_stays

    return with_stays(report, operation.root, recorded)


@contextlib.contextmanager
def _stays_of(
    state: StateDirectory, operation: Operation, *, is_needed: bool | None = None
) -> Iterator[RecordedStays | None]:
    """Yield what stayed in an operation, None if it was not recorded. Raises `UsageError` if it `is_needed` then."""
    path = None
    with contextlib.suppress(OSError, StateError):
        path = state.stays(make=False)
    with contextlib.ExitStack() as stack:
        found = None
        if path is not None:
            from fileorg.index.recorded_stays import recorded_stays

            found = stack.enter_context(recorded_stays(path, operation.id, operation.started_ns))
        if found is None and is_needed:
            raise UsageError(
                f"What stayed in operation {operation.id} was not recorded: it ran without --stays.",
                hint="list what stays now with: fileorg report FOLDER --stays",
                code=ErrorCode.NOT_RECORDED,
            )
        yield found


@contextlib.contextmanager
def _fresh(folder: bytes, state: StateDirectory, configuration: Configuration | None) -> Iterator[Report]:
    """Yield the report on a folder as it is now, with what organize -r would leave in place."""
    from fileorg.core.events import NullReporter
    from fileorg.report.scanned import scan_report
    from fileorg.report.stay_lines import fresh_report
    from fileorg.rules.classify import Rules
    from fileorg.rules.filters import Filters
    from fileorg.scan.classifier import Classifier
    from fileorg.workflows.organize import OrganizeOptions, organizing
    from fileorg.workflows.roots import open_root

    options = OrganizeOptions(root=folder, filters=Filters(), stays=True, configuration=configuration)
    with organizing(options, state, NullReporter(), changes=False) as run, contextlib.ExitStack() as stack:
        report = scan_report(run.index, run.root, Classifier(Rules.of(configuration), open_root(stack, run.root)))
        if report is None:
            raise AssertionError("the index has just been updated")
        yield fresh_report(report, run.root, run.stays)


@contextlib.contextmanager
def _scanned(folder: bytes, state: StateDirectory, configuration: Configuration | None) -> Iterator[Report]:
    # Imported here: reports on operations read no files.
    from fileorg.report.scanned import scan_report
    from fileorg.rules.classify import Rules
    from fileorg.scan.classifier import Classifier
    from fileorg.workflows.roots import open_root

    root = real_path(folder)
    with index_to_read(state) as index, contextlib.ExitStack() as stack:
        storage = None
        with contextlib.suppress(OSError):  # a removed tree still has a report
            storage = open_root(stack, root)
        report = scan_report(index, root, Classifier(Rules.of(configuration), storage))
        if report is None:
            raise UsageError(
                f"{display(folder)} is neither an operation number nor a scanned folder.",
                hint="fileorg scan FOLDER scans a folder; fileorg history lists the operations",
            )
        yield report


def files_page(
    number: int | None,
    wanted: RecordQuery,
    page: tuple[int, int],
    state: StateDirectory,
    *,
    backwards: bool = False,
    records: bool = True,
    stays: bool | None = None,
) -> FilePage:
    """Return a page of the records of an operation, by default the last, and after them of the entries that stayed, in
    path order; `page` is its number, from 1, and its size.

    `records`: with the records; `stays`: with the entries that stayed, None for those that were recorded. Raises
    `UsageError` if the operation does not exist, or `stays` were not recorded; `JournalError`.
    """
    skip, size = _window(page)
    with (
        contextlib.suppress(NothingDone),
        _read(state, number) as (journal, operation),
        _stays_of(state, operation, is_needed=stays) as recorded,
    ):
        staying = 0 if recorded is None or stays is False else recorded.total
        first = staying if backwards else 0  # the entries before the records
        make = partial(journal.listing.listed, operation, wanted) if records else lambda: iter(())
        window = _part(skip - first, size)
        what = wanted if records else "none"
        total, ids = _page(journal, operation, what, make, window, state, backwards=backwards)
        kept: list[Line] = []
        if recorded is not None and staying:
            from fileorg.report.stay_lines import stay_lines

            window = _part(skip - (0 if backwards else total), size)
            kept = list(stay_lines(operation.root, recorded.rows(*window, backwards=backwards)))
        roots = [root.path for root in journal.roots(operation)]
        lines = list(
            lines_of(journal.listing.listed_by_id(ids), Folders(journal, roots), journal.groups.keepers_of(ids))
        )
        root = os.path.join(roots[0], b"") if len(set(roots)) == 1 else b""
        return FilePage(operation.id, root, total + staying, [*kept, *lines] if backwards else [*lines, *kept])
    return FilePage(None, b"", 0, [])


def _window(page: tuple[int, int]) -> tuple[int, int]:
    """Return how many entries come before a page, and how many it has."""
    number, size = page
    return (number - 1) * size, size


def _part(skip: int, size: int) -> tuple[int, int]:
    """Return the part of a window that is not before the start of a list."""
    return max(0, skip), max(0, min(size, skip + size))


def groups_page(number: int, page: tuple[int, int], state: StateDirectory) -> GroupPage:
    """Return a page of the duplicate groups of an operation. Raises `UsageError` if there is none, `JournalError`."""
    with _read(state, number) as (journal, operation):
        make = partial(journal.groups.first_records, operation)
        total, first = _page(journal, operation, "groups", make, _window(page), state)
        roots = [root.path for root in journal.roots(operation)]
        return GroupPage(total, list(groups_of(journal.groups.beginning_with(operation, first), roots)))


def _page(
    journal: JournalReader,
    operation: Operation,
    what: RecordQuery | str,
    make: Callable[[], Iterator[Sequence[int]]],
    window: tuple[int, int],
    state: StateDirectory,
    *,
    backwards: bool = False,
) -> tuple[int, list[int]]:
    """Return the total number, and the ids in a window: how many come before it, and how many it has."""
    first, last = journal.record_range(operation)
    stamp = journal.listing.stamp(operation) if last - first >= CACHED_FROM else b""
    key, path = b"", b""
    if stamp:
        with contextlib.suppress(OSError):  # without a writable cache, the listing is computed anew
            path = state.listings()
            key = xxh3_128_digest(repr((stamp, operation.id, what)).encode())
    return Listings(path).page(key, make, *window, backwards=backwards)


@contextlib.contextmanager
def _read(state: StateDirectory, number: int | None) -> Iterator[tuple[JournalReader, Operation]]:
    """Yield the journal, read-only, and an operation, by default the last one."""
    missing = NothingDone() if number is None else UnknownOperation(number)
    if is_empty(state):
        raise missing
    with open_journal(state, read_only=True) as journal:
        number = journal.next_operation() - 1 if number is None else number
        operation = journal.operation(number)
        if operation is None:
            raise missing
        yield journal, operation
