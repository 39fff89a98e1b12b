"""A copy has the mode, times, owner, attributes and ACL of the file, or reports the loss."""

from __future__ import annotations

import errno
import os
import stat
import struct
from typing import TYPE_CHECKING

import pytest
from tests.storage.ways import copy_noreplace, names_of, path_of, seen, staged_copy

from fileorg.core.reasons import NOTHING_LOST, Lost
from fileorg.storage.local import copying
from fileorg.storage.local.attributes import attributes_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fileorg.storage.local.storage import LocalStorage

TEMPORARY = b".fileorg-1-1.part"
# A date with a fraction in nanoseconds.
MTIME_NS = 1_234_567_890_123_456_789


def test_a_copy_has_the_metadata_of_the_file(local: LocalStorage, target: LocalStorage) -> None:
    one = path_of(local, "one")
    one.write_text("content")
    os.setxattr(one, "user.note", b"\x00\xff note")
    os.setxattr(one, "user.empty", b"")
    one.chmod(0o4751)
    os.utime(one, ns=(MTIME_NS - 1, MTIME_NS))
    made = copy_noreplace(local, b"", b"one", target, b"", b"two")
    two = path_of(target, "two")
    assert made == seen(target, b"", b"two")
    assert (made.mtime_ns, stat.S_IMODE(made.mode), made.nlink) == (MTIME_NS, 0o4751, 1)
    assert two.stat().st_atime_ns == MTIME_NS - 1
    assert {name: os.getxattr(two, name) for name in os.listxattr(two)} == {
        "user.note": b"\x00\xff note",
        "user.empty": b"",
    }
    assert names_of(target) == names_of(local) | {b"two"} if target is local else {b"two"}


@pytest.mark.root
def test_a_copy_by_root_has_the_same_owner(local: LocalStorage) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = path_of(local, "one")
    one.write_text("content")
    os.chown(one, 1234, 5678)
    staged = staged_copy(local, b"", b"one", local, b"", TEMPORARY)
    facts = path_of(local, TEMPORARY).stat()
    assert (facts.st_uid, facts.st_gid, staged.lost) == (1234, 5678, NOTHING_LOST)


@pytest.mark.root
def test_a_copy_by_someone_else_does_not_run_as_them(
    local: LocalStorage, root: Path, as_nobody: Callable[[], AbstractContextManager[None]]
) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    one = path_of(local, "one")
    one.write_text("#!/bin/sh")
    one.chmod(0o6755)
    os.setxattr(one, "user.note", b"note")
    (root / "theirs").mkdir()
    (root / "theirs").chmod(0o777)
    with as_nobody():
        staged = staged_copy(local, b"", b"one", local, b"theirs", TEMPORARY)
    assert (staged.lost, staged.lost_attributes) == (Lost.OWNER | Lost.MODE, [])
    assert stat.S_IMODE(staged.entry.mode) == 0o755
    assert os.getxattr(root / "theirs" / os.fsdecode(TEMPORARY), "user.note") == b"note"


def acl(*entries: tuple[int, int, int]) -> bytes:
    """Return an ACL in the kernel's format: version 2; tag, permissions and id of each entry."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


ACL = "system.posix_acl_access"
USER, NAMED_USER, GROUP, MASK, OTHER, NO_ID = 0x01, 0x02, 0x04, 0x10, 0x20, 0xFFFFFFFF
BOB_MAY_READ = acl((USER, 6, NO_ID), (NAMED_USER, 4, 1234), (GROUP, 0, NO_ID), (MASK, 4, NO_ID), (OTHER, 0, NO_ID))


def test_an_access_list_travels(local: LocalStorage, target: LocalStorage) -> None:
    one = path_of(local, "one")
    one.write_text("content")
    os.setxattr(one, ACL, BOB_MAY_READ)
    copy_noreplace(local, b"", b"one", target, b"", b"two")
    two = path_of(target, "two")
    assert os.getxattr(two, ACL) == BOB_MAY_READ
    assert two.stat().st_mode == one.stat().st_mode


def test_the_target_folder_gives_nobody_access(local: LocalStorage, root: Path) -> None:
    one = path_of(local, "one")
    one.write_text("secret")
    one.chmod(0o640)
    (root / "shared").mkdir()
    os.setxattr(root / "shared", "system.posix_acl_default", BOB_MAY_READ)
    copy_noreplace(local, b"", b"one", local, b"shared", b"two")
    assert os.listxattr(root / "shared/two") == []
    assert stat.S_IMODE((root / "shared/two").stat().st_mode) == 0o640


def test_what_cannot_be_kept_is_said(tmp_path: Path) -> None:
    """A pipe has an owner, a mode and times, but no attributes."""
    (tmp_path / "one").write_text("content")
    os.setxattr(tmp_path / "one", "user.a\x1bb", b"note")
    source = os.open(tmp_path / "one", os.O_RDONLY)
    reading, writing = os.pipe()
    assert copying.copy_metadata(source, writing, os.fstat(source)) == (Lost.ATTRIBUTE, [b"user.a\x1bb"], 0)
    for fd in (source, reading, writing):
        os.close(fd)


def test_an_attribute_that_cannot_be_read_costs_no_other_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").write_text("content")
    for name in ("user.a", "user.b", "user.c"):
        os.setxattr(tmp_path / "one", name, b"note")
    read = os.getxattr

    def without_b(fd: int, name: str) -> bytes:
        if name == "user.b":  # removed by another program just now
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))
        return read(fd, name)

    monkeypatch.setattr(os, "getxattr", without_b)
    fd = os.open(tmp_path / "one", os.O_RDONLY)
    assert attributes_of(fd).extended == {"user.a": b"note", "user.c": b"note"}
    os.close(fd)
