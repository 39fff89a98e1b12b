"""The contract of a local storage for renames, copies, removals, links and folders, and for the names it is given."""

from __future__ import annotations

import errno
import itertools
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from tests.storage.contract_naming import NO_PATHS, legal_names
from tests.storage.ways import Ways, content_of, copy_noreplace, names_of, rename_noreplace, seen

from fileorg.core.names import join, split
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    Way = Callable[[LocalStorage, bytes, bytes, LocalStorage, bytes, bytes], object]

# A new name for each example, because the examples of a test share its storage.
_FOLDER_NUMBERS = itertools.count()


class Changing(Ways):
    def test_a_rename_moves_the_content(self, storage: LocalStorage) -> None:
        self.plant(storage, {b"a/one": b"content", b"b/other": b"other"})
        storage.rename_noreplace(b"a", b"one", storage, b"b", b"two")
        assert self.files(storage) == {b"b/two": b"content", b"b/other": b"other"}

    def test_a_copy_is_a_second_file(self, storage: LocalStorage) -> None:
        self.plant(storage, {b"a/one": b"content", b"b/other": b"other"})
        made = copy_noreplace(storage, b"a", b"one", storage, b"b", b"two")
        assert self.files(storage) == {b"a/one": b"content", b"b/two": b"content", b"b/other": b"other"}
        assert made == storage.lstat(b"b", b"two")
        assert (made.size, made.nlink) == (7, 1)

    @pytest.mark.parametrize("taken", [b"two", b"folder"])
    @pytest.mark.parametrize("how", [rename_noreplace, copy_noreplace])
    def test_a_taken_target_is_refused(self, storage: LocalStorage, how: Way, taken: bytes) -> None:
        before = {b"a/one": b"content", b"b/two": b"kept", b"b/folder/file": b"kept too"}
        self.plant(storage, before)
        entries = [seen(storage, b"a", b"one"), seen(storage, b"b", b"two")]
        with pytest.raises(FileExistsError) as caught:
            how(storage, b"a", b"one", storage, b"b", taken)
        assert caught.value.errno == errno.EEXIST
        assert self.files(storage) == before
        assert [seen(storage, b"a", b"one"), seen(storage, b"b", b"two")] == entries

    @pytest.mark.parametrize("how", [rename_noreplace, copy_noreplace])
    def test_a_file_is_not_its_own_target(self, storage: LocalStorage, how: Way) -> None:
        self.plant(storage, {b"a/one": b"content"})
        with pytest.raises(FileExistsError):
            how(storage, b"a", b"one", storage, b"a", b"one")
        assert self.files(storage) == {b"a/one": b"content"}

    @pytest.mark.parametrize("how", [rename_noreplace, copy_noreplace])
    def test_of_many_at_once_one_gets_the_name(self, storage: LocalStorage, how: Way) -> None:
        before = {b"a/%d" % number: b"content %d" % number for number in range(16)}
        self.plant(storage, before | {b"b/other": b""})
        refused: list[bytes] = []
        start = threading.Barrier(len(before))

        def take(name: bytes) -> None:
            mine = LocalStorage(storage.root)
            start.wait()
            try:
                how(mine, b"a", name, mine, b"b", b"name")
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

    @pytest.mark.parametrize("how", [rename_noreplace, copy_noreplace])
    def test_a_missing_source_is_said_and_leaves_no_trace(self, storage: LocalStorage, how: Way) -> None:
        self.plant(storage, {b"b/two": b"kept"})
        with pytest.raises(FileNotFoundError) as caught:
            how(storage, b"b", b"missing", storage, b"b", b"new")
        assert caught.value.errno == errno.ENOENT
        assert self.files(storage) == {b"b/two": b"kept"}

    @pytest.mark.parametrize("how", [rename_noreplace, copy_noreplace])
    def test_a_target_below_a_file_is_not_called_taken(self, storage: LocalStorage, how: Way) -> None:
        before = {b"one": b"content", b"file": b"kept"}
        self.plant(storage, before)
        with pytest.raises(NotADirectoryError):
            how(storage, b"", b"one", storage, b"file", b"new")
        assert self.files(storage) == before

    def test_a_file_is_removed(self, storage: LocalStorage) -> None:
        self.plant(storage, {b"a/one": b"content", b"a/two": b"kept"})
        storage.remove(b"a", b"one")
        assert self.files(storage) == {b"a/two": b"kept"}
        with pytest.raises(FileNotFoundError):
            storage.remove(b"a", b"one")
        with pytest.raises(IsADirectoryError):
            storage.remove(b"", b"a")
        assert self.files(storage) == {b"a/two": b"kept"}

    def test_folders_are_made_and_removed(self, storage: LocalStorage) -> None:
        storage.make_folder(b"", b"a")
        storage.make_folder(b"a", b"b")
        assert self.tree(storage) == {b"a/": b"", b"a/b/": b""}
        storage.remove_folder(b"a", b"b")
        assert self.tree(storage) == {b"a/": b""}
        storage.remove_folder(b"", b"a")
        assert self.tree(storage) == {}

    def test_a_folder_that_holds_anything_stays(self, storage: LocalStorage) -> None:
        before = {b"a/one": b"content", b"b/c/two": b"content"}
        self.plant(storage, before)
        for folder in (b"a", b"b"):
            with pytest.raises(OSError, match="not empty") as caught:
                storage.remove_folder(b"", folder)
            assert caught.value.errno == errno.ENOTEMPTY
        assert self.files(storage) == before

    def test_folders_refuse_what_is_in_their_way(self, storage: LocalStorage) -> None:
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

    def test_a_folder_that_is_made_again_works_again(self, storage: LocalStorage) -> None:
        for content in (b"first", b"second"):
            self.plant(storage, {b"one": content})
            storage.make_folder(b"", b"a")
            storage.rename_noreplace(b"", b"one", storage, b"a", b"one")
            assert self.files(storage) == {b"a/one": content}
            storage.remove(b"a", b"one")
            storage.remove_folder(b"", b"a")

    def test_links_are_made_and_refuse_a_taken_name(self, storage: LocalStorage) -> None:
        self.plant(storage, {b"a/one": b"content"})
        links: list[Callable[[], None]] = [
            lambda: storage.hardlink(b"a", b"one", storage, b"a", b"two"),
            lambda: storage.symlink(b"one", b"a", b"three"),
        ]
        for link in links:
            link()
            with pytest.raises(FileExistsError):
                link()
        assert names_of(storage, b"a") == {b"one", b"two", b"three"}

    def test_any_legal_name_survives_the_round(self, storage: LocalStorage) -> None:
        names = legal_names(storage)

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
    def test_no_change_leads_out(self, storage: LocalStorage, path: bytes) -> None:
        self.plant(storage, {b"a/b/one": b"content"})
        before = self.tree(storage)
        calls: list[Callable[[], object]] = [
            lambda: storage.rename_noreplace(b"a/b", b"one", storage, path, b"new"),
            lambda: storage.rename_noreplace(b"a/b", b"one", storage, b"a", path),
            lambda: storage.rename_noreplace(b"a/b", path, storage, b"a", b"new"),
            lambda: copy_noreplace(storage, b"a/b", b"one", storage, path, b"new"),
            lambda: copy_noreplace(storage, b"a/b", b"one", storage, b"a", path),
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
        assert self.tree(storage) == before
