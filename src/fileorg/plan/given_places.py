"""The places that paths of a given plan lead to, and keys by which they are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.model import ROOT
from fileorg.core.names import collision_key, join, scheme_of, split
from fileorg.core.row_problems import RowFault
from fileorg.core.tuples import NamedTuple
from fileorg.plan.listed_names import ListedNames
from fileorg.plan.row_checks import Fault
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Base
    from fileorg.storage.local.storage import LocalStorage

PlaceOfFolder: TypeAlias = "tuple[Base, bytes]"
"""The tree that a folder is in, and its path there."""

_DOT = ord(".")


class PlanTree(NamedTuple):
    """A directory that rows may be in. `paths` are the absolute paths by which rows may name it."""

    base: Base
    storage: LocalStorage
    paths: Sequence[bytes]
    case_insensitive: bool


class GivenPlaces:
    """The trees of a plan. The first one is that which relative paths start from."""

    def __init__(self, trees: Sequence[PlanTree]) -> None:
        prefixes = [(path.rstrip(b"/") + b"/", tree.base) for tree in trees for path in tree.paths]
        self._prefixes = sorted(prefixes, key=lambda each: -len(each[0]))
        self.stores = frozenset(tree.base for tree in trees if tree.storage.kind is not Kind.LOCAL)
        self.folding = {tree.base: ListedNames(tree.storage) for tree in trees if tree.case_insensitive}
        """The trees where case does not count."""
        self._folders: Memo[bytes, PlaceOfFolder] = Memo(MANY_FOLDERS)
        """The folders that rows name, as they write them, with the slash at the end."""

    def place(self, path: bytes) -> tuple[Base, bytes, bytes] | Fault:
        """Return base, folder and name of a path, or why it has none."""
        [found] = self.place_all([path])
        return found if isinstance(found, Fault) else (*found[0], found[1])

    def place_all(self, paths: Sequence[bytes]) -> list[tuple[PlaceOfFolder, bytes] | Fault]:
        """Return the folder and the name of each path, or why it has none."""
        folders, found = self._folders, list[tuple[PlaceOfFolder, bytes] | Fault]()
        for path in paths:
            end = path.rfind(b"/") + 1
            name = path[end:]
            if not name or name[0] == _DOT or 0 in name:
                found.append(self._place(path))
                continue
            known = folders.get(path[:end])
            if known is None:
                place = self._place(path)
                if isinstance(place, Fault):
                    found.append(place)
                    continue
                known = folders[path[:end]] = place[0]
            found.append((known, name))
        return found

    def _place(self, path: bytes) -> tuple[PlaceOfFolder, bytes] | Fault:
        base, inside = ROOT, path
        if path[:1] == b"/" or scheme_of(path):
            for prefix, number in self._prefixes:
                if path.startswith(prefix):
                    base, inside = number, path[len(prefix) :]
                    break
            else:
                return Fault(RowFault.OUTSIDE, path)
        if b"/." in inside or b"//" in inside or inside[:1] == b"." or inside[-1:] == b"/" or 0 in inside:
            if 0 in inside:
                return Fault(RowFault.BAD_PATH, path)
            parts = [part for part in inside.split(b"/") if part not in {b"", b"."}]
            if b".." in parts:
                return Fault(RowFault.OUTSIDE, path)
            if base in self.stores and b"/".join(parts) != inside.removesuffix(b"/"):
                return Fault(RowFault.BAD_PATH, path)  # no other key is meant
            inside = b"/".join(parts)
        if not inside:
            return Fault(RowFault.BAD_PATH, path)
        folder, _, name = inside.rpartition(b"/")
        return (base, folder), name

    def digest(self, base: Base, path: bytes) -> int:
        """Return the digest of a path: equal for names that cannot coexist."""
        folder, name = split(self.folded(base, path))
        return hash(((base, folder), name))

    def digests(self, folders: Sequence[PlaceOfFolder], names: Sequence[bytes]) -> list[int]:
        """Return the `digest` of each name in its folder."""
        if self.folding:
            return [self.digest(base, join(folder, name)) for (base, folder), name in zip(folders, names, strict=True)]
        return list(map(hash, zip(folders, names, strict=True)))

    def folded(self, base: Base, path: bytes) -> bytes:
        """Return a path as a key, equal for names that cannot coexist."""
        return collision_key(path, case_insensitive=True) if base in self.folding else path

    def key(self, base: Base, path: bytes) -> tuple[Base, bytes]:
        """Return a place as a key, equal for paths that are one name."""
        return base, self.folded(base, path)

    def is_same(self, base: Base, path: bytes, other_base: Base, other: bytes) -> bool:
        """Return whether two paths are one name."""
        return base == other_base and self.folded(base, path) == self.folded(base, other)


def as_added(path: bytes) -> bytes:
    """Return a key of the absolute path that a copy or link gets; no path is one."""
    return b"+" + path


def as_arrived(path: bytes) -> bytes:
    """Return a key of the absolute path that a file was put at; no path is one."""
    return b">" + path


def without_case(path: bytes) -> bytes:
    """Return a key of an absolute path where case does not count; no path is one."""
    return b"\0" + collision_key(path, case_insensitive=True)
