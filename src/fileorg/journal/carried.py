"""What is known of a file stays known of it when an undo or redo brings it back as another one.

A file that went to another disk comes back with another inode number. Records of other operations that put the same
file to the same place know the old one: they learn the new one when the operation that brought it back is sealed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.model import REMOVALS, Action
from fileorg.core.names import split
from fileorg.journal.absolute import ABSOLUTE, BASES, FOLDERS
from fileorg.journal.rows import IS_LEFT, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from fileorg.core.model import Base
    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import Operation

_CAME_BACK = f"""
CREATE TEMP TABLE came_back AS WITH {BASES}
SELECT {ABSOLUTE} AS folder, coalesce(u.target_name, u.source_name) AS name, was.inode AS old_inode,
    coalesce(u.target_inode, u.inode) AS inode, was.mtime_ns AS old_mtime_ns,
    CASE WHEN u.mtime_ns = coalesce(was.target_mtime_ns, was.mtime_ns)
        THEN coalesce(u.target_mtime_ns, u.mtime_ns) ELSE was.mtime_ns END AS mtime_ns
FROM records u JOIN records was ON was.id = u.reverts CROSS JOIN {FOLDERS}
WHERE u.id BETWEEN ? AND ? AND u.state = 'done' AND u.action NOT IN ({quoted(REMOVALS)}) AND f.id = u.target_folder
    AND coalesce(u.target_inode, u.inode) <> was.inode
    AND (u.inode = coalesce(was.target_inode, was.inode)
        OR (u.size = was.size AND u.mtime_ns = coalesce(was.target_mtime_ns, was.mtime_ns)))
"""
"""The files that are others now than before what was taken back. Only those that were as that had left them, or edited:
what has taken the place of one is not the same file. A time differs where a file system rounded it, not by an edit.
"""

_SAME_FOLDERS = f"""
CREATE TEMP TABLE same_folders AS WITH {BASES}
SELECT f.id AS id, f.operation AS operation, {ABSOLUTE} AS folder FROM {FOLDERS}
WHERE f.operation <> ? AND {ABSOLUTE} IN (SELECT folder FROM came_back)
"""

_IS_THE_SAME = "same.folder = came_back.folder AND came_back.old_inode ="
_AT_TARGET = (
    "records.target_folder = same.id AND came_back.name = coalesce(records.target_name, records.source_name)"
    f" AND records.action NOT IN ({quoted(REMOVALS)})"
)
_AT_SOURCE = (
    "records.source_folder = same.id AND came_back.name = records.source_name"
    f" AND records.action IN ({quoted({Action.REMOVE_HARDLINK, Action.REMOVE_REFLINK})})"
)
"""What these would be made of again."""


def carry_over(
    db: sqlite3.Connection, operation: int, records: tuple[int, int], ranges: dict[int, tuple[int, int]]
) -> None:
    """Let the records of other operations know the files that an undo or redo has brought back as others.

    `records` are those of the `operation`, `ranges` those of all. Inside a transaction.
    """
    db.execute(_CAME_BACK, records)
    db.execute("CREATE INDEX temp.by_place ON came_back (folder, name)")
    db.execute(_SAME_FOLDERS, (operation,))
    db.execute("CREATE UNIQUE INDEX temp.by_folder ON same_folders (id)")
    for (other,) in db.execute("SELECT DISTINCT operation FROM same_folders").fetchall():
        for place in (_AT_TARGET, _AT_SOURCE):
            db.execute(
                "UPDATE records SET target_inode = came_back.inode, target_ctime_ns = NULL,"
                " target_mtime_ns = CASE WHEN coalesce(target_mtime_ns, records.mtime_ns) = old_mtime_ns"
                " THEN came_back.mtime_ns ELSE target_mtime_ns END"
                " FROM same_folders same JOIN came_back"
                f" WHERE records.id BETWEEN ? AND ? AND {place} AND {_IS_THE_SAME}"
                f" coalesce(records.target_inode, records.inode) AND {IS_LEFT}",
                ranges[other],
            )
        db.execute(
            "UPDATE keepers SET inode = came_back.inode,"
            " mtime_ns = CASE keepers.mtime_ns WHEN old_mtime_ns THEN came_back.mtime_ns ELSE keepers.mtime_ns END"
            " FROM same_folders same JOIN came_back WHERE keepers.record BETWEEN ? AND ?"
            f" AND keepers.folder = same.id AND came_back.name = keepers.name AND {_IS_THE_SAME} keepers.inode",
            ranges[other],
        )
    db.execute("DROP TABLE temp.same_folders")
    db.execute("DROP TABLE temp.came_back")


class Remade(NamedTuple):
    """A folder that an operation has made again, and that others had for a root: where it is, and what it was."""

    base: Base
    path: bytes
    absolute: bytes
    inode: int


def remade_roots(queries: Queries, operation: Operation, roots: Iterable[bytes]) -> Iterator[Remade]:
    """The roots of other operations that an undo or redo has made again; `roots` are its own, by `Base`."""
    every = "SELECT root AS path FROM operations UNION SELECT dest FROM operations UNION SELECT path FROM roots"
    for base, root in enumerate(roots):
        inside = f"SELECT path FROM ({every}) WHERE path > ? AND path < ?"
        for (absolute,) in queries.select(inside, (root + b"/", root + b"0")):
            path = absolute[len(root) + 1 :]
            above, name = split(path)
            made = (
                "SELECT was.inode FROM folders f JOIN records made ON made.target_folder = f.id"
                " JOIN records was ON was.id = made.reverts WHERE f.operation = ?1 AND f.base = ?2 AND f.path = ?3"
                " AND made.id BETWEEN ?4 AND ?5 AND made.action = 'make-folder' AND made.state = 'done'"
                " AND made.target_name = ?6 AND was.inode NOT NULL"
            )
            inode = queries.value(made, (operation.id, base, above, *queries.record_range(operation), name))
            if inode is not None:
                yield Remade(base, path, absolute, inode)
