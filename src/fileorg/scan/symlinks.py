"""Where symlinks lead: to which files of a tree, by their names."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.names import NO_NAMES, below, is_within

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fileorg.core.model import Entry
    from fileorg.core.reasons import ReasonCode
    from fileorg.storage.local.storage import LocalStorage


class Leading(NamedTuple):
    """A symlink of a folder, and the place that it names, root-relative. `stays` says why it is not to be changed."""

    folder: bytes
    entry: Entry
    to_folder: bytes
    to_name: bytes
    stays: ReasonCode | None


def leading(
    storage: LocalStorage, folder: bytes, others: Iterable[Entry], stays: Iterable[ReasonCode | None]
) -> Iterator[Leading]:
    """Those of `others` that name something in the tree, each with what `stays` says of it."""
    for entry, why in zip(others, stays, strict=True):
        if not stat.S_ISLNK(entry.mode):
            continue
        try:
            place = named_by(storage.root, folder, storage.readlink(folder, entry.name))
        except OSError:
            continue  # it is gone, or may not be read
        if place is not None:
            yield Leading(folder, entry, *place, why)


def named_by(root: bytes, folder: bytes, text: bytes) -> tuple[bytes, bytes] | None:
    """The folder, root-relative, and the name that a symlink in `folder` names; None for what is outside of `root`.

    Symlinks on the way are followed, the last name is not: whatever leads on from there is a symlink of its own.
    """
    above, slash, name = text.rpartition(b"/")
    if name in NO_NAMES:
        return None
    if not slash:
        return folder, name
    real = os.path.realpath(os.path.join(below(root, folder), above or b"/"))
    return (real[len(root.rstrip(b"/")) + 1 :], name) if is_within(real, root) else None
