"""Local files: `os.*` on directory descriptors. What happens in an open folder cannot be led astray."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final

from fileorg.core.model import RESERVED_MTIME_NS
from fileorg.core.names import NO_NAMES, are_names, join
from fileorg.storage.base import Capabilities, Kind
from fileorg.storage.local import copying, digests, heirs, posix
from fileorg.storage.local.casing import Casing
from fileorg.storage.local.folders import OpenFolders
from fileorg.storage.local.listing import batches, entry_of, names_in, regular_file
from fileorg.storage.local.original import CLOCK_NS, Original
from fileorg.storage.local.readiness import held
from fileorg.storage.paths import check_name, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from fileorg.core.model import Entry, Listing, Reservation
    from fileorg.storage.local.copying import StagedCopy
    from fileorg.storage.local.readiness import Readiness

_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# No file can have a name that is too long, or is not text where names have to be.
_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EILSEQ}
_RESERVED_MODE = 0o400
"""Of a file that takes a name for another one: empty files of people can be written to."""
_NO_RENAME_FLAG = {errno.EINVAL, errno.ENOSYS}


class LocalStorage:
    """A directory tree on a mounted file system, and the steps that actions on it are made of.

    No step ever replaces a file, but `rename_onto_reserved` one of ours.
    """

    kind: Final = Kind.LOCAL

    def __init__(self, root: bytes, *, cross_mounts: bool = True) -> None:
        """Raises `OSError` if `root` is no directory that can be read."""
        self._folders = folders = OpenFolders(root, cross_mounts=cross_mounts)
        self._fds, self._used = folders.fds, folders.used
        self.casing = Casing(folders)
        self.root, self.cross_mounts = folders.root, cross_mounts
        self.capabilities = Capabilities(
            empty_folders=True,
            stable_inodes=self.has_stable_inodes(b""),
            renames=True,
            name_limit=posix.name_limit(self._folders.root_fd),
        )

    @property
    def identity(self) -> tuple[int, int]:
        return self._folders.identity

    def fd(self, folder: bytes) -> int:
        """As `OpenFolders.fd`."""
        return self._folders.fd(folder)

    def forget(self, folder: bytes) -> None:
        """As `OpenFolders.forget`."""
        self._folders.forget(folder)

    def stat_folder(self, folder: bytes) -> Entry | None:
        return self._folders.stat_folder(folder)

    def is_flagged(self, folder: bytes) -> bool:
        """Whether the folder has a flag of chattr(1) with which nothing can be taken away from it. Raises `OSError`."""
        return bool(posix.flags(self.fd(folder)) & (posix.IMMUTABLE | posix.APPEND))

    def follow(self, folder: bytes, name: bytes) -> Entry | None:
        return self._folders.follow(folder, name)

    def has_stable_inodes(self, folder: bytes) -> bool:
        """As `Casing.has_stable_inodes`."""
        return self.casing.has_stable_inodes(folder)

    def reuses_inodes(self, folder: bytes) -> bool:
        """As `Casing.reuses_inodes`."""
        return self.casing.reuses_inodes(folder)

    def is_case_insensitive(self) -> bool:
        return self.casing.is_case_insensitive()

    def spelled(self, folder: bytes, known: dict[bytes, bytes]) -> bytes:
        return self.casing.spelled(folder, known)

    def sync(self) -> None:
        self._folders.sync()

    def close(self) -> None:
        self._folders.close()

    def _at(self, folder: bytes, name: bytes) -> int:
        """`fd(folder)` for something that is done to `name`, which is one component."""
        # `check_name` and `fd` in one: two more calls a file would be a twentieth of its rename.
        if 0x2F in name or 0 in name or name in NO_NAMES:
            raise failed(errno.EINVAL, name)
        if (known := self._fds.get(folder)) is not None:
            self._used(known)
            return known
        return self.fd(folder)

    @contextlib.contextmanager
    def _opened(self, folder: bytes) -> Iterator[int]:
        """A descriptor of its own: many folders are listed once, and the shared ones keep their offsets."""
        fd = posix.open_beneath(self._folders.root_fd, folder, cross_mounts=self.cross_mounts)
        try:
            yield fd
        finally:
            os.close(fd)

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        # Not by `_opened`, which would take 2 µs more a folder.
        fd = posix.open_beneath(self._folders.root_fd, folder, cross_mounts=self.cross_mounts)
        try:
            with os.scandir(fd) as entries:
                yield from batches(folder, entries)
        finally:
            os.close(fd)

    def names(self, folder: bytes) -> Iterator[tuple[bytes, int]]:
        """The names of one folder, and what each is: 0 a file, 1 a folder, 2 neither. Faster than `list_folder`."""
        with self._opened(folder) as fd, os.scandir(fd) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                yield os.fsencode(entry.name), 1 if is_folder else 0 if entry.is_file(follow_symlinks=False) else 2

    def symlinks(self, folder: bytes, most: int) -> tuple[list[Entry], list[bytes], int]:
        """The symlinks in a folder, the names of the folders in it, and how many names that took: at most so many are
        read, and nothing but symlinks is looked at. Raises `OSError`.
        """
        with self._opened(folder) as fd:
            with os.scandir(fd) as entries:
                some = list(islice(entries, most))
            links = [os.fsencode(entry.name) for entry in some if entry.is_symlink()]
            folders = [os.fsencode(entry.name) for entry in some if entry.is_dir(follow_symlinks=False)]
            return [entry_of(name, os.lstat(name, dir_fd=fd)) for name in links], folders, len(some)

    def name_parts(self, folder: bytes) -> Iterator[list[bytes]]:
        with self._opened(folder) as fd:
            yield from names_in(fd)

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        try:
            return entry_of(name, os.lstat(name, dir_fd=self._at(folder, name)))
        except OSError as error:
            if error.errno in _NOTHING_THERE:
                return None
            raise

    def open_read(self, folder: bytes, name: bytes) -> BinaryIO:
        fd = os.open(name, _READ_FLAGS, dir_fd=self._at(folder, name))
        try:
            regular_file(name, os.fstat(fd))
            return os.fdopen(fd, "rb", buffering=0)
        except OSError:
            os.close(fd)
            raise

    def held(self, folder: bytes, name: bytes) -> AbstractContextManager[Readiness]:
        """As `readiness.held`. Raises `OSError`, EINVAL for what is no regular file."""
        return held(partial(self.open_read, folder, name))

    def opener(self, folder: bytes, names: Sequence[bytes]) -> Callable[[bytes], int]:
        """A function that opens one of `names` to be read, for many files of a folder: a descriptor, of whatever is
        there. Valid as `fd` is. Raises `OSError`, as does the function.
        """
        if not are_names(names):
            raise failed(errno.EINVAL, folder)
        return partial(os.open, flags=_READ_FLAGS, dir_fd=self.fd(folder))

    def has_digest(self, folder: bytes, name: bytes, digest: bytes) -> bool:
        """Whether a file has the content of which `stage_copy` gave that digest."""
        with self.open_read(folder, name) as file:
            return digests.has_digest(file.fileno(), digest)

    def lstat_all(self, folder: bytes, names: Sequence[bytes]) -> list[os.stat_result | OSError | None]:
        """`lstat` of many names of one folder, as the system gives it; an error is a value, and does not end it."""
        lstat = os.lstat
        found: list[os.stat_result | OSError | None] = []
        try:
            fd = self.fd(folder)
        except OSError as error:
            return [None if error.errno in _NOTHING_THERE else error] * len(names)
        doubtful = not are_names(names)
        for name in names:
            try:
                if doubtful:
                    check_name(name)
                found.append(lstat(name, dir_fd=fd))
            except OSError as error:
                found.append(None if error.errno in _NOTHING_THERE else error)
        return found

    def readlink(self, folder: bytes, name: bytes) -> bytes:
        return os.readlink(name, dir_fd=self._at(folder, name))

    def rename_noreplace(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
    ) -> None:
        """Give the file another name, in `target`. `FileExistsError` if it is taken; EXDEV across devices.

        Where the file system cannot, by link and unlink: two names for an instant. Raises `OSError` with ENOTSUP where
        there are no hard links either: see `reserve`.
        """
        source_fd, target_fd = self._at(folder, name), target._at(target_folder, target_name)
        try:
            posix.rename_noreplace(source_fd, name, target_fd, target_name)
        except OSError as error:
            if error.errno not in _NO_RENAME_FLAG:
                raise
            posix.rename_by_link(source_fd, name, target_fd, target_name)

    def exchange(self, folder: bytes, name: bytes, other_name: bytes) -> None:
        """Give two names of one folder what the other one has, in one step. Raises `OSError`: see `posix.exchange`."""
        fd = self._at(folder, name)
        check_name(other_name)
        posix.exchange(fd, name, fd, other_name)

    def rename_all(self, target: LocalStorage, paths: Sequence[bytes]) -> list[tuple[int, int]]:
        """`rename_noreplace` for many: folder, name, target folder and target name of each, one after the other.

        All are tried, in order; (position, errno) of each that failed.
        """
        failed: list[tuple[int, int]] = []
        doubtful = not (are_names(paths[1::4]) and are_names(paths[3::4]))
        rename, parts, at_hand = posix.rename_noreplace, iter(paths), self._folders.at_hand
        fds: dict[bytes, int] = {}
        target_fds: dict[bytes, int] = {}
        for position, (folder, name, to_folder, to_name) in enumerate(zip(parts, parts, parts, parts, strict=True)):
            try:
                if doubtful:
                    self.rename_noreplace(folder, name, target, to_folder, to_name)
                    continue
                if len(fds) + len(target_fds) >= at_hand:
                    fds.clear()
                    target_fds.clear()
                if (fd := fds.get(folder)) is None:
                    fd = fds[folder] = self.fd(folder)
                if (target_fd := target_fds.get(to_folder)) is None:
                    target_fd = target_fds[to_folder] = target.fd(to_folder)
                rename(fd, name, target_fd, to_name)
            except OSError as error:
                code = error.errno or 0
                if code in _NO_RENAME_FLAG:
                    code = self._rename_by_link(folder, name, target, to_folder, to_name)
                if code:
                    failed.append((position, code))
        return failed

    def _rename_by_link(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
    ) -> int:
        """The errno, 0 for none."""
        try:
            posix.rename_by_link(self._at(folder, name), name, target._at(target_folder, target_name), target_name)
        except OSError as error:
            return error.errno or 0
        return 0

    def reserve(self, folder: bytes, name: bytes) -> Entry:
        """Take the name with an empty file, for `rename_onto_reserved`. `FileExistsError` if it is taken."""
        fd = os.open(name, _NEW_FLAGS, _RESERVED_MODE, dir_fd=self._at(folder, name))
        try:
            with contextlib.suppress(OSError):
                os.utime(fd, ns=(RESERVED_MTIME_NS, RESERVED_MTIME_NS))
            return entry_of(name, os.fstat(fd))
        finally:
            os.close(fd)

    def is_reserved(self, folder: bytes, name: bytes, by: Reservation) -> bool:
        """Whether the name is taken by the empty file that `reserve` made. Raises `OSError`.

        By its number and its ctime, or where numbers do not last, by the odd time that it was given. Before it was
        noted, by all that there is to be told: its owner, its mode, and the time when it was made.
        """
        try:
            seen = os.lstat(name, dir_fd=self._at(folder, name))
        except OSError as error:
            if error.errno in _NOTHING_THERE:
                return False
            raise
        if not stat.S_ISREG(seen.st_mode) or seen.st_size:
            return False
        unstable = self.reuses_inodes(folder)
        if unstable and seen.st_mtime_ns == RESERVED_MTIME_NS:
            return True
        if by.inode is not None:
            return (entry_of(name, seen).inode, seen.st_ctime_ns) == (by.inode, by.ctime_ns)
        is_own = unstable or (seen.st_uid == os.geteuid() and stat.S_IMODE(seen.st_mode) == _RESERVED_MODE)
        return is_own and abs(seen.st_ctime_ns - by.ctime_ns) < CLOCK_NS

    def rename_onto_reserved(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, reserved: Entry
    ) -> None:
        """Rename over our own placeholder, after another look at it.

        `FileExistsError` if it is no longer ours and empty. When the rename fails, the placeholder stays.
        """
        seen = target.lstat(target_folder, reserved.name)
        if seen is None or seen.size or seen.inode != reserved.inode or not seen.is_file:
            raise failed(errno.EEXIST, reserved.name)
        target_fd = target._at(target_folder, reserved.name)
        os.rename(name, reserved.name, src_dir_fd=self._at(folder, name), dst_dir_fd=target_fd)

    @contextlib.contextmanager
    def original(self, folder: bytes, name: bytes, *, by_content: bool = False) -> Iterator[Original]:
        """A file that is to be copied, open. Raises `OSError`, EINVAL for what is no regular file."""
        fd = os.open(name, _READ_FLAGS, dir_fd=self._at(folder, name))
        try:
            yield Original(fd, name, by_content=by_content)
        finally:
            os.close(fd)

    def stage_copy(
        self,
        folder: bytes,
        name: bytes,
        target: LocalStorage,
        target_folder: bytes,
        temporary: bytes,
        *,
        mode: int | None = None,
        mtime_ns: int | None = None,
        flags: int = 0,
        original: Original | None = None,
    ) -> StagedCopy:
        """A durable copy named `temporary`, of a source that did not change meanwhile (else ESTALE).

        With `mode` or `mtime_ns`, it has these instead of those of the source, with `flags` those of chattr(1) beside
        them. The source may be open as `original`.
        `FileExistsError` is about `temporary`, which then stays as it is; after any other error it is gone.
        """
        with contextlib.ExitStack() as stack:
            if (source := original) is None:
                source = stack.enter_context(self.original(folder, name))
                source.begin()
            source.ready()
            target_fd = os.open(temporary, _NEW_FLAGS, 0o600, dir_fd=target._at(target_folder, temporary))
            try:
                return copying.copy(source, target_fd, temporary, mode=mode, mtime_ns=mtime_ns, flags=flags)
            except BaseException:
                target.discard(target_folder, temporary)
                raise
            finally:
                os.close(target_fd)

    def publish(
        self, folder: bytes, temporary: bytes, name: bytes, *, before_rename: Callable[[], None] = lambda: None
    ) -> Entry:
        """Give a staged copy its name, durably. The temporary stays as the witness, where there are links.

        Where there are none it is renamed, and `before_rename` can write down first what will then have no witness.
        """
        fd = self._at(folder, name)
        try:
            os.link(temporary, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in posix.NO_LINKS:
                raise
            before_rename()
            self.rename_noreplace(folder, temporary, self, folder, name)
        os.fsync(fd)
        return entry_of(name, os.lstat(name, dir_fd=fd))

    def discard(self, folder: bytes, temporary: bytes) -> None:
        """Remove a temporary of ours, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            self.remove(folder, temporary)

    def hardlink(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
    ) -> None:
        """A second name for the same file. `FileExistsError` if it is taken; EXDEV across devices."""
        source_fd, target_fd = self._at(folder, name), target._at(target_folder, target_name)
        os.link(name, target_name, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)

    def symlink(self, content: bytes, folder: bytes, name: bytes) -> None:
        """A symlink that says `content`. `FileExistsError` if the name is taken."""
        os.symlink(content, name, dir_fd=self._at(folder, name))

    def remove(self, folder: bytes, name: bytes) -> None:
        """Remove one file or symlink; EISDIR for a folder."""
        os.unlink(name, dir_fd=self._at(folder, name))

    def make_folder(self, folder: bytes, name: bytes, mode: int = heirs.USUAL) -> None:
        """Make one folder. `FileExistsError` if there is anything of that name.

        A mode with the bits of its type (as `lstat` gives it) is set exactly, any other through the umask. What root
        makes belongs to whom the folder above belongs: see `heirs`.
        """
        above, exact = self._at(folder, name), stat.S_ISDIR(mode)
        heir = heirs.heir_of(above)
        os.mkdir(name, heirs.first_mode(mode, heir), dir_fd=above)
        self.forget(join(folder, name))  # there may be descriptors of one that went before
        try:
            if heir is not None:
                self._hand_over(folder, name, mode, heir)
            if exact:
                os.fchmod(self.fd(join(folder, name)), stat.S_IMODE(mode))
        except OSError:
            with contextlib.suppress(OSError):
                self.remove_folder(folder, name)
            raise

    def complete_folder(self, folder: bytes, name: bytes, mode: int) -> None:
        """Give a folder what `make_folder` may not have come to, as the process died. Raises `OSError`."""
        if (heir := heirs.heir_of(self._at(folder, name))) is not None:
            self._hand_over(folder, name, mode, heir)
        there = self.lstat(folder, name)
        if there is not None and _is_halfway(there.mode, mode):
            os.fchmod(self.fd(join(folder, name)), stat.S_IMODE(mode))

    def _hand_over(self, folder: bytes, name: bytes, mode: int, heir: heirs.Heir) -> None:
        try:
            fd = self.fd(join(folder, name))
        except OSError:  # whatever is there now is looked at when something goes into it
            return
        heirs.hand_over(fd, mode, heir)

    def remove_folder(self, folder: bytes, name: bytes) -> None:
        """Remove one empty folder; ENOTEMPTY if it is not, ENOTDIR for a file."""
        self.forget(join(folder, name))
        os.rmdir(name, dir_fd=self._at(folder, name))

    def set_folder_times(self, folder: bytes, mtime_ns: int) -> None:
        fd = self.fd(folder)
        os.utime(fd, ns=(os.fstat(fd).st_atime_ns, mtime_ns))


def _is_halfway(mode: int, wanted: int) -> bool:
    """Whether a folder has the mode that it was made with, and not the one yet that it is then given exactly."""
    first = wanted | 0o700 | stat.S_ISGID  # less the umask; the folder above may pass its group on
    return stat.S_ISDIR(wanted) and mode != wanted and mode & 0o700 == 0o700 and not mode & ~first
