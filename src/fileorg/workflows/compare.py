"""Compare: which files of a folder have their content nowhere in others. Changes no user files."""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from fileorg.content.comparison import Comparison
from fileorg.content.digest import plain_digest
from fileorg.content.identical import same_bytes, same_content
from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.formats import named
from fileorg.core.model import DEST, ROOT, Action, Entry
from fileorg.core.names import below, display, is_within, join, split, with_parents
from fileorg.core.pool import Processes
from fileorg.core.tuples import NamedTuple
from fileorg.journal.journal import JobStart
from fileorg.plan.copy_plan import CopyPlan
from fileorg.plan.plan_lines import PlanLines
from fileorg.rules.classify import Rules
from fileorg.rules.filters import Filters
from fileorg.scan.classifier import Classifier
from fileorg.storage.base import Kind
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.compared_trees import ReadOptions, compared_trees, without_lasting_inodes
from fileorg.workflows.guards import Allowed, destination, refuse_system, refuse_too_many
from fileorg.workflows.operations import options_as_json
from fileorg.workflows.roots import distinct_folders, identity_of, nothing_in, readable_root, refuse_second_names
from fileorg.workflows.seen_twice import refusing_views
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from fileorg.content.comparison import ComparedFile
    from fileorg.content.hashing import Reads
    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome, PlanRow
    from fileorg.core.state import StateDirectory
    from fileorg.index.columns import FileBatch
    from fileorg.rules.config import Configuration
    from fileorg.rules.ignore import Ignore, Scope
    from fileorg.scan.walk import Seen
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.workflows.seen_twice import Confirmation
    from fileorg.workflows.session import Later


_APART = "compare two folders that are apart"


class CompareOptions(NamedTuple):
    """The options of `fileorg compare`. The `filters` apply to the files that are looked for, not to the others.

    `reverse` looks for the files of `new` in `old`, `both` in both directions. `paranoid` trusts no digest. With a
    `dest`, the missing files of `old` are copied there; it is searched like the folders `new`.
    """

    old: bytes
    new: Sequence[bytes]
    filters: Filters = Filters()
    reverse: bool = False
    both: bool = False
    paranoid: bool = False
    dest: bytes | None = None
    max_changes: int | None = None
    inside_project: bool = False
    configuration: Configuration | None = None


class Side(NamedTuple):
    """One direction of a comparison: the files of `roots` that are not in `others`. `seen` is of the roots."""

    roots: Sequence[bytes]
    others: Sequence[bytes]
    found: Comparison
    seen: Seen

    @property
    def is_complete(self) -> bool:
        """True if all content of the roots is in the others, as far as all of it could be read."""
        return not self.found.sums.missing and not self.seen.unreadable_count

    def path(self, tree: int, folder: bytes, name: bytes = b"") -> bytes:
        """Return an absolute path."""
        return os.path.join(self.roots[tree], folder, name).rstrip(b"/") or b"/"


