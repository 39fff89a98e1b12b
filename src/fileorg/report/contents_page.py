"""The page of a comparison or of the certificate of an import: what is missing, and where each content is."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from fileorg.core.names import below, split
from fileorg.core.tuples import NamedTuple
from fileorg.report.content import Line, ReasonShare
from fileorg.report.html import RecordTable, ShownPaths, write_page
from fileorg.report.sentences import sentence, sentence_of_many

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import TextIO

    from fileorg.content.comparison import Comparison, ComparisonSums, MissingFolder
    from fileorg.content.hashing import Reads
    from fileorg.core.reasons import Reason
    from fileorg.scan.walk import Seen

MISSING = "missing"
"""The status of a file whose content is nowhere."""
THERE = "there"
"""The status of a file whose content is in another place."""

_FOLDERS_SHOWN = 500

# Columns of the table from left to right: for a comparison, which lists what is missing, and for a certificate.
_COLUMNS_MISSING = {"from": "File", "size": "Size", "changed": "Changed"}
_COLUMNS_PLACED = {"status": "Status", "from": "File", "to": "Now in", "size": "Size"}


class Finding(NamedTuple):
    """What is missing of `roots` in `places`. The page of a comparison in both directions has two."""

    roots: Sequence[bytes]
    places: Sequence[bytes]
    found: Comparison
    seen: Seen
    is_complete: bool
    sentence: str
    notes: Sequence[str]
    """More sentences: what was not compared, and how it was compared."""
    path: Callable[[int, bytes], bytes]
    """Returns the absolute path of a folder, from the position of its root and the path below that."""


class ContentsPage(NamedTuple):
    """A page on the places of contents. `records` is the number of `lines`."""

    title: str
    verdict: str
    """What may be done now, or nothing."""
    made_ns: int
    how: str
    findings: Sequence[Finding]
    reads: Reads
    seen_elsewhere: Sequence[Seen]
    """What was found in the places."""
    records: int
    lines: Iterable[tuple[bytes, int, int, bytes | None]]
    """Path, size and time of each file, and the path of its content, None if it is missing."""
    has_places: bool
    """False if all files are missing ones."""
    otherwise: str
    """What lists the same without a browser."""


class _FolderRow(NamedTuple):
    path: bytes
    folder: MissingFolder


class _ShownFinding(NamedTuple):
    """A finding as the template needs it."""

    roots: Sequence[bytes]
    places: Sequence[bytes]
    sums: ComparisonSums
    unreadable_folders: int
    is_complete: bool
    sentence: str
    notes: Sequence[str]
    folders: Sequence[_FolderRow]
    has_more_folders: bool


def write_contents_page(stream: TextIO, page: ContentsPage) -> None:
    """Write the page as a stream: memory does not grow with the files. Consumes `lines`."""
    roots = [root for finding in page.findings for root in finding.roots]
    shown = ShownPaths(roots, None)
    table = RecordTable(
        columns=_COLUMNS_PLACED if page.has_places else _COLUMNS_MISSING,
        grid="placed" if page.has_places else "absent",
        title="Files" if page.has_places else "Missing files",
        ranks=[MISSING, THERE],
        otherwise=page.otherwise,
    )
    context = {
        "title": page.title,
        "verdict": page.verdict,
        "made_ns": page.made_ns,
        "how": page.how,
        "findings": [_shown(finding) for finding in page.findings],
        "problems": _problems(page),
        **table.variables(page.records, _lines(page), shown),
    }
    write_page(stream, "contents.html", shown, context)


def _shown(finding: Finding) -> _ShownFinding:
    found = (_FolderRow(finding.path(each.tree, each.folder), each) for each in finding.found.folders())
    folders = list(islice(found, _FOLDERS_SHOWN + 1))
    return _ShownFinding(
        finding.roots,
        finding.places,
        finding.found.sums,
        finding.seen.unreadable_count,
        finding.is_complete,
        finding.sentence,
        finding.notes,
        folders[:_FOLDERS_SHOWN],
        len(folders) > _FOLDERS_SHOWN,
    )


def _lines(page: ContentsPage) -> Iterator[Line]:
    reasons = {path: sentence(reason) for path, reason in page.reads.named}
    for path, size, mtime_ns, place in page.lines:
        status = MISSING if place is None else THERE
        folder, name = _split(path)
        new_folder, new_name = (None, None) if place is None else _split(place)
        reason = reasons.get(path, "")
        yield Line(0, "", folder, name, new_folder, new_name, "", status, size, mtime_ns, reason, None)


def _split(path: bytes) -> tuple[bytes, bytes]:
    folder, name = split(path)
    return folder or b"/", name


def _problems(page: ContentsPage) -> list[ReasonShare]:
    """Return what could not be read, by reason: folders first, which may hold anything."""
    every_seen = [*(finding.seen for finding in page.findings), *page.seen_elsewhere]
    folders = [
        (below(root, folder), reason)
        for seen in every_seen
        for root, (folder, reason) in zip(seen.unreadable_roots, seen.unreadable, strict=True)
    ]
    grouped = chain(_by_reason(folders, "; the folder may hold anything"), _by_reason(page.reads.named, ""))
    unnamed_folders = sum(seen.unreadable_count for seen in every_seen) - len(folders)
    unnamed = ((unnamed_folders, "more folders"), (page.reads.failed - len(page.reads.named), "more files"))
    return [*grouped, *(ReasonShare("unreadable", what, number, []) for number, what in unnamed if number > 0)]


def _by_reason(unread: Iterable[tuple[bytes, Reason]], more: str) -> Iterator[ReasonShare]:
    paths: dict[str, list[bytes]] = {}
    for path, reason in unread:
        paths.setdefault(sentence_of_many(reason) + more, []).append(path)
    for text, found in sorted(paths.items(), key=lambda pair: -len(pair[1])):
        yield ReasonShare("unreadable", text, len(found), found)
