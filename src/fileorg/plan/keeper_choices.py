"""The user's choices of the files to keep, group by group: data of a dedupe plan, on disk if they are many."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from fileorg.content.keeper import KeeperDecision
from fileorg.core.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.content.keeper import KeeperPolicy
    from fileorg.index.duplicate_groups import Group

_SCHEMA = "CREATE TABLE choices (position INTEGER PRIMARY KEY, kept BLOB NOT NULL);"


class KeeperChoices:
    """Choices by the position of a group among all groups: the positions of its members that are kept, the keeper
    first; none for all of them. All members stay of a group without a choice, unless `takes_rest` is set: then the
    suggestion counts.
    """

    def __init__(self) -> None:
        self._db = scratch(_SCHEMA, cache_kb=2000)
        self.takes_rest = False

    def set(self, position: int, kept: Sequence[int]) -> None:
        """Store the choice for a group, which replaces an earlier one."""
        self._db.execute("INSERT OR REPLACE INTO choices VALUES (?, ?)", (position, array("I", kept).tobytes()))

    def get(self, position: int) -> Sequence[int] | None:
        """Return the choice for a group, None if there is none."""
        row = self._db.execute("SELECT kept FROM choices WHERE position = ?", (position,)).fetchone()
        return None if row is None else array("I", row[0])

    def last_before(self, position: int) -> int | None:
        """Return the last group before this one that has a choice, None if there is none."""
        [found] = self._db.execute("SELECT max(position) FROM choices WHERE position < ?", (position,)).fetchone()
        return None if found is None else int(found)

    def count_before(self, position: int) -> int:
        """Return the number of groups before this one that have a choice."""
        query = "SELECT count(*) FROM choices WHERE position < ?"
        return int(self._db.execute(query, (position,)).fetchone()[0])

    def decide(self, position: int, group: Group, policy: KeeperPolicy) -> KeeperDecision:
        """Return the decision on the group at a position."""
        kept = self.get(position)
        if kept:
            return policy.decide(group, [group.members[each] for each in kept])
        if kept is None and self.takes_rest:
            return policy.decide(group)
        first, *others = group.members
        return KeeperDecision(group, first, [], others, [first])

    def close(self) -> None:
        self._db.close()
