"""Choose the keeper of a duplicate group and the files to remove: pure rules over names and times."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from fileorg.core.names import is_within, join
from fileorg.core.tuples import NamedTuple
from fileorg.index.duplicate_groups import freed_files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from fileorg.content.companions import Companion, Companions
    from fileorg.index.duplicate_groups import Group, Member
    from fileorg.rules.ignore import Patterns


class Keep(StrEnum):
    """The rules by which a keeper is chosen."""

    OLDEST = "oldest"
    NEWEST = "newest"
    SHORTEST_PATH = "shortest-path"
    LONGEST_PATH = "longest-path"
    SHORTEST_NAME = "shortest-name"
    FIRST = "first"  # in the order in which the folders were given, then by path
    LARGEST_FOLDER = "largest-folder"
    CLEAN_NAME = "clean-name"


USUAL = (Keep.CLEAN_NAME, Keep.OLDEST, Keep.SHORTEST_PATH, Keep.FIRST)
"""The default order of rules, which also decides between files that meet the user's rules equally."""


class Precedence(StrEnum):
    """What decides about a file before the rules do."""

    REFERENCE = "reference"
    PROTECTED = "protected"
    LED_TO = "led-to"  # a symlink leads to it
    PREFERRED = "preferred"
    COMPANIONS = "companions"  # it is kept with the files of its group
    PATH = "path"  # no rule decides: the first by path


KeepReason: TypeAlias = Keep | Precedence

# The names that file managers and browsers give to copies, in some languages.
_COPY = re.compile(
    rb"(?:[ _-]?\(\d+\)|[ _-]+(?:copy|kopie|copie|copia)(?:[ _]\(?\d+\)?)?"
    rb"|[ _]\((?:another |\d+(?:st|nd|rd|th) )?(?:copy|kopie|copie|copia)(?: \d+)?\))$"
    rb"|^(?:copy|kopie|copie|copia) (?:\(\d+\) )?(?:of|von|de|di) ",
    re.IGNORECASE,
)


class Trees(NamedTuple):
    """The trees that were searched, by `Member.root`, and the paths in them that are never touched: reference folders,
    and files that are mount points.
    """

    paths: Sequence[bytes]
    references: Sequence[bytes] = ()

    def path(self, member: Member) -> bytes:
        """Return the absolute path."""
        root, folder, name, *_ = member
        return os.path.join(self.paths[root], folder + b"/" + name if folder else name)

    def is_reference(self, path: bytes) -> bool:
        return any(is_within(path, reference) for reference in self.references)


class KeepOptions(NamedTuple):
    """The user's choices. `isolate`: remove only duplicates of files in another given folder, and none in a folder that
    has a name of the keeper's file. `with_links`: list every name of a file, not one of them.
    """

    keep: Sequence[Keep] = ()
    prefer: Patterns | None = None
    protect: Patterns | None = None
    isolate: bool = False
    with_links: bool = False


class KeeperDecision(NamedTuple):
    """A group after the decision: the keeper, the files to remove, and the files that stay beside the keeper. `listed`:
    the names for reports: the keeper, the victims, and one name, or all, of each other file that stays. `led_to`: the
    files of `stays` that only stay because a symlink leads to them. `along`: the followers removed with a victim, each
    with its counterpart.
    """

    group: Group
    keeper: Member
    victims: list[Member]
    stays: list[Member]
    listed: list[Member]
    led_to: Sequence[Member] = ()
    along: Mapping[Member, Sequence[tuple[Companion, Companion]]] = MappingProxyType({})

    @property
    def wasted(self) -> int:
        """The number of copies of the content whose space is free when the victims are gone."""
        return freed_files(self.victims)


class Leads(NamedTuple):
    """The targets of symlinks: `to` tests an absolute path. With `keep` such files always stay, else preferably."""

    to: Callable[[bytes], bool]
    keep: bool


