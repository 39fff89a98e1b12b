"""Two files, one name: which of them gets it, what the other is called, and which is not needed at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.content.compare import same_content
from fileorg.content.digest import SMALL_BYTES, start_digest, whole_digest
from fileorg.core.model import Action, OnConflict
from fileorg.core.names import collision_key, join, split
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.plan.draft import Claim, Decision, Draft, Family
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


class _Digests:
    """Of a file that is being decided, as far as they were needed."""

    __slots__ = ("start", "whole")

    def __init__(self) -> None:
        self.start: bytes | None = None
        self.whole: bytes | None = None


_FEW = 8
"""Files of one digest are the same, unless one was changed just now: more are not compared."""


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
        self._known: dict[Contender, _Digests] = {}

    def decide(self, leader: Contender, followers: Sequence[Contender] = (), *, may_be_numbered: bool = True) -> None:
        """What becomes of a file and of those that go with it: they get one number, or all stay.

        Without `may_be_numbered`, since their names are known to others, they get none.
        """
        self._known.clear()
        group = (leader, *followers)
        holder = self._holder(leader, 1)
        twin = None if holder is None else self._twin(leader, holder)
        if self._on_conflict is OnConflict.RENAME and (may_be_numbered or not followers):
            if holder is not None and twin is not None:
                self._stay_with(leader, self._why_not(holder, twin), group)
            elif holder is not None or any(map(self._is_contested, followers)):
                self._take_number(group)
            else:
                self._take_along(leader, followers)
            return
        if holder is not None and (twin is not None or not self._is_newer(leader, holder)):
            self._stay_with(leader, self._why_not(holder, twin), group)
            return
        go_along = holder is not None
        stays = next((file for file in followers if not self._may_go(file, go_along=go_along)), None)
        if stays is not None and (in_the_way := self._holder(stays, 1)) is not None:
            self._stay_with(stays, self._why_not(in_the_way, None), group)
        else:
            self._take_along(leader, followers)

    def _take_along(self, leader: Contender, followers: Sequence[Contender]) -> None:
        """They go under their own names; what is there already stays, and what is older makes room."""
        for file in (leader, *followers):
            holder = self._holder(file, 1)
            if holder is None:
                self._take(file, 1)
            elif file is not leader and (twin := self._twin(file, holder)) is not None:
                self._stay(file, self._why_not(holder, twin))
            else:
                self._displace(file, holder)

    def _stay_with(self, file: Contender, reason: Reason, group: Sequence[Contender]) -> None:
        """A file stays for a reason, and the others of its group with it."""
        for each in group:
            self._stay(each, reason if each is file else _with_leader(file.source_folder, file.source_name))

    def _may_go(self, follower: Contender, *, go_along: bool) -> bool:
        """Whether its name is free, or will be: with a file that displaces another one, however old it is."""
        holder = self._holder(follower, 1)
        if holder is None or self._twin(follower, holder) is not None:
            return True
        return self._can_be_displaced(holder) if go_along else self._is_newer(follower, holder)

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

    # What is decided ----------------------------------------------------------------------------------------------

    def _stay(self, file: Contender, reason: Reason) -> None:
        self._record(file, Decision(file.source_name, reason))

    def _take(self, file: Contender, number: int) -> None:
        name = self._named(file, number)
        self._put(file, name, number)
        self._record(file, Decision(name))

    def _put(self, file: Contender, name: bytes, number: int) -> None:
        known = self._known.get(file) or _Digests()
        self._draft.put(self._claim(file, name, number), known.start, known.whole)

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
        self._put(file, file.source_name, 1)
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
                content_size=there.size if there.is_file else -1,
            )
            if self._action is Action.SYMLINK and not there.is_file:
                claim = claim._replace(content_size=self._linked_size(claim))
            self._draft.put(claim)
        return claim

    def _is_free(self, file: Contender, number: int) -> bool:
        """A name that another file of the plan has by nature is left to it."""
        key = self._key(self._named(file, number))
        return not self._planned(file.target_folder, key) and self._holder(file, number) is None

    def _twin(self, file: Contender, holder: Claim) -> Claim | None:
        """The one with the same bytes, among those who have its name or a number of it."""
        family = self._key(file.source_name)
        if holder.family != family and self._is_twin(file, holder):
            return holder
        if (twin := self._twin_in_family(file, family)) is not None:
            return twin
        number, others, has_more = self._highest(file), list[Claim](), False
        while (claim := self._holder(file, number := number + 1)) is not None:
            if claim.family == family:
                has_more = True
            else:
                others.append(claim)
        twin = self._twin_in_family(file, family) if has_more else None
        return twin or next((claim for claim in others if self._is_twin(file, claim)), None)

    def _twin_in_family(self, file: Contender, family: bytes) -> Claim | None:
        """Each is read at most twice, however many want the name: one is compared, several are told by digests."""
        draft, group, known = self._draft, Family(file.target_folder, family, file.size), self._digests(file)
        claims = draft.some(group, 2)
        if len(claims) > 1:
            if known.start is None:
                known.start = start_digest(self._source, file.source_folder, file.source_name, file.size)
            draft.digest_starts(group, lambda claim: self._digest(claim, start_digest))
            claims = draft.some(group, _FEW, known.start) if known.start else []
        if len(claims) > 1 and known.start and file.size > SMALL_BYTES:
            if known.whole is None:
                known.whole = whole_digest(self._source, file.source_folder, file.source_name, file.size)
            draft.digest_wholes(group, known.start, lambda claim: self._digest(claim, whole_digest))
            claims = draft.some(group, _FEW, known.start, known.whole) if known.whole else []
        return next((claim for claim in claims if self._is_twin(file, claim)), None)

    def _digests(self, file: Contender) -> _Digests:
        return self._known.setdefault(file, _Digests())

    def _digest(self, claim: Claim, digest: Callable[[Storage, bytes, bytes, int], bytes]) -> bytes:
        content = self._content(claim)
        return b"" if content is None else digest(*content, claim.content_size)

    def _is_twin(self, file: Contender, claim: Claim) -> bool:
        if claim.content_size != file.size or (content := self._content(claim)) is None:
            return False
        return same_content(self._source, file.source_folder, file.source_name, *content)

    def _content(self, claim: Claim) -> tuple[Storage, bytes, bytes] | None:
        """Where the content of a claim is; of a link to a file of the tree, it is there."""
        if not claim.on_disk:
            return self._source, claim.at_folder, claim.at_name
        if claim.size >= 0:
            return self._target, claim.at_folder, claim.at_name
        try:
            content = self._target.readlink(claim.at_folder, claim.at_name)
        except OSError:  # a folder
            return None
        path = os.path.normpath(os.path.join(self._target.root, claim.at_folder, content))
        inside = path.removeprefix(self._source.root + b"/")
        return None if inside == path else (self._source, *split(inside))

    def _linked_size(self, claim: Claim) -> int:
        """The size of the file that a link of the disk leads to, -1 if it leads to none of the tree."""
        content = self._content(claim)
        try:
            there = None if content is None else self._source.lstat(*content[1:])
        except OSError:
            return -1
        return there.size if there is not None and there.is_file else -1

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
            content_size=file.size,
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
