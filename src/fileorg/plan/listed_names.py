"""Names of a disk where case does not count, in the case that it lists."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from fileorg.core.memo import Memo
from fileorg.core.names import collision_key, join

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from fileorg.storage.local.storage import LocalStorage

_IS_FOLDER = 1
"""The kind of a folder in `LocalStorage.names`."""
_LISTED = 16
"""Folders whose subfolders are remembered."""
_LISTED_WHOLE = 2
"""Folders whose names are all remembered."""


class ListedNames:
    """The names in one tree. Folders that cannot be read have none: the checks of rows report them."""

    def __init__(self, storage: LocalStorage) -> None:
        self._storage = storage
        self._subfolders: Memo[bytes, dict[bytes, list[bytes]]] = Memo(_LISTED)
        """The subfolders that a folder lists, by their names without case."""
        self._entries: Memo[bytes, dict[bytes, list[bytes]]] = Memo(_LISTED_WHOLE)
        """All names that a folder lists, likewise."""

    def folder(self, path: bytes) -> bytes:
        """Return the path of a folder in the case that the disk lists, as far as it exists."""
        found = b""
        for name in path.split(b"/") if path else ():
            found = self._listed(found, name)
        return found

    def _listed(self, above: bytes, name: bytes) -> bytes:
        known = self._subfolders.get(above)
        if known is None:
            known = self._subfolders[above] = self._by_key(above, only_folders=True)
        return join(above, self._as_listed(known, above, name))

    def name(self, folder: bytes, name: bytes) -> bytes:
        """Return a name in the case that its folder lists; unchanged if it lists none, or several that are alike."""
        known = self._entries.get(folder)
        if known is None:
            known = self._entries[folder] = self._by_key(folder)
        return self._as_listed(known, folder, name)

    def _by_key(self, folder: bytes, *, only_folders: bool = False) -> dict[bytes, list[bytes]]:
        """Return the names that a folder lists, by these names without case."""
        found = dict[bytes, list[bytes]]()
        with contextlib.suppress(OSError):
            for there, kind in self._storage.names(folder):
                if kind == _IS_FOLDER or not only_folders:
                    found.setdefault(_folded(there), []).append(there)
        return found

    def _as_listed(self, known: Mapping[bytes, list[bytes]], folder: bytes, name: bytes) -> bytes:
        match known.get(_folded(name)):
            case [there] if there != name and self._storage.lstat(folder, name) is not None:
                return there
        return name

    def names(self, folder: bytes, names: Collection[bytes]) -> dict[bytes, bytes]:
        """Return those of the names that a folder lists in another case, each with that case."""
        found = dict[bytes, bytes]()
        wanted = {_folded(name): name for name in names}
        with contextlib.suppress(OSError):
            for there, _ in self._storage.names(folder):
                name = wanted.get(_folded(there))
                # Case may count in a folder of such a disk: then the name in the other case does not exist.
                if name is not None and name != there and self._storage.lstat(folder, name) is not None:
                    found[name] = there
                elif name == there:
                    del wanted[_folded(there)]
                    found.pop(name, None)
        return found


def _folded(name: bytes) -> bytes:
    return collision_key(name, case_insensitive=True)
