"""Two files, one name: which of them gets it, what the other is called, and which is not needed at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from fileorg.index import TAKEN, Claim, Decision, Draft
from fileorg.layout import collision_key, numbered
from fileorg.model import OnConflict
from fileorg.names import display, join

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.model import Entry
    from fileorg.storage import LocalStorage

_CHUNK_BYTES = 1 << 20


class Contender(NamedTuple):
    """A file that wants a name that may be taken."""

    source_folder: bytes
    source_name: bytes
    target_folder: bytes
    category: str
    size: int
    mtime_ns: int


class Contest:
    """Decides, in the order of the plan. Reads user files to compare them, and writes none."""

    def __init__(
        self,
        draft: Draft,
        source: LocalStorage,
        target: LocalStorage,
        *,
        on_conflict: OnConflict,
        case_insensitive: bool,
        planned: Callable[[bytes, bytes], bool],
    ) -> None:
        """`planned(folder, key)` says whether some file of the plan may want that name by itself."""
        self._draft = draft
        self._source = source
        self._target = target
        self._on_conflict = on_conflict
        self._case_insensitive = case_insensitive
        self._planned = planned

    def decide(self, group: Sequence[Contender]) -> list[Decision]:
        """The names of a file and of the side-cars that go with it: all free, and all with the same number."""
        number = 1
        leader, *followers = group
        first = self._decide_one(leader)
        if followers and not first.reason and first.target_name != leader.source_name:
            number = self._highest(leader)
        return [first, *(self._decide_one(follower, at_least=number) for follower in followers)]

    def _decide_one(self, file: Contender, at_least: int = 1) -> Decision:
        holder = self._holder(file, file.source_name)
        if holder is None and at_least == 1:
            return self._take(file, 1)
        if holder is not None and (twin := self._twin(file)) is not None:
            return self._record(file, Decision(twin.at_name, self._identical(twin), displaces=False))
        if holder is None or self._on_conflict is OnConflict.RENAME:
            return self._take(file, max(at_least, self._highest(file) + (holder is not None)))
        keep_newer = self._on_conflict is OnConflict.KEEP_NEWER and holder.size >= 0  # never a folder or a link
        if keep_newer and file.mtime_ns > holder.mtime_ns:
            return self._displace(file, holder)
        reason = "the one there is newer" if keep_newer else TAKEN
        return self._record(file, Decision(file.source_name, f"{reason}: {self._where(holder)}", displaces=False))

    def _take(self, file: Contender, number: int) -> Decision:
        """The first free name from `number` on."""
        limit = self._target.capabilities.name_limit
        while True:
            name = numbered(file.source_name, number, limit) if number > 1 else file.source_name
            # A name that another file has by nature is left to it.
            wanted = number > 1 and self._planned(file.target_folder, self._key(name))
            if not wanted and self._holder(file, name) is None:
                break
            number += 1
        self._draft.put(self._claim(file, name, number))
        return self._record(file, Decision(name, "", displaces=False))

    def _displace(self, file: Contender, holder: Claim) -> Decision:
        """The newer file takes the name. What is on disk goes to the trash; what was only planned stays where it is."""
        displaces = holder.on_disk
        if not holder.on_disk:
            before = self._draft.decision(holder.at_folder, holder.at_name)
            displaces = before is not None and before.displaces
            loser = Decision(holder.at_name, f"a newer one takes the name: {self._shown(file)}", displaces=False)
            self._draft.revise(holder.at_folder, holder.at_name, loser)
        self._draft.put(self._claim(file, file.source_name, 1))
        return self._record(file, Decision(file.source_name, "", displaces=displaces))

    def _record(self, file: Contender, decision: Decision) -> Decision:
        self._draft.decide(file.source_folder, file.source_name, file.category, file.size, decision)
        return decision

    def _holder(self, file: Contender, name: bytes) -> Claim | None:
        """Who has the name: in the plan so far, or on the disk, which is entered as a claim when it is first seen."""
        key = self._key(name)
        claim = self._draft.holder(file.target_folder, key)
        if claim is not None:
            return claim
        there = self._target.lstat(file.target_folder, name)
        if there is None:
            return None
        number = 1 if name == file.source_name else self._highest(file) + 1
        claim = self._on_disk(file, key, number, there)
        self._draft.put(claim)
        return claim

    def _on_disk(self, file: Contender, key: bytes, number: int, there: Entry) -> Claim:
        size = there.size if there.is_file else -1  # a folder or symlink is never the same content
        family = self._key(file.source_name)
        return Claim(
            file.target_folder,
            key,
            family,
            number,
            True,
            file.target_folder,
            there.name,
            size,
            there.mtime_ns,
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

    def _twin(self, file: Contender) -> Claim | None:
        """The one of the family with the same bytes."""
        for claim in self._draft.of_size(file.target_folder, self._key(file.source_name), file.size):
            storage = self._target if claim.on_disk else self._source
            if same_content(
                self._source, file.source_folder, file.source_name, storage, claim.at_folder, claim.at_name
            ):
                return claim
        return None

    def _key(self, name: bytes) -> bytes:
        return collision_key(name, case_insensitive=self._case_insensitive)

    def _highest(self, file: Contender) -> int:
        return self._draft.highest(file.target_folder, self._key(file.source_name))

    def _identical(self, twin: Claim) -> str:
        return f"identical to {self._where(twin)}"

    def _where(self, claim: Claim) -> str:
        return display(join(claim.at_folder, claim.at_name))

    def _shown(self, file: Contender) -> str:
        return display(join(file.source_folder, file.source_name))


def same_content(
    storage: LocalStorage,
    folder: bytes,
    name: bytes,
    other: LocalStorage,
    other_folder: bytes,
    other_name: bytes,
) -> bool:
    """Whether two regular files hold the same bytes, by reading both; False where one of them cannot be read."""
    one, two = storage.lstat(folder, name), other.lstat(other_folder, other_name)
    if one is None or two is None or not (one.is_file and two.is_file) or one.size != two.size:
        return False
    if (one.dev, one.inode) == (two.dev, two.inode):
        return True
    try:
        with storage.open_read(folder, name) as first, other.open_read(other_folder, other_name) as second:
            while chunk := first.read(_CHUNK_BYTES):
                if chunk != _read_exactly(second, len(chunk)):
                    return False
            return not second.read(1)
    except OSError:
        return False


def _read_exactly(file: BinaryIO, size: int) -> bytes:
    parts = []
    while size > 0 and (part := file.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
