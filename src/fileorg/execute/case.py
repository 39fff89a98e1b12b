"""What became of one record of an operation that was cut short: what lies under its two names decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.core.model import RESERVED_MTIME_NS, RecordState
from fileorg.execute.identity import Identity, is_known
from fileorg.execute.temporaries import aside, temporary
from fileorg.execute.verdict import CUT_SHORT, DONE, NOT_DONE, TAKEN, Verdict
from fileorg.storage.links import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.model import Base, Entry, Keeper, Reservation, Reserving
    from fileorg.core.reasons import Reason
    from fileorg.journal.rows import Record
    from fileorg.storage.local.storage import LocalStorage


class Case:
    """One record, and the places it speaks of."""

    def __init__(
        self,
        record: Record,
        operation: int,
        storages: Sequence[LocalStorage],
        disturbs: Callable[[Record, Base, bytes], None],
        digest_of: Callable[[int], bytes | None],
        keeper: Keeper | None,
        reservation: Reservation | None,
        reserving: Reserving,
        announces: Callable[[Record, Verdict], None],
    ) -> None:
        """`disturbs` is told of each folder in which something of ours is about to be taken away, `announces` of a
        verdict that could not be found again after that; `digest_of` tells the digest of what another record copied.
        `reservation`: a name of it may be taken by an empty file of ours.
        """
        self.record = record
        self.storages = storages
        self.keeper = keeper
        self.source = storages[record.source_base]
        self.target = storages[record.target_base]
        self.temporary = temporary(operation, record.id)
        self.aside = aside(operation, record.id)
        self.original = Identity(record.inode, record.size, record.mtime_ns)
        self.moved = Identity(record.target_inode, record.size, record.target_mtime_ns)
        self.reservation = reservation
        self.reserving = reserving
        self._disturbs = disturbs
        self._announces = announces
        self.digest_of = digest_of
        self.not_done = CUT_SHORT if record.reason == CUT_SHORT.reason else NOT_DONE

    def disturb(self, base: Base, folder: bytes) -> None:
        self._disturbs(self.record, base, folder)
        self.not_done = CUT_SHORT

    def announce(self, verdict: Verdict) -> None:
        """By what tells it is about to be taken away."""
        self._announces(self.record, verdict)

    def touch(self) -> None:
        """Something is about to be made or taken away in the folders of both places."""
        self.disturb(self.record.source_base, self.record.source_folder)
        self.disturb(self.record.target_base, self.record.target_folder)

    def is_original(self, entry: Entry | None) -> bool:
        """Whether what is at the source is what was there."""
        return is_known(self.source, self.record.source_folder, entry, self.original)

    def is_made(self, entry: Entry | None, made: Identity) -> bool:
        """Whether what is at the target is what was to come there."""
        return is_known(self.target, self.record.target_folder, entry, made)

    @property
    def source_place(self) -> Place:
        return Place(self.source, self.record.source_folder, self.record.source_name)

    @property
    def target_place(self) -> Place:
        return Place(self.target, self.record.target_folder, self.record.target_name)

    @property
    def places_aside(self) -> tuple[Place, Place]:
        """Where a file may be that was put aside."""
        return self.source_place.beside(self.aside), self.target_place.beside(self.aside)

    @property
    def places_of_ours(self) -> tuple[Place, ...]:
        """Where something may lie under a name of ours."""
        return self.target_place.beside(self.temporary), *self.places_aside

    def at_source(self) -> Entry | None:
        return self.source.lstat(self.record.source_folder, self.record.source_name)

    def at_target(self) -> Entry | None:
        return self.target.lstat(self.record.target_folder, self.record.target_name)

    def is_recognised(self) -> bool:
        """Whether the file is under one of its names, maybe edited, or there is a temporary of it."""
        source, target, record = self.at_source(), self.at_target(), self.record
        if self.is_original(source) or self.is_made(target, self.moved):
            return True
        if (source is not None and source.inode == record.inode) or (
            target is not None and target.inode == record.target_inode
        ):
            return True
        return any(place.look() is not None for place in self.places_of_ours)

    def note(self) -> Reason | None:
        noted = {RecordState.INTENT, RecordState.COPIED, RecordState.DONE}
        known = self.record.state in noted and self.record.reason != CUT_SHORT.reason
        return self.record.reason if known else None

    def remove_reservation(self) -> None:
        """Remove the empty file of ours that may have taken a name of it: then all is as if that had been free."""
        if self.reservation is None:
            return
        # Such a file may have come and gone.
        self.touch()
        for place in {self.source_place, self.target_place}:
            known = self.is_original(place.look()) or self.is_made(place.look(), self.moved)
            if not known and place.storage.is_reserved(place.folder, place.name, self.reservation):
                place.remove()

    def as_placed(self, target: Entry | None) -> dict[str, Any]:
        """What to record of a file that was moved by a placeholder, and not recorded yet."""
        if self.reservation is None or target is None:
            return {}
        return {"target_inode": target.inode, "target_mtime_ns": target.mtime_ns}

    def is_aside(self, storage: LocalStorage, folder: bytes, name: bytes, expected: Identity) -> bool:
        """Whether a file was put aside, and has only that name."""
        there = storage.lstat(folder, self.aside)
        if there is None:
            return False
        named = storage.lstat(folder, name)
        if named is not None and named.inode == there.inode:
            storage.remove(folder, name)  # between link and unlink
        elif there.size == 0 and (is_known(storage, folder, named, expected) or there.mtime_ns == RESERVED_MTIME_NS):
            storage.remove(folder, self.aside)  # the name was only reserved
            return False
        return True

    def made(self, is_ours: Callable[[Entry], bool]) -> Verdict:
        """For what is there or not, and is made in one step."""
        there = self.at_target()
        if there is None:
            return NOT_DONE
        # Whoever had the name before the crash has it now.
        return DONE if is_ours(there) and self.record.state is not RecordState.CONFLICT else TAKEN
