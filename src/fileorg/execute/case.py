"""Evidence for the recovery of one record of an interrupted operation: the files at its source and its target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fileorg.content.digest import COARSE_NS
from fileorg.core.model import RENAMES, RESERVED_MTIME_NS, RecordState
from fileorg.execute.identity import Identity, is_known
from fileorg.execute.temporaries import aside, temporary
from fileorg.execute.verdict import CUT_SHORT, DONE, NOT_DONE, TAKEN, Verdict
from fileorg.storage.links import Location
from fileorg.storage.local.readiness import State

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.model import Base, Entry, Keeper, Reservation, Reserving
    from fileorg.core.reasons import Reason
    from fileorg.journal.object_facts import ObjectFacts
    from fileorg.journal.rows import Record
    from fileorg.storage.local.storage import LocalStorage


class Case:
    """One record, its source and its target."""

    def __init__(
        self,
        record: Record,
        operation: int,
        storages: Sequence[LocalStorage],
        touch: Callable[[Record, Base, bytes], None],
        digest_of: Callable[[int], bytes | None],
        keeper: Keeper | None,
        reservation: Reservation | None,
        reserving: Reserving,
        announces: Callable[[Record, Verdict], None],
        objects: Callable[[], ObjectFacts] | None = None,
    ) -> None:
        """`touch` is called with each folder from which a temporary file is about to be removed; `announces` with a
        verdict whose evidence is about to be removed. `digest_of` returns the digest of what another record copied.
        `reservation`: an empty placeholder file may occupy one of the record's names. `objects` returns
        what the journal keeps of moves in stores.
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
        self._touch = touch
        self._announces = announces
        self.digest_of = digest_of
        self._objects = objects
        self.not_done = CUT_SHORT if record.reason == CUT_SHORT.reason else NOT_DONE

    @property
    def objects(self) -> ObjectFacts:
        if self._objects is None:
            raise AssertionError("this case is not about objects")
        return self._objects()

    def touch_folder(self, base: Base, folder: bytes) -> None:
        self._touch(self.record, base, folder)
        self.not_done = CUT_SHORT

    def announce(self, verdict: Verdict) -> None:
        """Record a verdict before its evidence is removed."""
        self._announces(self.record, verdict)

    def touch(self) -> None:
        """Note that both folders are about to change."""
        self.touch_folder(self.record.source_base, self.record.source_folder)
        self.touch_folder(self.record.target_base, self.record.target_folder)

    def is_original(self, entry: Entry | None) -> bool:
        """Return whether the entry at the source is the original file."""
        return is_known(self.source, self.record.source_folder, entry, self.original)

    def is_made(self, entry: Entry | None, made: Identity) -> bool:
        """Return whether the entry at the target is `made`."""
        return is_known(self.target, self.record.target_folder, entry, made)

    @property
    def source_place(self) -> Location:
        return Location(self.source, self.record.source_folder, self.record.source_name)

    @property
    def target_place(self) -> Location:
        return Location(self.target, self.record.target_folder, self.record.target_name)

    @property
    def places_aside(self) -> tuple[Location, Location]:
        """The places where a file that was put aside may be."""
        return self.source_place.beside(self.aside), self.target_place.beside(self.aside)

    @property
    def places_of_ours(self) -> tuple[Location, ...]:
        """The places where a temporary file may be."""
        return self.target_place.beside(self.temporary), *self.places_aside

    def at_source(self) -> Entry | None:
        return self.source.lstat(self.record.source_folder, self.record.source_name)

    def at_target(self) -> Entry | None:
        return self.target.lstat(self.record.target_folder, self.record.target_name)

    def is_recognised(self, storage: LocalStorage, began_ns: int) -> bool:
        """Return whether something in `storage` shows that the operation, which began at this time, worked there."""
        return self._is_in(storage) or self._was_changed(storage, began_ns)

    def _is_in(self, storage: LocalStorage) -> bool:
        """Return whether the file, maybe edited, has one of its names in `storage`, or a temporary file of the record
        exists there.
        """
        if self.source is storage:
            source = self.at_source()
            if self.is_original(source) or (source is not None and source.inode == self.record.inode):
                return True
        if self.target is storage:
            target = self.at_target()
            if self.is_made(target, self.moved) or (target is not None and target.inode == self.record.target_inode):
                return True
        return any(place.storage is storage and place.lstat() is not None for place in self.places_of_ours)

    def _was_changed(self, storage: LocalStorage, since_ns: int) -> bool:
        """Return whether a later file has one of the names of the record, or the folder into which its file came has
        changed since: others may have removed what fileorg had put there, or replaced it.
        """
        found = [self.at_source()] if self.source is storage else []
        if self.target is storage:
            found += [self.at_target(), storage.stat_folder(self.record.target_folder)]
        return any(entry is not None and entry.mtime_ns >= since_ns - COARSE_NS for entry in found)

    def belongs_in(self, storage: LocalStorage) -> bool:
        """Return whether the file is in `storage` if nobody else has changed anything since the crash.

        A file from another disk leaves it only after its copy was recorded: if it is gone before, it has been deleted.
        """
        if self.source is self.target:
            return self.source is storage
        has_arrived = self.record.state in {RecordState.COPIED, RecordState.DONE}
        if self.target is storage:
            is_renamed = self.source.identity[0] == storage.identity[0]
            return has_arrived or (is_renamed and not self._is_in(self.source))
        return self.source is storage and (not has_arrived or self.record.action not in RENAMES)

    def note(self) -> Reason | None:
        noted = {RecordState.INTENT, RecordState.COPIED, RecordState.DONE}
        known = self.record.state in noted and self.record.reason != CUT_SHORT.reason
        return self.record.reason if known else None

    def remove_reservation(self) -> None:
        """Remove the placeholder file that may occupy one of the names, so that the name is free again."""
        if self.reservation is None:
            return
        # A placeholder may have been created and removed already.
        self.touch()
        for place in {self.source_place, self.target_place}:
            known = self.is_original(place.lstat()) or self.is_made(place.lstat(), self.moved)
            if not known and place.storage.is_reserved(place.folder, place.name, self.reservation):
                place.remove()

    def as_placed(self, target: Entry | None) -> dict[str, Any]:
        """Return the columns of a file that was moved over a placeholder and is not recorded yet."""
        if self.reservation is None or target is None:
            return {}
        return {"target_inode": target.inode, "target_mtime_ns": target.mtime_ns}

    def is_aside(self, base: Base, folder: bytes, name: bytes, expected: Identity) -> bool:
        """Return whether a file was put aside and has only that name."""
        storage = self.storages[base]
        there = storage.lstat(folder, self.aside)
        if there is None:
            return False
        self.touch_folder(base, folder)  # also if it is only a reserved name
        named = storage.lstat(folder, name)
        if named is not None and named.inode == there.inode:
            storage.remove(folder, name)  # between link and unlink
        elif there.size == 0 and (
            is_known(storage, folder, named, expected) or self._is_reserved(base, folder, there, expected)
        ):
            storage.remove(folder, self.aside)
            return False
        return True

    def _is_reserved(self, base: Base, folder: bytes, there: Entry, expected: Identity) -> bool:
        """Return whether the name aside was only reserved by an empty file, maybe just before this got its time.

        Only fileorg creates files with such a name. A file that is not empty would have been put aside as it was, and
        an empty one with its time, unless a program that has it open has truncated it.
        """
        if there.mtime_ns == RESERVED_MTIME_NS:
            return True
        storage = self.storages[base]
        if not storage.reuses_inodes(folder) or is_known(storage, folder, there, expected):
            return False  # names are not reserved on such a file system, or this is the file itself
        with storage.held(folder, self.aside) as answer:
            return answer.state is not State.IN_USE

    def made(self, is_ours: Callable[[Entry], bool]) -> Verdict:
        """Return the verdict on a target that is created in one step."""
        there = self.at_target()
        if there is None:
            return NOT_DONE
        # A name that was taken before the crash still is.
        return DONE if is_ours(there) and self.record.state is not RecordState.CONFLICT else TAKEN
