"""Follows each name of a file or link from view to view: its new path, or if it may be missing.

The home of a name is its path after everything is undone. The journal is not consulted.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.names import display

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.chains.view import View
    from tests.support.snapshot import Node

_TEMPORARY = re.compile(rb"(?:.*/)?\.fileorg-(\d+)-(\d+)(?:-old)?\.part\Z", re.DOTALL)
TRASH = b"/.fileorg/trash/"
COARSE_NS = 2_000_000_000


@dataclass(eq=False)
class Name:
    """One name of a file or link. `home` is None for a name that fileorg made and must remove on undo."""

    path: bytes
    node: Node
    home: bytes | None
    first: Node
    """The node after the last change by others."""
    touched_at: bytes = b""
    """The path at the last change by others, if any."""
    purged: bool = False
    trashed_by: str = ""
    trashed_from: bytes = b""
    alike: frozenset[bytes] = frozenset()
    """For a name that fileorg made: the paths of identical files at that moment."""
    passed: set[bytes] = field(default_factory=set)
    """The folders out of which fileorg moved it."""
    is_in_doubt: bool = False
    """True if others changed it, at that path, before its operation had ended or was recovered: no time of the journal
    tells that from a change during the operation.
    """
    has_lost: bool = False
    """True if fileorg said that a disk did not keep all of its metadata."""
    is_made_again: bool = False
    """True if a copy is a new file under its old name: a job that was taken up again rolled the first one back."""
    hard_links: frozenset[bytes] = frozenset()
    """The other names that the file had at first: which of them is which, nothing tells once they have moved."""

    def __str__(self) -> str:
        home = "" if self.home in {None, self.path} else f" (of {display(self.home or b'')})"
        return display(self.path) + home

    def is_like(self, node: Node) -> bool:
        return (self.node.kind, self.node.content) == (node.kind, node.content)


Kept = dict[bytes, Name]


class Followed(NamedTuple):
    """Violations in words, moved names with their old paths, and new names."""

    wrong: list[str]
    moves: dict[Name, bytes]
    made: set[Name]


class Names:
    """All names, by their current paths."""

    def __init__(self, view: View, wandering: frozenset[bytes], coarse: frozenset[bytes]) -> None:
        self.at = {path: Name(path, view.nodes[path], path, view.nodes[path]) for path in view.files if is_inside(path)}
        by_inode = dict[tuple[int, int], set[bytes]]()
        for path in self.at:
            by_inode.setdefault(view.inodes[path], set()).add(path)
        for path, name in self.at.items():
            name.hard_links = frozenset(by_inode[view.inodes[path]] - {path})
        self.purged = set[bytes]()
        """Homes of purged files, the paths from which they went to the trash, and the folders that they were in."""
        self._wandering, self._coarse = wandering, coarse
        """Bases without stable inode numbers, and bases with rounded times."""

    def follow(self, before: View, after: View, *, command: str) -> Followed:
        """Return the changes by fileorg between two views."""
        wrong, kept = list[str](), dict[bytes, Name]()
        strayed = [name for name in self.at.values() if not self._stays(name, before, after)]
        kept |= {path: name for path, name in self.at.items() if name not in strayed}
        free = [path for path in after.files if path not in kept and is_inside(path)]
        moves = dict[Name, bytes]()
        for find in (
            self._by_inode, self._in_its_place, self._alike,
            self._at_home, self._in_place_of_ours, self._of_its_content,
        ):  # fmt: skip
            for name in [*strayed]:
                if find == self._in_place_of_ours and command == "purge" and TRASH in name.path:
                    continue  # the copy stays what it is: another name of that content
                paths = list(find(name, before, after, free, kept))
                if not paths:
                    continue
                found = min(paths, key=partial(_rank, name=name))
                strayed.remove(name)
                if found in free:
                    free.remove(found)
                kept[found] = name
                name.is_made_again |= found == name.path and self._lasts(found)
                if found != name.path:
                    moves[name] = name.path
                    name.passed.add(name.path.rpartition(b"/")[0])
                if TRASH in found and found != name.path:  # without stable inode numbers, it may have stayed there
                    name.trashed_by = command
                    name.trashed_from = name.trashed_from if TRASH in name.path else name.path
        made = {path: self._made(path, after.nodes[path]) for path in free}
        self.at = kept | made
        for path, name in self.at.items():
            name.path, name.node = path, after.nodes[path]
        if command == "purge":  # also of what fileorg made, as a copy or a symlink that it has rewritten
            self.purged |= {path for name in strayed for path in (name.home, name.trashed_from, *name.passed) if path}
        wrong += [why for name in strayed if (why := _missed(name, after, command, lasts=self._lasts(name.path)))]
        return Followed(wrong, moves, set(made.values()))

    def _made(self, path: bytes, node: Node) -> Name:
        alike = frozenset(other.home or other.path for other in self.at.values() if other.is_like(node))
        return Name(path, node, None, node, alike=alike)

    def comes_home(self, name: Name) -> bool:
        """Return whether a copy is at its home, or set aside, as after a crash on the way; that copy takes its role.
        Only while an operation is open: later, what has its content is a file of its own.
        """
        ours = (other for other in self.at.values() if other.home is None and self._may_be_it(other, name))
        found = next(ours, None)
        if found is None or TRASH in name.path:
            return False
        found.home, found.first = name.home, name.first
        found.alike, name.alike = name.alike, found.alike
        return True

    def _may_be_it(self, other: Name, name: Name) -> bool:
        if other.path == name.home:
            return other.is_like(name.node) or other.path in other.alike  # others may have edited the copy since
        # With its time: an empty file may only reserve the name.
        return is_set_aside(other.path) and self._is_same(other.path, other.node, name.path, name.node)

    def is_one_of_duplicates(self, name: Name) -> bool:
        """Return whether fileorg may confuse it with an identical file, without stable inode numbers."""
        if self._lasts(name.path) and self._lasts(name.home or name.path):
            return False
        return any(other is not name and other.is_like(name.first) for other in self.at.values())

    def is_kept_out(self, name: Name) -> bool:
        """Return whether a file of others is at its home, which fileorg tells from it by the content or the time."""
        there = self.at.get(name.home or name.path)
        if there is None or there is name or name.path in name.hard_links:
            return False
        return bool(there.touched_at) and not self._is_same(name.path, name.node, there.path, there.node)

    def folders_in_doubt(self, name: Name) -> set[bytes]:
        """Return the folders of which nothing shows, once others have changed a file, that fileorg moved it out."""
        return {folder for folder in name.passed if not self._lasts(folder)}

    def _lasts(self, path: bytes) -> bool:
        return path.split(b"/")[0] not in self._wandering

    def _stays(self, name: Name, before: View, after: View) -> bool:
        """Return whether a file is the same: with another content or time, it is another one to which the disk gave the
        number of the one that was there, which is lost unless its content is elsewhere.
        """
        path = name.path
        now = after.nodes.get(path)
        if now is None or not self._is_same(path, name.node, path, now):
            return False
        return self._lasts(path) and after.inodes[path] == before.inodes[path]

    # Possible new paths of a missing name, the most certain first -------------------------------------------------

    def _by_inode(self, name: Name, before: View, after: View, free: list[bytes], _: Kept) -> Iterable[bytes]:
        inode = before.inodes[name.path]
        same = (path for path in free if after.inodes[path] == inode and self._lasts(path))
        return (path for path in same if self._is_same(name.path, name.node, path, after.nodes[path]))

    def _in_its_place(self, name: Name, _: View, after: View, free: list[bytes], __: Kept) -> Iterable[bytes]:
        return (path for path in free if path == name.path and self._is_same(path, name.node, path, after.nodes[path]))

    def _alike(self, name: Name, before: View, after: View, free: list[bytes], kept: Kept) -> Iterable[bytes]:
        same = [path for path in free if self._is_same(name.path, name.node, path, after.nodes[path])]
        if self._lasts(name.path) and any(self._in_place_of_ours(name, before, after, free, kept)):
            # It is the copy by which a recovery has replaced it; the next operation has only begun to copy that one.
            same = [path for path in same if not is_temporary(path) or is_set_aside(path)]
        return same

    def _at_home(self, name: Name, _: View, after: View, free: list[bytes], __: Kept) -> Iterable[bytes]:
        """Yield its home, if its content is there: it has its time again, which a disk on the way had not kept."""
        return (path for path in free if path == name.home and name.is_like(after.nodes[path]))

    def _in_place_of_ours(self, name: Name, _: View, after: View, __: list[bytes], kept: Kept) -> Iterable[bytes]:
        """Yield copies of it that fileorg made before."""
        if name.home is None:
            return ()
        ours = ((path, other) for path, other in kept.items() if other.home is None)
        return (path for path, other in ours if self._is_copy(path, other, after.nodes[path], name))

    def _is_copy(self, path: bytes, other: Name, node: Node, name: Name) -> bool:
        if self._is_same(name.path, name.node, path, node):
            return True
        return bool(node.content) and name.home in other.alike and name.is_like(node)  # a disk may not keep its time

    def _of_its_content(self, name: Name, _: View, after: View, free: list[bytes], __: Kept) -> Iterable[bytes]:
        return (path for path in free if name.is_like(after.nodes[path]))

    def _is_same(self, one: bytes, old: Node, other: bytes, new: Node) -> bool:
        if (old.kind, old.content) != (new.kind, new.content):
            return False
        if old.kind == "symlink":
            return True
        if not {one.split(b"/")[0], other.split(b"/")[0]} & self._coarse:
            return old.mtime_ns == new.mtime_ns
        return abs(old.mtime_ns - new.mtime_ns) < COARSE_NS


def _rank(path: bytes, name: Name) -> tuple[bool, bool, int, bytes]:
    """Return the rank of a possible new path: home first, then the path most similar to the old one."""
    pairs = zip(reversed(path.split(b"/")), reversed(name.path.split(b"/")), strict=False)
    alike = len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))
    return is_temporary(path), path != name.home, -alike, path


def _missed(name: Name, after: View, command: str, *, lasts: bool) -> str:
    """Return why a name must not be missing, or an empty string. Without lasting inode numbers there is no ctime,
    so an edit in the trash that keeps the size and the time cannot be noticed.
    """
    is_purged = command == "purge" and TRASH in name.path
    if name.node.kind != "file":
        return "" if name.home is None or is_purged else f"lost: the link {name}"
    there = [path for path in after.files if name.is_like(after.nodes[path])]
    if is_purged:
        name.purged = True
        seen = [path for path in there if TRASH not in path and not is_temporary(path)]
        if name.trashed_by == "dedupe" and not seen:
            return f"purge: the last copy of {name} is gone"
        is_noticed = name.touched_at == name.path and lasts and not name.is_in_doubt
        return f"purge: what was edited is gone: {name}" if is_noticed and not there else ""
    reserved = not name.node.content and not name.touched_at
    if name.home is None and (there or reserved or is_temporary(name.path)):
        return ""  # fileorg removed its own copy, link or placeholder
    return f"lost: {name} with {name.node.content[:30]!r}"


def is_inside(path: bytes) -> bool:
    return not path.startswith(b"outside")


def is_temporary(path: bytes) -> bool:
    return bool(_TEMPORARY.match(path))


def is_set_aside(path: bytes) -> bool:
    """Return whether the path is an original that was put aside, not an unfinished copy."""
    return is_temporary(path) and path.endswith(b"-old.part")


def above(path: bytes) -> Iterable[bytes]:
    """Yield the path and its parent folders."""
    while path:
        yield path
        path = path.rpartition(b"/")[0]
