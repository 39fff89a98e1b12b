"""Local files: `os.*` on directory descriptors. A folder is opened once, and what happens in it cannot be led astray."""

from __future__ import annotations

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, NamedTuple

from fileorg.model import Entry, Listing
from fileorg.storage import posix, transfer
from fileorg.storage.base import BATCH_ENTRIES, Capabilities

_OPEN_FOLDERS = 256
"""Descriptors kept open; the usual limit of a process is 1,024."""

_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_NO_RENAME_FLAG = {errno.EINVAL, errno.ENOSYS}

# Half the time of calling the class, once a file.
_new_entry = partial(tuple.__new__, Entry)


class StagedCopy(NamedTuple):
    """A finished, durable copy under a temporary name."""

    digest: bytes
    entry: Entry
    lost_metadata: list[str]


class LocalStorage:
    """A directory tree on a mounted file system."""

    def __init__(self, root: bytes, *, cross_mounts: bool = True) -> None:
        """Raises `OSError` if `root` is no directory that can be read."""
        self.root = os.path.realpath(root)
        self._cross_mounts = cross_mounts
        self._root_fd = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._fds: OrderedDict[bytes, int] = OrderedDict()
        self.capabilities = Capabilities(
            renames=True,
            hard_links=True,
            symlinks=True,
            stable_inodes=True,
            empty_folders=True,
            any_bytes=True,
            name_limit=_name_limit(self._root_fd),
        )

    def fd(self, folder: bytes) -> int:
        """A descriptor of the folder, valid until `_OPEN_FOLDERS` others were asked for. Raises `OSError`."""
        fd = self._fds.get(folder)
        if fd is not None:
            self._fds.move_to_end(folder)
            return fd
        fd = posix.open_beneath(self._root_fd, folder, cross_mounts=self._cross_mounts)
        self._fds[folder] = fd
        if len(self._fds) > _OPEN_FOLDERS:
            os.close(self._fds.popitem(last=False)[1])
        return fd

    def forget(self, folder: bytes) -> None:
        """Close the descriptor of a folder that is about to go, and of those beneath it."""
        for known in [known for known in self._fds if known == folder or known.startswith(folder + b"/")]:
            os.close(self._fds.pop(known))

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        # A descriptor of its own: many folders are listed once, and the shared ones keep their offsets.
        fd = posix.open_beneath(self._root_fd, folder, cross_mounts=self._cross_mounts)
        try:
            with os.scandir(fd) as entries:
                yield from _batches(folder, entries)
        finally:
            os.close(fd)

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        try:
            return _entry(name, os.lstat(name, dir_fd=self.fd(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def open_read(self, folder: bytes, name: bytes) -> BinaryIO:
        fd = os.open(name, _READ_FLAGS, dir_fd=self.fd(folder))
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "not a regular file", os.fsdecode(name))
        return os.fdopen(fd, "rb", buffering=0)

    def readlink(self, folder: bytes, name: bytes) -> bytes:
        return os.readlink(name, dir_fd=self.fd(folder))

    def rename_noreplace(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
    ) -> None:
        """As the protocol says; where the file system cannot, by link and unlink: two names for an instant, never none.

        Raises `OSError` with ENOTSUP where there are no hard links either: see `reserve`.
        """
        source_fd, target_fd = self.fd(folder), target.fd(target_folder)
        try:
            posix.rename_noreplace(source_fd, name, target_fd, target_name)
        except OSError as error:
            if error.errno not in _NO_RENAME_FLAG:
                raise
            try:
                os.link(name, target_name, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)
            except OSError as link_error:
                if link_error.errno not in _NO_LINKS:
                    raise
                raise posix.failed(errno.ENOTSUP, name) from None
            os.unlink(name, dir_fd=source_fd)

    def reserve(self, folder: bytes, name: bytes) -> Entry:
        """Take the name with an empty file, for `rename_onto_reserved`. `FileExistsError` if it is taken."""
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=self.fd(folder))
        try:
            return _entry(name, os.fstat(fd))
        finally:
            os.close(fd)

    def rename_onto_reserved(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, reserved: Entry
    ) -> None:
        """Rename over our own placeholder, looked at once more. `FileExistsError` if it is no longer ours and empty."""
        seen = target.lstat(target_folder, reserved.name)
        if seen is None or seen.size or seen.inode != reserved.inode or not seen.is_file:
            raise posix.failed(errno.EEXIST, reserved.name)
        os.rename(name, reserved.name, src_dir_fd=self.fd(folder), dst_dir_fd=target.fd(target_folder))

    def copy_noreplace(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
    ) -> Entry:
        temporary = b".fileorg-copy-%d.part" % os.getpid()
        self.stage_copy(folder, name, target, target_folder, temporary)
        try:
            made = target.publish(target_folder, temporary, target_name)
        finally:
            target.discard(target_folder, temporary)
        return made

    def stage_copy(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, temporary: bytes
    ) -> StagedCopy:
        """A durable copy named `temporary`, checked against a source that did not change meanwhile (else ESTALE)."""
        source_fd = os.open(name, _READ_FLAGS, dir_fd=self.fd(folder))
        try:
            before = _entry(name, os.fstat(source_fd))
            if not before.is_file:
                raise OSError(errno.EINVAL, "not a regular file", os.fsdecode(name))
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            target_fd = os.open(temporary, flags, 0o600, dir_fd=target.fd(target_folder))
            try:
                digest = transfer.copy_content(source_fd, target_fd, before.size)
                lost = transfer.copy_metadata(source_fd, target_fd)
                os.fsync(target_fd)
                if _entry(name, os.fstat(source_fd)) != before:
                    raise OSError(errno.ESTALE, "it changed while it was copied", os.fsdecode(name))
                return StagedCopy(digest, _entry(temporary, os.fstat(target_fd)), lost)
            except BaseException:
                target.discard(target_folder, temporary)
                raise
            finally:
                os.close(target_fd)
        finally:
            os.close(source_fd)

    def publish(self, folder: bytes, temporary: bytes, name: bytes) -> Entry:
        """Give a staged copy its name, durably. The temporary stays as the witness, where there are hard links."""
        fd = self.fd(folder)
        try:
            os.link(temporary, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            self.rename_noreplace(folder, temporary, self, folder, name)
        os.fsync(fd)
        return _entry(name, os.lstat(name, dir_fd=fd))

    def discard(self, folder: bytes, temporary: bytes) -> None:
        """Remove a temporary of ours, if it is there."""
        try:
            os.unlink(temporary, dir_fd=self.fd(folder))
        except FileNotFoundError:
            return

    def hardlink(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
    ) -> None:
        """A second name for the same file. `FileExistsError` if it is taken; EXDEV across devices."""
        source_fd, target_fd = self.fd(folder), target.fd(target_folder)
        os.link(name, target_name, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)

    def symlink(self, content: bytes, folder: bytes, name: bytes) -> None:
        """A symlink that says `content`. `FileExistsError` if the name is taken."""
        os.symlink(content, name, dir_fd=self.fd(folder))

    def remove(self, folder: bytes, name: bytes) -> None:
        os.unlink(name, dir_fd=self.fd(folder))

    def make_folder(self, folder: bytes, name: bytes, mode: int = 0o777) -> None:
        os.mkdir(name, mode, dir_fd=self.fd(folder))

    def remove_folder(self, folder: bytes, name: bytes) -> None:
        self.forget(folder + b"/" + name if folder else name)
        os.rmdir(name, dir_fd=self.fd(folder))

    def set_folder_times(self, folder: bytes, mtime_ns: int) -> None:
        """Give the folder the time of its last change back; its access time stays."""
        fd = self.fd(folder)
        os.utime(fd, ns=(os.fstat(fd).st_atime_ns, mtime_ns))

    def stat_folder(self, folder: bytes) -> Entry | None:
        """What the folder itself is, or None where there is none."""
        try:
            return _entry(folder, os.fstat(self.fd(folder)))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def sync(self) -> None:
        posix.sync_file_system(self._root_fd)

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()
        if self._root_fd >= 0:
            os.close(self._root_fd)
            self._root_fd = -1


def _batches(folder: bytes, entries: Iterator[os.DirEntry[str]]) -> Iterator[Listing]:
    files: list[Entry] = []
    folders: list[Entry] = []
    others: list[Entry] = []
    count = 0
    for entry in entries:
        try:
            seen = _entry(os.fsencode(entry.name), entry.stat(follow_symlinks=False))
        except FileNotFoundError:  # gone since it was listed
            continue
        kind = stat.S_IFMT(seen[5])
        (files if kind == stat.S_IFREG else folders if kind == stat.S_IFDIR else others).append(seen)
        count += 1
        if count == BATCH_ENTRIES:
            yield Listing(folder, files, folders, others)
            files, folders, others, count = [], [], [], 0
    yield Listing(folder, files, folders, others)


def _entry(name: bytes, seen: os.stat_result) -> Entry:
    return _new_entry((
        name,
        seen.st_size,
        seen.st_mtime_ns,
        seen.st_ctime_ns,
        seen.st_ino,
        seen.st_mode,
        seen.st_nlink,
        seen.st_dev,
    ))


def _name_limit(fd: int) -> int:
    try:
        return os.fpathconf(fd, "PC_NAME_MAX")
    except (OSError, ValueError):
        return 255
