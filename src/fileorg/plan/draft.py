"""The data of a plan beside the index: the target of each file, and the owner of each contested name.

Kept on disk, not in memory: 14 bytes a file, and a row for each of the few files whose name is contested.
"""

from __future__ import annotations

from array import array
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.scratch import scratch
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fileorg.core.model import Base

_SCHEMA = """
CREATE TABLE places (
    folder BLOB NOT NULL, sequence INTEGER NOT NULL, categories BLOB NOT NULL, targets BLOB NOT NULL,
    digests BLOB NOT NULL, PRIMARY KEY (folder, sequence));
CREATE TABLE followers (
    folder BLOB NOT NULL, leader BLOB NOT NULL, name BLOB NOT NULL, category INTEGER NOT NULL, target INTEGER NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, inode INTEGER NOT NULL, mode INTEGER NOT NULL,
    new_name BLOB NOT NULL, PRIMARY KEY (folder, leader, name)) WITHOUT ROWID;
CREATE INDEX followers_by_name ON followers (folder, name);
CREATE TABLE claims (
    folder BLOB NOT NULL, key BLOB NOT NULL, family BLOB NOT NULL, number INTEGER NOT NULL,
    on_disk INTEGER NOT NULL, at_folder BLOB NOT NULL, at_name BLOB NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, content_size INTEGER NOT NULL, plan INTEGER NOT NULL, start BLOB, whole BLOB,
    PRIMARY KEY (folder, key)) WITHOUT ROWID;
CREATE INDEX claims_by_number ON claims (folder, family, number);
CREATE INDEX claims_by_content ON claims (folder, family, content_size, start, whole, number);
CREATE TABLE symlinks (
    to_folder BLOB NOT NULL, to_name BLOB NOT NULL, folder BLOB NOT NULL, name BLOB NOT NULL, inode INTEGER NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, mode INTEGER NOT NULL, base INTEGER NOT NULL, stays TEXT,
    PRIMARY KEY (to_folder, to_name, base, folder, name)) WITHOUT ROWID;
CREATE TABLE decisions (
    source_folder BLOB NOT NULL, source_name BLOB NOT NULL, target_name BLOB NOT NULL,
    reason TEXT, about BLOB, number INTEGER, displaced_mtime_ns INTEGER, category TEXT NOT NULL, size INTEGER NOT NULL,
    wanted_name BLOB NOT NULL, PRIMARY KEY (source_folder, source_name)) WITHOUT ROWID;
"""
NO_NAMES: Mapping[int, bytes] = MappingProxyType({})
_CLAIM = "folder, key, family, number, on_disk, at_folder, at_name, size, mtime_ns, content_size, plan"
_PUT = f"INSERT OR REPLACE INTO claims ({_CLAIM}, start, whole) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_FAMILY = "folder = ? AND family = ? AND content_size = ?"
_BY_CONTENT = "claims INDEXED BY claims_by_content"
_CLAIMS_AT_ONCE = 256
_FAMILIES_KNOWN = 20_000
"""Families of which is kept in memory what would be asked again for each of their files: at most some 5 MB."""
_FOLLOWER = "leader, name, category, target, size, mtime_ns, inode, mode, new_name"


class Claim(NamedTuple):
    """A name in a target folder and the file that has it: on disk, or planned from elsewhere.

    `key` must differ between any two names; `family` is the key of the name before it was numbered. `content_size` is
    the size of the file, or of the file that a link leads to; -1 if there is no content to compare. `plan` is the
    number of the plan that made the claim: a planned file is in its source, one on disk in its target.
    """

    folder: bytes
    key: bytes
    family: bytes
    number: int
    on_disk: bool
    at_folder: bytes
    at_name: bytes
    size: int
    mtime_ns: int
    content_size: int
    plan: int = 0


class NameFamily(NamedTuple):
    """The claims in a target folder whose names differ only by a number, and whose contents have one size."""

    folder: bytes
    family: bytes
    content_size: int


class Decision(NamedTuple):
    """The decision on a file whose name is contested. With a reason, the file is skipped.

    `displaced_mtime_ns` is the time of an older file on disk that has the name and is displaced.
    """

    target_name: bytes
    reason: Reason | None = None
    displaced_mtime_ns: int | None = None

    def columns(self) -> tuple[bytes, str | None, bytes | None, int | None, int | None]:
        """Return the columns of the draft."""
        code, about, number = (None, None, None) if self.reason is None else self.reason[:3]
        return self.target_name, code, about, number, self.displaced_mtime_ns


class Follower(NamedTuple):
    """A sidecar that is moved with the file `leader` of the same folder. Category and target as in `Places`."""

    leader: bytes
    name: bytes
    category: int
    target: int
    size: int
    mtime_ns: int
    inode: int = 0
    mode: int = 0
    new_name: bytes = b""
    """Its name at the target; empty if it keeps its own."""


