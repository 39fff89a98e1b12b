"""Apply: read a plan that someone else wrote, check all of it, show it, carry it out like one of fileorg's own."""

from __future__ import annotations

import contextlib
import os
import time
from bisect import bisect_left
from itertools import chain
from typing import IO, TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from fileorg.core.batches import in_batches
from fileorg.core.errors import ErrorCode, Exit, FileorgError, UsageError
from fileorg.core.figures import plural
from fileorg.core.model import DEST, ROOT, JobState, Outcome
from fileorg.core.names import display, real_path, scheme_of
from fileorg.core.sorting import packed_numbers
from fileorg.core.tuples import NamedTuple
from fileorg.journal.journal import JobStart
from fileorg.plan.given_checks import check_together
from fileorg.plan.given_places import PlanTree, as_added, as_arrived, without_case
from fileorg.plan.given_plan import GivenPlan
from fileorg.plan.given_rows import given_rows
from fileorg.plan.row_order import GivenRows
from fileorg.report.row_sentences import line_of_row
from fileorg.workflows.guards import Allowed, refuse_too_many
from fileorg.workflows.operations import options_as_json
from fileorg.workflows.roots import changeable_root, refuse_second_names, separate_folders
from fileorg.workflows.session import LEFT_FOLDERS, Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Base
    from fileorg.core.row_problems import RowProblem
    from fileorg.core.state import StateDirectory
    from fileorg.plan.given_rows import GivenRow
    from fileorg.workflows.session import Later

_ROWS = 4096
_NOTED = 20
"""The rows that a job notes because they could not be done."""
_LEFT_FOLDERS = 100
"""The folders of stores that are looked at after the run."""


class ApplyOptions(NamedTuple):
    """The options of `fileorg apply`. `plan` is the path of the plan; empty for the standard input and for an editor.

    `roots`: the folders that rows may be in; relative paths start from the first. `is_rest`: for a job that is taken up
    again, which does the rows that it can; `touched` are the places of what it has done (see `places_of`), and
    `made` the folders that it has made.
    """

    roots: Sequence[bytes]
    plan: bytes = b""
    null: bool = False
    partial: bool = False
    all_files: bool = False
    max_changes: int | None = None
    inside_project: bool = False
    is_rest: bool = False
    touched: bytes = b""
    made: Sequence[bytes] = ()
    allow_unsafe: bool = False  # also in a store that ignores conditions

    def facts(self) -> dict[str, Any]:
        """Return the options that the journal keeps for display."""
        chosen: dict[str, Any] = {"plan": os.fsdecode(self.plan)} if self.plan else {}
        return chosen | ({"allow_unsafe": True} if self.allow_unsafe else {})


class RowsRefused(FileorgError):
    """Raised if rows of a plan cannot be carried out: `problems` are the first ones of `count`. Nothing was changed."""

    def __init__(self, problems: Sequence[RowProblem], count: int, *, is_unreadable: bool) -> None:
        self.exit_code = Exit.USAGE if is_unreadable else Exit.REFUSED
        what = plural(count, "problem")
        super().__init__(
            f"The plan has {what}. Nothing was changed.",
            hint="correct the plan" if is_unreadable else "correct the plan, or do the other rows with --partial",
            code=ErrorCode.BAD_PLAN if is_unreadable else ErrorCode.PLAN_REFUSED,
        )
        self.problems, self.count = problems, count


