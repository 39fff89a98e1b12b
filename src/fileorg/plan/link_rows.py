"""Symlinks to files that are moved: each is rewritten right after its file, in the same batch, so that a run that is
stopped or killed leaves no broken symlink.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING

from fileorg.core.model import ON_SYMLINKS, ROOT, Action, Keeper, PlanRow
from fileorg.core.names import below, collision_key, is_within, join
from fileorg.core.reasons import Reason
from fileorg.plan.draft import Symlink
from fileorg.plan.missing_folders import PRIVATE_MODE, MissingFolders, is_missing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from fileorg.core.model import Base
    from fileorg.plan.draft import Draft
    from fileorg.plan.placing import Layout
    from fileorg.scan.symlinks import Leading
    from fileorg.storage.base import Storage

_NAMES_HELD = 4096
"""The number of symlink targets in one folder to hold in memory; beyond it, each file is looked up."""


def whole(rows: list[PlanRow], limit: int) -> int:
    """Return how many of these rows make a batch: `limit`, and the symlinks of the last file, if not too many."""
    end = limit
    while end < min(len(rows), 2 * limit) and rows[end].action in ON_SYMLINKS:
        end += 1
    return end


def known_by(
    found: Iterable[Leading], root: bytes, base: Base = ROOT, *, case_insensitive: bool
) -> Iterator[tuple[bytes, bytes, Symlink]]:
    """Yield the symlinks that lead into the tree, keyed for the draft by the collision keys of their target. `base` is
    that of the folder that has them.
    """
    key = partial(collision_key, case_insensitive=case_insensitive)
    for folder, entry, to_folder, to_name, stays in found:
        if is_within(to_folder, root):
            inside = to_folder[len(root.rstrip(b"/")) + 1 :]
            facts = entry.inode, entry.size, entry.mtime_ns, entry.mode
            yield key(inside), key(to_name), Symlink(folder, entry.name, *facts, base, stays)


class LinkRows:
    """Adds the rows of symlinks to the rows of the files that they lead to."""

    def __init__(
        self,
        layout: Layout,
        draft: Draft,
        source: Storage,
        missing: MissingFolders,
        others: Mapping[Base, Storage],
        stores: Collection[Base],
        *,
        case_insensitive: bool,
    ) -> None:
        """`missing` are the target folders that the plan makes; `others` are other folders that have symlinks. No
        symlink leads into one of the `stores`.
        """
        self._layout, self._draft, self._stores = layout, draft, stores
        is_there_too = layout.base == ROOT
        own = missing if is_there_too else MissingFolders(ROOT, partial(is_missing, source))
        more = {base: MissingFolders(base, partial(is_missing, storage)) for base, storage in others.items()}
        self._missing: dict[Base, MissingFolders] = {ROOT: own} | more
        self._key = partial(collision_key, case_insensitive=case_insensitive)
        self._known: tuple[bytes | None, set[bytes] | None] = (None, None)  # cached for the last folder
        self._roots = {ROOT: source.root} | {base: storage.root for base, storage in others.items()}
        self._elsewhere = b"" if is_there_too else layout.target_root

    def added(self, rows: Iterable[PlanRow]) -> Iterator[PlanRow]:
        """Yield the rows of files. Each file or group is followed by the rows of its symlinks; the trash folders that
        these need come before it, so that they exist once it has been moved.
        """
        for group, members in groupby(rows, attrgetter("together")):
            for unit in [list(members)] if group else ([row] for row in members):
                links = [link for row in unit for link in self._of(row)]
                for link in links:
                    if not link.reason:
                        yield from self._missing[link.target_base].rows(link.target_folder, PRIVATE_MODE)
                yield from unit
                yield from links

    def _of(self, row: PlanRow) -> Iterator[PlanRow]:
        # A displaced file has no category: the newer file takes its name at once, and symlinks lead to that file.
        if row.action is not Action.MOVE or row.reason or not row.category or row.target_base in self._stores:
            return
        folder = self._key(row.source_folder)
        if self._known[0] != folder:
            self._known = folder, self._draft.led_to(folder, _NAMES_HELD)
        names, name = self._known[1], self._key(row.source_name)
        if names is None or name in names:
            for symlink in self._draft.symlinks_to(folder, name):
                yield self._row(symlink, row)

    def _row(self, symlink: Symlink, moved: PlanRow) -> PlanRow:
        folder, name, inode, size, mtime_ns, mode, where, stays = symlink
        base, to_folder, to_name = moved[4:7]
        trash = join(self._layout.link_trash, folder) if folder else self._layout.link_trash
        reason, elsewhere = None, self._elsewhere or (b"" if where == ROOT else self._layout.target_root)
        if stays is not None:
            path = join(to_folder, to_name)
            trash, reason = folder, Reason(stays, below(elsewhere, path) if elsewhere else path)
            # An operation knows a folder by only one of its bases.
            if self._elsewhere and is_within(path := below(self._roots[where], folder), self._elsewhere):
                where, folder = base, path[len(self._elsewhere.rstrip(b"/")) + 1 :]
                trash = folder
        keeper = Keeper(base, to_folder, to_name, moved.inode, moved.mtime_ns)
        return PlanRow(
            Action.REWRITE_SYMLINK, where, folder, name, where, trash, name,
            inode, size, mtime_ns, mode, "", 0, reason, keeper,
        )  # fmt: skip
