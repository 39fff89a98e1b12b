"""What became of a duplicate in a run that was cut short: what lies at its place, in our trash, and between the two."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from fileorg.core.model import OF_DUPLICATES, ROOT, Action, Keeper, RecordState
from fileorg.execute.actions import move
from fileorg.execute.case import Case
from fileorg.execute.duplicates import STAYS_SHARED
from fileorg.execute.exchange import ONLY_NAME, may_go
from fileorg.execute.verdict import CHANGED, CUT_SHORT, DONE, NOT_DONE, TAKEN, Verdict
from fileorg.storage.links import Place, StandIn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.core.model import Base
    from fileorg.journal.rows import Record
    from fileorg.storage.local.storage import LocalStorage

_ACTIONS = OF_DUPLICATES | {Action.RESTORE_FROM_HARDLINK, Action.RESTORE_FROM_SYMLINK, Action.REMOVE_REFLINK}

_EDITED = Verdict(RecordState.DONE, "it was edited since")
_GONE = Verdict(RecordState.MISSING, "after the crash, it is under neither of its names")
_NO_KEEPER = Keeper(ROOT, b"", b"?", 0, 0)


class There(Enum):
    """What is at a place."""

    NOTHING = auto()
    FILE = auto()  # the duplicate, as it was
    EDITED = auto()  # the duplicate, with other content
    LINK = auto()  # ours
    OTHER = auto()


class DuplicateCase(Case):
    """One record of what is done to duplicates, or takes that back, and the places it speaks of."""

    def __init__(
        self,
        record: Record,
        operation: int,
        storages: Sequence[LocalStorage],
        disturbs: Callable[[Record, Base, bytes], None],
        digest_of: Callable[[int], bytes | None],
        keeper: Keeper | None,
    ) -> None:
        super().__init__(record, operation, storages, disturbs, digest_of)
        source = Place(self.source, record.source_folder, record.source_name)
        target = Place(self.target, record.target_folder, record.target_name)
        self._leaves = record.action in OF_DUPLICATES
        self._place, self._trash = (source, target) if self._leaves else (target, source)
        self._here = self._place.beside(self.aside)
        base, folder, name, inode, _ = keeper or _NO_KEEPER
        self._link = StandIn(record.action, Place(storages[base], folder, name), inode, self._place)

    def verdict(self) -> Verdict:
        match self.record.action:
            case Action.QUARANTINE:
                return self._quarantined()
            case Action.REPLACE_BY_HARDLINK | Action.REPLACE_BY_SYMLINK:
                return self._replaced()
            case Action.RESTORE_FROM_HARDLINK | Action.RESTORE_FROM_SYMLINK:
                return self._restored()
            case Action.REFLINK:
                # Nothing that can be seen depends on it: it may be done again.
                return DONE if self.record.state is RecordState.DONE else NOT_DONE
            case _:
                return Verdict(RecordState.DONE, STAYS_SHARED)

    def is_recognised(self) -> bool:
        return super().is_recognised() or self._here.look() is not None

    def _what(self, place: Place) -> There:
        there = place.look()
        if there is None:
            return There.NOTHING
        if self.is_original(there):
            return There.FILE
        if there.is_file and there.inode == self.record.inode and place.has_stable_inodes:
            return There.EDITED
        return There.LINK if self._link.is_at(place) else There.OTHER

    def _touch(self) -> None:
        """Something is about to be made or taken away at the place of the duplicate, and maybe in our trash."""
        self.disturb(self.record.source_base, self.record.source_folder)
        self.disturb(self.record.target_base, self.record.target_folder)

    # To our trash -------------------------------------------------------------------------------------------------

    def _quarantined(self) -> Verdict:
        """As a move; but what came to our trash and is not the duplicate was to be put back."""
        there = self.at_target()
        is_foreign = there is not None and not self.is_original(there) and not self.is_made(there, self.moved)
        meant = self.record.state in {RecordState.INTENT, RecordState.COPIED}
        if meant and is_foreign and not self.is_our_placeholder(there) and self.at_source() is None:
            self._touch()
            self._trash.rename(self._place)
            return CHANGED
        return move.settle(self)

    # A link in its place ------------------------------------------------------------------------------------------

    def _replaced(self) -> Verdict:
        here, place, trash = self._here, self._place, self._trash
        match (self._what(here), self._what(place), self._what(trash)):
            case (There.NOTHING, There.FILE | There.EDITED, There.NOTHING):
                return self.not_done
            case (There.NOTHING, There.FILE, There.FILE):
                self._touch()  # one file by two names, as by link and unlink
                trash.remove()
                return CUT_SHORT
            case (There.NOTHING, _, There.FILE):
                return Verdict(RecordState.DONE, self.note())
            case (There.NOTHING, _, There.EDITED):
                return _EDITED
            case (There.NOTHING, There.FILE | There.EDITED, _):
                return TAKEN
            case (There.NOTHING, There.NOTHING, There.NOTHING):
                return _GONE
            case (There.LINK, There.FILE | There.EDITED, _):
                return self._take_away(here, CUT_SHORT)
            case (There.LINK, _, There.FILE | There.EDITED):
                return self._take_away(here, DONE)
            case (There.LINK, _, _):
                return self._take_away(here, CHANGED)
            case (There.FILE | There.EDITED, _, There.FILE | There.EDITED):
                self._touch()
                here.remove()
                return DONE
            case (_, There.LINK, _):
                # Not on to our trash, which may be gone or taken: the way back needs only what lies here.
                self._touch()
                here.exchange(place)
                return self._take_away(here, CUT_SHORT)
            case (_, There.NOTHING, _):
                self._touch()  # someone has removed our link since
                here.rename(place)
                return CUT_SHORT
            case (There.FILE, _, There.NOTHING):
                self._touch()  # someone has the name since: ours to the trash, from which undo can bring it back
                here.rename(trash)
                return DONE
            case _:
                return self._between()

    def _restored(self) -> Verdict:
        here, place, trash = self._here, self._place, self._trash
        match (self._what(here), self._what(place), self._what(trash)):
            case (There.NOTHING, There.FILE, There.FILE):
                self._touch()  # one file by two names, as by link and unlink
                trash.remove()
                return DONE
            case (There.NOTHING, There.FILE, _):
                return Verdict(RecordState.DONE, self.note())
            case (There.NOTHING, There.EDITED, There.NOTHING):
                return _EDITED
            case (There.NOTHING, There.NOTHING | There.LINK, There.FILE | There.EDITED):
                return self.not_done
            case (There.NOTHING, _, There.FILE | There.EDITED):
                return TAKEN
            case (There.NOTHING, There.NOTHING | There.LINK, There.NOTHING):
                return _GONE
            case (There.FILE | There.EDITED, _, There.FILE | There.EDITED):
                self._touch()
                here.remove()
                return CUT_SHORT
            case (There.FILE | There.EDITED, at_place, There.NOTHING):
                return self._back_to_trash(at_place, CUT_SHORT)
            case (There.LINK, There.FILE | There.EDITED, _):
                return self._without_link()
            case (There.LINK, There.LINK, There.FILE | There.EDITED):
                return self._take_away(here, CUT_SHORT)
            case (There.OTHER, There.FILE | There.EDITED, There.NOTHING):
                self._touch()
                here.exchange(place)
                return self._back_to_trash(There.OTHER, TAKEN)
            case (There.NOTHING, _, _):
                return CHANGED
            case _:
                return self._between()

    def _without_link(self) -> Verdict:
        """The duplicate has its place again: now our link goes, unless it is the last name of what it holds."""
        if may_go(self._link, self._here, self._place):
            self._touch()
            self._here.remove()
            return DONE
        self._touch()
        self._here.exchange(self._place)
        return self._back_to_trash(There.LINK, Verdict(RecordState.CHANGED, ONLY_NAME))

    def _back_to_trash(self, at_place: There, verdict: Verdict) -> Verdict:
        """It had not got its place yet. Where there is no trash any more, it gets it now."""
        self._touch()
        try:
            self._here.rename(self._trash)
        except FileNotFoundError:
            if at_place is There.NOTHING:
                self._here.rename(self._place)
                return DONE
            if at_place is not There.LINK or verdict is not CUT_SHORT:
                return self._between()
            self._here.exchange(self._place)
            return self._without_link()
        return verdict

    def _take_away(self, here: Place, verdict: Verdict) -> Verdict:
        """Remove our link, unless it is the last name of what it holds."""
        if not may_go(self._link, here, self._place):
            return self._between()
        self._touch()
        here.remove()
        return verdict

    def _between(self) -> Verdict:
        why = f"after the crash, it is as no run leaves it; nothing was touched, see {self._here}"
        return Verdict(RecordState.CHANGED, why)


def case_of(
    record: Record,
    operation: int,
    storages: Sequence[LocalStorage],
    disturbs: Callable[[Record, Base, bytes], None],
    digest_of: Callable[[int], bytes | None],
    keeper: Keeper | None,
) -> Case:
    """The case that fits the record; see `Case`."""
    if record.action in _ACTIONS:
        return DuplicateCase(record, operation, storages, disturbs, digest_of, keeper)
    return Case(record, operation, storages, disturbs, digest_of)
