"""Removes objects from the trash in a store: each only if it is still the one of its record."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, cast

from fileorg.core.model import RecordState
from fileorg.core.names import join
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions.object_copies import unreachable
from fileorg.execute.verdict import Refusal
from fileorg.storage.object.client import ObjectDeletion, Result
from fileorg.storage.object.store_error import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.journal.trash_records import Trashed
    from fileorg.storage.base import Storage
    from fileorg.storage.object.object_storage import ObjectStorage


def remove_objects(storage: Storage, files: Sequence[Trashed]) -> list[int | Refusal | OSError]:
    """Remove objects that were listed just now. Return the bytes that each one frees, or why it is kept.

    Raises `StoreError` if nothing was removed, `StorageFailure` if nobody can tell what was: recovery finds out.
    """
    store = cast("ObjectStorage", storage)
    deletions = []
    for file in files:
        listed = store.listed(file.folder, file.name)
        deletions.append(ObjectDeletion(store.key(file.folder, file.name), "" if listed is None else listed.etag))
    removed: list[int | Refusal | OSError] = []
    for file, outcome in zip(files, store.client.delete(deletions), strict=True):
        match outcome.result:
            case Result.DONE:
                store.known.drop([join(file.folder, file.name)])
                removed.append(file.size)
            case Result.GONE:
                removed.append(0)  # another program has emptied the trash just now
            case Result.CHANGED:
                removed.append(Refusal(RecordState.CHANGED, ReasonCode.CHANGED_AND_KEPT))
            case Result.AMBIGUOUS if not _is_there(store, file):
                store.known.drop([join(file.folder, file.name)])
                removed.append(file.size)
            case _:
                removed.append(outcome.error or OSError(errno.EIO, os.strerror(errno.EIO)))
    return removed


def _is_there(store: ObjectStorage, file: Trashed) -> bool:
    """Return whether the store still has an object at a key of the trash. Raises `StorageFailure`."""
    try:
        return store.head(file.folder, file.name) is not None
    except StoreError as error:
        raise unreachable(store, error) from error
