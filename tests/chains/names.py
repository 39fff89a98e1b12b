"""Each name of a file or link, followed from look to look: where it went, and whether it may be gone.

A name has a home: where it is to be when all is taken back. Nothing is asked of fileorg.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tests.support.snapshot import compared

from fileorg.core.names import display

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.chains.view import View
    from tests.support.snapshot import Node

_TEMPORARY = re.compile(rb"(?:.*/)?\.fileorg-(\d+)-(\d+)(?:-old)?\.part\Z", re.DOTALL)
_TRASH = b"/.fileorg/trash/"
_COARSE_NS = 2_000_000_000


@dataclass(eq=False)
class Name:
    """One name of a file or link. `home` is None for what fileorg made and is to take away again."""

    path: bytes
    node: Node
    home: bytes | None
    first: Node
    """As it was when others last had a hand in it."""
    touched_at: bytes = b""
    """Where it was when others last changed it, if they did."""
    purged: bool = False
    trashed_by: str = ""
    alike: frozenset[bytes] = frozenset()
    """Of what fileorg made: where there were files like it then."""

    def __str__(self) -> str:
        home = "" if self.home in {None, self.path} else f" (of {display(self.home or b'')})"
        return display(self.path) + home

    def is_like(self, node: Node) -> bool:
        return (self.node.kind, self.node.content) == (node.kind, node.content)


Kept = dict[bytes, Name]


class Followed(NamedTuple):
    """What is wrong in words, which names were moved from where, and which were made."""

    wrong: list[str]
    moves: dict[Name, bytes]
    made: set[Name]


class Names:
    """All names, by where they are now."""

    def __init__(self, view: View, wandering: frozenset[bytes], coarse: frozenset[bytes]) -> None:
        self.at = {path: Name(path, view.nodes[path], path, view.nodes[path]) for path in view.files if is_inside(path)}
        self.purged = set[bytes]()
        """Homes to which nothing comes back."""
        self._wandering, self._coarse = wandering, coarse
        """Bases where inode numbers do not last, and those where times are rounded."""

    def follow(self, before: View, after: View, *, command: str) -> Followed:
        """What fileorg did between two looks."""
        wrong, kept = list[str](), dict[bytes, Name]()
        strayed = [name for name in self.at.values() if not self._stays(name, before, after)]
        for path, name in self.at.items():
            if name not in strayed:
                kept[path] = name
                if after.nodes[path].content != name.node.content:
                    wrong.append(f"the content of {name} is another: {compared(name.node, after.nodes[path])}")
        free = [path for path in after.files if path not in kept and is_inside(path)]
        moves = dict[Name, bytes]()
        for find in (self._by_inode, self._in_its_place, self._alike, self._in_place_of_ours, self._of_its_content):
            for name in [*strayed]:
                paths = list(find(name, before, after, free, kept))
                if not paths:
                    continue
                found = min(paths, key=partial(_rank, name=name))
                strayed.remove(name)
                if found in free:
                    free.remove(found)
                kept[found] = name
                if found != name.path:
                    moves[name] = name.path
                if _TRASH in found:
                    name.trashed_by = command
        made = {path: self._made(path, after.nodes[path]) for path in free}
        self.at = kept | made
        for path, name in self.at.items():
            name.path, name.node = path, after.nodes[path]
        self.purged |= {name.home for name in strayed if command == "purge" and name.home}
        wrong += [why for name in strayed if (why := _missed(name, after, command))]
        return Followed(wrong, moves, set(made.values()))

    def _made(self, path: bytes, node: Node) -> Name:
        alike = frozenset(other.home or other.path for other in self.at.values() if other.is_like(node))
        return Name(path, node, None, node, alike=alike)

    def comes_home(self, name: Name) -> bool:
        """Whether it is also at its home, or set aside, as after a crash on its way: from now on that one is it."""
        ours = (other for other in self.at.values() if other.home is None and other.is_like(name.node))
        found = next((other for other in ours if other.path == name.home or is_set_aside(other.path)), None)
        if found is None or _TRASH in name.path:
            return False
        found.home, found.first = name.home, name.first
        return True

    def is_one_of_twins(self, name: Name) -> bool:
        """Whether it may have been taken for another one like it, where inode numbers do not tell."""
        if self._lasts(name.path) and self._lasts(name.home or name.path):
            return False
        return any(other is not name and other.is_like(name.first) for other in self.at.values())

    def _lasts(self, path: bytes) -> bool:
        return path.split(b"/")[0] not in self._wandering

    def _stays(self, name: Name, before: View, after: View) -> bool:
        path = name.path
        now = after.nodes.get(path)
        return (
            now is not None
            and now.kind == name.node.kind
            and self._lasts(path)
            and after.inodes[path] == before.inodes[path]
        )

    # Where a name that has strayed may be now, the surest first ---------------------------------------------------

    def _by_inode(self, name: Name, before: View, after: View, free: list[bytes], _: Kept) -> Iterable[bytes]:
        inode = before.inodes[name.path]
        same = (path for path in free if after.inodes[path] == inode and self._lasts(path))
        return (path for path in same if name.is_like(after.nodes[path]))

    def _in_its_place(self, name: Name, _: View, after: View, free: list[bytes], __: Kept) -> Iterable[bytes]:
        return (path for path in free if path == name.path and self._is_same(path, name.node, path, after.nodes[path]))

    def _alike(self, name: Name, _: View, after: View, free: list[bytes], __: Kept) -> Iterable[bytes]:
        return (path for path in free if self._is_same(name.path, name.node, path, after.nodes[path]))

    def _in_place_of_ours(self, name: Name, _: View, after: View, __: list[bytes], kept: Kept) -> Iterable[bytes]:
        """A copy that was made of it before is it now."""
        if name.home is None:
            return ()
        ours = (path for path, other in kept.items() if other.home is None)
        return (path for path in ours if self._is_same(name.path, name.node, path, after.nodes[path]))

    def _of_its_content(self, name: Name, _: View, after: View, free: list[bytes], __: Kept) -> Iterable[bytes]:
        return (path for path in free if name.is_like(after.nodes[path]))

    def _is_same(self, one: bytes, old: Node, other: bytes, new: Node) -> bool:
        if (old.kind, old.content) != (new.kind, new.content):
            return False
        if old.kind == "symlink":
            return True
        if not {one.split(b"/")[0], other.split(b"/")[0]} & self._coarse:
            return old.mtime_ns == new.mtime_ns
        return abs(old.mtime_ns - new.mtime_ns) < _COARSE_NS


def _rank(path: bytes, name: Name) -> tuple[bool, bool, int, bytes]:
    """Of several places that a name may have now: its home before others, then what is most like its old path."""
    pairs = zip(reversed(path.split(b"/")), reversed(name.path.split(b"/")), strict=False)
    alike = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
    return is_temporary(path), path != name.home, -alike, path


def _missed(name: Name, after: View, command: str) -> str:
    """Why a name must not be gone, or nothing."""
    is_purged = command == "purge" and _TRASH in name.path
    if name.node.kind != "file":
        return "" if name.home is None or is_purged else f"lost: the link {name}"
    there = [path for path in after.files if name.is_like(after.nodes[path])]
    if is_purged:
        name.purged = True
        seen = [path for path in there if _TRASH not in path and not is_temporary(path)]
        if name.trashed_by == "dedupe" and not seen:
            return f"purge: the last copy of {name} is gone"
        return f"purge: what was edited is gone: {name}" if name.touched_at == name.path and not there else ""
    reserved = not name.node.content and not name.touched_at
    if name.home is None and (there or reserved or is_temporary(name.path)):
        return ""  # a copy, a link, or a name that was kept free, taken away again
    return f"lost: {name} with {name.node.content[:30]!r}"


def is_inside(path: bytes) -> bool:
    return not path.startswith(b"outside")


def is_temporary(path: bytes) -> bool:
    return bool(_TEMPORARY.match(path))


def is_set_aside(path: bytes) -> bool:
    """Whether it is an original on its way, and not a copy that has no name yet."""
    return is_temporary(path) and path.endswith(b"-old.part")


def above(path: bytes) -> Iterable[bytes]:
    """The path, and the folders that it is in."""
    while path:
        yield path
        path = path.rpartition(b"/")[0]
