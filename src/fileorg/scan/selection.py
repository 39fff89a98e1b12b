"""Which files of one tree are looked at, and what a scan of it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.names import collision_key
from fileorg.rules.filters import Filters

if TYPE_CHECKING:
    from fileorg.scan.leftovers import Leftover


class Selection(NamedTuple):
    """The filters, and what a command adds to them for one tree."""

    filters: Filters = Filters()
    never: frozenset[tuple[int, int]] = frozenset()  # (dev, inode) of folders that are ours
    twice: frozenset[bytes] = frozenset()  # folders whose files are met by another path, too
    leave: frozenset[bytes] = frozenset()  # collision keys of folders at the top that are not entered
    case_insensitive: bool = False  # how such a key is made
    with_leaders: bool = False  # side-cars are judged by the file that they follow
    leftovers: bool = True  # they are looked for: a look at where each symlink leads
    leading: bool = False  # symlinks that lead to files of the tree are looked for
    goes: frozenset[Leftover] = frozenset()  # those that are to go: a folder of nothing else is empty

    def leaves(self, name: bytes) -> bool:
        return collision_key(name, case_insensitive=self.case_insensitive) in self.leave
