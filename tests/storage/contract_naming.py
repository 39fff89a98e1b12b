"""What every storage promises of names: any is kept as it is, and none leads out."""

from __future__ import annotations

import errno
import itertools
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.storage.ways import Ways, content_of, names_of

from fileorg.core.names import join

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.storage.base import Storage

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


class Naming(Ways):
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

    @staticmethod
    def legal_names(storage: Storage) -> st.SearchStrategy[bytes]:
        limit = min(storage.capabilities.name_limit, 255) - 1
        text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=limit // 4).map(str.encode)
        names = st.one_of(text, st.binary(min_size=1, max_size=limit)) if storage.capabilities.any_bytes else text
        cleaned = names.map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
        return cleaned.filter(lambda name: name not in {b".", b".."})
