"""A rename to the same name in another case, where case does not matter: the new name is taken, by the file itself.

It goes through a name of ours that the journal knows of before. What a crash leaves is that name, or the listing tells
which of the two spellings there is.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fileorg.core.model import RecordState
from fileorg.core.names import collision_key
from fileorg.execute.temporaries import PLACED, aside, put_back, rename_beside

if TYPE_CHECKING:
    from fileorg.core.model import PlanRow
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Record
    from fileorg.storage.local.storage import LocalStorage


def is_respelling(row: PlanRow | Record) -> bool:
    """Whether both names are one where case does not matter."""
    return (
        row.source_name != row.target_name
        and row.source_base == row.target_base
        and _folded(row.source_name) == _folded(row.target_name)
        and _folded(row.source_folder) == _folded(row.target_folder)
    )


def respell(journal: Journal, operation: int, row: PlanRow, record: int, storage: LocalStorage) -> bool:
    """Rename it, if it is the file itself that has the new name. False if it is not; then nothing was done.

    Raises `OSError` if it has its old name still, `Stuck` if it has ours.
    """
    folder, name = row.source_folder, aside(operation, record)
    if not is_respelling(row) or not _is_itself(storage, row):
        return False
    # The time tells an empty file of ours, where names have to be reserved, from one that was there before.
    journal.mark(record, RecordState.INTENT, target_inode=PLACED, target_mtime_ns=time.time_ns())
    rename_beside(storage, folder, row.source_name, name)
    try:
        rename_beside(storage, folder, name, row.target_name)
    except OSError:
        put_back(storage, folder, row.source_name, name)
        raise
    made = storage.lstat(folder, row.target_name)
    if made is not None:
        journal.mark(record, RecordState.COPIED, target_inode=made.inode, target_mtime_ns=made.mtime_ns)
    return True


def _is_itself(storage: LocalStorage, row: PlanRow) -> bool:
    one = storage.lstat(row.source_folder, row.source_name)
    other = storage.lstat(row.target_folder, row.target_name)
    if one is None or other is None:
        return False
    if (one.dev, one.inode) == (other.dev, other.inode) and one.nlink == 1:
        return True
    return storage.is_another_case(row.target_folder, row.target_name)


def _folded(name: bytes) -> bytes:
    return collision_key(name, case_insensitive=True)
