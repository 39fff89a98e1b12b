"""The state directory: it holds the journal, the index and the files of jobs. Its locks are in `core.locks`."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import sys
import time
from enum import Enum, auto
from typing import TYPE_CHECKING

from fileorg.core.errors import StateError, about, blank_path
from fileorg.core.names import display, listed_path
from fileorg.core.trusted import folders_above, open_directory, path_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

JOURNAL = b"journal.db"
INDEX = b"index.db"
LISTINGS = b"listings.db"
STAYS = b"stays.db"
_REPLACED = "check who else can write to the folders above it, or give another one with --state-dir"
_ANOTHER = "give another one with --state-dir or FILEORG_HOME"
_OURS = (JOURNAL, INDEX, LISTINGS, STAYS, b"run.lock", b"index.lock", b"journal.lock")

APPLICATION_ID = 0x464F5247  # "FORG"
"""The SQLite application id of a journal, of any user."""
_SQLITE, _ID_FROM, HEAD_BYTES = b"SQLite format 3\0", 68, 72
_VERSIONS, _PAGES = slice(18, 20), slice(28, 32)


def may_be_state(names: Collection[bytes]) -> bool:
    """Return whether a folder with these names may be a state directory; `is_journal` confirms it."""
    return JOURNAL in names and any(name in names for name in _OURS[1:])


def is_journal(head: bytes) -> bool:
    """Return whether a file with these first `HEAD_BYTES` is a journal (sqlite.org/fileformat.html). An empty file
    counts, and so does an empty database with a WAL: the first pages of a new journal are still in its WAL.
    """
    if not head.startswith(_SQLITE):
        return not head
    is_new = head[_VERSIONS] == b"\2\2" and head[_PAGES] in {bytes(4), b"\0\0\0\1"} and not any(head[_ID_FROM:])
    return is_new or head[_ID_FROM:HEAD_BYTES] == APPLICATION_ID.to_bytes(4)


class StateDirectory:
    """A checked state directory of this user, mode 0700; if only reads need it, it may be missing."""

    def __init__(self, path: bytes, *, unwritable: str = "") -> None:
        """`unwritable`: a sentence about the reason why no index can be kept here."""
        self.path = path
        self.unwritable = unwritable

    @property
    def has_journal(self) -> bool:
        """True if there may be operations. Raises `OSError`."""
        return _has_content(self.journal)

    @property
    def has_index(self) -> bool:
        """True if there may be a result of a scan. Raises `OSError`."""
        return _has_content(self.index)

    def identities(self) -> frozenset[tuple[int, int]]:
        """Return the device and inode numbers of the directory, nothing if it is missing. Raises `OSError`."""
        try:
            seen = os.stat(self.path)
        except FileNotFoundError:
            return frozenset()
        return frozenset({(seen.st_dev, seen.st_ino)})

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """Yield a descriptor of the directory; no other user can redirect it. Raises `StateError`, `OSError`."""
        fd = open_directory(self.path)
        try:
            if os.fstat(fd).st_uid != os.geteuid():
                raise StateError(f"Another program replaced the state directory {display(self.path)}.", hint=_REPLACED)
            yield fd
        finally:
            os.close(fd)

    def check_opened(self, name: bytes, *, copied: tuple[int, int] | None = None, with_log: bool = True) -> None:
        """Check that the database this process has open is the file in the checked directory: SQLite opens by path,
        which another user may have redirected. `copied`: the device and inode numbers of a database that was copied
        into memory instead. `with_log`: its log is open too, if there is one.

        Raises `StateError`, `OSError`.
        """
        wanted = []
        try:
            with self.opened() as at:
                wanted.append(os.lstat(name, dir_fd=at))
                for suffix in (b"-wal", b"-shm") if with_log else ():
                    with contextlib.suppress(FileNotFoundError):
                        wanted.append(os.lstat(name + suffix, dir_fd=at))
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}:
                raise
            message = f"Another program removed {display(name)} in {display(self.path)}."
            raise StateError(message, hint=_REPLACED) from error
        has = {(seen.st_dev, seen.st_ino) for seen in self._candidates(name)} | ({copied} if copied else set())
        if not has >= {(seen.st_dev, seen.st_ino) for seen in (wanted if len(has) > 1 else wanted[:1])}:
            raise StateError(f"Another program replaced the state directory {display(self.path)}.", hint=_REPLACED)

    def _candidates(self, name: bytes) -> Iterator[os.stat_result]:
        """Yield the stat of all open descriptors of this process; without /proc, of the file at the path."""
        try:
            numbers = os.listdir("/proc/self/fd")
        except OSError:
            with contextlib.suppress(OSError):
                yield os.stat(os.path.join(self.path, name), follow_symlinks=False)
            return
        for number in numbers:
            with contextlib.suppress(OSError):
                yield os.fstat(int(number))

    @property
    def is_default(self) -> bool:
        """True for the platform's directory, also if `FILEORG_HOME` names it."""
        # Its name decides first: platformdirs, where it is needed, takes a while to load.
        return self.path.endswith(b"/fileorg") and self.path == os.path.realpath(_platform_path())

    @property
    def journal(self) -> bytes:
        return os.path.join(self.path, JOURNAL)

    @property
    def index(self) -> bytes:
        return os.path.join(self.path, INDEX)

    def listings(self) -> bytes:
        """Return the path of the listings, created on first use. Raises `StateError` if it is another's, `OSError`."""
        path = os.path.join(self.path, LISTINGS)
        with self.opened() as at:
            os.close(own_file(path, at))
        return path

    def stays(self, *, make: bool) -> bytes | None:
        """Return the path of the lists of what stayed, created if missing with `make`, else None if missing.

        Raises `StateError` if it is another's, `OSError`.
        """
        path = os.path.join(self.path, STAYS)
        try:
            with self.opened() as at:
                os.close(own_file(path, at, make=make))
        except FileNotFoundError:
            return None
        return path

    def alive(self, number: int) -> int | None:
        """Lock the status file of a job and return its descriptor: the job is alive while any process holds it.

        None if another process holds it. Raises `StateError`, `OSError`.
        """
        return self.locked(self.of_job(number, b"status"))

    def locked(self, path: bytes) -> int | None:
        """Lock a file of the directory, created if missing; return its descriptor, None if another process holds it.

        Raises `StateError`, `OSError`.
        """
        tries = 5
        with self.opened() as at:
            while True:
                fd = own_file(path, at)
                if flock(fd, fcntl.LOCK_EX) is Flock.TAKEN:
                    os.close(fd)
                    tries -= 1
                    if not tries:
                        return None
                    time.sleep(0.01)  # someone may have looked just now whether it is held
                    continue
                if os.fstat(fd).st_nlink:
                    return fd
                os.close(fd)  # the process that held it has just removed it

    def is_alive(self, number: int) -> bool:
        """Return whether a process holds the lock of a job's status file."""
        try:
            fd = os.open(self.of_job(number, b"status"), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return is_held(fd)
        finally:
            os.close(fd)

    def of_job(self, number: int, what: bytes) -> bytes:
        """Return the path of a file of a job: its `status`, `plan`, `plan.columns` or `log`, a request to `cancel`, and
        which file is its `certificate`.
        """
        return os.path.join(self.path, b"job-%d.%b" % (number, what))


def default_config_path() -> bytes:
    """Return the path of the configuration that is read without `--config`."""
    return os.path.join(base_folder(b"XDG_CONFIG_HOME", b"~/.config"), b"fileorg", b"fileorg.toml")


def default_state_path() -> bytes:
    """Return `$FILEORG_HOME`, or the platform's directory for program state. Raises `UsageError` if it is blank."""
    if (home := os.environ.get("FILEORG_HOME")) is not None:
        if not home.strip():
            raise blank_path("FILEORG_HOME")
        return os.fsencode(home)
    return _platform_path()


def _absolute(path: bytes | None) -> bytes:
    """Return the absolute path of `--state-dir`, or of the default. Raises `UsageError` if it is blank."""
    if path is not None and not path.strip():
        raise blank_path("--state-dir")
    return os.path.abspath(path or default_state_path())


def base_folder(variable: bytes, usual: bytes) -> bytes:
    """Return a folder of the XDG base directories; a relative path is no folder, as their specification says."""
    folder = os.environb.get(variable, b"")
    return folder if os.path.isabs(folder) else os.path.expanduser(usual)


def _platform_path() -> bytes:
    is_usual = sys.platform == "linux" and "ANDROID_DATA" not in os.environ
    if is_usual and os.environ.get("HOME", "/").startswith("/"):
        # As platformdirs answers, which takes 5 to 10 ms to load.
        return os.path.join(base_folder(b"XDG_STATE_HOME", b"~/.local/state"), b"fileorg")
    import platformdirs

    return os.fsencode(platformdirs.user_state_dir("fileorg", appauthor=False))


def _has_content(path: bytes) -> bool:
    """Return whether a database or its log has any content. Raises `OSError`."""
    for each in (path, path + b"-wal"):
        with contextlib.suppress(FileNotFoundError):
            if os.path.getsize(each):
                return True
    return False


class UnwritableState(StateError):
    """The state directory cannot be written; it may be readable."""


def open_state(path: bytes | None = None) -> StateDirectory:
    """Open the state directory, created if missing. Raises `StateError` if it is unusable or another user's,
    `UnwritableState` if it cannot be written.
    """
    path = _absolute(path)
    with about(path):
        return _open_state(path)


def _open_state(path: bytes) -> StateDirectory:
    shown = display(path)
    try:
        fd, listed = _opened_as_listed(path, shown)
    except OSError as error:
        raise _unusable(shown, error) from error
    try:
        seen = _check_owner(fd, shown)
        if stat.S_IMODE(seen.st_mode) != 0o700:
            os.fchmod(fd, 0o700)
        for name in (JOURNAL, INDEX):
            os.close(own_file(os.path.join(path, name), fd))
        if os.stat(JOURNAL, dir_fd=fd).st_size == 0:
            # SQLite does not fsync the directory entry of a new database; without it a power cut can lose the journal.
            # Checked at each start, because the process that created the file may have been killed before its fsync.
            _flush(JOURNAL, fd)
            _flush(b".", fd)
            for _, above in folders_above(fd):
                _flush(b".", above)
        return StateDirectory(listed)
    except OSError as error:
        raise _unusable(shown, error) from error
    finally:
        os.close(fd)


def find_state(path: bytes | None = None, *, unwritable: str = "") -> StateDirectory:
    """Return the state directory for commands that only read it: it may be missing, and nothing is created or changed.

    Raises `StateError` if it is unusable or another user's.
    """
    path = _absolute(path)
    with about(path):
        return _find_state(path, unwritable)


def _find_state(path: bytes, unwritable: str) -> StateDirectory:
    shown = display(path)
    try:
        fd, listed = _opened_as_listed(path, shown, make=False)
    except FileNotFoundError:
        return StateDirectory(os.path.realpath(path), unwritable=unwritable)
    except OSError as error:
        raise _unusable(shown, error) from error
    try:
        _check_owner(fd, shown)
        for name in (JOURNAL, INDEX):
            with contextlib.suppress(FileNotFoundError):
                os.close(own_file(os.path.join(path, name), fd, make=False))
        return StateDirectory(listed, unwritable=unwritable)
    except OSError as error:
        raise _unusable(shown, error) from error
    finally:
        os.close(fd)


def state_for_cache(path: bytes | None = None) -> StateDirectory:
    """Return the state directory for commands that keep an index there if they can. Raises `StateError`."""
    try:
        return open_state(path)
    except UnwritableState as error:
        return find_state(path, unwritable=str(error))


def _unusable(shown: str, error: OSError) -> StateError:
    if error.errno == errno.EROFS:
        return UnwritableState(f"The state directory {shown} is on a read-only file system.", hint=_ANOTHER)
    if error.errno == errno.EACCES:
        return UnwritableState(f"The state directory {shown} cannot be written: permission denied.", hint=_ANOTHER)
    return StateError(f"The state directory {shown} cannot be used: {error.strerror}.", hint=_ANOTHER)


def _check_owner(fd: int, shown: str) -> os.stat_result:
    """Return the stat of a state directory. Raises `StateError` if it is another user's, or not one of fileorg."""
    seen = os.fstat(fd)
    if seen.st_uid != os.geteuid():
        raise StateError(f"The state directory {shown} belongs to another user.", hint=_ANOTHER)
    entries = list(map(os.fsencode, os.listdir(fd)))
    if entries and not any(name in entries for name in _OURS):
        raise StateError(f"{shown} is not a state directory of fileorg: it holds other files.", hint=_ANOTHER)
    return seen


def _opened(path: bytes, shown: str, *, make: bool = True) -> int:
    """Open the state directory, created if missing and `make`; return a descriptor. Raises `StateError`, `OSError`."""
    above = open_directory(os.path.dirname(path), make=make)
    name = os.path.basename(path) or b"."
    try:
        if make:
            with contextlib.suppress(FileExistsError):
                os.mkdir(name, 0o700, dir_fd=above)
        if stat.S_ISLNK(os.lstat(name, dir_fd=above).st_mode):
            raise StateError(f"The state directory {shown} is a symlink.", hint="give the real directory")
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    finally:
        os.close(above)


def _opened_as_listed(path: bytes, shown: str, *, make: bool = True) -> tuple[int, bytes]:
    """Like `_opened`, in the spelling on disk, which is returned, too.

    On exFAT through FUSE, another spelling of the path leads to other files, with locks of their own: two runs would
    write to one journal.
    """
    fd = _opened(path, shown, make=make)
    now = path_of(fd, os.path.realpath(path))
    listed = listed_path(now)
    if listed == now:
        return fd, now
    os.close(fd)
    return _opened(listed, shown, make=False), listed


def _flush(name: bytes, at: int) -> None:
    """Flush a file or a directory to disk, if permissions allow opening it and the file system supports fsync."""
    try:
        fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW, dir_fd=at)
    except PermissionError:
        return
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EROFS}:
            raise
    finally:
        os.close(fd)


