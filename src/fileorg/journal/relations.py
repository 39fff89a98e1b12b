"""Relations between an operation and later ones that used its files and folders, found by absolute path.

Only folders that both operations touched are searched: an undo of the last operation reads nothing, an undo of an
earlier one reads each record of the later operations in the same folders once.
"""

from __future__ import annotations

from collections import defaultdict
from enum import StrEnum
from typing import TYPE_CHECKING

from fileorg.core.model import ON_DUPLICATES, ON_SYMLINKS, RELOCATIONS, REMOVALS, Action, Base
from fileorg.core.names import join, split
from fileorg.core.reasons import ReasonCode
from fileorg.core.tuples import NamedTuple
from fileorg.journal.absolute import ABSOLUTE, BASES, FOLDERS, MADE
from fileorg.journal.rows import IS_LEFT, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from fileorg.journal.queries import Queries
    from fileorg.journal.rows import Operation, RecordId


class Link(StrEnum):
    """The effect of a later record on a file or folder of the operation."""

    TOOK = "took"  # moved the file away from where the operation had put it
    USED = "used"  # made a copy of the file, or a link to it
    REPLACED = "replaced"  # replaced a duplicate by a link to the file
    FILLED = "filled"  # took the name that the file had before
    MADE = "made"  # made a folder that the operation had removed
    REMOVED = "removed"  # removed a folder that the operation had made, or had moved files from


class Related(NamedTuple):
    """A record of a later operation, `later`, about a record of this one, None for a folder. Paths are absolute.

    The operation knows the file at `place`, where it had the number `inode`; None if no number tells it from another
    file there. The later record moved the file to `other`, or made `other`, and left it with `other_inode` and
    `other_mtime_ns`.
    """

    link: Link
    operation: int
    place: bytes
    other: bytes
    inode: int | None
    other_inode: int | None = None
    other_mtime_ns: int | None = None
    record: RecordId | None = None
    later: RecordId = 0


class MadeFolder(NamedTuple):
    """A folder that another operation made and whose undo had to keep it, with its path in this operation."""

    record: RecordId
    base: Base
    path: bytes


_TARGET_NAME = "coalesce({0}target_name, {0}source_name)"
_SHARED = f"""
CREATE TEMP TABLE shared AS WITH {BASES},
mine(id, absolute) AS MATERIALIZED (SELECT f.id, {ABSOLUTE} FROM {FOLDERS} WHERE f.operation = ?1)
SELECT f.id AS theirs, mine.id AS mine, mine.absolute AS absolute, f.operation AS operation
FROM {FOLDERS} CROSS JOIN mine ON mine.absolute = {ABSOLUTE} WHERE f.operation > ?1
"""

_BY_LINK = quoted({Action.REPLACE_BY_HARDLINK, Action.REPLACE_BY_SYMLINK})
_LEAVES_A_LINK = f"{_BY_LINK}, '{Action.REWRITE_SYMLINK}'"
_RANGE = f"FROM records WHERE id BETWEEN ?1 AND ?2 AND {IS_LEFT}{{only}}"
_KNOWN = f"""
CREATE TEMP TABLE known AS
SELECT 'took' AS link, target_folder AS folder, {_TARGET_NAME.format("")} AS name,
    CASE action WHEN '{Action.SYMLINK}' THEN target_inode ELSE coalesce(target_inode, inode) END AS inode,
    id AS record {_RANGE} AND source_name NOT NULL
    AND action NOT IN ({quoted({*REMOVALS, Action.REMOVE_REFLINK})})
UNION ALL SELECT 'took', source_folder, source_name, NULL, id {_RANGE}
    AND action IN ({quoted({Action.COPY, Action.HARDLINK, *REMOVALS})})
UNION ALL SELECT 'took', source_folder, source_name, NULL, id {_RANGE} AND action IN ({_LEAVES_A_LINK})
UNION ALL SELECT 'took', kept.folder, kept.name, kept.inode, id FROM keepers kept JOIN records ON id = kept.record
    WHERE kept.record BETWEEN ?1 AND ?2 AND {IS_LEFT}{{only}} AND action NOT IN ({quoted(ON_DUPLICATES | ON_SYMLINKS)})
UNION ALL SELECT 'filled', source_folder, source_name, NULL, id {_RANGE}
    AND action IN ({quoted(RELOCATIONS)}) AND action NOT IN ({_LEAVES_A_LINK})
UNION ALL SELECT 'removed', target_folder, target_name, NULL, id {_RANGE} AND action = 'make-folder'
UNION ALL SELECT 'made', target_folder, target_name, NULL, id {_RANGE} AND action = 'remove-folder'
    AND category NOT NULL
"""
"""The paths of files now, and after an undo of the operation. Undo needs the original of a copy that it removes, the
link that it replaces by a duplicate, and the keeper of a duplicate that it removes again.
"""

