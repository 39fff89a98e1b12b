"""Names that earlier rows of a batch make free, so that later ones can have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import FREES_TARGET, RENAMES, Action
from fileorg.core.names import collision_key, join

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Base, PlanRow
    from fileorg.storage.local.storage import LocalStorage


_LEAVES_SOURCE = RENAMES | {Action.QUARANTINE}


class FreeNames:
    """The names that files leave, and those of copies, links and folders that are removed."""

    def __init__(self, storages: Sequence[LocalStorage]) -> None:
        self._storages = storages
        self._found: set[tuple[Base, bytes]] = set()
        self._folds: dict[Base, bool] = {}

    def add(self, row: PlanRow) -> None:
        if row.action in _LEAVES_SOURCE:
            self._found.add(self._key(row.source_base, row.source_folder, row.source_name))
        elif row.action in FREES_TARGET:
            self._found.add(self._key(row.target_base, row.target_folder, row.target_name))

    def has(self, base: Base, folder: bytes, name: bytes) -> bool:
        return self._key(base, folder, name) in self._found

    def is_left_empty(self, base: Base, path: bytes) -> bool:
        """Return whether everything in a folder is gone by then, so that it can be removed. Raises `OSError`."""
        for listing in self._storages[base].list_folder(path):
            if not all(self.has(base, path, each.name) for part in listing[1:] for each in part):
                return False
            if not all(self.is_left_empty(base, join(path, each.name)) for each in listing.folders):
                return False
        return True

    def _key(self, base: Base, folder: bytes, name: bytes) -> tuple[Base, bytes]:
        folds = self._folds.get(base)
        if folds is None:
            folds = self._folds[base] = self._storages[base].is_case_insensitive()
        return base, collision_key(join(folder, name), case_insensitive=folds)
