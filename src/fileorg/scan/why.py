"""Explain why one file is left alone: apply the rules of a scan to a single path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.names import join, split
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from fileorg.rules.ignore import IgnoreReason
    from fileorg.rules.whole_folders import Whole
    from fileorg.scan.walk import Reader
    from fileorg.storage.local.storage import LocalStorage


class Why(NamedTuple):
    """The verdict of a scan on a file.

    `reason`: why it is left alone, None if it is taken. `at`: the root-relative path of the file or parent folder that
    the reason applies to. `marker`: the name beside or in `at` that is the reason. `leader`: the file that it follows.
    `members`: the files of its group, if it has one.
    """

    reason: IgnoreReason | None
    at: bytes = b""
    marker: bytes | None = None
    leader: bytes | None = None
    members: tuple[bytes, ...] = ()


def why(reader: Reader, storage: LocalStorage, path: bytes) -> Why:
    """Return the verdict of a scan on the file at a root-relative `path`. Raises `OSError`."""
    task, at = reader.root(), b""
    *above, name = path.split(b"/")
    for part in above:
        task, whole, known = reader.entered(task)
        at = join(task.folder, part)
        if whole is not None:
            return _in_it(task.folder, whole)
        if part in known.left:
            return Why(known.left[part], at, known.said_by.get(part))
        entry = storage.lstat(task.folder, part)
        if entry is not None and (reason := reader.why_not(task, entry)):
            return Why(reason, at)
        task = task._replace(folder=at, depth=task.depth + 1)
    task, whole, known = reader.entered(task)
    if whole is not None:
        return _in_it(task.folder, whole)
    leader = known.leaders.get(name, name)
    members = tuple(sorted({leader, *(each for each, leads in known.leaders.items() if leads == leader)}))
    found = Why(None, b"", None, leader if leader != name else None, members if len(members) > 1 else ())
    if name in known.left:
        return found._replace(reason=known.left[name], at=path, marker=known.said_by.get(name))
    if name in known.outside:
        return found._replace(reason=known.outside[name], at=path)
    entry = storage.lstat(task.folder, name)
    if entry is not None and name not in known.taken and (reason := reader.why_not(task, entry)):
        return found._replace(reason=reason, at=path)
    return found


def _in_it(folder: bytes, whole: Whole) -> Why:
    return Why(whole.reason, folder, join(split(folder)[1], whole.marker))
