"""What `fileorg scan --mismatch` and `--dates` print: a table, JSON or CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.cli.options import ListFormat
from fileorg.cli.plan_view import dated_by, dates_facts, refused_date
from fileorg.cli.render import Column, table
from fileorg.core.figures import plural
from fileorg.core.formats import JsonDocument, named, write_csv
from fileorg.core.names import display
from fileorg.workflows.scan_contents import finding_dates, finding_mismatches

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.cli.progress import Screen
    from fileorg.cli.terminal import Out
    from fileorg.content.dating import DatedBy
    from fileorg.core.model import LookInto
    from fileorg.core.state import StateDirectory
    from fileorg.rules.config import Configuration
    from fileorg.rules.filters import Filters
    from fileorg.scan.walk import Seen
    from fileorg.workflows.scan_contents import Mismatch, RefusedIn


def show_mismatches(
    out: Out,
    screen: Screen,
    folders: Sequence[bytes],
    chosen: Filters,
    state: StateDirectory,
    configuration: Configuration | None,
    format_: ListFormat,
    *,
    quiet: bool,
) -> Seen:
    """Print the files whose extension does not fit their content. Raises like `finding_mismatches`."""
    with finding_mismatches(folders, chosen, state, screen, configuration) as found:
        screen.pause()
        match format_:
            case ListFormat.JSON:
                document = JsonDocument(out.stream)
                document.field("roots", [named("path", root) for root in found.roots])
                document.field("files", found.seen.files)
                document.field("unread", found.unread)
                document.rows("mismatches", map(_mismatch, found.mismatches()))
                document.end()
            case ListFormat.CSV:
                rows = ((each.path, *_extensions(each), each.category, each.size) for each in found.mismatches())
                write_csv(out.stream, ("path", "extension", "right_extension", "category", "size_bytes"), rows)
            case ListFormat.TEXT if not quiet:
                _list_mismatches(out, list(found.mismatches()), found.roots, found.seen.files)
                _show_unread(out, found.unread)
        return found.seen


def _extensions(found: Mismatch) -> tuple[str, str]:
    return found.extension.decode("utf-8", "replace"), found.right_extension.decode()


def _mismatch(found: Mismatch) -> dict[str, Any]:
    extension, right = _extensions(found)
    return {
        **named("path", found.path),
        "extension": extension,
        "right_extension": right,
        "category": found.category,
        "size_bytes": found.size,
    }


def _list_mismatches(out: Out, found: Sequence[Mismatch], roots: Sequence[bytes], files: int) -> None:
    if not found:
        out.prose(f"{plural(files, 'file')}: each extension fits its content, as far as the content tells.")
        return
    columns = Column("File", shrinks=True, keeps_end=True), Column("Should be"), Column("Category", drop_rank=1)
    rows = [(_below(each.path, roots), f".{_extensions(each)[1]}", each.category) for each in found]
    table(out, columns, rows)
    out.line()
    from shlex import quote

    have = "has an extension that does not fit its" if len(found) == 1 else "have extensions that do not fit their"
    names = " ".join(quote(display(root)) for root in roots)
    out.prose(
        f"{len(found):,} of {plural(files, 'file')} {have} content."
        f" Rename with: fileorg organize -r --fix-extensions {names}"
    )


def _show_unread(out: Out, unread: int) -> None:
    if unread:
        out.prose(f"{plural(unread, 'file')} could not be read.")


def show_dates(
    out: Out,
    screen: Screen,
    folders: Sequence[bytes],
    chosen: Filters,
    state: StateDirectory,
    configuration: Configuration | None,
    format_: ListFormat,
    *,
    quiet: bool,
    look_into: LookInto,
    timezone: str,
    asks_exiftool: bool,
) -> Seen:
    """Print how many dates were found where, and those that are not believed. Raises like `finding_dates`."""
    with finding_dates(
        folders, chosen, state, screen, configuration, look_into, timezone, asks_exiftool=asks_exiftool
    ) as (dates, refused, found):
        screen.pause()
        match format_:
            case ListFormat.JSON:
                document = JsonDocument(out.stream)
                document.field("roots", [named("path", root) for root in found.roots])
                document.field("files", dates.total())
                document.field("unread", found.unread)
                document.field("dates", dates_facts(dates))
                document.rows("refused", _refused(refused))
                document.end()
            case ListFormat.CSV:
                facts = ((each["how"], each["date_source"] or "", each["files"]) for each in dates_facts(dates))
                write_csv(out.stream, ("how", "date_source", "files"), facts)
            case ListFormat.TEXT if not quiet:
                _list_dates(out, dates, list(refused), found.roots)
                _show_unread(out, found.unread)
        return found.seen


def _refused(refused: Iterable[RefusedIn]) -> Iterator[dict[str, Any]]:
    for each in refused:
        for date in each.dates:
            yield {
                **named("path", each.path),
                "date_source": date.source.value,
                "date": date.text.strip(),
                "why": date.why.value,
                "reason": refused_date(date),
            }


def _list_dates(out: Out, dates: Counter[DatedBy], refused: Sequence[RefusedIn], roots: Sequence[bytes]) -> None:
    rows = [(dated_by(how), f"{files:,}") for how, files in dates.most_common()]
    total = ("Total", f"{dates.total():,}") if len(rows) > 1 else None
    table(out, (Column("Date", shrinks=True), Column("Files", right=True)), rows, total=total)
    if refused:
        out.line()
        out.prose(f"{plural(len(refused), 'file')} with dates that are not believed:")
        for each in refused:
            for date in each.dates:
                out.line(f"  {_below(each.path, roots)}: {refused_date(date)}")


def _below(path: bytes, roots: Sequence[bytes]) -> str:
    """Return a path below the only root, or the whole path if there are several."""
    only = roots[0].rstrip(b"/") + b"/" if len(roots) == 1 else b""
    return display(path.removeprefix(only))
