"""Detection of writers: by a lease, by /proc, by the time of the last write, or not at all."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

import pytest
from tests.support.writing import HOLDS, Mapped, holding, leased_for_writing

from fileorg.storage.local import posix, readiness
from fileorg.storage.local.readiness import FREE, State
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from pathlib import Path

_NFS, _P9, _FUSE = 0x6969, 0x01021997, 0x65735546


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "talk.mkv"
    path.write_bytes(b"x" * 5000)
    os.utime(path, (10**9, 10**9))
    return path


def asked(path: Path, *, settle_ns: int = 0) -> readiness.Readiness:
    fd = os.open(path, os.O_RDONLY)
    try:
        return readiness.readiness(fd, settle_ns=settle_ns)
    finally:
        os.close(fd)


@pytest.fixture
def without_leases(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "_lease", lambda _: readiness._Lease.NONE)


def on(kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that the file system is of that kind."""
    monkeypatch.setattr(posix, "file_system_type", lambda _: kind)


def test_a_file_that_nobody_has_open_is_free_and_leased(file: Path) -> None:
    assert asked(file) == FREE._replace(is_leased=True)


def test_one_that_is_only_read_is_free(file: Path) -> None:
    with file.open("rb"):
        assert asked(file).state is State.FREE


@pytest.mark.parametrize("way", HOLDS)
def test_a_lease_tells_of_every_writer(file: Path, way: str) -> None:
    with holding(file, way) as pid:
        assert asked(file) == readiness.Readiness(State.IN_USE, None if way == "sends it" else pid)
    assert asked(file).state is State.FREE


@pytest.mark.usefixtures("without_leases")
@pytest.mark.parametrize("way", [way for way in HOLDS if way != "sends it"])
def test_proc_tells_of_them_by_any_name_of_the_file(file: Path, way: str) -> None:
    os.link(file, file.with_name("another name"))
    with holding(file, way) as pid:
        assert asked(file.with_name("another name")) == readiness.Readiness(State.IN_USE, pid)
        file.rename(file.with_name("a new\nname"))
        assert asked(file.with_name("a new\nname")).pid == pid


@pytest.mark.usefixtures("without_leases")
def test_proc_knows_a_mapping_by_its_name_where_the_device_is_another(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on btrfs, where /proc lists another device."""
    monkeypatch.setattr(os, "makedev", lambda *_: 0)
    fd = os.open(file, os.O_RDWR)
    mapped = Mapped(fd, 5000)
    os.close(fd)
    assert asked(file).state is State.IN_USE
    mapped.close()
    assert asked(file).state is State.FREE


@pytest.mark.usefixtures("without_leases")
def test_without_a_lease_a_file_has_to_be_quiet(file: Path) -> None:
    assert asked(file).state is State.FREE
    os.utime(file)
    assert asked(file).state is State.UNKNOWN
    os.utime(file, (time.time() + 10**6, time.time() + 10**6))  # from another clock
    assert asked(file).state is State.FREE


@pytest.mark.parametrize("kind", [_NFS, _P9, _FUSE])
def test_where_others_write_a_lease_is_not_enough(file: Path, kind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    on(kind, monkeypatch)
    monkeypatch.setattr(os, "major", lambda _: 0)
    assert asked(file).state is State.FREE
    os.utime(file)
    assert asked(file).state is State.UNKNOWN
    monkeypatch.undo()
    assert asked(file).state is State.FREE


def test_a_disk_through_fuse_tells_by_its_lease(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(_FUSE, monkeypatch)
    os.utime(file)
    assert asked(file) == FREE._replace(is_leased=True)


def test_a_server_that_gives_no_lease_does_not_mean_that_someone_writes(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "_lease", lambda _: readiness._Lease.REFUSED)
    on(_NFS, monkeypatch)
    assert asked(file).state is State.FREE
    with holding(file, "appends") as pid:
        assert asked(file) == readiness.Readiness(State.IN_USE, pid)


@pytest.mark.usefixtures("without_leases")
def test_nobody_writes_where_nobody_can(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(file)
    real = os.fstatvfs

    def read_only(fd: int) -> os.statvfs_result:
        seen = list(real(fd))
        seen[8] |= os.ST_RDONLY
        return os.statvfs_result(seen)

    monkeypatch.setattr(os, "fstatvfs", read_only)
    assert asked(file).state is State.FREE


def test_what_has_to_settle_is_not_free_before(file: Path) -> None:
    os.utime(file)
    assert asked(file, settle_ns=60 * 10**9).state is State.UNKNOWN
    os.utime(file, (10**9, 10**9))
    assert asked(file, settle_ns=60 * 10**9).state is State.FREE


@pytest.mark.skipif(not hasattr(fcntl, "F_SETLEASE"), reason="there are no leases")
def test_one_that_a_server_has_leased_for_writing_is_in_use(file: Path) -> None:
    storage = LocalStorage(os.fsencode(file.parent))
    with leased_for_writing(file), storage.held(b"", b"talk.mkv") as answer:
        assert answer == readiness.Readiness(State.IN_USE)


def test_while_it_is_held_who_wants_to_write_has_to_wait(file: Path) -> None:
    storage = LocalStorage(os.fsencode(file.parent))
    with storage.held(b"", b"talk.mkv") as answer:
        assert answer.state is State.FREE
        with pytest.raises(BlockingIOError):
            os.open(file, os.O_WRONLY | os.O_NONBLOCK)
    os.close(os.open(file, os.O_WRONLY | os.O_NONBLOCK))
