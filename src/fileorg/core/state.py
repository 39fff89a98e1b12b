"""The state directory: where the journal and the index are, who may use them, and one run at a time."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import time
from typing import TYPE_CHECKING

from fileorg.core.descriptors import telling_the_limit
from fileorg.core.errors import Locked, StateError
from fileorg.core.names import display
from fileorg.core.trusted import open_directory, path_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

JOURNAL = b"journal.db"
INDEX = b"index.db"
LISTINGS = b"listings.db"
_REPLACED = "see who else may write to the folders above it, or name another one with --state-dir"
_OURS = (JOURNAL, INDEX, LISTINGS, b"run.lock", b"index.lock")

APPLICATION_ID = 0x464F5247  # "FORG"
"""By which a journal is known, whoever's it is."""
_SQLITE, _ID_FROM, HEAD_BYTES = b"SQLite format 3\0", 68, 72


def may_be_state(names: Collection[bytes]) -> bool:
    """Whether a folder that has these names can be a state directory: the head of its journal tells, `is_journal`."""
    return JOURNAL in names and any(name in names for name in _OURS[1:])


def is_journal(head: bytes) -> bool:
    """Whether it is a journal that begins with these `HEAD_BYTES`, as sqlite.org/fileformat.html says; or one that is
    still empty, its first pages being in its log.
    """
    return not head or (head.startswith(_SQLITE) and head[_ID_FROM:HEAD_BYTES] == APPLICATION_ID.to_bytes(4))


class StateDirectory:
    """A checked directory of ours, mode 0700."""

    def __init__(self, path: bytes) -> None:
        self.path = path

    @contextlib.contextmanager
    def opened(self) -> Iterator[int]:
        """A descriptor of it, along a path on which no other user leads elsewhere. Raises `StateError`, `OSError`."""
        fd = open_directory(self.path)
        try:
            if os.fstat(fd).st_uid != os.geteuid():
                raise StateError(f"The state directory {display(self.path)} was replaced just now.", hint=_REPLACED)
            yield fd
        finally:
            os.close(fd)

    def check_opened(self, name: bytes) -> None:
        """A database is opened by its path, which may lead elsewhere by now: what is open must be what was checked.

        Raises `StateError`.
        """
        wanted = []
        try:
            with self.opened() as at:
                wanted.append(os.lstat(name, dir_fd=at))
                for suffix in (b"-wal", b"-shm"):
                    with contextlib.suppress(FileNotFoundError):
                        wanted.append(os.lstat(name + suffix, dir_fd=at))
        except OSError as error:
            raise StateError(f"{display(self.path)} lost its {display(name)} just now.", hint=_REPLACED) from error
        has = {(seen.st_dev, seen.st_ino) for seen in self._candidates(name)}
        if not has >= {(seen.st_dev, seen.st_ino) for seen in (wanted if len(has) > 1 else wanted[:1])}:
            raise StateError(f"The state directory {display(self.path)} was replaced just now.", hint=_REPLACED)

    def _candidates(self, name: bytes) -> Iterator[os.stat_result]:
        """What this process has open under that name; where that cannot be known, what is at the path."""
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
    def journal(self) -> bytes:
        return os.path.join(self.path, JOURNAL)

    @property
    def index(self) -> bytes:
        return os.path.join(self.path, INDEX)

    def listings(self) -> bytes:
        """Made when it is wanted, for most commands list nothing. Raises `StateError` if it is not ours, `OSError`."""
        path = os.path.join(self.path, LISTINGS)
        with self.opened() as at:
            os.close(_own_file(path, at))
        return path


def default_state_path() -> bytes:
    """`$FILEORG_HOME`, else the place that the system keeps for the state of programs."""
    if home := os.environ.get("FILEORG_HOME"):
        return os.fsencode(home)
    import platformdirs

    return os.fsencode(platformdirs.user_state_dir("fileorg", appauthor=False))


def open_state(path: bytes | None = None) -> StateDirectory:
    """The state directory, made if it is missing. Raises `StateError` if it is not ours or cannot be used."""
    path = os.path.abspath(path or default_state_path())
    shown = display(path)
    hint = "name another one with --state-dir or FILEORG_HOME"
    try:
        fd = _opened(path, shown)
    except OSError as error:
        raise StateError(f"The state directory {shown} cannot be used: {error.strerror}.", hint=hint) from error
    try:
        seen = os.fstat(fd)
        if seen.st_uid != os.geteuid():
            raise StateError(f"The state directory {shown} belongs to another user.", hint=hint)
        entries = list(map(os.fsencode, os.listdir(fd)))
        if entries and not any(name in entries for name in _OURS):
            raise StateError(f"{shown} holds other files: it is no state directory of fileorg.", hint=hint)
        if stat.S_IMODE(seen.st_mode) != 0o700:
            os.fchmod(fd, 0o700)
        for name in (JOURNAL, INDEX):
            os.close(_own_file(os.path.join(path, name), fd))
        if os.stat(JOURNAL, dir_fd=fd).st_size == 0:
            # SQLite flushes the names of its temporary files only: without that of the journal itself they are worth
            # nothing. Here, and not where a name is made: who made it may have been killed just then.
            _flush(JOURNAL, fd)
            _flush(b".", fd)
            for _, above in _above(fd):
                _flush(b".", above)
        return StateDirectory(path_of(fd, os.path.realpath(path)))
    except OSError as error:
        raise StateError(f"The state directory {shown} cannot be used: {error.strerror}.", hint=hint) from error
    finally:
        os.close(fd)