_LATER = "l.id BETWEEN ?1 AND ?2 AND l.state = 'done'"
_RESULT = "coalesce(l.target_inode, l.inode), coalesce(l.target_mtime_ns, l.mtime_ns), k.record, l.id"
_USES = quoted({Action.COPY, Action.HARDLINK, Action.SYMLINK})
_FROM_SOURCE = f"""
WITH made_room(folder, name, to_folder, to_name, inode, mtime_ns) AS MATERIALIZED (
    SELECT l.source_folder, l.source_name, l.target_folder, {_TARGET_NAME.format("l.")},
        coalesce(l.target_inode, l.inode), coalesce(l.target_mtime_ns, l.mtime_ns)
    FROM records l WHERE {_LATER} AND substr(l.source_name, 1, 9) = CAST('.fileorg-' AS BLOB))
SELECT CASE WHEN l.action IN ({_USES}) THEN 'used' ELSE 'took' END, s.absolute, k.name,
    CASE WHEN l.inode = k.inode AND l.inode <> coalesce(m.inode, l.target_inode, l.inode) THEN NULL ELSE k.inode END,
    coalesce(m.to_folder, l.target_folder), coalesce(m.to_name, {_TARGET_NAME.format("l.")}),
    coalesce(m.inode, l.target_inode, l.inode), coalesce(m.mtime_ns, l.target_mtime_ns, l.mtime_ns), k.record, l.id
FROM records l CROSS JOIN shared s ON s.theirs = l.source_folder
CROSS JOIN known k ON k.folder = s.mine AND k.name = l.source_name AND k.link = 'took'
LEFT JOIN made_room m ON m.folder = l.target_folder AND m.name = l.target_name
WHERE {_LATER} AND l.action IN ({quoted(RELOCATIONS)}, {_USES}) AND NOT EXISTS (
    SELECT 1 FROM records r WHERE r.id = l.reverts AND r.id < k.record
    AND l.inode = coalesce(r.target_inode, r.inode) AND l.inode <> k.inode)
"""
"""A file that made room for another one, under a temporary name, is where its second record has put it. Of a file that
went to another disk no number is known: ext4 may give it to the file that gets its name. The undo of an earlier
operation has taken the file of that one, which had the same name before.
"""
_BY_KEEPER = f"""
SELECT 'replaced', s.absolute, k.name, kept.inode, l.source_folder, l.source_name, {_RESULT}
FROM keepers kept CROSS JOIN records l ON l.id = kept.record CROSS JOIN shared s ON s.theirs = kept.folder
CROSS JOIN known k ON k.folder = s.mine AND k.name = kept.name AND k.link = 'took'
WHERE {_LATER.replace("l.id", "kept.record")}
    AND l.action IN ({_BY_LINK})
"""
_AT_TARGET = f"""
SELECT k.link, s.absolute, k.name, coalesce(l.target_inode, l.inode), l.target_folder, {_TARGET_NAME.format("l.")},
    {_RESULT}
FROM records l CROSS JOIN shared s ON s.theirs = l.target_folder
CROSS JOIN known k ON k.folder = s.mine AND k.name = {_TARGET_NAME.format("l.")}
WHERE {_LATER} AND CASE k.link WHEN 'filled' THEN l.action IN ({quoted(RELOCATIONS)})
    WHEN 'made' THEN l.action = 'make-folder' WHEN 'removed' THEN l.action = 'remove-folder' AND l.category NOT NULL END
"""


_NOT_EMPTY = f"u.state = 'skipped' AND u.reason = '{ReasonCode.NOT_EMPTY}'"

_CLEAN = {"clean", "apply", "redo"}
"""Kinds of operations that may remove empty folders in which they touched nothing else."""


