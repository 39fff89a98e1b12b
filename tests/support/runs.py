"""The commands for tests: `runs.organize(by=By.DATE)`, `runs.undo()`."""

from __future__ import annotations

import io
import json
import os
from functools import partial
from typing import TYPE_CHECKING, Any

from fileorg.content.keeper import Keep
from fileorg.core.events import NullReporter
from fileorg.journal.journal import Journal
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.plan.given_rows import given_rows
from fileorg.rules.filters import Filters
from fileorg.workflows.apply_plan import ApplyOptions, applying
from fileorg.workflows.clean import CleanOptions, cleaning
from fileorg.workflows.dedupe import DedupeOptions, deduping
from fileorg.workflows.organize import OrganizeOptions, organizing
from fileorg.workflows.purge import PurgeOptions, purging
from fileorg.workflows.undo import UndoOptions, undoing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.support.tree import Tree

    from fileorg.core.model import Outcome, PlanRow, RecordState
    from fileorg.core.row_problems import RowProblem
    from fileorg.core.state import StateDirectory
    from fileorg.journal.rows import Record
    from fileorg.plan.given_rows import GivenRow
    from fileorg.workflows.apply_plan import ApplyRun
    from fileorg.workflows.clean import CleanRun
    from fileorg.workflows.dedupe import DedupeRun
    from fileorg.workflows.organize import OrganizeRun
    from fileorg.workflows.purge import PurgeRun

_FILTERS = set(Filters._fields)


def _rows_in(text: bytes, fail: Callable[[RowProblem], None], *, null: bool) -> Iterator[GivenRow]:
    return given_rows(io.BufferedReader(io.BytesIO(text)), fail, null=null)


class Runs:
    """Runs of commands on one tree with one state directory."""

    def __init__(self, tree: Tree, state: StateDirectory) -> None:
        self.tree = tree
        self.state = state

    def organizing(self, *, changes: bool = True, **options: Any) -> AbstractContextManager[OrganizeRun]:
        """Prepare an organize run; `options` are those of `OrganizeOptions` and `Filters`; paths may be a `Path`."""
        chosen = {name: options.pop(name) for name in _FILTERS & options.keys()}
        filters = Filters(**{"recursive": False} | chosen)
        for name in ("root", "dest"):
            if options.get(name) is not None:
                options[name] = os.fsencode(options[name])
        options.setdefault("root", os.fsencode(self.tree.root))
        return organizing(OrganizeOptions(filters=filters, **options), self.state, NullReporter(), changes=changes)

    def organize(self, **options: Any) -> Outcome:
        with self.organizing(**options) as run:
            return run.run()

    def dry_run(self, **options: Any) -> list[PlanRow]:
        """Return the rows that a dry run shows."""
        with self.organizing(changes=False, **options) as run:
            return [row for batch in run.plan.batches(100) for row in batch]

    def deduping(self, *, changes: bool = False, **options: Any) -> AbstractContextManager[DedupeRun]:
        """Prepare a dedupe run; `options` are those of `DedupeOptions` and `Filters`; paths may be a `Path`."""
        chosen = {name: options.pop(name) for name in _FILTERS & options.keys()}
        roots = [os.fsencode(path) for path in options.pop("roots", [self.tree.root])]
        references = [os.fsencode(path) for path in options.pop("references", ())]
        asked = DedupeOptions(roots, references, Filters(**chosen), **options)
        return deduping(asked, self.state, NullReporter(), changes=changes)

    def duplicates(self, **options: Any) -> list[list[str]]:
        """Return the groups in the order of a report: paths relative to the tree, the keeper first."""
        root = os.fsencode(self.tree.root)
        with self.deduping(**options) as run:
            return [
                [os.fsdecode(os.path.relpath(run.trees.path(member), root)) for member in group.listed]
                for group in run.groups()
            ]

    def dedupe(self, action: str, *more: Path, between: Callable[[], object] = lambda: None, **options: Any) -> Outcome:
        """Dedupe the tree and `more` roots, keeping the first by path. `between` runs after planning."""
        asked = {"roots": [self.tree.root, *more], "keep": [Keep.FIRST]} | options
        return self.dedupe_of(action=DedupeAction(action), between=between, **asked)

    def dedupe_of(self, *, between: Callable[[], object] = lambda: None, **options: Any) -> Outcome:
        """Dedupe with the options of `deduping`."""
        with self.deduping(changes=True, **options) as run:
            between()
            return run.run()

    def cleaning(self, *, changes: bool = True, **options: Any) -> AbstractContextManager[CleanRun]:
        """Prepare a clean run; `options` are those of `CleanOptions` and `Filters`."""
        filters = Filters(**{name: options.pop(name) for name in _FILTERS & options.keys()})
        chosen = CleanOptions(os.fsencode(options.pop("root", self.tree.root)), filters=filters, **options)
        return cleaning(chosen, self.state, NullReporter(), changes=changes)

    def clean(self, **options: Any) -> Outcome:
        with self.cleaning(**options) as run:
            return run.run()

    def clean_dry_run(self, **options: Any) -> list[PlanRow]:
        """Return the rows that a dry run shows."""
        with self.cleaning(changes=False, **options) as run:
            return [row for batch in run.plan.batches(100) for row in batch]

    def applying(
        self, rows: Iterable[Mapping[str, Any]], *, changes: bool = True, **options: Any
    ) -> AbstractContextManager[ApplyRun]:
        """Prepare to apply rows of JSON; `options` are those of `ApplyOptions`."""
        text = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        return self.applying_text(text, changes=changes, **options)

    def applying_text(self, text: bytes, *, changes: bool = True, **options: Any) -> AbstractContextManager[ApplyRun]:
        """Prepare to apply a plan as it is in a file."""
        chosen = ApplyOptions(**{"roots": [os.fsencode(self.tree.root)]} | options)
        rows = partial(_rows_in, text, null=chosen.null)
        return applying(chosen, rows, self.state, NullReporter(), changes=changes)

    def apply(self, rows: Iterable[Mapping[str, Any]], **options: Any) -> Outcome:
        with self.applying(rows, **options) as run:
            return run.run()

    def undo(
        self, operation: int | None = None, *, stop: Callable[[], bool] = lambda: False, **options: Any
    ) -> Outcome:
        with undoing(UndoOptions(operation, **options), self.state, NullReporter()) as run:
            return run.run(stop)

    def redo(self, operation: int | None = None, **options: Any) -> Outcome:
        return self.undo(operation, redo=True, **options)

    def purge(self, *operations: int, stop: Callable[[], bool] = lambda: False, **options: Any) -> PurgeRun:
        """Purge, and return the finished run with its `outcome`."""
        with purging(PurgeOptions(operations, **options), self.state, NullReporter()) as run:
            run.run(stop)
            return run

    def records(self, operation: int, *states: RecordState) -> list[Record]:
        """Return the records of an operation in the journal."""
        with Journal(self.state.journal) as journal:
            found = journal.operation(operation)
            assert found is not None
            return [record for batch in journal.records(found, states=states) for record in batch]
