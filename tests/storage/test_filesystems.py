"""Real other file systems: some copy by reference, one has neither modes nor a rename that never replaces."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import xxhash
from tests.storage.test_local import TestLocal as LocalContract
from tests.storage.test_metadata import ACL, BOB_MAY_READ
from tests.storage.ways import path_of, read, seen, staged_copy, write

from fileorg.core.reasons import NOTHING_LOST, Lost
from fileorg.storage.local import copying, posix
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.root

MAKE = {
    "btrfs": ["mkfs.btrfs", "-q"],
    "xfs": ["mkfs.xfs", "-q"],
    "ntfs": ["mkfs.ntfs", "-F", "-q"],
}
MOUNT = {
    "btrfs": ["mount", "-t", "btrfs", "-o", "loop"],
    "xfs": ["mount", "-t", "xfs", "-o", "loop"],
    "ntfs": ["lowntfs-3g", "-o", "ignore_case"],
}


def mounted(kind: str, tmp_path: Path) -> Iterator[LocalStorage]:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    for tool in (MAKE[kind][0], MOUNT[kind][0]):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    image, place = tmp_path / "image", tmp_path / "mount"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(400 << 20)
    subprocess.run([*MAKE[kind], str(image)], check=True, capture_output=True)
    answer = subprocess.run([*MOUNT[kind], str(image), str(place)], check=False, capture_output=True, text=True)
    if answer.returncode:
        pytest.skip(f"{kind} cannot be mounted here: {answer.stderr.strip()}")
    try:
        root = place / "root"
        root.mkdir()
        root.chmod(0o755)
        opened = LocalStorage(os.fsencode(root))
        yield opened
        opened.close()
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture(params=["btrfs", "xfs"])
def reflinking(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LocalStorage]:
    yield from mounted(request.param, tmp_path)


@pytest.fixture
def ntfs(tmp_path: Path) -> Iterator[LocalStorage]:
    yield from mounted("ntfs", tmp_path)


class TestReflinking(LocalContract):
    @pytest.fixture
    def local(self, reflinking: LocalStorage) -> LocalStorage:
        return reflinking


def test_a_copy_shares_its_blocks(reflinking: LocalStorage) -> None:
    content = os.urandom(1 << 20) + bytes(1 << 20) + b"tail"
    one, by_hand = path_of(reflinking, "one"), path_of(reflinking, "by hand")
    one.write_bytes(content)
    by_hand.touch()
    with one.open("rb") as source, by_hand.open("r+b") as copy:
        assert copying._clone(source.fileno(), copy.fileno())
    staged = staged_copy(reflinking, b"", b"one", reflinking, b"", b"two")
    assert staged.digest == xxhash.xxh3_128(content).digest()
    assert (staged.entry.size, staged.lost) == (len(content), NOTHING_LOST)
    for copied in (by_hand, path_of(reflinking, "two")):
        assert copied.read_bytes() == content
    one.write_bytes(b"another content")
    assert path_of(reflinking, "two").read_bytes() == content


def test_a_rename_without_the_flag(ntfs: LocalStorage) -> None:
    root = path_of(ntfs, b"")
    write(root, {"one": "content", "taken": "kept"})
    fd = ntfs.fd(b"")
    with pytest.raises(OSError, match="Invalid") as caught:
        posix.rename_noreplace(fd, b"one", fd, b"two")
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(FileExistsError):
        ntfs.rename_noreplace(b"", b"one", ntfs, b"", b"taken")
    with pytest.raises(FileExistsError):
        ntfs.rename_noreplace(b"", b"one", ntfs, b"", b"TAKEN")
    assert read(root) == {"one": "content", "taken": "kept"}
    ntfs.rename_noreplace(b"", b"one", ntfs, b"", b"two")
    assert read(root) == {"two": "content", "taken": "kept"}
    assert seen(ntfs, b"", b"two").nlink == 1


def test_what_another_file_system_does_not_keep_is_said(local: LocalStorage, ntfs: LocalStorage) -> None:
    one = path_of(local, "one")
    one.write_text("content")
    os.chown(one, 1234, 5678)
    one.chmod(0o6711)
    os.setxattr(one, ACL, BOB_MAY_READ)
    os.utime(one, ns=(1_234_567_890_123_456_789, 1_234_567_890_123_456_789))
    staged = staged_copy(local, b"", b"one", ntfs, b"", b"two")
    assert staged.lost == Lost.OWNER | Lost.ATTRIBUTE | Lost.MODE
    assert staged.lost_attributes == [os.fsencode(ACL)]
    assert staged.entry == seen(ntfs, b"", b"two")
    assert staged.entry.mtime_ns == 1_234_567_890_123_456_700  # rounded by NTFS
    assert path_of(ntfs, "two").read_text() == "content"


def test_case_does_not_matter_there(ntfs: LocalStorage) -> None:
    write(path_of(ntfs, b""), {"abc": "content"})
    assert ntfs.is_case_insensitive()
