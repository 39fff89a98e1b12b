"""The journal is untrusted input: whatever it contains, nothing is lost, and nothing outside is touched.

An attack ends in a refusal, or in an undo of the records that are still valid.
"""

from __future__ import annotations

import os
import random
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.odd.hostile import Victim
from tests.support.share import SHARE, part

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

_PAGE = 4096
_HEADER = 8
_ROW = "8 hostile journal: forged and flipped"
PATHS: list[object] = [
    b"..", b".", b"", b"../outside", b"/etc", b"a/../../outside", b"x//y", b"a\0b", b"./x", b"x/", "text", 7, None, 1.5,
]  # fmt: skip
NAMES: list[object] = [*PATHS, b"../outside/a.jpg", b"x/a.jpg", b"/etc/passwd"]
NUMBERS: list[object] = ["text", b"bytes", -1, 1 << 62, None, 1.5]
COLUMNS: dict[str, list[object]] = {
    "folders.path": PATHS,
    "folders.base": [2, -1, 7, *NUMBERS],
    "folders.mode": NUMBERS,
    "folders.mtime_ns": [*NUMBERS, b"\x7f" * 12, b"\x01" * 11],
    "records.source_name": NAMES,
    "records.target_name": NAMES,
    "records.source_folder": [0, 999, *NUMBERS],
    "records.target_folder": [0, 999, *NUMBERS],
    "records.inode": NUMBERS,
    "records.size": NUMBERS,
    "records.mtime_ns": NUMBERS,
    "records.mode": NUMBERS,
    "records.target_inode": NUMBERS,
    "records.target_mtime_ns": NUMBERS,
    "records.digest": NUMBERS,
    "records.exact_mtime_ns": [*NUMBERS, b"\x7f" * 12, b"\x00\x80" * 6],
    "records.reverts": NUMBERS,
    "records.operation": [0, 999, *NUMBERS],
    "records.action": ["remove-copy", "make-folder", "remove-folder", "copy", "symlink", "format-disk", b"move", 7],
    "records.state": ["copied", "intent", "undone", "planned", "nonsense", 7],
    "operations.root": [b"", b"tree", b"/", b"/etc", b"a\0b", "text", 7],
    "operations.dest": [b"", b"tree", b"/", b"/etc", b"a\0b", "text", 7],
    "operations.root_inode": NUMBERS,
    "operations.first_record": [0, 5, 999, *NUMBERS],
    "operations.kind": ["undo", "redo", "nonsense", 7, b"organize"],
    "operations.undoes": [1, 999, *NUMBERS],
    "operations.state": ["nonsense", 7],
}


