"""Protects last copies in stores: a duplicate is purged only if another object has its content now."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fileorg.core.model import RecordState
from fileorg.core.names import is_folder, is_within
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions.object_copies import holds_the_same, tell_equal
from fileorg.execute.verdict import Refusal
from fileorg.journal.trash_records import is_trash
from fileorg.storage.base import Kind
from fileorg.storage.object.client import StoredObject, head_one, heads
from fileorg.storage.object.store_error import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from fileorg.core.model import Base
    from fileorg.journal.trash_records import Trashed
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.object_storage import ObjectStorage

    _Doubtful = tuple[int, Trashed, list[bytes]]


def judged_objects(storages: Sequence[LocalStorage], doubtful: Sequence[_Doubtful]) -> Iterator[tuple[int, Refusal]]:
    """Yield the positions of the objects to keep, with the reason. Each comes with the paths at which an object with
    its content may be; those of one round are asked about together.
    """
    remaining = list(doubtful)
    while remaining:
        asked = [(each, _place(storages, each[2])) for each in remaining]
        by_store: dict[ObjectStorage, list[bytes]] = {}
        for _, place in asked:
            if place is not None:
                by_store.setdefault(place[0], []).append(place[1])
        answers = {store: dict(zip(keys, heads(store.client, keys), strict=True)) for store, keys in by_store.items()}
        remaining = []
        for (position, file, paths), place in asked:
            if place is None:
                yield position, Refusal(RecordState.CHANGED, ReasonCode.LAST_COPY)
                continue
            store, key = place
            there = answers[store][key]
            try:
                if isinstance(there, StoreError):
                    raise there
                if there is None or not _has_content(cast("ObjectStorage", storages[file.base]), file, store, there):
                    remaining.append((position, file, paths))
            except OSError as error:
                yield position, Refusal.of_error(error)


def judged_uploads(
    storages: Sequence[LocalStorage], files: Iterable[tuple[int, Trashed]]
) -> Iterator[tuple[int, Refusal]]:
    """Yield the positions of files to keep that went into a store, with the reason: their object is gone now, or is
    another one.
    """
    by_base: dict[Base, list[tuple[int, Trashed, bytes, int]]] = {}
    for position, file in files:
        if file.uploaded is not None:
            base, folder, name, token = file.uploaded
            key = cast("ObjectStorage", storages[base]).key(folder, name)
            by_base.setdefault(base, []).append((position, file, key, token))
    for base, of_base in by_base.items():
        store = cast("ObjectStorage", storages[base])
        there = heads(store.client, [key for _, _, key, _ in of_base])
        for (position, file, _, token), found in zip(of_base, there, strict=True):
            if isinstance(found, StoreError):
                yield position, Refusal.of_error(found)
            elif found is None or (found.token, found.size) != (token, file.size):
                yield position, Refusal(RecordState.CHANGED, ReasonCode.LAST_COPY)


def _place(storages: Sequence[LocalStorage], paths: list[bytes]) -> tuple[ObjectStorage, bytes] | None:
    """Take the next of the paths that is in one of the stores and not in a trash; None if there is none left."""
    while paths:
        path = paths.pop(0)
        for storage in storages:
            inside = path[len(storage.root) + 1 :]
            is_here = storage.kind is not Kind.LOCAL and path != storage.root and is_within(path, storage.root)
            if is_here and is_folder(inside) and not is_trash(inside.rpartition(b"/")[0]):
                store = cast("ObjectStorage", storage)
                folder, _, name = inside.rpartition(b"/")
                return store, store.key(folder, name)
    return None


def _has_content(storage: ObjectStorage, file: Trashed, store: ObjectStorage, there: StoredObject) -> bool:
    """Return whether an object has the content of one in the trash. Raises `OSError`."""
    listed = storage.listed(file.folder, file.name)
    if listed is None or listed.size != there.size:
        return False
    if tell_equal(listed, there):
        return True
    here = head_one(storage.client, storage.key(file.folder, file.name))
    return here is not None and here.etag == listed.etag and holds_the_same(storage, here, store, there)
