"""What every storage promises, as one suite: a storage runs it with a fixture and three ways round itself.

Before and after are set up and read by other means than the storage under test (`plant`, `tree`).
"""

from __future__ import annotations

import errno
import itertools
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fileorg.names import join, split
from fileorg.storage import BATCH_ENTRIES, open_storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from fileorg.model import Entry
    from fileorg.storage import Storage

HOSTILE_NAMES = [
    b"line\nbreak",
    b"\x1b[31mred\x1b[0m",
    b"not \xff\xfe UTF-8",
    "right\u202eto\u2069left".encode(),
    b"[red]",
    b"-rf",
    b"*?[a-z]",
    b"a::b",
    b"back\\slash",
    b" ",
    b"...",
    b"x" * 255,
    ("\u00e9" * 127).encode(),
]
NO_PATHS = [b"..", b".", b"a/..", b"../a", b"a/../b", b"a//b", b"/a", b"a/", b"a\0b"]
# A name of its own for each example: the storage of a test is shared by them.
_FOLDER_NUMBERS = itertools.count()


def is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def names_of(storage: Storage, folder: bytes = b"") -> set[bytes]:
    return {
        entry.name
        for listing in storage.list_folder(folder)
        for entry in (*listing.files, *listing.folders, *listing.others)
    }


def content_of(storage: Storage, folder: bytes, name: bytes) -> bytes:
    with storage.open_read(folder, name) as file:
        return file.read()


def seen(storage: Storage, folder: bytes, name: bytes) -> Entry:
    entry = storage.lstat(folder, name)
    assert entry is not None
    return entry


