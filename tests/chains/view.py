"""All files at one moment: the nodes of a snapshot, and the inode of each name."""

from __future__ import annotations

import array
import fcntl
import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from tests.support import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.snapshot import Node

_GET_FLAGS, _TO_KEEP = 0x80086601, 0x40 | 0x80
"""The `chattr` flags to compare: no dump, no access time. Others depend on the file system."""


class View(NamedTuple):
    """Nodes and inodes by path; paths begin with their base: `root/…`, `dest/…`, `outside/…`."""

    nodes: dict[bytes, Node]
    inodes: dict[bytes, tuple[int, int]]

    @property
    def files(self) -> list[bytes]:
        """The paths of all nodes except folders."""
        return [path for path, node in self.nodes.items() if node.kind != "folder"]


def take(bases: Mapping[bytes, bytes], but: frozenset[bytes], no_flags: tuple[bytes, ...] = ()) -> View:
    """Take a view of all existing bases, without the paths in `but` and everything below them. Flags below
    `no_flags` are ignored: an overlay drops some when it copies a file.
    """
    nodes, inodes = dict[bytes, "Node"](), dict[bytes, tuple[int, int]]()
    for name, place in bases.items():
        if not os.path.isdir(place):
            continue
        for path, node in snapshot.take(place).items():
            there = place + b"/" + path if path else place
            if any(there == other or there.startswith(other + b"/") for other in but):
                continue
            if b"/.fuse_hidden" in there:  # removed files that a program still has open
                continue
            known = name + b"/" + path if path else name
            found = os.lstat(there)
            inodes[known] = (found.st_dev, found.st_ino)
            nodes[known] = node._replace(xattrs=node.xattrs + _flags(there, found, no_flags))
    by_inode = dict[tuple[int, int], list[bytes]]()
    for path, node in nodes.items():
        if node.kind != "folder":
            by_inode.setdefault(inodes[path], []).append(path)
    for paths in by_inode.values():  # also of several bases
        for path in paths:
            nodes[path] = nodes[path]._replace(links=tuple(sorted(other for other in paths if other != path)))
    return View(nodes, inodes)


def _flags(path: bytes, found: os.stat_result, but: tuple[bytes, ...]) -> tuple[tuple[str, bytes], ...]:
    """Return the flags as an additional attribute."""
    if not stat.S_ISREG(found.st_mode) or path.startswith(but):
        return ()
    flags = array.array("l", [0])
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, _GET_FLAGS, flags)
    except OSError:
        return ()
    finally:
        os.close(fd)
    return (("flags", b"%d" % (flags[0] & _TO_KEEP)),) if flags[0] & _TO_KEEP else ()
