"""Import: copy what a card has and the destination has not, and certify what is in the destination afterwards.

Both sides are read before the copies and again after them. The certificate is made from the second reading alone.
"""

from __future__ import annotations

import contextlib
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from xxhash import xxh3_64_intdigest

from fileorg.content.comparison import Comparison
from fileorg.core.errors import ErrorCode, Exit, FileorgError, UsageError
from fileorg.core.formats import named
from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.model import DEST, ROOT, Action, By, JobState, LookInto, OnConflict
from fileorg.core.names import below, display, is_within, scheme_of
from fileorg.core.pool import Processes
from fileorg.core.tuples import NamedTuple
from fileorg.journal.journal import JobStart
from fileorg.plan.import_choice import ImportChoice
from fileorg.plan.organize_plan import OrganizePlan
from fileorg.plan.placing import Layout
from fileorg.report.certificate import Certificate
from fileorg.rules.classify import Rules
from fileorg.rules.filters import Filters
from fileorg.rules.template import Template, is_simple, parse_template
from fileorg.storage.base import Kind
from fileorg.storage.local.disks import is_lost_with
from fileorg.storage.local.mounts import Mounts, mount_number
from fileorg.storage.local.readiness import is_network
from fileorg.workflows.compare import Taken, are_nested, confirmation, refuse_overlap
from fileorg.workflows.compared_trees import ALL_FILES, ReadOptions, compared_trees, without_lasting_inodes
from fileorg.workflows.contents import DateOptions, with_contents
from fileorg.workflows.guards import Allowed, destination, existing_folder, refuse_system, refuse_too_many
from fileorg.workflows.operations import options_as_json
from fileorg.workflows.roots import changeable_root, distinct_folders, identity_of
from fileorg.workflows.seen_twice import refusing_views, shares_disk
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fileorg.content.hashing import Reads
    from fileorg.core.events import Reporter
    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.index.columns import FileBatch
    from fileorg.index.index import Index
    from fileorg.rules.config import Configuration, Rule
    from fileorg.scan.walk import Seen
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.workflows.compared_trees import Batches
    from fileorg.workflows.rule_layout import RulesOfRun
    from fileorg.workflows.seen_twice import Confirmation
    from fileorg.workflows.session import Later

_TRASH = "trash"
_APART = "choose a --dest that does not show the files of the card"
_UNSIGNED = (1 << 64) - 1
_CARD_FILE_SYSTEMS = frozenset({0x4D44, 0x2011BAB0})
"""FAT and exFAT: what cards are formatted with."""
_STALE_SECONDS = 1.1
"""For how long FUSE shows the times that a file had before its rename, by default, and network mounts at least."""


class ImportOptions(NamedTuple):
    """The options of `fileorg import`. The `filters` choose files of the `card`; `dest` is searched as a whole.

    `paranoid` compares each file byte by byte for the certificate, which a job writes to the file `certificate`; with
    `replaces_certificate`, in place of one that is there.
    """

    card: bytes
    dest: bytes
    by: By = By.CATEGORY
    template: str | None = None
    filters: Filters = Filters()
    paranoid: bool = False
    max_changes: int | None = None
    inside_project: bool = False
    configuration: Configuration | None = None
    certificate: bytes | None = None
    replaces_certificate: bool = False
    look_into: LookInto = LookInto.UNKNOWN  # files whose content is read for their category
    timezone: str = ""  # of dates in UTC; that of the machine if empty
    exiftool: bool = False  # ask exiftool, too, what pictures, films and recordings say
    allow_unsafe: bool = False  # also into a store that ignores conditions

    def facts(self) -> dict[str, Any]:
        """Return the options that the journal keeps for display."""
        chosen: dict[str, Any] = {"action": str(Action.COPY), "by": str(self.by)}
        if self.template:
            chosen["template"] = self.template
        if self.timezone:
            chosen["timezone"] = self.timezone
        if self.exiftool:
            chosen["exiftool"] = True
        if self.allow_unsafe:
            chosen["allow_unsafe"] = True
        if self.look_into is not LookInto.UNKNOWN:
            chosen["look_into"] = str(self.look_into)
        return chosen


