"""The plans of several folders to organize as one plan: what it shows, and what it carries out."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING

from fileorg.core.batches import in_batches
from fileorg.core.model import Action
from fileorg.core.names import below
from fileorg.core.tuples import NamedTuple
from fileorg.plan.combined_rows import PlanPart, combined
from fileorg.plan.organize_plan import Tally
from fileorg.plan.placing import Stay

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.content.dates import RefusedDate
    from fileorg.content.dating import DatedBy
    from fileorg.core.events import Reporter
    from fileorg.core.model import Base, PlanRow
    from fileorg.plan.emptied_folders import EmptiedFolders
    from fileorg.plan.organize_plan import OrganizePlan
    from fileorg.scan.stays import Stays
    from fileorg.storage.local.storage import LocalStorage

_ROWS_READ = 4096


class OrganizePart(NamedTuple):
    """The plan of one folder to organize. `bases` maps its bases to those of the operation."""

    plan: OrganizePlan
    storage: LocalStorage
    bases: Sequence[Base]


class AllEmptied:
    """The folders that an operation empties in several trees."""

    def __init__(self, trees: Sequence[EmptiedFolders]) -> None:
        self._trees = trees
        self.removed = sum(tree.removed for tree in trees)

    def rows(self) -> Iterator[PlanRow]:
        """Yield the rows that remove them."""
        return chain.from_iterable(tree.rows() for tree in self._trees)

    def kept(self) -> Iterator[PlanRow]:
        """Yield the rows of the folders that stay, with the reason."""
        return chain.from_iterable(tree.kept() for tree in self._trees)


class CombinedPlan:
    """The plan of an organize run in several folders, with what an `OrganizePlan` has for people and for `execute`."""

    def __init__(self, parts: Sequence[OrganizePart], files: int, reporter: Reporter, *, remove_empty: bool) -> None:
        """Make the plan. `files` is the approximate number of files in the index."""
        self._parts = parts
        plans = [part.plan for part in parts]
        reporter.stage("plan", files)
        for plan in plans:
            plan.claim(files, reporter)
        plans[0].resolve()
        self.by_category = _by_category(plans)
        self.files = sum(plan.files for plan in plans)
        self.size_bytes = sum(plan.size_bytes for plan in plans)
        self.skipped = sum(plan.skipped for plan in plans)
        self.renamed = sum(plan.renamed for plan in plans)
        self.uses_dates = plans[0].uses_dates
        self.has_rules = plans[0].has_rules
        self.dated: Counter[DatedBy] = Counter()
        for plan in plans:
            self.dated.update(plan.dated)
        self.stay = Stay()
        for plan in plans:
            self.stay.in_place += plan.stay.in_place
            self.stay.other += plan.stay.other
            self.stay.kept += plan.stay.kept
        self.emptied: AllEmptied | None = None
        if remove_empty:
            self.emptied = AllEmptied(
                [part.plan.emptied_by(self._file_rows(), part.storage, part.bases[0]) for part in parts]
            )

    def refused_dates(self) -> dict[tuple[bytes, bytes], Sequence[RefusedDate]]:
        """Return the dates that are not believed, by absolute folder and name: the first ones."""
        return {
            (below(part.storage.root, folder), name): dates
            for part in self._parts
            for (folder, name), dates in part.plan.refused_dates().items()
        }

    @property
    def may_fail(self) -> bool:
        """True if a rule refuses the run where a name is taken."""
        return any(part.plan.may_fail for part in self._parts)

    def actions(self) -> set[Action]:
        """Return the actions of the plan."""
        return set[Action]().union(*(part.plan.actions() for part in self._parts))

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield the plan, the same each time, folder by folder; then the folders to remove."""
        yield from self._file_batches(rows)
        if self.emptied is not None:
            yield from in_batches(self.emptied.rows(), rows)

    def stays(self) -> Iterator[Stays]:
        """Yield the files that stay without a row, with absolute paths."""
        for part in self._parts:
            for each in part.plan.stays():
                yield each._replace(path=below(part.storage.root, each.path))

    def refuse_conflicts(self) -> None:
        """Raise `GuardRefused` if any name is taken by other content."""
        for part in self._parts:
            part.plan.refuse_conflicts()

    def _file_batches(self, rows: int) -> Iterator[list[PlanRow]]:
        parts = [PlanPart(part.plan.file_batches, part.bases) for part in self._parts]
        return combined(parts, rows, shares_targets=True)

    def _file_rows(self) -> Iterator[PlanRow]:
        return chain.from_iterable(self._file_batches(_ROWS_READ))


def _by_category(plans: Iterable[OrganizePlan]) -> dict[str, Tally]:
    found: dict[str, Tally] = {}
    for plan in plans:
        for category, tally in plan.by_category.items():
            total = found.setdefault(category, Tally())
            total.files += tally.files
            total.size_bytes += tally.size_bytes
            total.folders |= tally.folders
    return found
