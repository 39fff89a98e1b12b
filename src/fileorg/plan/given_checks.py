"""The checks of a given plan as a whole, after each row was checked by itself: what rows want of each other."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from fileorg.core.names import join, split, with_parents
from fileorg.core.row_problems import RowFault, RowProblem
from fileorg.plan.exchanges import MAX_CYCLE, FolderExchanges
from fileorg.plan.folder_rows import FolderRows
from fileorg.plan.given_database import VACATES

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from fileorg.core.model import Base
    from fileorg.plan.given_database import StoredRow
    from fileorg.plan.given_plan import GivenPlan
    from fileorg.storage.local.storage import LocalStorage

MAX_TOGETHER = 4096
"""The files of a folder that are moved as a whole or not at all."""
_ROUNDED_NS = 2 * 10**9
"""File systems round times to two seconds at most."""


def check_together(given: GivenPlan, trash: bytes) -> None:
    """Add what is wrong between the rows of a plan, and put those in order that wait for each other.

    Raises `OSError`.
    """
    if given.are_apart():
        return
    given.make_table()
    db = given.db
    db.execute("CREATE INDEX by_source ON rows (source)")
    db.execute("CREATE INDEX by_target ON rows (target)")
    db.execute("CREATE INDEX by_leader ON rows (leader, folder, base) WHERE leader NOT NULL")
    if db.execute("SELECT 1 FROM folders").fetchone() is not None:  # nothing else asks for the rows of a line
        db.execute("CREATE INDEX by_line ON rows (line)")
    FolderRows(given, trash).expand()
    _two_of_one_source(given)
    _two_for_one_target(given)
    _files_below_files(given)
    filled = _filled(given)
    _wait_by_key(given)
    _taken(given, filled)
    _refuse_parts(given)
    _mark_together(given)
    if given.exchanges:
        FolderExchanges(given, filled).order()
    _order(given)
    filled = _filled(given)
    stay = [each for each in db.execute("SELECT base, path FROM emptied") if given.places.key(*each) in filled]
    db.executemany("DELETE FROM emptied WHERE base = ? AND path = ?", stay)
    query = "SELECT count(*), coalesce(sum(size), 0) FROM rows WHERE NOT faulty"
    given.files, given.size_bytes = db.execute(query).fetchone()
    for table in ("emptied", "steps"):
        [subjects] = db.execute(f"SELECT coalesce(sum(is_subject), 0) FROM {table}").fetchone()
        given.files += subjects


def _filled(given: GivenPlan) -> set[tuple[Base, bytes]]:
    """Return the keys of folders that something enters, and of those above them: they stay, whatever leaves them."""
    db = given.db
    if db.execute("SELECT 1 FROM emptied LIMIT 1").fetchone() is None:
        return set()
    query = "SELECT base, path FROM made UNION SELECT to_base, to_folder FROM rows WHERE NOT faulty"
    return {given.places.key(base, folder) for base, path in db.execute(query) for folder in with_parents(path)}


def _two_of_one_source(given: GivenPlan) -> None:
    query = "SELECT source FROM rows GROUP BY source HAVING count(*) > 1"  # answered by the index alone
    for (digest,) in given.db.execute(query).fetchall():
        for _, some in groupby(
            sorted(given.stored("source = ?", (digest,)), key=lambda row: (row.base, row.path)),
            lambda row: (row.base, row.path),
        ):
            rows = sorted(some, key=lambda row: row.id)
            is_moved = any(row.vacates for row in rows)
            for row, other in zip(rows[1:], rows[:-1], strict=True) if is_moved else ():
                given.fail_row(row, RowFault.TWO_ROWS, row.path, other.line)
            if len(rows) > 1 and is_moved:
                given.db.execute("UPDATE rows SET faulty = 1 WHERE id = ?", (rows[0].id,))


def _two_for_one_target(given: GivenPlan) -> None:
    query = "SELECT target FROM rows GROUP BY target HAVING count(*) > 1"  # answered by the index alone
    for (digest,) in given.db.execute(query).fetchall():
        rows = sorted(given.stored("target = ? AND NOT faulty", (digest,)), key=lambda row: row.id)
        if len(rows) < 2:
            continue
        first = rows[0]
        path = join(first.to_folder, first.to_name)
        same = [
            row
            for row in rows[1:]
            if given.places.is_same(row.to_base, join(row.to_folder, row.to_name), first.to_base, path)
        ]
        for row in same:
            given.fail_row(row, RowFault.TWICE, join(row.to_folder, row.to_name), first.line)
        if same:
            given.db.execute("UPDATE rows SET faulty = 1 WHERE id = ?", (first.id,))


def _files_below_files(given: GivenPlan) -> None:
    """Refuse rows whose target is a folder for other rows."""
    query = (
        "SELECT missing.base, missing.path, missing.line, rows.id FROM missing CROSS JOIN rows"
        " ON rows.target = missing.digest WHERE NOT rows.faulty"
    )
    for base, path, line, number in given.db.execute(query).fetchall():
        for row in given.stored("id = ?", (number,)):
            if given.places.is_same(row.to_base, join(row.to_folder, row.to_name), base, path):
                given.fail_row(row, RowFault.BELOW_A_FILE, path, line)


def _wait_by_key(given: GivenPlan) -> None:
    """Have rows wait also for names that are the same by their key, though the disk tells them apart: exFAT lists both
    forms of an accented letter. Otherwise a cycle of such names would seem to have a beginning.
    """
    if not given.places.folding:
        return
    query = "NOT occupied AND NOT faulty AND source != target AND target IN (SELECT source FROM rows)"
    waiting = [(row.id,) for row in given.stored(query) if given.row_before(row) is not None]
    given.db.executemany("UPDATE rows SET occupied = 1 WHERE id = ?", waiting)


def _taken(given: GivenPlan, filled: Container[tuple[Base, bytes]]) -> None:
    """Refuse rows whose target has a name that no other row takes away, and those that wait for them."""
    ids = given.db.execute("SELECT id FROM rows WHERE occupied AND NOT faulty ORDER BY id")
    for (number,) in ids.fetchall():
        for row in given.stored("id = ? AND NOT faulty", (number,)):
            waits_for = given.row_before(row)
            target = join(row.to_folder, row.to_name)
            if waits_for is None:
                is_folder = given.is_emptied(row.to_base, target)
                if is_folder and given.places.key(row.to_base, target) not in filled:
                    given.exchanges.add(row.line)
                    continue
                given.fail_row(row, RowFault.FILE_FOR_FOLDER if is_folder else RowFault.TAKEN, target)
            elif _looks_alike(given, row, waits_for):
                given.fail_row(row, RowFault.LOOKS_ALIKE, target)
            else:
                continue
            _block(given, row)


def _block(given: GivenPlan, row: StoredRow) -> list[int]:
    """Refuse the rows that wait for one that is not done, and return their lines."""
    lines, current = list[int](), row
    while (waiting := given.row_after(current)) is not None:
        given.fail_row(waiting, RowFault.NOT_VACATED, join(waiting.to_folder, waiting.to_name), current.line)
        lines.append(waiting.line)
        current = waiting
    return lines


def _looks_alike(given: GivenPlan, row: StoredRow, other: StoredRow) -> bool:
    """Return whether only their names tell two files apart: after a crash, nobody could say which one has the name of
    `other`. So it is with two names of one file (hard links); and a copy may have lost the fractions of its time.
    """
    if (row.dev, row.inode) == (other.dev, other.inode):
        return True
    if not given.places.stores.isdisjoint({row.base, other.base}):
        storages = given.trees[row.base].storage, given.trees[other.base].storage
        return row.size == other.size and _may_be_copies(storages[0], row, storages[1], other)
    rounded = _ROUNDED_NS if row.dev != other.dev else 0
    alike = row.size == other.size and abs(row.mtime_ns - other.mtime_ns) <= rounded
    return alike and not given.trees[other.base].storage.has_stable_inodes(other.folder)


def _may_be_copies(storage: LocalStorage, row: StoredRow, other_storage: LocalStorage, other: StoredRow) -> bool:
    """Return whether two files have the same content: recovery takes an object with the content of another one for its
    copy.
    """
    from fileorg.content.identical import same_bytes  # only in stores

    try:
        with (
            storage.open_read(row.folder, row.name) as one,
            other_storage.open_read(other.folder, other.name) as two,
        ):
            return same_bytes(one, two, row.size)
    except OSError:
        return True


def _refuse_parts(given: GivenPlan) -> None:
    """Refuse the other rows of a folder or a group of which a row is refused, until no more are."""
    while _refuse_torn_groups(given) + _refuse_parts_of_folders(given):
        pass


def _refuse_parts_of_folders(given: GivenPlan) -> int:
    """Refuse all rows of a folder if one is refused, or if what is in it with a row of its own is; and the folder that
    would get its name. Return how many folders are.
    """
    db, refused = given.db, 0
    if db.execute("SELECT 1 FROM folders").fetchone() is None:
        return 0
    query = (
        "SELECT line FROM folders WHERE line IN (SELECT line FROM problems)"
        " OR line IN (SELECT line FROM rows WHERE faulty)"
    )
    waiting = [*given.repeated, *(line for (line,) in db.execute(query))]
    inside = f"SELECT base, folder, min(line) FROM rows WHERE faulty AND {VACATES} GROUP BY base, folder"
    for base, folder, number in db.execute(inside).fetchall():
        waiting += _lines_around(given, base, folder, number)
    while waiting:
        line = waiting.pop()
        folder = db.execute("SELECT base, folded, path FROM folders WHERE line = ?", (line,)).fetchone()
        if folder is None:  # it was refused before, or the line is about a file
            continue
        base, folded, path = folder
        given.leave_out(line)
        waiting += _lines_around(given, base, split(path)[0], line)
        refused += 1
        for row in list(given.stored("line = ? AND NOT faulty", (line,))):
            db.execute("UPDATE rows SET faulty = 1 WHERE id = ?", (row.id,))
            waiting += _block(given, row)
        followed = (
            "SELECT line, path, to_path FROM folders WHERE to_base = ? AND to_folded = ? AND action = 'move'"
            " AND line NOT IN (SELECT line FROM problems)"
        )
        for other, its_path, to_path in db.execute(followed, (base, folded)).fetchall():
            given.fail(RowProblem(other, RowFault.NOT_VACATED, its_path, to_path, line))
            waiting.append(other)
    return refused


def _lines_around(given: GivenPlan, base: Base, folder: bytes, line: int) -> list[int]:
    """Return the lines of a folder and those above it, which cannot be moved because of a line that is refused."""
    lines = [each for above in with_parents(folder) for each in given.lines_of_folder(base, above)]
    for each in lines:
        if each != line:
            given.fail_with(each, line)
    return lines


def _refuse_torn_groups(given: GivenPlan) -> int:
    """Refuse rows that tear files apart that belong together. Return how many are."""
    refused = 0
    for rows, members, leader in _groups(given):
        missing = next((name for name in members if name not in {row.name for row in rows}), None)
        if missing is None and len({(row.action, row.to_base, row.to_folder) for row in rows}) == 1:
            if _keeps_stems(rows, leader):
                continue
            missing = leader
        for row in rows:
            other = next((name for name in members if name != row.name), b"") if missing is None else missing
            given.fail_row(row, RowFault.TEARS_GROUP, leader if other == row.name else other)
            _block(given, row)
        refused += len(rows)
    return refused


def _groups(given: GivenPlan) -> Iterator[tuple[list[StoredRow], Sequence[bytes], bytes]]:
    """Yield the rows of files that belong together, the names of all such files, and that of their leader."""
    query = "SELECT DISTINCT base, folder, leader FROM rows WHERE leader NOT NULL AND NOT faulty"
    groups: list[tuple[Base, bytes, bytes]] = given.db.execute(query).fetchall()
    for group in groups:
        rows = list(given.stored("base = ? AND folder = ? AND leader = ? AND NOT faulty ORDER BY id", group))
        yield rows, given.members_of(*group), group[2]


def _mark_together(given: GivenPlan) -> None:
    """Have groups and folders done as a whole, unless they are too many, or a name in them must become free first."""
    db = given.db
    for rows, _, _ in _groups(given):
        if not any(row.occupied for row in rows) and len(rows) > 1:
            db.executemany("UPDATE rows SET together = ? WHERE id = ?", [(rows[0].id, row.id) for row in rows])
    for (line,) in db.execute("SELECT line FROM folders ORDER BY line").fetchall():
        facts = "SELECT count(*), coalesce(sum(occupied), 0), min(id) FROM rows WHERE line = ?"
        rows, occupied, first = db.execute(facts, (line,)).fetchone()
        if 1 < rows <= MAX_TOGETHER and not occupied:
            db.execute("UPDATE rows SET together = ? WHERE line = ?", (first, line))
            # Files that belong to those in the folder may have rows of their own.
            theirs = "SELECT DISTINCT base, folder, leader FROM rows WHERE line = ? AND leader NOT NULL"
            for group in db.execute(theirs, (line,)).fetchall():
                whole = "UPDATE rows SET together = ? WHERE base = ? AND folder = ? AND leader = ? AND together"
                db.execute(whole, (first, *group))


def _keeps_stems(rows: list[StoredRow], leader: bytes) -> bool:
    """Return whether files named after their leader are named after it again."""
    own = next((row for row in rows if row.name == leader), None)
    if own is None:
        return True
    stem, new = leader.rpartition(b".")[0] or leader, own.to_name.rpartition(b".")[0] or own.to_name
    return all(row.to_name.startswith(new) for row in rows if row.name.startswith(stem))


def _begun_on_one_disk(cycle: list[StoredRow]) -> list[StoredRow]:
    """Return a cycle, in which each row gets the name of the one before it, so that it begins with a file that stays on
    its disk if there is one: the first one goes through a temporary name, and each other file is moved once.
    """
    at = next((at for at, row in enumerate(cycle) if row.dev == cycle[at - 1].dev), 0)
    return cycle[at:] + cycle[:at]


def _cycle_fault(given: GivenPlan, cycle: list[StoredRow]) -> RowFault | None:
    """Return why the names of a cycle cannot be exchanged, None if they can."""
    if len(cycle) > MAX_CYCLE:
        return RowFault.CYCLE_TOO_LONG
    bases = {base for row in cycle for base in (row.base, row.to_base)}
    if len(bases) > 1 and not given.places.stores.isdisjoint(bases):
        return RowFault.CYCLE_IN_STORE
    for at, row in enumerate(cycle):
        if row.dev != cycle[at - 1].dev:
            there = given.trees[row.base].storage.lstat(row.folder, row.name)
            if there is None or there.nlink > 1 or not there.is_file:
                return RowFault.CYCLE_ON_DISKS
    return None


def _order(given: GivenPlan) -> None:
    """Put rows in order whose target is free only after another row: first the paths, from their ends, then the cycles,
    each with a temporary name for one of its files.
    """
    db = given.db
    insert = "INSERT INTO ordered (row, together, step) VALUES (?, ?, ?)"
    waiting = (
        "SELECT id FROM rows WHERE occupied AND NOT faulty AND id NOT IN (SELECT row FROM steps WHERE row NOT NULL)"
    )
    ids = db.execute(f"{waiting} ORDER BY id").fetchall()
    if not ids:
        return
    for (number,) in ids:
        [row] = given.stored("id = ?", (number,))
        before = given.row_before(row)
        if before is not None and not before.occupied:
            current: StoredRow | None = row
            while current is not None:
                db.execute(insert, (current.id, 0, 0))
                current = given.row_after(current)
    query = f"{waiting} AND id NOT IN (SELECT row FROM ordered) ORDER BY id"
    for (number,) in db.execute(query).fetchall():
        if db.execute("SELECT 1 FROM ordered WHERE row = ?", (number,)).fetchone() is not None:
            continue
        [first] = given.stored("id = ?", (number,))
        cycle, current = [first], given.row_after(first)
        while current is not None and current.id != first.id and len(cycle) <= MAX_CYCLE:
            cycle.append(current)
            current = given.row_after(current)
        fault = _cycle_fault(given, cycle)
        if fault is not None:
            given.fail_row(first, fault, b"", MAX_CYCLE)
            for each in cycle[1:]:
                given.fail_row(each, RowFault.PART_REFUSED, b"", first.line)
            continue
        # The first one makes room with a temporary name, and takes its own name last.
        first, *others = _begun_on_one_disk(cycle)
        db.executemany(insert, [(each.id, first.id, each is first) for each in (*others, first)])
