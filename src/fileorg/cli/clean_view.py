"""The plan of a clean run: files to remove by kind, skipped ones, and rows for people and programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.cli import nouns
from fileorg.cli.plan_rows import PlanRows
from fileorg.cli.plan_view import left_alone_as_json
from fileorg.cli.render import Column, counted, table
from fileorg.core.model import Action
from fileorg.core.names import display
from fileorg.scan.leftovers import Leftover

if TYPE_CHECKING:
    from fileorg.cli.terminal import Out
    from fileorg.core.model import PlanRow
    from fileorg.plan.clean_plan import CleanPlan, CombinedCleanPlan
    from fileorg.scan.walk import Seen

_FIRST = 3

TITLES = {
    Leftover.EMPTY_FILE: "Empty files",
    Leftover.EMPTY_FOLDER: "Empty folders",
    Leftover.BROKEN_SYMLINK: "Broken symlinks",
}


class CleanRows(PlanRows):
    """The rows of a clean plan, by their current paths: paths in the trash do not matter to the user."""

    def _line(self, out: Out, row: PlanRow) -> str:
        if row.action is not Action.MOVE or row.reason:
            return super()._line(out, row)
        return f"{display(self._source(row))} {out.styled('removed', 'yellow')}, {row.category}"

    def _pair(self, row: PlanRow) -> tuple[bytes, bytes]:
        return (self._source(row) if row.action is Action.MOVE else self._target(row)), b""


def show_kinds(out: Out, plan: CleanPlan | CombinedCleanPlan) -> None:
    """Print the number of files to remove by kind, with the first names."""
    rows = [
        (TITLES[kind], f"{count:,}", ", ".join(_first(plan, kind)) + (", …" if count > _FIRST else ""))
        for kind, count in plan.counts.items()
        if count
    ]
    table(out, (Column("Kind"), Column("Count", right=True), Column("Names", shrinks=True, drop_rank=1)), rows)


def _first(plan: CleanPlan | CombinedCleanPlan, kind: Leftover) -> list[str]:
    slash = "/" if kind is Leftover.EMPTY_FOLDER else ""
    return [display(name) + slash for name in plan.first(kind, _FIRST)]


_OTHER_LINES = 12
"""Lines of a screen for the kinds, titles, empty lines and the question."""


def room(out: Out) -> int | None:
    """Return how many reasons fit on the screen; None for no limit."""
    return None if out.height is None else max(3, out.height - _OTHER_LINES)


def show_left_alone(
    out: Out, plan: CleanPlan | CombinedCleanPlan, seen: Seen, *, listed: bool = False, limit: int | None = None
) -> bool:
    """Print the entries that the scan or the plan skipped, in at most `limit` lines. `listed`: the caller has printed
    those of the plan. Return whether there are any.
    """
    rows = [(plan.skipped, nouns.SKIPPED_ABOVE if listed else nouns.SKIPPED_ITEM)]
    rows += [
        (number, nouns.left_alone_noun(reason, seen.filters, "item")) for reason, number in seen.ignored.most_common()
    ]
    rows += [(seen.not_entered, nouns.NOT_ENTERED), (seen.unreadable_count, nouns.UNREADABLE)]
    return counted(out, "Skipped", rows, limit=limit)


def counts_as_json(plan: CleanPlan | CombinedCleanPlan, seen: Seen) -> dict[str, Any]:
    """Return the number of files to remove by kind, and the skipped ones."""
    return {
        "empty_files": plan.counts[Leftover.EMPTY_FILE],
        "empty_folders": plan.counts[Leftover.EMPTY_FOLDER],
        "broken_symlinks": plan.counts[Leftover.BROKEN_SYMLINK],
        "skipped": plan.skipped,
        **left_alone_as_json(seen),
    }
