"""What an organize run cannot take to another file system, found before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import Action
from fileorg.core.names import join
from fileorg.core.reasons import Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fileorg.index.columns import FileBatch
    from fileorg.storage.base import Storage


class DiskBorder:
    """The border between files and their targets on another file system: a file with several names is not moved
    across it, and no hard link leads across it.
    """

    def __init__(self, source: Storage, beyond: Mapping[int, tuple[Action, bytes]]) -> None:
        """Take the targets beyond it by number, each with what happens to its files, and its folder."""
        self._source = source
        self._beyond = beyond

    def blocked(self, batch: FileBatch, targets: Sequence[int]) -> dict[int, Reason]:
        """Return why files of a batch stay, by position."""
        return {
            position: reason
            for position, (target, nlink) in enumerate(zip(targets, batch.nlinks, strict=True))
            if target in self._beyond and (reason := self._reason(target, nlink)) is not None
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
        action, folder = self._beyond[target]
        if action is Action.HARDLINK:
            return Reason(ReasonCode.HARD_LINK_TO_OTHER_DISK, folder or b".")
        return Reason(ReasonCode.HARD_LINKS_TORN, None, nlink) if action is Action.MOVE and nlink > 1 else None
