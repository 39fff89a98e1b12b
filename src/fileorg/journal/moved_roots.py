"""The new places of roots that another program moved: shown by a dry run, and written with the next operation.

Until they are written, views with the names of two tables show them. So a plan is made with the new paths, and nothing
remains of them if the user says no. A dry run of a journal of version 1 has an empty table `roots` instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fileorg.core.model import Base
    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import RecordId

_NEW = "(SELECT m.{0} FROM moved_roots m WHERE m.operation = {1} AND m.base = {2})"
_VIEWS = f"""
CREATE TEMP TABLE moved_roots (
    operation INTEGER NOT NULL, base INTEGER NOT NULL, path BLOB NOT NULL, inode INTEGER,
    PRIMARY KEY (operation, base)
) WITHOUT ROWID;
CREATE TEMP TABLE moved_files (record INTEGER PRIMARY KEY, inode INTEGER NOT NULL, mtime_ns INTEGER NOT NULL);
CREATE TEMP TABLE moved_keepers (record INTEGER PRIMARY KEY, inode INTEGER NOT NULL);
CREATE TEMP VIEW operations AS SELECT o.id, o.kind, coalesce({_NEW.format("path", "o.id", 0)}, o.root) AS root,
    CASE WHEN o.dest NOT NULL THEN coalesce({_NEW.format("path", "o.id", 1)}, o.dest) END AS dest,
    coalesce({_NEW.format("inode", "o.id", 0)}, o.root_inode) AS root_inode, o.options, o.undoes, o.state,
    o.was_interrupted, o.first_record, o.pid, o.host, o.started_ns, o.ended_ns, o.done, o.bytes, o.problems
    FROM main.operations o;
CREATE TEMP VIEW IF NOT EXISTS roots AS SELECT r.operation, r.base,
    coalesce({_NEW.format("path", "r.operation", "r.base")}, r.path) AS path,
    coalesce({_NEW.format("inode", "r.operation", "r.base")}, r.inode) AS inode FROM main.roots r
"""
_WRITE = """
DROP VIEW temp.operations;
DROP VIEW temp.roots;
UPDATE operations SET root = m.path, root_inode = coalesce(m.inode, root_inode)
    FROM moved_roots m WHERE m.operation = operations.id AND m.base = 0;
UPDATE operations SET dest = m.path FROM moved_roots m
    WHERE m.operation = operations.id AND m.base = 1 AND dest NOT NULL;
UPDATE roots SET path = m.path, inode = coalesce(m.inode, roots.inode)
    FROM moved_roots m WHERE m.operation = roots.operation AND m.base = roots.base;
UPDATE records SET target_inode = m.inode, target_ctime_ns = NULL,
    target_mtime_ns = CASE WHEN m.mtime_ns = coalesce(target_mtime_ns, records.mtime_ns)
        THEN target_mtime_ns ELSE m.mtime_ns END
    FROM moved_files m WHERE m.record = records.id;
UPDATE keepers SET inode = m.inode FROM moved_keepers m WHERE m.record = keepers.record;
DROP TABLE temp.moved_roots;
DROP TABLE temp.moved_files;
DROP TABLE temp.moved_keepers
"""


class MovedRoot(NamedTuple):
    """The new path of a directory of an operation, and its inode number now, None if it is the same as before."""

    operation: int
    base: Base
    path: bytes
    inode: int | None


class MovedRoots:
    """The moved roots of one journal. Raises `JournalError`."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._is_shown = False

    def show(self, roots: Sequence[MovedRoot]) -> None:
        """Show the new paths to all queries of this connection; called once."""
        for statement in _VIEWS.split(";\n"):
            self._queries.select(statement)
        self._queries.many("INSERT INTO moved_roots VALUES (?, ?, ?, ?)", roots)
        self._is_shown = True

    def recognised(self, files: Iterable[tuple[RecordId, int, int]]) -> None:
        """Note (record, inode, mtime_ns) of files that have other inode numbers in the new place."""
        self._queries.many("INSERT OR REPLACE INTO moved_files VALUES (?, ?, ?)", files)

    def recognised_keepers(self, files: Iterable[tuple[RecordId, int]]) -> None:
        """Note (record, inode) of keepers that have other inode numbers in the new place."""
        self._queries.many("INSERT OR REPLACE INTO moved_keepers VALUES (?, ?)", files)

    def write(self) -> None:
        """Write what is shown, if anything is. Inside a transaction."""
        if self._is_shown:
            for statement in _WRITE.split(";\n"):
                self._queries.select(statement)
            self._is_shown = False
