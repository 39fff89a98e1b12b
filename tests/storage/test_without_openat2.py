"""Without openat2(2), folders are opened component by component, and the whole contract holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.storage.test_local import TestLocal as LocalContract

from fileorg.storage.local import posix

if TYPE_CHECKING:
    from fileorg.storage.local.storage import LocalStorage


class TestWithoutOpenat2(LocalContract):
    @pytest.fixture(autouse=True)
    def by_component(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(posix, "_SYS_OPENAT2", 99_999)

    @pytest.fixture
    def counted(self, monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
        asked: list[bytes] = []
        opened = posix._open_by_component

        def count(root_fd: int, folder: bytes, *, cross_mounts: bool = True) -> int:
            asked.append(folder)
            return opened(root_fd, folder, cross_mounts=cross_mounts)

        monkeypatch.setattr(posix, "_open_by_component", count)
        return asked

    def test_it_is_so(self, local: LocalStorage, counted: list[bytes]) -> None:
        local.make_folder(b"", b"a")
        local.make_folder(b"a", b"b")
        assert local.lstat(b"a", b"b") is not None
        assert b"a" in counted