@pytest.fixture(scope="module", params=["undo", "recover"])
def victim(request: pytest.FixtureRequest) -> Iterator[Victim]:
    """A victim whose operation is to be undone, or is open and to be recovered."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="fileorg-hostile-", dir=shared) as place:
        yield Victim(Path(place), is_open=request.param == "recover")


def test_flipped_bytes(victim: Victim, tally: Counter[str]) -> None:
    reported = flip_at(victim, tally, headers(victim) + anywhere(victim, 18))
    assert reported > 3


@pytest.mark.slow
def test_many_flipped_bytes(victim: Victim, tally: Counter[str]) -> None:
    reported = flip_at(victim, tally, part(headers(victim) + anywhere(victim, 1000)))
    assert reported > 50 // SHARE.of


def flip_at(victim: Victim, tally: Counter[str], points: list[tuple[int, int]]) -> int:
    """Flip each bit and check. Return the number of reported ones."""
    reported, violations = 0, []
    for offset, mask in points:
        said, found = victim.attacked(partial(victim.flip, offset, mask))
        reported += bool(said)
        violations += [f"byte {offset} ^ {mask:#x}: {line}" for line in found]
    tally[_ROW] += len(points)
    assert not violations, "\n".join(violations)
    return reported


def headers(victim: Victim) -> list[tuple[int, int]]:
    """Return one byte of the header of each page, and some of the header of the file."""
    size = victim.journal.stat().st_size
    pages = [(start + 100 * (start == 0) + start // _PAGE % _HEADER, 0xFF) for start in range(0, size, _PAGE)]
    return pages + [(offset, 0xFF) for offset in (0, 16, 18, 24, 28, 44, 52, 56, 60, 68)]


def anywhere(victim: Victim, limit: int) -> list[tuple[int, int]]:
    """Return points in non-zero bytes: most of a page is empty."""
    content = victim.journal.read_bytes()
    used = [offset for offset, byte in enumerate(content) if byte]
    chance = random.Random(limit)
    return [(chance.choice(used), 1 << chance.randrange(8)) for _ in range(limit)]


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_that_fileorg_never_writes(victim: Victim, tally: Counter[str], column: str) -> None:
    """The value is set in all rows, and in one."""
    table, _, name = column.partition(".")
    violations = []
    for value in COLUMNS[column]:
        for some in ("", " WHERE rowid = (SELECT max(rowid) - 1 FROM records)" if table == "records" else " WHERE 1"):
            attack = partial(victim.sql, f"UPDATE OR REPLACE {table} SET {name} = ?{some}", value)
            _, found = victim.attacked(attack, may_be_refused=True)
            violations += [f"{column} = {value!r}{some}: {line}" for line in found]
            tally[_ROW] += 1
    assert not violations, "\n".join(violations)


def test_a_name_that_leads_through_a_link(victim: Victim, tally: Counter[str]) -> None:
    """A folder of the tree is a symlink to outside, and the journal says that files belong in it."""

    def attack() -> None:
        victim.tree.path("way out").symlink_to("../outside")
        victim.sql("UPDATE OR REPLACE folders SET path = ? WHERE path = ?", b"way out", b"x")

    try:
        said, found = victim.attacked(attack)
    finally:
        victim.tree.path("way out").unlink()
    assert found == []
    assert "a.jpg" not in said
    tally[_ROW] += 1


@pytest.mark.parametrize("part", range(9))
def test_a_journal_that_was_cut(victim: Victim, tally: Counter[str], part: int) -> None:
    size = victim.journal.stat().st_size * part // 8 - (part == 8)
    said, found = victim.attacked(partial(os.truncate, victim.journal, size))
    assert found == []
    assert said or part == 0  # an empty file is a new journal
    tally[_ROW] += 1


def test_the_write_ahead_log_of_another_journal(victim: Victim, tally: Counter[str], tmp_path: Path) -> None:
    other = Victim(tmp_path, is_open=False, keeps_log=True)
    log = other.log
    assert len(log) > _PAGE
    _, found = victim.attacked(lambda: Path(f"{victim.journal}-wal").write_bytes(log) and None)
    assert found == []
    assert other.outside.read() == victim.outside.read()
    assert sorted(other.contents()) == sorted(other.first.values())
    tally[_ROW] += 1


def test_a_log_that_was_dropped(victim: Victim, tally: Counter[str], tmp_path: Path) -> None:
    """After a kill, the last commits are in the WAL: without it, the journal is older than the tree."""
    torn = Victim(tmp_path, is_open=False, keeps_log=True)
    _, found = torn.attacked(lambda: None)
    assert found == []
    tally[_ROW] += 1


@pytest.mark.parametrize("link", [".fileorg", ".fileorg/trash"])
def test_a_trash_that_leads_outside(tmp_path: Path, tally: Counter[str], link: str) -> None:
    """No file is moved into it, and none is restored from it."""
    victim = Victim(tmp_path, is_open=False, organizes=False)
    place = victim.tree.path(link)
    place.parent.mkdir(exist_ok=True)
    place.symlink_to(os.path.relpath(victim.outside.root, place.parent))
    outcome = victim.organize()
    assert victim.outside.snapshot() == victim.outside_before
    assert any("f.txt" in os.fsdecode(problem.path) for problem in outcome.problems)
    assert sorted(victim.contents()) == sorted(victim.first.values())
    victim.runs.undo()
    assert victim.outside.snapshot() == victim.outside_before
    place.unlink()
    assert victim.tree.read() | {".fileorg/": ""} == victim.first | {".fileorg/": ""}
    tally[_ROW] += 1


def test_a_trash_that_was_led_outside_since(tmp_path: Path, tally: Counter[str]) -> None:
    victim = Victim(tmp_path, is_open=False)
    trash = victim.tree.path(".fileorg/trash")
    trash.rename(victim.place / "kept/trash")
    trash.symlink_to(victim.outside.root)
    victim.outside.write({"1/Documents/f.txt": "not yours either"})
    before = victim.outside.snapshot()
    outcome = victim.runs.undo()
    assert victim.outside.snapshot() == before
    assert b".fileorg/trash/1/Documents/f.txt" in {problem.path for problem in outcome.problems}
    tally[_ROW] += 1
