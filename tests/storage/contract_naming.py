"""The contract of every storage for names: any name is kept exactly, and none leads outside."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import pytest
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


def legal_names(storage: Storage) -> st.SearchStrategy[bytes]:
    limit = min(storage.capabilities.name_limit, 255) - 1
    text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=limit // 4).map(str.encode)
    names = st.one_of(text, st.binary(min_size=1, max_size=limit))
    cleaned = names.map(lambda name: name.replace(b"/", b"_").replace(b"\0", b"_"))
    return cleaned.filter(lambda name: name not in {b".", b".."})


class Naming(Ways):
    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_hostile_names(self, storage: Storage, name: bytes) -> None:
        self.plant(storage, {join(name, name): b"content"})
        assert names_of(storage) == {name}
        assert names_of(storage, name) == {name}
        assert content_of(storage, name, name) == b"content"

    @pytest.mark.parametrize("path", NO_PATHS)
    def test_no_path_leads_out(self, storage: Storage, path: bytes) -> None:
        self.plant(storage, {b"a/b/one": b"content"})
        calls: list[Callable[[], Any]] = [
            lambda: names_of(storage, path),
            lambda: storage.stat_folder(path),
            lambda: storage.lstat(path, b"one"),
            lambda: storage.lstat(b"a/b", path),
            lambda: storage.open_read(b"a/b", path),
            lambda: storage.readlink(b"a/b", path),
            lambda: storage.follow_symlink(path, b"one"),
            lambda: storage.set_folder_times(path, 0),
        ]
        for call in calls:
            with pytest.raises(OSError, match="Invalid") as caught:
                call()
            assert caught.value.errno == errno.EINVAL
        for name in (b"", b"."):
            with pytest.raises(OSError, match="Invalid"):
                storage.lstat(b"a", name)
