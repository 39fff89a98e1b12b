"""Open folders: their number, their lifetime, and their file systems."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import shutil
from typing import TYPE_CHECKING

import pytest
from tests.storage.ways import content_of, names_of, path_of, read, write

from fileorg.core.descriptors import TooManyOpen
from fileorg.storage.local import posix
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def another(local: LocalStorage, tmp_path: Path) -> Iterator[LocalStorage]:
    """A second tree, opened when this process may open 80 more descriptors."""
    (tmp_path / "another").mkdir()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_opened() + 80, hard))
    try:
        with contextlib.closing(LocalStorage(os.fsencode(tmp_path / "another"))) as storage:
            yield storage
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _opened() -> int:
    return len(os.listdir("/proc/self/fd")) - 1  # without the one for the listing


def test_all_trees_share_the_descriptors(local: LocalStorage, another: LocalStorage, root: Path) -> None:
    write(root, {f"{number}/file": str(number) for number in range(100)})
    write(path_of(another, ""), {f"{number}/other": "" for number in range(100)})
    before = _opened()
    for _ in range(2):
        for number in range(100):
            folder, other = b"%d" % number, b"%d" % ((number + 50) % 100)
            local.rename_noreplace(folder, b"file", another, other, b"aside")
            another.rename_noreplace(other, b"aside", local, folder, b"file")
    assert read(root) == {f"{number}/file": str(number) for number in range(100)}
    assert _opened() - before <= 40
    for storage in (another, local):
        storage.close()
    assert _opened() < before


def test_many_moves_at_once_share_them_too(local: LocalStorage, another: LocalStorage, root: Path) -> None:
    write(root, {f"{number}/file": str(number) for number in range(100)})
    write(path_of(another, ""), {f"{number}/other": "" for number in range(100)})
    paths = [part for number in range(100) for part in (b"%d" % number, b"file", b"%d" % (99 - number), b"moved")]
    assert local.rename_all(another, paths) == []
    assert read(root) == {}
    assert {path: content for path, content in read(path_of(another, "")).items() if content} == {
        f"{99 - number}/moved": str(number) for number in range(100)
    }


def test_a_tree_that_leaves_no_room_is_refused(local: LocalStorage, another: LocalStorage, root: Path) -> None:
    with contextlib.ExitStack() as stack:

        def open_more() -> None:
            while True:
                stack.callback(LocalStorage(local.root).close)

        with pytest.raises(TooManyOpen, match="ulimit -n"):
            open_more()
        before = _opened()
        with pytest.raises(TooManyOpen):
            open_more()
        assert _opened() == before


def test_a_folder_in_use_stays_open(local: LocalStorage, root: Path) -> None:
    """Checked by inode, because a reopened descriptor may have the same number."""
    for number in range(300):
        (root / str(number)).mkdir()
    right_folder = os.fstat(local.fd(b"0"))
    (root / "0").rename(root / "aside")
    (root / "0").mkdir()
    for number in range(1, 300):
        local.fd(b"%d" % number)
        assert os.path.samestat(os.fstat(local.fd(b"0")), right_folder)


def test_a_folder_that_others_removed_is_made_again(local: LocalStorage, root: Path) -> None:
    write(root, {"one": "content", "a/b/two": "content"})
    local.fd(b"a/b")
    shutil.rmtree(root / "a")
    local.make_folder(b"", b"a")
    local.make_folder(b"a", b"b")
    local.rename_noreplace(b"", b"one", local, b"a/b", b"one")
    assert read(root) == {"a/b/one": "content"}


def test_a_removed_folder_that_others_make_again_is_found(local: LocalStorage, root: Path) -> None:
    (root / "a").mkdir()
    local.fd(b"a")
    local.remove_folder(b"", b"a")
    write(root, {"a/one": "content"})
    assert content_of(local, b"a", b"one") == b"content"


def test_a_folder_is_looked_for_again_once_forgotten(local: LocalStorage, root: Path) -> None:
    write(root, {"a/b/one": "first", "ab/one": "kept"})
    kept = local.fd(b"ab")
    assert content_of(local, b"a/b", b"one") == b"first"
    shutil.rmtree(root / "a")
    write(root, {"a/b/one": "second"})
    local.forget(b"a")
    assert content_of(local, b"a/b", b"one") == b"second"
    assert local.fd(b"ab") == kept
    shutil.rmtree(root / "a")
    local.forget(b"")
    assert local.lstat(b"a/b", b"one") is None


def test_what_is_done_is_flushed_on_every_file_system(
    local: LocalStorage, elsewhere: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    flush = posix.sync_file_system

    def noting(fd: int) -> None:
        flushed.append(os.fstat(fd).st_dev)
        flush(fd)

    monkeypatch.setattr(posix, "sync_file_system", noting)
    for storage in (local, elsewhere):
        storage.sync()
    assert flushed == [root.stat().st_dev, os.stat(elsewhere.root).st_dev]


@pytest.mark.root
def test_mounts_beneath_the_root(
    local: LocalStorage,
    root: Path,
    mount_tmpfs: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (root / "mount").mkdir()
    mount_tmpfs(root / "mount")
    write(root, {"mount/a/one": "content", "here": "kept"})
    device, other_device = root.stat().st_dev, (root / "mount").stat().st_dev

    with pytest.raises(OSError, match="cross-device") as caught:
        local.rename_noreplace(b"mount/a", b"one", local, b"", b"one")
    assert caught.value.errno == errno.EXDEV

    flushed: list[int] = []
    monkeypatch.setattr(posix, "sync_file_system", lambda fd: flushed.append(os.fstat(fd).st_dev))
    local.forget(b"")
    local.sync()
    assert flushed == [device, other_device]

    confined = LocalStorage(local.root, cross_mounts=False)
    for opened in (posix.open_beneath, posix._open_by_component):
        monkeypatch.setattr(posix, "open_beneath", opened)
        for call in (lambda: names_of(confined, b"mount"), lambda: confined.lstat(b"mount/a", b"one")):
            with pytest.raises(OSError, match="cross-device"):
                call()
    assert names_of(confined) == {b"mount", b"here"}
    confined.close()
    local.close()
