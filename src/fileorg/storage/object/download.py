"""Makes a file of an object, under a temporary name, with the time that its metadata keep."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING
from zlib import crc32

from fileorg.core.reasons import NOTHING_LOST
from fileorg.storage.local.attributes import give
from fileorg.storage.local.copying import StagedCopy
from fileorg.storage.local.digests import digest_of, digest_of_copy
from fileorg.storage.local.listing import entry_of
from fileorg.storage.object.client import crc32_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from fileorg.storage.local.attributes import FileAttributes
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.client import ObjectClient, StoredObject

MTIME = "mtime"
"""The metadata that keeps the time of a file, in seconds: what rclone writes, too."""
_CHUNK_BYTES = 8 << 20
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def mtime_metadata(mtime_ns: int) -> dict[str, str]:
    """Return the metadata that keep the time of a file."""
    seconds, rest = divmod(mtime_ns, 10**9)
    return {MTIME: f"{seconds}.{rest:09d}"}


def kept_mtime_ns(there: StoredObject) -> int:
    """Return the time of the file that an object was made of, or else that of the object."""
    seconds, _, rest = there.metadata.get(MTIME, "").partition(".")
    try:
        return int(seconds) * 10**9 + int((rest + "000000000")[:9])
    except ValueError:
        return there.mtime_ns


def download(
    client: ObjectClient,
    there: StoredObject,
    target: LocalStorage,
    folder: bytes,
    temporary: bytes,
    check: Callable[[], None] = lambda: None,
    attributes: FileAttributes | None = None,
) -> StagedCopy:
    """Make a copy of an object named `temporary`, with `attributes` if they are known; it is removed again after an
    error. `check` is called for each part, and may raise. Raises `OSError`, EIO if the checksum of the store does not
    fit.
    """
    fd = os.open(temporary, _FLAGS, 0o666, dir_fd=target.fd(folder))
    try:
        checksum = 0
        for start in range(0, there.size, _CHUNK_BYTES):
            check()
            stop = min(there.size, start + _CHUNK_BYTES)
            part = client.read(there.key, start, stop, etag=there.etag)
            if len(part) != stop - start:
                raise OSError(errno.EIO, "the store has sent too little", os.fsdecode(temporary))
            checksum = crc32(part, checksum)
            with memoryview(part) as rest:
                written = 0
                while written < len(rest):
                    written += os.write(fd, rest[written:])
        expected = there.checksums.get("CRC32")
        if expected is not None and not there.parts and expected != crc32_text(checksum):
            raise OSError(errno.EIO, "the content has another checksum than in the store", os.fsdecode(temporary))
        lost, names, lost_flags = NOTHING_LOST, list[bytes](), 0
        if attributes is not None:
            lost, names, lost_flags = give(fd, attributes)
        mtime_ns = kept_mtime_ns(there)
        os.utime(fd, ns=(mtime_ns, mtime_ns))
        made, view = digest_of_copy(os.fstat(fd)), memoryview(bytearray(1 << 20))
        digest = digest_of(fd, there.size, view, made, lambda _data, _position: None)
        entry = entry_of(temporary, os.fstat(fd))
        return StagedCopy(fd, digest, entry, lost, names, lost_flags, None)
    except BaseException as error:
        os.close(fd)
        if isinstance(error, Exception):  # otherwise the run ends, and recovery also restores the time of the folder
            with contextlib.suppress(OSError):
                target.discard(folder, temporary)
        raise
