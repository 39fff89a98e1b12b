"""Folders of a storage that are kept whole."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from fileorg.core.names import join, split
from fileorg.rules.ignore import IgnoreReason
from fileorg.rules.whole_folders import Whole, is_bundle, whole_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from fileorg.storage.base import Storage


def whole(storage: Storage, folder: bytes, names: Sequence[Collection[bytes]] = ()) -> Whole | None:
    """Return why a folder is kept whole, None if it is not. `names` are all names in it, in parts, if known already.

    Raises `OSError`.
    """
    parts = (lambda: names) if names else partial(storage.name_parts, folder)
    return whole_folder(parts, partial(_holds, storage, folder))


def whole_target(storage: Storage, folder: bytes) -> Whole | None:
    """Return why no file may be put into an existing folder, None if files may. Files sorted into it do not count.

    Raises `OSError`.
    """
    if is_bundle(split(folder)[1]):
        return Whole(IgnoreReason.BUNDLE, b"")
    return whole_folder(partial(storage.name_parts, folder), partial(_holds, storage, folder), surely=True)


def _holds(storage: Storage, folder: bytes, path: bytes) -> bool:
    try:
        return storage.lstat(*split(join(folder, path))) is not None
    except OSError:
        return False
