"""Symlinks that lead to files that move: each is rewritten right after its file, in the same batch, so that a run that
is stopped or killed leaves none behind.
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
from fileorg.plan.folders import PRIVATE_MODE, MissingFolders, is_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fileorg.plan.draft import Draft
    from fileorg.plan.placing import Layout
    from fileorg.scan.symlinks import Leading
    from fileorg.storage.base import Storage

_NAMES_HELD = 4096
"""Names of one folder that symlinks lead to; where there are more, each file is looked up."""


def whole(rows: list[PlanRow], most: int) -> int:
    """How many of these rows are a batch: `most`, and the symlinks that go with the last file, if they are not many."""
    end = most
    while end < min(len(rows), 2 * most) and rows[end].action in ON_SYMLINKS:
        end += 1
    return end


def known_by(
    found: Iterable[Leading], root: bytes, *, case_insensitive: bool
) -> Iterator[tuple[bytes, bytes, Symlink]]:
    """Symlinks that lead into the tree as the draft keeps them, by what is equal for all spellings of where they do."""
    key = partial(collision_key, case_insensitive=case_insensitive)
    for folder, entry, to_folder, to_name, stays in found:
        if is_within(to_folder, root):
            inside = to_folder[len(root.rstrip(b"/")) + 1 :]
            facts = entry.inode, entry.size, entry.mtime_ns, entry.mode
            yield key(inside), key(to_name), Symlink(folder, entry.name, *facts, stays)


class LinkRows:
    """The rows of symlinks, for the rows of files that they lead to."""

    def __init__(
        self, layout: Layout, draft: Draft, source: Storage, missing: MissingFolders, *, case_insensitive: bool
    ) -> None:
        """`missing` are the folders that the plan makes where files go."""
        self._layout, self._draft = layout, draft
        is_there_too = layout.base == ROOT
        self._missing = missing if is_there_too else MissingFolders(ROOT, partial(is_missing, source))
        self._key = partial(collision_key, case_insensitive=case_insensitive)
        self._known: tuple[bytes | None, set[bytes] | None] = (None, None)  # of the folder asked about last
        self._source_root = source.root
        self._elsewhere = b"" if is_there_too else layout.target_root

    def added(self, rows: Iterable[PlanRow]) -> Iterator[PlanRow]:
        """The rows of files, each file or group with what is to be done to symlinks because of it: what leads to it
        after it has moved, and the folders of our trash before, so that they are there once it has.
        """
        for group, members in groupby(rows, attrgetter("together")):
            for unit in [list(members)] if group else ([row] for row in members):
                links = [link for row in unit for link in self._of(row)]
                for link in links:
                    if not link.reason:
                        yield from self._missing.rows(link.target_folder, PRIVATE_MODE)
                yield from unit
                yield from links

    def _of(self, row: PlanRow) -> Iterator[PlanRow]:
        # What only makes room for a newer file has no category: its name is taken at once, and leads to that.
        if row.action is not Action.MOVE or row.reason or not row.category:
            return
        folder = self._key(row.source_folder)
        if self._known[0] != folder:
            self._known = folder, self._draft.led_to(folder, _NAMES_HELD)
        names, name = self._known[1], self._key(row.source_name)
        if names is None or name in names:
            for symlink in self._draft.symlinks_to(folder, name):
                yield self._row(symlink, row)

    def _row(self, symlink: Symlink, moved: PlanRow) -> PlanRow:
        folder, name, inode, size, mtime_ns, mode, stays = symlink
        base, to_folder, to_name = moved[4:7]
        trash = join(self._layout.link_trash, folder) if folder else self._layout.link_trash
        reason, where = None, ROOT
        if stays is not None:
            path = join(to_folder, to_name)
            trash, reason = folder, Reason(stays, below(self._elsewhere, path) if self._elsewhere else path)
            # A folder is known to an operation by one of its directories.
            if self._elsewhere and is_within(path := below(self._source_root, folder), self._elsewhere):
                where, folder = base, path[len(self._elsewhere.rstrip(b"/")) + 1 :]
                trash = folder
        keeper = Keeper(base, to_folder, to_name, moved.inode, moved.mtime_ns)
        return PlanRow(
            Action.REWRITE_SYMLINK, where, folder, name, where, trash, name,
            inode, size, mtime_ns, mode, "", 0, reason, keeper,
        )  # fmt: skip
