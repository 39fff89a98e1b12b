"""What is done to a duplicate, and what takes that back: only beside a keeper with the same bytes, one at a time.

A link gets the name of a duplicate by an exchange, so that the name is never absent. What comes out is looked at before
it goes to our trash, the same file that it was: so it can come back exactly.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from fileorg.core.model import Action, RecordState
from fileorg.core.names import display
from fileorg.execute.actions.move import by_placeholder
from fileorg.execute.exchange import ONLY_NAME, exchange_back, is_inode_of, may_go, put_back, take_away
from fileorg.execute.identity import Identity, identity, is_known
from fileorg.execute.temporaries import aside
from fileorg.execute.verdict import Refusal
from fileorg.storage.links import Place, StandIn
from fileorg.storage.local.compare import same_bytes, share_blocks
from fileorg.storage.local.listing import entry_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.model import Entry, Keeper, PlanRow
    from fileorg.execute.work import Work
    from fileorg.storage.local.storage import LocalStorage

STAYS_SHARED = "its blocks stay shared, which nothing that can be seen depends on"
"""What is noted when a reflink is taken back."""

_STAY_SHARED = "Blocks that are shared stay shared: nothing that can be seen depends on it."

_NOT_ANY_MORE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO}
"""What opening answers where a regular file was, and is none."""
_NO_EXCHANGE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP}
_NO_SHARING = {errno.ENOTSUP, errno.EINVAL, errno.EXDEV, errno.ENOTTY, errno.ENOSYS}


class Duplicates:
    """Quarantines, links in the place of duplicates, shared blocks, and what takes them back."""

    def __init__(self, work: Work) -> None:
        self._operation = work.operation
        self._storages = work.storages
        self._work = work
        self._disturbed = work.disturbed
        self.notes = work.notes

    def act_on(self, row: PlanRow, record: int) -> None:
        """Raises `Refusal` or `OSError` if it is as it was before, `Stuck` if it is left to recovery."""
        match row.action:
            case Action.QUARANTINE:
                self._quarantine(row, record)
            case Action.REPLACE_BY_HARDLINK | Action.REPLACE_BY_SYMLINK:
                self._replace(row, record)
            case Action.RESTORE_FROM_HARDLINK | Action.RESTORE_FROM_SYMLINK:
                self._restore(row, record)
            case Action.REFLINK:
                self._share(row)
            case Action.REMOVE_REFLINK:  # nothing that can be seen was changed, and there is nothing to put back
                self.notes.add(_STAY_SHARED)
            case _:
                raise AssertionError(f"{row.action} is done elsewhere")

    # Is it one? ---------------------------------------------------------------------------------------------------

    def _compared(self, row: PlanRow) -> Identity:
        """What the duplicate is, if it has the bytes of its keeper at this moment. Raises `Refusal`, `OSError`."""
        with self._opened(row) as (victim, keeper):
            before = os.fstat(victim), os.fstat(keeper)
            same = same_bytes(victim, keeper, row.size)
            if any(
                entry_of(b"", seen) != entry_of(b"", os.fstat(fd))
                for seen, fd in zip(before, (victim, keeper), strict=True)
            ):
                raise Refusal(RecordState.CHANGED, "it or its keeper changed while they were compared")
            if not same:
                raise self._differs(row)
            return identity(entry_of(row.source_name, before[0]))

    @contextlib.contextmanager
    def _opened(self, row: PlanRow) -> Iterator[tuple[int, int]]:
        """Descriptors of a duplicate and of its keeper, which are two files, and both as they were planned."""
        keeper = _keeper_of(row)
        with contextlib.ExitStack() as stack:
            victim = _source(row, self._storages)
            expected = Identity(row.inode, row.size, row.mtime_ns)
            fd, seen = self._open(stack, victim, RecordState.MISSING, "it is no longer there")
            if not is_known(victim.storage, victim.folder, seen, expected):
                raise Refusal(RecordState.CHANGED, "it changed since it was scanned")
            shown = self._shown(row, keeper)
            beside = self._keeper(keeper)
            expected = Identity(keeper.inode, row.size, keeper.mtime_ns)
            other_fd, other = self._open(stack, beside, RecordState.CHANGED, f"{shown}, its keeper, is no longer there")
            if not is_known(beside.storage, beside.folder, other, expected):
                raise Refusal(RecordState.CHANGED, f"{shown}, its keeper, changed since it was scanned")
            if (seen.dev, seen.inode) == (other.dev, other.inode):
                raise Refusal(RecordState.CHANGED, f"it is the same file as {shown}, by another name")
            yield fd, other_fd

    def _open(self, stack: contextlib.ExitStack, place: Place, state: RecordState, gone: str) -> tuple[int, Entry]:
        try:
            fd = place.storage.open_file(place.folder, place.name)
        except OSError as error:
            if error.errno in _NOT_ANY_MORE:
                raise Refusal(state, gone) from error
            raise Refusal(RecordState.FAILED, f"{place} cannot be read: {error.strerror}") from error
        stack.callback(os.close, fd)
        return fd, entry_of(place.name, os.fstat(fd))

    def _keeper(self, keeper: Keeper) -> Place:
        return Place(self._storages[keeper.base], keeper.folder, keeper.name)

    def _shown(self, row: PlanRow, keeper: Keeper) -> str:
        """By its path below the root, or if that is another one, by its whole path."""
        place = self._keeper(keeper)
        if place.storage is self._storages[row.source_base]:
            return str(place)
        return display(os.path.join(place.storage.root, place.folder, place.name))

    def _differs(self, row: PlanRow) -> Refusal:
        return Refusal(RecordState.CHANGED, f"its content is no longer that of {self._shown(row, _keeper_of(row))}")

    def _still_kept(self, row: PlanRow) -> None:
        """The duplicate is about to have no name of its own: raises `Refusal` if the keeper has none any more."""
        keeper = _keeper_of(row)
        place, expected = self._keeper(keeper), Identity(keeper.inode, row.size, keeper.mtime_ns)
        if not is_known(place.storage, place.folder, place.look(), expected):
            raise Refusal(RecordState.CHANGED, f"{self._shown(row, keeper)}, its keeper, changed or went just now")

    # To our trash -------------------------------------------------------------------------------------------------

    def _quarantine(self, row: PlanRow, record: int) -> None:
        victim, trash = _source(row, self._storages), _target(row, self._storages)
        compared = self._compared(row)
        self._disturbed |= {(row.source_base, row.source_folder), (row.target_base, row.target_folder)}
        try:
            try:
                victim.rename(trash)
            except OSError as error:
                if error.errno != errno.ENOTSUP:
                    raise
                by_placeholder(self._work, row, record)
        except OSError as error:
            raise _not_here(error) from error
        try:
            if (there := trash.look()) is not None and not is_known(trash.storage, trash.folder, there, compared):
                raise Refusal(RecordState.CHANGED, "it changed just now, and stayed")
            self._still_kept(row)
        except (OSError, Refusal):
            put_back(trash, victim)
            raise
        if there is None:
            raise Refusal(RecordState.MISSING, "someone else removed it at the same moment")

    # A link in its place ------------------------------------------------------------------------------------------

    def _replace(self, row: PlanRow, record: int) -> None:
        """Compare, make the link beside it, exchange the two, look at what came out, and put that into our trash."""
        victim, trash = _source(row, self._storages), _target(row, self._storages)
        here = victim.beside(aside(self._operation, record))
        if not victim.has_stable_inodes:
            # A crash in between could not be settled: no one could say which of the two files is which.
            raise Refusal(RecordState.FAILED, "inode numbers do not last here, so no link can take its place")
        compared, link = self._compared(row), self._stand_in(row, victim)
        self._disturbed.add((row.source_base, row.source_folder))
        try:
            link.make(here)
        except OSError as error:
            raise _no_link(error, link, self._shown(row, _keeper_of(row))) from error
        try:
            self._still_kept(row)
            if not link.is_at(here):
                raise Refusal(RecordState.CHANGED, "its keeper was replaced just now")
            here.exchange(victim)
        except (OSError, Refusal) as error:
            take_away(link, here, victim)
            raise _no_exchange(error) from error
        try:
            if not compared.fits(here.look()):
                raise Refusal(RecordState.CHANGED, "it changed just now, and stayed")
            self._still_kept(row)
            here.rename(trash)
        except (OSError, Refusal) as error:
            if exchange_back(here, victim, lambda: link.is_at(here)):
                take_away(link, here, victim)
            raise _not_here(error) from error

    def _restore(self, row: PlanRow, record: int) -> None:
        """Give the duplicate its place back: by a rename, or if our link is there, by an exchange with that."""
        trash, victim = _source(row, self._storages), _target(row, self._storages)
        if victim.look() is None:
            trash.rename(victim)
            return
        here, link = victim.beside(aside(self._operation, record)), self._stand_in(row, victim)
        if not link.is_at(victim):
            raise Refusal(RecordState.CONFLICT, "the name is taken")
        if not may_go(link, victim, trash):
            raise Refusal(RecordState.CHANGED, ONLY_NAME)
        self._disturbed |= {(row.source_base, row.source_folder), (row.target_base, row.target_folder)}
        original = trash.look()
        trash.rename(here)
        try:
            here.exchange(victim)
        except OSError as error:
            put_back(here, trash)
            if isinstance(error, FileNotFoundError):
                raise Refusal(RecordState.CHANGED, "the link in its place was removed just now") from error
            raise _no_exchange(error) from error
        try:
            if not (link.is_at(here) or here.look() is None):  # else someone else has removed the link
                raise Refusal(RecordState.CONFLICT, "the name is taken")
            if not may_go(link, here, victim):
                raise Refusal(RecordState.CHANGED, ONLY_NAME)
            here.remove()
        except (OSError, Refusal) as error:
            if not exchange_back(here, victim, lambda: is_inode_of(here, original)):
                raise Refusal(RecordState.MISSING, "someone else removed it at the same moment") from error
            put_back(here, trash)
            raise

    def _stand_in(self, row: PlanRow, at: Place) -> StandIn:
        keeper = _keeper_of(row)
        return StandIn(row.action, self._keeper(keeper), keeper.inode, at)

    # The same blocks ----------------------------------------------------------------------------------------------

    def _share(self, row: PlanRow) -> None:
        with self._opened(row) as (victim, keeper):
            try:
                same = share_blocks(keeper, victim, row.size)
            except OSError as error:
                if error.errno in _NO_SHARING:
                    raise Refusal(RecordState.FAILED, "the file system shares no blocks between files") from error
                if error.errno in {errno.EPERM, errno.EACCES}:
                    why = "only who may write to a file may let it share its blocks"
                    raise Refusal(RecordState.FAILED, why) from error
                raise
            if not same:
                raise self._differs(row)


def _source(row: PlanRow, storages: Sequence[LocalStorage]) -> Place:
    return Place(storages[row.source_base], row.source_folder, row.source_name)


def _target(row: PlanRow, storages: Sequence[LocalStorage]) -> Place:
    return Place(storages[row.target_base], row.target_folder, row.target_name)


def _keeper_of(row: PlanRow) -> Keeper:
    if row.keeper is None:
        raise Refusal(RecordState.FAILED, "the journal does not say of what it is a duplicate")
    return row.keeper


def _not_here(error: OSError | Refusal) -> OSError | Refusal:
    if isinstance(error, OSError) and error.errno == errno.EXDEV:
        return Refusal(RecordState.FAILED, "it is on another disk than the trash below its root")
    return error


def _no_exchange(error: OSError | Refusal) -> OSError | Refusal:
    if isinstance(error, OSError) and error.errno in _NO_EXCHANGE:
        why = "the file system cannot exchange two names in one step, so no link can take its place"
        return Refusal(RecordState.FAILED, why)
    return error


def _no_link(error: OSError, link: StandIn, keeper: str) -> OSError | Refusal:
    """What it means that the link to the keeper could not be made."""
    kind = "symlinks" if link.is_symlink else "hard links"
    match error.errno:
        case errno.EXDEV:
            why = f"{keeper}, its keeper, is on another disk, where no hard link can lead"
        case errno.EMLINK:
            why = f"{keeper}, its keeper, has as many names as the file system allows"
        case errno.EPERM | errno.EACCES if not link.is_symlink:
            why = f"no hard link to {keeper} may be made: {error.strerror} (is it someone else's file?)"
        case errno.EPERM | errno.ENOTSUP | errno.ENOSYS:
            why = f"the file system makes no {kind} here: {error.strerror}"
        case errno.ENOENT if not link.is_symlink:
            return Refusal(RecordState.CHANGED, f"{keeper}, its keeper, is no longer there")
        case _:
            return error
    return Refusal(RecordState.FAILED, why)
