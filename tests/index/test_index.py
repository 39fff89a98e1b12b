"""The index is a cache of the last scan: it recognizes unchanged batches, and may be lost or damaged at any time."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fileorg.core.bloom import BloomFilter
from fileorg.core.errors import FileorgError
from fileorg.core.model import Entry
from fileorg.index.columns import FileBatch
from fileorg.index.index import Index

if TYPE_CHECKING:
    from pathlib import Path

names = st.binary(min_size=1, max_size=30).filter(lambda name: b"/" not in name and b"\0" not in name)
numbers = st.integers(min_value=-(2**63), max_value=2**63 - 1)
entries = st.lists(
    st.builds(
        Entry, name=names, size=numbers, mtime_ns=numbers, ctime_ns=numbers, inode=numbers,
        mode=st.integers(0, 0o177777), nlink=st.integers(1, 100), dev=st.just(7),
    ),
    max_size=20,
)  # fmt: skip


def an_index(folder: Path) -> bytes:
    """Return the path of an existing file, as the state directory makes it."""
    (folder / "index.db").touch()
    return os.fsencode(folder / "index.db")


def batch(folder: bytes, *names: bytes, size: int = 3) -> FileBatch:
    return FileBatch.pack(folder, [Entry(name, size, 1, 2, 3, 0o100644, 1, 7) for name in names])


def held(index: Index, root: bytes = b"/root") -> list[tuple[bytes, list[bytes]]]:
    return [(batch.folder, batch.split_names()) for _, batch in index.batches(root)]


@given(entries)
def test_what_is_packed_comes_out(files: list[Entry]) -> None:
    packed = FileBatch.pack(b"folder", files)
    assert list(packed.rows()) == [tuple(entry[:7]) for entry in files]
    assert packed.files == len(files)


@given(entries, entries)
def test_batches_have_the_same_fingerprint_exactly_if_they_are_the_same(one: list[Entry], two: list[Entry]) -> None:
    same = one == two
    assert (FileBatch.pack(b"", one).fingerprint == FileBatch.pack(b"", two).fingerprint) is same


def test_what_a_scan_saw_is_there_afterwards(tmp_path: Path) -> None:
    with Index(an_index(tmp_path)) as index:
        assert index.update(b"/root", iter([(0, batch(b"", b"a", b"b")), (0, batch(b"x", b"c"))])) == 0
        assert held(index) == [(b"", [b"a", b"b"]), (b"x", [b"c"])]


def test_what_is_the_same_is_known_and_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    with Index(an_index(tmp_path)) as index:
        index.update(b"/root", iter([(0, batch(b"", b"a", b"b")), (0, batch(b"x", b"c")), (0, batch(b"y", b"d"))]))
        again = [(0, batch(b"", b"a", b"b")), (0, batch(b"x", b"c", size=4))]
        assert index.update(b"/root", iter(again)) == 2
        assert held(index) == [(b"", [b"a", b"b"]), (b"x", [b"c"])]


def test_a_disk_that_is_plugged_in_again_has_another_number(tmp_path: Path) -> None:
    """Its files are the same; with the old number, each would count as changed when it is read."""
    with Index(an_index(tmp_path)) as index:
        before = batch(b"", b"a", b"b")
        index.update(b"/root", iter([(0, before)]))
        after = before._replace(dev=8)
        assert index.update(b"/root", iter([(0, after)])) == 2
        assert [found for _, found in index.batches(b"/root")] == [after]


def test_roots_do_not_disturb_each_other(tmp_path: Path) -> None:
    with Index(an_index(tmp_path)) as index:
        index.update(b"/root", iter([(0, batch(b"", b"a"))]))
        index.update(b"/other", iter([(0, batch(b"", b"b"))]))
        assert held(index) == [(b"", [b"a"])]
        assert held(index, b"/other") == [(b"", [b"b"])]


def test_a_scan_that_is_cut_short_changes_nothing(tmp_path: Path) -> None:
    def cut_short() -> object:
        yield 0, batch(b"", b"new")
        raise KeyboardInterrupt

    with Index(an_index(tmp_path)) as index:
        index.update(b"/root", iter([(0, batch(b"", b"old"))]))
        with pytest.raises(KeyboardInterrupt):
            index.update(b"/root", cut_short())  # type: ignore[arg-type]
        assert held(index) == [(b"", [b"old"])]


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_index_is_made_anew(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    path.write_bytes(damage)
    with Index(os.fsencode(path)) as index:
        index.update(b"/root", iter([(0, batch(b"", b"a"))]))
        assert held(index) == [(b"", [b"a"])]
    assert path.stat().st_mode & 0o777 == 0o600


def test_an_index_of_another_version_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE files (path TEXT)")
    db.execute("PRAGMA user_version=99")
    db.close()
    with Index(os.fsencode(path)) as index:
        assert held(index) == []


def test_an_index_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with Index(an_index(tmp_path)) as index:
        index._db.execute("PRAGMA max_page_count=12")
        many = ((number, batch(b"", *(b"%d-%d" % (number, file) for file in range(400)))) for number in range(50))
        with pytest.raises(FileorgError, match="cannot be written"):
            index.update(b"/root", many)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=200))
def test_a_filter_never_says_no_wrongly(digests: list[int]) -> None:
    one, two = BloomFilter(100), BloomFilter(100)
    for digest in digests:
        one.add(digest)
    two.add_all(digests)
    assert all(digest in one and digest in two for digest in digests)
    assert one.positions(digests) == list(range(len(digests)))


def test_a_filter_seldom_says_yes_wrongly() -> None:
    step = 0x9E3779B97F4A7C15
    filled = BloomFilter(10_000)
    known = filled.add_all([number * step % 2**64 for number in range(10_000)])
    wrong = filled.positions([number * step % 2**64 for number in range(10_000, 20_000)])
    assert len(known) < 10
    assert len(wrong) < 20
