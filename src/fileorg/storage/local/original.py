"""A file that is copied and then goes: whether anyone writes to it, and whether anyone has.

A store through a mapping whose page is dirty already changes no time. A lease (fcntl(2), F_SETLEASE) is refused while
anyone has the file open for writing, or has such a mapping of it, and lets whoever wants to open it wait: once it was
granted, the first store through a mapping that is made later changes the times.

Where there is no lease to be had, the pages are written out, and so the next store changes the times again: what a file
is like is asked before and after that, until both say the same.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import time
from enum import Enum, auto
from typing import TYPE_CHECKING

from fileorg.storage.local import posix
from fileorg.storage.local.digests import has_digest
from fileorg.storage.local.listing import entry_of, regular_file

if TYPE_CHECKING:
    from fileorg.core.model import Entry

CLOCK_NS = 2_000_000_000
"""How coarse the times of a file system may be: FAT counts in steps of two seconds."""
_LOOKS = 5
_TMPFS = 0x01021994
"""Nothing is ever written out there, so a store through a mapping never changes a time."""


class Lease(Enum):
    """What the system promises of an open file."""

    HELD = auto()  # nobody has it open for writing
    REFUSED = auto()  # someone has
    NONE = auto()  # nothing: another owner's file, or a file system without leases


def lease(fd: int) -> Lease:
    """Ask for a lease on an open file. It ends with the descriptor, or when someone has waited for it too long."""
    if not hasattr(fcntl, "F_SETLEASE"):
        return Lease.NONE
    try:
        # Who waits is told of by a signal, which is to end no process: this one is ignored unless it is asked for.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return Lease.REFUSED if error.errno == errno.EAGAIN else Lease.NONE
    return Lease.HELD


class Original:
    """An open file, that is to be copied."""

    def __init__(self, fd: int, name: bytes, *, by_content: bool = False) -> None:
        """`by_content`: whether only its content tells that it is what was copied. Who opened `fd` closes it.

        Raises `OSError`: EINVAL for what is no regular file.
        """
        self.fd = fd
        self._name = name
        self._opened_ns = time.time_ns()
        self.facts = os.fstat(fd)
        regular_file(name, self.facts)
        self._by_content = by_content
        self._is_leased = False
        self._was_leased_throughout = False
        self._may_be_dirty = True
        """Through a mapping, and stores to it would not be told."""

    @property
    def entry(self) -> Entry:
        """What it was before it was read."""
        return entry_of(self._name, self.facts)

    def ready(self) -> None:
        """See to it that a store is told from now on by the times. Before it is read.

        Raises `OSError`, ESTALE for a file that changes all the time.
        """
        if not self._may_be_dirty:
            return
        for _ in range(_LOOKS):
            self.facts = os.fstat(self.fd)
            posix.write_out(self.fd)
            if self._is_as_it_was():
                return
        raise OSError(errno.ESTALE, "it changed while it was copied", os.fsdecode(self._name))

    def _write_out(self) -> None:
        if self._may_be_dirty:
            posix.write_out(self.fd)

    def _is_as_it_was(self) -> bool:
        return entry_of(self._name, os.fstat(self.fd)) == self.entry

    def lease(self) -> Lease:
        """As the function of that name."""
        answer = lease(self.fd)
        self._is_leased |= answer is Lease.HELD
        return answer

    def begin(self) -> Lease:
        """Ask for a lease before it is read, and keep it only where nothing else tells of a store."""
        answer = self.lease()
        if answer is Lease.HELD:
            self._may_be_dirty = False  # whoever had it mapped when its facts were asked for is gone
            if posix.file_system_type(self.fd) == _TMPFS:
                self._was_leased_throughout = True
            else:
                fcntl.fcntl(self.fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
                self._is_leased = False
        return answer

    def is_waited_for(self) -> bool:
        """Whether someone wants to write to it, or the lease is gone because someone has waited too long."""
        return self._is_leased and fcntl.fcntl(self.fd, fcntl.F_GETLEASE) != fcntl.F_RDLCK

    def is_untouched(self) -> bool:
        """Whether nobody has written to it since it was made ready, nor is about to. Raises `OSError`."""
        self._write_out()
        return self._is_as_it_was() and not self.is_waited_for()

    def is_untouched_aside(self, digest: bytes | None) -> bool:
        """The same of a file that was renamed since, which changes its ctime. `digest` is that of its copy.

        Where its times do not tell, its content does. Raises `OSError`.
        """
        self._write_out()
        now = os.fstat(self.fd)
        if (now.st_size, now.st_mtime_ns) != (self.facts.st_size, self.facts.st_mtime_ns):
            return False
        if not self._times_tell() and (digest is None or not self.has_digest(digest)):
            return False
        self._write_out()
        return entry_of(self._name, os.fstat(self.fd)) == entry_of(self._name, now) and not self.is_waited_for()

    def has_digest(self, digest: bytes) -> bool:
        """Whether it has the content of which `stage_copy` gave that digest. Raises `OSError`."""
        return has_digest(self.fd, digest)

    def _times_tell(self) -> bool:
        """Whether a write since it was opened shows in its times: not within one tick of the clock that they are by."""
        if self._by_content or max(self.facts.st_mtime_ns, self.facts.st_ctime_ns) > self._opened_ns - CLOCK_NS:
            return False
        return self._was_leased_throughout or posix.file_system_type(self.fd) != _TMPFS
