"""Which folders a plan needs and are not there: each is made once, just before what goes into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import Base, PlanRow
from fileorg.core.names import split, with_parents

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.storage.base import Storage

PRIVATE_MODE = 0o700
"""Of the folders of our trash."""


class MissingFolders:
    """The folders below one base that are missing, as far as they are not in the plan yet."""

    def __init__(self, base: Base, is_missing: Callable[[bytes], bool]) -> None:
        """`is_missing` is asked of a root-relative folder that was not asked for before, and is no root."""
        self.known: set[bytes] = {b""}
        """Folders that are there or in the plan: nothing is to be done for what goes into one."""
        self._base, self._is_missing = base, is_missing

    def rows(self, folder: bytes, mode: int = 0o777) -> list[PlanRow]:
        """Make the folder and those above it that are missing, the uppermost first."""
        missing = []
        while folder not in self.known:
            self.known.add(folder)
            if not self._is_missing(folder):
                break  # those above are there, too
            missing.append(folder)
            folder, _ = split(folder)
        return [PlanRow.make_folder(self._base, path, mode) for path in reversed(missing)]

    def forget_beside(self, folder: bytes) -> None:
        """Remember only a folder and those above: enough where they are asked for in the order of their paths."""
        self.known = {b"", *with_parents(folder)}


def is_missing(storage: Storage, folder: bytes) -> bool:
    """Whether a folder is not there, and could be made. Where something else is in its place, or in that of one above
    it, no: what goes into it will find that.
    """
    try:
        return storage.lstat(*split(folder)) is None
    except OSError:
        return False
