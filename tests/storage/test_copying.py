"""Copies: content, holes and metadata; staging, publishing and discarding; copies between devices."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.storage.ways import copy_noreplace, names_of, path_of, seen, staged_copy

from fileorg.core.reasons import NOTHING_LOST
from fileorg.storage.local import copying, digests, posix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fileorg.storage.local.storage import LocalStorage

MIB = 1 << 20
TEMPORARY = b".fileorg-1-1.part"


def write_sparse(path: Path, size: int, data: dict[int, bytes]) -> bytes:
    """Write a file of `size` bytes with data at some offsets and holes elsewhere; return its content."""
    content = bytearray(size)
    with path.open("wb") as file:
        file.truncate(size)
        for offset, part in data.items():
            file.seek(offset)
            file.write(part)
            content[offset : offset + len(part)] = part
    return bytes(content)


# Content


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(0, 3 * MIB),
    parts=st.dictionaries(st.integers(0, 3 * MIB), st.binary(min_size=1, max_size=9000), max_size=4),
)
def test_the_digest_is_of_the_content_however_it_is_stored(tmp_path: Path, size: int, parts: dict[int, bytes]) -> None:
    inside = {offset: part for offset, part in parts.items() if offset + len(part) <= size}
    content = write_sparse(tmp_path / "one", size, inside)
    (tmp_path / "two").unlink(missing_ok=True)
    source = os.open(tmp_path / "one", os.O_RDONLY)
    copy = os.open(tmp_path / "two", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    digest = copying.copy_content(source, copy, size)
    os.close(source)
    os.close(copy)
    assert digest == xxhash.xxh3_128(content).digest()
    assert (tmp_path / "two").read_bytes() == content


def test_holes_stay_holes(local: LocalStorage, target: LocalStorage) -> None:
    content = write_sparse(path_of(local, "one"), 64 * MIB, {0: b"head", 32 * MIB: b"middle"})
    copy_noreplace(local, b"", b"one", target, b"", b"two")
    two = path_of(target, "two")
    assert two.read_bytes() == content
    assert two.stat().st_blocks * 512 < MIB


def test_a_file_that_is_all_hole(local: LocalStorage, target: LocalStorage) -> None:
    content = write_sparse(path_of(local, "one"), 3 * MIB, {})
    staged = staged_copy(local, b"", b"one", target, b"", TEMPORARY)
    assert staged.digest == xxhash.xxh3_128(content).digest()
    assert (staged.entry.size, path_of(target, TEMPORARY).stat().st_blocks) == (3 * MIB, 0)


@pytest.mark.parametrize("claimed", [0, 6, 8])
def test_another_size_than_was_said_is_stale(tmp_path: Path, claimed: int) -> None:
    (tmp_path / "one").write_text("content")
    source = os.open(tmp_path / "one", os.O_RDONLY)
    copy = os.open(tmp_path / "two", os.O_RDWR | os.O_CREAT | os.O_EXCL)
    with pytest.raises(OSError, match="while it was copied") as caught:
        copying.copy_content(source, copy, claimed)
    assert caught.value.errno == errno.ESTALE
    os.close(source)
    os.close(copy)


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("content")
    source = os.open(tmp_path / "one", os.O_RDONLY)
    with pytest.raises(OSError, match="Bad file descriptor"):
        copying.copy_content(source, source, 7)  # not open for writing
    os.close(source)


def test_a_stream_without_holes_to_tell_is_read_whole() -> None:
    """As most files of proc(5), it answers SEEK_DATA with EINVAL."""
    with Path("/proc/self/status").open("rb") as file:
        assert list(digests.data_ranges(file.fileno(), 100)) == [(0, 100)]


# Staging


def test_a_staged_copy_is_published_with_a_witness(local: LocalStorage, target: LocalStorage) -> None:
    path_of(local, "one").write_text("content")
    staged = staged_copy(local, b"", b"one", target, b"", TEMPORARY)
    assert staged.digest == xxhash.xxh3_128(b"content").digest()
    assert (staged.lost, staged.lost_attributes) == (NOTHING_LOST, [])
    assert staged.entry == seen(target, b"", TEMPORARY)
    made = target.publish(b"", TEMPORARY, b"two")
    assert (made.inode, made.nlink, made.name) == (staged.entry.inode, 2, b"two")
    target.discard(b"", TEMPORARY)
    target.discard(b"", TEMPORARY)
    assert seen(target, b"", b"two").nlink == 1
    assert path_of(target, "two").read_text() == "content"


def test_publishing_without_links_renames(local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "as exFAT answers")

    (root / "one").write_text("content")
    (root / "taken").write_text("kept")
    staged_copy(local, b"", b"one", local, b"", TEMPORARY)
    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(FileExistsError):
        local.publish(b"", TEMPORARY, b"taken")
    written: list[set[bytes]] = []
    made = local.publish(b"", TEMPORARY, b"two", before_rename=lambda: written.append(names_of(local)))
    assert made.nlink == 1
    assert written == [{b"one", b"taken", TEMPORARY}]
    local.discard(b"", TEMPORARY)
    assert names_of(local) == {b"one", b"two", b"taken"}


def test_publishing_refuses_a_taken_name(local: LocalStorage, root: Path) -> None:
    (root / "one").write_text("content")
    (root / "taken").write_text("kept")
    staged_copy(local, b"", b"one", local, b"", TEMPORARY)
    with pytest.raises(FileExistsError):
        local.publish(b"", TEMPORARY, b"taken")
    with pytest.raises(OSError, match="too long"):
        local.publish(b"", TEMPORARY, b"x" * 256)
    assert (root / "taken").read_text() == "kept"
    assert names_of(local) == {b"one", b"taken", TEMPORARY}


def test_a_temporary_of_another_run_is_left_alone(local: LocalStorage, root: Path) -> None:
    (root / "one").write_text("content")
    path_of(local, TEMPORARY).write_text("another run")
    with pytest.raises(FileExistsError) as caught:
        staged_copy(local, b"", b"one", local, b"", TEMPORARY)
    assert caught.value.filename == TEMPORARY
    assert path_of(local, TEMPORARY).read_text() == "another run"


@pytest.fixture
def busy_writer(root: Path) -> Iterator[Callable[[], None]]:
    """A program that writes to `one` without changing its length, from the call to the end of the test."""
    stop, wrote = threading.Event(), threading.Event()

    def write() -> None:
        with (root / "one").open("r+b") as file:
            while not stop.is_set():
                file.seek(0)
                file.write(os.urandom(8))
                file.flush()
                wrote.set()

    thread = threading.Thread(target=write)

    def start() -> None:
        thread.start()
        assert wrote.wait(10)

    yield start
    stop.set()
    thread.join()


def test_a_source_that_changes_meanwhile_is_stale_and_leaves_nothing(
    local: LocalStorage, target: LocalStorage, busy_writer: Callable[[], None]
) -> None:
    path_of(local, "one").write_bytes(bytes(32 * MIB))
    busy_writer()
    with pytest.raises(OSError, match="while it was copied") as caught:
        staged_copy(local, b"", b"one", target, b"", TEMPORARY)
    assert caught.value.errno == errno.ESTALE
    assert names_of(target) == ({b"one"} if target is local else set())


def test_a_copy_that_is_given_up_leaves_nothing(local: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a copy."""

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    path_of(local, "one").write_text("content")
    monkeypatch.setattr(copying, "copy_content", interrupted)
    with pytest.raises(KeyboardInterrupt):
        copy_noreplace(local, b"", b"one", local, b"", b"two")
    assert names_of(local) == {b"one"}


