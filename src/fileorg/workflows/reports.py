"""Reports and listings of the records of an operation, or of the files of a scan. Changes nothing."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from xxhash import xxh3_128_digest

from fileorg.core.errors import UnknownOperation, UsageError
from fileorg.core.names import display
from fileorg.index.listings import Listings
from fileorg.report.collect import Folders, groups_of, lines_of, operation_report
from fileorg.workflows.history import is_empty
from fileorg.workflows.locked_index import index_to_read
from fileorg.workflows.open_journal import open_journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.core.state import StateDirectory
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
    about: int | bytes | None, state: StateDirectory, configuration: Configuration | None = None
) -> Iterator[Report]:
    """Yield the report on an operation, by default the last one, or on the last scan of a folder; valid until the block
    ends.

    Raises `UsageError` if there is none, `JournalError`, `Locked`.
    """
    if isinstance(about, bytes):
        with _scanned(about, state, configuration) as report:
            yield report
        return
    with _read(state, about) as (journal, operation):
        yield operation_report(journal, operation)


@contextlib.contextmanager
def _scanned(folder: bytes, state: StateDirectory, configuration: Configuration | None) -> Iterator[Report]:
    # Imported here: reports on operations read no files.
    from fileorg.report.scanned import scan_report
    from fileorg.rules.classify import Rules
    from fileorg.scan.classifier import Classifier
    from fileorg.workflows.roots import open_local

    root = os.path.realpath(folder)
    with index_to_read(state) as index, contextlib.ExitStack() as stack:
        storage = None
        with contextlib.suppress(OSError):  # a removed tree still has a report
            storage = open_local(stack, root)
        report = scan_report(index, root, Classifier(Rules.of(configuration), storage))
        if report is None:
            raise UsageError(
                f"{display(folder)} is neither an operation number nor a scanned folder.",
                hint="fileorg scan FOLDER scans a folder; fileorg history lists the operations",
            )
        yield report


def files_page(
    number: int | None, wanted: RecordQuery, page: tuple[int, int], state: StateDirectory, *, backwards: bool = False
) -> FilePage:
    """Return a page of the records of an operation, by default the last; `page` is its number, from 1, and its size.

    Raises `UsageError` if the operation does not exist, `JournalError`.
    """
    with contextlib.suppress(NothingDone), _read(state, number) as (journal, operation):
        make = partial(journal.listing.listed, operation, wanted)
        total, ids = _page(journal, operation, wanted, make, page, state, backwards=backwards)
        roots = [root.path for root in journal.roots(operation)]
        lines = list(
            lines_of(journal.listing.listed_by_id(ids), Folders(journal, roots), journal.groups.keepers_of(ids))
        )
        root = os.path.join(roots[0], b"") if len(set(roots)) == 1 else b""
        return FilePage(operation.id, root, total, lines)
    return FilePage(None, b"", 0, [])


def groups_page(number: int, page: tuple[int, int], state: StateDirectory) -> GroupPage:
    """Return a page of the duplicate groups of an operation. Raises `UsageError` if there is none, `JournalError`."""
    with _read(state, number) as (journal, operation):
        make = partial(journal.groups.first_records, operation)
        total, first = _page(journal, operation, "groups", make, page, state)
        roots = [root.path for root in journal.roots(operation)]
        return GroupPage(total, list(groups_of(journal.groups.beginning_with(operation, first), roots)))


def _page(
    journal: JournalReader,
    operation: Operation,
    what: RecordQuery | str,
    make: Callable[[], Iterator[Sequence[int]]],
    page: tuple[int, int],
    state: StateDirectory,
    *,
    backwards: bool = False,
) -> tuple[int, list[int]]:
    number, size = page
    first, last = journal.record_range(operation)
    stamp = journal.listing.stamp(operation) if last - first >= CACHED_FROM else b""
    key, path = b"", b""
    if stamp:
        with contextlib.suppress(OSError):  # without a writable cache, the listing is computed anew
            path = state.listings()
            key = xxh3_128_digest(repr((stamp, operation.id, what)).encode())
    return Listings(path).page(key, make, (number - 1) * size, size, backwards=backwards)


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