class Relations:
    """Queries about pairs of operations. Raises `JournalError`."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    def later(
        self,
        operation: Operation,
        others: Sequence[Operation],
        needed: Callable[[], Collection[bytes]],
        within: str = "",
    ) -> Iterator[Related]:
        """Yield the records of `others`, all later, that used files or folders of the operation, or that removed one of
        the folders `needed` for its undo. An organize removes only folders from which it moved files. `within` is a
        table of a selection: only its records of the operation count.
        """
        self._queries.select(_SHARED, (operation.id,))
        try:
            sharing = {number for (number,) in self._queries.select("SELECT DISTINCT operation FROM shared")}
            may_remove = [
                each for each in others if each.kind in _CLEAN or (each.kind == "organize" and each.id in sharing)
            ]
            others = [other for other in others if other.id in sharing]
            if others:
                self._queries.select("CREATE INDEX temp.shared_theirs ON shared (theirs)")
                only = f" AND id IN (SELECT record FROM {within})" if within else ""
                self._queries.select(_KNOWN.format(only=only), self._queries.record_range(operation))
                self._queries.select("CREATE INDEX temp.known_place ON known (folder, name)")
            for other in others:
                yield from self._of(other)
            if may_remove:
                folders = needed()
                for other in may_remove:
                    yield from self._removed(other, folders)
        finally:
            self._queries.select("DROP TABLE IF EXISTS temp.known")
            self._queries.select("DROP TABLE temp.shared")

    def _of(self, other: Operation) -> Iterator[Related]:
        roots: dict[Base, bytes] = dict(
            self._queries.select(f"WITH {BASES} SELECT base, root FROM bases WHERE operation = ?", (other.id,))
        )
        for query in (_FROM_SOURCE, _BY_KEEPER, _AT_TARGET):
            for rows in self._queries.stream(query, self._queries.record_range(other)):
                for link, folder, name, inode, other_folder, other_name, *result in rows:
                    base, path = self._queries.place(other_folder)
                    there = join(join(roots[base], path) if path else roots[base], other_name)
                    yield Related(Link(link), other.id, join(folder, name), there, inode, *result)

    def _removed(self, other: Operation, needed: Collection[bytes]) -> Iterator[Related]:
        """Yield the empty folders that an operation has removed among the absolute paths `needed`."""
        query = (
            f"WITH {BASES} SELECT {ABSOLUTE}, r.target_name, r.id FROM records r CROSS JOIN {FOLDERS}"
            " WHERE r.id BETWEEN ? AND ? AND r.state = 'done' AND r.action = 'remove-folder' AND r.category NOT NULL"
            " AND f.id = r.target_folder"
        )
        for rows in self._queries.stream(query, self._queries.record_range(other)):
            for above, name, later in rows:
                path = join(above, name)
                if path in needed:
                    yield Related(Link.REMOVED, other.id, path, path, None, later=later)

    def kept(self, undos: Sequence[Operation]) -> set[RecordId]:
        """Return the copies and links that undos had to keep, because they were changed, and the folders in which
        something is, by the record of each.
        """
        return self._tried(undos, "u.state = 'changed'", _USES) | self._tried(undos, _NOT_EMPTY, "'make-folder'")

    def displaced(self, undos: Sequence[Operation]) -> set[RecordId]:
        """Return the duplicates that undos left in the trash, because others had replaced the link in their place, by
        the record of each.
        """
        return self._tried(undos, "u.state = 'conflict'", _BY_LINK)

    def there_again(self, undos: Sequence[Operation]) -> set[RecordId]:
        """Return the removed folders that undos found there again, because another operation had made them, by the
        record of each.
        """
        found = f"u.state = 'skipped' AND u.reason = '{ReasonCode.ALREADY_THERE}'"
        return self._tried(undos, found, "'remove-folder'")

    def _tried(self, undos: Sequence[Operation], how: str, actions: str) -> set[RecordId]:
        query = (
            "SELECT r.id FROM records u JOIN records r ON r.id = u.reverts WHERE u.id BETWEEN ? AND ?"
            f" AND {how} AND r.state = 'done' AND r.action IN ({actions})"
        )
        ranges = map(self._queries.record_range, undos)
        return {record for each in ranges for (record,) in self._queries.select(query, each)}

    def made_folders(self, operation: Operation) -> Iterator[bytes]:
        """Yield the absolute paths of the folders that the operation made and no undo has removed."""
        yield from self._folders(operation, "r.action = 'make-folder'")

    def removed_folders(self, operation: Operation) -> Iterator[bytes]:
        """Yield the absolute paths of the folders that the operation removed and no undo has made again."""
        yield from self._folders(operation, "r.action = 'remove-folder' AND r.category NOT NULL")

    def _folders(self, operation: Operation, which: str) -> Iterator[bytes]:
        query = (
            f"WITH {BASES} SELECT {ABSOLUTE}, r.target_name FROM records r CROSS JOIN {FOLDERS}"
            f" WHERE r.id BETWEEN ? AND ? AND r.state = 'done' AND {which} AND f.id = r.target_folder"
        )
        for rows in self._queries.stream(query, self._queries.record_range(operation)):
            yield from (join(above, name) for above, name in rows)

    def changed_paths(self, operation: Operation) -> Iterator[bytes]:
        """Yield the absolute paths of the files that the operation has moved, as they were before, and of the folders
        that it has removed.
        """
        query = (
            f"WITH {BASES} SELECT {ABSOLUTE}, coalesce(r.source_name, r.target_name) FROM records r"
            f" CROSS JOIN {FOLDERS} WHERE r.id BETWEEN ? AND ? AND r.state = 'done'"
            f" AND r.action NOT IN ('make-folder', {_USES}) AND f.id = coalesce(r.source_folder, r.target_folder)"
        )
        for rows in self._queries.stream(query, self._queries.record_range(operation)):
            yield from (join(above, name) for above, name in rows)

    def arrived_paths(self, operation: Operation) -> Iterator[tuple[bytes, bool]]:
        """Yield the absolute paths of the files that the operation has put somewhere, and whether each is a copy or a
        link.
        """
        query = (
            f"WITH {BASES} SELECT {ABSOLUTE}, {_TARGET_NAME.format('r.')}, r.action IN ({_USES}) FROM records r"
            f" CROSS JOIN {FOLDERS} WHERE r.id BETWEEN ? AND ? AND r.state = 'done'"
            f" AND r.action IN ({quoted(RELOCATIONS)}, {_USES}) AND f.id = r.target_folder"
        )
        for rows in self._queries.stream(query, self._queries.record_range(operation)):
            yield from ((join(above, name), bool(is_added)) for above, name, is_added in rows)

    def left_folders(self, operation: Operation) -> list[MadeFolder]:
        """Return folders that no record of this operation removes, although they are to go with it, the deepest first.

        Other operations made some, and their undo had to keep them because they were not empty: only folders that this
        operation touched, and only undos after it, or the one that it redoes. Folders kept by an earlier undo stay: an
        undo restores the tree as its operation found it. So do folders kept by a redo: they were there before fileorg
        removed them, and an undo had made them again. This operation, or an earlier one, made the others and its undo
        removed them, before the undo of a later operation made them again.
        """
        query = f"""
