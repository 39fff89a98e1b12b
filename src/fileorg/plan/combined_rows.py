"""The rows of several plans as those of one operation, which numbers its directories and groups across all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.batches import unsplit
from fileorg.core.model import Action, Base
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fileorg.core.model import PlanRow


class PlanPart(NamedTuple):
    """The batches of one plan. `bases` maps its bases to those of the operation."""

    batches: Callable[[int], Iterator[list[PlanRow]]]
    bases: Sequence[Base]


def combined(parts: Iterable[PlanPart], rows: int, *, shares_targets: bool = False) -> Iterator[list[PlanRow]]:
    """Yield the rows of all parts, about `rows` at a time. With `shares_targets`, a folder that two parts need is made
    once.
    """
    return unsplit(_combined(parts, rows, shares_targets=shares_targets))


def _combined(parts: Iterable[PlanPart], rows: int, *, shares_targets: bool) -> Iterator[list[PlanRow]]:
    made = set[tuple[Base, bytes, bytes]]()
    groups = 0
    for part in parts:
        before = groups
        for batch in part.batches(rows):
            ready = []
            for each in batch:
                row = _based(each, part.bases)
                if row.together:
                    row = row._replace(together=before + row.together)
                    groups = max(groups, row.together)
                if shares_targets and row.action is Action.MAKE_FOLDER:
                    place = row.target_base, row.target_folder, row.target_name
                    if place in made:
                        continue
                    made.add(place)
                ready.append(row)
            if ready:
                yield ready


def _based(row: PlanRow, bases: Sequence[Base]) -> PlanRow:
    keeper = row.keeper
    if keeper is not None:
        keeper = keeper._replace(base=bases[keeper.base])
    return row._replace(source_base=bases[row.source_base], target_base=bases[row.target_base], keeper=keeper)
