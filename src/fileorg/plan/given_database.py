"""The private database of a given plan, and a row of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fileorg.core.names import join
from fileorg.core.tuples import NamedTuple
from fileorg.plan.given_rows import GivenAction

if TYPE_CHECKING:
    from fileorg.core.model import Base

SCHEMA = """
CREATE TABLE rows (
    id INTEGER PRIMARY KEY, line INTEGER NOT NULL, action TEXT NOT NULL,
    base INTEGER NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL,
    to_base INTEGER NOT NULL, to_folder BLOB NOT NULL, to_name BLOB NOT NULL,
    inode INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, mode INTEGER NOT NULL,
    source INTEGER NOT NULL, target INTEGER NOT NULL, occupied INTEGER NOT NULL,
    leader BLOB, together INTEGER NOT NULL DEFAULT 0, keeper BLOB, dev INTEGER NOT NULL,
    faulty INTEGER NOT NULL DEFAULT 0);
CREATE TABLE packed (id INTEGER PRIMARY KEY, columns BLOB NOT NULL);
CREATE TABLE folders (
    line INTEGER NOT NULL, action TEXT NOT NULL, base INTEGER NOT NULL, path BLOB NOT NULL,
    to_base INTEGER NOT NULL, to_path BLOB NOT NULL, folded BLOB NOT NULL, to_folded BLOB NOT NULL,
    PRIMARY KEY (base, folded)) WITHOUT ROWID;
CREATE INDEX folders_by_target ON folders (to_base, to_folded);
CREATE INDEX folders_by_line ON folders (line);
CREATE TABLE made (
    base INTEGER NOT NULL, path BLOB NOT NULL, mode INTEGER NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY (base, path)) WITHOUT ROWID;
CREATE INDEX made_by_line ON made (line);
CREATE TABLE emptied (
    base INTEGER NOT NULL, path BLOB NOT NULL, line INTEGER NOT NULL, is_subject INTEGER NOT NULL,
    PRIMARY KEY (base, path)) WITHOUT ROWID;
CREATE INDEX emptied_by_line ON emptied (line);
CREATE TABLE missing (
    base INTEGER NOT NULL, path BLOB NOT NULL, digest INTEGER NOT NULL, line INTEGER NOT NULL,
    PRIMARY KEY (base, path)) WITHOUT ROWID;
CREATE TABLE problems (
    line INTEGER NOT NULL, fault TEXT NOT NULL, path BLOB NOT NULL, about BLOB NOT NULL, number INTEGER);
CREATE INDEX problems_by_line ON problems (line);
CREATE TABLE ordered (
    id INTEGER PRIMARY KEY, row INTEGER NOT NULL UNIQUE, together INTEGER NOT NULL, step INTEGER NOT NULL);
CREATE TABLE steps (
    id INTEGER PRIMARY KEY, row INTEGER, aside_base INTEGER, aside BLOB, base INTEGER, path BLOB, mode INTEGER,
    is_subject INTEGER NOT NULL, line INTEGER, together INTEGER NOT NULL);
CREATE INDEX steps_by_together ON steps (together);
"""
INSERT = (
    "INSERT INTO rows (line, action, base, folder, name, to_base, to_folder, to_name, inode, size, mtime_ns, mode,"
    " source, target, occupied, leader, keeper, dev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
COLUMNS = (
    "id, line, action, base, folder, name, to_base, to_folder, to_name, inode, size, mtime_ns, mode, source, target,"
    " occupied, leader, together, keeper, dev"
)
VACATES = f"action IN ('{GivenAction.MOVE}', '{GivenAction.TRASH}')"
"""The rows after which their source is free."""


class StoredRow(NamedTuple):
    """A row of the database, by `COLUMNS`. `occupied`: something has its target's name now."""

    id: int
    line: int
    action: str
    base: Base
    folder: bytes
    name: bytes
    to_base: Base
    to_folder: bytes
    to_name: bytes
    inode: int
    size: int
    mtime_ns: int
    mode: int
    source: int
    target: int
    occupied: int
    leader: bytes | None
    together: int
    keeper: bytes | None
    dev: int

    @property
    def path(self) -> bytes:
        return join(self.folder, self.name)

    @property
    def vacates(self) -> bool:
        return self.action in {GivenAction.MOVE, GivenAction.TRASH}