class CardReplaced(FileorgError):
    """Raised if a folder is no longer what it was when the import began: there can be no certificate."""

    exit_code = Exit.SOME_FAILED
    code = ErrorCode.ANOTHER_FOLDER
    hint = "plug it in again and run the same command: it copies what is still missing"

    def __init__(self, path: bytes) -> None:
        super().__init__(f"{display(path)} was unplugged or replaced during the import.", path=path)


class _State(NamedTuple):
    """What a folder is, to notice that another disk has taken its path."""

    identity: tuple[int, int]
    mount: int | None


class _Names:
    """A sum over the names, sizes and times of the files of a tree, in whatever order they come."""

    def __init__(self) -> None:
        self.sum = 0

    def watching(self, batches: Batches) -> Batches:
        for sequence, batch in batches:
            facts = zip(batch.split_names(), batch.sizes, batch.mtimes_ns, strict=True)
            for name, size, mtime_ns in facts:
                fact = b"%b\0%b\0%d\0%d" % (batch.folder, name, size, mtime_ns)
                self.sum = (self.sum + xxh3_64_intdigest(fact)) & _UNSIGNED
            yield sequence, batch


class ImportRun:
    """A plan to copy, ready to be shown and to be run once, and then the certificate."""

    def __init__(
        self,
        options: ImportOptions,
        session: Session,
        plan: OrganizePlan,
        first: contextlib.ExitStack,
        read: Callable[..., contextlib.AbstractContextManager[Certificate]],
        found: Comparison,
        seen: tuple[Seen, Seen],
        reads: Reads,
        to_be_made: bytes,
    ) -> None:
        """`found`, `seen` and `reads` are of the reading before the copies, which ends with `first`."""
        self.plan, self.found, self.seen, self.reads = plan, found, seen, reads
        self._options, self._session, self._first, self._read = options, session, first, read
        self._to_be_made = to_be_made

    @property
    def card(self) -> bytes:
        return self._session.storages[0].root

    @property
    def dest(self) -> bytes:
        """The directory, or one above it that exists, in which the copies are made."""
        return self._session.storages[DEST].root

    @property
    def copies(self) -> bytes:
        """The folder of the copies, which need not exist yet."""
        return below(self.dest, self._to_be_made)

    @property
    def bases(self) -> dict[int, bytes]:
        """The directories of the run other than the card, by base."""
        return {base: storage.root for base, storage in enumerate(self._session.storages) if base}

    @property
    def certificate_file(self) -> bytes:
        """The path of the file for the certificate, empty for none."""
        return self._options.certificate or b""

    def check(self) -> None:
        """Check the guard that needs the plan. Raises `GuardRefused`."""
        refuse_too_many(self.plan.files, self._options.max_changes, "file", "copied")

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Copy the files. Raises `JournalError`; `GuardRefused` if there are more than `--max-changes`."""
        self.check()
        made = named("dest", self.copies) if self._to_be_made else {}
        facts, stage = self._options.facts() | made, str(Action.COPY)
        return self._session.run(
            "import",
            self.plan,
            facts,
            stop,
            stage=stage,
            renames=0,
            copies=True,
            size_bytes=self.plan.size_bytes,
            ends_job=False,
        )

    def save(self, later: Later) -> None:
        """Keep the import as a job to be carried out later, which makes its plan then. Raises `JournalError`."""
        self.check()
        self._session.keep(self.plan.files, self.card, later)

    def note_certificate(self, fd: int) -> None:
        """Note the open file that becomes the certificate, so that a later attempt of the job may replace it."""
        if (path := self._session.file_of_job(b"certificate")) is not None:
            with contextlib.suppress(OSError), open(path, "wb") as file:
                file.write(_file_identity(os.fstat(fd)))

    @property
    def may_replace_certificate(self) -> bool:
        """True if the file of the certificate may be replaced: as asked, or because an attempt of this job wrote it."""
        path = self._session.file_of_job(b"certificate")
        if self._options.replaces_certificate or path is None:
            return self._options.replaces_certificate
        try:
            with open(path, "rb") as file:
                return file.read() == _file_identity(os.lstat(self.certificate_file))
        except OSError:
            return False

    def end(self, outcome: Outcome | None, *, is_complete: bool) -> None:
        """Record the end of the job, once the certificate is written: it has failed unless that is complete."""
        if outcome is not None:
            self._session.end_job_with(outcome)
        if not is_complete:
            self._session.end_job(JobState.FAILED, "not everything is in the destination")

    def certificate(self) -> contextlib.AbstractContextManager[Certificate]:
        """Read both sides again and yield the certificate; called once, after the run. Raises `CardReplaced`,
        `SeenTwice`.
        """
        self._first.close()
        return self._read()


@contextlib.contextmanager
def importing(
    options: ImportOptions,
    state: StateDirectory,
    reporter: Reporter,
    *,
    changes: bool = True,
    resumes: JobStart | None = None,
    fd: int | None = None,
) -> Iterator[ImportRun]:
    """Compare the card with the destination and plan the copies; the run holds its locks until the block ends. Without
    `changes`, no file is touched. `resumes` is a job that is taken up again, `fd` its status file.

    Raises `UsageError`, `GuardRefused`, `Locked`, `StateError`, `JournalError`.
    """
    mounts, rules = Mounts(), Rules.of(options.configuration)
    template, own_rules = _layout_options(options)
    by_taken = options.by is By.DATE and not options.template
    if template.uses_category or own_rules or by_taken or options.look_into is LookInto.ALL:
        rules = rules.asking(options.look_into)
    card = existing_folder(options.card)
    if options.certificate is not None:
        refuse_writing_to_card(card, options.certificate, mounts)
    refuse_system(card, display(card), state)  # undo and recovery refuse it, too
    allowed = Allowed(options.inside_project, read_only=not changes)
    if scheme_of(options.dest):
        dest, to_be_made = changeable_root(options.dest, state, allowed), b""
    else:
        dest, to_be_made = destination(options.dest, state, allowed)
        _refuse_on_card(card, dest, to_be_made, mounts)
    taken = Taken(options.filters)
    compiled = None
    if own_rules:
        from fileorg.workflows.rule_layout import rules_of_run

        compiled = rules_of_run(own_rules, options.configuration, rules, card, ALL_FILES, Action.COPY)
    absolute = options._replace(card=card, dest=below(dest, to_be_made))
    job = JobStart("import", options_as_json(absolute), time.time_ns())
    what = f"importing {display(card)}"
    with (
        Session.opened(state, what, reporter, changes=changes, kind="import", job=resumes or job, fd=fd) as session,
        contextlib.ExitStack() as stack,
    ):
        reporter = session.reporter
        source = session.open(card, one_file_system=options.filters.one_file_system)
        target = session.open_changeable(dest, allowed, to_be_made=to_be_made)
        session.storages = (source, target)
        layout = _layout(rules, template, compiled, session, to_be_made, allowed)
        if layout.by_rules is not None:
            session.storages = tuple(layout.by_rules.storages)
        session.report_unwritable(session.storages[1:])
        session.lock(session.storages)
        session.refuse_unsafe(only_uploads=True, allow_unsafe=options.allow_unsafe)
        index = session.open_index()
        taken_if_needed = taken if taken.is_needed else None
        copies = [below(dest, to_be_made), *(() if layout.by_rules is None else layout.by_rules.folders)]
        reader = _TwoReadings(session, index, copies, options, taken_if_needed, mounts)
        first = stack.enter_context(contextlib.ExitStack())
        found, seen, reads = first.enter_context(reader.read_first())
        choice = first.enter_context(
            ImportChoice(found, source, to_be_made, taken_if_needed, keeps_numbers=layout.by_rules is None)
        )
        dates = DateOptions(by_taken, options.timezone, options.configuration, options.exiftool)
        layout = with_contents(layout, dates, index, source)
        plan = OrganizePlan(index, layout, source, target, choice.adjusted, new_name=choice.new_name)
        first.callback(plan.close)
        plan.survey(found.sums.files, reporter)
        yield ImportRun(options, session, plan, first, reader.read_again, found, seen, reads, to_be_made)


def _layout_options(options: ImportOptions) -> tuple[Template, Sequence[Rule]]:
    """Return the layout of the files that no rule matches, and the rules. Raises `UsageError`."""
    own = () if options.configuration is None else options.configuration.selected(())
    # Everything is copied: of the rules, only the targets count.
    rules = tuple(
        rule._replace(action=None, on_conflict=None) for rule in own if not rule.keep and rule.action != _TRASH
    )
    if options.template and not is_simple(options.template):
        from fileorg.workflows.rule_layout import template_rule

        return Template.for_by(options.by), (*rules, template_rule(options.template))
    return parse_template(options.template) if options.template else Template.for_by(options.by), rules


def _layout(
    rules: Rules,
    template: Template,
    compiled: RulesOfRun | None,
    session: Session,
    to_be_made: bytes,
    allowed: Allowed,
) -> Layout:
    """Return the layout of the copies; with rules, it has the directories of their targets."""
    source, target = session.storages
    by_rules = None
    fold = target.is_case_insensitive()
    actual_folder = partial(target.actual_folder, known=Memo(MANY_FOLDERS))
    if compiled is not None:
        from fileorg.plan.base_folders import real
        from fileorg.plan.rule_targets import RuleTargets
        from fileorg.workflows.rule_layout import layout_of

        def opened(path: bytes, made: bytes) -> LocalStorage:
            return session.open_changeable(path, allowed, to_be_made=made)

        by_rules = layout_of(compiled.rules, (source, target), DEST, session.state, allowed, opened)
        if on_card := [path for path, folder in by_rules.folders.items() if real(folder, DEST)[0] == ROOT]:
            problem = f"A rule copies files to {display(on_card[0])}, which is on the card itself."
            raise UsageError(problem, hint="change the rule, or choose others", code=ErrorCode.OVERLAPPING)
        by_rules = by_rules.with_trash(session.trash)._replace(to_be_made=to_be_made)
        fold = any(storage.is_case_insensitive() for storage in by_rules.storages)
        actual_folder = partial(RuleTargets(by_rules.storages, DEST).actual_folder, known=Memo(MANY_FOLDERS))
    return Layout(
        rules,
        template.below(to_be_made),
        Action.COPY,
        OnConflict.RENAME,
        DEST,
        fold,
        target_root=target.root,
        actual_folder=actual_folder,
        into_whole=True,
        by_rules=by_rules,
        takes_other=True,
    )


class _TwoReadings:
    """Reads the card and the folders of the copies, before and after."""

    def __init__(
        self,
        session: Session,
        index: Index,
        copies: Sequence[bytes],
        options: ImportOptions,
        taken: Callable[[FileBatch], Sequence[int]] | None,
        mounts: Mounts,
    ) -> None:
        """`copies` are the folders to which files are copied; they need not exist yet."""
        self._session, self._index, self._copies = session, index, copies
        self._options, self._taken, self._mounts = options, taken, mounts
        self._card = session.storages[0]
        self._names, self._shares_disk = _Names(), False
        self._states = _states_of(session.storages)

    def _trees(self) -> list[LocalStorage]:
        """Return the card and the folders of copies that exist."""
        paths = distinct_folders([path for path in self._copies if scheme_of(path) or os.path.isdir(path)])
        refuse_overlap(self._card.root, paths, self._mounts)
        opened = [self._session.open(path) for path in paths]
        self._states |= _states_of(opened)
        return [self._card, *opened]

    @contextlib.contextmanager
    def read_first(self) -> Iterator[tuple[Comparison, tuple[Seen, Seen], Reads]]:
        """Find out what is missing. No digest from an earlier run is used for the card, nor for a disk whose inode
        numbers do not last: another one may have had its place. Raises `SeenTwice`.
        """
        trees = self._trees()
        fresh = [0, *without_lasting_inodes(trees, self._mounts)]
        options = ReadOptions(self._options.filters, fresh=fresh, watch=self._names.watching)
        with self._comparison(trees, options, self._confirmation(trees, None)) as read:
            self._shares_disk = shares_disk(self._card, read[0], self._copies, self._mounts, _APART)
            yield read

    @contextlib.contextmanager
    def read_again(self) -> Iterator[Certificate]:
        """Read again what was read before the copies only if it changed, and the copies from the disk. Raises
        `SeenTwice`.
        """
        self._refuse_replaced()
        trees, names = self._trees(), _Names()
        if any(tree.kind is Kind.LOCAL and is_network(tree.fd(b"")) for tree in trees[1:]):
            time.sleep(_STALE_SECONDS)  # else what was just copied may seem to change while it is read
        options = ReadOptions(self._options.filters, from_disk=True, watch=names.watching)
        confirm = confirmation(trees[:1], trees[1:]) if self._options.paranoid else None
        with self._comparison(trees, options, self._confirmation(trees, confirm)) as (found, seen, reads):
            self._refuse_replaced()
            yield Certificate(
                self._card.root,
                [storage.root for storage in trees[1:]] or self._copies[:1],
                found,
                seen[0],
                reads,
                has_changed=names.sum != self._names.sum,
                paranoid=self._options.paranoid,
                same_file_system=self._shares_disk
                or any(is_lost_with(tree.root, self._card.root) for tree in trees[1:] if tree.kind is Kind.LOCAL),
                taken=self._taken,
            )

    def _confirmation(self, trees: Sequence[LocalStorage], confirm: Confirmation | None) -> Confirmation | None:
        """See `refusing_views`. The mounts are those of now: some may have come since the first reading."""
        return refusing_views(trees[:1], trees[1:], Mounts(), confirm, _APART)

    @contextlib.contextmanager
    def _comparison(
        self, trees: Sequence[LocalStorage], options: ReadOptions, confirm: Confirmation | None
    ) -> Iterator[tuple[Comparison, tuple[Seen, Seen], Reads]]:
        session, index = self._session, self._index
        with (
            Processes() as pool,
            compared_trees(index, trees, options, self._mounts, session.state, pool, session.reporter) as read,
            Comparison(index.digests(), read.trees[:1], read.trees[1:]) as found,
        ):
            found.judge(read.repeated, self._taken, confirm)
            yield found, read.seen, read.reads

    def _refuse_replaced(self) -> None:
        """Raise `CardReplaced` if a path does not lead to the folder that was opened."""
        for storage, before in self._states.items():
            try:
                fd = os.open(storage.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            except OSError:
                raise CardReplaced(storage.root) from None
            try:
                if _State(identity_of_open(fd), mount_number(fd)) != before:
                    raise CardReplaced(storage.root)
            finally:
                os.close(fd)


def identity_of_open(fd: int) -> tuple[int, int]:
    """Return the device and inode numbers of an open folder."""
    seen = os.fstat(fd)
    return seen.st_dev, seen.st_ino


def _file_identity(seen: os.stat_result) -> bytes:
    """Return what tells a file from another one, and from what others have made of it."""
    return b"%d %d %d %d" % (seen.st_dev, seen.st_ino, seen.st_size, seen.st_mtime_ns)


def _states_of(storages: Iterable[LocalStorage]) -> dict[LocalStorage, _State]:
    """Return what the folders among some storages are: no other store can take the place of one."""
    fds = {storage: storage.fd(b"") for storage in storages if storage.kind is Kind.LOCAL}
    return {storage: _State(identity_of_open(fd), mount_number(fd)) for storage, fd in fds.items()}


def refuse_writing_to_card(card: bytes, path: bytes, mounts: Mounts | None = None) -> None:
    """Raise `UsageError` if a file would be written to the card, which is only read."""
    folder = os.path.dirname(os.path.realpath(path))
    if are_nested(os.path.realpath(card), folder, mounts or Mounts()):
        problem = f"{display(path)} is on the card itself, which is only read."
        raise UsageError(problem, hint="choose a file on another disk", code=ErrorCode.OVERLAPPING)


def _refuse_on_card(card: bytes, dest: bytes, to_be_made: bytes, mounts: Mounts) -> None:
    """Raise `UsageError` for a destination on the card, or for a card that is a part of the destination."""
    copies = below(dest, to_be_made)
    hint = "choose a --dest on another disk"
    if not to_be_made and identity_of(dest) == identity_of(card):
        problem = f"{display(dest)} and {display(card)} are the same folder."
    elif is_within(copies, card) or any(is_within(copies, alias) for alias in mounts.aliases(card)):
        problem = f"{display(copies)} is on the card itself: it is inside {display(card)}."
    elif not to_be_made and (is_within(card, dest) or any(is_within(card, alias) for alias in mounts.aliases(dest))):
        problem = f"{display(card)} is inside {display(dest)}: each file would be found in itself."
        hint = "choose a --dest that does not hold what is imported"
    elif _on_one_card(card, dest):
        problem = f"{display(copies)} is on the same card as {display(card)}."
    else:
        return
    raise UsageError(problem, hint=hint, code=ErrorCode.OVERLAPPING)


def _on_one_card(card: bytes, dest: bytes) -> bool:
    from fileorg.storage.local import posix

    if os.stat(card).st_dev != os.stat(dest).st_dev:
        return False
    fd = os.open(card, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return posix.file_system_type(fd) in _CARD_FILE_SYSTEMS
    finally:
        os.close(fd)
