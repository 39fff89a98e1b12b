"""The missing folders that a plan needs: each is made once, just before the first file that is moved into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import Base, PlanRow
from fileorg.core.names import split, with_parents

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.storage.base import Storage

PRIVATE_MODE = 0o700
"""The mode of the folders of the trash."""


class MissingFolders:
    """The missing folders below one base that are not in the plan yet."""

    def __init__(self, base: Base, is_missing: Callable[[bytes], bool]) -> None:
        """`is_missing` is called once for each root-relative folder, never for the root."""
        self.known: set[bytes] = {b""}
        """Folders that exist or are in the plan: files can be moved into them."""
        self._base, self._is_missing = base, is_missing

    def rows(self, folder: bytes, mode: int = 0o777) -> list[PlanRow]:
        """Return rows that make the folder and its missing parents, the uppermost first."""
        missing = []
        while folder not in self.known:
            self.known.add(folder)
            if not self._is_missing(folder):
                break  # its parents exist, too
            missing.append(folder)
            folder, _ = split(folder)
        return [PlanRow.make_folder(self._base, path, mode) for path in reversed(missing)]

    def forget_beside(self, folder: bytes) -> None:
        """Remember only a folder and its parents: enough if folders are requested in the order of their paths."""
        self.known = {b"", *with_parents(folder)}


def is_missing(storage: Storage, folder: bytes) -> bool:
    """Return whether a folder is missing and could be made. False if something else has its path or that of a parent:
    the move into the folder will report that.
    """
    try:
        return storage.lstat(*split(folder)) is None
    except OSError:
        return False
