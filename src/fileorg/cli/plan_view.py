"""Tables of an organize plan: files by category and target, and skipped files by reason."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Any

from fileorg.cli import nouns
from fileorg.cli.render import Column, counted, short, table
from fileorg.cli.summary import NAMED
from fileorg.core.errors import Exit
from fileorg.core.figures import plural, size
from fileorg.core.formats import iso
from fileorg.core.names import below, display, join, scheme_of
from fileorg.core.reasons import reason_code
from fileorg.core.times import kept

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from fileorg.cli.nouns import Noun
    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.content.dates import RefusedDate
    from fileorg.content.dating import DatedBy
    from fileorg.content.hashing import Reads
    from fileorg.core.reasons import Reason
    from fileorg.plan.combined_plan import CombinedPlan
    from fileorg.plan.organize_plan import OrganizePlan, Tally
    from fileorg.scan.walk import Seen


BY_DATE = "Dates are the modification dates of the files."


_FIXED_LINES = 10
"""Lines of a screen for titles, rule, total, empty lines and the question."""


def rooms(out: Out) -> tuple[int, int] | tuple[None, None]:
    """Return how many categories and how many reasons fit on the screen together; None for no limit."""
    if out.height is None:
        return None, None
    free = max(6, out.height - _FIXED_LINES)
    return free - free // 3, free // 3


def show_plan(out: Out, plan: OrganizePlan | CombinedPlan, dest: bytes | None, *, limit: int | None = None) -> None:
    """Print category, files, bytes and target folder, relative to the root or below `dest`.

    At most `limit` lines: the smallest categories share the last one.
    """
    chosen = [(category, tally) for category, tally in plan.by_category.items() if tally.files]
    chosen.sort(key=lambda pair: (-pair[1].files, pair[0]))
    rows = [(category, f"{tally.files:,}", size(tally.size_bytes), where_to(tally, dest)) for category, tally in chosen]
    # A column that only repeats the category (Images -> Images/) is the first to be left out.
    plain = all(where == f"{category}/" for category, _, _, where in rows)
    if limit is not None and len(chosen) > limit:
        rest = [tally for _, tally in chosen[limit - 1 :]]
        files, size_bytes = sum(tally.files for tally in rest), sum(tally.size_bytes for tally in rest)
        rows[limit - 1 :] = [(f"{len(rest)} more", f"{files:,}", size(size_bytes), "-v lists them")]
    columns = (
        Column("Category", shrinks=True),
        Column("Files", right=True),
        Column("Size", right=True, drop_rank=1),
        Column("To", shrinks=True, drop_rank=2 if plain else 0),
    )
    table(out, columns, rows, total=("Total", f"{plan.files:,}", size(plan.size_bytes), "") if len(rows) > 1 else None)
    if plan.renamed:
        names = "its name is" if plan.renamed == 1 else "their names are"
        out.prose(f"  {plural(plan.renamed, 'file')} will get a number added: {names} taken.")
    if plan.uses_dates:
        out.prose(f"  {_dated(plan) or BY_DATE}")
    refused = plan.refused_dates()
    for (folder, name), dates in islice(refused.items(), NAMED):
        for date in dates:
            out.prose(f"  {display(join(folder, name))}: {refused_date(date)}.")
    if len(refused) > NAMED:
        out.prose(f"  {plural(len(refused) - NAMED, 'more file')} with dates that are not believed.")


_SOURCES = {
    "exif": "EXIF", "quicktime": "QuickTime", "sidecar": "XMP beside it", "xmp": "XMP", "iptc": "IPTC",
    "takeout": "Takeout", "digitized": "EXIF, digitized", "png": "PNG", "film": "header of the film",
    "matroska": "Matroska", "gps": "GPS", "exiftool": "exiftool",
}  # fmt: skip


def dated_by(how: DatedBy) -> str:
    """Return how a date was found: `taken (EXIF)`."""
    if how.how != "taken":
        return "in the name" if how.how == "named" else "modified"
    zone = ", UTC in local time" if how.is_in_zone else ""
    return f"taken ({_SOURCES[how.source]}{zone})"


_FAULTS = {
    "unset": "the clock was not set", "no_date": "not a date", "no_such_day": "no such day", "too_old": "too old",
    "future": "in the future", "default": "the zero of a clock", "before_format": "before its format existed",
}  # fmt: skip


def refused_date(date: RefusedDate) -> str:
    """Return which date is not believed, and why: `EXIF date 2098:01:01 10:11:12 refused (in the future)`."""
    text = f" {display(date.text.strip())}" if date.text.strip() else ""
    return f"{_SOURCES[date.source]} date{text} refused ({_FAULTS[date.why]})"


def _dated(plan: OrganizePlan | CombinedPlan) -> str:
    """Return how many dates were found in which way, as a sentence; empty if all are modified."""
    if all(how.how == "modified" for how in plan.dated):
        return ""
    parts = [f"{files:,} {dated_by(how)}" for how, files in plan.dated.most_common()]
    return f"Dates: {', '.join(parts)}." if parts else ""


def dates_as_json(plan: OrganizePlan | CombinedPlan) -> dict[str, Any]:
    """Return the same as facts; nothing unless the run is by date, or a rule meets a date that is not believed."""
    found, refused = dates_facts(plan.dated), len(plan.refused_dates())
    return {"dates": found, "refused_dates": refused} if found or refused else {}


def dates_facts(dated: Counter[DatedBy]) -> list[dict[str, Any]]:
    """Return how many dates were found in which way, the most first, for JSON."""
    return [{**how_dated(how), "files": files} for how, files in dated.most_common()]


def how_dated(how: DatedBy) -> dict[str, Any]:
    """Return how a date was found, for JSON."""
    return {"how": how.how, "date_source": how.source or None, "utc_in_local_time": how.is_in_zone}


def where_to(tally: Tally, dest: bytes | None) -> str:
    """Return the target folder of a category, or the common part of its target folders."""
    url = dest if dest is not None and scheme_of(dest) else None  # `commonpath` would fold its two slashes
    folders = [os.path.join(b"" if url else dest or b"", folder) for folder in tally.folders]
    many = plural(len(folders), "folder")
    if len({os.path.isabs(folder) for folder in folders}) != 1:
        return many  # none, or rules move some of the files elsewhere
    path = os.path.commonpath(folders)
    common = short(below(url, path) if url else path)
    if len(folders) == 1:
        return f"{common or '.'}/"
    return f"{common}/… ({many})" if common else many


def show_stays(
    out: Out, plan: OrganizePlan | CombinedPlan, seen: Seen, *, listed: bool = False, limit: int | None = None
) -> bool:
    """Print the skipped files by reason, in at most `limit` lines; return whether there are any.

    `listed`: the caller has printed each file.
    """
    return counted(out, "Left in place", stays(plan, seen, listed=listed), limit=limit)


def stays(plan: OrganizePlan | CombinedPlan, seen: Seen, *, listed: bool) -> Iterator[tuple[int, Noun]]:
    yield plan.stay.in_place, nouns.IN_PLACE
    yield plan.stay.other, nouns.UNKNOWN_KIND
    yield plan.stay.kept, nouns.KEPT
    yield plan.skipped, nouns.SKIPPED_ABOVE if listed else nouns.SKIPPED
    yield from left_alone(seen)


def show_ages(out: Out, seen: Seen) -> bool:
    """Print the date of each limit that was given as an age; return whether there are any."""
    sentences = list(seen.filters.ages())
    for sentence in sentences:
        out.line(f"  {sentence}")
    return bool(sentences)


def left_alone(seen: Seen) -> Iterator[tuple[int, Noun]]:
    """Yield the number of entries that a scan skipped, and the noun for them."""
    for reason, number in seen.ignored.most_common():
        yield number, nouns.left_alone_noun(reason, seen.filters)
    yield seen.links, nouns.SPECIAL
    yield seen.not_entered, nouns.NOT_ENTERED_HERE
    yield seen.unreadable_count, nouns.UNREADABLE
    yield seen.odd_keys, nouns.ODD_KEY
    yield seen.notes_count - seen.odd_notes, nouns.BAD_PATTERN


def leftovers(seen: Seen) -> list[tuple[int, Noun]]:
    """Return the number of entries that `clean` would remove, by kind."""
    return [
        (seen.empty_files, nouns.EMPTY_FILE),
        (seen.empty_folders, nouns.EMPTY_FOLDER),
        (seen.broken_symlinks, nouns.BROKEN_SYMLINK),
    ]


def leftovers_as_json(seen: Seen) -> dict[str, int]:
    return {
        "empty_files": seen.empty_files,
        "empty_folders": seen.empty_folders,
        "broken_symlinks": seen.broken_symlinks,
    }


def stays_as_json(plan: OrganizePlan | CombinedPlan, seen: Seen) -> dict[str, Any]:
    return {
        "in_place": plan.stay.in_place,
        "unknown_kind": plan.stay.other,
        **({"kept_by_rules": plan.stay.kept} if plan.has_rules else {}),
        "skipped": plan.skipped,
        **dates_as_json(plan),
        **left_alone_as_json(seen),
    }


def left_alone_as_json(seen: Seen) -> dict[str, Any]:
    return {
        "left_alone": {reason_code(reason): number for reason, number in seen.ignored.most_common()},
        "newer_than": _iso(seen.filters.newer_than_ns),
        "older_than": _iso(seen.filters.older_than_ns),
        "links": seen.links,
        "folders_not_entered": seen.not_entered,
        "unreadable": _unreadable_as_json(seen),
    }


def _unreadable_as_json(seen: Seen) -> list[dict[str, str]]:
    if not seen.unreadable:
        return []
    from fileorg.report.left_out import unreadable_as_json  # loaded only if there is a folder to name

    return unreadable_as_json(seen)


def _sentence(reason: Reason) -> str:
    from fileorg.report.sentences import sentence  # loaded only if there is a reason to show

    return sentence(reason)


def _iso(ns: int | None) -> str | None:
    return None if ns is None else iso(kept(ns))


def show_unreadable(screen: Screen, seen: Seen, *, verbose: bool = False) -> Exit:
    """Print unreadable folders and unusable patterns on standard error: the first, or with `verbose` all that are
    known. Return the exit code.
    """
    for note in seen.notes[: None if verbose else NAMED]:
        screen.note(f"{note}.")
    if seen.notes_count > (shown_notes := len(seen.notes) if verbose else min(len(seen.notes), NAMED)):
        screen.note(f"{plural(seen.notes_count - shown_notes, 'more ignore file or pattern')} could not be used.")
    named = seen.unreadable[: None if verbose else NAMED]
    for folder, reason in named:
        screen.note(f"{display(folder or b'.')} could not be read: {_sentence(reason)}.")
    if seen.unreadable_count > len(named):
        screen.note(f"{plural(seen.unreadable_count - len(named), 'more folder')} could not be read.")
    return Exit.SOME_FAILED if seen.unreadable_count else Exit.DONE


def show_unread_files(screen: Screen, reads: Reads, *, verbose: bool = False) -> Exit:
    """Print the files whose content could not be read on standard error, like `show_unreadable`."""
    named = reads.named[: None if verbose else NAMED]
    for path, reason in named:
        screen.note(f"{display(path)} was skipped: {_sentence(reason)}.")
    if reads.failed > len(named):
        screen.note(f"{plural(reads.failed - len(named), 'more file')} could not be read.")
    return Exit.SOME_FAILED if reads.failed else Exit.DONE
