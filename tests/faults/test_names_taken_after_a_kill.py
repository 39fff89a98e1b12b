"""Between a kill and the recovery, another program creates empty files under old or planned names: they are kept,
while fileorg's own placeholders are removed.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from tests.faults import laws
from tests.faults.process import Driver, Request
from tests.support import snapshot
from tests.support.disks import NotTested, plugged_in
from tests.support.share import part
from tests.support.tree import Tree

from fileorg.core.model import RESERVED_MTIME_NS
from fileorg.core.state import open_state
from fileorg.journal.journal import Journal

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

    from tests.support.snapshot import Node, Snapshot

_FIRST = {"a.jpg": "one", "x/b.txt": "two", "x/twin.txt": "two", "x/c.pdf": "three", "x/none.txt": ""}
_ORGANIZE = ["organize", "-r", "-y"]
_DEDUPE = ["dedupe", "-y", "--action", "quarantine"]


class Deed(NamedTuple):
    """The commands before the kill, and the killed command; `ROOT` and `DEST` stand for folders."""

    before: list[list[str]]
    killed: list[str]


DEEDS = {
    "move": Deed([], [*_ORGANIZE, "ROOT"]),
    "undo of a move": Deed([[*_ORGANIZE, "ROOT"]], ["undo", "-y"]),
    "copy": Deed([], [*_ORGANIZE, "--action", "copy", "ROOT"]),
    "undo of a copy": Deed([[*_ORGANIZE, "--action", "copy", "ROOT"]], ["undo", "-y"]),
    "across": Deed([], [*_ORGANIZE, "--dest", "DEST", "ROOT"]),
    "copy across": Deed([], [*_ORGANIZE, "--action", "copy", "--dest", "DEST", "ROOT"]),
    "undo across": Deed([[*_ORGANIZE, "--dest", "DEST", "ROOT"]], ["undo", "-y"]),
    "dedupe": Deed([], [*_DEDUPE, "ROOT"]),
    "undo of a dedupe": Deed([[*_DEDUPE, "ROOT"]], ["undo", "-y"]),
    "clean": Deed([], ["clean", "-y", "ROOT"]),
    "undo of clean": Deed([["clean", "-y", "ROOT"]], ["undo", "-y"]),
    "purge": Deed([[*_DEDUPE, "ROOT"]], ["purge", "-y"]),
}
ON_ODD_DISK = ("across", "copy across", "undo across")


class Wreck:
    """A tree on which a command was killed at a step."""

    def __init__(self, driver: Driver, base: Path, dest: Path, control: str) -> None:
        self._driver, self._control = driver, control
        self.base, self.dest = base, dest
        for folder in (base, dest):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        self.tree = Tree(base / "root")
        self.tree.write(_FIRST)
        self._words = {"ROOT": str(self.tree.root), "DEST": str(dest)}

    def run(self, words: list[str], die_at: int = 0) -> int:
        env = {"FILEORG_HOME": str(self.base / "state")}
        asked = [self._words.get(word, word) for word in words]
        return self._driver.run(Request(asked, env, control=self._control, die_at=die_at)).code

    def snapshot(self) -> Snapshot:
        return {
            name + path: node
            for name, place in ((b"root/", self.tree.root), (b"dest/", self.dest))
            for path, node in snapshot.take(os.fsencode(place)).items()
        }

    def names(self) -> list[Path]:
        """Return the old and the planned paths of the files of the last operation."""
        with Journal(open_state(os.fsencode(self.base / "state")).journal) as journal:
            if not (operations := journal.operations()):
                return []
            last = journal.about(operations[0]) if operations[0].kind == "purge" else operations[0]
            roots = [os.fsdecode(root.path) for root in journal.roots(last)]
            found = [record for batch in journal.records(last) for record in batch if record.source_name]
            return [
                self.base / roots[base] / os.fsdecode(folder) / os.fsdecode(name)
                for record in found
                for base, folder, name in (
                    (record.source_base, record.source_folder, record.source_name),
                    (record.target_base, record.target_folder, record.target_name),
                )
            ]

    def take_names(self) -> dict[Path, int]:
        """Create an empty file under each name that is free, or only a second link to a temporary file of fileorg.

        Return their inode numbers.
        """
        taken = {}
        for path in dict.fromkeys(self.names()):
            if path.is_file() and path.stat().st_nlink > 1 and self._is_ours_beside(path):
                path.unlink()
            if path.parent.is_dir() and not path.exists():
                path.touch()
                taken[path] = path.stat().st_ino
        return taken

    def displace(self) -> list[Path]:
        """Move away the files on the other disk, or remove placeholders, and create empty files in their place; but not
        while the journal does not know the placeholder yet.
        """
        displaced, is_known = [], self._is_reservation_known()
        if any(not node.content and node.mtime_ns != RESERVED_MTIME_NS for node in self._aside()):
            return []
        for path in dict.fromkeys(self.names()):
            if path.is_relative_to(self.dest) and path.is_file():
                seen = path.stat()
                if seen.st_size:
                    path.rename(path.with_name(path.name + ".user"))
                elif is_known and seen.st_mtime_ns == RESERVED_MTIME_NS:
                    path.unlink()
                else:
                    continue
                path.touch()
                displaced.append(path)
        return displaced

    def _aside(self) -> list[Node]:
        now = self.snapshot()
        return [now[path] for path in laws.ours(now) if path.endswith(b"-old.part")]

    def _is_reservation_known(self) -> bool:
        with Journal(open_state(os.fsencode(self.base / "state")).journal) as journal:
            return all(reservation.inode is not None for reservation in journal.reservations.of(0, 1 << 40).values())

    def _is_ours_beside(self, path: Path) -> bool:
        inode = path.stat().st_ino
        return any(other.stat().st_ino == inode for other in path.parent.glob(".fileorg-*.part"))


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driver]:
    made = Driver(tmp_path_factory.mktemp("driver"))
    yield made
    made.close()


def violations(
    driver: Driver, tmp_path: Path, elsewhere: Path, control: str, deed: Deed, die_at: int
) -> list[str] | None:
    """Return the violations after a kill at this step, or None if the command ended before it."""
    wreck = Wreck(driver, tmp_path / "base", elsewhere / "dest", control)
    for words in deed.before:
        assert wreck.run(words) == 0
    first = wreck.snapshot()
    if wreck.run(deed.killed, die_at) != -9:
        return None
    taken = wreck.take_names()
    code = wreck.run(["recover"])
    now = wreck.snapshot()
    found = [f"someone's file is gone: {path}" for path, inode in taken.items() if not _is_it(path, inode)]
    lost = {node.content for node in first.values()} - {node.content for node in now.values()}
    found += [f"lost: {content!r}" for content in lost]
    found += [f"litter: {path!r}" for path in laws.ours(now)]
    # A removed copy and someone's new file of its name look alike to recovery: it names the file, and waits.
    waits = 3 if deed is DEEDS["undo of a copy"] else 0
    found += [] if code in {0, waits} else [f"recover ends with {code}"]
    empty = [
        path for path, node in now.items() if node.kind == "file" and not node.content and node.mode & 0o777 == 0o400
    ]
    return found + [f"reserved, and left: {path!r}" for path in empty]


def violations_there(driver: Driver, tmp_path: Path, disk: Path, deed: Deed, die_at: int) -> list[str] | None:
    """Like `violations`, on a disk without stable inode numbers, within one second, for names that exist already."""
    wreck = Wreck(driver, tmp_path / "base", disk / "dest", "")
    for words in deed.before:
        assert wreck.run(words) == 0
    first = wreck.snapshot()
    if wreck.run(deed.killed, die_at) != -9:
        return None
    displaced = wreck.displace()
    code = wreck.run(["recover"])
    undone = wreck.run(["undo", "-y"]) if code else 0
    now = wreck.snapshot()
    found = [f"someone's file is gone: {path}" for path in displaced if not path.exists() or path.stat().st_size]
    lost = {node.content for node in first.values()} - {node.content for node in now.values()}
    found += [f"lost: {content!r}" for content in lost]
    found += [f"litter: {path!r}" for path in laws.ours(now)]
    found += [f"reserved, and left: {path!r}" for path, node in now.items() if node.mtime_ns == RESERVED_MTIME_NS]
    waits = 3, 1  # for a person: undo without --include-changed keeps the file
    found += [] if (code, undone) in {(0, 0), waits} else [f"recover ends with {code}, undo with {undone}"]
    return found


def _is_it(path: Path, inode: int) -> bool:
    return path.exists() and path.stat().st_ino == inode and path.stat().st_size == 0


def kills(
    driver: Driver, tmp_path: Path, elsewhere: Path, control: str, name: str, steps: list[int], tally: Counter[str]
) -> None:
    for die_at in steps:
        found = violations(driver, tmp_path, elsewhere, control, DEEDS[name], die_at)
        if found is None:
            break
        tally["1 kills: names taken since"] += 1
        assert not found, "\n".join([f"{name}, killed at step {die_at}:", *found])


@pytest.mark.parametrize("control", ["", "neither"], ids=["plain", "neither"])
@pytest.mark.parametrize("name", DEEDS)
def test_some_kills(
    driver: Driver, tmp_path: Path, elsewhere: Path, control: str, name: str, tally: Counter[str]
) -> None:
    kills(driver, tmp_path, elsewhere, control, name, list(range(12, 300, 29)), tally)


def kills_there(driver: Driver, tmp_path: Path, name: str, steps: list[int], tally: Counter[str]) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        try:
            with plugged_in("exfat", Path(folder, "plugged in")) as disk:
                for die_at in steps:
                    found = violations_there(driver, tmp_path, disk.place, DEEDS[name], die_at)
                    if found is None:
                        break
                    tally["1 kills: names taken since"] += 1
                    assert not found, "\n".join([f"{name}, killed at step {die_at}:", *found])
        except NotTested as why:
            pytest.skip(str(why))


@pytest.mark.parametrize("name", ON_ODD_DISK)
def test_some_kills_on_exfat(driver: Driver, tmp_path: Path, name: str, tally: Counter[str]) -> None:
    kills_there(driver, tmp_path, name, list(range(8, 200, 9)), tally)


@pytest.mark.slow
@pytest.mark.parametrize("name", ON_ODD_DISK)
def test_all_kills_on_exfat(driver: Driver, tmp_path: Path, name: str, tally: Counter[str]) -> None:
    kills_there(driver, tmp_path, name, part(list(range(1, 400))), tally)


@pytest.mark.slow
@pytest.mark.parametrize("control", ["", "neither"], ids=["plain", "neither"])
@pytest.mark.parametrize("name", DEEDS)
def test_all_kills(
    driver: Driver, tmp_path: Path, elsewhere: Path, control: str, name: str, tally: Counter[str]
) -> None:
    kills(driver, tmp_path, elsewhere, control, name, part(list(range(1, 400))), tally)