class CompareRun:
    """The result of a comparison, and with a destination a plan, ready to be shown and to be run once.

    `reads` has the files that could not be read, which count as missing.
    """

    def __init__(
        self,
        options: CompareOptions,
        sides: Sequence[Side],
        seen_elsewhere: Sequence[Seen],
        reads: Reads,
        seconds: float,
        session: Session,
        plan: CopyPlan | None,
        to_be_made: bytes,
    ) -> None:
        self.sides, self.seen_elsewhere, self.reads, self.seconds = sides, seen_elsewhere, reads, seconds
        self._options, self._session, self._plan, self._to_be_made = options, session, plan, to_be_made

    @property
    def plan(self) -> CopyPlan:
        """The plan; only a run with a destination has one."""
        if self._plan is None:
            raise AssertionError("without a destination there is no plan")
        return self._plan

    @property
    def dest(self) -> bytes:
        """The directory, or one above it that exists, in which the copies are made."""
        return self._session.storages[1].root

    @property
    def copies(self) -> bytes:
        """The folder of the copies, which need not exist yet."""
        return below(self.dest, self._to_be_made)

    def check(self) -> None:
        """Check the guard that needs the plan. Raises `GuardRefused`."""
        refuse_too_many(self.plan.files, self._options.max_changes, "file", "copied")

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Copy the missing files. Raises `JournalError`; `GuardRefused` if there are more than `--max-changes`."""
        self.check()
        stage = str(Action.COPY)
        return self._session.run("compare", self.plan, self._facts(), stop, stage=stage, renames=0, copies=True)

    def plan_lines(self) -> PlanLines:
        """Return the plan of the copies as lines of JSON. Reads each missing file for its digest."""
        self._session.reporter.stage("read", self.plan.files)
        return PlanLines(self.plan, {ROOT: self.sides[0].roots[0], DEST: self.dest}, self._digest)

    def _digest(self, row: PlanRow) -> str:
        """Return the digest of a file; empty if it cannot be read, which the copy will report."""
        reporter = self._session.reporter
        try:
            digest = plain_digest("xxh3_128", self._session.storages[0], row.source_folder, row.source_name)
        except OSError:
            digest = ""
        reporter.advance(1, row.size, row.source_folder)
        return digest

    def save(self, later: Later) -> None:
        """Keep the plan as a job to be carried out later. Raises like `run`, `OSError`."""
        self.check()
        reads, stage = (self._session.storages[0].root,), str(Action.COPY)
        self._session.save("compare", self.plan, self._facts(), later, stage=stage, renames=0, copies=True, reads=reads)

    def _facts(self) -> dict[str, Any]:
        made = named("dest", self.copies) if self._to_be_made else {}
        return {"action": str(Action.COPY), **made}


@contextlib.contextmanager
def comparing(
    options: CompareOptions,
    state: StateDirectory,
    reporter: Reporter,
    *,
    changes: bool = False,
    resumes: JobStart | None = None,
    fd: int | None = None,
) -> Iterator[CompareRun]:
    """Compare, and with a destination plan the copies; the run holds its locks until the block ends. Without
    `changes`, no file is touched. `resumes` is a job that is taken up again, `fd` its status file.

    Raises `UsageError`, `GuardRefused`, `Locked`, `StateError`, `JournalError`.
    """
    started = time.monotonic()
    mounts = Mounts()
    old, new = readable_root(options.old), [readable_root(path) for path in options.new]
    if options.dest is not None:
        from fileorg.workflows.stores import refuse_in_stores

        refuse_in_stores([old, *new, options.dest], "copy what is missing")
    dest, to_be_made = (None, b"")
    allowed = Allowed(options.inside_project, read_only=not changes)
    if options.dest is not None:
        refuse_system(old, display(old), state)  # undo and recovery refuse it, too
        dest, to_be_made = destination(options.dest, state, allowed)
        if are_nested(old, below(dest, to_be_made), mounts):
            raise _overlapping(f"{display(below(dest, to_be_made))} is inside {display(old)}.", "choose another --dest")
        new += [] if to_be_made else [dest]
    new = distinct_folders(new)
    refuse_overlap(old, new, mounts)
    taken = Taken(options.filters)
    paths = [old, *new]
    what = "comparing " + ", ".join(map(display, paths))
    absolute = options._replace(old=old, new=new, dest=None if dest is None else below(dest, to_be_made))
    job = JobStart("compare", options_as_json(absolute), time.time_ns())
    with (
        Session.opened(state, what, reporter, changes=changes, kind="compare", job=resumes or job, fd=fd) as session,
        contextlib.ExitStack() as stack,
    ):
        one_file_system = options.filters.one_file_system
        storages = [session.open(path, one_file_system=one_file_system) for path in paths]
        if error := next(filter(None, map(nothing_in, storages)), None):
            raise error  # a folder of a store that was misspelled has nothing that could be missing
        refuse_second_names(storages)
        if dest is not None:
            target = session.open_changeable(dest, allowed, to_be_made=to_be_made)
            session.storages = [storages[0], target]
            session.report_unwritable([target])
            session.lock(session.storages)
        index = session.open_index()
        pool = stack.enter_context(Processes())
        read = ReadOptions(options.filters, fresh=without_lasting_inodes(storages, mounts))
        reading = compared_trees(index, storages, read, mounts, state, pool, reporter)
        trees, seen, repeated, reads = stack.enter_context(reading)
        sides = []
        for is_reverse in _directions(options):
            one, several = slice(0, 1), slice(1, None)
            ours, others = (several, one) if is_reverse else (one, several)
            found = stack.enter_context(Comparison(index.digests(), trees[ours], trees[others]))
            confirm = confirmation(storages[ours], storages[others]) if options.paranoid else None
            confirm = refusing_views(storages[ours], storages[others], mounts, confirm, _APART)
            found.judge(repeated, taken if taken.is_needed else None, confirm)
            sides.append(Side(paths[ours], paths[others], found, seen[is_reverse]))
        plan = None
        if dest is not None:
            place = partial(_same_place, to_be_made)
            folds = target.is_case_insensitive()
            classifier = Classifier(Rules.of(options.configuration), storages[0])
            plan = CopyPlan(sides[0].found, classifier, storages[0], target, place, case_insensitive=folds)
        others_seen = [each for each in seen if all(each is not side.seen for side in sides)]
        yield CompareRun(options, sides, others_seen, reads, time.monotonic() - started, session, plan, to_be_made)


def _same_place(above: bytes, file: ComparedFile, _: str) -> bytes:
    """Return the folder of a file below the destination: the one that it has below its root."""
    return join(above, file.folder) if file.folder else above


def _directions(options: CompareOptions) -> Sequence[bool]:
    """Return for each direction whether it is the reverse one."""
    return (False, True) if options.both else (options.reverse,)


def refuse_overlap(old: bytes, new: Sequence[bytes], mounts: Mounts) -> None:
    """Raise `UsageError` if a folder is compared with itself, or with one inside it, by whatever path."""
    for path in new:
        if identity_of(path) == identity_of(old):
            problem = f"{display(path)} and {display(old)} are the same folder."
        elif are_nested(old, path, mounts):
            problem = f"{display(path)} is inside {display(old)}: each file in it would be found in itself."
        elif are_nested(path, old, mounts):
            problem = f"{display(old)} is inside {display(path)}: each file would be found in itself."
        else:
            continue
        raise _overlapping(problem, _APART)


def _overlapping(problem: str, hint: str) -> UsageError:
    return UsageError(problem, hint=hint, code=ErrorCode.OVERLAPPING)


def are_nested(outer: bytes, inner: bytes, mounts: Mounts) -> bool:
    """Return whether a folder is another one, or in it, by whatever path."""
    return is_within(inner, outer) or any(is_within(inner, alias) for alias in mounts.aliases(outer))


def confirmation(ours: Sequence[LocalStorage], others: Sequence[LocalStorage]) -> Confirmation:
    """Return a function that compares a file with one of the other trees byte by byte."""

    def confirm(file: ComparedFile, tree: int, folder: bytes, name: bytes) -> bool:
        one, other = ours[file.tree], others[tree]
        if one.kind is Kind.LOCAL and other.kind is Kind.LOCAL:
            return same_content(one, file.folder, file.name, other, folder, name)
        try:  # what stands for the inode number of an object is made of its ETag, which is not trusted here
            with one.open_read(file.folder, file.name) as first, other.open_read(folder, name) as second:
                return same_bytes(first, second, file.size)
        except OSError:
            return False

    return confirm


class Taken:
    """The files of a batch that the filters take. Patterns apply to names and to all folders above them."""

    def __init__(self, filters: Filters) -> None:
        """Raises `UsageError` for a pattern that can match nothing."""
        self._filters = filters
        self._ignore: Ignore | None = filters.ignore() if filters.include or filters.exclude else None
        self._folder: bytes | None = None
        self._scope: Scope | None = None
        self._is_excluded = False

    @property
    def is_needed(self) -> bool:
        """False if all files are taken."""
        return self._filters.has_bounds or self._ignore is not None or self._filters.max_depth is not None

    def __call__(self, batch: FileBatch) -> Sequence[int]:
        """Return the positions of the files that are taken."""
        if batch.folder != self._folder:
            self._enter(batch.folder)
        if self._is_excluded:
            return ()
        scope, takes = self._scope, self._filters.takes
        return [
            position
            for position, row in enumerate(batch.rows())
            if takes(Entry(*row, batch.dev)) and (scope is None or not scope.excludes(row[0], is_folder=False))
        ]

    def _enter(self, folder: bytes) -> None:
        depth = folder.count(b"/") + bool(folder)
        self._folder = folder
        self._is_excluded = self._filters.max_depth is not None and depth > self._filters.max_depth
        if self._ignore is not None:
            self._scope = self._ignore.scope(folder, None, None)
            self._is_excluded = self._is_excluded or any(map(self._leaves, with_parents(folder)))

    def _leaves(self, folder: bytes) -> bool:
        """Return whether the patterns exclude a folder itself."""
        above, name = split(folder)
        scope = None if self._ignore is None else self._ignore.scope(above, None, None)
        return scope is not None and scope.excludes(name, is_folder=True)
