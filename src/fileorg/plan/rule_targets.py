"""The directories of an operation with rules as one tree for the plan.

A target folder outside the destination is a path that begins with a NUL and the number of its base; `RuleTargets` looks
it up there, and `real_row` turns it into the base and its path before a row leaves the plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import Action, Base, PlanRow
from fileorg.core.names import below, join
from fileorg.plan.base_folders import MARK, real

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fileorg.core.model import Entry, Listing
    from fileorg.storage.base import Capabilities
    from fileorg.storage.local.storage import LocalStorage


class RuleTargets:
    """The directories of an operation as one tree for the plan: the destination, and the others by `base_folder`."""

    def __init__(self, storages: Sequence[LocalStorage], default: Base) -> None:
        self._storages = storages
        self._default = default
        self._main = storages[default]

    def base_of(self, folder: bytes) -> Base:
        return real(folder, self._default)[0]

    def _at(self, folder: bytes) -> tuple[LocalStorage, bytes]:
        if not folder.startswith(MARK):
            return self._main, folder
        base, rest = real(folder, self._default)
        return self._storages[base], rest

    @property
    def root(self) -> bytes:
        return self._main.root

    @property
    def capabilities(self) -> Capabilities:
        limit = min(storage.capabilities.name_limit for storage in self._storages)
        return self._main.capabilities._replace(name_limit=limit)

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        if not folder and name.startswith(MARK):
            return None
        storage, rest = self._at(folder)
        return storage.lstat(rest, name)

    def stat_folder(self, folder: bytes) -> Entry | None:
        storage, rest = self._at(folder)
        return storage.stat_folder(rest)

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        storage, rest = self._at(folder)
        return storage.list_folder(rest)

    def name_parts(self, folder: bytes) -> Iterator[list[bytes]]:
        storage, rest = self._at(folder)
        return storage.name_parts(rest)

    def names(self, folder: bytes) -> Iterator[tuple[bytes, int]]:
        storage, rest = self._at(folder)
        return storage.names(rest)

    def open_read(self, folder: bytes, name: bytes) -> object:
        storage, rest = self._at(folder)
        return storage.open_read(rest, name)

    def readlink(self, folder: bytes, name: bytes) -> bytes:
        storage, rest = self._at(folder)
        return storage.readlink(rest, name)

    def actual_folder(self, folder: bytes, known: dict[bytes, bytes]) -> bytes:
        if not folder.startswith(MARK):
            return self._main.actual_folder(folder, known)
        storage, rest = self._at(folder)
        mark = folder.partition(b"/")[0]
        return join(mark, storage.actual_folder(rest, {})) if rest else mark

    def shown(self, folder: bytes) -> bytes:
        """Return a target folder for people: relative to the destination, or absolute."""
        if not folder.startswith(MARK):
            return folder
        storage, rest = self._at(folder)
        return below(storage.root, rest)


def real_row(row: PlanRow, default: Base, roots: Sequence[bytes]) -> PlanRow:
    """Return a row with the base of its target folder, and the path below it."""
    folder = row.target_folder
    if folder.startswith(MARK):
        base, folder = real(folder, default)
        row = row._replace(target_base=base, target_folder=folder)
    if row.action is Action.MOVE and not row.category and row.source_folder.startswith(MARK):
        base, folder = real(row.source_folder, default)
        row = row._replace(source_base=base, source_folder=folder)
    about = row.reason.about if row.reason is not None else None
    if about and about.startswith(MARK):
        base, path = real(about, default)
        row = row._replace(reason=row.reason._replace(about=below(roots[base], path)))  # type: ignore[union-attr]
    return row
