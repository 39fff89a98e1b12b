"""Comparison of a duplicate with its keeper just before a change, and the way back to its name."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING, BinaryIO

from fileorg.content.identical import same_bytes
from fileorg.core.model import RecordState
from fileorg.core.names import below, collision_key
from fileorg.core.reasons import ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.execute.actions.handler import check_ready, kept
from fileorg.execute.identity import Identity, identity, is_known
from fileorg.execute.temporaries import Stuck, rename_to_free
from fileorg.execute.verdict import Refusal
from fileorg.storage.base import Kind
from fileorg.storage.links import Location
from fileorg.storage.local.listing import entry_of
from fileorg.storage.local.readiness import State, readiness, release

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.model import Entry, Keeper, PlanRow, Reserving
    from fileorg.execute.work import Work
    from fileorg.storage.local.readiness import Readiness

_NOT_ANY_MORE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EINVAL, errno.ENXIO}
"""Errors from opening a path that is no longer a regular file."""


def source_of(work: Work, row: PlanRow) -> Location:
    return Location(work.storages[row.source_base], row.source_folder, row.source_name)


def target_of(work: Work, row: PlanRow) -> Location:
    return Location(work.storages[row.target_base], row.target_folder, row.target_name)


def keeper_of(row: PlanRow) -> Keeper:
    if row.keeper is None:
        raise Refusal(RecordState.FAILED, ReasonCode.KEEPER_UNKNOWN)
    return row.keeper


def keeper_place(work: Work, keeper: Keeper) -> Location:
    return Location(work.storages[keeper.base], keeper.folder, keeper.name)


class Compared(NamedTuple):
    """A duplicate whose content equals its keeper's."""

    identity: Identity
    keeper_changed_ns: int | None
    """The ctime of a keeper on another disk: if it changes with the duplicate, the two are one file, seen twice."""


def compare_with_keeper(work: Work, row: PlanRow) -> Compared:
    """Return the duplicate if its content equals its keeper's now. Raises `Refusal`, `OSError`."""
    with opened(work, row) as (victim, keeper):
        before = _entry(victim), _entry(keeper)
        same = same_bytes(victim, keeper, row.size, work.check_cancelled)
        if before != (_entry(victim), _entry(keeper)):
            raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_WHILE_COMPARED)
        if not same:
            raise differs(work, row)
        return Compared(identity(before[0]), _changed_ns(work, row) if before[0].dev != before[1].dev else None)


def _changed_ns(work: Work, row: PlanRow) -> int | None:
    place = keeper_place(work, keeper_of(row))
    return place.storage.changed_ns(place.folder, place.name)


