"""Local files: `os.*` on directory descriptors, so that no one can redirect an operation in an open folder."""

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
from fileorg.storage.local.listing import batches, entry_of, names_in, regular_file
from fileorg.storage.local.open_folders import OpenFolders
from fileorg.storage.local.original import CLOCK_NS, Original
from fileorg.storage.local.readiness import held, is_network
from fileorg.storage.paths import check_name, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from fileorg.core.model import Entry, Listing, Reservation
    from fileorg.storage.local.copying import StagedCopy
    from fileorg.storage.local.readiness import Readiness

_READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# Names that are too long or of invalid encoding cannot exist either.
_NOTHING_THERE = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EILSEQ}
_RESERVED_MODE = 0o400
"""The mode of a reservation; users' own empty files are writable."""
_NO_RENAME_FLAG = {errno.EINVAL, errno.ENOSYS}


class LocalStorage:
    """A directory tree on a mounted file system, and the primitives for actions on it.

    No primitive ever replaces a file, except `rename_onto_reserved`, which replaces a reservation.
    """

    kind: Final = Kind.LOCAL

    def __init__(self, root: bytes, *, cross_mounts: bool = True) -> None:
        """Open the tree. Raises `OSError` if `root` is not a readable directory."""
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
        """See `OpenFolders.fd`."""
        return self._folders.fd(folder)

    def forget(self, folder: bytes) -> None:
        """See `OpenFolders.forget`."""
        self._folders.forget(folder)

    def is_network(self, folder: bytes) -> bool:
        """Return whether the folder is on a network mount, as far as its file system tells. Raises `OSError`."""
        return is_network(self.fd(folder))

    def stat_folder(self, folder: bytes) -> Entry | None:
        return self._folders.stat_folder(folder)

    def is_flagged(self, folder: bytes) -> bool:
        """Return whether a flag of chattr(1) prevents removals from the folder. Raises `OSError`."""
        return bool(posix.flags(self.fd(folder)) & (posix.IMMUTABLE | posix.APPEND))

    def follow_symlink(self, folder: bytes, name: bytes) -> Entry | None:
        return self._folders.follow_symlink(folder, name)

    def has_stable_inodes(self, folder: bytes) -> bool:
        """See `Casing.has_stable_inodes`."""
        return self.casing.has_stable_inodes(folder)

    def reuses_inodes(self, folder: bytes) -> bool:
        """See `Casing.reuses_inodes`."""
        return self.casing.reuses_inodes(folder)

    def born_ns(self, folder: bytes, name: bytes) -> int | None:
        """See `posix.born_ns`. Raises `OSError`."""
        return posix.born_ns(self._at(folder, name), name)

    def changed_ns(self, folder: bytes, name: bytes) -> int | None:
        """See `posix.changed_ns`. Raises `OSError`."""
        return posix.changed_ns(self._at(folder, name), name)

    def is_case_insensitive(self) -> bool:
        return self.casing.is_case_insensitive()

    def actual_folder(self, folder: bytes, known: dict[bytes, bytes]) -> bytes:
        return self.casing.actual_folder(folder, known)

    def sync(self) -> None:
        self._folders.sync()

    def close(self) -> None:
        self._folders.close()

    def _at(self, folder: bytes, name: bytes) -> int:
        """Return `fd(folder)` and check that `name` is one path component."""
        # `check_name` and `fd` inlined: two more calls per file would cost a twentieth of its rename.
        if 0x2F in name or 0 in name or name in NO_NAMES:
            raise failed(errno.EINVAL, name)
        if (known := self._fds.get(folder)) is not None:
            self._used(known)
            return known
        return self.fd(folder)

    @contextlib.contextmanager
    def _opened(self, folder: bytes) -> Iterator[int]:
        """Yield a separate descriptor: many folders are listed once, and shared descriptors share their offset."""
        fd = posix.open_beneath(self._folders.root_fd, folder, cross_mounts=self.cross_mounts)
        try:
            yield fd
        finally:
            os.close(fd)

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        # Without `_opened`, which would add 2 µs per folder.
        fd = posix.open_beneath(self._folders.root_fd, folder, cross_mounts=self.cross_mounts)
        try:
            with os.scandir(fd) as entries:
                yield from batches(folder, entries)
        finally:
            os.close(fd)

    def names(self, folder: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield (name, kind) of a folder's entries: 0 a file, 1 a folder, 2 other. Faster than `list_folder`."""
        with self._opened(folder) as fd, os.scandir(fd) as entries:
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                yield os.fsencode(entry.name), 1 if is_folder else 0 if entry.is_file(follow_symlinks=False) else 2

    def symlinks(self, folder: bytes, limit: int) -> tuple[list[Entry], list[bytes], int]:
        """Return the symlinks in a folder, the names of its subfolders, and the number of names read, `limit` at the
        most. Only symlinks are read by `lstat`. Raises `OSError`.
        """
        with self._opened(folder) as fd:
            with os.scandir(fd) as entries:
                some = list(islice(entries, limit))
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

    def lstat_listed(self, folder: bytes, name: bytes) -> Entry | None:
        """Like `lstat`, but None for a name that the kernel only remembers, from a lookup in another case.

        May wait until the kernel has forgotten it. Raises `OSError`.
        """
        entry = self.lstat(folder, name)
        if entry is None or not self.reuses_inodes(folder):
            return entry
        return None if self.casing.is_free_after_all(folder, name) else entry

    def open_read(self, folder: bytes, name: bytes) -> BinaryIO:
        fd = posix.open_to_read(name, _READ_FLAGS, self._at(folder, name))
        try:
            regular_file(name, os.fstat(fd))
            return os.fdopen(fd, "rb", buffering=0)
        except OSError:
            os.close(fd)
            raise

    def held(self, folder: bytes, name: bytes) -> AbstractContextManager[Readiness]:
        """Yield the file's readiness as `readiness.held` does. Raises `OSError`, EINVAL unless it is regular."""
        return held(partial(self.open_read, folder, name))

    def opener(self, folder: bytes, names: Sequence[bytes]) -> Callable[[bytes], int]:
        """Return a function that opens one of `names` for reading, of any file type, and returns a descriptor; for many
        files of one folder. Valid as long as `fd`. Raises `OSError`, and so does the function.
        """
        if not are_names(names):
            raise failed(errno.EINVAL, folder)
        return posix.opener(_READ_FLAGS, self.fd(folder))

    def has_digest(self, folder: bytes, name: bytes, digest: bytes) -> bool:
        """Return whether a file's content has this digest of `stage_copy`."""
        with self.open_read(folder, name) as file:
            return digests.has_digest(file.fileno(), digest)

    def lstat_all(self, folder: bytes, names: Sequence[bytes]) -> list[os.stat_result | OSError | None]:
        """Return the `os.lstat` of many names of one folder; None for a missing one, and errors as values."""
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
        """Rename the file, into `target`. Raises `FileExistsError` if the name is taken; EXDEV across devices.

        Without such a call, by link and unlink: two names for an instant. Raises `OSError` with ENOTSUP without hard
        links: see `reserve`.
        """
        source_fd, target_fd = self._at(folder, name), target._at(target_folder, target_name)
        try:
            posix.rename_noreplace(source_fd, name, target_fd, target_name)
        except OSError as error:
            if error.errno not in _NO_RENAME_FLAG:
                raise
            posix.rename_by_link(source_fd, name, target_fd, target_name)

    def exchange(self, folder: bytes, name: bytes, other_name: bytes) -> None:
        """Exchange two files of one folder in one step. Raises `OSError`: see `posix.exchange`."""
        fd = self._at(folder, name)
        check_name(other_name)
        posix.exchange(fd, name, fd, other_name)

    def rename_all(self, target: LocalStorage, paths: Sequence[bytes]) -> list[tuple[int, int]]:
        """Run `rename_noreplace` for many files: `paths` holds folder, name, target folder, target name of each in
        turn.

        All are tried, in order; returns (position, errno) of each failure.
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
        """Rename by link and unlink; return the errno, 0 for success."""
        try:
            posix.rename_by_link(self._at(folder, name), name, target._at(target_folder, target_name), target_name)
        except OSError as error:
            return error.errno or 0
        return 0

    def reserve(self, folder: bytes, name: bytes) -> Entry:
        """Reserve the name with an empty file, for `rename_onto_reserved`. Raises `FileExistsError` if it is taken."""
        fd = os.open(name, _NEW_FLAGS, _RESERVED_MODE, dir_fd=self._at(folder, name))
        try:
            with contextlib.suppress(OSError):
                os.utime(fd, ns=(RESERVED_MTIME_NS, RESERVED_MTIME_NS))
            return entry_of(name, os.fstat(fd))
        finally:
            os.close(fd)

    def is_reserved(self, folder: bytes, name: bytes, by: Reservation) -> bool:
        """Return whether the name is held by the empty file that `reserve` made. Raises `OSError`.

        It is identified by inode and ctime, or by its special mtime where inode numbers do not last. A reservation
        whose inode was not recorded yet is identified by owner, mode and time of creation.
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
        """Rename over a reservation, after checking it again.

        Raises `FileExistsError` if it is not the reservation, or not empty. If the rename fails, the reservation is
        kept.
        """
        seen = target.lstat(target_folder, reserved.name)
        if seen is None or seen.size or seen.inode != reserved.inode or not seen.is_file:
            raise failed(errno.EEXIST, reserved.name)
        target_fd = target._at(target_folder, reserved.name)
        os.rename(name, reserved.name, src_dir_fd=self._at(folder, name), dst_dir_fd=target_fd)

    @contextlib.contextmanager
    def original(self, folder: bytes, name: bytes, *, by_content: bool = False) -> Iterator[Original]:
        """Yield an open file to be copied. Raises `OSError`, EINVAL for anything but a regular file."""
        fd = posix.open_to_read(name, _READ_FLAGS, self._at(folder, name))
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
        check: Callable[[], None] = lambda: None,
    ) -> StagedCopy:
        """Make a copy named `temporary`; ESTALE if the source changes meanwhile. The caller flushes and closes it.

        `mode` and `mtime_ns` replace those of the source; `flags` of chattr(1) are added to those of the source. The
        source may be open as `original`. `FileExistsError` refers to `temporary`, which is left unchanged; after any
        other error it is removed. `check` is called for each part of the content, and may raise.
        """
        with contextlib.ExitStack() as stack:
            if (source := original) is None:
                source = stack.enter_context(self.original(folder, name))
                source.begin()
            source.ready()
            target_fd = os.open(temporary, _NEW_FLAGS, 0o600, dir_fd=target._at(target_folder, temporary))
            try:
                return copying.copy(
                    source, target_fd, temporary, mode=mode, mtime_ns=mtime_ns, flags=flags, check=check
                )
            except BaseException:
                os.close(target_fd)
                target.discard(target_folder, temporary)
                raise

    def publish(
        self, folder: bytes, temporary: bytes, name: bytes, *, before_rename: Callable[[], None] = lambda: None
    ) -> Entry:
        """Give a staged copy its name. The temporary name is kept as a witness, if hard links are possible.

        Otherwise the copy is renamed, after `before_rename`, which can record it because no witness will exist.
        """
        fd = self._at(folder, name)
        try:
            os.link(temporary, name, src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
        except OSError as error:
            if error.errno not in posix.NO_LINKS:
                raise
            before_rename()
            self.rename_noreplace(folder, temporary, self, folder, name)
        return entry_of(name, os.lstat(name, dir_fd=fd))

    def discard(self, folder: bytes, temporary: bytes) -> None:
        """Remove a temporary file of fileorg, if it exists."""
        with contextlib.suppress(FileNotFoundError):
            self.remove(folder, temporary)

    def hardlink(
        self, folder: bytes, name: bytes, target: LocalStorage, target_folder: bytes, target_name: bytes
    ) -> None:
        """Make a hard link to the file. Raises `FileExistsError` if the name is taken; EXDEV across devices."""
        source_fd, target_fd = self._at(folder, name), target._at(target_folder, target_name)
        os.link(name, target_name, src_dir_fd=source_fd, dst_dir_fd=target_fd, follow_symlinks=False)

    def symlink(self, content: bytes, folder: bytes, name: bytes) -> None:
        """Make a symlink with the target `content`. Raises `FileExistsError` if the name is taken."""
        os.symlink(content, name, dir_fd=self._at(folder, name))

    def remove(self, folder: bytes, name: bytes) -> None:
        """Remove one file or symlink; EISDIR for a folder."""
        os.unlink(name, dir_fd=self._at(folder, name))

    def make_folder(self, folder: bytes, name: bytes, mode: int = heirs.USUAL) -> None:
        """Make one folder. Raises `FileExistsError` if the name is taken.

        A mode with type bits, as from `lstat`, is set exactly; the umask applies to any other. A folder made by root
        gets the owner of its parent: see `heirs`.
        """
        above, exact = self._at(folder, name), stat.S_ISDIR(mode)
        heir = heirs.heir_of(above)
        os.mkdir(name, heirs.first_mode(mode, heir), dir_fd=above)
        self.forget(join(folder, name))  # descriptors of a removed folder may be cached
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
        """Finish a `make_folder` that was interrupted. Raises `OSError`."""
        if (heir := heirs.heir_of(self._at(folder, name))) is not None:
            self._hand_over(folder, name, mode, heir)
        there = self.lstat(folder, name)
        if there is not None and _is_halfway(there.mode, mode):
            os.fchmod(self.fd(join(folder, name)), stat.S_IMODE(mode))

    def _hand_over(self, folder: bytes, name: bytes, mode: int, heir: heirs.Heir) -> None:
        try:
            fd = self.fd(join(folder, name))
        except OSError:  # whatever took its place is checked when it is used
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
    """Return whether a folder still has its initial mode instead of the exact one."""
    first = wanted | 0o700 | stat.S_ISGID  # without the umask; the parent may pass on its group
    return stat.S_ISDIR(wanted) and mode != wanted and mode & 0o700 == 0o700 and not mode & ~first
