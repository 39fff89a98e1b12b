"""The folders that a plan leaves empty, and the rows that remove them. Reads folders, writes nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, cast

from fileorg.core.model import EMPTIED_FOLDER, Action, PlanRow
from fileorg.core.names import join, split, tree_key, with_parents
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.scan.leftovers import is_intentional
from fileorg.storage.local.recreate import RecreationCheck

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from fileorg.core.model import Base
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.object_storage import ObjectStorage

_LED_TO = Reason(ReasonCode.SYMLINK_LEADS_TO_IT)


class EmptiedFolders:
    """The folders of one tree from which the plan moves everything; never one that is empty already, nor the root.

    As for `fileorg clean`, a folder that holds only folders to remove is empty, and a folder stays, with the reason, if
    it could not be made again as it is, or if a symlink leads to it.
    """

    def __init__(
        self, rows: Iterable[PlanRow], storage: LocalStorage, base: Base, is_led_to: Callable[[bytes, bytes], bool]
    ) -> None:
        """`rows` are those of the plan, `base` that of the tree. `is_led_to` returns whether a symlink leads to a
        folder, by its parent and its name.
        """
        self._storage, self._base, self._is_led_to = storage, base, is_led_to
        self._store = None if storage.capabilities.empty_folders else cast("ObjectStorage", storage)
        self._leaving, self._filled = Counter[bytes](), set[bytes]()
        for row in rows:
            if row.action is Action.MOVE and not row.reason:
                if row.source_base == base and row.source_folder:
                    self._leaving[row.source_folder] += 1
                if row.target_base == base and row.target_folder not in self._filled:
                    self._filled.update(with_parents(row.target_folder))
        self._recreation = RecreationCheck(storage) if self._store is None else None
        self._judged: dict[bytes, Reason | None] = {}
        pending = list(self._leaving)
        while pending:  # a parent is judged again when its last folder turns out to be empty
            above = set[bytes]()
            for folder in pending:
                if folder not in self._judged and self._is_emptied(folder):
                    self._judged[folder] = self._obstacle(folder)
                    above.add(split(folder)[0])
            pending = [folder for folder in above if folder]
        if self._store is not None:  # a folder without a marker goes with its last object
            marked = [folder for folder in self._judged if self._store.marker(folder) is not None]
            self._judged = dict.fromkeys(marked)
        self.removed = sum(1 for reason in self._judged.values() if not reason)
        """The number of folders to remove."""

    def rows(self) -> Iterator[PlanRow]:
        """Yield the rows, the deepest folders first; those of folders that stay have a reason."""
        for folder in sorted(self._judged, key=tree_key, reverse=True):
            yield PlanRow.remove_folder(self._base, folder, EMPTIED_FOLDER, self._judged[folder])

    def kept(self) -> Iterator[PlanRow]:
        """Yield the rows of the folders that the plan empties and that stay, with the reason."""
        return (row for row in self.rows() if row.reason)

    def _is_emptied(self, folder: bytes) -> bool:
        if folder in self._filled or is_intentional(split(folder)[1]):
            return False
        if self._store is not None and self._store.known.is_held(folder):
            return False
        files = 0
        try:
            for listing in self._storage.list_folder(folder):
                if listing.others or not all(self._goes(join(folder, entry.name)) for entry in listing.folders):
                    return False
                files += len(listing.files)
        except OSError:
            return False
        return files == self._leaving[folder]

    def _goes(self, folder: bytes) -> bool:
        return folder in self._judged and not self._judged[folder]

    def _obstacle(self, folder: bytes) -> Reason | None:
        if self._recreation is None:
            return None
        return self._recreation.obstacle(folder) or (_LED_TO if self._is_led_to(*split(folder)) else None)
