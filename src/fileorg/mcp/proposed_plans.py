"""The plans that clients have proposed: jobs that wait, or have been carried out. Nothing else is theirs."""

from __future__ import annotations

import contextlib
import functools
import heapq
import os
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, FileorgError, GuardRefused, UnknownOperation, UsageError
from fileorg.core.model import FOLDER_ACTIONS, ON_SYMLINKS, Action, JobState
from fileorg.core.names import below, display, is_step_name, join
from fileorg.core.state import find_state
from fileorg.jobs.found import UnknownJob, job, roots_of, saved_plan
from fileorg.journal.status import operation_statuses
from fileorg.report.operation_json import operation_as_json
from fileorg.report.records import named_or_null, plan_row_fields
from fileorg.workflows.open_journal import again, open_journal
from fileorg.workflows.roots import open_local, open_root

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.model import PlanRow
    from fileorg.core.state import StateDirectory
    from fileorg.jobs.found import FoundJob
    from fileorg.journal.reader import JournalReader
    from fileorg.journal.rows import Operation
    from fileorg.mcp.boundary import Boundary
    from fileorg.plan.saved_plan import PlannedRoot, SavedPlan
    from fileorg.storage.local.storage import LocalStorage

_ROWS = 4096
_LARGEST_SURVEY = 10_000
"""Names taken by files that the plan itself moves away: more are not looked up."""


class PlanChanged(GuardRefused):
    """A file of a plan is not as it was when the plan was made."""

    code = ErrorCode.PLAN_REFUSED
    hint = "propose the plan again"

    def __init__(self, number: int, path: bytes, why: str) -> None:
        super().__init__(f"Plan {number} was not carried out: {display(path)} {why}.", path=path)


