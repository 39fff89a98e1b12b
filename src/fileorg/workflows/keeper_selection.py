"""Choose which files of duplicate groups are kept, group by group, for any user interface. Changes only a plan."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple
from fileorg.plan.keeper_choices import KeeperChoices

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.content.keeper import KeeperDecision, KeeperPolicy, KeepReason, Precedence, Trees
    from fileorg.index.duplicate_groups import Groups
    from fileorg.plan.dedupe_plan import DedupePlan


class GroupFile(NamedTuple):
    """A name in a group. `always_kept`: why it stays whatever is chosen; `is_link`: it is a further name of a file."""

    path: bytes
    mtime_ns: int
    always_kept: Precedence | None
    is_link: bool


class OpenGroup(NamedTuple):
    """A group to choose from. `number` counts from 1; `why` says what suggests the first of the files."""

    number: int
    position: int
    size: int
    freed: int
    files: list[GroupFile]
    why: list[KeepReason]
    chosen: Sequence[int] | None
    """The files that were chosen before, by position; empty if all stay, None if nothing was chosen yet."""
    order: Sequence[int]
    """The position in the index of each file."""


class KeeperSelection:
    """The groups from which fileorg would remove files, and the choices so far."""

    def __init__(
        self, plan: DedupePlan, groups: Groups, policy: KeeperPolicy, trees: Trees, choices: KeeperChoices
    ) -> None:
        self._plan, self._groups, self._policy, self._trees = plan, groups, policy, trees
        self._choices = choices
        self.total = plan.found.with_victims

    def first_from(self, position: int = 0) -> OpenGroup | None:
        """Return the first group at this position or after it, None if there is none."""
        for at, group in enumerate(self._groups.all_groups(position), position):
            decision = self._policy.decide(group)
            if decision.victims:
                return self._opened(at, decision)
        return None

    def after(self, group: OpenGroup) -> OpenGroup | None:
        return self.first_from(group.position + 1)

    def before(self, group: OpenGroup) -> OpenGroup | None:
        """Return the group that was chosen from before this one, None for the first."""
        position = self._choices.last_before(group.position)
        return None if position is None else self.first_from(position)

    def keep(self, group: OpenGroup, files: Sequence[int]) -> int:
        """Keep these files of a group, the first of them as the keeper; all of them if empty. Return how many others
        the plan will remove or replace.
        """
        self._choices.set(group.position, [group.order[file] for file in files])
        [found] = self._groups.all_groups(group.position, 1)
        return len(self._choices.decide(group.position, found, self._policy).victims)

    def take_rest(self) -> None:
        """Take the suggestions for all groups without a choice."""
        self._choices.takes_rest = True

    def finish(self) -> None:
        """Let the choices decide in the plan."""
        self._plan.choose(self._choices)

    def _opened(self, position: int, decision: KeeperDecision) -> OpenGroup:
        members, keeper = decision.group.members, decision.keeper
        order = sorted(range(len(members)), key=lambda each: members[each] != keeper)
        seen = set[tuple[int, int]]()
        files = []
        for member in map(members.__getitem__, order):
            identity = member.dev, member.inode
            always_kept = self._policy.always_kept(member)
            files.append(GroupFile(self._trees.path(member), member.mtime_ns, always_kept, identity in seen))
            seen.add(identity)
        chosen = self._choices.get(position)
        return OpenGroup(
            self._choices.count_before(position) + 1,
            position,
            decision.group.size,
            decision.wasted,
            files,
            self._policy.why(decision),
            None if chosen is None else [order.index(each) for each in chosen],
            order,
        )


@contextlib.contextmanager
def selecting(plan: DedupePlan, groups: Groups, policy: KeeperPolicy, trees: Trees) -> Iterator[KeeperSelection]:
    """Yield the selection; the plan may use its choices until the block ends."""
    with contextlib.closing(KeeperChoices()) as choices:
        yield KeeperSelection(plan, groups, policy, trees, choices)
