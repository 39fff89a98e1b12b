"""Which file of a duplicate group stays, and which may go: pure rules, over names and times."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from fileorg.names import join

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.ignore import Patterns
    from fileorg.index import Group, Member


class Keep(StrEnum):
    """By what a keeper is chosen."""

    OLDEST = "oldest"
    NEWEST = "newest"
    SHORTEST_PATH = "shortest-path"
    LONGEST_PATH = "longest-path"
    SHORTEST_NAME = "shortest-name"
    FIRST = "first"  # in the order in which the folders were given, then by path
    LARGEST_FOLDER = "largest-folder"
    CLEAN_NAME = "clean-name"


USUAL = (Keep.CLEAN_NAME, Keep.OLDEST, Keep.SHORTEST_PATH, Keep.FIRST)
"""The order without any wish, and what decides where the wishes are met by several."""

# What file managers and browsers call a copy, in some of their languages.
_COPY = re.compile(
    rb"(?:[ _-]?\(\d+\)|[ _-]+(?:copy|kopie|copie|copia)(?:[ _]\(?\d+\)?)?"
    rb"|[ _]\((?:another |\d+(?:st|nd|rd|th) )?(?:copy|kopie|copie|copia)(?: \d+)?\))$"
    rb"|^(?:copy|kopie|copie|copia) (?:\(\d+\) )?(?:of|von|de|di) ",
    re.IGNORECASE,
)


class Trees(NamedTuple):
    """The trees that were searched by `Member.root`, and the folders among and in them that are never touched."""

    paths: Sequence[bytes]
    references: Sequence[bytes] = ()

    def path(self, member: Member) -> bytes:
        """The absolute path."""
        return os.path.join(self.paths[member.root], join(member.folder, member.name))

    def is_reference(self, path: bytes) -> bool:
        return any(path.startswith(reference.rstrip(b"/") + b"/") for reference in self.references)


class Wishes(NamedTuple):
    """What the user wants to keep. `isolate`: only what another of the given folders has, too, may go. `with_links`:
    every name of a file is listed, not one of them.
    """

    keep: Sequence[Keep] = ()
    prefer: Patterns | None = None
    protect: Patterns | None = None
    isolate: bool = False
    with_links: bool = False


class Decided(NamedTuple):
    """A group, sorted: the keeper, what may go, and what stays beside the keeper. `listed`: what a report names, the
    keeper first; one name of each file, or all.
    """

    group: Group
    keeper: Member
    victims: list[Member]
    stays: list[Member]
    listed: list[Member]


class Chooser:
    """Decides group by group."""

    def __init__(self, trees: Trees, wishes: Wishes, files_in: Callable[[int, bytes], int]) -> None:
        """`files_in` tells how many files a folder of a tree holds."""
        self._trees = trees
        self._wishes = wishes
        self._files_in = files_in
        self.with_links = wishes.with_links
        order = [*dict.fromkeys((*wishes.keep, *USUAL))]
        self._order = order[: order.index(Keep.FIRST) + 1]  # which leaves nothing to decide but the path

    def decide(self, group: Group) -> Decided:
        """Who stays. No name of the keeper's own file is a victim: it is the same file."""
        trees, wishes = self._trees, self._wishes
        has_references, has_patterns = bool(trees.references), bool(wishes.prefer or wishes.protect)
        ranked = sorted((self._rank(member, has_references, has_patterns), member) for member in group.members)
        keeper = ranked[0][1]
        victims: list[Member] = []
        stays: list[Member] = []
        listed, known = [keeper], {(keeper.dev, keeper.inode)}
        for (untouched, *_), member in ranked[1:]:
            identity = (member.dev, member.inode)
            if wishes.with_links or identity not in known:
                known.add(identity)
                listed.append(member)
            if (
                untouched < _FREE
                or identity == (keeper.dev, keeper.inode)
                or (wishes.isolate and member.root == keeper.root)
            ):
                stays.append(member)
            else:
                victims.append(member)
        return Decided(group, keeper, victims, stays, listed)

    def _rank(self, member: Member, has_references: bool, has_patterns: bool) -> tuple[int, tuple[int, ...], bytes]:
        """By which the keeper is the least: what must stay first, then by the wishes, and never undecided."""
        path = self._trees.path(member)
        standing = _FREE
        if has_references and self._trees.is_reference(path):
            standing = _REFERENCE
        elif has_patterns:
            inside = join(member.folder, member.name)
            if self._wishes.protect is not None and self._wishes.protect.match(inside):
                standing = _PROTECTED
            elif self._wishes.prefer is not None and self._wishes.prefer.match(inside):
                standing = _FREE
            else:
                standing = _NOT_PREFERRED if self._wishes.prefer is not None else _FREE
        return standing, tuple(self._measure(rule, member, path) for rule in self._order), path

    def _measure(self, rule: Keep, member: Member, path: bytes) -> int:
        match rule:
            case Keep.OLDEST:
                return member.mtime_ns
            case Keep.NEWEST:
                return -member.mtime_ns
            case Keep.SHORTEST_PATH:
                return len(path)
            case Keep.LONGEST_PATH:
                return -len(path)
            case Keep.SHORTEST_NAME:
                return len(member.name)
            case Keep.FIRST:
                return member.root
            case Keep.LARGEST_FOLDER:
                return -self._files_in(member.root, member.folder)
            case Keep.CLEAN_NAME:
                return looks_like_a_copy(member.name)


_REFERENCE, _PROTECTED, _FREE, _NOT_PREFERRED = range(4)


def looks_like_a_copy(name: bytes) -> bool:
    """Whether a name says that it is a copy of another one: `a (1).jpg`, `a - Copy.jpg`, `Copy of a.jpg`."""
    stem, dot, _ = name.rpartition(b".")
    return _COPY.search(stem if dot and stem else name) is not None