class Symlink(NamedTuple):
    """A symlink to a file that may be moved, and the reason not to rewrite it, if any. `base` is that of its folder."""

    folder: bytes
    name: bytes
    inode: int
    size: int
    mtime_ns: int
    mode: int
    base: Base
    stays: ReasonCode | None


class Places(NamedTuple):
    """The category and the target folder of each file of an index batch, and a digest of its name there.

    Categories and targets are numbers assigned by the plan. `followers` has the sidecars, and `names` the new names of
    files that do not keep their own, by position.
    """

    categories: array[int]
    targets: array[int]
    digests: array[int]
    followers: dict[int, Follower]
    names: Mapping[int, bytes] = NO_NAMES


class Draft:
    """A private database that SQLite deletes when it is closed, however the process ends."""

    def __init__(self) -> None:
        self._db = scratch(_SCHEMA)
        self.has_followers = False
        self.has_symlinks = False
        self._leaders: tuple[bytes, set[bytes]] | None = None
        self._highest: dict[tuple[bytes, bytes], int] = {}
        self._with_starts: set[NameFamily] = set()

    def add_places(self, folder: bytes, sequence: int, places: Places) -> None:
        """Add the places of a batch of the index."""
        self._db.execute(
            "INSERT INTO places (folder, sequence, categories, targets, digests) VALUES (?, ?, ?, ?, ?)",
            (folder, sequence, places.categories.tobytes(), places.targets.tobytes(), places.digests.tobytes()),
        )
        if places.followers:
            self.has_followers, self._leaders = True, None
            rows = ((folder, *follower) for follower in places.followers.values() if follower.target)
            self._db.executemany("INSERT OR IGNORE INTO followers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def has_places(self, folder: bytes, sequence: int) -> bool:
        """Return whether the places of a batch were added."""
        query = "SELECT 1 FROM places WHERE folder = ? AND sequence = ?"
        return self._db.execute(query, (folder, sequence)).fetchone() is not None

    def places(self) -> Iterator[Places]:
        """Yield the added places, in the order of the batches in the index; without the sidecars."""
        rows = self._db.execute("SELECT categories, targets, digests FROM places ORDER BY folder, sequence")
        for categories, targets, digests in rows:
            yield Places(array("B", categories), array("I", targets), array("Q", digests), {})

    def followers(self, folder: bytes, leader: bytes) -> list[Follower]:
        """Return the sidecars of a file."""
        query = f"SELECT {_FOLLOWER} FROM followers WHERE folder = ? AND leader = ?"
        return [Follower(*row) for row in self._db.execute(query, (folder, leader))]

    def leaders(self, folder: bytes) -> set[bytes]:
        """Return the files of a folder that have sidecars. Kept for the last folder, which may have many batches."""
        if self._leaders is None or self._leaders[0] != folder:
            query = "SELECT DISTINCT leader FROM followers WHERE folder = ?"
            self._leaders = folder, {leader for (leader,) in self._db.execute(query, (folder,))}
        return self._leaders[1]

    def follows(self, folder: bytes, name: bytes) -> bool:
        """Return whether the file is a sidecar of another one."""
        query = "SELECT 1 FROM followers WHERE folder = ? AND name = ?"
        return self._db.execute(query, (folder, name)).fetchone() is not None

    def add_symlinks(self, symlinks: Iterable[tuple[bytes, bytes, Symlink]]) -> None:
        """Add symlinks, each as (folder of its target, name of its target, symlink), by which it is looked up."""
        rows = [(folder, name, *symlink) for folder, name, symlink in symlinks]
        self.has_symlinks |= bool(rows)
        self._db.executemany("INSERT OR REPLACE INTO symlinks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def led_to(self, folder: bytes, limit: int) -> set[bytes] | None:
        """Return the names in a folder that symlinks lead to; None if they are more than `limit`."""
        query = "SELECT DISTINCT to_name FROM symlinks WHERE to_folder = ? LIMIT ?"
        names = {name for (name,) in self._db.execute(query, (folder, limit + 1))}
        return names if len(names) <= limit else None

    def symlinks_to(self, folder: bytes, name: bytes) -> Iterator[Symlink]:
        query = (
            "SELECT folder, name, inode, size, mtime_ns, mode, base, stays FROM symlinks"
            " WHERE to_folder = ? AND to_name = ?"
        )
        for row in self._db.execute(query, (folder, name)):
            yield Symlink._make((*row[:-1], None if row[-1] is None else ReasonCode(row[-1])))

    def put(self, claim: Claim, start: bytes | None = None, whole: bytes | None = None) -> None:
        """Insert a claim, which replaces a claim on the same name, with the known digests of its content."""
        self._db.execute(_PUT, (*claim, start, whole))
        family = claim.folder, claim.family
        if claim.number > self._highest.get(family, claim.number):
            self._highest[family] = claim.number
        if start is None:
            self._with_starts.discard(NameFamily(*family, claim.content_size))

    def drop(self, folder: bytes, key: bytes) -> None:
        """Delete a claim."""
        self._highest.clear()
        self._with_starts.clear()
        self._db.execute("DELETE FROM claims WHERE folder = ? AND key = ?", (folder, key))

    def owner(self, folder: bytes, key: bytes) -> Claim | None:
        row = self._db.execute(f"SELECT {_CLAIM} FROM claims WHERE folder = ? AND key = ?", (folder, key)).fetchone()
        return Claim(*row) if row else None

    def some(
        self, family: NameFamily, limit: int, start: bytes | None = None, whole: bytes | None = None
    ) -> list[Claim]:
        """Return up to `limit` claims of a family: of all, or the lowest numbers of those with these digests."""
        where, values = _FAMILY, [*family]
        for column, digest in (("start", start), ("whole", whole)):
            if digest is not None:
                where += f" AND {column} = ?"
                values.append(digest)
        # The order of the index: by number among claims with the same digests.
        query = f"SELECT {_CLAIM} FROM {_BY_CONTENT} WHERE {where} ORDER BY start, whole, number LIMIT ?"
        return [Claim(*row) for row in self._db.execute(query, (*values, limit))]

    def digest_starts(self, family: NameFamily, digest: Callable[[Claim], bytes]) -> None:
        """Add the missing digests of starts."""
        self._digest("start", f"{_FAMILY} AND start IS NULL", family, digest)
        if len(self._with_starts) >= _FAMILIES_KNOWN:
            self._with_starts.clear()
        self._with_starts.add(family)

    def has_starts(self, family: NameFamily) -> bool:
        """Return whether the claims of a family are known to be several, all with the digests of their starts."""
        return family in self._with_starts

    def digest_contents(self, family: NameFamily, start: bytes, digest: Callable[[Claim], bytes]) -> None:
        """Add the missing digests of whole contents, for claims with the same start."""
        self._digest("whole", f"{_FAMILY} AND start = ? AND whole IS NULL", (*family, start), digest)

    def _digest(self, column: str, where: str, values: Sequence[bytes | int], digest: Callable[[Claim], bytes]) -> None:
        query = f"SELECT {_CLAIM} FROM {_BY_CONTENT} WHERE {where} LIMIT {_CLAIMS_AT_ONCE}"
        while rows := self._db.execute(query, values).fetchall():
            claims = [Claim(*row) for row in rows]
            self._db.executemany(
                f"UPDATE claims SET {column} = ? WHERE folder = ? AND key = ?",
                [(digest(claim), claim.folder, claim.key) for claim in claims],
            )

    def highest(self, folder: bytes, family: bytes) -> int:
        """Return the highest number of a family, 1 if it has none."""
        known = self._highest.get((folder, family))
        if known is None:
            row = self._db.execute("SELECT max(number) FROM claims WHERE folder = ? AND family = ?", (folder, family))
            if len(self._highest) >= _FAMILIES_KNOWN:
                self._highest.clear()
            known = self._highest[folder, family] = int(row.fetchone()[0] or 1)
        return known

    def record_decision(
        self, folder: bytes, name: bytes, category: str, size: int, decision: Decision, wanted_name: bytes
    ) -> None:
        """Add the decision on the source file `name` of `folder`, which is to be called `wanted_name`."""
        self._db.execute(
            "INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (folder, name, *decision.columns(), category, size, wanted_name),
        )

    def revise(self, folder: bytes, name: bytes, decision: Decision) -> None:
        """Change a decision."""
        self._db.execute(
            "UPDATE decisions SET target_name = ?, reason = ?, about = ?, number = ?, displaced_mtime_ns = ?"
            " WHERE source_folder = ? AND source_name = ?",
            (*decision.columns(), folder, name),
        )

    def renamed(self) -> int:
        """Return how many files get a number added to their name."""
        query = "SELECT count(*) FROM decisions WHERE reason IS NULL AND target_name <> wanted_name"
        return int(self._db.execute(query).fetchone()[0])

    def skipped(self) -> list[tuple[str, int, int]]:
        """Return (category, files, bytes) of the files that are skipped for a reason."""
        query = "SELECT category, count(*), sum(size) FROM decisions WHERE reason NOT NULL GROUP BY category"
        return self._db.execute(query).fetchall()

    def refused(self) -> list[tuple[bytes, bytes]]:
        """Return (folder, name) of the files whose name is taken by other content."""
        query = "SELECT source_folder, source_name FROM decisions WHERE reason = ? ORDER BY 1, 2"
        return self._db.execute(query, (ReasonCode.NAME_TAKEN,)).fetchall()

    def decision(self, source_folder: bytes, source_name: bytes) -> Decision | None:
        row = self._db.execute(
            "SELECT target_name, reason, about, number, displaced_mtime_ns FROM decisions"
            " WHERE source_folder = ? AND source_name = ?",
            (source_folder, source_name),
        ).fetchone()
        if row is None:
            return None
        target_name, code, about, number, displaced_mtime_ns = row
        reason = None if code is None else Reason(ReasonCode(code), about, number)
        return Decision(target_name, reason, displaced_mtime_ns)

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