class StorageContract:
    """Derive from it, and give a `storage` fixture: an empty root."""

    def plant(self, storage: Storage, files: Mapping[bytes, bytes]) -> None:
        """Write files by their root-relative paths, and the folders they are in."""
        raise NotImplementedError

    def tree(self, storage: Storage) -> dict[bytes, bytes]:
        """Every file and its content; a folder is a path that ends in a slash."""
        raise NotImplementedError

    def unreadable(self, storage: Storage, folder: bytes) -> AbstractContextManager[Storage]:
        """The same tree for someone who may not read `folder`. May run what it guards in another process."""
        raise NotImplementedError

    # Listing

    def test_an_empty_folder_is_one_empty_batch(self, storage: Storage) -> None:
        storage.make_folder(b"", b"empty")
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

    # Looking and reading

    def test_nothing_is_none(self, storage: Storage) -> None:
        self.plant(storage, {b"file": b"one"})
        assert storage.lstat(b"", b"missing") is None
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

    def test_only_files_are_read(self, storage: Storage) -> None:
        self.plant(storage, {b"sub/file": b"one"})
        with pytest.raises(FileNotFoundError):
            storage.open_read(b"sub", b"missing")
        with pytest.raises(OSError, match="not a regular file") as caught:
            storage.open_read(b"", b"sub")
        assert caught.value.errno == errno.EINVAL

    # Changing

    def test_a_rename_moves_the_content(self, storage: Storage) -> None:
        self.plant(storage, {b"a/one": b"content", b"b/other": b"other"})
        storage.rename_noreplace(b"a", b"one", storage, b"b", b"two")
        assert self.files(storage) == {b"b/two": b"content", b"b/other": b"other"}

    def test_a_copy_is_a_second_file(self, storage: Storage) -> None:
        self.plant(storage, {b"a/one": b"content", b"b/other": b"other"})
        made = storage.copy_noreplace(b"a", b"one", storage, b"b", b"two")
        assert self.files(storage) == {b"a/one": b"content", b"b/two": b"content", b"b/other": b"other"}
        assert made == storage.lstat(b"b", b"two")
        assert (made.size, made.nlink) == (7, 1)

    @pytest.mark.parametrize("taken", [b"two", b"folder"])
    @pytest.mark.parametrize("how", ["rename_noreplace", "copy_noreplace"])
    def test_a_taken_target_is_refused(self, storage: Storage, how: str, taken: bytes) -> None:
        before = {b"a/one": b"content", b"b/two": b"kept", b"b/folder/file": b"kept too"}
        self.plant(storage, before)
        entries = [seen(storage, b"a", b"one"), seen(storage, b"b", b"two")]
        with pytest.raises(FileExistsError) as caught:
            getattr(storage, how)(b"a", b"one", storage, b"b", taken)
        assert caught.value.errno == errno.EEXIST
        assert self.files(storage) == before
        assert [seen(storage, b"a", b"one"), seen(storage, b"b", b"two")] == entries

    @pytest.mark.parametrize("how", ["rename_noreplace", "copy_noreplace"])
    def test_a_file_is_not_its_own_target(self, storage: Storage, how: str) -> None:
        self.plant(storage, {b"a/one": b"content"})
        with pytest.raises(FileExistsError):
            getattr(storage, how)(b"a", b"one", storage, b"a", b"one")
        assert self.files(storage) == {b"a/one": b"content"}

    @pytest.mark.parametrize("how", ["rename_noreplace", "copy_noreplace"])
    def test_of_many_at_once_one_gets_the_name(self, storage: Storage, how: str) -> None:
        before = {b"a/%d" % number: b"content %d" % number for number in range(16)}
        self.plant(storage, before | {b"b/other": b""})
        refused: list[bytes] = []
        start = threading.Barrier(len(before))

        def take(name: bytes) -> None:
            mine = open_storage(storage.root)
            start.wait()
            try:
                getattr(mine, how)(b"a", name, mine, b"b", b"name")
            except FileExistsError:
                refused.append(b"a/" + name)
            mine.close()

        threads = [threading.Thread(target=take, args=(path[2:],)) for path in before]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = set(before) - set(refused)
        after = self.files(storage)
        assert after.pop(b"b/name") == before[winner]
        assert {path: after[path] for path in refused} == {path: before[path] for path in refused}

    @pytest.mark.parametrize("how", ["rename_noreplace", "copy_noreplace"])
    def test_a_missing_source_is_said_and_leaves_no_trace(self, storage: Storage, how: str) -> None:
        self.plant(storage, {b"b/two": b"kept"})
        with pytest.raises(FileNotFoundError) as caught:
            getattr(storage, how)(b"b", b"missing", storage, b"b", b"new")
        assert caught.value.errno == errno.ENOENT
        assert self.files(storage) == {b"b/two": b"kept"}

    @pytest.mark.parametrize("how", ["rename_noreplace", "copy_noreplace"])
    def test_a_target_below_a_file_is_not_called_taken(self, storage: Storage, how: str) -> None:
        before = {b"one": b"content", b"file": b"kept"}
        self.plant(storage, before)
        with pytest.raises(NotADirectoryError):
            getattr(storage, how)(b"", b"one", storage, b"file", b"new")
        assert self.files(storage) == before

    def test_a_file_is_removed(self, storage: Storage) -> None:
        self.plant(storage, {b"a/one": b"content", b"a/two": b"kept"})
        storage.remove(b"a", b"one")
        assert self.files(storage) == {b"a/two": b"kept"}
        with pytest.raises(FileNotFoundError):
            storage.remove(b"a", b"one")
        with pytest.raises(IsADirectoryError):
            storage.remove(b"", b"a")
        assert self.files(storage) == {b"a/two": b"kept"}

    def test_folders_are_made_and_removed(self, storage: Storage) -> None:
        if not storage.capabilities.empty_folders:
            with pytest.raises(OSError, match="not supported") as caught:
                storage.make_folder(b"", b"a")
            assert caught.value.errno == errno.ENOTSUP
            return
        storage.make_folder(b"", b"a")
        storage.make_folder(b"a", b"b")
        assert self.tree(storage) == {b"a/": b"", b"a/b/": b""}
        storage.remove_folder(b"a", b"b")
        assert self.tree(storage) == {b"a/": b""}
        storage.remove_folder(b"", b"a")
        assert self.tree(storage) == {}

    def test_a_folder_that_holds_anything_stays(self, storage: Storage) -> None:
        before = {b"a/one": b"content", b"b/c/two": b"content"}
        self.plant(storage, before)
        for folder in (b"a", b"b"):
            with pytest.raises(OSError, match="not empty") as caught:
                storage.remove_folder(b"", folder)
            assert caught.value.errno == errno.ENOTEMPTY
        assert self.files(storage) == before

    def test_folders_refuse_what_is_in_their_way(self, storage: Storage) -> None:
        self.plant(storage, {b"a/one": b"content"})
        for name in (b"a", b"a/one"):
            with pytest.raises(FileExistsError):
                storage.make_folder(*split(name))
        with pytest.raises(FileNotFoundError):
            storage.make_folder(b"missing", b"new")
        with pytest.raises(NotADirectoryError):
            storage.make_folder(b"a/one", b"new")
        with pytest.raises(FileNotFoundError):
            storage.remove_folder(b"", b"missing")
        with pytest.raises(NotADirectoryError):
            storage.remove_folder(b"a", b"one")
        assert self.files(storage) == {b"a/one": b"content"}

    def test_a_folder_that_is_made_again_works_again(self, storage: Storage) -> None:
        for content in (b"first", b"second"):
            self.plant(storage, {b"one": content})
            storage.make_folder(b"", b"a")
            storage.rename_noreplace(b"", b"one", storage, b"a", b"one")
            assert self.files(storage) == {b"a/one": content}
            storage.remove(b"a", b"one")
            storage.remove_folder(b"", b"a")

    def test_links_are_made_or_refused(self, storage: Storage) -> None:
        self.plant(storage, {b"a/one": b"content"})
        can = storage.capabilities
        expected = {b"one"}
        links: list[tuple[bool, bytes, Callable[[], None]]] = [
            (can.hard_links, b"two", lambda: storage.hardlink(b"a", b"one", storage, b"a", b"two")),
            (can.symlinks, b"three", lambda: storage.symlink(b"one", b"a", b"three")),
        ]
        for able, name, link in links:
            if able:
                link()
                expected.add(name)
                with pytest.raises(FileExistsError):
                    link()
            else:
                with pytest.raises(OSError, match="not supported") as caught:
                    link()
                assert caught.value.errno == errno.ENOTSUP
        assert names_of(storage, b"a") == expected
        assert (seen(storage, b"a", b"one").inode > 0) == can.stable_inodes

    def test_a_sync_and_two_closings_do_no_harm(self, storage: Storage) -> None:
        self.plant(storage, {b"a/one": b"content"})
        storage.sync()
        storage.close()
        storage.close()
        assert self.tree(storage) == {b"a/": b"", b"a/one": b"content"}

    # Names

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_hostile_names(self, storage: Storage, name: bytes) -> None:
        if not storage.capabilities.any_bytes and not is_text(name):
            with pytest.raises(OSError, match="multibyte") as caught:
                storage.lstat(b"", name)
            assert caught.value.errno == errno.EILSEQ
            return
        self.plant(storage, {b"plain": b"content"})
        storage.make_folder(b"", name)
        storage.rename_noreplace(b"", b"plain", storage, name, name)
        assert self.files(storage) == {join(name, name): b"content"}
        assert names_of(storage) == {name}
        assert names_of(storage, name) == {name}
        assert content_of(storage, name, name) == b"content"

    def test_any_legal_name_survives_the_round(self, storage: Storage) -> None:
        names = self.legal_names(storage)

        @settings(max_examples=60, deadline=None)
        @given(folder=names, first=names, second=names)
        def survives(folder: bytes, first: bytes, second: bytes) -> None:
            place = b"example %d" % next(_FOLDER_NUMBERS)
            if folder == first:
                folder += b"!"
            inside = join(place, folder)
            storage.make_folder(b"", place)
            self.plant(storage, {join(place, first): first})
            storage.make_folder(place, folder)
            storage.rename_noreplace(place, first, storage, inside, second)
            assert names_of(storage, inside) == {second}
            assert content_of(storage, inside, second) == first
            storage.rename_noreplace(inside, second, storage, place, first)
            assert names_of(storage, place) == {first, folder}
            assert names_of(storage, inside) == set()

        survives()

    @pytest.mark.parametrize("path", NO_PATHS)
    def test_no_path_leads_out(self, storage: Storage, path: bytes) -> None:
        self.plant(storage, {b"a/b/one": b"content"})
        before = self.tree(storage)
        calls: list[Callable[[], Any]] = [
            lambda: names_of(storage, path),
            lambda: storage.stat_folder(path),
            lambda: storage.lstat(path, b"one"),
            lambda: storage.lstat(b"a/b", path),
            lambda: storage.open_read(b"a/b", path),
            lambda: storage.rename_noreplace(b"a/b", b"one", storage, path, b"new"),
            lambda: storage.rename_noreplace(b"a/b", b"one", storage, b"a", path),
            lambda: storage.rename_noreplace(b"a/b", path, storage, b"a", b"new"),
            lambda: storage.copy_noreplace(b"a/b", b"one", storage, path, b"new"),
            lambda: storage.copy_noreplace(b"a/b", b"one", storage, b"a", path),
            lambda: storage.remove(path, b"one"),
            lambda: storage.remove(b"a/b", path),
            lambda: storage.make_folder(path, b"new"),
            lambda: storage.make_folder(b"a", path),
            lambda: storage.remove_folder(b"a", path),
        ]
        for call in calls:
            with pytest.raises(OSError, match="Invalid") as caught:
                call()
            assert caught.value.errno == errno.EINVAL
        for name in (b"", b"."):
            with pytest.raises(OSError, match="Invalid"):
                storage.lstat(b"a", name)
        assert self.tree(storage) == before

    def files(self, storage: Storage) -> dict[bytes, bytes]:
        return {path: content for path, content in self.tree(storage).items() if not path.endswith(b"/")}

    @staticmethod
    def legal_names(storage: Storage) -> st.SearchStrategy[bytes]:
        limit = min(storage.capabilities.name_limit, 255) - 1
        text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=limit // 4).map(str.encode)
        names = st.one_of(text, st.binary(min_size=1, max_size=limit)) if storage.capabilities.any_bytes else text
        cleaned = names.map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
        return cleaned.filter(lambda name: name not in {b".", b".."})
