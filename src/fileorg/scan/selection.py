"""The files of one tree to scan, and the purpose of the scan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.names import collision_key
from fileorg.core.tuples import NamedTuple
from fileorg.rules.filters import Filters

if TYPE_CHECKING:
    from fileorg.scan.gate import Gate
    from fileorg.scan.leftovers import Leftover


class Selection(NamedTuple):
    """The filters, and the choices that a command adds to them for one tree."""

    filters: Filters = Filters()
    never: frozenset[tuple[int, int]] = frozenset()  # (dev, inode) of folders that fileorg uses itself
    twice: frozenset[bytes] = frozenset()  # folders whose files are reached by another path, too
    leave: frozenset[bytes] = frozenset()  # collision keys of top-level folders that are not entered
    leave_deeper: frozenset[bytes] = frozenset()  # the same of folders further down: their paths
    case_insensitive: bool = False  # applies to these keys
    with_leaders: bool = False  # sidecars are judged by their leader
    leftovers: bool = True  # find leftovers, which takes a look at the target of each symlink
    leading: bool = False  # find symlinks that lead to files of the tree
    names_stays: bool = False  # report each entry that stays, with the reason
    goes: frozenset[Leftover] = frozenset()  # kinds to remove: a folder with nothing else is empty
    ignore_files: bool = True  # `.fileorgignore` applies
    gate: Gate | None = None  # for runs that nobody starts by hand

    def leaves(self, name: bytes) -> bool:
        return collision_key(name, case_insensitive=self.case_insensitive) in self.leave

    def leaves_deeper(self, folder: bytes) -> bool:
        """Return whether a folder below the top level is not entered."""
        return bool(self.leave_deeper) and (
            collision_key(folder, case_insensitive=self.case_insensitive) in self.leave_deeper
        )