def _opened(path: bytes, shown: str) -> int:
    """A descriptor of the state directory, made if it is missing. Raises `StateError` for a symlink, `OSError`."""
    above = open_directory(os.path.dirname(path), make=True)
    name = os.path.basename(path) or b"."
    try:
        with contextlib.suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=above)
        if stat.S_ISLNK(os.lstat(name, dir_fd=above).st_mode):
            raise StateError(f"The state directory {shown} is a symlink.", hint="name the real directory")
        return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
    finally:
        os.close(above)


def _flush(name: bytes, at: int) -> None:
    """A file, or the names in a directory, to the disk; if it may be opened, and the file system can do that."""
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


def _own_file(path: bytes, at: int) -> int:
    """A descriptor of a file of ours in the state directory, which is open as `at`, made with mode 0600 if it is
    missing. Raises `StateError` for a link, or if it has another owner or a second name: what is written into it would
    be written elsewhere.
    """
    hint = "move it away, or name another state directory with --state-dir"
    try:
        name = os.path.basename(path)
        fd = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
    except OSError as error:
        if error.errno in {errno.ELOOP, errno.EISDIR, errno.ENXIO}:
            raise StateError(f"{display(path)} is not a plain file.", hint=hint) from error
        raise
    try:
        seen = os.fstat(fd)
        if not stat.S_ISREG(seen.st_mode) or seen.st_nlink != 1 or seen.st_uid != os.geteuid():
            raise StateError(f"{display(path)} is not a plain file of yours with one name.", hint=hint)
        if stat.S_IMODE(seen.st_mode) != 0o600:
            os.fchmod(fd, 0o600)
    except BaseException:
        os.close(fd)
        raise
    return fd


@contextlib.contextmanager
def run_lock(state: StateDirectory, what: str, *, name: bytes = b"run.lock") -> Iterator[int]:
    """Hold the journal for one run; the descriptor that does. `what` is told to whoever comes meanwhile.

    Raises `Locked`, naming who has it. A raw flock: the kernel drops it with the last descriptor, however the process
    ends.
    """
    path = os.path.join(state.path, name)
    try:
        with state.opened() as at:
            fd = _own_file(path, at)
    except OSError as error:
        raise StateError(
            f"The lock {display(path)} cannot be used: {error.strerror}.",
            hint="see who owns it, or name another state directory with --state-dir",
        ) from error
    try:
        if not _flock(fd, fcntl.LOCK_EX):
            raise Locked(f"Another fileorg run is at work: {_holder(fd)}.")
        import json

        about = {"pid": os.getpid(), "host": os.uname().nodename, "since": int(time.time()), "what": what}
        with contextlib.suppress(OSError):  # the flock is what counts; a full disk is the journal's to tell
            os.ftruncate(fd, 0)
            os.pwrite(fd, json.dumps(about).encode(), 0)
        yield fd
    finally:
        os.close(fd)


def _holder(fd: int) -> str:
    import json

    try:
        about = json.loads(os.pread(fd, 4096, 0))
        since = time.strftime("%H:%M", time.localtime(int(about["since"])))
        return f"{display(str(about['what']))}, process {int(about['pid'])}, since {since}"
    except (ValueError, KeyError, TypeError, OverflowError):
        return "it has just started"


@contextlib.contextmanager
def root_locks(roots: Mapping[bytes, int]) -> Iterator[list[int]]:
    """Hold each root, by the descriptors it gives, against every other run. `roots`: a descriptor by each path.

    Also against one of another user or with another state directory: the flock is on the very directory that is open,
    whatever name leads there by now. Those above a root are held shared: a run on an ancestor or a descendant
    conflicts. Raises `Locked`, `TooManyOpen`.
    """
    exclusive = {_identity(fd): (path, fd) for path, fd in roots.items()}
    held = set(exclusive)
    fds: list[int] = []

    def hold(path: bytes, name: bytes, at: int, kind: int) -> None:
        try:
            with telling_the_limit():
                fd = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=at)
        except PermissionError:  # a folder that may be entered but not read: no one can lock it
            return
        fds.append(fd)
        if not _flock(fd, kind):
            raise Locked(f"Another fileorg run is at work in, above or below {display(path)}.")

    try:
        for path, root_fd in exclusive.values():
            hold(path, b".", root_fd, fcntl.LOCK_EX)
        for path, root_fd in exclusive.values():
            for identity, above in _above(root_fd):
                if identity not in held:
                    held.add(identity)
                    hold(path, b".", above, fcntl.LOCK_SH)
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def _identity(fd: int) -> tuple[int, int]:
    seen = os.fstat(fd)
    return seen.st_dev, seen.st_ino


def _above(fd: int) -> Iterator[tuple[tuple[int, int], int]]:
    """The directories above an open one, each with a descriptor until the next is asked for, as far as they may be
    entered.
    """
    flags = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
    identity, opened = _identity(fd), -1
    try:
        while True:
            try:
                with telling_the_limit():
                    above = os.open(b"..", flags, dir_fd=fd if opened < 0 else opened)
            except PermissionError:
                return
            if opened >= 0:
                os.close(opened)
            below, identity, opened = identity, _identity(above), above
            if identity == below:  # the root of all
                return
            yield identity, opened
    finally:
        if opened >= 0:
            os.close(opened)


def _flock(fd: int, kind: int) -> bool:
    """Whether the lock was had. A file system without flock counts as had: the run lock still stands."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EAGAIN}:
            return False
        if error.errno not in {errno.ENOTSUP, errno.ENOLCK, errno.EBADF, errno.EINVAL, errno.ENOSYS}:
            raise StateError(f"Whether another fileorg run is at work cannot be known: {error.strerror}.") from error
    return True
