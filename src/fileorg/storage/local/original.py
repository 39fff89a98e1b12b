"""A file that is copied and then goes: whether anyone writes to it, and whether anyone has.

A store through a mapping whose page is dirty already changes no time. A lease (see `readiness`) lets whoever wants to
open the file for writing wait: once it was granted, the first store through a mapping that is made later changes them.

Where there is no lease to be had, the pages are written out, and so the next store changes the times again: what a file
is like is asked before and after that, until both say the same.
"""

from __future__ import annotations

import errno
import os
import time
from typing import TYPE_CHECKING

from fileorg.storage.local import posix
from fileorg.storage.local.digests import has_digest
from fileorg.storage.local.listing import entry_of, regular_file
from fileorg.storage.local.readiness import Readiness, State, is_leased, is_quiet, readiness, release

if TYPE_CHECKING:
    from fileorg.core.model import Entry

CLOCK_NS = 2_000_000_000
"""How coarse the times of a file system may be: FAT counts in steps of two seconds."""
_LOOKS = 5
_TMPFS = 0x01021994
"""Nothing is ever written out there, so a store through a mapping never changes a time."""


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

    def ask(self) -> Readiness:
        """Return whether anyone may write to it; where there are leases, nobody can until it is closed."""
        answer = readiness(self.fd)
        self._is_leased = answer.is_leased
        return answer

    def begin(self) -> Readiness:
        """As `ask`, before it is read. The lease is kept only where nothing else tells of a store."""
        answer = self.ask()
        if answer.state is State.FREE and self._is_leased:
            kind = posix.file_system_type(self.fd)
            # Whoever had it mapped when its facts were asked for is gone. On overlayfs, a lease knows of no mapping.
            self._may_be_dirty = kind == posix.OVERLAY
            self._was_leased_throughout = kind == _TMPFS
        if self._is_leased and not self._was_leased_throughout:
            release(self.fd)
            self._is_leased = False
        return answer

    @property
    def is_quiet(self) -> bool:
        """Whether nobody has written to it for a while."""
        return is_quiet(self.facts)

    def is_waited_for(self) -> bool:
        """Whether someone wants to write to it, or the lease is gone because someone has waited too long."""
        return self._is_leased and not is_leased(self.fd)

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
