"""Exact snapshots of trees: names, bytes, modes, owners, times, attributes, hard links, empty folders.

Two trees are the same if their snapshots are equal; `differences` lists the differences in readable form.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from typing import NamedTuple

from fileorg.core.names import display

_WHOLE_BYTES = 1 << 22
"""Larger files are not expected in tests: their content would be held in memory."""


class Node(NamedTuple):
    """One name of a tree. `content` is that of a file, or a symlink's target; `links` are other names of the file."""

    kind: str
    mode: int
    mtime_ns: int
    content: bytes
    owner: tuple[int, int]
    xattrs: tuple[tuple[str, bytes], ...]
    links: tuple[bytes, ...]

    @property
    def alone(self) -> Node:
        """Return the node without hard links and times of symlinks, which may change during a run."""
        return self._replace(links=(), mtime_ns=0 if self.kind == "symlink" else self.mtime_ns)


Snapshot = dict[bytes, Node]
"""Nodes by path relative to the root, which is `b""` itself."""


def take(root: bytes) -> Snapshot:
    """Return the snapshot of a tree. Symlinks are not followed, and access times are preserved where possible."""
    names: dict[tuple[int, int], list[bytes]] = {}
    seen: dict[bytes, os.stat_result] = {}
    pending = [b""]
    while pending:
        path = pending.pop()
        there = _there(root, path)
        found = seen[path] = os.lstat(there)
        if stat.S_ISDIR(found.st_mode):
            pending += [path + b"/" + name if path else name for name in os.listdir(there)]
        else:
            names.setdefault((found.st_dev, found.st_ino), []).append(path)
    return {path: _node(root, path, found, names) for path, found in sorted(seen.items())}


def _there(root: bytes, path: bytes) -> bytes:
    """Join paths faster than `os.path.join`, which would take much of the fault matrix's time."""
    return root + b"/" + path if path else root


def _node(root: bytes, path: bytes, found: os.stat_result, names: dict[tuple[int, int], list[bytes]]) -> Node:
    there = _there(root, path)
    kind, content = _content(there, found)
    return Node(
        kind,
        stat.S_IMODE(found.st_mode),
        found.st_mtime_ns,
        content,
        (found.st_uid, found.st_gid),
        _xattrs(there),
        tuple(sorted(name for name in names.get((found.st_dev, found.st_ino), ()) if name != path)),
    )


def _content(path: bytes, found: os.stat_result) -> tuple[str, bytes]:
    if stat.S_ISDIR(found.st_mode):
        return "folder", b""
    if stat.S_ISLNK(found.st_mode):
        return "symlink", os.readlink(path)
    if not stat.S_ISREG(found.st_mode):
        return "other", b""
    if found.st_size > _WHOLE_BYTES:
        raise AssertionError(f"{display(path)} is too large for a test")
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # `open` takes several times as long for a small file
    try:
        return "file", _read(fd, found.st_size)
    finally:
        os.close(fd)


def _read(fd: int, size: int) -> bytes:
    """Return the whole content, which may be longer than the size that was seen."""
    content = os.read(fd, size + 1)
    while more := os.read(fd, _WHOLE_BYTES) if len(content) else b"":
        content += more
    return content


def _xattrs(path: bytes) -> tuple[tuple[str, bytes], ...]:
    if not hasattr(os, "listxattr"):
        return ()
    try:
        names = os.listxattr(path, follow_symlinks=False)
    except OSError:  # a file system without attributes
        return ()
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(names))


def contents(snapshot: Snapshot) -> Counter[bytes]:
    """Count each content; a file with several names counts once."""
    first_names = (
        node for path, node in snapshot.items() if node.kind == "file" and all(path < other for other in node.links)
    )
    return Counter(node.content for node in first_names)


def differences(before: Snapshot, after: Snapshot) -> list[str]:
    """Return one line for each name that differs."""
    found = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        name = display(path) or "(the root)"
        if old is None:
            found.append(f"{name}: was not there before")
        elif new is None:
            found.append(f"{name}: is gone")
        elif old != new:
            found.append(f"{name}: {compared(old, new)}")
    return found


def compared(old: Node, new: Node) -> str:
    """Describe the differences of two nodes."""
    return ", ".join(
        f"{field} {_short(was)} -> {_short(now)}"
        for field, was, now in zip(Node._fields, old, new, strict=True)
        if was != now
    )


def _short(value: object) -> str:
    text = f"{value:o}" if isinstance(value, int) and value < 0o10000 else repr(value)
    return text if len(text) < 80 else text[:77] + "..."
