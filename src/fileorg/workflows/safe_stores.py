"""Refuses changes in stores that do not heed the conditions of requests: a probe finds out, once a month for a bucket.

S3 of AWS is known by its documentation, and `memory://` lives in the program itself.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, cast

from fileorg.core.errors import GuardRefused
from fileorg.core.names import display
from fileorg.storage.base import Kind
from fileorg.workflows.hints import read_hint, write_hint

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fileorg.core.state import StateDirectory
    from fileorg.storage.base import Storage
    from fileorg.storage.object.client import ObjectClient, Precondition
    from fileorg.storage.object.object_storage import ObjectStorage

_NAME = b"stores.json"
_VALID_SECONDS = 30 * 86_400
_MAX_STORES = 1000


def refuse_unsafe(
    storages: Iterable[Storage], state: StateDirectory, *, only_uploads: bool = False, allow_unsafe: bool = False
) -> None:
    """Raise `GuardRefused` for a store that ignores a condition that the run relies on; `FileorgError` if it cannot be
    probed. With `only_uploads`, the run writes new objects and removes none. If only large objects are not safe there,
    these fail.
    """
    from fileorg.storage.object.probes import LARGE

    for storage in dict.fromkeys(storages):
        if storage.kind is not Kind.OBJECT or allow_unsafe:
            continue
        store = cast("ObjectStorage", storage)
        if _is_known(store.client.endpoint):
            continue
        unmet = _unmet(store, state, only_uploads=only_uploads)
        if not LARGE.isdisjoint(unmet):
            store.client.refuse_parts()
        if unmet := [each for each in unmet if each not in LARGE]:
            raise GuardRefused(
                f"{display(store.root)} ignores conditions of requests ({', '.join(unmet)}): another program could lose"
                " an object there.",
                hint="fileorg storage check says more; --allow-unsafe takes the risk, if nobody else writes there",
            )


def note_probed(state: StateDirectory, client: ObjectClient, unmet: list[str], *, only_uploads: bool) -> None:
    """Record what a probe found of a bucket."""
    key = _key(client, only_uploads=only_uploads)
    rows = [row for row in _rows(state) if row[0] != key]
    write_hint(state, _NAME, [*rows, [key, int(time.time()), unmet]][-_MAX_STORES:])


def _is_known(endpoint: str) -> bool:
    if endpoint == "":
        return True
    from fileorg.storage.object.s3 import is_aws

    return is_aws(endpoint)


def _key(client: ObjectClient, *, only_uploads: bool) -> str:
    return f"{client.endpoint} {client.bucket} {'uploads' if only_uploads else 'moves'} of any size"


def _rows(state: StateDirectory) -> list[list[object]]:
    found = read_hint(state, _NAME)
    return [row for row in found if isinstance(row, list) and len(row) == 3] if isinstance(found, list) else []


def _unmet(store: ObjectStorage, state: StateDirectory, *, only_uploads: bool) -> list[str]:
    key = _key(store.client, only_uploads=only_uploads)
    for row in _rows(state):
        is_valid = isinstance(row[1], int) and 0 <= time.time() - row[1] < _VALID_SECONDS
        if row[0] == key and is_valid and isinstance(row[2], list):
            return [str(each) for each in row[2]]
    found, is_certain = _probed(store, only_uploads=only_uploads)
    if is_certain:
        note_probed(state, store.client, [*found], only_uploads=only_uploads)
    return [*found]


def _probed(store: ObjectStorage, *, only_uploads: bool) -> tuple[list[Precondition], bool]:
    """Return what the store does not heed, and whether that is certain. Raises `FileorgError`."""
    from fileorg.storage.object.probes import (
        LARGE,
        UPLOADS,
        ProbeSubject,
        ProbeVerdict,
        StoreProbe,
        is_missing_right,
        moves_need,
        unmet,
    )
    from fileorg.storage.object.store_error import StoreError
    from fileorg.workflows.stores import failure

    needed = UPLOADS if only_uploads else moves_need(store.client) | UPLOADS
    subjects = {*needed, *LARGE} if only_uploads else {*needed, *LARGE, ProbeSubject.RACE}
    scratch = store.key(b"", f".fileorg-check-{secrets.token_hex(8)}".encode()) + b"/"
    probe = StoreProbe(store.client, scratch)
    try:
        results = list(probe.results(subjects))
    except StoreError as error:
        raise failure(error, store.root, left=probe.left(error)) from error
    is_certain = True
    for each in results:  # what may pass says nothing of the store, and must not be kept
        if each.verdict is not ProbeVerdict.FAILED or each.error is None:
            continue
        if not each.error.is_permanent or is_missing_right(each.error):
            is_certain = False
            if each.subject in subjects - LARGE:
                raise failure(each.error, store.root)
    return unmet(results, needed | LARGE), is_certain
