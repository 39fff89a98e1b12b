"""Entries that stay in a report: a status of their own, each with its reason."""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from fileorg.core.model import StatusCode
from fileorg.core.names import below, display, is_root, join, split
from fileorg.core.reasons import reason_code
from fileorg.core.scratch import scratch
from fileorg.index.recorded_stays import RecordedStay
from fileorg.journal.status import OperationStatus
from fileorg.report.content import SEEN, STAYS, Line, ReasonShare, Report, Share
from fileorg.rules.ignore import IgnoreReason
from fileorg.scan.stays import NotTaken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fileorg.index.recorded_stays import RecordedStays
    from fileorg.scan.stays import Stays

_EXAMPLES = 5
_SCHEMA = (
    "CREATE TABLE stays (path BLOB PRIMARY KEY, code TEXT NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL)"
    " WITHOUT ROWID;"
)
_SCANNED = frozenset(map(reason_code, (NotTaken.UNKNOWN_KIND, NotTaken.IN_PLACE)))
"""Reasons for files that stay and that a scan counts."""


_WORDS = {reason_code(reason): str(reason) for kind in (NotTaken, IgnoreReason) for reason in kind}


def _path_of(root: bytes, path: bytes) -> bytes:
    """Return the absolute path of an entry: it is stored so if the operation has several roots."""
    return path if is_root(path) else below(root, path)


def stay_sentence(code: str) -> str:
    """Return the reason why an entry stays, by its code, as one printable line."""
    return _WORDS.get(code) or display(code)


def stay_lines(root: bytes, stays: Iterable[RecordedStay], number: int = 0) -> Iterator[Line]:
    """Yield entries as lines of a report. `number`: that of the line before, 0 if the lines are no records."""
    for each in stays:
        number += bool(number)
        folder, name = split(_path_of(root, each.path))
        yield Line(
            number, "", folder or b"/", name, None, None, "", STAYS, each.size, each.mtime_ns,
            stay_sentence(each.code), None, each.code,
        )  # fmt: skip


def with_stays(report: Report, root: bytes, stays: RecordedStays) -> Report:
    """Return the report of an operation with what stayed in it."""
    shares = stays.shares()
    reasons = [
        ReasonShare(
            STAYS,
            stay_sentence(share.code),
            share.entries,
            [_path_of(root, path) for path in share.examples],
            share.code,
        )
        for share in shares
    ]
    size_bytes = sum(share.size_bytes for share in shares)
    return report._replace(
        summary=report.summary._replace(records=report.summary.records + stays.total),
        statuses=[*report.statuses, *([Share(STAYS, stays.total, size_bytes)] if shares else [])],
        reasons=[*report.reasons, *reasons],
        lines=lambda: chain(report.lines(), stay_lines(root, stays.rows())),
    )


def fresh_report(report: Report, root: bytes, stays: Callable[[], Iterable[Stays]]) -> Report:
    """Return the report of a scan that has just been made, in which all entries that would stay have that status."""
    entries, sizes, examples = Counter[str](), Counter[str](), dict[str, list[bytes]]()
    sentences = dict[str, str]()
    for each in stays():
        code = reason_code(each.reason)
        entries[code] += 1
        sizes[code] += max(each.size, 0)
        sentences[code] = stay_sentence(code)
        if entries[code] <= _EXAMPLES:
            examples.setdefault(code, []).append(below(root, each.path))
    scanned = Share(SEEN, *(sum(counts[code] for code in _SCANNED) for counts in (entries, sizes)))
    [seen] = report.statuses
    seen = Share(SEEN, seen.records - scanned.records, seen.size_bytes - scanned.size_bytes)
    shares = [Share(STAYS, entries.total(), sizes.total())] if entries else []
    return report._replace(
        summary=report.summary._replace(
            status=OperationStatus(StatusCode.CURRENT), records=seen.records + entries.total(), options={"stays": True}
        ),
        statuses=[*([seen] if seen.records or not entries else []), *shares],
        reasons=[
            ReasonShare(STAYS, sentences[code], number, examples[code], code) for code, number in entries.most_common()
        ],
        lines=partial(_marked_lines, report, root, stays),
    )


def _marked_lines(report: Report, root: bytes, stays: Callable[[], Iterable[Stays]]) -> Iterator[Line]:
    """Yield the files of the scan, then what it skipped, in path order."""
    with contextlib.closing(scratch(_SCHEMA)) as db:
        rows = ((each.path, reason_code(each.reason), *each[2:]) for each in stays())
        db.executemany("INSERT OR IGNORE INTO stays VALUES (?, ?, ?, ?)", rows)
        number, start = 0, len(below(root, b"x")) - 1
        for line in report.lines():
            number = line.id
            path = join(line.source_folder or b"", line.source_name or b"")[start:]
            [code] = db.execute("SELECT max(code) FROM stays WHERE path = ?", (path,)).fetchone()
            if code is None:
                yield line
                continue
            db.execute("DELETE FROM stays WHERE path = ?", (path,))
            yield line._replace(status=STAYS, reason=stay_sentence(code), reason_code=code)
        found = db.execute("SELECT path, code, size, mtime_ns FROM stays ORDER BY path")
        yield from stay_lines(root, map(RecordedStay._make, found), number or 1)
