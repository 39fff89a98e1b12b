"""The files at a target that others beside them need where they are: sidecars, logs of databases, marks of programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from fileorg.core.memo import Memo
from fileorg.core.names import collision_key
from fileorg.scan.together import grouping_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from fileorg.storage.base import Storage
    from fileorg.storage.local.storage import LocalStorage

_FEW_FOLDERS = 256
"""Folders with conflicts come one after the other, and what is known of one has all its groups."""


class TargetNeighbours:
    """The neighbours of the files in target folders. Reads a folder when it is first asked about."""

    def __init__(self, storage: Storage, *, case_insensitive: bool) -> None:
        self._storage = storage
        self._case_insensitive = case_insensitive
        self._known: Memo[bytes, Mapping[bytes, tuple[bytes, ...]]] = Memo(_FEW_FOLDERS)

    def neighbour(self, folder: bytes, name: bytes, displaced: Iterable[bytes]) -> bytes | None:
        """Return the file or folder for which `name` must stay, None if it may go with the other `displaced` names.

        Raises `OSError` if the folder cannot be read.
        """
        if folder not in self._known:
            self._known[folder] = self._read(folder)
        neighbours = self._known[folder].get(self._key(name), ())
        gone: Container[bytes] = {self._key(each) for each in displaced} if neighbours else ()
        return next((each for each in neighbours if self._key(each) not in gone), None)

    def _read(self, folder: bytes) -> Mapping[bytes, tuple[bytes, ...]]:
        found = grouping_of(cast("LocalStorage", self._storage), folder)
        if found is None:
            return {}
        neighbours: dict[bytes, tuple[bytes, ...]] = {}
        for members in found.members().values():
            neighbours |= {self._key(name): tuple(each for each in members if each != name) for name in members}
        marks = {name: neighbour for name, (_, neighbour) in found.marked.items()} | found.folders
        for name, neighbour in marks.items():
            neighbours[self._key(name)] = (neighbour, *neighbours.get(self._key(name), ()))
        return neighbours

    def _key(self, name: bytes) -> bytes:
        return collision_key(name, case_insensitive=self._case_insensitive)