@contextlib.contextmanager
def opened(work: Work, row: PlanRow) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Open a duplicate and its keeper for reading: two different files, both unchanged since the plan."""
    keeper = keeper_of(row)
    with contextlib.ExitStack() as stack:
        victim = source_of(work, row)
        expected = Identity(row.inode, row.size, row.mtime_ns)
        file, seen = _open(stack, victim, RecordState.MISSING, ReasonCode.GONE)
        check_ready(row, _asked(file))
        if not is_known(victim.storage, victim.folder, seen, expected):
            raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN)
        shown = keeper_path(work, row, keeper)
        beside = keeper_place(work, keeper)
        expected = Identity(keeper.inode, row.size, keeper.mtime_ns)
        other_file, other = _open(stack, beside, RecordState.CHANGED, ReasonCode.KEEPER_GONE, shown)
        if not is_known(beside.storage, beside.folder, other, expected):
            raise Refusal(RecordState.CHANGED, ReasonCode.KEEPER_CHANGED, shown)
        check_keeper_ready(work, row, _asked(other_file))
        if (seen.dev, seen.inode) == (other.dev, other.inode) or _is_one_name(victim, beside):
            raise Refusal(RecordState.CHANGED, ReasonCode.KEEPER_IS_ITSELF, shown)
        yield file, other_file


def _is_one_name(one: Location, other: Location) -> bool:
    """Return whether two paths are one but for case, on a disk that ignores case. Its driver may number them apart."""
    paths = (below(place.storage.root, place.path) for place in (one, other))
    keys = {collision_key(path, case_insensitive=True) for path in paths}
    return len(keys) == 1 and one.storage.kind is Kind.LOCAL and one.storage.is_case_insensitive()


def check_keeper_ready(work: Work, row: PlanRow, answer: Readiness) -> None:
    """Like `check_ready`, for the keeper: a file that is still being written replaces nothing. Raises `Refusal`."""
    if answer.state is State.IN_USE:
        shown = keeper_path(work, row, keeper_of(row))
        raise kept(row, ReasonCode.KEEPER_BEING_WRITTEN, shown, answer.pid)


def _asked(file: BinaryIO) -> Readiness:
    """Return whether another program writes to an open file. The lease is released, so writers need not wait."""
    answer = readiness(file.fileno())
    if answer.is_leased:
        release(file.fileno())
    return answer


def _open(
    stack: contextlib.ExitStack, place: Location, state: RecordState, gone: ReasonCode, about: bytes | None = None
) -> tuple[BinaryIO, Entry]:
    try:
        file = stack.enter_context(place.storage.open_read(place.folder, place.name))
    except BlockingIOError:
        raise  # a file server holds a write lease: see `Applier`
    except OSError as error:
        if error.errno in _NOT_ANY_MORE:
            raise Refusal(state, gone, about) from error
        raise Refusal(RecordState.FAILED, ReasonCode.UNREADABLE, place.path, error.errno) from error
    return file, _entry(file)


def _entry(file: BinaryIO) -> Entry:
    """Return the entry of an open file, without a name."""
    return entry_of(b"", os.fstat(file.fileno()))


def keeper_path(work: Work, row: PlanRow, keeper: Keeper) -> bytes:
    """Return the path relative to the root, or for another root, the absolute path."""
    place = keeper_place(work, keeper)
    if place.storage is work.storages[row.source_base]:
        return place.path
    return os.path.join(place.storage.root, place.path)


def differs(work: Work, row: PlanRow) -> Refusal:
    return Refusal(RecordState.CHANGED, ReasonCode.KEEPER_DIFFERS, keeper_path(work, row, keeper_of(row)))


def still_kept(work: Work, row: PlanRow, compared: Compared) -> None:
    """Check the keeper again before the duplicate loses its name. Raises `Refusal` if the keeper has changed.

    A folder may be seen twice: by itself, and through an overlay, or through a file system such as mergerfs. Each view
    has numbers of its own for one file, but what is done to it by one is seen by the other.
    """
    keeper = keeper_of(row)
    place, expected = keeper_place(work, keeper), Identity(keeper.inode, row.size, keeper.mtime_ns)
    if not is_known(place.storage, place.folder, place.lstat(), expected):
        raise Refusal(RecordState.CHANGED, ReasonCode.KEEPER_CHANGED_JUST_NOW, keeper_path(work, row, keeper))
    if compared.keeper_changed_ns is not None and _changed_ns(work, row) != compared.keeper_changed_ns:
        raise Refusal(RecordState.CHANGED, ReasonCode.KEEPER_IS_ITSELF, keeper_path(work, row, keeper))


def not_here(error: OSError | Refusal) -> OSError | Refusal:
    if isinstance(error, OSError) and error.errno == errno.EXDEV:
        return Refusal(RecordState.FAILED, ReasonCode.OTHER_DISK_THAN_TRASH)
    return error


# Its name -------------------------------------------------------------------------------------------------------------


def put_back(now: Location, place: Location, reserving: Reserving) -> None:
    """Rename a file back to its previous name. Raises `Refusal` if that name is taken, `Stuck`."""
    try:
        rename_to_free(*now, *place, reserving)
    except FileExistsError as error:
        raise not_put_back(now) from error
    except OSError as error:
        if error.errno == errno.ENOENT and _is_gone(now):
            raise Refusal(RecordState.MISSING, ReasonCode.REMOVED_MEANWHILE) from error
        raise stuck_at(place, now, error) from error


def _is_gone(place: Location) -> bool:
    try:
        return place.lstat() is None
    except OSError:
        return False


def not_put_back(now: Location) -> Refusal:
    """Return the refusal for a name that another file has taken meanwhile: both files are kept."""
    return Refusal(RecordState.CHANGED, ReasonCode.NOT_PUT_BACK, now.path)


def stuck_at(place: Location, now: Location, error: OSError) -> Stuck:
    return Stuck(f"Could not move {place} back to its name ({error.strerror}): it is now {now}.")
