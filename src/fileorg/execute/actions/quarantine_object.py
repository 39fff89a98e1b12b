"""Moves a duplicate in a store to the trash there. Undo is a plain move.

The object that stays is looked at twice: before the copy, when both are compared, and before the deletion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fileorg.core.model import Action, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions.handler import Handler, check_unchanged
from fileorg.execute.actions.keeper_checks import differs, keeper_of, keeper_path
from fileorg.execute.actions.move_object import leave_original, move_all
from fileorg.execute.actions.move_object import settle as settle_move
from fileorg.execute.actions.object_copies import STAYS, holds_the_same, is_copy, store_of, tell_equal, unreachable
from fileorg.execute.verdict import CHANGED, TAKEN, Refusal
from fileorg.storage.base import Kind
from fileorg.storage.object.store_error import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fileorg.core.model import Base, Keeper, PlanRow
    from fileorg.execute.actions.handler import Fail, Series
    from fileorg.execute.actions.object_copies import ObjectMove
    from fileorg.execute.case import Case
    from fileorg.execute.verdict import Verdict
    from fileorg.execute.work import Work
    from fileorg.storage.object.client import StoredObject
    from fileorg.storage.object.object_storage import ObjectStorage

    _Place = tuple[Base, bytes, bytes]
    _Answers = dict[_Place, StoredObject | StoreError | None]


class _Keepers:
    """The objects that stay in the places of the duplicates of a series."""

    def __init__(self, work: Work) -> None:
        self._work = work

    def before_copy(self, source: ObjectStorage, moves: list[ObjectMove], fail: Fail) -> list[ObjectMove]:
        there, found = self._heads(moves), []
        for move in moves:
            try:
                self._work.check_cancelled()
                self._compare(source, move, there)
                found.append(move)
            except (Refusal, OSError) as error:
                fail(move.position, error)
        return found

    def _compare(self, source: ObjectStorage, move: ObjectMove, there: _Answers) -> None:
        """Raise `Refusal` if a duplicate differs from the object that stays, `OSError`."""
        row = move.row
        kept = self._unchanged(row, there, ReasonCode.KEEPER_GONE, ReasonCode.KEEPER_CHANGED)
        keeper = keeper_of(row)
        store = store_of(self._work, keeper.base)
        if (store.client.url, kept.key) == (source.client.url, move.source):
            raise self._refusal(row, ReasonCode.KEEPER_IS_ITSELF)
        if tell_equal(move.listed, kept):
            return
        here = source.head(row.source_folder, row.source_name)
        if here is None:
            raise Refusal(RecordState.MISSING, ReasonCode.GONE)
        if here.etag != move.listed.etag:
            raise Refusal(RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN)
        if not holds_the_same(source, here, store, kept):
            raise differs(self._work, row)

    def before_deletion(self, moves: Sequence[ObjectMove]) -> dict[int, Refusal | OSError]:
        there, stays = self._heads(moves), dict[int, Refusal | OSError]()
        for move in moves:
            try:
                code = ReasonCode.KEEPER_CHANGED_JUST_NOW
                self._unchanged(move.row, there, code, code)
            except (Refusal, OSError) as error:
                stays[move.position] = error
        return stays

    def _heads(self, moves: Iterable[ObjectMove]) -> _Answers:
        """Return what the stores say now of the objects that stay, each asked about once. An error that will not pass
        is an answer, too. Raises `StorageFailure`.
        """
        by_base: dict[Base, dict[_Place, bytes]] = {}
        for base, folder, name, *_ in (keeper_of(move.row) for move in moves):
            by_base.setdefault(base, {})[base, folder, name] = store_of(self._work, base).key(folder, name)
        found: _Answers = {}
        for base, keys in by_base.items():
            store = store_of(self._work, base)
            try:
                answers = store.client.head(list(keys.values()))
                for place, answer in zip(keys, answers, strict=True):
                    if isinstance(answer, StoreError) and not answer.is_permanent:
                        raise answer
                    found[place] = answer
            except StoreError as error:
                raise unreachable(store, error) from error
        return found

    def _unchanged(self, row: PlanRow, there: _Answers, gone: ReasonCode, changed: ReasonCode) -> StoredObject:
        """Return the object that stays, if it is the one of the plan. Raises `Refusal`, `StoreError`."""
        keeper = keeper_of(row)
        kept = there[keeper[:3]]
        if isinstance(kept, StoreError):
            raise kept
        if kept is None:
            raise self._refusal(row, gone)
        if not _is_kept(keeper, kept, row.size):
            raise self._refusal(row, changed)
        return kept

    def _refusal(self, row: PlanRow, code: ReasonCode) -> Refusal:
        return Refusal(RecordState.CHANGED, code, keeper_path(self._work, row, keeper_of(row)))


def _is_kept(keeper: Keeper, there: StoredObject | None, size: int) -> bool:
    return there is not None and (there.token, there.size) == (keeper.inode, size)


def _apply(work: Work, series: Series, fail: Fail) -> None:
    move_all(work, series, fail, _Keepers(work))


def _settle(case: Case) -> Verdict:
    """Recover like a move, but withdraw a copy if the object that was to stay is another one now, and the deletion of
    the duplicate was not begun.
    """
    source, target, record = cast("ObjectStorage", case.source), cast("ObjectStorage", case.target), case.record
    keeper = case.keeper
    if keeper is None:
        return settle_move(case)
    store = cast("ObjectStorage", case.storages[keeper.base])
    here = source.head(record.source_folder, record.source_name)
    is_here = here is not None and (here.token, here.size) == (record.inode, record.size)
    there = target.head(record.target_folder, record.target_name)
    if here is None or not is_here or there is None or record.state is RecordState.CONFLICT:
        return settle_move(case)
    if record.state is RecordState.DONE:  # the deletion was begun, and may still be carried out
        return settle_move(case)
    if _is_kept(keeper, store.head(keeper.folder, keeper.name), record.size):
        is_recorded = (there.token, there.size) == (record.target_inode, record.size)
        if record.state not in STAYS or not is_recorded:  # nothing removes the copy
            case.record = record._replace(state=RecordState.DONE, reason=case.note())
        return settle_move(case)
    if there.token != record.target_inode and not is_copy(source, here, target, there):
        return TAKEN
    return leave_original(case, there, CHANGED)


TABLE: dict[tuple[Action, Kind, Kind], Handler] = {
    (Action.QUARANTINE, Kind.OBJECT, Kind.OBJECT): Handler(check_unchanged, _apply, _settle)
}
