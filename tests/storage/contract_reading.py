"""The contract of every storage for listing, lstat and reading."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from tests.storage.ways import Ways, names_of

from fileorg.core.names import join
from fileorg.storage.base import BATCH_ENTRIES

if TYPE_CHECKING:
    from fileorg.storage.base import Storage


class Reading(Ways):
    def test_an_empty_folder_is_one_empty_batch(self, storage: Storage) -> None:
        if not storage.capabilities.empty_folders:
            return
        self.plant(storage, {b"empty/": b""})
        assert [tuple(listing) for listing in storage.list_folder(b"empty")] == [(b"empty", [], [], [])]

    def test_files_and_folders_are_told_apart(self, storage: Storage) -> None:
        self.plant(storage, {b"a.txt": b"one", b"sub/deep/b.txt": b"two"})
        (listing,) = storage.list_folder(b"")
        assert [(entry.name, entry.size, entry.nlink) for entry in listing.files] == [(b"a.txt", 3, 1)]
        assert [entry.name for entry in listing.folders] == [b"sub"]
        assert listing.others == []
        assert listing.files == [storage.lstat(b"", b"a.txt")]
        assert names_of(storage, b"sub") == {b"deep"}

    def test_a_large_folder_comes_in_batches(self, storage: Storage) -> None:
        many = {b"big/%d" % number: b"" for number in range(BATCH_ENTRIES + 10)}
        self.plant(storage, many)
        assert sorted(name for part in storage.name_parts(b"big") for name in part) == sorted(
            entry.name for listing in storage.list_folder(b"big") for entry in listing.files
        )
        batches = [len(listing.files) for listing in storage.list_folder(b"big")]
        assert batches == [BATCH_ENTRIES, 10]
        assert {join(b"big", name) for name in names_of(storage, b"big")} == set(many)

    def test_what_cannot_be_listed_is_an_error_and_not_an_empty_folder(self, storage: Storage) -> None:
        self.plant(storage, {b"file": b"one"})
        with pytest.raises(NotADirectoryError):
            names_of(storage, b"file")
        with pytest.raises(FileNotFoundError):
            names_of(storage, b"missing")
        with pytest.raises(FileNotFoundError):
            names_of(storage, b"missing/deeper")

    def test_an_unreadable_nested_folder_is_reported(self, storage: Storage) -> None:
        self.plant(storage, {b"open/file": b"one", b"open/locked/secret": b"two"})
        with self.unreadable(storage, b"open/locked") as limited:
            assert names_of(limited, b"open") == {b"file", b"locked"}
            with pytest.raises(PermissionError) as caught:
                names_of(limited, b"open/locked")
            assert caught.value.errno == errno.EACCES
            assert os.fsencode(caught.value.filename) == b"open/locked"

    def test_nothing_is_none(self, storage: Storage) -> None:
        self.plant(storage, {b"file": b"one"})
        assert storage.lstat(b"", b"missing") is None
        assert storage.lstat(b"", b"x" * 5000) is None
        assert storage.lstat(b"missing", b"file") is None
        assert storage.lstat(b"file", b"below") is None
        assert storage.stat_folder(b"missing") is None
        assert storage.stat_folder(b"missing/deeper") is None

    def test_a_folder_is_seen_as_one(self, storage: Storage) -> None:
        self.plant(storage, {b"sub/deep/file": b"one"})
        for entry in (
            storage.lstat(b"sub", b"deep"),
            storage.stat_folder(b"sub/deep"),
            storage.stat_folder(b""),
        ):
            assert entry is not None
            assert entry.is_folder
            assert not entry.is_file

    def test_content_is_read_from_any_position(self, storage: Storage) -> None:
        self.plant(storage, {b"file": b"0123456789"})
        with storage.open_read(b"", b"file") as one, storage.open_read(b"", b"file") as other:
            assert one.read(4) == b"0123"
            assert other.read() == b"0123456789"
            assert one.read(4) == b"4567"
            assert other.read() == b""
            assert one.seek(-2, 2) == 8
            assert one.read(100) == b"89"
            assert one.seek(1) == 1
            assert one.seek(1, 1) == 2
            assert one.tell() == 2
            with pytest.raises(OSError, match="Invalid"):
                one.seek(-1)

    def test_a_root_is_known_by_its_identity(self, storage: Storage) -> None:
        root = storage.stat_folder(b"")
        assert root is not None
        assert storage.identity == (root.dev, root.inode)

    def test_a_sync_and_two_closings_do_no_harm(self, storage: Storage) -> None:
        self.plant(storage, {b"a/one": b"content"})
        storage.sync()
        storage.close()
        storage.close()
        assert self.tree(storage) == {b"a/": b"", b"a/one": b"content"}

    def test_only_files_are_read(self, storage: Storage) -> None:
        self.plant(storage, {b"sub/file": b"one"})
        with pytest.raises(FileNotFoundError):
            storage.open_read(b"sub", b"missing")
        with pytest.raises(OSError, match="not a regular file") as caught:
            storage.open_read(b"", b"sub")
        assert caught.value.errno == errno.EINVAL
