"""Symlinks are listed, moved and removed as symlinks, and never followed."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.ways import copy_noreplace, names_of, read, seen, write

from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fileorg.storage.local.storage import LocalStorage


def test_a_symlink_is_itself(local: LocalStorage, root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("kept")
    local.symlink(b"../outside", b"", b"link")
    assert stat.S_ISLNK(seen(local, b"", b"link").mode)
    assert local.readlink(b"", b"link") == b"../outside"
    for call in (
        lambda: local.open_read(b"", b"link"),
        lambda: copy_noreplace(local, b"", b"link", local, b"", b"copy"),
    ):
        with pytest.raises(OSError, match="symbolic") as caught:
            call()
        assert caught.value.errno == errno.ELOOP
    local.rename_noreplace(b"", b"link", local, b"", b"moved")
    assert read(root) == {"moved": "-> ../outside"}
    local.hardlink(b"", b"moved", local, b"", b"twice")
    assert read(root) == {"moved": "-> ../outside", "twice": "-> ../outside"}
    local.remove(b"", b"moved")
    local.remove(b"", b"twice")
    assert read(tmp_path) == {"outside": "kept"}


def calls_into(storage: LocalStorage, folder: bytes) -> list[Callable[[], Any]]:
    """All calls of a storage in a folder that holds `one`."""
    return [
        lambda: names_of(storage, folder),
        lambda: storage.stat_folder(folder),
        lambda: storage.lstat(folder, b"one"),
        lambda: storage.open_read(folder, b"one"),
        lambda: storage.readlink(folder, b"one"),
        lambda: storage.has_digest(folder, b"one", b""),
        lambda: storage.casing.casings(folder, b"one"),
        lambda: storage.casing.has_exact_casing(folder, b"one"),
        lambda: storage.rename_noreplace(folder, b"one", storage, b"", b"new"),
        lambda: storage.rename_noreplace(b"", b"here", storage, folder, b"new"),
        lambda: copy_noreplace(storage, folder, b"one", storage, b"", b"new"),
        lambda: copy_noreplace(storage, b"", b"here", storage, folder, b"new"),
        lambda: storage.reserve(folder, b"new"),
        lambda: storage.hardlink(folder, b"one", storage, b"", b"new"),
        lambda: storage.hardlink(b"", b"here", storage, folder, b"new"),
        lambda: storage.symlink(b"one", folder, b"new"),
        lambda: storage.remove(folder, b"one"),
        lambda: storage.discard(folder, b"one"),
        lambda: storage.make_folder(folder, b"new"),
        lambda: storage.remove_folder(folder, b"empty"),
        lambda: storage.set_folder_times(folder, 1),
    ]


@pytest.mark.parametrize("folder", [b"a", b"a/b"])
@pytest.mark.parametrize("by_component", [False, True])
def test_a_folder_swapped_for_a_symlink_is_refused(
    local: LocalStorage,
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    by_component: bool,
    folder: bytes,
) -> None:
    if by_component:
        monkeypatch.setattr(posix, "open_beneath", posix._open_by_component)
    write(root, {"here": "kept", "a/b/one": "kept"})
    write(tmp_path, {"outside/one": "kept", "outside/b/one": "kept"})
    (tmp_path / "outside/empty").mkdir()
    assert local.lstat(b"a", b"b") is not None
    (root / "a").rename(root / "aside")
    (root / "a").symlink_to(tmp_path / "outside")
    local.forget(b"")
    before, facts = read(tmp_path), (tmp_path / "outside").stat()
    for call in calls_into(local, folder):
        with pytest.raises(OSError, match="symbolic") as caught:
            call()
        assert caught.value.errno == errno.ELOOP
    assert read(tmp_path) == before
    assert (tmp_path / "outside/empty").is_dir()
    assert (tmp_path / "outside").stat() == facts


def test_an_open_folder_cannot_be_led_astray(local: LocalStorage, root: Path, tmp_path: Path) -> None:
    """A folder that is swapped after its open does not redirect later calls."""
    write(root, {"here": "content", "a/one": "kept"})
    write(tmp_path, {"outside/one": "kept"})
    local.fd(b"a")
    (root / "a").rename(root / "aside")
    (root / "a").symlink_to(tmp_path / "outside")
    local.rename_noreplace(b"", b"here", local, b"a", b"two")
    assert read(tmp_path / "outside") == {"one": "kept"}
    assert read(root) == {"a": f"-> {tmp_path}/outside", "aside/one": "kept", "aside/two": "content"}


def test_a_symlink_that_leads_nowhere_takes_its_name(local: LocalStorage, root: Path) -> None:
    write(root, {"one": "content"})
    (root / "taken").symlink_to("missing")
    calls: list[Callable[[], Any]] = [
        lambda: local.rename_noreplace(b"", b"one", local, b"", b"taken"),
        lambda: copy_noreplace(local, b"", b"one", local, b"", b"taken"),
        lambda: local.hardlink(b"", b"one", local, b"", b"taken"),
        lambda: local.symlink(b"one", b"", b"taken"),
        lambda: local.reserve(b"", b"taken"),
        lambda: local.make_folder(b"", b"taken"),
    ]
    for call in calls:
        with pytest.raises(FileExistsError):
            call()
    assert read(root) == {"one": "content", "taken": "-> missing"}