WITH {BASES},
mine(base, path, absolute) AS MATERIALIZED (
    SELECT f.base, f.path, {ABSOLUTE} FROM {FOLDERS} WHERE f.operation = ?1 AND length(f.path)),
made(operation, folder, base, path, absolute) AS MATERIALIZED (
    SELECT f.operation, f.id, mine.base, mine.path, mine.absolute FROM {FOLDERS} CROSS JOIN mine
    ON mine.absolute = {ABSOLUTE} WHERE f.mode IS NULL AND f.operation <> ?1)
SELECT DISTINCT made.operation, made.folder, made.base, made.path, f.operation FROM operations o
CROSS JOIN made CROSS JOIN {FOLDERS}
WHERE made.operation = o.undoes
AND ((o.id > ?1 AND o.kind = 'undo') OR o.id = (SELECT undoes FROM operations WHERE id = ?1))
AND f.operation = o.id AND made.absolute = {ABSOLUTE} AND f.sealed_mtime_ns NOT NULL
"""
        found: dict[RecordId, MadeFolder] = {}
        for maker, folder, base, path, taker in self._queries.select(query, (operation.id,)):
            record = self._record_that_made(maker, folder)
            if record is not None and self._had_to_stay(record, taker):
                found[record] = MadeFolder(record, base, path)
        found.update((folder.record, folder) for folder, *_ in self._made_again(operation))
        return sorted(found.values(), key=lambda each: each.path, reverse=True)

    def made_again(self, operation: Operation) -> Iterator[bytes]:
        """Yield the absolute paths of the folders that this operation had made, and that undos of later operations made
        again after its own undo.
        """
        yield from (absolute for _, absolute, makers in self._made_again(operation) if operation.id in makers)

    def _made_again(self, operation: Operation) -> Iterator[tuple[MadeFolder, bytes, set[int]]]:
        """Yield the folders that undos of later operations made again although the operations that had made them, this
        one or earlier ones, were undone in between; with the absolute path and these operations.
        """
        query = f"""
