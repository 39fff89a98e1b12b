"""The primitives: opening folders beneath the root, renaming to free names; by one system call and by fallbacks."""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from fileorg.storage.local import posix
from fileorg.storage.paths import check_folder, check_name, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from fileorg.storage.local.storage import LocalStorage


@pytest.fixture
def root_fd(root: Path) -> Iterator[int]:
    fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


@pytest.fixture(params=[posix.open_beneath, posix._open_by_component])
def open_beneath(request: pytest.FixtureRequest) -> Callable[..., int]:
    opened: Callable[..., int] = request.param
    return opened


# Folders


@pytest.mark.parametrize("folder", ["", "a", "a/b", "a/...", "a/b/..c"])
def test_a_folder_beneath_is_opened(root: Path, root_fd: int, open_beneath: Callable[..., int], folder: str) -> None:
    (root / folder).mkdir(parents=True, exist_ok=True)
    fd = open_beneath(root_fd, folder.encode())
    assert os.path.samestat(os.fstat(fd), (root / folder).stat())
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_a_path_longer_than_a_system_call_takes(root: Path, root_fd: int, open_beneath: Callable[..., int]) -> None:
    deepest = os.open(".", os.O_RDONLY, dir_fd=root_fd)
    for _ in range(20):
        os.mkdir("x" * 250, dir_fd=deepest)
        deeper = os.open("x" * 250, os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        deepest = deeper
    fd = open_beneath(root_fd, b"/".join([b"x" * 250] * 20))
    assert os.path.samestat(os.fstat(fd), os.fstat(deepest))
    os.close(fd)
    os.close(deepest)


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        (b"..", errno.EINVAL),
        (b"a/..", errno.EINVAL),
        (b"a/../../outside", errno.EINVAL),
        (b"/etc", errno.EINVAL),
        (b"a\0/b", errno.EINVAL),
        (b"missing", errno.ENOENT),
        (b"a/file", errno.ENOTDIR),
        (b"a/file/b", errno.ENOTDIR),
        (b"a/inward", errno.ELOOP),
        (b"outward", errno.ELOOP),
        (b"outward/b", errno.ELOOP),
        (b"absolute", errno.ELOOP),
        (b"dangling", errno.ELOOP),
        (b"a/" + b"x" * 256, errno.ENAMETOOLONG),
    ],
)
def test_every_other_way_is_refused(
    root: Path, root_fd: int, tmp_path: Path, open_beneath: Callable[..., int], folder: bytes, code: int
) -> None:
    (root / "a/b").mkdir(parents=True)
    (tmp_path / "outside/b").mkdir(parents=True)
    (root / "a/file").touch()
    (root / "a/inward").symlink_to("b")
    (root / "outward").symlink_to("../outside")
    (root / "absolute").symlink_to("/etc")
    (root / "dangling").symlink_to("missing")
    before = os.listdir("/proc/self/fd")
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        open_beneath(root_fd, folder)
    assert caught.value.errno == code
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
def test_where_openat2_is_not_known_the_components_are_opened(
    root: Path, root_fd: int, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def unknown(*_: object) -> int:
        ctypes.set_errno(code)
        return -1

    monkeypatch.setattr(posix, "_syscall", unknown)
    (root / "a/b").mkdir(parents=True)
    (root / "link").symlink_to("a")
    fd = posix.open_beneath(root_fd, b"a/b")
    assert os.path.samestat(os.fstat(fd), (root / "a/b").stat())
    os.close(fd)
    with pytest.raises(OSError, match="symbolic"):
        posix.open_beneath(root_fd, b"link/b")


@pytest.mark.parametrize("folder", [b"", b"a", b"a/b", b"...", b"a/.b", b"..a/b..", b"\xff/\n"])
def test_plain_folders_pass(folder: bytes) -> None:
    check_folder(folder)


@pytest.mark.parametrize("folder", [b"/", b".", b"a/", b"/a", b"a//b", b"./a", b"a/.", b"a/../b", b"a\0"])
def test_other_folders_do_not(folder: bytes) -> None:
    with pytest.raises(OSError, match="Invalid") as caught:
        check_folder(folder)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/", b"a\0b"])
def test_what_is_no_name(name: bytes) -> None:
    with pytest.raises(OSError, match="Invalid"):
        check_name(name)
    check_name(b".a.." + name.replace(b"/", b"").replace(b"\0", b""))


def test_an_error_is_of_the_class_that_fits() -> None:
    assert type(failed(errno.EEXIST, b"\xff")) is FileExistsError
    assert failed(errno.EEXIST, b"\xff").filename == "\udcff"
    assert failed(errno.EIO).filename is None


# Renames


def refuse_flag(*_: object) -> None:
    """Fail like a file system without RENAME_NOREPLACE. Tests under strace cover the real error."""
    raise OSError(errno.EINVAL, "no such flag")


def tree(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in root.iterdir()}


def test_a_rename_by_link(local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posix, "rename_noreplace", refuse_flag)
    (root / "one").write_text("content")
    (root / "taken").write_text("kept")
    inode = (root / "one").stat().st_ino
    with pytest.raises(FileExistsError):
        local.rename_noreplace(b"", b"one", local, b"", b"taken")
    assert tree(root) == {"one": "content", "taken": "kept"}
    with pytest.raises(FileNotFoundError):
        local.rename_noreplace(b"", b"missing", local, b"", b"two")
    local.rename_noreplace(b"", b"one", local, b"", b"two")
    assert tree(root) == {"two": "content", "taken": "kept"}
    assert ((root / "two").stat().st_ino, (root / "two").stat().st_nlink) == (inode, 1)


def test_where_there_are_no_links_either_it_is_said(
    local: LocalStorage, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel refuses hard links to folders with EPERM, as exFAT does for all files."""
    monkeypatch.setattr(posix, "rename_noreplace", refuse_flag)
    (root / "folder").mkdir()
    with pytest.raises(OSError, match="not supported") as caught:
        local.rename_noreplace(b"", b"folder", local, b"", b"new")
    assert caught.value.errno == errno.ENOTSUP
    assert [path.name for path in root.iterdir()] == ["folder"]


@pytest.mark.parametrize("replaced", [True, False])
def test_a_rename_by_link_leaves_a_newcomer_alone(
    root: Path, root_fd: int, monkeypatch: pytest.MonkeyPatch, replaced: bool
) -> None:
    """Another program replaces or removes the source between the link and the unlink."""
    (root / "one").write_text("content")
    link = os.link

    def link_and_meddle(*names: bytes, **options: object) -> None:
        link(*names, **options)  # type: ignore[arg-type]
        (root / "one").unlink()
        if replaced:
            (root / "one").write_text("newcomer")

    monkeypatch.setattr(os, "link", link_and_meddle)
    posix.rename_by_link(root_fd, b"one", root_fd, b"two")
    assert tree(root) == {"two": "content"} | ({"one": "newcomer"} if replaced else {})


def test_a_rename_by_link_whose_old_name_stays_takes_the_new_one_back(
    root: Path, root_fd: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With both names left, another try would find its own file under the new one. `test_retries` has real errors."""
    (root / "one").write_text("content")
    unlink = os.unlink

    def busy(name: bytes, **options: int) -> None:
        if name == b"one":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        unlink(name, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", busy)
        with pytest.raises(OSError, match="busy"):
            posix.rename_by_link(root_fd, b"one", root_fd, b"two")
    assert (tree(root), (root / "one").stat().st_nlink) == ({"one": "content"}, 1)
    posix.rename_by_link(root_fd, b"one", root_fd, b"two")
    assert tree(root) == {"two": "content"}


def test_an_error_in_a_rename_by_link_is_kept(root: Path, root_fd: int) -> None:
    (root / "one").write_text("content")
    with pytest.raises(OSError, match="too long"):
        posix.rename_by_link(root_fd, b"one", root_fd, b"x" * 256)
    assert tree(root) == {"one": "content"}


def test_a_kernel_without_the_call(root_fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posix, "_rename_excl", None)
    with pytest.raises(OSError, match="not implemented"):
        posix.rename_noreplace(root_fd, b"one", root_fd, b"two")


def test_a_failed_flush_is_an_error(root_fd: int, monkeypatch: pytest.MonkeyPatch) -> None:
    posix.sync_file_system(root_fd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        posix.sync_file_system(-1)
    monkeypatch.setattr(posix, "_syncfs", None)
    posix.sync_file_system(-1)  # sync(2) takes no descriptor


# Reservations


def test_a_reserved_name_is_taken_over(local: LocalStorage, root: Path) -> None:
    (root / "one").write_text("content")
    reserved = local.reserve(b"", b"two")
    assert tree(root) == {"one": "content", "two": ""}
    local.rename_onto_reserved(b"", b"one", local, b"", reserved)
    assert tree(root) == {"two": "content"}


@pytest.mark.parametrize("foreign", ["replaced", "written", "folder", "link", "gone"])
def test_a_placeholder_that_is_no_longer_ours_is_left_alone(local: LocalStorage, root: Path, foreign: str) -> None:
    (root / "one").write_text("content")
    reserved = local.reserve(b"", b"two")
    two = root / "two"
    if foreign == "written":
        two.write_text("foreign")
    else:
        two.rename(root / "placeholder")  # keeps the inode in use
        if foreign == "replaced":
            two.touch()
        elif foreign == "folder":
            two.mkdir()
        elif foreign == "link":
            two.symlink_to("one")
    before = sorted(os.listdir(root)), (root / "one").read_text(), two.is_file() and two.read_text()
    with pytest.raises(FileExistsError):
        local.rename_onto_reserved(b"", b"one", local, b"", reserved)
    assert before == (sorted(os.listdir(root)), (root / "one").read_text(), two.is_file() and two.read_text())


def test_another_file_with_the_same_inode_number_is_no_placeholder(local: LocalStorage, root: Path) -> None:
    """Inode numbers are reused: here by a pipe, which is empty as well."""
    (root / "one").write_text("content")
    os.mkfifo(root / "two")
    reserved = local.lstat(b"", b"two")
    assert reserved is not None
    with pytest.raises(FileExistsError):
        local.rename_onto_reserved(b"", b"one", local, b"", reserved)
    assert (root / "two").is_fifo()


def test_a_reserved_name_refuses_and_stays_when_the_rename_fails(local: LocalStorage, root: Path) -> None:
    (root / "taken").write_text("kept")
    with pytest.raises(FileExistsError):
        local.reserve(b"", b"taken")
    reserved = local.reserve(b"", b"two")
    with pytest.raises(FileNotFoundError):
        local.rename_onto_reserved(b"", b"missing", local, b"", reserved)
    assert tree(root) == {"taken": "kept", "two": ""}


# Flushes

_WITHOUT_THREADS = """
import os, resource, sys, threading
import fileorg.core.retry
from fileorg.storage.local import posix

fds = [os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT) for _ in range(40)]
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + (20 << 20), resource.RLIM_INFINITY))
threading.stack_size(8 << 20)
print([error is None for error in posix.flush_all([*fds, os.open("/", os.O_RDONLY), 1 << 20])])
"""


def test_files_are_flushed_where_the_system_permits_few_threads(root: Path) -> None:
    run = [sys.executable, "-c", _WITHOUT_THREADS, str(root / "file")]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str([True] * 41 + [False])


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_file_whose_thread_has_ended_early_is_not_flushed(root: Path) -> None:
    fds = [os.open(root / str(number), os.O_WRONLY | os.O_CREAT) for number in range(9)]
    try:
        found = posix.flush_all([*fds, 1 << 40])  # no number of a descriptor: the thread raises `OverflowError`
    finally:
        for fd in fds:
            os.close(fd)
    assert [error is None for error in found] == [True] * 9 + [False]
