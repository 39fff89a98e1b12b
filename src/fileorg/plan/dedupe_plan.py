"""The plan of a dedupe: one row for each duplicate, which moves it to the trash or replaces it by a link."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.batches import in_batches, unsplit
from fileorg.core.model import ROOT, Action, Base, Keeper, PlanRow
from fileorg.core.names import join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.plan.missing_folders import PRIVATE_MODE, MissingFolders, is_missing
from fileorg.scan.classifier import Classifier

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.content.keeper import KeeperDecision, KeeperPolicy, Trees
    from fileorg.index.duplicate_groups import Group, Groups, Member
    from fileorg.plan.keeper_choices import KeeperChoices
    from fileorg.rules.classify import Rules
    from fileorg.storage.base import Storage


class DedupeAction(StrEnum):
    """The way to deal with duplicates."""

    QUARANTINE = "quarantine"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    REFLINK = "reflink"


_ACTIONS = {
    DedupeAction.QUARANTINE: Action.QUARANTINE,
    DedupeAction.HARDLINK: Action.REPLACE_BY_HARDLINK,
    DedupeAction.SYMLINK: Action.REPLACE_BY_SYMLINK,
    DedupeAction.REFLINK: Action.REFLINK,
}
_LED_TO = Reason(ReasonCode.SYMLINK_LEADS_TO_IT)
_ON_ONE_DISK = {
    Action.REPLACE_BY_HARDLINK: ReasonCode.HARD_LINK_TO_OTHER_DISK,
    Action.REFLINK: ReasonCode.REFLINK_TO_OTHER_DISK,
}


class FoundDuplicates:
    """The sums over decided groups. `victims` are the names that are removed or replaced, `size_bytes` is the sum of
    their sizes, `freed_bytes` the space that is free when all of them are gone; `led_to` stay because a symlink leads
    to them. `with_victims` is the number of groups that have any.
    """

    def __init__(self, groups: int = 0, victims: int = 0, size_bytes: int = 0, freed_bytes: int = 0) -> None:
        self.groups = self.with_victims = groups
        self.victims = victims
        self.led_to = 0
        self.size_bytes = size_bytes
        self.freed_bytes = freed_bytes


def decisions(
    groups: Iterable[Group], policy: KeeperPolicy, choices: KeeperChoices | None = None
) -> Iterator[KeeperDecision]:
    """Yield the decided groups with victims, or with hard links if these are requested; most waste first.

    `choices` are those of the user among all groups, which `groups` must then be.
    """
    for position, group in enumerate(groups):
        decision = policy.decide(group) if choices is None else choices.decide(position, group, policy)
        if decision.victims or decision.led_to or (policy.with_links and len(decision.listed) > 1):
            yield decision


def found(groups: Groups, policy: KeeperPolicy, choices: KeeperChoices | None = None) -> FoundDuplicates:
    """Return the sums of all groups."""
    if policy.is_default and choices is None:
        return FoundDuplicates(*groups.sums())
    sums = FoundDuplicates()
    for decision in decisions(groups.all_groups(), policy, choices):
        sums.groups += 1
        sums.with_victims += bool(decision.victims)
        along = [companion for pairs in decision.along.values() for companion, _ in pairs]
        size_bytes = sum(companion.size for companion in along)
        sums.victims += len(decision.victims) + len(along)
        sums.led_to += len(decision.led_to)
        sums.size_bytes += decision.group.size * len(decision.victims) + size_bytes
        sums.freed_bytes += decision.group.size * decision.wasted + size_bytes
    return sums


def base_of(root: int) -> Base:
    """Return the base of a tree among the directories of the operation."""
    return root + 1 if root else ROOT


class DedupePlan:
    """Rows for all victims, group by group. `execute` reads them once, a dry run any number of times."""

    def __init__(
        self,
        groups: Groups,
        policy: KeeperPolicy,
        action: DedupeAction,
        trees: Trees,
        storages: Sequence[Storage],
        trash: bytes,
        rules: Rules,
    ) -> None:
        """`storages` by `Base`; `trash` is the path of the trash below each of them."""
        self._groups, self._policy, self._trees = groups, policy, trees
        self._action = _ACTIONS[action]
        self._storages = storages
        self._classifiers = [Classifier(rules, storage) for storage in storages]
        self._trash = trash
        self._choices: KeeperChoices | None = None
        self.found = found(groups, policy)

    @property
    def files(self) -> int:
        return self.found.victims

    @property
    def is_chosen(self) -> bool:
        """True once the user's choices decide."""
        return self._choices is not None

    def choose(self, choices: KeeperChoices) -> None:
        """Let the user's choices decide."""
        self._choices = choices
        self.found = found(self._groups, self._policy, choices)

    def batches(self, rows: int) -> Iterator[list[PlanRow]]:
        """Yield at most `rows` rows at a time; folders of the trash just before the files moved there."""
        return unsplit(in_batches(self._all_rows(), rows))

    def _all_rows(self) -> Iterator[PlanRow]:
        missing = [MissingFolders(base, partial(self._is_missing, base)) for base in range(len(self._storages))]
        number = 0
        for decision in decisions(self._groups.all_groups(), self._policy, self._choices):
            for victim in decision.victims:
                along = decision.along.get(victim, ())
                number += bool(along)
                together = number if along else 0
                rows = [*self._rows(victim, decision.group.size, decision.keeper, missing, together)]
                for companion, kept in along:
                    rows += self._rows(companion.member, companion.size, kept.member, missing, together)
                yield from sorted(rows, key=lambda row: row.together)  # folders first: a group must not be split
            for member in decision.led_to:
                yield from self._rows(member, decision.group.size, decision.keeper, missing, reason=_LED_TO)

    def _rows(
        self,
        victim: Member,
        size: int,
        kept: Member,
        missing: Sequence[MissingFolders],
        together: int = 0,
        reason: Reason | None = None,
    ) -> Iterator[PlanRow]:
        """Yield the row of one duplicate, after those of the folders that it needs."""
        base, reason = base_of(victim.root), reason or self._reason(victim, kept)
        trash = join(self._trash, victim.folder) if victim.folder else self._trash
        if self._action is Action.REFLINK:
            trash = victim.folder  # the duplicate stays in place
        elif not reason:
            yield from missing[base].rows(trash, PRIVATE_MODE)
        yield PlanRow(
            action=self._action,
            source_base=base,
            source_folder=victim.folder,
            source_name=victim.name,
            target_base=base,
            target_folder=trash,
            target_name=victim.name,
            inode=victim.inode,
            size=size,
            mtime_ns=victim.mtime_ns,
            mode=victim.mode,
            category=self._classifiers[base].category_of(victim.folder, victim.name),
            reason=reason,
            keeper=Keeper(base_of(kept.root), kept.folder, kept.name, kept.inode, kept.mtime_ns),
            together=together,
        )

    def _reason(self, victim: Member, keeper: Member) -> Reason | None:
        """Return why the duplicate cannot be replaced, as far as that is known in advance."""
        code = _ON_ONE_DISK.get(self._action)
        if victim.dev == keeper.dev or code is None:
            return None
        return Reason(code, self._trees.path(keeper))

    def _is_missing(self, base: Base, folder: bytes) -> bool:
        storage = self._storages[base]
        if not storage.capabilities.empty_folders:
            return False
        inside = folder.startswith(self._trash + b"/")  # in the trash of an operation that has not begun
        return inside or is_missing(storage, folder)
