"""Tables and names for people. Names must be displayable already; there is no markup."""

from __future__ import annotations

import os
from itertools import zip_longest
from typing import TYPE_CHECKING

from fileorg.cli.terminal import wrap
from fileorg.core.figures import plural
from fileorg.core.names import display, is_within
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.cli.nouns import Noun
    from fileorg.cli.terminal import Out

_NARROWEST = 8
"""The least width of a shrinking column, in cells."""
_GOOD = 16
"""The width below which another column is left out instead."""


def short(path: bytes) -> str:
    """Return a path for people, with `~` for the home directory."""
    home = os.path.expanduser(b"~").rstrip(b"/")
    if home and (is_within(path, home)):
        return "~" + display(path[len(home) :])
    return display(path)


def short_of_several(root: bytes, more: int) -> str:
    """Return the first folder of an operation for a table, and how many more it has."""
    return short(root) + (f" and {more} more" if more else "")


def show_facts(out: Out, facts: Sequence[tuple[str, str]]) -> None:
    """Print names with their facts below each other. On a narrow screen, a fact breaks after a comma, not in a time."""
    width = max(len(name) for name, _ in facts)
    for name, fact in facts:
        if out.width and width + 4 + cells(fact) > out.width and "/" not in fact:
            fact = fact.replace(", ", ",\n" + " " * (width + 4))  # noqa: PLW2901
        out.line(f"  {out.styled(f'{name:{width}}', 'bold')}  {fact}")


def cells(text: str) -> int:
    """Return the width of `text` in terminal columns."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def crop(text: str, width: int, *, keep_end: bool = False) -> str:
    """Return `text` in at most `width` columns: its start, or its end, with an ellipsis."""
    if cells(text) <= width:
        return text
    kept = text
    while kept and cells(kept) > width - 1:
        excess = max(1, (cells(kept) - width + 1) // 2)
        kept = kept[excess:] if keep_end else kept[:-excess]
    return f"…{kept}" if keep_end else f"{kept}…"


def folded(text: str, width: int | None, *, at_spaces: bool = False) -> list[str]:
    """Return all of `text` in lines of at most `width` columns: broken anywhere, or at spaces."""
    if width is None or cells(text) <= width:
        return [text]
    if at_spaces:
        return wrap(text, max(width, _NARROWEST))
    lines, used = [""], 0
    for letter in text:
        wide = cells(letter)
        if used + wide > max(width, _NARROWEST):
            lines.append("")
            used = 0
        lines[-1] += letter
        used += wide
    return lines


class Column(NamedTuple):
    """A column of a table. `shrinks`: cut in a narrow terminal, at the start if `keeps_end`, or continued on another
    line if it `wraps`. Columns with a `drop_rank` are left out if there is no room, the highest number first.
    """

    title: str
    right: bool = False
    shrinks: bool = False
    keeps_end: bool = False
    drop_rank: int = 0
    wraps: bool = False


def table(
    out: Out, columns: Sequence[Column], rows: Sequence[Sequence[str]], *, total: Sequence[str] | None = None
) -> None:
    """Print aligned columns under bold titles; `total` below a rule. Trailing spaces are stripped."""
    all_rows = [[column.title for column in columns], *rows, *([total] if total else [])]
    widths = [max(cells(row[index]) for row in all_rows) for index in range(len(columns))]
    if out.width is not None:
        kept = _affordable(widths, columns, out.width)
        columns, widths = [columns[index] for index in kept], [widths[index] for index in kept]
        all_rows = [[row[index] for index in kept] for row in all_rows]
        _fit(widths, columns, out.width)
    head, body, foot = all_rows[0], all_rows[1 : 1 + len(rows)], all_rows[1 + len(rows) :]
    out.line(out.styled(_row(head, columns, widths), "bold"))
    for row in body:
        for line in _lines_of(row, columns, widths):
            out.line(_row(line, columns, widths))
    for row in foot:
        ruled = widths[: len([cell for cell in row if cell])]
        out.line(out.styled("  " + "─" * (sum(ruled) + 2 * (len(ruled) - 1)), "dim"))
        out.line(_row(row, columns, widths))


def _affordable(widths: Sequence[int], columns: Sequence[Column], available: int) -> list[int]:
    """Return the indexes of the columns that fit if those that shrink are cut to `_GOOD`."""
    kept = list(range(len(columns)))
    for index in sorted(kept, key=lambda index: -columns[index].drop_rank):
        needed = sum(min(widths[i], _GOOD) if columns[i].shrinks else widths[i] for i in kept) + 2 * len(kept)
        if needed <= available or not columns[index].drop_rank:
            break
        kept.remove(index)
    return kept


def _fit(widths: list[int], columns: Sequence[Column], available: int) -> None:
    excess = sum(widths) + 2 * len(widths) - available
    for index, column in sorted(enumerate(columns), key=lambda pair: -widths[pair[0]]):
        if column.shrinks and excess > 0:
            less = min(excess, max(0, widths[index] - _NARROWEST))
            widths[index] -= less
            excess -= less


def _lines_of(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> Iterator[Sequence[str]]:
    """Yield a row, and a row for each further line of a cell that wraps."""
    parts = [
        folded(text, width, at_spaces=True) if column.wraps else [text]
        for text, column, width in zip(row, columns, widths, strict=True)
    ]
    return zip_longest(*parts, fillvalue="")


def _row(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = []
    for text, column, width in zip(row, columns, widths, strict=True):
        shown = crop(text, width, keep_end=column.keeps_end)
        padding = " " * (width - cells(shown))
        parts.append(padding + shown if column.right else shown + padding)
    return ("  " + "  ".join(parts)).rstrip()


def show_page(out: Out, page: int, page_size: int, total: int, word: str, *, none: str) -> None:
    """Print the page number and the option for the next page; nothing for a single page, `none` for an empty list."""
    pages = -(-total // page_size)
    if not total:
        out.line(none)
    elif page > pages:
        out.line(f"There {'is' if pages == 1 else 'are'} only {plural(pages, 'page')}.")
    elif pages > 1:
        following = f" Next: --page {page + 1}" if page < pages else ""
        out.line(f"Page {page:,} of {pages:,}, {plural(total, word)}.{following}")


def counted(out: Out, title: str, rows: Iterable[tuple[int, Noun]], *, limit: int | None = None) -> bool:
    """Print a title, and right-aligned numbers with their nouns: at most `limit` lines, the rest in one of them.

    Zeros are skipped. Returns whether any number is left.
    """
    chosen = [(number, noun.of(number)) for number, noun in rows if number]
    if not chosen:
        return False
    if limit is not None and len(chosen) > limit:
        rest = chosen[limit - 1 :]
        kinds = plural(len(rest), "other reason")
        chosen = [*chosen[: limit - 1], (sum(number for number, _ in rest), f"more, for {kinds} (-v lists them)")]
    width = max(len(f"{number:,}") for number, _ in chosen)
    for line in wrapped(title, out.width, 2):
        out.line(out.styled(f"  {line}", "bold"))
    for number, noun in chosen:
        lead = f"  {number:{width},}  "
        for line in wrapped(noun, out.width, len(lead)):
            out.line(lead + line)
            lead = " " * len(lead)
    return True


def wrapped(text: str, width: int | None, indent: int) -> list[str]:
    """Return `text` in lines that leave room for an indent of `indent` columns."""
    if width is None or cells(text) <= width - indent:
        return [text]
    return wrap(text, max(width - indent, _NARROWEST)) or [""]
