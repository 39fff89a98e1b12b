"""Output of duplicate groups, for people and programs."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from fileorg.cli.plan_view import leftovers, leftovers_as_json
from fileorg.cli.render import Column, short, table
from fileorg.core.figures import duration, plural, size
from fileorg.core.formats import JsonDocument, named, write_csv, write_lines, write_null

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fileorg.cli.terminal import Out
    from fileorg.content.keeper import KeeperDecision
    from fileorg.index.duplicate_folders import DuplicateFolderGroup
    from fileorg.index.duplicate_groups import Member
    from fileorg.workflows.dedupe import DedupeRun

_GROUPS, _FILES = 10, 5
"""The number of groups, and of files per group, that are shown without -v."""


def show(out: Out, run: DedupeRun, *, verbose: bool, hint: bool = True) -> None:
    """Print the groups with the most waste, and totals."""
    found, limit = run.found, None if verbose else _GROUPS
    shown = 0
    if _show_folders(out, run, verbose=verbose):
        out.line()
    if found.groups:
        rows: list[tuple[str, str, str, str]] = []
        for group in islice((group for group in run.groups() if not run.is_of_folders(group)), limit):
            rows += _rows(run, group, verbose)
            shown += 1
    if found.groups and shown:
        columns = (
            Column("Wasted", right=True),
            Column("Size", right=True, drop_rank=2),
            Column("Files", right=True, drop_rank=1),
            Column("Kept file, then its duplicates", shrinks=True, keeps_end=True),
        )
        table(out, columns, rows)
        if shown == limit and found.groups > shown:
            out.line("  … -v shows all")
        out.line()
    _sums(out, run, hint=hint)


def _show_folders(out: Out, run: DedupeRun, *, verbose: bool) -> bool:
    """Print duplicate folders. Return whether there are any."""
    rows = []
    for number, group in enumerate(run.folders()):
        if number >= _GROUPS and not verbose:
            rows.append(("", "", "  …"))
            break
        wasted_bytes = size(group.size_bytes * (len(group.members) - 1))
        first, *others = [short(os.path.join(run.trees.paths[root], folder)) for root, folder in group.members]
        rows.append((wasted_bytes, f"{group.files:,}", f"{first.rstrip('/')}/"))
        rows += [("", "", f"  {other.rstrip('/')}/") for other in others]
    if rows:
        columns = (
            Column("Wasted", right=True),
            Column("Files", right=True, drop_rank=1),
            Column("Folders with the same content", shrinks=True, keeps_end=True),
        )
        table(out, columns, rows)
    return bool(rows)


def _rows(run: DedupeRun, group: KeeperDecision, verbose: bool) -> Iterator[tuple[str, str, str, str]]:
    shown = group.listed if verbose else group.listed[:_FILES]
    too_many = size(group.group.size * group.wasted)
    first, *others = [short(run.trees.path(member)) for member in shown]
    yield too_many, size(group.group.size), f"{len(group.listed):,}", first
    yield from (("", "", "", f"  {other}") for other in others)
    if len(group.listed) > len(shown):
        yield "", "", "", f"  … and {len(group.listed) - len(shown):,} more"


def _sums(out: Out, run: DedupeRun, *, hint: bool) -> None:
    found, seen = run.found, run.seen
    searched = f"{plural(seen.files, 'file')} in {plural(seen.folders, 'folder')}, {duration(run.seconds)}"
    if not found.groups:
        out.prose(f"No duplicates found: {searched}.")
        _left_over(out, run)
        return
    what = f"{plural(found.victims, 'duplicate')} in {plural(found.groups, 'group')}, {size(found.freed_bytes)} wasted"
    if found.size_bytes != found.freed_bytes:  # a file takes its space once, however many names it has
        what += f" ({size(found.size_bytes)} with hard links)"
    out.prose(f"{out.styled(what, 'bold')}: {searched}.")
    _left_over(out, run)
    if hint:
        out.line("Nothing was changed. To move the duplicates to the trash, add --action quarantine.")


def _left_over(out: Out, run: DedupeRun) -> None:
    found = [f"{number:,} {noun.of(number)}" for number, noun in leftovers(run.seen) if number]
    if found:
        out.prose(f"Also found: {', '.join(found)}; see fileorg clean.")


def summary(run: DedupeRun) -> dict[str, Any]:
    """Return the totals as JSON fields."""
    from fileorg.report.left_out import unread_as_json, unreadable_as_json  # JSON only

    found, seen = run.found, run.seen
    return {
        "groups": found.groups,
        "duplicate_files": found.victims,
        "reclaimable_bytes": found.freed_bytes,
        "files_scanned": seen.files,
        **leftovers_as_json(seen),
        "files_left_out": unread_as_json(run.reads.named),
        "unreadable": unreadable_as_json(seen),
        "seconds": round(run.seconds, 3),
    }


def roots(run: DedupeRun) -> dict[str, Any]:
    return {"roots": [named("path", path) for path in run.trees.paths]}


def as_json(out: Out, run: DedupeRun) -> None:
    """Write `{"duplicates": [{"hash", "count", "total_size_bytes", "files": [{"path", "size_bytes"}]}]}` and totals."""
    document = JsonDocument(out.stream)
    document.field("roots", roots(run)["roots"])
    document.rows("duplicates", map(_fields_of(run), run.groups()))
    document.rows("duplicate_folders", (_folder_fields(run, group) for group in run.folders()))
    document.field("summary", summary(run))
    document.end()


def _fields_of(run: DedupeRun) -> Any:
    """Return a function that makes the JSON fields of a group; the first of its files is the keeper."""

    def fields(group: KeeperDecision) -> dict[str, Any]:
        size_bytes = group.group.size
        return {
            "hash": group.group.digest.hex(),
            "count": len(group.listed),
            "total_size_bytes": size_bytes * len(group.listed),
            "files": [
                {
                    **named("path", run.trees.path(member)),
                    "size_bytes": size_bytes,
                    "status": "duplicate" if at else "keeper",
                }
                for at, member in enumerate(group.listed)
            ],
        }

    return fields


def _folder_fields(run: DedupeRun, group: DuplicateFolderGroup) -> dict[str, Any]:
    paths = [os.path.join(run.trees.paths[root], folder).rstrip(b"/") for root, folder in group.members]
    return {
        "hash": group.digest.hex(),
        "count": len(paths),
        "files_in_each": group.files,
        "bytes_in_each": group.size_bytes,
        "folders": [named("path", path) for path in paths],
    }


def as_csv(out: Out, run: DedupeRun) -> None:
    """Write one row per file."""
    rows = (
        (number, group.group.digest.hex(), group.group.size, role, run.trees.path(member))
        for number, group in enumerate(run.groups(), 1)
        for member, role in _roles(group)
    )
    write_csv(out.stream, ("group", "hash", "size_bytes", "status", "path"), rows)


def _roles(group: KeeperDecision) -> Iterator[tuple[Member, str]]:
    """Yield the listed files with their roles; one that is `kept` stays beside the keeper, as in a reference folder."""
    kept = frozenset(group.stays)
    for place, member in enumerate(group.listed):
        yield member, "keeper" if not place else "kept" if member in kept else "duplicate"


def as_fdupes(out: Out, run: DedupeRun) -> None:
    """Write one unescaped path per line, and an empty line after each group."""
    write_lines(out.stream, _paths(run))


def as_null(out: Out, run: DedupeRun) -> None:
    """Write each path terminated by NUL, and each group by another NUL."""
    write_null(out.stream, _paths(run))


def _paths(run: DedupeRun) -> Iterable[bytes]:
    for group in run.groups():
        for member in group.listed:
            yield run.trees.path(member)
        yield b""
