"""What every storage promises of renames, copies, removals and folders."""

from __future__ import annotations

import errno
import threading
from typing import TYPE_CHECKING

import pytest
from tests.storage.ways import Ways, names_of, seen

from fileorg.core.names import split

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.storage.base import Storage


class Changing(Ways):
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
            mine = self.another(storage)
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