class ApplyRun:
    """A plan, checked and ready to be shown and to be run once."""

    def __init__(self, given: GivenPlan, plan: GivenRows, options: ApplyOptions, session: Session) -> None:
        self.given, self.plan = given, plan
        self._options, self._session = options, session

    @property
    def roots(self) -> list[bytes]:
        """The folders that rows may be in."""
        return [tree.storage.root for tree in self.given.trees.values()]

    @property
    def bases(self) -> dict[Base, bytes]:
        """The folders by base if they are several."""
        found = {base: storage.root for base, storage in enumerate(self._session.storages)}
        return found if len(set(found.values())) > 1 else {}

    def problems(self, limit: int = -1) -> Iterator[RowProblem]:
        """Yield what is wrong with rows that are not in the plan, by line."""
        return self.given.all_problems(limit)

    def check(self) -> None:
        """Raise `RowsRefused` if a row cannot be carried out, unless the others are wanted; `GuardRefused` if the plan
        exceeds `--max-changes`.
        """
        given, is_partial = self.given, self._options.partial or self._options.is_rest
        if given.problems and (given.is_unreadable or not is_partial):
            raise RowsRefused(list(self.problems(1000)), given.problems, is_unreadable=given.is_unreadable)
        refuse_too_many(self.plan.files, self._options.max_changes, "file", "changed")

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Carry out the plan. Raises like `check`, `JournalError`."""
        self.check()
        return self._session.run("apply", self.plan, self._facts(), stop, renames=self.plan.renames)

    def run_rest(self, stop: Callable[[], bool]) -> Outcome:
        """Carry out what is left of a job, and note the rows that cannot be done: the job has failed then, unless it
        was to do only those that can. Raises like `run`.
        """
        self.check()
        outcome, session, problems = Outcome(), self._session, self.given.problems
        if self.plan.files:
            facts, renames = self._facts(), self.plan.renames
            outcome = session.run("apply", self.plan, facts, stop, renames=renames, ends_job=not problems)
        if problems:
            for problem in self.problems(_NOTED):
                session.reporter.note(line_of_row(problem))
            if problems > _NOTED:
                session.reporter.note(f"… and {problems - _NOTED:,} more problems")
            session.end_job_with(outcome)
            if not (self._options.partial or outcome.interrupted or outcome.goes_on):
                session.end_job(JobState.FAILED, "rows of the plan could not be done")
        return outcome

    def save(self, later: Later) -> None:
        """Keep the plan as a job to be carried out later. Raises like `run`, `OSError`."""
        self.check()
        self._session.save("apply", self.plan, self._facts(), later, renames=self.plan.renames)

    def _facts(self) -> dict[str, Any]:
        """Return what the journal keeps for display, and the folders of stores that should have nothing in them after
        the run.
        """
        left = [os.fsdecode(url) for url in self.given.left_folders(_LEFT_FOLDERS)]
        return self._options.facts() | ({LEFT_FOLDERS: left} if left else {})


@contextlib.contextmanager
def applying(
    options: ApplyOptions,
    rows: Callable[[Callable[[RowProblem], None]], Iterable[GivenRow]],
    state: StateDirectory,
    reporter: Reporter,
    *,
    changes: bool = True,
    resumes: JobStart | None = None,
    fd: int | None = None,
) -> Iterator[ApplyRun]:
    """Check the rows of a plan; the run holds its locks until the block ends. Without `changes` nothing is written.

    `rows` returns them, given a callable that takes the problems of lines without one: see `rows_of`. `resumes` is a
    job that is taken up again, `fd` its status file.

    Raises `UsageError`, `GuardRefused`, `Locked`, `JournalError`, `OSError`.
    """
    allowed = Allowed(options.inside_project, read_only=not changes)
    given_roots = [root if scheme_of(root) else os.path.abspath(root) for root in options.roots]
    roots = [changeable_root(root, state, allowed) for root in options.roots]
    if len(roots) > 1:
        roots = separate_folders(roots, reporter)
    what = "applying a plan in " + ", ".join(map(display, roots))
    absolute = options._replace(roots=roots, plan=os.path.abspath(options.plan) if options.plan else b"")
    job = resumes or JobStart("apply", options_as_json(absolute), time.time_ns())
    with (
        Session.opened(state, what, reporter, changes=changes, kind="apply", job=job, fd=fd) as session,
        contextlib.ExitStack() as stack,
    ):
        reporter = session.reporter
        storages = [session.open_changeable(root, allowed) for root in roots]
        refuse_second_names(storages)
        session.storages = (storages[0], *storages)
        session.report_unwritable(storages)
        session.lock(session.storages)
        session.refuse_unsafe(allow_unsafe=options.allow_unsafe)
        bases = [ROOT, *range(DEST + 1, DEST + len(storages))]
        trees = [
            PlanTree(base, storage, _paths(storage.root, given_roots), storage.is_case_insensitive())
            for base, storage in zip(bases, storages, strict=True)
        ]
        given = GivenPlan(
            trees,
            session.trash,
            all_files=options.all_files,
            touched=_has_touched(options.touched) if options.touched else None,
            made=frozenset(options.made),
        )
        stack.callback(given.close)
        reporter.stage("plan")
        for batch in in_batches(rows(given.fail), _ROWS):
            given.add(batch)
            reporter.advance(len(batch))
        check_together(given, session.trash)
        yield ApplyRun(given, GivenRows(given, session.next_operation), options, session)


def rows_of(options: ApplyOptions) -> Callable[[Callable[[RowProblem], None]], Iterator[GivenRow]]:
    """Return the `rows` of `applying` from the file of the plan. They raise `UsageError` if it cannot be read.

    Standard input is read to its end now, so that no lock is held meanwhile.
    """
    file: IO[bytes] | None = None
    if not options.plan:
        import shutil
        import sys
        import tempfile

        file = tempfile.TemporaryFile()  # noqa: SIM115  open until the process ends
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.seek(0)

    def rows(fail: Callable[[RowProblem], None]) -> Iterator[GivenRow]:
        try:
            with open(options.plan, "rb") if file is None else contextlib.nullcontext(file) as stream:
                yield from given_rows(stream, fail, null=options.null)
        except OSError as error:
            raise plan_unusable(options.plan or b"-", error) from error

    return rows


def readable_rows(options: ApplyOptions) -> Iterator[GivenRow]:
    """Yield the rows of the file of a plan. Raises `RowsRefused` if a line has none."""
    problems: list[RowProblem] = []
    yield from rows_of(options)(problems.append)
    if problems:
        raise RowsRefused(problems, len(problems), is_unreadable=True)


def plan_unusable(path: bytes, error: OSError) -> UsageError:
    """Return the error for a plan that cannot be read."""
    if isinstance(error, FileNotFoundError):
        return UsageError(
            f"There is no plan {display(path)}.", hint="check the spelling", code=ErrorCode.NO_SUCH_PATH, path=path
        )
    return UsageError(
        f"The plan {display(path)} cannot be read: {error.strerror}.", code=ErrorCode.PATH_UNUSABLE, path=path
    )


def _paths(root: bytes, given: Sequence[bytes]) -> list[bytes]:
    """Return the real path of a root, and those by which it was given, which may lead to it through a symlink."""
    return [root, *(path for path in given if path != root and real_path(path) == root)]


def places_of(moved: Iterable[bytes], arrived: Iterable[tuple[bytes, bool]]) -> bytes:
    """Return digests of 64 bits of the absolute paths of files before they were `moved`, and of those where files have
    `arrived`, with whether each is a copy or a link, sorted; also of the paths as they are where case does not count.
    """
    keys = ((as_arrived(path), as_added(path)) if is_added else (as_arrived(path),) for path, is_added in arrived)
    places = chain(moved, chain.from_iterable(keys))
    return packed_numbers(xxh3_64_intdigest(key) for place in places for key in (place, without_case(place)))


def _has_touched(places: bytes) -> Callable[[bytes], bool]:
    view = memoryview(places).cast("Q")

    def has(path: bytes) -> bool:
        place = xxh3_64_intdigest(path)
        at = bisect_left(view, place)
        return at < len(view) and view[at] == place

    return has
