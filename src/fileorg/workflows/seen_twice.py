"""Notices that a folder in which files are searched shows these very files, through another file system."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.core.errors import GuardRefused
from fileorg.core.names import below, display, is_within, join, scheme_of
from fileorg.storage.base import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.content.comparison import ComparedFile, Comparison
    from fileorg.storage.local.mounts import Mounts
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.local.views import Name

    Confirmation = Callable[[ComparedFile, int, bytes, bytes], bool]


class SeenTwice(GuardRefused):
    """Raised if a file may have been found in itself: whoever then deletes it has deleted both."""

    def __init__(self, path: bytes, found: bytes, hint: str) -> None:
        problem = f"{display(found)} may be {display(path)} itself, seen through another file system."
        super().__init__(problem, hint=hint, path=found)


def shares_disk(card: LocalStorage, found: Comparison, copies: Sequence[bytes], mounts: Mounts, hint: str) -> bool:
    """Return whether a folder of copies is on the disk of the card, seen through another file system, as far as one
    file of the card tells. The folders need not exist yet. Raises `SeenTwice` if it is on the card itself.
    """
    folders = {path: _existing(path) for path in copies if not scheme_of(path)}
    if not any(map(mounts.may_show_others, (card.root, *folders.values()))) or (file := _any_file(card, found)) is None:
        return False
    from fileorg.storage.local.views import shown_at

    is_shared = False
    for path, folder in folders.items():
        with contextlib.suppress(OSError):
            if (shown := shown_at(file, folder)) is not None:
                if is_within(path, shown):
                    raise SeenTwice(card.root, shown, hint)
                is_shared = True
    return is_shared


def _existing(path: bytes) -> bytes:
    """Return a folder, or the one above it that exists."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _any_file(card: LocalStorage, found: Comparison) -> Name | None:
    from fileorg.storage.local.views import Name

    for _, known, _ in found.batches():
        batch = known.batch
        for name, size in zip(batch.split_names(), batch.sizes, strict=True):
            if size:
                return Name(card, batch.folder, name)
    return None


def refusing_views(
    ours: Sequence[LocalStorage],
    others: Sequence[LocalStorage],
    mounts: Mounts,
    confirm: Confirmation | None,
    hint: str,
) -> Confirmation | None:
    """Return `confirm` for the files of `ours`, or a function that also raises `SeenTwice`, if a tree has files of a
    file system that may show those of another one.
    """
    if not any(each.kind is Kind.LOCAL and mounts.may_show_others(each.root) for each in (*ours, *others)):
        return confirm
    from fileorg.storage.local.views import Name, may_be_one_file  # few trees have such files

    def confirm_others(file: ComparedFile, tree: int, folder: bytes, name: bytes) -> bool:
        one, other = ours[file.tree], others[tree]
        if one.kind is Kind.LOCAL and other.kind is Kind.LOCAL:
            try:
                is_one = may_be_one_file(Name(one, file.folder, file.name), Name(other, folder, name))
            except OSError:
                return False
            if is_one:
                raise SeenTwice(
                    below(one.root, join(file.folder, file.name)), below(other.root, join(folder, name)), hint
                )
        return confirm is None or confirm(file, tree, folder, name)

    return confirm_others
