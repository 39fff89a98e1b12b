"""What an organize run cannot take to another file system, found before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.model import Action
from fileorg.core.names import join
from fileorg.core.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from fileorg.core.model import OnConflict
    from fileorg.index.columns import FileBatch
    from fileorg.storage.base import Storage


class DiskBorders:
    """The targets on another file system than the files: a file with several names is not moved there, and no hard
    link leads there.
    """

    def __init__(
        self,
        source: Storage,
        targets: Sequence[bytes],
        way: Callable[[int], tuple[Action, OnConflict]],
        device_of: Callable[[bytes], int | None],
    ) -> None:
        """Take the target folders by number, what happens to the files of a number, and the device of a folder."""
        self._source = source
        self._targets = targets
        self._way = way
        self._device_of = device_of
        self._devices: Memo[bytes, int | None] = Memo(MANY_FOLDERS)

    def device(self, folder: bytes) -> int | None:
        """Return the device of a target folder, None if it is not known; the answer is cached."""
        if folder not in self._devices:
            self._devices[folder] = self._device_of(folder)
        return self._devices[folder]

    def crossed(self, folder: bytes, targets: Iterable[int]) -> set[int]:
        """Return those of the targets that are on another file system than the files of a folder."""
        devices = {target: self.device(self._targets[target]) for target in targets}
        if not devices:
            return set()
        try:
            there = self._source.stat_folder(folder)
        except OSError:
            return set()
        return {target for target, device in devices.items() if there and device not in {None, there.dev}}

    def blocked(self, batch: FileBatch, targets: Sequence[int]) -> dict[int, Reason]:
        """Return why files of a batch stay, by position."""
        crossed = self.crossed(batch.folder, {target for target in targets if target})
        if not crossed:
            return {}
        return {
            position: reason
            for position, (target, nlink) in enumerate(zip(targets, batch.nlinks, strict=True))
            if target in crossed and (reason := self._reason(target, nlink)) is not None
        }

    def group_stays(self, folder: bytes, names: Sequence[bytes], target: int) -> list[Reason]:
        """Return why the files of a group stay, the leader first; an empty list if all of them can be taken."""
        entries = [self._source.lstat(folder, name) for name in names]
        reasons = [self._reason(target, 1 if entry is None else entry.nlink) for entry in entries]
        first = next((name for name, reason in zip(names, reasons, strict=True) if reason is not None), None)
        if first is None:
            return []
        return [reason or Reason(ReasonCode.LEADER_STAYS, join(folder, first)) for reason in reasons]

    def _reason(self, target: int, nlink: int) -> Reason | None:
        action, _ = self._way(target)
        if action is Action.HARDLINK:
            return Reason(ReasonCode.HARD_LINK_TO_OTHER_DISK, self._targets[target] or b".")
        return Reason(ReasonCode.HARD_LINKS_TORN, None, nlink) if action is Action.MOVE and nlink > 1 else None
