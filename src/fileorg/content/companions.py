"""The groups of files in the trees: leaders and their followers, with the known digests."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from fileorg.content.identical import same_content
from fileorg.core.tuples import NamedTuple
from fileorg.index.digest_columns import FULL_WIDTH
from fileorg.index.duplicate_groups import Member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.index.index import Index
    from fileorg.storage.base import Storage

_FOLDERS_KNOWN = 1000


class Companion(NamedTuple):
    """A follower as the index has it. `digest` of its whole content, empty if it was never read."""

    member: Member
    size: int
    digest: bytes


class OfFolder(NamedTuple):
    """The groups of one folder: the leader of each follower, and the followers of each leader."""

    leaders: dict[bytes, bytes]
    followers: dict[bytes, list[Companion]]


class Companions:
    """The groups of all folders, read from the index on demand; recent folders are cached."""

    def __init__(self, index: Index, storages: Sequence[Storage]) -> None:
        """`storages` has the storage of each tree, by `Member.root`."""
        self._index = index
        self._storages = storages
        self.are_there = any(index.has_followers(storage.root) for storage in storages)
        self._of = lru_cache(maxsize=_FOLDERS_KNOWN)(self._read)

    def leader(self, member: Member) -> bytes | None:
        """Return the name of a file's leader, None if it has none."""
        return self._of(member.root, member.folder).leaders.get(member.name)

    def followers(self, member: Member) -> Sequence[Companion]:
        """Return the followers of a file."""
        return self._of(member.root, member.folder).followers.get(member.name, ())

    def pairs(self, going: Member, keeper: Member) -> list[tuple[Companion, Companion]] | None:
        """Pair each follower of a file to remove with the keeper's follower of the same role and content.

        Return None if one of them has no such counterpart.
        """
        roles = {_role(other.member.name, keeper.name): other for other in self.followers(keeper)}
        found = []
        for companion in self.followers(going):
            identical = roles.get(_role(companion.member.name, going.name))
            if identical is None or not self._is_same(companion, identical):
                return None
            found.append((companion, identical))
        return found

    def _is_same(self, one: Companion, other: Companion) -> bool:
        """Return whether two files have the same content; they are read if a digest is missing."""
        if one.size != other.size or not one.size:
            return one.size == other.size
        if one.digest and other.digest:
            return one.digest == other.digest
        places = [(self._storages[each.root], each.folder, each.name) for each in (one.member, other.member)]
        return same_content(*places[0], *places[1])

    def _read(self, root: int, folder: bytes) -> OfFolder:
        found = OfFolder({}, {})
        for batch, full_digests in self._index.digested_folder(self._storages[root].root, folder):
            followers = batch.followers()
            rows = list(batch.rows()) if followers else []
            for position, leader in followers.items():
                name, size, mtime_ns, _, inode, mode, nlink = rows[position]
                member = Member(root, folder, name, batch.dev, inode, mtime_ns, mode, nlink)
                found.leaders[name] = leader
                digest = full_digests[position * FULL_WIDTH : (position + 1) * FULL_WIDTH]
                companion = Companion(member, size, digest if any(digest) else b"")
                found.followers.setdefault(leader, []).append(companion)
        return found


def _role(name: bytes, leader: bytes) -> bytes:
    """Return a follower's name without the stem of its leader: the way in which it belongs to the leader."""
    stem = leader[: leader.rfind(b".")] if b"." in leader else leader
    return name.replace(stem, b"/", 1)
