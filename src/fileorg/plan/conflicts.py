"""Two files, one name: which of them gets it, what the other is called, and which is not needed at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.content.compare import same_content
from fileorg.core.model import Action, OnConflict
from fileorg.core.names import collision_key, join, split
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.plan.draft import Claim, Decision, Draft
from fileorg.rules.template import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.storage.base import Storage


class Contender(NamedTuple):
    """A file that wants a name that may be taken. `stem` and `tail` say where a number goes: see `layout.numbered`."""

    source_folder: bytes
    source_name: bytes
    target_folder: bytes
    category: str
    size: int
    mtime_ns: int
    stem: int
    tail: int


class Contest:
    """Decides, in the order of the plan. Reads user files to compare them, and writes none."""

    def __init__(
        self,
        draft: Draft,
        source: Storage,
        target: Storage,
        *,
        action: Action,
        on_conflict: OnConflict,
        case_insensitive: bool,
        planned: Callable[[bytes, bytes], bool],
        moves: Callable[[bytes, bytes], bool],
    ) -> None:
        """`planned(folder, key)` says whether some file of the plan may want that name by itself, `moves(folder, name)`
        whether the file that has a name at the target is itself one that the plan moves elsewhere.
        """
        self._draft = draft
        self._source = source
        self._target = target
        self._action = action
        self._on_conflict = on_conflict
        self._case_insensitive = case_insensitive
        self._planned = planned
        self._moves = moves

    def decide(self, leader: Contender, followers: Sequence[Contender] = ()) -> None:
        """What becomes of a file and of the side-cars that go with it: they share its number, or stay with it."""
        holder = self._holder(leader, 1)
        renames = self._on_conflict is OnConflict.RENAME
        if holder is None:
            if renames and any(map(self._is_contested, followers)):
                self._take_number((leader, *followers))
                return
            self._take(leader, 1)
            for follower in followers:
                self.decide(follower)
            return
        twin = self._twin(leader, holder)
        if twin is None and renames:
            self._take_number((leader, *followers))
        elif twin is None and self._is_newer(leader, holder):
            self._displace(leader, holder)
            for follower in followers:
                self._go_along(follower)
        else:
            self._stay(leader, self._why_not(holder, twin))
            for follower in followers:
                self._stay(follower, _with_leader(leader.source_folder, leader.source_name))

    def _is_contested(self, file: Contender) -> bool:
        """Whether its name is held by other content."""
        holder = self._holder(file, 1)
        return holder is not None and self._twin(file, holder) is None

    def _is_newer(self, file: Contender, holder: Claim) -> bool:
        """Whether it takes the name."""
        return (
            self._on_conflict is OnConflict.KEEP_NEWER
            and file.mtime_ns > holder.mtime_ns
            and self._can_be_displaced(holder)
        )

    def _can_be_displaced(self, holder: Claim) -> bool:
        """A folder or a link never has to go, and a file that goes elsewhere by itself cannot go twice."""
        return holder.size >= 0 and not (holder.on_disk and self._moves(holder.at_folder, holder.at_name))

    def _why_not(self, holder: Claim, twin: Claim | None) -> Reason:
        if twin is not None:
            return Reason(ReasonCode.IDENTICAL, join(twin.at_folder, twin.at_name))
        newer = self._on_conflict is OnConflict.KEEP_NEWER and self._can_be_displaced(holder)
        code = ReasonCode.NEWER_THERE if newer else ReasonCode.NAME_TAKEN
        return Reason(code, join(holder.at_folder, holder.at_name))

    def _go_along(self, follower: Contender) -> None:
        """A side-car of a file that has displaced another one, however old it is."""
        holder = self._holder(follower, 1)
        if holder is None:
            self._take(follower, 1)
        elif (twin := self._twin(follower, holder)) is not None or not self._can_be_displaced(holder):
            self._stay(follower, self._why_not(holder, twin))
        else:
            self._displace(follower, holder)

    # What is decided ----------------------------------------------------------------------------------------------

    def _stay(self, file: Contender, reason: Reason) -> None:
        self._record(file, Decision(file.source_name, reason))

    def _take(self, file: Contender, number: int) -> None:
        name = self._named(file, number)
        self._draft.put(self._claim(file, name, number))
        self._record(file, Decision(name))

    def _take_number(self, group: Sequence[Contender]) -> None:
        """The first number that is free for all of them."""
        number = 1 + max(self._highest(file) for file in group)
        while not all(self._is_free(file, number) for file in group):
            number += 1
        for file in group:
            self._take(file, number)

    def _displace(self, file: Contender, holder: Claim) -> None:
        """It takes the name. What is on disk goes to the trash; what was only planned stays where it is."""
        displaced = holder.mtime_ns if holder.on_disk else self._send_back(holder, file)
        self._draft.put(self._claim(file, file.source_name, 1))
        self._record(file, Decision(file.source_name, displaced_mtime_ns=displaced))

    def _send_back(self, holder: Claim, newer: Contender) -> int | None:
        """A file of the plan stays after all, and its side-cars with it. The time of what it had displaced itself."""
        folder, name = holder.at_folder, holder.at_name
        before = self._draft.decision(folder, name)
        why = Reason(ReasonCode.NEWER_TAKES_NAME, join(newer.source_folder, newer.source_name))
        self._draft.revise(folder, name, Decision(name, why))
        for follower in self._draft.followers(folder, name):
            planned = self._draft.decision(folder, follower.name)
            if planned is not None and not planned.reason:
                self._draft.drop(holder.folder, self._key(planned.target_name))
                self._draft.revise(folder, follower.name, Decision(follower.name, _with_leader(folder, name)))
        return before.displaced_mtime_ns if before else None

    def _record(self, file: Contender, decision: Decision) -> None:
        self._draft.decide(file.source_folder, file.source_name, file.category, file.size, decision)

    # Who has which name -------------------------------------------------------------------------------------------

    def _holder(self, file: Contender, number: int) -> Claim | None:
        """Who has the name with that number: in the plan so far, or on the disk, which is entered when it is seen."""
        name = self._named(file, number)
        claim = self._draft.holder(file.target_folder, self._key(name))
        if claim is None and (there := self._target.lstat(file.target_folder, name)) is not None:
            claim = self._claim(file, name, number)._replace(
                on_disk=True,
                at_folder=file.target_folder,
                at_name=there.name,
                size=there.size if there.is_file else -1,  # a folder or link is never the same content
                mtime_ns=there.mtime_ns,
            )
            self._draft.put(claim)
        return claim

    def _is_free(self, file: Contender, number: int) -> bool:
        """A name that another file of the plan has by nature is left to it."""
        key = self._key(self._named(file, number))
        return not self._planned(file.target_folder, key) and self._holder(file, number) is None

    def _twin(self, file: Contender, holder: Claim) -> Claim | None:
        """The one with the same bytes, among those who have its name or a number of it."""
        family = self._key(file.source_name)
        claims = [holder, *self._draft.of_size(file.target_folder, family, file.size)]
        if self._action is Action.SYMLINK:
            claims += self._draft.of_size(file.target_folder, family, -1)
        number = self._highest(file)
        while (claim := self._holder(file, number := number + 1)) is not None:
            claims.append(claim)
        return next((claim for claim in dict.fromkeys(claims) if self._is_twin(file, claim)), None)

    def _is_twin(self, file: Contender, claim: Claim) -> bool:
        if claim.size < 0:
            return self._action is Action.SYMLINK and self._is_link_to(file, claim)
        if claim.size != file.size:
            return False
        storage = self._target if claim.on_disk else self._source
        return same_content(self._source, file.source_folder, file.source_name, storage, claim.at_folder, claim.at_name)

    def _is_link_to(self, file: Contender, claim: Claim) -> bool:
        """Whether it is a link to that file, or to another one of the tree with the same bytes."""
        try:
            content = self._target.readlink(claim.at_folder, claim.at_name)
        except OSError:  # a folder
            return False
        path = os.path.normpath(os.path.join(self._target.root, claim.at_folder, content))
        inside = path.removeprefix(self._source.root + b"/")
        return inside != path and same_content(
            self._source, file.source_folder, file.source_name, self._source, *split(inside)
        )

    def _claim(self, file: Contender, name: bytes, number: int) -> Claim:
        return Claim(
            folder=file.target_folder,
            key=self._key(name),
            family=self._key(file.source_name),
            number=number,
            on_disk=False,
            at_folder=file.source_folder,
            at_name=file.source_name,
            size=file.size,
            mtime_ns=file.mtime_ns,
        )

    def _named(self, file: Contender, number: int) -> bytes:
        if number == 1:
            return file.source_name
        limit = self._target.capabilities.name_limit
        return numbered(file.source_name, number, limit, stem=file.stem, tail=file.tail)

    def _key(self, name: bytes) -> bytes:
        return collision_key(name, case_insensitive=self._case_insensitive)

    def _highest(self, file: Contender) -> int:
        return self._draft.highest(file.target_folder, self._key(file.source_name))


def _with_leader(folder: bytes, name: bytes) -> Reason:
    return Reason(ReasonCode.LEADER_STAYS, join(folder, name))
