"""Which files of the trees belong to others beside them, with what is known of their contents."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from fileorg.content.compare import same_content
from fileorg.index.digests import WHOLE_WIDTH
from fileorg.index.groups import Member

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.index.index import Index
    from fileorg.storage.base import Storage

_FOLDERS_KNOWN = 1000


class Companion(NamedTuple):
    """A file of a group, as the index has it. `digest` of its whole content, empty where nobody has read it."""

    member: Member
    size: int
    digest: bytes


class OfFolder(NamedTuple):
    """The groups of one folder: of each follower its leader, and of each leader those that follow it."""

    leaders: dict[bytes, bytes]
    followers: dict[bytes, list[Companion]]


class Companions:
    """Looks folders up in the index as they are asked for; the last ones are remembered."""

    def __init__(self, index: Index, storages: Sequence[Storage]) -> None:
        """`storages` are those of the trees, by `Member.root`."""
        self._index = index
        self._storages = storages
        self.are_there = any(index.has_followers(storage.root) for storage in storages)
        self._of = lru_cache(maxsize=_FOLDERS_KNOWN)(self._read)

    def leader(self, member: Member) -> bytes | None:
        """The name of the file that one goes with, None where it stands alone."""
        return self._of(member.root, member.folder).leaders.get(member.name)

    def followers(self, member: Member) -> Sequence[Companion]:
        """The files that go with one."""
        return self._of(member.root, member.folder).followers.get(member.name, ())

    def pairs(self, going: Member, keeper: Member) -> list[tuple[Companion, Companion]] | None:
        """For each file that goes with one that is to go, the file with the same content that goes with its keeper in
        the same way; None if one of them has no such twin.
        """
        roles = {_role(other.member.name, keeper.name): other for other in self.followers(keeper)}
        found = []
        for companion in self.followers(going):
            twin = roles.get(_role(companion.member.name, going.name))
            if twin is None or not self._is_same(companion, twin):
                return None
            found.append((companion, twin))
        return found

    def _is_same(self, one: Companion, other: Companion) -> bool:
        """Whether two have the same content; where no digest was kept they are read."""
        if one.size != other.size or not one.size:
            return one.size == other.size
        if one.digest and other.digest:
            return one.digest == other.digest
        places = [(self._storages[each.root], each.folder, each.name) for each in (one.member, other.member)]
        return same_content(*places[0], *places[1])

    def _read(self, root: int, folder: bytes) -> OfFolder:
        found = OfFolder({}, {})
        for batch, wholes in self._index.digested_folder(self._storages[root].root, folder):
            followers = batch.followers()
            rows = list(batch.rows()) if followers else []
            for position, leader in followers.items():
                name, size, mtime_ns, _, inode, mode, nlink = rows[position]
                member = Member(root, folder, name, batch.dev, inode, mtime_ns, mode, nlink)
                found.leaders[name] = leader
                digest = wholes[position * WHOLE_WIDTH : (position + 1) * WHOLE_WIDTH]
                companion = Companion(member, size, digest if any(digest) else b"")
                found.followers.setdefault(leader, []).append(companion)
        return found


def _role(name: bytes, leader: bytes) -> bytes:
    """What is left of a follower's name without that of its leader: how the two belong together."""
    stem = leader[: leader.rfind(b".")] if b"." in leader else leader
    return name.replace(stem, b"/", 1)
