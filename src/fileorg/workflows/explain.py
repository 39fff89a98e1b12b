"""Explain: the result that organize would have for one file, and the reason. Changes nothing."""

from __future__ import annotations

import contextlib
import os
import stat
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, GuardRefused, UsageError
from fileorg.core.events import NullReporter
from fileorg.core.names import display, is_within, join, scheme_of, split
from fileorg.core.times import kept
from fileorg.core.tuples import NamedTuple
from fileorg.rules.classify import Rules
from fileorg.rules.extensions import OTHER
from fileorg.scan.classifier import Classifier, LateContents
from fileorg.scan.selection import Selection
from fileorg.scan.stays import NotTaken
from fileorg.scan.walk import Reader
from fileorg.scan.why import Why, why
from fileorg.storage.local.listing import INODE_MASK
from fileorg.storage.local.readiness import State
from fileorg.workflows.guards import Allowed, existing_folder
from fileorg.workflows.open_journal import open_journal
from fileorg.workflows.organize import OrganizeOptions, organizing
from fileorg.workflows.roots import changeable_root, open_root, readable_root
from fileorg.workflows.scan import direct_contents, looking_into

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.content.dating import DatedBy
    from fileorg.core.model import Entry
    from fileorg.core.reasons import Reason
    from fileorg.core.state import StateDirectory
    from fileorg.rules.classify import Evidence
    from fileorg.rules.matching import CompiledRule
    from fileorg.scan.stays import StayReason
    from fileorg.storage.local.storage import LocalStorage


class Status(StrEnum):
    """The result that organize would have for a file."""

    GOES = "goes"
    STAYS = "stays"
    REFUSED = "refused"


class OpenBy(NamedTuple):
    """A process that has a file open for writing, and its name if known."""

    pid: int | None
    program: str | None


class RuleOfFile(NamedTuple):
    """A rule that was asked about a file: its line in the configuration, and the key that did not fit, if one did not.

    `action` is what the rule does: `to`, `keep`, or `trash`.
    """

    name: str
    line: int
    action: str
    failed: str = ""


class Explained(NamedTuple):
    """The explanation for a file. Paths are absolute, or URLs; `group`: the files that move together, the leader first.

    `reason` is why the file stays, or a note on its move; `refusal` is the sentence of a guard, and `marker` the
    evidence: a file beside it, or a folder above it that is left alone.
    """

    path: bytes
    status: Status
    reason: StayReason | Reason | None
    refusal: str | None
    marker: bytes | None
    group: Sequence[bytes]
    open_by: OpenBy | None
    evidence: Evidence
    new_path: bytes | None
    rule: RuleOfFile | None = None
    rules_before: Sequence[RuleOfFile] = ()
    dated_by: DatedBy | None = None
    moved_by: int | None = None
    """The operation that moved the file before: `watch` leaves it alone until it changes."""


def explain(path: bytes, root: bytes | None, options: OrganizeOptions, state: StateDirectory) -> Explained:
    """Return what `organize` of a folder would do with a file.

    The default `root` is the folder of the file, or its parent if that folder is named like a category. Raises
    `UsageError` for a path that does not exist or is not within the root.
    """
    in_store = bool(scheme_of(path))
    above, name = os.path.split(readable_root(path) + b"/" * path.endswith(b"/") if in_store else path)
    if in_store and not scheme_of(above):
        raise _no_file(path)  # it is a whole bucket
    folder = above if in_store else existing_folder(above or b".")
    real = os.path.join(folder, name)
    if not name or not (in_store or os.path.lexists(real)):
        raise _no_file(path)
    rules = Rules.of(options.configuration).asking(looking_into(folder, options.look_into))
    base = readable_root(root) if root is not None else _usual_root(folder, rules)
    if not is_within(folder, base):
        raise UsageError(
            f"{display(path)} is not in {display(base)}.",
            hint="give a --root that contains it",
            code=ErrorCode.BAD_VALUE,
            path=path,
        )
    inside = real[len(base) :].lstrip(b"/")
    filters = options.filters._replace(recursive=options.filters.recursive or b"/" in inside)
    asked = () if options.configuration is None else options.configuration.selected(options.rules)
    options = options._replace(root=base, filters=filters)
    if asked:
        from fileorg.workflows.rule_layout import with_rules

        filters = with_rules(filters, asked)
    evidence = Classifier(rules, None).evidence(b"", name)  # by name until it is known to be a file
    found = Explained(real, Status.STAYS, None, None, None, (), None, evidence, None)
    if not in_store and not stat.S_ISREG(os.lstat(real).st_mode):
        return found._replace(reason=NotTaken.NOT_A_FILE)
    with contextlib.ExitStack() as stack:
        storage = open_root(stack, base)
        at, name = split(inside)
        if in_store and _object(storage, path, at, name).is_folder:
            return found._replace(reason=NotTaken.NOT_A_FILE)
        seen = why(Reader(storage, Selection(filters, with_leaders=True)), storage, inside)
        evidence = Classifier(rules, storage, LateContents(partial(direct_contents, rules, storage))).evidence(
            at, seen.leader or name
        )
        found = found._replace(evidence=evidence, open_by=_open_by(storage, at, name))
    found = _with_scan(found, seen, base)
    try:
        changeable_root(base, state, Allowed())
    except (GuardRefused, UsageError) as refused:
        return found._replace(status=Status.REFUSED, reason=NotTaken.ROOT_REFUSED, refusal=str(refused))
    return found if found.reason is not None else _moved_before(_with_plan(found, inside, options, state), state)


