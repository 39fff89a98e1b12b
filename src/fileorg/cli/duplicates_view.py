"""Duplicate groups as people and programs see them."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from fileorg.cli.plan_view import leftovers
from fileorg.cli.render import Column, short, table
from fileorg.core.figures import duration, plural, size
from fileorg.core.formats import JsonDocument, named, write_csv, write_lines, write_null
from fileorg.plan.dedupe import wasted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fileorg.cli.terminal import Out
    from fileorg.content.keeper import Decided
    from fileorg.index.same_folders import TwinGroup
    from fileorg.workflows import DedupeJob

_GROUPS, _FILES = 10, 5
"""How much of the waste is shown unless all of it is asked for."""


def show(out: Out, job: DedupeJob, *, verbose: bool, hint: bool = True) -> None:
    """The groups with the most waste, and the sums."""
    found, most = job.found, None if verbose else _GROUPS
    shown = 0
    if _show_folders(out, job, verbose=verbose):
        out.line()
    if found.groups:
        rows: list[tuple[str, str, str, str]] = []
        for group in islice((group for group in job.groups() if not job.is_of_folders(group)), most):
            rows += _rows(job, group, verbose)
            shown += 1
    if found.groups and shown:
        columns = (
            Column("Wasted", right=True),
            Column("Size", right=True, spare=2),
            Column("Files", right=True, spare=1),
            Column("Stays, then its duplicates", shrinks=True, keeps_end=True),
        )
        table(out, columns, rows)
        if shown == most and found.groups > shown:
            out.line("  … -v shows all")
        out.line()
    _sums(out, job, hint=hint)


def _show_folders(out: Out, job: DedupeJob, *, verbose: bool) -> bool:
    """Folders with the same content; whether there are any."""
    rows = []
    for number, group in enumerate(job.folders()):
        if number >= _GROUPS and not verbose:
            rows.append(("", "", "  …"))
            break
        wasted_bytes = size(group.bytes_ * (len(group.members) - 1))
        first, *others = [short(os.path.join(job.trees.paths[root], folder)) for root, folder in group.members]
        rows.append((wasted_bytes, f"{group.files:,}", f"{first.rstrip('/')}/"))
        rows += [("", "", f"  {other.rstrip('/')}/") for other in others]
    if rows:
        columns = (
            Column("Wasted", right=True),
            Column("Files", right=True, spare=1),
            Column("Folders with the same content", shrinks=True, keeps_end=True),
        )
        table(out, columns, rows)
    return bool(rows)


def _rows(job: DedupeJob, group: Decided, verbose: bool) -> Iterator[tuple[str, str, str, str]]:
    shown = group.listed if verbose else group.listed[:_FILES]
    too_many = size(group.group.size * wasted(group))
    first, *others = [short(job.trees.path(member)) for member in shown]
    yield too_many, size(group.group.size), f"{len(group.listed):,}", first
    yield from (("", "", "", f"  {other}") for other in others)
    if len(group.listed) > len(shown):
        yield "", "", "", f"  … and {len(group.listed) - len(shown):,} more"


def _sums(out: Out, job: DedupeJob, *, hint: bool) -> None:
    found, seen = job.found, job.seen
    looked = f"{plural(seen.files, 'file')} in {plural(seen.folders, 'folder')}, {duration(job.seconds)}"
    if not found.groups:
        out.prose(f"No duplicates: {looked}.")
        _left_over(out, job)
        return
    what = f"{plural(found.duplicates, 'duplicate')} in {plural(found.groups, 'group')}, {size(found.bytes)} wasted"
    out.prose(f"{out.styled(what, 'bold')}: {looked}.")
    _left_over(out, job)
    if hint:
        out.line("Nothing was changed. To put them into the trash: add --action quarantine")


def _left_over(out: Out, job: DedupeJob) -> None:
    found = [(number, words) for number, words in leftovers(job.seen) if number]
    if found:
        out.prose(f"Also there: {', '.join(plural(number, words[:-1]) for number, words in found)}; see fileorg clean.")


def summary(job: DedupeJob) -> dict[str, Any]:
    """The sums, for programs."""
    found, seen = job.found, job.seen
    return {
        "groups": found.groups,
        "duplicate_files": found.duplicates,
        "reclaimable_bytes": found.bytes,
        "files_scanned": seen.files,
        **{words.replace(" ", "_"): number for number, words in leftovers(seen)},
        "files_left_out": [{**named("path", path), "reason": reason} for path, reason in job.reads.named],
        "unreadable": [{**named("path", folder), "error": error} for folder, error in seen.unreadable],
        "seconds": round(job.seconds, 3),
    }


def roots(job: DedupeJob) -> dict[str, Any]:
    return {"roots": [named("path", path) for path in job.trees.paths]}


def as_json(out: Out, job: DedupeJob) -> None:
    """`{"duplicates": [{"hash", "count", "total_size_bytes", "files": [{"path", "size"}]}]}`, the sums beside it."""
    document = JsonDocument(out.stream)
    document.field("roots", roots(job)["roots"])
    document.rows("duplicates", map(_fields_of(job), job.groups()))
    document.rows("duplicate_folders", (_folder_fields(job, group) for group in job.folders()))
    document.field("summary", summary(job))
    document.end()


def _fields_of(job: DedupeJob) -> Any:
    """A function that gives a group for programs; the first of the files is the one that stays."""

    def fields(group: Decided) -> dict[str, Any]:
        bytes_ = group.group.size
        return {
            "hash": group.group.digest.hex(),
            "count": len(group.listed),
            "total_size_bytes": bytes_ * len(group.listed),
            "files": [{**named("path", job.trees.path(member)), "size": bytes_} for member in group.listed],
        }

    return fields


def _folder_fields(job: DedupeJob, group: TwinGroup) -> dict[str, Any]:
    paths = [os.path.join(job.trees.paths[root], folder).rstrip(b"/") for root, folder in group.members]
    return {
        "hash": group.digest.hex(),
        "count": len(paths),
        "files_in_each": group.files,
        "bytes_in_each": group.bytes_,
        "folders": [named("path", path) for path in paths],
    }


def as_csv(out: Out, job: DedupeJob) -> None:
    """A row a file."""
    rows = (
        (number, group.group.digest.hex(), group.group.size, "duplicate" if place else "keeper", job.trees.path(member))
        for number, group in enumerate(job.groups(), 1)
        for place, member in enumerate(group.listed)
    )
    write_csv(out.stream, ("group", "hash", "size", "role", "path"), rows)


def as_fdupes(out: Out, job: DedupeJob) -> None:
    """A path a line as it is, an empty line after each group."""
    write_lines(out.stream, _paths(job))


def as_null(out: Out, job: DedupeJob) -> None:
    """Each path ended by NUL, each group by one more."""
    write_null(out.stream, _paths(job))


def _paths(job: DedupeJob) -> Iterable[bytes]:
    for group in job.groups():
        for member in group.listed:
            yield job.trees.path(member)
        yield b""
