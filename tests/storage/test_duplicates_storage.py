"""Exchanged names and shared blocks."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.power.filesystems import BTRFS, XFS, FileSystem, Unmountable

from fileorg.storage.local.blocks import share_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fileorg.storage.local.storage import LocalStorage

_MIB = 1 << 20


# Exchanged names ------------------------------------------------------------------------------------------------------


def test_each_has_the_name_of_the_other(local: LocalStorage, root: Path) -> None:
    (root / "a").write_text("1")
    (root / "b").symlink_to("a")
    local.exchange(b"", b"a", b"b")
    assert (os.readlink(root / "a"), (root / "b").read_text()) == ("a", "1")


def test_both_have_to_be_there(local: LocalStorage, root: Path) -> None:
    (root / "a").write_text("1")
    for names in ((b"a", b"b"), (b"b", b"a")):
        with pytest.raises(FileNotFoundError):
            local.exchange(b"", *names)
    assert (root / "a").read_text() == "1"


@pytest.mark.parametrize("name", [b"", b"..", b"x/y", b"a\0"])
def test_what_is_no_name_is_not_exchanged(local: LocalStorage, root: Path, name: bytes) -> None:
    (root / "a").write_text("1")
    for names in ((b"a", name), (name, b"a")):
        with pytest.raises(OSError, match="Invalid argument") as raised:
            local.exchange(b"", *names)
        assert raised.value.errno == errno.EINVAL


# Shared blocks --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=[BTRFS, XFS], ids=str)
def disk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system that can share blocks between files."""
    system: FileSystem = request.param
    if os.geteuid() or not system.is_there:
        pytest.skip(f"NOT TESTED: shared blocks on {system} need root and mkfs.{system}")
    folder = tmp_path_factory.mktemp("disk")
    try:
        system.create(folder / "image")
        with system.mounted(folder / "image", folder / "mounted"):
            os.chmod(folder / "mounted", 0o777)
            yield folder / "mounted"
    except Unmountable as why:
        pytest.skip(f"NOT TESTED: shared blocks on {system}: {why}")


def share(source: Path, target: Path) -> bool:
    with ExitStack() as stack:
        first, second = (stack.enter_context(path.open("rb")) for path in (source, target))
        return share_blocks(first.fileno(), second.fileno(), source.stat().st_size)


@pytest.mark.root
@pytest.mark.parametrize("size", [100, 4096, 100_001, 17 * _MIB + 5])
def test_blocks_are_shared_and_nothing_changes(disk: Path, size: int) -> None:
    content = os.urandom(size)
    for name in "ab":
        (disk / name).write_bytes(content)
        os.utime(disk / name, ns=(1, 10**18 + 1))
    os.sync()
    before = os.statvfs(disk).f_bfree
    seen = (disk / "b").stat()
    assert share(disk / "a", disk / "b")
    now = (disk / "b").stat()
    assert (now.st_mtime_ns, now.st_ino, now.st_mode) == (seen.st_mtime_ns, seen.st_ino, seen.st_mode)
    assert (disk / "b").read_bytes() == content
    os.sync()
    if size > _MIB:
        assert os.statvfs(disk).f_bfree - before > size // 2 // os.statvfs(disk).f_frsize


@pytest.mark.root
def test_what_differs_is_not_shared(disk: Path) -> None:
    content = bytearray(os.urandom(17 * _MIB))
    (disk / "a").write_bytes(content)
    content[-1] ^= 1
    (disk / "b").write_bytes(content)
    assert not share(disk / "a", disk / "b")
    assert (disk / "b").read_bytes() == content


@pytest.mark.root
def test_only_who_may_write_to_it(disk: Path, as_nobody: Callable[[], AbstractContextManager[None]]) -> None:
    for name in "ab":
        (disk / name).write_bytes(b"same" * 4096)
        (disk / name).chmod(0o644)
    with as_nobody(), pytest.raises(PermissionError):
        share(disk / "a", disk / "b")