def _no_file(path: bytes) -> UsageError:
    return UsageError(
        f"There is no file {display(path)}.", hint="check the spelling", code=ErrorCode.NO_SUCH_PATH, path=path
    )


def _object(storage: LocalStorage, path: bytes, folder: bytes, name: bytes) -> Entry:
    """Return the entry of an object or of a folder in a store. Raises `UsageError` if there is none, `OSError`."""
    there = storage.lstat(folder, name)
    if there is None:
        raise _no_file(path)
    return there


def _moved_before(found: Explained, state: StateDirectory) -> Explained:
    """Add the operation that moved the file before, if the file would move again."""
    if found.status is not Status.GOES or not state.has_journal or scheme_of(found.path):  # no watch is in a store
        return found
    from fileorg.journal.moved_before import mover_of

    seen = os.lstat(found.path)
    with open_journal(state, read_only=True) as journal:
        number = mover_of(journal, found.path, seen.st_ino & INODE_MASK, seen.st_size, kept(seen.st_mtime_ns))
    return found._replace(moved_by=number)


def _rule(rule: CompiledRule, failed: str = "") -> RuleOfFile:
    action = "keep" if rule.keeps else "trash" if rule.is_trash else "to"
    return RuleOfFile(rule.rule.name, rule.rule.line, action, failed)


def _usual_root(folder: bytes, rules: Rules) -> bytes:
    """Return the folder that a user would organize: not one that organize has made."""
    above, name = os.path.split(folder)
    if scheme_of(folder) and not scheme_of(above):  # a whole bucket
        return folder
    return above if os.fsdecode(name) in rules.categories else folder


def _open_by(storage: LocalStorage, folder: bytes, name: bytes) -> OpenBy | None:
    """Return the process that has the file open for writing, if it can be found."""
    try:
        with storage.held(folder, name) as found:
            state, pid, _ = found
    except OSError:
        return None
    if state is not State.IN_USE:
        return None
    program = None
    if pid is not None:
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            program = file.read().strip()
    return OpenBy(pid, program)


def _with_scan(found: Explained, seen: Why, base: bytes) -> Explained:
    folder = os.path.dirname(found.path)
    leader = seen.leader or os.path.basename(found.path)
    others = [name for name in seen.members if name != leader]
    group = [os.path.join(folder, name) for name in (leader, *others)] if others else []
    marker = None
    if seen.reason is not None:
        at = os.path.join(base, seen.at)
        # A marker lies beside the skipped entry or in it; without one, the skipped folder above is the evidence.
        marker = os.path.join(os.path.dirname(at), seen.marker) if seen.marker else at if at != found.path else None
    return found._replace(reason=seen.reason, marker=marker, group=group)


def _with_plan(found: Explained, inside: bytes, options: OrganizeOptions, state: StateDirectory) -> Explained:
    """Add the result that the plan has for the file."""
    folder, name = split(inside)
    with organizing(options, state, NullReporter(), changes=False) as run:
        leader = os.path.basename(found.group[0]) if found.group else name
        [(plan, _)] = run.parts
        failed, decision = plan.explained(folder, leader)
        found = found._replace(
            rules_before=[_rule(each.rule, f"{each.table}: {each.shown}") for each in failed],
            rule=None if decision is None else _rule(decision.rule),
        )
        there = plan.source_entry(folder, leader)
        if there is not None:
            found = found._replace(dated_by=plan.dated_by(folder, leader, there.mtime_ns))
        for batch in run.plan.batches(4096):
            for row in batch:
                if (row.source_folder, row.source_name) == (folder, name) and row.category:
                    if row.reason is not None:
                        return found._replace(reason=row.reason)
                    target = run.bases.get(row.target_base, run.root)
                    new_path = os.path.join(target, join(row.target_folder, row.target_name))
                    return found._replace(status=Status.GOES, new_path=new_path)
    if decision is not None and decision.rule.keeps:
        return found._replace(reason=NotTaken.KEPT)
    other = found.evidence.category == OTHER and decision is None
    return found._replace(reason=NotTaken.UNKNOWN_KIND if other else NotTaken.IN_PLACE)