class KeeperPolicy:
    """Decides each group. Optimised for the common case: two files, no preferences, up to a million groups."""

    def __init__(
        self,
        trees: Trees,
        options: KeepOptions,
        files_in: Callable[[int, bytes], int],
        leads: Leads | None = None,
        companions: Companions | None = None,
    ) -> None:
        """`files_in` returns the number of files in a folder of a tree; `leads` are the targets of symlinks, if any;
        `companions` are the groups of files kept together.
        """
        self._companions = companions if companions is not None and companions.are_there else None
        self._trees = trees
        self._prefixes = [os.path.join(path, b"") for path in trees.paths]
        self._options = options
        self._files_in = files_in
        self._leads = leads
        self.with_links = options.with_links
        self._has_precedence = bool(trees.references or options.protect or options.isolate or options.prefer)
        self.is_default = not (options.keep or self._has_precedence or options.with_links or leads or self._companions)
        """The keeper is always the first member of a group, and all other files are removable."""
        self._is_usual = not (options.keep or self._has_precedence or options.with_links)
        order = [*dict.fromkeys((*options.keep, *USUAL))]
        self._order = [(rule, self._measure(rule)) for rule in order[: order.index(Keep.FIRST) + 1]]

    def decide(self, group: Group, kept: Sequence[Member] = ()) -> KeeperDecision:
        """Return the decision on a group. Hard links to the keeper are never victims: they are the same file.

        `kept` are the files that the user keeps, the first of them as the keeper. No choice removes a file that the
        options keep.
        """
        led_to = self._is_led_to(group)
        is_usual = self._is_usual and not led_to and not kept
        decision = self._usually(group) if is_usual else self._ranked(group, led_to, kept)
        if self._companions is None:
            return decision
        return self._with_companions(decision, self._companions, is_chosen=bool(kept))

    def why(self, decision: KeeperDecision) -> list[KeepReason]:
        """Return what made the keeper of a decision without a choice, in the order in which it counted."""
        group = decision.group
        reasons = list[KeepReason]()
        ranked = self._by_path(group)
        keeper = self._narrowed(ranked, self._ranks(ranked, self._is_led_to(group)), reasons)
        return reasons if keeper == decision.keeper else [Precedence.COMPANIONS]

    def always_kept(self, member: Member) -> Precedence | None:
        """Return why a file stays whatever the user chooses, None if it may be removed."""
        rank = self._precedence(self._trees.path(member), member, is_led_to=False)
        if rank in {_REFERENCE, _PROTECTED}:
            return Precedence.REFERENCE if rank == _REFERENCE else Precedence.PROTECTED
        if self._is_kept_for_links(member):
            return Precedence.LED_TO
        follows = self._companions is not None and self._companions.leader(member) is not None
        return Precedence.COMPANIONS if follows else None

    def _is_led_to(self, group: Group) -> set[Member]:
        """Return the files of a group that symlinks lead to."""
        if self._leads is None:
            return set()
        return {member for member in group.members if self._leads.to(self._trees.path(member))}

    def _with_companions(self, decision: KeeperDecision, companions: Companions, *, is_chosen: bool) -> KeeperDecision:
        """Adjust a decision: a follower is no duplicate by itself; a leader is removed only with its followers."""
        if not is_chosen and not companions.followers(decision.keeper):
            decision = self._kept_by_leader(decision, companions)
        keeper = decision.keeper
        victims: list[Member] = []
        stays, led_to = list(decision.stays), list(decision.led_to)
        along: dict[Member, Sequence[tuple[Companion, Companion]]] = {}
        for victim in decision.victims:
            pairs = companions.pairs(victim, keeper)
            is_itself = companions.leader(victim) is None and victim[3:5] != keeper[3:5]
            if pairs is None or not is_itself or not all(self._is_free(each.member) for each, _ in pairs):
                stays.append(victim)
                if is_itself and any(self._is_kept_for_links(each.member) for each, _ in pairs or ()):
                    led_to.append(victim)
                continue
            victims.append(victim)
            if pairs:
                along[victim] = pairs
        return decision._replace(victims=victims, stays=stays, along=along, led_to=led_to)

    def _kept_by_leader(self, decision: KeeperDecision, companions: Companions) -> KeeperDecision:
        """Return the decision with a keeper that has followers: another name of the same file, else a victim."""
        keeper, own = decision.keeper, decision.keeper[3:5]
        if not self._is_free(keeper):
            return decision
        names = [member for member in decision.stays if member[3:5] == own]
        for leader in filter(companions.followers, names):
            stays = [keeper if member == leader else member for member in decision.stays]
            listed = [leader, *(member for member in decision.listed if member not in {keeper, leader})]
            return decision._replace(keeper=leader, stays=stays, listed=listed)
        for leader in filter(companions.followers, decision.victims):
            free = [member for member in names if self._is_free(member)]  # none of them may stay alone
            victims = [keeper, *free, *(member for member in decision.victims if member != leader)]
            stays = [member for member in decision.stays if member not in free]
            listed = [leader, *(member for member in decision.listed if member != leader)]
            return decision._replace(keeper=leader, victims=victims, stays=stays, listed=listed)
        return decision

    def _is_kept_for_links(self, member: Member) -> bool:
        return self._leads is not None and self._leads.keep and self._leads.to(self._trees.path(member))

    def _is_free(self, member: Member) -> bool:
        """Return whether a file may be removed, apart from its group."""
        path = self._trees.path(member)
        if self._is_kept_for_links(member):
            return False
        return self._precedence(path, member, is_led_to=False) >= _FREE

    def _usually(self, group: Group) -> KeeperDecision:
        """Decide without preferences: the index returns the members in the default order."""
        keeper, *others = members = group.members
        if group.files == len(members):  # nearly always: each file has one name
            return KeeperDecision(group, keeper, others, [], members)
        own = keeper[3:5]
        victims = [member for member in others if member[3:5] != own]
        stays = [member for member in others if member[3:5] == own]
        return KeeperDecision(group, keeper, victims, stays, [keeper, *victims])

    def _by_path(self, group: Group) -> list[tuple[bytes, Member]]:
        prefixes = self._prefixes
        return sorted(
            (prefixes[member[0]] + (member[1] + b"/" + member[2] if member[1] else member[2]), member)
            for member in group.members
        )

    def _ranks(self, ranked: Sequence[tuple[bytes, Member]], led_to: Collection[Member]) -> dict[bytes, int]:
        if self._has_precedence or led_to:
            return {path: self._precedence(path, member, is_led_to=member in led_to) for path, member in ranked}
        return dict.fromkeys((path for path, _ in ranked), _FREE)

    def _narrowed(
        self, ranked: Sequence[tuple[bytes, Member]], precedence: Mapping[bytes, int], reasons: list[KeepReason]
    ) -> Member:
        """Return the keeper; add what decided to `reasons`."""
        candidates = ranked
        first = min(precedence.values())
        if first != max(precedence.values()):
            reasons.append(_REASONS[first])
            candidates = [place for place in ranked if precedence[place[0]] == first]
        for rule, measure in self._order:
            if len(candidates) == 1:
                return candidates[0][1]
            measured = [measure(path, member) for path, member in candidates]
            lowest = min(measured)
            if lowest != max(measured):
                reasons.append(rule)
                candidates = [place for place, number in zip(candidates, measured, strict=True) if number == lowest]
        if len(candidates) > 1:
            reasons.append(Precedence.PATH)
        return candidates[0][1]

    def _ranked(self, group: Group, led_to: Collection[Member], kept: Sequence[Member] = ()) -> KeeperDecision:
        options, ranked = self._options, self._by_path(group)
        precedence = self._ranks(ranked, led_to)
        keeper = kept[0] if kept else self._narrowed(ranked, precedence, [])
        own = {member[3:5] for member in kept or (keeper,)}
        known = {keeper[3:5]}
        closed = {member[0] for _, member in ranked if member[3:5] == keeper[3:5]} if options.isolate else ()
        victims: list[Member] = []
        stays: list[Member] = []
        stays_for_links: list[Member] = []
        keeps_led_to = self._leads is not None and self._leads.keep
        listed = [keeper]
        for path, member in ranked:
            if member is keeper:
                continue
            identity = member[3:5]
            if precedence[path] < _LED_TO or identity in own or member.root in closed:
                stays.append(member)
            elif keeps_led_to and member in led_to:
                stays.append(member)
                stays_for_links.append(member)
            else:
                victims.append(member)
                listed.append(member)
                continue
            if options.with_links or identity not in known:
                known.add(identity)
                listed.append(member)
        return KeeperDecision(group, keeper, victims, stays, listed, stays_for_links)

    def _precedence(self, path: bytes, member: Member, *, is_led_to: bool) -> int:
        """Return the rank of a file: first files that must stay, then preferred ones; symlink targets first in each."""
        if self._trees.is_reference(path):
            return _REFERENCE
        inside = join(member.folder, member.name)
        if self._options.protect is not None and self._options.protect.match(inside):
            return _PROTECTED
        is_other = self._options.prefer is not None and not self._options.prefer.match(inside)
        if is_led_to:
            return _LED_TO_NOT_PREFERRED if is_other else _LED_TO
        return _NOT_PREFERRED if is_other else _FREE

    def _measure(self, rule: Keep) -> Callable[[bytes, Member], int]:
        """Return a function of a path and its member; the member with the lowest value stays."""
        match rule:
            case Keep.OLDEST:
                return lambda _, member: member.mtime_ns
            case Keep.NEWEST:
                return lambda _, member: -member.mtime_ns
            case Keep.SHORTEST_PATH:
                return lambda path, _: len(path)
            case Keep.LONGEST_PATH:
                return lambda path, _: -len(path)
            case Keep.SHORTEST_NAME:
                return lambda _, member: len(member.name)
            case Keep.FIRST:
                return lambda _, member: member.root
            case Keep.LARGEST_FOLDER:
                return lambda _, member: -self._files_in(member.root, member.folder)
            case Keep.CLEAN_NAME:
                return lambda _, member: looks_like_a_copy(member.name)


_REFERENCE, _PROTECTED, _LED_TO, _FREE, _LED_TO_NOT_PREFERRED, _NOT_PREFERRED = range(6)
_REASONS = (
    Precedence.REFERENCE, Precedence.PROTECTED, Precedence.LED_TO, Precedence.PREFERRED, Precedence.LED_TO,
    Precedence.PREFERRED,
)  # fmt: skip


def looks_like_a_copy(name: bytes) -> bool:
    """Return whether a name looks like that of a copy: `a (1).jpg`, `a - Copy.jpg`, `Copy of a.jpg`."""
    if 0x28 not in name and b"op" not in name.lower():  # rejects nearly all names, in a tenth of the time
        return False
    stem, dot, _ = name.rpartition(b".")
    return _COPY.search(stem if dot and stem else name) is not None
