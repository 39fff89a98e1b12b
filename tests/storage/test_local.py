"""Local files: the contract, and features that only mounted file systems have."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from tests.storage.changing import Changing
from tests.storage.contract import StorageContract
from tests.storage.ways import copy_noreplace, names_of, seen, write

from fileorg.core.times import kept, true_ns
from fileorg.storage.base import BATCH_ENTRIES, Storage
from fileorg.storage.local.listing import batches, entry_of
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    Nobody = Callable[[], AbstractContextManager[None]]


class TestLocal(StorageContract, Changing):
    @pytest.fixture
    def storage(self, local: LocalStorage, as_nobody: Nobody) -> LocalStorage:
        self.as_nobody = as_nobody
        return local

    def plant(self, storage: Storage, files: Mapping[bytes, bytes]) -> None:
        for path, content in files.items():
            file = Path(os.fsdecode(storage.root + b"/" + path))
            if path.endswith(b"/"):
                file.mkdir(parents=True)
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)

    def tree(self, storage: Storage) -> dict[bytes, bytes]:
        found: dict[bytes, bytes] = {}
        for folder, folders, files in os.walk(storage.root):
            inside = folder[len(storage.root) + 1 :]
            found |= {os.path.join(inside, name, b""): b"" for name in folders}
            for name in files:
                found[os.path.join(inside, name)] = Path(os.fsdecode(os.path.join(folder, name))).read_bytes()
        return found

    @contextlib.contextmanager
    def unreadable(self, storage: Storage, folder: bytes) -> Iterator[Storage]:
        os.chmod(storage.root + b"/" + folder, 0)
        with self.as_nobody():
            yield storage


def test_a_root_must_be_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("content")
    for root, error in ((tmp_path / "missing", FileNotFoundError), (tmp_path / "file", NotADirectoryError)):
        with pytest.raises(error):
            LocalStorage(os.fsencode(root))


def test_the_root_is_where_it_really_is(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    storage: Storage = LocalStorage(os.fsencode(tmp_path / "link"))
    assert storage.root == os.fsencode(tmp_path / "real")
    storage.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        storage.lstat(b"", b"name")


def test_an_entry_tells_what_the_file_system_does(local: LocalStorage, root: Path) -> None:
    write(root, {"a/one": "content"})
    (root / "a/one").chmod(0o640)
    os.link(root / "a/one", root / "a/two")
    os.utime(root / "a/one", ns=(1, 1_234_567_890_123_456_789))
    entry, facts = seen(local, b"a", b"one"), (root / "a/one").lstat()
    assert (entry.size, entry.mtime_ns, entry.mode, entry.nlink) == (
        7,
        1_234_567_890_123_456_789,
        0o100640,
        2,
    )
    assert (entry.ctime_ns, entry.inode, entry.dev) == (facts.st_ctime_ns, facts.st_ino, facts.st_dev)
    (listing,) = local.list_folder(b"a")
    assert sorted(listing.files) == [entry, entry._replace(name=b"two")]


def test_numbers_fit_64_bits_with_a_sign() -> None:
    """Inodes are unsigned, and network file systems use all 64 bits; times continue after 2262."""
    facts = os.stat_result((stat.S_IFREG, 2**64 - 1, 1, 1, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0, 2**63, 0))

    class Odd:
        name = "odd"

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            assert not follow_symlinks
            return facts

    (listing,) = batches(b"", iter([cast("os.DirEntry[str]", Odd())]))
    assert listing.files == [entry_of(b"odd", facts)]
    assert (listing.files[0].inode, listing.files[0].mtime_ns) == (2**63 - 1, kept(2**63))
    assert true_ns(kept(2**63)) // 1000 == 2**63 // 1000


def test_whatever_is_no_file_and_no_folder_is_listed_apart(local: LocalStorage, root: Path) -> None:
    os.mkfifo(root / "fifo")
    (root / "link").symlink_to("missing")
    (listing,) = local.list_folder(b"")
    assert {entry.name for entry in listing.others} == {b"fifo", b"link"}
    assert (listing.files, listing.folders) == ([], [])
    with pytest.raises(OSError, match="not a regular file"):
        local.open_read(b"", b"fifo")
    with pytest.raises(OSError, match="not a regular file"):
        copy_noreplace(local, b"", b"fifo", local, b"", b"new")
    assert names_of(local) == {b"fifo", b"link"}


def test_entries_that_may_not_be_looked_at_are_reported_after_the_rest(
    local: LocalStorage, root: Path, as_nobody: Nobody
) -> None:
    write(root, {"a/one": "content", "a/two": "content"})
    (root / "a").chmod(0o744)  # names can be listed, but not searched
    with as_nobody(), pytest.raises(PermissionError) as caught:
        names_of(local, b"a")
    assert caught.value.filename in {"a/one", "a/two"}


def test_a_file_that_goes_while_it_is_listed_is_left_out(local: LocalStorage, root: Path) -> None:
    for number in range(2 * BATCH_ENTRIES):
        (root / str(number)).touch()
    listings = local.list_folder(b"")
    first = {entry.name for entry in next(listings).files}
    for path in root.iterdir():
        path.unlink()
    rest = [entry for listing in listings for entry in listing.files]
    assert len(first) == BATCH_ENTRIES
    assert rest == []


def test_a_listing_that_is_left_early_leaves_nothing_open(local: LocalStorage, root: Path) -> None:
    for number in range(BATCH_ENTRIES + 1):
        (root / str(number)).touch()
    before = os.listdir("/proc/self/fd")
    listings = local.list_folder(b"")
    next(listings)
    del listings
    assert os.listdir("/proc/self/fd") == before


# Folders and names


def test_folder_times_are_given_back(local: LocalStorage, root: Path) -> None:
    (root / "a").mkdir()
    os.utime(root / "a", ns=(111, 222))
    local.make_folder(b"a", b"new", 0o700)
    local.set_folder_times(b"a", 1_234_567_890_123_456_789)
    entry = local.stat_folder(b"a")
    assert entry is not None
    assert (entry.name, entry.mtime_ns) == (b"a", 1_234_567_890_123_456_789)
    assert (root / "a").stat().st_atime_ns == 111
    assert stat.S_IMODE((root / "a/new").stat().st_mode) == 0o700


def test_a_mode_with_its_type_is_exact(local: LocalStorage, root: Path, as_nobody: Nobody) -> None:
    root.chmod(0o777)
    with as_nobody():
        for mode in (0o1777, 0o311, 0o000, 0o750):
            name = b"%o" % mode
            local.make_folder(b"", name, stat.S_IFDIR | mode)
            assert seen(local, b"", name).mode == stat.S_IFDIR | mode
        umask = os.umask(0o027)
        local.make_folder(b"", b"usual")
        os.umask(umask)
        assert seen(local, b"", b"usual").mode == stat.S_IFDIR | 0o750


def test_many_are_looked_at_as_one_by_one(local: LocalStorage, root: Path, as_nobody: Nobody) -> None:
    write(root, {"a/one": "content", "a/two/three": "content", "locked/one": "content"})
    names = [b"one", b"missing", b"two"]
    found = local.lstat_all(b"a", names)
    entries = [
        entry_of(name, there) if isinstance(there, os.stat_result) else there
        for name, there in zip(names, found, strict=True)
    ]
    assert entries == [local.lstat(b"a", name) for name in names]
    for missing in (b"missing", b"a/one"):
        assert local.lstat_all(missing, names) == [None, None, None]
    one, outside, too_long = local.lstat_all(b"a", [b"one", b"../a/one", b"x" * 256])
    assert isinstance(one, os.stat_result)
    assert (entry_of(b"one", one), too_long) == (local.lstat(b"a", b"one"), None)
    assert isinstance(outside, OSError)
    assert outside.errno == errno.EINVAL
    (root / "locked").chmod(0)
    with as_nobody():
        errors = local.lstat_all(b"locked", names)
    assert [type(error) for error in errors] == [PermissionError] * 3


def test_a_root_is_known_by_its_inode(local: LocalStorage, root: Path) -> None:
    facts = root.stat()
    assert local.identity == (facts.st_dev, facts.st_ino)


def test_case_matters_on_this_file_system(local: LocalStorage, root: Path) -> None:
    """On a case-insensitive one, other spellings return the file itself."""
    assert not local.is_case_insensitive()
    write(root, {"123": "no case", "abc": "content"})
    assert not local.is_case_insensitive()
    (root / "ABC").mkdir()
    assert not local.is_case_insensitive()


def test_two_names_that_differ_in_case_are_no_proof(local: LocalStorage, root: Path) -> None:
    write(root, {"abc": "content"})
    os.link(root / "abc", root / "ABC")
    assert not local.is_case_insensitive()


def test_a_second_name_is_the_same_file(local: LocalStorage, root: Path) -> None:
    write(root, {"a/one": "content", "b/taken": "kept"})
    local.hardlink(b"a", b"one", local, b"b", b"two")
    assert (root / "a/one").samefile(root / "b/two")
    with pytest.raises(FileExistsError):
        local.hardlink(b"a", b"one", local, b"b", b"taken")
    assert (root / "b/taken").read_text() == "kept"


def test_an_error_names_both_places(local: LocalStorage, root: Path) -> None:
    write(root, {"one": "content", "two": "kept"})
    with pytest.raises(FileExistsError) as caught:
        local.rename_noreplace(b"", b"one", local, b"", b"two")
    assert (caught.value.filename, caught.value.filename2) == ("one", "two")
