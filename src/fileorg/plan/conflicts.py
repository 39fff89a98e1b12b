"""Resolve conflicts: several files that claim one name. One gets it; the others get numbers or are skipped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from fileorg.content.digest import SMALL_BYTES, start_digest, whole_digest
from fileorg.content.identical import same_content
from fileorg.core.model import Action, OnConflict
from fileorg.core.names import below, collision_key, join, split
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.plan.awaited_names import database_of
from fileorg.plan.draft import Claim, Decision, Draft, NameFamily
from fileorg.rules.template import numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from fileorg.core.model import Entry
    from fileorg.plan.target_neighbours import TargetNeighbours
    from fileorg.storage.base import Storage


class Candidate:
    """A file whose name may be taken, and what was found out to resolve that. It wants to be called `wanted_name`.

    `place` stands for the target folder in claims, `family` for the wanted name. `stem` and `tail` place a number in
    the name: see `rules.template.numbered`.
    """

    __slots__ = (
        "category", "family", "mtime_ns", "named", "place", "size", "source_folder", "source_name", "start", "stem",
        "tail", "target_folder", "wanted_name", "whole",
    )  # fmt: skip

    def __init__(
        self,
        source_folder: bytes,
        source_name: bytes,
        target_folder: bytes,
        place: bytes,
        wanted_name: bytes,
        family: bytes,
        category: str,
        size: int,
        mtime_ns: int,
        stem: int,
        tail: int,
    ) -> None:
        self.source_folder = source_folder
        self.source_name = source_name
        self.target_folder = target_folder
        self.place = place
        self.wanted_name = wanted_name
        self.family = family
        self.category = category
        self.size = size
        self.mtime_ns = mtime_ns
        self.stem = stem
        self.tail = tail
        self.named = 1, wanted_name, family
        """The number that was asked for last, the name with it, and the key of that."""
        self.start: bytes | None = None
        """The digest of its start, as `Draft.digest_starts` has them, once it was needed; `whole` likewise."""
        self.whole: bytes | None = None


class PlannedTree(NamedTuple):
    """The folder of one plan of an operation, its target, and the plan's draft."""

    draft: Draft
    source: Storage
    target: Storage


_FEW = 8
"""The number of files with one digest to compare: they are identical, unless one was changed just now."""