def test_a_name_taken_during_the_copy_is_refused_and_leaves_nothing(
    local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copying.copy_content

    def copy_and_meddle(*arguments: Any) -> bytes:
        (root / "two").write_text("newcomer")
        return copy(*arguments)

    (root / "one").write_text("content")
    monkeypatch.setattr(copying, "copy_content", copy_and_meddle)
    with pytest.raises(FileExistsError):
        copy_noreplace(local, b"", b"one", local, b"", b"two")
    assert {path.name: path.read_text() for path in root.iterdir()} == {"one": "content", "two": "newcomer"}


# Devices


def test_a_rename_does_not_reach_another_device(local: LocalStorage, elsewhere: LocalStorage) -> None:
    path_of(local, "one").write_text("content")
    for call in (local.rename_noreplace, local.hardlink):
        with pytest.raises(OSError, match="cross-device") as caught:
            call(b"", b"one", elsewhere, b"", b"two")
        assert caught.value.errno == errno.EXDEV
    assert (names_of(local), names_of(elsewhere)) == ({b"one"}, set())


def test_a_rename_by_link_does_not_either(local: LocalStorage, elsewhere: LocalStorage) -> None:
    path_of(local, "one").write_text("content")
    with pytest.raises(OSError, match="cross-device"):
        posix.rename_by_link(local.fd(b""), b"one", elsewhere.fd(b""), b"two")
    assert (names_of(local), names_of(elsewhere)) == ({b"one"}, set())
