"""A plan as lines of JSON for people and other programs: a line for each file, with absolute paths.

The form can be kept, reviewed and changed, and `fileorg apply` carries it out: `path` and `new_path`, what is done, and
the size, the time and, if asked for, the digest that the file had when the plan was made.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fileorg.core.batches import without_steps
from fileorg.core.formats import iso, named
from fileorg.core.model import EMPTIED_FOLDER, ON_SYMLINKS, REMOVALS, Action
from fileorg.core.names import below, join, scheme_of
from fileorg.journal.trash_records import is_trash
from fileorg.plan.given_rows import GivenAction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fileorg.core.model import Base, Plan, PlanRow

_ROWS = 4096
_ACTIONS = {
    Action.MOVE: GivenAction.MOVE,
    Action.RESTORE: GivenAction.MOVE,
    Action.COPY: GivenAction.COPY,
    Action.HARDLINK: GivenAction.HARDLINK,
    Action.SYMLINK: GivenAction.SYMLINK,
    Action.QUARANTINE: GivenAction.TRASH,
    **dict.fromkeys(REMOVALS, GivenAction.TRASH),
}


class PlanLines:
    """The lines of a plan. Skipped rows have none, nor have folders that are made, or removed because they are empty:
    whoever carries out the plan does the first, and `fileorg clean` the second.
    """

    def __init__(
        self,
        plan: Plan,
        roots: Mapping[Base, bytes],
        digest: Callable[[PlanRow], str] = lambda _: "",
        etag: Callable[[PlanRow], str] = lambda _: "",
    ) -> None:
        """`roots` are the absolute paths of the bases. `digest` returns the XXH3 of 128 bits of a file that stays where
        it is until the plan is carried out, `etag` the ETag of an object; both are empty if there is none.
        """
        self._plan, self._roots, self._digest, self._etag = plan, roots, digest, etag
        self.files = 0
        """The number of lines, once they were read."""
        self.left_out = 0
        """The number of steps that no line can say: links in place of duplicates, and symlinks that are updated."""

    def __iter__(self) -> Iterator[str]:
        for batch in self._plan.batches(_ROWS):
            for row in without_steps(batch):
                if row.reason is not None or row.action is Action.MAKE_FOLDER or row.category == EMPTIED_FOLDER:
                    continue
                if row.action is Action.REMOVE_FOLDER and (
                    not row.category or scheme_of(self._roots[row.target_base])  # no row says the marker of a prefix
                ):
                    continue
                fields = self._fields(row)
                if fields is None:
                    self.left_out += 1
                else:
                    self.files += 1
                    yield json.dumps(fields)

    def _fields(self, row: PlanRow) -> dict[str, Any] | None:
        if row.action is Action.REMOVE_FOLDER:
            return {"action": "trash", **named("path", self._target(row)), "size_bytes": 0}
        action = _ACTIONS.get(row.action)
        if action is None or row.action in ON_SYMLINKS:
            return None
        if row.action is Action.MOVE and is_trash(row.target_folder):
            action = GivenAction.TRASH
        fields: dict[str, Any] = {"action": str(action)}
        if row.action in REMOVALS:
            fields |= named("path", self._target(row))
        else:
            fields |= named("path", below(self._roots[row.source_base], join(row.source_folder, row.source_name)))
        if action is not GivenAction.TRASH:
            fields |= named("new_path", self._target(row))
        fields["size_bytes"] = row.size
        if (mtime := iso(row.mtime_ns)) is not None:
            fields["mtime"] = mtime
        if digest := self._digest(row):
            fields["xxh3_128"] = digest
        if etag := self._etag(row):
            fields["etag"] = etag
        if row.keeper is not None and row.action is Action.QUARANTINE:
            keeper = row.keeper
            fields |= named("duplicate_of", below(self._roots[keeper.base], join(keeper.folder, keeper.name)))
        return fields

    def _target(self, row: PlanRow) -> bytes:
        return below(self._roots[row.target_base], join(row.target_folder, row.target_name))