class ConflictResolver:
    """Resolves conflicts in the order of the plan. Reads user files to compare them, and writes none."""

    def __init__(
        self,
        trees: Sequence[PlannedTree],
        number: int,
        *,
        action: Action,
        on_conflict: OnConflict,
        case_insensitive: bool,
        is_new: Callable[[bytes], bool],
        planned: Callable[[bytes, bytes], bool],
        moves: Callable[[bytes, bytes], bool],
        inside: Callable[[bytes], bytes | None],
        awaiting: Mapping[tuple[bytes, bytes], tuple[bytes, bytes, bytes]],
    ) -> None:
        """`trees` are those of all plans of the operation, `number` that of the plan whose files are resolved; the
        first draft has the claims of all. `is_new(folder)` returns whether a target folder is yet to be made,
        `planned(place, key)` whether that may be the original name of a planned file, `moves(folder, name)` whether the
        plan moves the file at the target away from that name. `inside(folder)` returns the folder of the tree that a
        target folder is, None for one elsewhere. `awaiting` has the root, folder and name of each log of a
        database and of each unfinished download at the targets, or on the way there, by the place and the key of the
        name that it awaits.
        """
        self._trees = trees
        self._number = number
        self._draft, self._source, self._target = trees[number]
        self._claims = trees[0].draft
        self._is_new = is_new
        self._action = action
        self._on_conflict = on_conflict
        self._case_insensitive = case_insensitive
        self._planned = planned
        self._moves = moves
        self._inside = inside
        self._awaiting = awaiting
        self._neighbours: TargetNeighbours | None = None
        self._group: Sequence[Candidate] = ()
        self._owners: dict[tuple[bytes, bytes], Claim | None] = {}
        """The claims that were looked up for the current group, by place and key, until one of them changes."""

    def resolve(self, leader: Candidate, followers: Sequence[Candidate] = (), *, may_be_numbered: bool = True) -> None:
        """Resolve the names of a file and its followers: all get the same number, or all are skipped.

        Without `may_be_numbered` they get no number, because other files refer to their names.
        """
        self._owners.clear()
        self._group = group = (leader, *followers)
        owner = self._owner(leader, 1)
        identical = None if owner is None else self._identical(leader, owner)
        if self._on_conflict is OnConflict.RENAME and (may_be_numbered or not followers):
            if owner is not None and identical is not None:
                self._stay_with(leader, self._why_not(leader, owner, identical), group)
            elif owner is not None or any(map(self._has_conflict, followers)):
                self._take_number(group)
            else:
                self._take_along(leader, followers)
            return
        if owner is not None and (identical is not None or not self._is_newer(leader, owner)):
            self._stay_with(leader, self._why_not(leader, owner, identical), group)
            return
        go_along = owner is not None
        stays = next((file for file in followers if not self._may_go(file, go_along=go_along)), None)
        if stays is not None and (in_the_way := self._owner(stays, 1)) is not None:
            self._stay_with(stays, self._why_not(stays, in_the_way, None), group)
        else:
            self._take_along(leader, followers)

    def _take_along(self, leader: Candidate, followers: Sequence[Candidate]) -> None:
        """Move a group under its own names; skip identical files, displace older ones at the target."""
        for file in (leader, *followers):
            if self._owner(file, 1) is None and (awaited := self._awaited(file, 1)) is not None:
                self._stay_with(file, awaited, self._group)
                return
        for file in (leader, *followers):
            owner = self._owner(file, 1)
            if owner is None:
                self._take(file, 1)
            elif file is not leader and (identical := self._identical(file, owner)) is not None:
                self._stay(file, self._why_not(file, owner, identical))
            else:
                self._displace(file, owner)

    def _stay_with(self, file: Candidate, reason: Reason, group: Sequence[Candidate]) -> None:
        """Skip a file for a reason, and the others of its group with it."""
        for each in group:
            self._stay(each, reason if each is file else _with_leader(file.source_folder, file.source_name))

    def _may_go(self, follower: Candidate, *, go_along: bool) -> bool:
        """Return whether its name is free, or will be: with `go_along`, it may displace even a newer file."""
        owner = self._owner(follower, 1)
        if owner is None or self._identical(follower, owner) is not None:
            return True
        return self._can_be_displaced(owner) if go_along else self._is_newer(follower, owner)

    def _has_conflict(self, file: Candidate) -> bool:
        """Return whether other content has its name."""
        owner = self._owner(file, 1)
        return owner is not None and self._identical(file, owner) is None

    def _is_newer(self, file: Candidate, owner: Claim) -> bool:
        """Return whether the file is newer and takes the name."""
        return (
            self._on_conflict is OnConflict.KEEP_NEWER
            and file.mtime_ns > owner.mtime_ns
            and self._can_be_displaced(owner)
        )

    def _can_be_displaced(self, owner: Claim) -> bool:
        """Return whether the plan may displace it: never a folder or a link, nor a file that the plan moves anyway, nor
        one that another file needs there.
        """
        if owner.size < 0 or (owner.on_disk and self._moves(owner.at_folder, owner.at_name)):
            return False
        return self._kept_for(owner) is None

    def _kept_for(self, owner: Claim) -> bytes | None:
        """Return the file beside a file on disk that needs it there, None if it may be displaced with its group."""
        if not owner.on_disk:
            return None
        owners = (self._owner(file, 1) for file in self._group)
        displaced = [each.at_name for each in owners if each is not None and each.at_folder == owner.at_folder]
        if self._neighbours is None:
            from fileorg.plan.target_neighbours import TargetNeighbours  # only where a file may be displaced

            self._neighbours = TargetNeighbours(self._target, case_insensitive=self._case_insensitive)
        try:
            return self._neighbours.neighbour(owner.at_folder, owner.at_name, displaced)
        except OSError:
            return owner.at_name

    def _why_not(self, file: Candidate, owner: Claim, identical: Claim | None) -> Reason:
        if identical is not None:
            if self._is_itself(file, identical):
                return Reason(ReasonCode.ALREADY_THERE)
            return Reason(ReasonCode.IDENTICAL, self._shown(identical))
        if self._on_conflict is OnConflict.KEEP_NEWER and owner.size >= 0:
            if self._can_be_displaced(owner):
                return Reason(ReasonCode.NEWER_THERE, self._shown(owner))
            if file.mtime_ns > owner.mtime_ns and (neighbour := self._kept_for(owner)) is not None:
                return Reason(ReasonCode.NEEDED_BY_NEIGHBOUR, self._shown(owner._replace(at_name=neighbour)))
        return Reason(ReasonCode.NAME_TAKEN, self._shown(owner))

    def _is_itself(self, file: Candidate, claim: Claim) -> bool:
        """Return whether a claim is that of the file, which has got its number in an earlier run."""
        is_there = claim.on_disk and claim.plan == self._number and claim.at_name == file.source_name
        return is_there and self._inside(claim.at_folder) == file.source_folder

    # Decisions ----------------------------------------------------------------------------------------------------

    def _stay(self, file: Candidate, reason: Reason) -> None:
        self._record(file, Decision(file.wanted_name, reason))

    def _take(self, file: Candidate, number: int) -> None:
        name, key = self._named(file, number)
        self._put(file, key, number)
        self._record(file, Decision(name))

    def _put(self, file: Candidate, key: bytes, number: int) -> None:
        self._owners.clear()
        self._claims.put(self._claim(file, key, number), file.start, file.whole)

    def _take_number(self, group: Sequence[Candidate]) -> None:
        """Give a group the first number that is free for all its files."""
        number = 1 + max(self._highest(file) for file in group)
        while not all(self._is_free(file, number) for file in group):
            number += 1
        for file in group:
            self._take(file, number)

    def _displace(self, file: Candidate, owner: Claim) -> None:
        """Give the file the name. A file on disk is moved to the trash; a planned file is skipped."""
        displaced = owner.mtime_ns if owner.on_disk else self._send_back(owner, file)
        self._claims.drop(owner.folder, owner.key)
        self._put(file, file.family, 1)
        self._record(file, Decision(file.wanted_name, displaced_mtime_ns=displaced))

    def _send_back(self, owner: Claim, newer: Candidate) -> int | None:
        """Skip a planned file after all, with its sidecars. Return the mtime_ns of the file that it had displaced."""
        folder, name, draft = owner.at_folder, owner.at_name, self._trees[owner.plan].draft
        before = draft.decision(folder, name)
        path = join(newer.source_folder, newer.source_name)
        if owner.plan != self._number:
            path = below(self._source.root, path)
        draft.revise(folder, name, Decision(name, Reason(ReasonCode.NEWER_TAKES_NAME, path)))
        for follower in draft.followers(folder, name):
            planned = draft.decision(folder, follower.name)
            if planned is not None and not planned.reason:
                self._claims.drop(owner.folder, self._key(planned.target_name))
                draft.revise(folder, follower.name, Decision(follower.name, _with_leader(folder, name)))
        return before.displaced_mtime_ns if before else None

    def _record(self, file: Candidate, decision: Decision) -> None:
        self._draft.record_decision(
            file.source_folder, file.source_name, file.category, file.size, decision, file.wanted_name
        )

    # Owners of names ----------------------------------------------------------------------------------------------

    def _owner(self, file: Candidate, number: int) -> Claim | None:
        """Return the claim on the name with that number: of the plan, or of a file on disk, which is entered here."""
        name, key = self._named(file, number)
        at = file.place, key
        if at in self._owners:
            return self._owners[at]
        claim = self._claims.owner(*at)
        if claim is None and (there := self._there(file.target_folder, name)) is not None:
            claim = self._claim(file, key, number)._replace(
                on_disk=True,
                at_folder=file.target_folder,
                at_name=there.name,
                size=there.size if there.is_file else -1,  # the content of a folder or link is never identical
                mtime_ns=there.mtime_ns,
                content_size=there.size if there.is_file else -1,
            )
            if self._action is Action.SYMLINK and not there.is_file:
                claim = claim._replace(content_size=self._linked_size(claim))
            self._claims.put(claim)
        self._owners[at] = claim
        return claim

    def _there(self, folder: bytes, name: bytes) -> Entry | None:
        return None if self._is_new(folder) else self._target.lstat(folder, name)

    def _is_free(self, file: Candidate, number: int) -> bool:
        """Return whether the name is free. The original name of another planned file is left to that file."""
        _, key = self._named(file, number)
        is_free = not self._planned(file.place, key) and self._owner(file, number) is None
        return is_free and self._awaited(file, number) is None

    def _awaited(self, file: Candidate, number: int) -> Reason | None:
        """Return why the name is none for the file, though no file has it: see `plan.awaited_names`."""
        name, key = self._named(file, number)
        own_files = {(self._source.root, each.source_folder, each.source_name) for each in self._group}
        if (beside := self._awaiting.get((file.place, key))) is not None and beside not in own_files:
            root, folder, log = beside
            path = below(root, join(folder, log)) if root not in {b"", self._source.root} else join(folder, log)
            is_log = database_of(log) is not None
            return Reason(ReasonCode.BESIDE_FOREIGN_LOG if is_log else ReasonCode.BESIDE_DOWNLOAD, path)
        if (database := database_of(name)) is None:
            return None
        own = self._key(database)
        if any(self._named(each, number)[1] == own for each in self._group):
            return None
        there = self._there(file.target_folder, database)
        if there is None or not there.is_file:
            return None
        return Reason(ReasonCode.BESIDE_FOREIGN_LOG, join(file.target_folder, there.name))

    def _identical(self, file: Candidate, owner: Claim) -> Claim | None:
        """Return the claim of an identical file that has the name, or the name with a number."""
        family = file.family
        if owner.family != family and self._is_identical(file, owner):
            return owner
        if (identical := self._identical_in_family(file)) is not None:
            return identical
        number, others, has_more = self._highest(file), list[Claim](), False
        while (claim := self._owner(file, number := number + 1)) is not None:
            if claim.family == family:
                has_more = True
            else:
                others.append(claim)
        identical = self._identical_in_family(file) if has_more else None
        return identical or next((claim for claim in others if self._is_identical(file, claim)), None)

    def _identical_in_family(self, file: Candidate) -> Claim | None:
        """Return an identical file of a family. One file is compared; of several, digests select the files to compare,
        so each is read at most twice.
        """
        draft, group = self._claims, NameFamily(file.place, file.family, file.size)
        claims = draft.some(group, 2) if not draft.has_starts(group) else []
        if len(claims) > 1:
            draft.digest_starts(group, lambda claim: self._digest(claim, start_digest))
        if draft.has_starts(group):
            if file.start is None:
                file.start = start_digest(self._source, file.source_folder, file.source_name, file.size)
            claims = draft.some(group, _FEW, file.start) if file.start else []
        if len(claims) > 1 and file.start and file.size > SMALL_BYTES:
            if file.whole is None:
                file.whole = whole_digest(self._source, file.source_folder, file.source_name, file.size)
            draft.digest_contents(group, file.start, lambda claim: self._digest(claim, whole_digest))
            claims = draft.some(group, _FEW, file.start, file.whole) if file.whole else []
        return next((claim for claim in claims if self._is_identical(file, claim)), None)

    def _digest(self, claim: Claim, digest: Callable[[Storage, bytes, bytes, int], bytes]) -> bytes:
        content = self._content(claim)
        return b"" if content is None else digest(*content, claim.content_size)

    def _is_identical(self, file: Candidate, claim: Claim) -> bool:
        if claim.content_size != file.size or (content := self._content(claim)) is None:
            return False
        return same_content(self._source, file.source_folder, file.source_name, *content)

    def _content(self, claim: Claim) -> tuple[Storage, bytes, bytes] | None:
        """Return where the content of a claim is: for a link to a file of the tree, the place of that file."""
        _, source, target = self._trees[claim.plan]
        if not claim.on_disk:
            return source, claim.at_folder, claim.at_name
        if claim.size >= 0:
            return target, claim.at_folder, claim.at_name
        try:
            content = target.readlink(claim.at_folder, claim.at_name)
        except OSError:  # a folder
            return None
        path = os.path.normpath(os.path.join(target.root, claim.at_folder, content))
        for tree in self._trees:
            inside = path.removeprefix(tree.source.root + b"/")
            if inside != path:
                return tree.source, *split(inside)
        return None

    def _shown(self, claim: Claim) -> bytes:
        """Return the path of the file that has a name: relative to the folders of this plan, or absolute."""
        path = join(claim.at_folder, claim.at_name)
        if claim.plan == self._number:
            return path
        return join(claim.folder, claim.at_name) if claim.on_disk else below(self._trees[claim.plan].source.root, path)

    def _linked_size(self, claim: Claim) -> int:
        """Return the size of the file that a link on disk leads to, -1 if that is no file of the tree."""
        content = self._content(claim)
        try:
            there = None if content is None else content[0].lstat(*content[1:])
        except OSError:
            return -1
        return there.size if there is not None and there.is_file else -1

    def _claim(self, file: Candidate, key: bytes, number: int) -> Claim:
        return Claim(
            folder=file.place,
            key=key,
            family=file.family,
            number=number,
            on_disk=False,
            at_folder=file.source_folder,
            at_name=file.source_name,
            size=file.size,
            mtime_ns=file.mtime_ns,
            content_size=file.size,
            plan=self._number,
        )

    def _named(self, file: Candidate, number: int) -> tuple[bytes, bytes]:
        """Return the name with that number, and its key."""
        if number == 1:
            return file.wanted_name, file.family
        known, name, key = file.named
        if known != number:
            limit = self._target.capabilities.name_limit
            name = numbered(file.wanted_name, number, limit, stem=file.stem, tail=file.tail)
            key = self._key(name)
            file.named = number, name, key
        return name, key

    def _key(self, name: bytes) -> bytes:
        return collision_key(name, case_insensitive=self._case_insensitive)

    def _highest(self, file: Candidate) -> int:
        return self._claims.highest(file.place, file.family)


def _with_leader(folder: bytes, name: bytes) -> Reason:
    return Reason(ReasonCode.LEADER_STAYS, join(folder, name))
