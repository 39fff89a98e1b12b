"""Output of a comparison, for people and programs."""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING, Any

from fileorg.cli import nouns
from fileorg.cli.options import ListOrPageFormat
from fileorg.cli.pager import paged
from fileorg.cli.plan_view import show_ages
from fileorg.cli.render import Column, short, table
from fileorg.core.figures import duration, plural, size
from fileorg.core.formats import JsonDocument, iso, named, write_csv
from fileorg.core.names import display
from fileorg.core.sorting import in_path_order
from fileorg.report.left_out import not_compared_as_json, unread_as_json, unreadable_as_json
from fileorg.rules.ignore import IgnoreReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.cli.terminal import Out
    from fileorg.content.comparison import ComparedFile, MissingFolder
    from fileorg.workflows.compare import CompareRun, Side

_FOLDERS = 20
"""The number of folders that are shown without -v."""


def missing_files(run: CompareRun) -> Iterator[tuple[bytes, ComparedFile]]:
    """Yield absolute path and facts of each missing file, in path order."""
    return in_path_order(
        (path, (path, file))
        for side in run.sides
        for file in side.found.files()
        for path in [side.path(file.tree, file.folder, file.name)]
    )


def show(out: Out, run: CompareRun, format_: ListOrPageFormat, *, verbose: bool, paranoid: bool) -> None:
    """Write the result in one of the formats."""
    match format_:
        case ListOrPageFormat.JSON:
            _as_json(out, run, paranoid=paranoid)
        case ListOrPageFormat.CSV:
            rows = ((path, file.size, iso(file.mtime_ns)) for path, file in missing_files(run))
            write_csv(out.stream, ("path", "size_bytes", "mtime"), rows)
        case ListOrPageFormat.HTML:
            _as_page(out, run, paranoid=paranoid)
        case ListOrPageFormat.TEXT:
            show_text(out, run, verbose=verbose, paranoid=paranoid)


def _as_json(out: Out, run: CompareRun, *, paranoid: bool) -> None:
    document = JsonDocument(out.stream)
    document.field("sides", [_summary(side) for side in run.sides])
    document.field("byte_by_byte", paranoid)
    document.rows(
        "missing",
        (
            {**named("path", path), "size_bytes": file.size, "mtime": iso(file.mtime_ns)}
            for path, file in missing_files(run)
        ),
    )
    document.rows(
        "folders",
        (
            {
                **named("path", side.path(each.tree, each.folder)),
                "is_whole": each.is_whole,
                "files": each.files,
                "missing_files": each.missing,
                "missing_bytes": each.missing_bytes,
            }
            for side in run.sides
            for each in side.found.folders()
        ),
    )
    document.field("files_left_out", unread_as_json(run.reads.named))
    document.field("seconds", round(run.seconds, 3))
    document.end()


def _summary(side: Side) -> dict[str, Any]:
    sums, seen = side.found.sums, side.seen
    return {
        "roots": [named("path", path) for path in side.roots],
        "compared_with": [named("path", path) for path in side.others],
        "files": sums.files,
        "size_bytes": sums.size_bytes,
        "missing_files": sums.missing,
        "missing_bytes": sums.missing_bytes,
        "missing_sidecars": sums.followers,
        **not_compared_as_json(sums, seen),
        "unreadable": unreadable_as_json(seen),
    }


def show_text(out: Out, run: CompareRun, *, verbose: bool, paranoid: bool, has_plan: bool = False) -> None:
    """Print folders with missing files, or with -v the files, then totals. `has_plan`: a plan to copy them follows."""
    if verbose and not all(side.is_complete for side in run.sides):
        with paged(out) as page:
            page.many(f"{size(file.size):>9}  {display(path)}" for path, file in missing_files(run))
        out.line()
    for side in run.sides:
        if side.found.sums.missing and not verbose:
            _show_folders(out, side)
            out.line()
        _show_sums(out, side)
    how = "byte by byte" if paranoid else "by digest; --paranoid compares byte by byte"
    out.prose(f"Compared in {duration(run.seconds)} {how}.{'' if has_plan else ' Nothing was changed.'}")


