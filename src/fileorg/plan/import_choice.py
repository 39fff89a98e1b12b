"""The files of a card that an import copies: each missing content once, and a group as a whole with its main file.

A sidecar whose main file is in the destination already is copied alone, and so is a picture whose raw file is: they get
the number that the other one has there. A folder that is kept whole, such as a project,
is copied as a whole if any content in it is missing, and its files keep their folders.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Self

from fileorg.content.keeper import looks_like_a_copy
from fileorg.core.memo import MANY_FOLDERS, Memo
from fileorg.core.names import join, split, with_parents
from fileorg.core.scratch import scratch
from fileorg.index.digest_columns import FULL_WIDTH
from fileorg.rules.grouping import stem_end
from fileorg.rules.whole_folders import is_bundle
from fileorg.scan.whole import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from fileorg.content.comparison import Comparison
    from fileorg.core.scratch import Scratch
    from fileorg.index.columns import FileBatch
    from fileorg.index.digest_columns import Digested
    from fileorg.plan.draft import Follower, Places
    from fileorg.plan.placing import Placer
    from fileorg.storage.local.storage import LocalStorage

_SCHEMA = """
CREATE TABLE contents (content BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE leaders (
    folder BLOB NOT NULL, name BLOB NOT NULL, goes INTEGER NOT NULL, place BLOB, stem BLOB, number BLOB,
    PRIMARY KEY (folder, name)) WITHOUT ROWID;
CREATE TABLE renamed (folder BLOB NOT NULL, name BLOB NOT NULL, new_name BLOB NOT NULL, PRIMARY KEY (folder, name))
    WITHOUT ROWID;
CREATE TABLE chosen (batch BLOB PRIMARY KEY, positions BLOB NOT NULL) WITHOUT ROWID;
"""
_NO_DIGEST = bytes(FULL_WIDTH)
_NUMBER = re.compile(rb" \([0-9]+\)")


class ImportChoice:
    """The chosen files, in a private database: nothing here grows with the number of files."""

    def __init__(
        self,
        found: Comparison,
        source: LocalStorage,
        above: bytes,
        taken: Callable[[FileBatch], Sequence[int]] | None = None,
        *,
        keeps_numbers: bool = True,
    ) -> None:
        """`taken` returns the positions of the files that may be copied, by default all. Folders that are kept whole
        are made in the folder `above`. `keeps_numbers`: a file gets the number that its main file has there.
        """
        self._keeps_numbers, self._has_numbers = keeps_numbers, False
        self._source, self._above = source, above
        self._db: Scratch = scratch(_SCHEMA)
        self._is_kept_whole: Memo[bytes, bool] = Memo(MANY_FOLDERS)
        self._choose_kept_whole(found, taken)
        self._choose_leaders(found)
        self._choose_followers(found, taken)

    def _choose_kept_whole(self, found: Comparison, taken: Callable[[FileBatch], Sequence[int]] | None) -> None:
        """Choose all files of the folders that are kept whole and miss something."""
        folders = {whole for _, known, missing in found.batches() if missing for whole in self._whole_of(known.batch)}
        for _, known, missing in found.batches() if folders else ():
            if not folders.isdisjoint(self._whole_of(known.batch)):
                for at in missing:
                    self._is_first(known, at)
                self._add(known.fingerprint, range(known.batch.files) if taken is None else taken(known.batch))

    def _choose_leaders(self, found: Comparison) -> None:
        """Choose among the files that follow no other one."""
        for _, known, _ in found.batches():
            batch = known.batch
            rows = {(batch.folder, leader) for leader in (*batch.followers().values(), *batch.raws().values())}
            self._db.executemany("INSERT OR IGNORE INTO leaders (folder, name, goes) VALUES (?, ?, 0)", rows)
        for _, known, missing in found.batches():
            if not missing or self._positions(known.fingerprint):
                continue  # the files of a whole folder are chosen already
            followers = known.batch.followers()
            names, folder = known.batch.split_names(), known.batch.folder
            leading = (at for at in missing if at not in followers)
            originals_first = sorted(leading, key=lambda at: looks_like_a_copy(names[at]))
            goes = sorted(at for at in originals_first if self._is_first(known, at))
            if goes:
                leads = ((folder, names[at]) for at in goes)
                self._db.executemany("UPDATE leaders SET goes = 1 WHERE folder = ? AND name = ?", leads)
                self._add(known.fingerprint, goes)
        if self._keeps_numbers and self._db.execute("SELECT 1 FROM leaders LIMIT 1").fetchone() is not None:
            self._note_numbers(found)

    def _note_numbers(self, found: Comparison) -> None:
        """Note the numbers that leaders have in the destination."""
        for _, known, missing in found.batches():
            batch, absent = known.batch, set(missing)
            query = "SELECT name FROM leaders WHERE folder = ? AND NOT goes"
            leaders = {name for (name,) in self._db.execute(query, (batch.folder,))}
            for at, name in enumerate(batch.split_names()) if leaders else ():
                if name not in leaders or at in absent or (place := found.place_of(known, at)) is None:
                    continue
                tree, folder, there = place
                stem = name[: stem_end(name)]
                number = there[len(stem) : len(there) - len(name) + len(stem)]
                if tree == 0 and there == stem + number + name[len(stem) :] and _NUMBER.fullmatch(number):
                    self._db.execute(
                        "UPDATE leaders SET place = ?, stem = ?, number = ? WHERE folder = ? AND name = ?",
                        (folder, stem, number, batch.folder, name),
                    )
                    self._has_numbers = True

    def _choose_followers(self, found: Comparison, taken: Callable[[FileBatch], Sequence[int]] | None) -> None:
        for _, known, missing in found.batches():
            batch, absent = known.batch, set(missing)
            followers = batch.followers()
            if not followers or self._whole_folder(batch.folder) is not None:
                continue
            may_go = followers.keys() if taken is None else followers.keys() & set(taken(batch))
            goes = [
                at
                for at in sorted(may_go)
                if self._goes(batch.folder, followers[at]) or (at in absent and self._is_first(known, at))
            ]
            if goes:
                self._add(known.fingerprint, sorted({*self._positions(known.fingerprint), *goes}))

    def _is_first(self, known: Digested, at: int) -> bool:
        """Return whether no file with this content was chosen before. A content without a digest occurs once, under one
        or several names: hard links are not read.
        """
        content = known.full_digests[at * FULL_WIDTH : (at + 1) * FULL_WIDTH] or _NO_DIGEST
        if content == _NO_DIGEST:
            batch = known.batch
            if batch.nlinks[at] < 2 or not self._source.has_stable_inodes(batch.folder):
                return True
            content = b"%d %d" % (batch.dev, batch.inodes[at])
        return self._db.execute("INSERT OR IGNORE INTO contents VALUES (?)", (content,)).rowcount == 1

    def _goes(self, folder: bytes, leader: bytes) -> bool:
        row = self._db.execute("SELECT goes FROM leaders WHERE folder = ? AND name = ?", (folder, leader)).fetchone()
        return row is not None and bool(row[0])

    def _add(self, batch: bytes, positions: Sequence[int]) -> None:
        self._db.execute("INSERT OR REPLACE INTO chosen VALUES (?, ?)", (batch, array("H", positions).tobytes()))

    def _positions(self, batch: bytes) -> array[int]:
        row = self._db.execute("SELECT positions FROM chosen WHERE batch = ?", (batch,)).fetchone()
        return array("H", b"" if row is None else row[0])

    # The plan ---------------------------------------------------------------------------------------------------------

    def adjusted(self, batch: FileBatch, places: Places, placer: Placer) -> Places:
        """Return the places of only the chosen files. A follower has its leader's folder, also if that stays."""
        chosen = self._positions(batch.fingerprint)
        targets, digests = array("I", bytes(4 * batch.files)), array("Q", bytes(8 * batch.files))
        whole_folder = self._whole_folder(batch.folder) if chosen else None
        number = 0
        if whole_folder is not None:
            inside = batch.folder[len(split(whole_folder)[0]) :].lstrip(b"/")
            number = placer.number_of(join(self._above, inside) if self._above else inside)
        names = batch.split_names() if number or self._has_numbers else []
        for at in chosen:
            targets[at] = number or places.targets[at]
            digests[at] = placer.digest(number, names[at]) if number else places.digests[at]
        leaders, raws = batch.followers(), batch.raws()
        followers: dict[int, Follower] = {}
        for at, follower in places.followers.items():
            if targets[at] and number:
                followers[at] = follower._replace(target=number, new_name=b"")
            elif targets[at]:
                possible = (follower.leader, leaders.get(at))  # the raw file of a picture may be there already
                going = next((name for name in possible if name and self._goes(batch.folder, name)), None)
                if going is not None:
                    followers[at] = follower._replace(leader=going)
        new_names = {} if number else {at: name for at, name in places.names.items() if targets[at]}
        for at in chosen if self._has_numbers and not number else ():
            leader = raws.get(at) or leaders.get(at)
            new_name = leader and self._numbered(batch.folder, names[at], leader, placer.targets[targets[at]])
            if new_name:
                new_names[at], digests[at] = new_name, placer.digest(targets[at], new_name)
                self._db.execute("INSERT OR REPLACE INTO renamed VALUES (?, ?, ?)", (batch.folder, names[at], new_name))
                if at in followers:
                    followers[at] = followers[at]._replace(new_name=new_name)
        return places._replace(targets=targets, digests=digests, followers=followers, names=new_names)

    def _numbered(self, folder: bytes, name: bytes, leader: bytes, target: bytes) -> bytes:
        """Return a name with the number that its leader has in the target folder; empty if it has none there."""
        query = "SELECT stem, number FROM leaders WHERE folder = ? AND name = ? AND place = ?"
        for stem, number in self._db.execute(query, (folder, leader, target)):
            if name.startswith(stem):
                return bytes(stem + number + name[len(stem) :])
        return b""

    def new_name(self, folder: bytes, name: bytes) -> bytes:
        """Return the name that a file of the plan gets because another one has its number; empty for its own."""
        query = "SELECT new_name FROM renamed WHERE folder = ? AND name = ?"
        row = self._db.execute(query, (folder, name)).fetchone() if self._has_numbers else None
        return b"" if row is None else bytes(row[0])

    def _whole_folder(self, folder: bytes) -> bytes | None:
        """Return the uppermost folder kept whole that is this folder or holds it, None if there is none."""
        return next((above for above in with_parents(folder) if self._is_whole(above)), None)

    def _whole_of(self, batch: FileBatch) -> set[bytes]:
        """Return the same in a set, which is empty if there is none."""
        found = self._whole_folder(batch.folder)
        return set() if found is None else {found}

    def _is_whole(self, folder: bytes) -> bool:
        if folder not in self._is_kept_whole:
            try:
                self._is_kept_whole[folder] = is_bundle(split(folder)[1]) or whole(self._source, folder) is not None
            except OSError:
                self._is_kept_whole[folder] = False
        return self._is_kept_whole[folder]

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
