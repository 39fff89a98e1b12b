"""The report of a job: those of its operations, as one."""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from fileorg.report.collect import RANK, places_of
from fileorg.report.content import DuplicateSums, ReasonShare, Report, Share, Summary
from fileorg.report.folder_tree import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import TypeVar

    from fileorg.journal.reader import JournalReader
    from fileorg.journal.rows import Operation

    Item = TypeVar("Item")

_EXAMPLES = 5


def job_report(journal: JournalReader, job: int, operations: Sequence[Operation], reports: Sequence[Report]) -> Report:
    """Return the report of a job from those of its operations, the oldest first."""
    summary = _summary([report.summary for report in reports], job)
    roots = [root.path for operation in operations for root in journal.roots(operation)]
    places = chain.from_iterable(places_of(journal, operation) for operation in operations)
    return Report(
        summary=summary,
        categories=sorted(_shares([report.categories for report in reports]), key=lambda share: -share.size_bytes),
        statuses=sorted(_shares([report.statuses for report in reports]), key=lambda share: RANK[share.name]),
        reasons=_reasons(reports),
        places=tree_of(places, list(dict.fromkeys(roots))),
        duplicates=_duplicates([report.duplicates for report in reports]),
        lines=partial(_one_after_another, [report.lines for report in reports]),
        groups=partial(_one_after_another, [report.groups for report in reports if report.duplicates]),
    )


def _summary(each: Sequence[Summary], job: int) -> Summary:
    started = [summary.started_ns for summary in each if summary.started_ns is not None]
    ended = [summary.ended_ns for summary in each if summary.ended_ns is not None]
    is_redo = each[0].kind == "undo"
    return each[0]._replace(
        status=each[-1].status,
        roots=list(dict.fromkeys(root for summary in each for root in summary.roots)),
        dest=next((summary.dest for summary in each if summary.dest is not None), None),
        records=sum(summary.records for summary in each),
        files=sum(summary.files for summary in each),
        size_bytes=sum(summary.size_bytes for summary in each),
        operation=each[0].operation if len(each) == 1 else None,
        started_ns=min(started, default=None),
        ended_ns=max(ended) if len(ended) == len(each) else None,
        way_back=f"fileorg {'redo' if is_redo else 'undo'} --job {job}" if any(one.way_back for one in each) else None,
        job=job,
        operations=[summary.operation for summary in each if summary.operation is not None],
    )


def _shares(each: Sequence[Sequence[Share]]) -> list[Share]:
    sums: dict[str, Share] = {}
    for name, records, size_bytes in chain.from_iterable(each):
        before = sums.get(name, Share(name, 0, 0))
        sums[name] = Share(name, before.records + records, before.size_bytes + size_bytes)
    return list(sums.values())


def _reasons(reports: Sequence[Report]) -> list[ReasonShare]:
    sums: dict[tuple[str, str, str | None], ReasonShare] = {}
    for reason in chain.from_iterable(report.reasons for report in reports):
        key = (reason.status, reason.reason, reason.code)
        before = sums.get(key, reason._replace(records=0, examples=[]))
        sums[key] = before._replace(
            records=before.records + reason.records, examples=[*before.examples, *reason.examples][:_EXAMPLES]
        )
    return sorted(sums.values(), key=lambda reason: (RANK[reason.status], -reason.records))


def _duplicates(each: Sequence[DuplicateSums | None]) -> DuplicateSums | None:
    sums = [one for one in each if one is not None]
    return DuplicateSums(*map(sum, zip(*sums, strict=True))) if sums else None


def _one_after_another(each: Sequence[Callable[[], Iterator[Item]]]) -> Iterator[Item]:
    for made in each:
        yield from made()
