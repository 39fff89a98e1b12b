"""Organize: scan, plan, show the plan, carry it out."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from fileorg.core.formats import named
from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.model import DEST, ROOT, Action, By, LookInto, OnConflict
from fileorg.core.names import below, collision_key, display, is_within, join, scheme_of, split
from fileorg.core.tuples import NamedTuple
from fileorg.journal.journal import JobStart
from fileorg.plan.organize_plan import OrganizePlan, PlannedNames
from fileorg.plan.placing import Layout
from fileorg.rules.classify import Rules
from fileorg.rules.filters import Filters
from fileorg.rules.template import Template, is_simple, parse_template
from fileorg.scan.classifier import LateContents
from fileorg.scan.selection import Selection
from fileorg.scan.stays import StaysStore
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.base import Kind
from fileorg.storage.local.mounts import Mounts
from fileorg.workflows.guards import Allowed, destination, refuse_too_many
from fileorg.workflows.operations import options_as_json
from fileorg.workflows.roots import changeable_root, identity_of, met_twice, note_nothing, separate_folders
from fileorg.workflows.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence

    from fileorg.core.events import Reporter
    from fileorg.core.model import Base, Outcome
    from fileorg.core.state import StateDirectory
    from fileorg.index.index import Index
    from fileorg.plan.base_folders import RuleLayout
    from fileorg.plan.combined_plan import CombinedPlan
    from fileorg.plan.plan_lines import PlanLines
    from fileorg.rules.config import Configuration, Rule
    from fileorg.scan.classifier import GatheredContents
    from fileorg.scan.gate import Gate
    from fileorg.scan.stays import Stays
    from fileorg.scan.symlinks import Leading
    from fileorg.storage.base import Storage
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.workflows.rule_layout import RulesOfRun
    from fileorg.workflows.session import Later


_COPY = ", or copy from it: add --action copy --dest DIR"
_NAME_ANOTHER = ", or name another --dest"


class OrganizeOptions(NamedTuple):
    """The options of `fileorg organize`. Only the top level is organized unless `filters.recursive`. `more_roots` are
    further folders, organized by the same operation.
    """

    root: bytes
    dest: bytes | None = None
    by: By = By.CATEGORY
    template: str | None = None
    action: Action = Action.MOVE
    on_conflict: OnConflict = OnConflict.RENAME
    filters: Filters = Filters(recursive=False)
    max_changes: int | None = None
    min_age_ns: int | None = None
    min_age: str = ""  # the same as it was given, for display
    inside_project: bool = False
    stays: bool = False  # keep each entry that stays, to be listed
    configuration: Configuration | None = None
    rules: Sequence[str] = ()  # names and @tags of its rules; all of them if empty
    remove_empty: bool = False  # remove the folders that the run empties
    look_into: LookInto = LookInto.UNKNOWN  # files whose content is read for their category
    timezone: str = ""  # of dates in UTC; that of the machine if empty
    exiftool: bool = False  # ask exiftool, too, what pictures, films and recordings say
    fix_extensions: bool = False  # only give files the extension of their content, in their folders
    more_roots: Sequence[bytes] = ()
    allow_unsafe: bool = False  # also in a store that ignores conditions

    @property
    def roots(self) -> list[bytes]:
        """All folders to organize."""
        return [self.root, *self.more_roots]

    def facts(self) -> dict[str, Any]:
        """Return the options that the journal keeps for display."""
        chosen: dict[str, Any] = {
            "by": str(self.by),
            "action": str(self.action),
            "on_conflict": str(self.on_conflict),
        }
        if self.template:
            chosen["template"] = self.template
        if self.rules:
            chosen["rules"] = [*self.rules]
        if self.filters.recursive:
            chosen["recursive"] = True
        if self.remove_empty:
            chosen["remove_empty"] = True
        if self.allow_unsafe:
            chosen["allow_unsafe"] = True
        if self.fix_extensions:
            chosen["fix_extensions"] = True
        if self.timezone:
            chosen["timezone"] = self.timezone
        if self.exiftool:
            chosen["exiftool"] = True
        if self.look_into is not LookInto.UNKNOWN:
            chosen["look_into"] = str(self.look_into)
        return chosen


class OrganizeRun:
    """A plan, ready to be shown and to be run once."""

    def __init__(
        self,
        plan: OrganizePlan | CombinedPlan,
        parts: Sequence[tuple[OrganizePlan, LocalStorage]],
        seen: Seen,
        options: OrganizeOptions,
        session: Session,
        left_alone: Iterable[Stays],
        to_be_made: bytes,
        index: Index,
    ) -> None:
        """`parts` are the plans of the roots, and `index` has their files. `to_be_made`: the path of the destination
        below a directory of the session, if the run makes it.
        """
        self.plan = plan
        self.parts = parts
        self.seen = seen
        self.index = index
        self._left_alone = left_alone
        self._options = options
        self._session = session
        self._to_be_made = to_be_made

    @property
    def root(self) -> bytes:
        """The folder that is organized, or the first of them."""
        return self._session.storages[0].root

    @property
    def roots(self) -> list[bytes]:
        """The folders that are organized."""
        return [storage.root for _, storage in self.parts]

    @property
    def dest(self) -> bytes | None:
        """The destination if it is not the root: an existing directory, in which folders may be created."""
        source, target = self._session.storages[:2]
        return None if target is source else target.root

    @property
    def bases(self) -> dict[int, bytes]:
        """The directories of the run other than the root, by base; with several roots, all of them."""
        source, *others = self._session.storages
        found = {base: storage.root for base, storage in enumerate(others, 1) if storage is not source}
        return found if len(self.parts) == 1 else {ROOT: source.root} | found

    def _destination(self) -> dict[str, str]:
        """Return the destination for the journal, if the run makes it: the journal has a folder above it as a root."""
        if not self._to_be_made:
            return {}
        return named("dest", os.path.join(self._session.storages[1].root, self._to_be_made))

    def stays(self) -> Iterator[Stays]:
        """Yield the entries that stay and have no row in the plan, if `options.stays`."""
        return itertools.chain(self._left_alone, self.plan.stays()) if self._options.stays else iter(())

    def run(self, stop: Callable[[], bool] = lambda: False) -> Outcome:
        """Carry out the plan. Raises `JournalError`; `GuardRefused` if it exceeds `--max-changes`."""
        self.check()
        action, facts = self._options.action, self._facts()
        copies = Action.COPY in self.plan.actions()
        size_bytes = self.plan.size_bytes
        outcome = self._session.run(
            "organize", self.plan, facts, stop, stage=str(action), copies=copies, size_bytes=size_bytes
        )
        if self._options.stays:
            from fileorg.workflows.keep_stays import keep_stays

            keep_stays(self._session, outcome.operation, self.stays())
        return outcome

    def plan_lines(self) -> PlanLines:
        """Return the plan as lines of JSON, for `fileorg apply`."""
        return self._session.plan_lines(self.plan)

    @property
    def all_roots(self) -> list[bytes]:
        """The directories that the plan is about, each once."""
        return self._session.roots

    def save(self, later: Later) -> None:
        """Keep the plan as a job to be carried out later. Raises like `run`, `OSError`."""
        self.check()
        action = self._options.action
        only_read = action is not Action.MOVE and self.dest is not None
        reads = [root for root in self.roots if root != self.dest] if only_read else []
        self._session.save(
            "organize",
            self.plan,
            self._facts(),
            later,
            stage=str(action),
            copies=action is Action.COPY,
            reads=reads,
        )

    def _facts(self) -> dict[str, Any]:
        return self._options.facts() | self._destination()

    def removed(self) -> int:
        """Return the number of folders that the run has removed."""
        rows = () if self.plan.emptied is None else self.plan.emptied.rows()
        return sum(1 for row in rows if not row.reason and self._is_gone(*row[4:7]))

    def _is_gone(self, base: Base, folder: bytes, name: bytes) -> bool:
        try:
            return self._session.storages[base].lstat(folder, name) is None
        except OSError:
            return False

    def emptied(self) -> int:
        """Return the number of folders that are empty after a run that moved files out of them.

        As for `fileorg clean`, a folder that holds only empty folders is empty.
        """
        if self._options.action is not Action.MOVE or not self._options.filters.recursive:
            return 0
        return sum(_emptied(plan, storage) for plan, storage in self.parts if storage.capabilities.empty_folders)

    def sizes_before(self, limit: int) -> list[int]:
        """Return the numbers of files that the last runs in this root have moved, the newest first."""
        from fileorg.journal.moved_before import sizes_before

        return sizes_before(self._session.journal, self.root, limit)

    def check(self) -> None:
        """Check the guards that need the plan. Raises `GuardRefused`."""
        refuse_too_many(self.plan.files, self._options.max_changes, "file", "moved")
        if self._options.on_conflict is OnConflict.FAIL or self.plan.may_fail:
            self.plan.refuse_conflicts()


@contextlib.contextmanager
def organizing(
    options: OrganizeOptions,
    state: StateDirectory,
    reporter: Reporter,
    *,
    changes: bool = True,
    resumes: JobStart | None = None,
    fd: int | None = None,
    gate: Gate | None = None,
) -> Iterator[OrganizeRun]:
    """Scan and plan; the run holds its locks until the block ends. Without `changes` nothing is written. `resumes` is a
    job that is taken up again, `fd` its status file. With a `gate`, nobody started the run by hand: it takes only files
    that pass, and undo does not count it if it changes nothing.

    Raises `UsageError`, `GuardRefused`, `Locked`, `JournalError`.
    """
    options = options._replace(filters=_with_age(options), min_age_ns=None)
    if options.fix_extensions:
        options = options._replace(look_into=LookInto.ALL)
    template, own_rules = _template(options)
    given, rules = options, Rules.of(options.configuration)
    by_taken = options.by is By.DATE and not options.template
    in_store = any(map(scheme_of, options.roots))
    if in_store or scheme_of(options.dest or b""):
        _refuse_in_store(options, is_watch=gate is not None)
    if in_store:
        rules = rules.asking(LookInto.NONE)
    elif template.uses_category or own_rules or by_taken or options.look_into is LookInto.ALL:
        rules = rules.asking(options.look_into)
    only_reads = options.dest is not None and options.action is not Action.MOVE and not own_rules
    allowed = Allowed(options.inside_project, read_only=only_reads or not changes, way_out=_COPY)
    roots = [changeable_root(root, state, allowed) for root in options.roots]
    if options.more_roots:
        roots = separate_folders(roots, reporter)
    compiled: list[RulesOfRun] = []
    if own_rules:
        from fileorg.workflows.rule_layout import layout_of, rules_of_run

        kinds = options.configuration, rules, options.filters, options.action
        compiled = [rules_of_run(own_rules, *kinds[:2], root, *kinds[2:]) for root in roots]
        options = options._replace(filters=compiled[0].filters)
        if in_store or scheme_of(options.dest or b""):
            from fileorg.rules.config import Configuration
            from fileorg.workflows.store_rules import refuse_in_store

            refuse_in_store(compiled[0].rules, options.configuration or Configuration(), from_store=in_store)
    within = None if in_store else identity_of(roots[0])
    into = Allowed(options.inside_project or options.filters.all_files, within, not changes, _NAME_ANOTHER)
    dest, to_be_made = _destination(options, roots, state, into)
    made = None if dest is None else os.path.join(dest, to_be_made)
    absolute = given._replace(root=roots[0], more_roots=roots[1:], dest=made)
    job = JobStart("organize", options_as_json(absolute), time.time_ns())
    what = "organizing " + ", ".join(map(display, roots))
    kind = "" if gate is not None else "organize"
    with Session.opened(state, what, reporter, changes=changes, kind=kind, job=resumes or job, fd=fd) as session:
        reporter = session.reporter
        one_file_system = options.filters.one_file_system
        sources = [session.open_changeable(root, allowed, one_file_system=one_file_system) for root in roots]
        note_nothing(sources, reporter)
        target = None if dest is None else _opened_target(session, dest, to_be_made, sources, into)
        storages = _with_new([sources[0], target or sources[0]], sources)
        by_rules: list[RuleLayout | None] = [None] * len(sources)
        for number, each in enumerate(compiled):
            own = sources[number], target or sources[number]
            by_rules[number] = of_rules = layout_of(
                each.rules,
                _with_new(own, storages),
                ROOT if own[0] is own[1] else DEST,
                state,
                into,
                lambda path, made: session.open_changeable(path, into, to_be_made=made),
            )
            storages = _with_new(storages, of_rules.storages)
        session.storages = tuple(storages)
        session.report_unwritable([target or sources[0]] if only_reads else session.storages)
        session.lock(session.storages)
        moves = options.action is not Action.COPY or not all(each.only_reads for each in compiled)
        only_uploads = not moves and not in_store
        session.refuse_unsafe(only_uploads=only_uploads, allow_unsafe=options.allow_unsafe)
        index = session.open_index(in_memory=not changes)
        never = set(state.identities())
        if target is not None and target not in sources and not to_be_made:
            never.add(target.identity)
        never.update(storage.identity for storage in storages[2:] if storage not in sources)
        twice, seen = met_twice(Mounts(), roots), Seen()
        names = PlannedNames()
        with contextlib.ExitStack() as plans, contextlib.closing(StaysStore()) as left_alone:
            parts: list[tuple[OrganizePlan, LocalStorage]] = []
            bases: list[list[Base]] = []
            selections: list[Selection] = []
            for source, rule_layout, seen_twice in zip(sources, by_rules, twice, strict=True):
                opened = (source, target or source) if rule_layout is None else tuple(rule_layout.storages)
                bases.append([storages.index(storage) for storage in (*opened, *sources)])
                layout = _layout(options, rules, template, opened, rule_layout, session, to_be_made)
                if by_taken or (rule_layout is not None and rule_layout.rules.needs_contents):
                    from fileorg.workflows.contents import DateOptions, with_contents

                    dates = DateOptions(by_taken, options.timezone, options.configuration, options.exiftool)
                    if in_store:
                        from fileorg.workflows.store_rules import ContentsOfNames

                        layout = layout._replace(rule_contents=ContentsOfNames(dates))
                    else:
                        layout = with_contents(layout, dates, index, source)
                elif rules.look_into is not LookInto.NONE:
                    layout = layout._replace(contents=LateContents(partial(_indexed, rules, index, source.root)))
                if len(sources) > 1:
                    layout = layout._replace(place=_place(opened, layout.base))
                selection = Selection(
                    options.filters,
                    frozenset(never),
                    seen_twice,
                    leave=frozenset() if options.fix_extensions else _own_folders(layout, to_be_made),
                    case_insensitive=layout.case_insensitive,
                    with_leaders=True,
                    leftovers=False,
                    leading=options.action is Action.MOVE or rule_layout is not None,
                    names_stays=options.stays,
                    gate=gate,
                )
                plan = OrganizePlan(index, layout, source, opened[1], names=names)
                parts.append((plans.enter_context(contextlib.closing(plan)), source))
                selections.append(selection)
            for number, ((plan, source), selection) in enumerate(zip(parts, selections, strict=True)):
                reporter.stage("scan")
                seen.leading, seen.stays = plan.add_symlinks, left_alone.add
                if len(sources) > 1:
                    seen.leading = partial(_add_symlinks, parts, bases, number)
                found = scan(Reader(source, selection), seen, reporter)
                if len(sources) > 1:
                    seen.stays = partial(_add_absolute, left_alone, source.root)
                else:
                    found = plan.watching(found)
                seen.unchanged += index.update(source.root, found)
            if options.action is Action.MOVE:
                session.expect_renames(seen.files)
            if len(parts) == 1:
                plan.survey(seen.files, reporter)
                if options.remove_empty:
                    plan.plan_removals(sources[0])
                yield OrganizeRun(plan, parts, seen, options, session, left_alone, to_be_made, index)
                return
            from fileorg.plan.combined_plan import CombinedPlan, OrganizePart

            organized = [OrganizePart(*part, own_bases) for part, own_bases in zip(parts, bases, strict=True)]
            all_of_it = CombinedPlan(organized, seen.files, reporter, remove_empty=options.remove_empty)
            yield OrganizeRun(all_of_it, parts, seen, options, session, left_alone, to_be_made, index)


def _refuse_in_store(options: OrganizeOptions, *, is_watch: bool) -> None:
    """Raise `UsageError` for a run that does not work on stores."""
    from fileorg.workflows.stores import cannot_yet

    places = options.roots if options.dest is None else [*options.roots, options.dest]
    in_store = [place for place in places if scheme_of(place)]
    unsupported = {
        "watch a folder": is_watch,
        "organize several folders": bool(options.more_roots),
        f"use --action {options.action}": options.action not in {Action.MOVE, Action.COPY},
        "use --fix-extensions": options.fix_extensions,
        "use --by-content": options.look_into is LookInto.ALL and bool(scheme_of(options.root)),
        "use --by date": options.by is By.DATE and bool(scheme_of(options.root)),
    }
    for what, is_asked in unsupported.items():
        if is_asked:
            raise cannot_yet(what, in_store[0])


def _add_symlinks(
    parts: Sequence[tuple[OrganizePlan, LocalStorage]],
    bases: Sequence[Sequence[Base]],
    number: int,
    found: Iterable[Leading],
) -> None:
    """Add the symlinks of a folder to the plans of all folders: they may lead to files of another one."""
    symlinks, storage = list(found), parts[number][1]
    for each, ((plan, _), known) in enumerate(zip(parts, bases, strict=True)):
        if each == number:
            plan.add_symlinks(symlinks)
        else:
            plan.add_symlinks(symlinks, len(known) - len(parts) + number, storage)


def _with_new(storages: Iterable[LocalStorage], more: Iterable[LocalStorage]) -> list[LocalStorage]:
    found = list(storages)
    found += [storage for storage in dict.fromkeys(more) if storage not in found]
    return found


def _opened_target(
    session: Session, dest: bytes, to_be_made: bytes, sources: Sequence[LocalStorage], into: Allowed
) -> LocalStorage:
    """Return the storage of the destination: that of a folder to organize if it is the same one."""
    outer = next((source for source in sources if is_within(dest, source.root)), sources[0])
    if dest == outer.root:
        return outer
    if outer.kind is Kind.LOCAL:
        into = into._replace(within=outer.identity)
    target = session.open_changeable(dest, into, to_be_made=to_be_made)
    # The paths may differ if it is mounted twice.
    return next((source for source in sources if source.identity == target.identity), target)


def _layout(
    options: OrganizeOptions,
    rules: Rules,
    template: Template,
    storages: Sequence[LocalStorage],
    by_rules: RuleLayout | None,
    session: Session,
    to_be_made: bytes,
) -> Layout:
    """Return the layout of one folder; `storages` are its directories."""
    source, target = storages[:2]
    base, fold = ROOT if target is source else DEST, target.is_case_insensitive()
    actual_folder = partial(target.actual_folder, known=Memo(MANY_FOLDERS))
    if by_rules is not None:
        from fileorg.plan.rule_targets import RuleTargets

        by_rules = by_rules.with_trash(session.trash)._replace(to_be_made=to_be_made)
        fold = any(storage.is_case_insensitive() for storage in storages)
        actual_folder = partial(RuleTargets(storages, base).actual_folder, known=Memo(MANY_FOLDERS))
    return Layout(
        rules,
        template.below(to_be_made),
        options.action,
        options.on_conflict,
        base,
        fold,
        join(to_be_made, session.trash),
        session.trash,
        target.root,
        actual_folder,
        options.filters.all_files,
        by_rules,
    )


def _own_folders(layout: Layout, to_be_made: bytes) -> frozenset[bytes]:
    """Return the keys of the folders at the top that organize makes for categories: a run does not enter them."""
    folders = (
        layout.template.top_folders(layout.rules.categories) or () if layout.base == ROOT and not to_be_made else ()
    )
    fold = layout.case_insensitive
    return frozenset(collision_key(layout.actual_folder(folder), case_insensitive=fold) for folder in folders)


def _place(storages: Sequence[LocalStorage], default: Base) -> Callable[[bytes], bytes]:
    """Return a function that returns the absolute path of a target folder."""
    from fileorg.plan.base_folders import real

    def place(folder: bytes) -> bytes:
        base, path = real(folder, default)
        return below(storages[base].root, path)

    return place


def _add_absolute(left_alone: StaysStore, root: bytes, found: Iterable[Stays]) -> None:
    left_alone.add(each._replace(path=below(root, each.path)) for each in found)


def _indexed(rules: Rules, index: Index, root: bytes) -> GatheredContents:
    from fileorg.workflows.contents import indexed  # only if a file is asked about

    return indexed(rules, index, root, None)


def _template(options: OrganizeOptions) -> tuple[Template, Sequence[Rule]]:
    """Return the layout of the files that no rule matches, and the rules. Raises `UsageError`."""
    rules = () if options.configuration is None else options.configuration.selected(options.rules)
    if options.fix_extensions:
        from fileorg.workflows.rule_layout import extension_rules

        return Template.for_by(By.CATEGORY), extension_rules(rules)
    if options.template and not is_simple(options.template):
        from fileorg.workflows.rule_layout import template_rule

        return Template.for_by(options.by), (*rules, template_rule(options.template))
    return parse_template(options.template) if options.template else Template.for_by(options.by), rules


def _emptied(plan: OrganizePlan, source: Storage) -> int:
    """Return the number of folders of a tree that are empty after its files were moved."""
    empty, pending = set[bytes](), list(plan.left_folders())
    while pending:  # a parent is asked again when its last folder turns out to be empty
        above = set[bytes]()
        for folder in pending:
            if folder not in empty and _is_empty(source, folder, empty):
                empty.add(folder)
                above.add(split(folder)[0])
        pending = [folder for folder in above if folder]
    return len(empty)


def _is_empty(storage: Storage, folder: bytes, empty: Container[bytes]) -> bool:
    """Return whether a folder holds nothing but folders in `empty`; False if it cannot be read."""
    try:
        return all(
            not (listing.files or listing.others)
            and all(join(folder, entry.name) in empty for entry in listing.folders)
            for listing in storage.list_folder(folder)
        )
    except OSError:
        return False


def _destination(
    options: OrganizeOptions, roots: Sequence[bytes], state: StateDirectory, allowed: Allowed
) -> tuple[bytes | None, bytes]:
    """Return the destination, and the path below it that is to be created: relative to a root if it is inside.

    Otherwise a folder within both directories of the operation would have two paths, and get its time back twice.
    """
    if options.dest is None:
        return None, b""
    if scheme_of(options.dest):
        return changeable_root(options.dest, state, allowed), b""
    dest, to_be_made = destination(options.dest, state, allowed)
    for root in roots:
        if to_be_made and dest.startswith(root + b"/") and os.stat(dest).st_dev == os.stat(root).st_dev:
            return root, join(dest[len(root) + 1 :], to_be_made)
    return dest, to_be_made


def _with_age(options: OrganizeOptions) -> Filters:
    if options.min_age_ns is None:
        return options.filters
    limit = time.time_ns() - options.min_age_ns
    older = options.filters.older_than_ns
    if older is not None and older <= limit:
        return options.filters
    return options.filters._replace(older_than_ns=limit, older_than_age=options.min_age)
