"""Keep the records of a file valid when an undo or redo restores it under another inode number or another name.

A file that was moved to another file system comes back with another inode number, and one whose name is taken with
another name (`undo --rename`). Records of other operations that put the same file in the same place have the old number
and name: they are updated when the operation that restored it is sealed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.model import RELOCATIONS, REMOVALS, Action
from fileorg.core.names import split
from fileorg.core.tuples import NamedTuple
from fileorg.journal.absolute import ABSOLUTE, BASES, FOLDERS
from fileorg.journal.rows import IS_LEFT, quoted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from fileorg.core.model import Base
    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import Operation

_NAME = "coalesce(u.target_name, u.source_name)"
_RENAMED = f"(u.action IN ({quoted(RELOCATIONS)}) AND {_NAME} <> was.source_name)"
_ANY_RENAMED = f"""
SELECT 1 FROM records u JOIN records was ON was.id = u.reverts WHERE u.id BETWEEN ? AND ?
    AND (u.target_name NOT NULL
        OR u.reverts IN (SELECT id FROM records WHERE id BETWEEN ? AND ? AND target_name NOT NULL))
    AND {_RENAMED} LIMIT 1
"""
"""Looks up few records: most have no target name, because it is that of the source."""

_CAME_BACK = f"""
CREATE TEMP TABLE came_back AS WITH {BASES}
SELECT {ABSOLUTE} AS folder, CASE WHEN {_RENAMED} THEN was.source_name ELSE {_NAME} END AS name, {_NAME} AS new_name,
    was.inode AS old_inode,
    coalesce(u.target_inode, u.inode) AS inode, was.mtime_ns AS old_mtime_ns,
    CASE WHEN u.mtime_ns = coalesce(was.target_mtime_ns, was.mtime_ns)
        THEN coalesce(u.target_mtime_ns, u.mtime_ns) ELSE was.mtime_ns END AS mtime_ns
FROM records u JOIN records was ON was.id = u.reverts CROSS JOIN {FOLDERS}
WHERE u.id BETWEEN ? AND ? AND u.state = 'done' AND u.action NOT IN ({quoted(REMOVALS)}) AND f.id = u.target_folder
    AND (coalesce(u.target_inode, u.inode) <> was.inode OR {_RENAMED})
    AND (u.inode = coalesce(was.target_inode, was.inode)
        OR (u.size = was.size AND u.mtime_ns = coalesce(was.target_mtime_ns, was.mtime_ns)))
"""
"""The restored files whose inode number or name changed: files that were unmodified, or edited in place. A file that
replaced one of them is a different file. A new time is taken over where a file system rounded it, not after an edit.
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
"""The originals that an undo of these records links or clones again."""
_IS_LED_TO = (
    "EXISTS (SELECT 1 FROM records WHERE records.id = keepers.record"
    f" AND records.action IN ({quoted({Action.REPLACE_BY_SYMLINK, Action.REWRITE_SYMLINK})}))"
)
"""A symlink by fileorg says the name that its file had: by that name its undo knows it."""
_NEW_NAME = "CASE WHEN came_back.name <> new_name THEN new_name ELSE {0} END"


def has_renamed(queries: Queries, records: tuple[int, int], undone: tuple[int, int]) -> bool:
    """Return whether an undo with the range `records` restored a file of the range `undone` under another name."""
    return queries.value(_ANY_RENAMED, (*records, *undone)) is not None


def carry_over(
    db: sqlite3.Connection, operation: int, records: tuple[int, int], ranges: dict[int, tuple[int, int]]
) -> None:
    """Update the records of other operations with the files that an undo or redo restored under another inode number or
    name.

    `records` is the id range of the `operation`, `ranges` has those of all operations. Inside a transaction.
    """
    db.execute(_CAME_BACK, records)
    db.execute("CREATE INDEX temp.by_place ON came_back (folder, name)")
    db.execute(_SAME_FOLDERS, (operation,))
    db.execute("CREATE UNIQUE INDEX temp.by_folder ON same_folders (id)")
    for (other,) in db.execute("SELECT DISTINCT operation FROM same_folders").fetchall():
        for place, name in ((_AT_TARGET, "target_name"), (_AT_SOURCE, "source_name")):
            db.execute(
                f"UPDATE records SET {name} = {_NEW_NAME.format(name)},"
                " target_inode = came_back.inode, target_ctime_ns = NULL,"
                " target_mtime_ns = CASE WHEN coalesce(target_mtime_ns, records.mtime_ns) = old_mtime_ns"
                " THEN came_back.mtime_ns ELSE target_mtime_ns END"
                " FROM same_folders same JOIN came_back"
                f" WHERE records.id BETWEEN ? AND ? AND {place} AND {_IS_THE_SAME}"
                f" coalesce(records.target_inode, records.inode) AND {IS_LEFT}",
                ranges[other],
            )
        db.execute(
            f"UPDATE keepers SET name = CASE WHEN {_IS_LED_TO} THEN keepers.name"
            f" ELSE {_NEW_NAME.format('keepers.name')} END, inode = came_back.inode,"
            " mtime_ns = CASE keepers.mtime_ns WHEN old_mtime_ns THEN came_back.mtime_ns ELSE keepers.mtime_ns END"
            " FROM same_folders same JOIN came_back WHERE keepers.record BETWEEN ? AND ?"
            f" AND keepers.folder = same.id AND came_back.name = keepers.name AND {_IS_THE_SAME} keepers.inode",
            ranges[other],
        )
    db.execute("DROP TABLE temp.same_folders")
    db.execute("DROP TABLE temp.came_back")


class Remade(NamedTuple):
    """A folder that an operation recreated and that other operations had as a root, with its previous inode number."""

    base: Base
    path: bytes
    absolute: bytes
    inode: int


def remade_roots(queries: Queries, operation: Operation, roots: Iterable[bytes]) -> Iterator[Remade]:
    """Yield the roots of other operations that an undo or redo recreated; `roots` are its own, by `Base`."""
    all_roots = "SELECT root AS path FROM operations UNION SELECT dest FROM operations UNION SELECT path FROM roots"
    for base, root in enumerate(roots):
        inside = f"SELECT path FROM ({all_roots}) WHERE path > ? AND path < ?"
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