WITH {BASES},
mine(base, path, absolute) AS MATERIALIZED (
    SELECT f.base, f.path, {ABSOLUTE} FROM {FOLDERS} WHERE f.operation = ?1 AND length(f.path)),
again(maker, undone, folder, base, path, absolute) AS MATERIALIZED (
    SELECT o.id, o.undoes, f.id, mine.base, mine.path, mine.absolute
    FROM operations o CROSS JOIN {FOLDERS} CROSS JOIN mine ON mine.absolute = {ABSOLUTE}
    WHERE o.id > ?1 AND o.kind = 'undo' AND o.undoes > ?1 AND f.operation = o.id AND f.mode IS NULL)
SELECT again.maker, again.folder, again.base, again.path, again.absolute, f.operation, f.id,
    EXISTS (SELECT 1 FROM operations WHERE undoes = f.operation AND id > again.undone)
FROM again CROSS JOIN {FOLDERS} WHERE {ABSOLUTE} = again.absolute AND f.operation <= ?1 AND f.mode IS NULL
"""
        first_made = defaultdict[tuple[int, int, Base, bytes, bytes], list[tuple[int, int, int]]](list)
        for *again, first, its, is_between in self._queries.select(query, (operation.id,)):
            first_made[tuple(again)].append((first, its, is_between))
        for (maker, folder, base, path, absolute), makers in first_made.items():
            undone = {first for first, _, is_between in makers if is_between}  # others' folder was another one
            record = self._record_that_made(maker, folder) if undone else None
            if record is not None and not any(self._record_that_made(*its) is not None for *its, _ in makers):
                yield MadeFolder(record, base, path), absolute, undone

    def is_made_again(self, operation: Operation, path: bytes) -> bool:
        """Return whether later operations have removed the folder at an absolute path and made it again."""
        removed = self._last_with("remove-folder", operation, path)
        return 0 < removed < self._last_with("make-folder", operation, path)

    def _last_with(self, action: str, operation: Operation, path: bytes) -> int:
        above, name = split(path)
        query = (
            f"WITH {BASES} SELECT max(r.operation) FROM {FOLDERS} JOIN records r ON r.target_folder = f.id"
            f" WHERE f.operation > ?1 AND {ABSOLUTE} = ?2 AND r.target_name = ?3 AND r.action = '{action}'"
            " AND r.operation > ?1 AND r.state = 'done'"
        )
        return self._queries.value(query, (operation.id, above, name)) or 0

    def _record_that_made(self, operation: int, folder: int) -> RecordId | None:
        query = (
            "SELECT r.id FROM folders f JOIN folders above ON above.operation = f.operation AND above.base = f.base"
            " JOIN records r ON r.target_folder = above.id WHERE f.id = ?1 AND r.operation = ?2 AND r.state = 'done'"
            " AND r.id >= (SELECT first_record FROM operations WHERE id = ?2) AND r.action = 'make-folder'"
            f" AND f.path = {MADE}"
        )
        found: RecordId | None = self._queries.value(query, (folder, operation))
        return found

    def _had_to_stay(self, record: RecordId, taker: int) -> bool:
        query = (
            "SELECT 1 FROM records WHERE id >= (SELECT first_record FROM operations WHERE id = ?1) AND operation = ?1"
            " AND reverts = ?2 AND state = 'skipped' AND reason = 'not-empty'"
        )
        return self._queries.value(query, (taker, record)) is not None
