"""Strategies for trees and options: few names and contents, for frequent conflicts, and sometimes any bytes."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from hypothesis import strategies as st

from fileorg.core.model import Action, By, OnConflict
from fileorg.scan.leftovers import Leftover

if TYPE_CHECKING:
    from tests.support.tree import Tree


class File(NamedTuple):
    """A file of a tree. With `twin`, it has a hard link at that path."""

    folder: str
    name: str
    content: str
    mtime_ns: int
    mode: int
    duplicate: str | None


TIMES_NS = [10**18, 17 * 10**17 + 123_456_789, 1_600_000_000 * 10**9, -(10**15), 2**63 + 5 * 10**17]

stems = st.sampled_from(["a", "b", "A", "Images", "a (2)", "a.en", ".x", "caf\udce9", "new\nline", "-rf", "x" * 247])
extensions = st.sampled_from(
    ["", ".jpg", ".JPG", ".pdf", ".tar.gz", ".xmp", ".jpg.xmp", ".mov", ".heic", ".mkv", ".srt", ".qqq", ".part"]
)
anything = st.binary(min_size=1, max_size=40).map(os.fsdecode)
names = st.one_of(st.builds(str.__add__, stems, extensions), st.builds(str.__add__, stems, extensions), anything)
names = names.filter(lambda name: not {"/", "\0"} & {*name} and len(os.fsencode(name)) <= 255).filter(
    lambda name: name not in {".", "..", ".git", ".hg", ".svn"}  # a checkout is refused as a root
)
folders = st.sampled_from(["", "", "", "sub/", "sub/deep/", "other/", "Images/", "Video/", "2020/09/", "jpg/"])
trees = st.lists(
    st.builds(
        File,
        folders,
        names,
        st.sampled_from(["", "one", "two", "six"]),
        st.sampled_from(TIMES_NS),
        st.sampled_from([0o644, 0o600, 0o755, 0]),
        st.one_of(st.none(), st.none(), st.none(), names),
    ),
    max_size=16,
)
options = st.fixed_dictionaries(
    {
        "action": st.sampled_from([Action.MOVE, Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK]),
        "on_conflict": st.sampled_from([OnConflict.RENAME, *OnConflict]),
        "recursive": st.sampled_from([True, True, False]),
    },
    optional={
        "by": st.sampled_from(list(By)),
        "template": st.sampled_from(["{name}", "Sorted/{category}/{name}", "{year}/{extension}/{name}"]),
        "dest": st.sampled_from(["tree/Sorted", "tree/sub", "tree/sub/new", "outside", "outside/new", ""]),
        "hidden": st.just(True),
        "max_depth": st.integers(0, 2),
        "min_size": st.just(1),
        "exclude": st.just(["*.xmp", "sub/deep/"]),
    },
)


hollows = st.lists(
    st.tuples(
        st.sampled_from(["", "sub/", "hollow/", "hollow/er/", "hollow/er/still/", "empty/", "other/"]),
        st.sampled_from(["x", "y", "a.jpg", ".x", "caf\udce9", "new\nline", "yarn.lock"]),
        st.sampled_from(["", "", "/", "/", "-> nowhere", "-> x", "-> y", "-> .", "-> ../x", "-> ../hollow/er", "six"]),
        st.sampled_from(TIMES_NS[:3]),
        st.sampled_from([0o755, 0o700, 0o2750, 0o500]),
    ),
    max_size=12,
)
"""Empty files and folders, and broken symlinks: (folder, name, content as in `Tree.write`, mtime_ns, folder mode)."""

cleans = st.fixed_dictionaries(
    {"goes": st.sampled_from([frozenset(Leftover), frozenset(Leftover), *(frozenset({kind}) for kind in Leftover)])},
    optional={
        "hidden": st.just(True),
        "max_depth": st.integers(0, 2),
        "older_than_ns": st.just(10**18),
        "exclude": st.just(["*.jpg", "er/"]),
        "include": st.just(["x", "er"]),
    },
)


def hollow_out(tree: Tree, things: list[tuple[str, str, str, int, int]]) -> None:
    """Add them to a tree. Impossible ones, such as a file in a file, are omitted."""
    for folder, name, content, mtime_ns, mode in things:
        place = folder + name + ("/" if content == "/" else "")
        with suppress(OSError):
            if not os.path.lexists(tree.path(place)):
                tree.write({place: content})
                if content == "/":
                    tree.path(place).chmod(mode)
                tree.set_time(place, mtime_ns)


def build(tree: Tree, files: list[File]) -> None:
    """Write the files, an empty folder and a symlink. Impossible ones, such as a file in a file, are omitted."""
    for file in files:
        place = tree.path(file.folder + file.name)
        with suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("x") as new:
                new.write(file.content)
            place.chmod(file.mode)
            os.utime(place, ns=(file.mtime_ns, file.mtime_ns))
            if file.duplicate is not None:
                os.link(place, tree.path(file.folder + file.duplicate))
    tree.write({"empty/emptier/": ""})
    if not os.path.lexists(tree.path("link.jpg")):
        tree.write({"link.jpg": "-> nowhere"})