def _show_folders(out: Out, side: Side) -> None:
    found = list(islice(side.found.folders(), _FOLDERS + 1))
    columns = (
        Column("Missing", right=True),
        Column("Files", right=True, drop_rank=1),
        Column("Folder", shrinks=True, keeps_end=True),
    )
    table(out, columns, [_folder_row(side, folder) for folder in found[:_FOLDERS]])
    if len(found) > _FOLDERS:
        out.line("  … -v lists every file")


def _folder_row(side: Side, folder: MissingFolder) -> tuple[str, str, str]:
    files = f"all {folder.files:,}" if folder.is_whole else f"{folder.missing:,} of {folder.files:,}"
    return size(folder.missing_bytes), files, f"{short(side.path(folder.tree, folder.folder)).rstrip('/')}/"


def _show_sums(out: Out, side: Side) -> None:
    style = "bold" if side.found.sums.missing else "green" if side.is_complete else "yellow"
    result, *others = _sentences(side, short)
    out.prose(out.styled(result, style))
    for sentence in others:
        out.prose(sentence)
    show_ages(out, side.seen)


def _sentences(side: Side, shown: Callable[[bytes], str]) -> Iterator[str]:
    """Yield the result, then what it leaves out; `shown` returns a path as text."""
    sums, seen = side.found.sums, side.seen
    ours, others = (" and ".join(shown(path) for path in paths) for paths in (side.roots, side.others))
    if sums.missing:
        verb = "is" if sums.missing == 1 else "are"
        of_them = (
            f"{sums.missing:,} of {plural(sums.files, 'file')} ({size(sums.missing_bytes)} of {size(sums.size_bytes)})"
        )
        yield f"{of_them} in {ours} {verb} missing in {others}."
    else:
        content = f"the content of {plural(sums.files, 'file')} ({size(sums.size_bytes)}) in {ours}"
        yield f"Nothing is missing: {content} is also in {others}."
    if sums.followers:
        yield f"{sums.followers:,} of them {'belongs' if sums.followers == 1 else 'belong'} to another file."
    counts = (
        (sums.empty, nouns.EMPTY_FILE),
        (seen.empty_folders, nouns.EMPTY_FOLDER),
        (seen.links, nouns.SPECIAL),
        (sums.excluded, nouns.EXCLUDED_FILE),
        (seen.ignored[IgnoreReason.EXCLUDED], nouns.OTHER_FILE_SYSTEM),  # patterns exclude nothing from the scan
        (seen.ignored[IgnoreReason.OURS], nouns.LEFT_ALONE[IgnoreReason.OURS]),
        (seen.unreadable_count, nouns.UNREADABLE),
    )
    not_compared = [f"{number:,} {noun.of(number)}" for number, noun in counts if number]
    if not_compared:
        yield f"Not compared: {', '.join(not_compared)}."


def _as_page(out: Out, run: CompareRun, *, paranoid: bool) -> None:
    from fileorg.report.contents_page import ContentsPage, Finding, write_contents_page

    findings = [
        Finding(
            side.roots, side.others, side.found, side.seen, side.is_complete, sentence,
            [*notes, *side.seen.filters.ages()], side.path,
        )
        for side in run.sides
        for sentence, *notes in [_sentences(side, display)]
    ]  # fmt: skip
    how = "byte by byte" if paranoid else "by digest"
    page = ContentsPage(
        title=f"Comparison of {display(run.sides[0].roots[0])}" if len(run.sides) == 1 else "Comparison",
        verdict="",
        made_ns=time.time_ns(),
        how=f"compared in {duration(run.seconds)} {how}",
        findings=findings,
        reads=run.reads,
        seen_elsewhere=run.seen_elsewhere,
        records=sum(side.found.sums.missing for side in run.sides),
        lines=((path, file.size, file.mtime_ns, None) for path, file in missing_files(run)),
        has_places=False,
        otherwise="fileorg compare --format csv",
    )
    write_contents_page(out.stream, page)