class Plans:
    """The plans of clients, and the operations, in the folders of this server."""

    def __init__(self, boundary: Boundary) -> None:
        self._boundary = boundary

    @functools.cached_property
    def state(self) -> StateDirectory:
        """The state directory, which may be missing. Raises `StateError`.

        It is looked for once: that opens and closes the journal, and the system then drops the locks which this process
        holds on it for other requests.
        """
        return find_state()

    @again
    def job(self, number: int) -> FoundJob:
        """Return the job of a plan that a client has proposed in these folders. Raises `UsageError` for any other."""
        with contextlib.suppress(UnknownJob, OverflowError):
            found = job(self.state, number)
            if found.row.client and self._boundary.holds(roots_of(self.state, found.row)):
                return found
        raise UsageError(
            f"There is no plan {number} here.",
            hint="propose_plan makes a plan and answers with its number",
            code=ErrorCode.UNKNOWN_JOB,
        )

    def waiting(self, number: int) -> FoundJob:
        """Return the job of a plan that was not carried out yet. Raises `UsageError`."""
        found = self.job(number)
        if found.state is not JobState.WAITING:
            raise UsageError(
                f"Plan {number} does not wait any more: it is {found.state}.",
                hint="show_plan shows what became of it; propose a new plan for what is left",
                code=ErrorCode.JOB_ENDED,
            )
        return found

    # What a plan would do -----------------------------------------------------------------------------------------

    def preview(self, number: int, first: int, size: int) -> dict[str, Any]:
        """Return the totals of a plan and a part of its rows; empty for an undo, whose plan is in the journal."""
        plan = saved_plan(self.state, number)
        if plan is None:
            return {}
        actions, categories = Counter[str](), Counter[str]()
        rows: list[dict[str, Any]] = []
        count = size_bytes = skipped = 0
        with contextlib.closing(plan):
            roots = plan.head.roots
            for batch in plan.batches(_ROWS):
                for row in batch:
                    if first <= count < first + size:
                        rows.append(_row_as_json(row, roots))
                    count += 1
                    if row.reason is not None:
                        skipped += 1
                        continue
                    actions[str(row.action)] += 1
                    if row.action not in FOLDER_ACTIONS:
                        size_bytes += row.size
                        categories[row.category] += 1
        totals = {"rows": count, "skipped": skipped, "size_bytes": size_bytes, "actions": dict(actions)}
        return {"totals": totals, "categories": dict(categories.most_common(40)), "rows": rows}

    def check_unchanged(self, number: int) -> None:
        """Raise `PlanChanged` if a file or a folder is not as the plan has it, or a name has been taken."""
        taken: dict[bytes, None] = {}
        plan = saved_plan(self.state, number)
        if plan is None:
            return
        with contextlib.closing(plan), contextlib.ExitStack() as stack:
            storages = [self._opened(stack, number, root) for root in plan.head.roots]
            for row in _steps(plan):
                self._check_row(number, row, storages, taken)
        if taken:
            self._check_vacated(number, taken)

    def _opened(self, stack: contextlib.ExitStack, number: int, root: PlannedRoot) -> LocalStorage:
        try:
            storage = open_root(stack, root.path)
        except (OSError, FileorgError):
            raise PlanChanged(number, root.path, "cannot be opened now") from None
        if storage.identity[1] != root.inode and storage.capabilities.stable_inodes:
            raise PlanChanged(number, root.path, "is another folder now")
        return storage

    def _check_row(self, number: int, row: PlanRow, storages: Sequence[LocalStorage], taken: dict[bytes, None]) -> None:
        source, target = storages[row.source_base], storages[row.target_base]
        path = below(source.root, join(row.source_folder, row.source_name))
        seen = _lstat(source, row.source_folder, row.source_name)
        if seen is None:
            raise PlanChanged(number, path, "is not there any more")
        if (seen.size, seen.mtime_ns) != (row.size, row.mtime_ns) or (
            source.capabilities.stable_inodes and seen.inode != row.inode
        ):
            raise PlanChanged(number, path, "has changed since")
        if row.action in ON_SYMLINKS:  # it will lead to where a file of the plan is then
            return
        if row.keeper is not None:
            kept, where = row.keeper, storages[row.keeper.base]
            now = _lstat(where, kept.folder, kept.name)
            if now is None or now.mtime_ns != kept.mtime_ns:
                raise PlanChanged(number, below(where.root, join(kept.folder, kept.name)), "has changed since")
        elif not is_step_name(row.target_name) and _lstat(target, row.target_folder, row.target_name) is not None:
            place = below(target.root, join(row.target_folder, row.target_name))
            if place != path and len(taken) < _LARGEST_SURVEY:
                taken[place] = None

    def _check_vacated(self, number: int, taken: dict[bytes, None]) -> None:
        """Raise `PlanChanged` for a name that is taken by something which the plan does not take away."""
        plan = saved_plan(self.state, number)
        if plan is None:
            return
        with contextlib.closing(plan):
            for row in chain.from_iterable(plan.batches(_ROWS)):
                if row.reason is not None:
                    continue
                base, *name = row[4:7] if row.action is Action.REMOVE_FOLDER else row[1:4]
                taken.pop(below(plan.head.roots[base].path, join(*name)), None)
        for path in taken:
            raise PlanChanged(number, path, "has been taken by another file since")

    def subfolders(self, path: bytes, size: int) -> tuple[list[dict[str, Any]], bool]:
        """Return the first folders in a folder by name, and whether there are more. Raises `OSError`, `Outside`."""
        with contextlib.ExitStack() as stack:
            storage = open_local(stack, os.path.realpath(path))
            with os.scandir(storage.fd(b"")) as entries:
                folders = (os.fsencode(each.name) for each in entries if each.is_dir(follow_symlinks=False))
                found = heapq.nsmallest(size + 1, folders)
        return [named_or_null("path", os.path.join(path, name)) for name in found[:size]], len(found) > size

    # What was done ------------------------------------------------------------------------------------------------

    @again
    def operation(self, number: int) -> Operation:
        """Return an operation in these folders. Raises `UnknownOperation` for any other."""
        state = self.state
        if state.has_journal:
            with open_journal(state, read_only=True) as journal:
                found = journal.operation(number)
                if found is not None and self._is_inside(journal, found):
                    return found
        error = UnknownOperation(number)
        error.hint = "history lists the operations in the folders of this server"
        raise error

    @again
    def history(self, first: int, size: int) -> tuple[int, list[dict[str, Any]]]:
        """Return the number of operations in these folders, and some of them, newest first."""
        state = self.state
        if not state.has_journal:
            return 0, []
        with open_journal(state, read_only=True) as journal:
            operations = journal.operations()
            statuses = dict(zip((each.id for each in operations), operation_statuses(journal, operations), strict=True))
            inside = [each for each in operations if self._is_inside(journal, each)]
        rows = [operation_as_json(each, statuses[each.id]) for each in inside[first : first + size]]
        return len(inside), rows

    def _is_inside(self, journal: JournalReader, operation: Operation) -> bool:
        return self._boundary.holds(root.path for root in journal.roots(operation))


def _steps(plan: SavedPlan) -> Iterator[PlanRow]:
    """Yield the rows of files that a plan moves, copies or links, and that are there before it begins."""
    for batch in plan.batches(_ROWS):
        for row in batch:
            if row.reason is None and row.action not in FOLDER_ACTIONS and not is_step_name(row.source_name):
                yield row


def _lstat(storage: LocalStorage, folder: bytes, name: bytes) -> Any:
    try:
        return storage.lstat(folder, name)
    except OSError:
        return None


def _row_as_json(row: PlanRow, roots: Sequence[PlannedRoot]) -> dict[str, Any]:
    """Return a row without what says nothing, to be short."""
    fields = plan_row_fields(row, lambda base, path: below(roots[base].path, path))
    del fields["mtime"]
    if row.reason is None:
        for name in ("status", "reason", "reason_code"):
            del fields[name]
    return fields


def job_facts(found: FoundJob) -> dict[str, Any]:
    """Return what became of a job: its state, its operations, and the number of files done."""
    return {
        "plan": found.row.id,
        "kind": found.row.kind,
        "status": str(found.state),
        "files": found.row.files,
        "files_done": found.files,
        "operations": [each.id for each in reversed(found.operations)],
        "reason": None if found.row.reason is None else display(os.fsencode(found.row.reason)),
    }
