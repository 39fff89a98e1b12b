"""A file that is removed after it was copied: detects writers, and writes during the copy.

A store through a mapping changes no time while its page is dirty. A lease (see `readiness`) blocks opens for writing;
after it was granted, the first store through a later mapping changes the times.

Without a lease, dirty pages are written out, so that the next store changes the times again: the stat is read before
and after, until both agree.
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
"""The coarsest timestamps of a file system: FAT has steps of two seconds."""
_MAX_CHECKS = 5
_TMPFS = 0x01021994
"""tmpfs never writes pages out, so a store through a mapping never changes a time."""


class Original:
    """An open file to be copied."""

    def __init__(self, fd: int, name: bytes, *, by_content: bool = False) -> None:
        """Take an open file. With `by_content`, only its content proves that it is unchanged. The caller closes `fd`.

        Raises `OSError`: EINVAL for anything but a regular file.
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
        """Pages may be dirty through a mapping, so that stores to them would not change the times."""

    @property
    def entry(self) -> Entry:
        """The entry of the file before it was read."""
        return entry_of(self._name, self.facts)

    def ready(self) -> None:
        """Make sure that any later store changes the times. To be called before reading.

        Raises `OSError`, ESTALE for a file that changes all the time.
        """
        if not self._may_be_dirty:
            return
        for _ in range(_MAX_CHECKS):
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
        """Return whether the file may have a writer; a lease excludes new ones until the file is closed."""
        answer = readiness(self.fd)
        self._is_leased = answer.is_leased
        return answer

    def begin(self) -> Readiness:
        """Run `ask` before reading. The lease is kept only where nothing else reveals a store."""
        answer = self.ask()
        if answer.state is State.FREE and self._is_leased:
            kind = posix.file_system_type(self.fd)
            # A granted lease proves that no mapping from before the stat is left; not on overlayfs, whose leases ignore
            # mappings.
            self._may_be_dirty = kind == posix.OVERLAY
            self._was_leased_throughout = kind == _TMPFS
        if self._is_leased and not self._was_leased_throughout:
            release(self.fd)
            self._is_leased = False
        return answer

    @property
    def is_quiet(self) -> bool:
        """True if the last write is long enough ago."""
        return is_quiet(self.facts)

    def is_waited_for(self) -> bool:
        """Return whether a writer waits for the lease, or has waited until the kernel broke it."""
        return self._is_leased and not is_leased(self.fd)

    def is_untouched(self) -> bool:
        """Return whether the file is unchanged since `ready`, and no writer waits for it. Raises `OSError`."""
        self._write_out()
        return self._is_as_it_was() and not self.is_waited_for()

    def is_untouched_aside(self, digest: bytes | None) -> bool:
        """Return the same for a file renamed since, which changed its ctime. `digest` is that of its copy.

        The content is compared where the times are not conclusive. Raises `OSError`.
        """
        self._write_out()
        now = os.fstat(self.fd)
        if (now.st_size, now.st_mtime_ns) != (self.facts.st_size, self.facts.st_mtime_ns):
            return False
        if not self._times_are_evidence() and (digest is None or not self.has_digest(digest)):
            return False
        self._write_out()
        return entry_of(self._name, os.fstat(self.fd)) == entry_of(self._name, now) and not self.is_waited_for()

    def has_digest(self, digest: bytes) -> bool:
        """Return whether the content has this digest of `stage_copy`. Raises `OSError`."""
        return has_digest(self.fd, digest)

    def _times_are_evidence(self) -> bool:
        """Return whether any write since the open must have changed the times: false within one tick of their clock."""
        if self._by_content or max(self.facts.st_mtime_ns, self.facts.st_ctime_ns) > self._opened_ns - CLOCK_NS:
            return False
        return self._was_leased_throughout or posix.file_system_type(self.fd) != _TMPFS
