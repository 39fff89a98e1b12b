"""The files of a tree that symlinks lead to, by name."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from fileorg.core.names import NO_NAMES, below
from fileorg.core.scratch import scratch
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fileorg.core.model import Entry
    from fileorg.core.reasons import ReasonCode
    from fileorg.storage.local.storage import LocalStorage


class Leading(NamedTuple):
    """A symlink of a folder, and the folder and name of its target: absolute, with the symlinks on the way resolved.
    `stays` is the reason not to change the symlink. A name that ends in a slash can only be that of a folder.
    """

    folder: bytes
    entry: Entry
    to_folder: bytes
    to_name: bytes
    stays: ReasonCode | None


def leading(
    storage: LocalStorage, folder: bytes, others: Iterable[Entry], stays: Iterable[ReasonCode | None]
) -> Iterator[Leading]:
    """Yield the symlinks of `others` that may lead to a file, each with its reason of `stays`."""
    for entry, why in zip(others, stays, strict=True):
        if not stat.S_ISLNK(entry.mode):
            continue
        try:
            place = named_by(storage.root, folder, storage.readlink(folder, entry.name))
        except OSError:
            continue  # removed, or not readable
        if place is not None:
            yield Leading(folder, entry, *place, why)


def named_by(root: bytes, folder: bytes, text: bytes) -> tuple[bytes, bytes] | None:
    """Return the folder and name that a symlink in `folder` points to; None if that is `.`, `..` or the top.

    Symlinks on the way are followed, the last name is not: if it is a symlink, that one is rewritten separately. The
    name keeps one slash at its end, with which it leads to a folder and to no file.
    """
    above, slash, name = text.rstrip(b"/").rpartition(b"/")
    if name in NO_NAMES:
        return None
    if text.endswith(b"/"):
        name += b"/"
    here = below(root, folder)
    return (os.path.realpath(os.path.join(here, above or b"/")) if slash else here), name


class LedTo:
    """The absolute paths of symlink targets. SQLite deletes the database when it is closed."""

    def __init__(self) -> None:
        self._db = scratch("CREATE TABLE led_to (path BLOB PRIMARY KEY) WITHOUT ROWID;")
        self.is_any = False

    def add(self, found: Iterable[Leading]) -> None:
        self.is_any = True
        rows = ((below(to_folder, to_name),) for _, _, to_folder, to_name, _ in found)
        self._db.executemany("INSERT OR IGNORE INTO led_to VALUES (?)", rows)

    def is_led_to(self, path: bytes) -> bool:
        """Return whether a symlink leads to the path."""
        return self._db.execute("SELECT 1 FROM led_to WHERE path = ?", (path,)).fetchone() is not None

    def close(self) -> None:
        self._db.close()