def own_file(path: bytes, at: int, *, make: bool = True) -> int:
    """Return a descriptor of a file in the state directory (open as `at`), created with mode 0600 if missing; without
    `make`, for reading. Raises `StateError` for a link, another owner or a second name: a write would change a file
    elsewhere.
    """
    hint = "move it away, or give another state directory with --state-dir"
    try:
        name = os.path.basename(path)
        how = os.O_RDWR | os.O_CREAT if make else os.O_RDONLY | os.O_NONBLOCK
        fd = os.open(name, how | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:
            raise StateError(f"{display(path)} is not a regular file.", hint=hint) from error
        raise
    try:
        seen = os.fstat(fd)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink > 1 or seen.st_uid != os.geteuid():
            raise StateError(
                f"{display(path)} is not a regular file, has hard links, or belongs to another user.", hint=hint
            )
        if make and stat.S_IMODE(seen.st_mode) != 0o600:
            os.fchmod(fd, 0o600)
    except BaseException:
        os.close(fd)
        raise
    return fd


def is_held(fd: int) -> bool:
    """Return whether another process holds the lock of an open file. Raises `StateError`."""
    return flock(fd, fcntl.LOCK_SH) is Flock.TAKEN


class Flock(Enum):
    """The result of an attempt to lock a file."""

    HELD = auto()
    TAKEN = auto()  # by another process
    UNSUPPORTED = auto()  # the file system knows no such lock


def flock(fd: int, kind: int) -> Flock:
    """Lock an open file, without waiting; the lock ends with its last descriptor. Raises `StateError`."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN}:
            return Flock.TAKEN
        if error.errno in {errno.ENOTSUP, errno.ENOLCK, errno.EBADF, errno.EINVAL, errno.ENOSYS}:
            return Flock.UNSUPPORTED
        raise StateError(f"Could not check whether another fileorg is running: {error.strerror}.") from error
    return Flock.HELD
