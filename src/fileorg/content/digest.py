"""Digests of file contents. Runs in worker processes, on many files at a time, and reads only the requested parts.

A digest is returned only if the file, after it was read, still had the device, inode, size and ctime of the scan.
A later change shows in the ctime, which no program can set.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from array import array
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING

from xxhash import xxh3_64_digest, xxh3_128_digest

from fileorg.core.pool import TaskKind, cut
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.core.times import kept
from fileorg.core.tuples import NamedTuple
from fileorg.storage.local.digests import Counted, digest_of
from fileorg.storage.local.listing import INODE_MASK
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.storage.base import Storage

SMALL_BYTES = 16 << 10
"""Up to this size a file is read whole at once: reading only both ends takes as long."""
END_BYTES = 4 << 10
FULL_WIDTH, EDGE_WIDTH = 16, 8

_BUFFER_BYTES = 1 << 20
_NO_FULL_DIGEST, _NO_EDGE_DIGEST = bytes(FULL_WIDTH), bytes(EDGE_WIDTH)


class Request(NamedTuple):
    """Files to read of one batch of the index: its columns, and the positions in it (`array("H")`)."""

    batch: int
    root: bytes
    folder: bytes
    dev: int
    files: int
    names: bytes
    numbers: bytes
    positions: bytes
    wholly: bool
    from_disk: bool = False


class Answer(NamedTuple):
    """Digests of whole contents, or of both ends, as columns of the batch: zeros for files that were not read.

    `asked` is the number of files that were to be read. A column without digests is empty. The keys are the present
    digests as numbers (`array("Q")`), of whole contents the first half of each. `racy` are positions of racy files:
    changed just before they were read, so that another change may go unnoticed.
    """

    batch: int
    asked: int
    full_digests: bytes
    edge_digests: bytes
    full_keys: bytes
    edge_keys: bytes
    size_bytes: int
    racy: list[int]
    problems: list[tuple[int, Reason]]


_CHANGED, _GONE = Reason(ReasonCode.CHANGED_WHILE_READ), Reason(ReasonCode.GONE)
COARSE_NS = 2_000_000_000
"""The coarsest timestamps that a file system may have."""


def answer_all(requests: Sequence[Request]) -> list[Answer]:
    """Read the requested files, folder by folder, in the order of inodes."""
    view = memoryview(bytearray(_BUFFER_BYTES))
    answers = []
    for root, of_root in groupby(requests, key=attrgetter("root")):
        some = list(of_root)
        try:
            with contextlib.closing(LocalStorage(root)) as storage:
                answers += [_answer(request, storage, view) for request in some]
        except OSError as error:
            answers += [_refused(request, _reason(error)) for request in some]
    return answers


def _refused(request: Request, reason: Reason) -> Answer:
    """Return the answer if none of the files can be read."""
    problems = [(position, reason) for position in array("H", request.positions)]
    return Answer(request.batch, len(problems), b"", b"", b"", b"", 0, [], problems)


def _split(requests: list[Request], parts: int) -> list[list[Request]]:
    """Return the requests in at most this number of tasks, of about as many files each."""
    files = [(number, position) for number, each in enumerate(requests) for position in array("H", each.positions)]
    tasks = []
    for some in cut(files, parts):
        of_batches = groupby(some, key=itemgetter(0))
        tasks.append(
            [_only(requests[number], [position for _, position in of_batch]) for number, of_batch in of_batches]
        )
    return tasks


def _only(request: Request, positions: list[int]) -> Request:
    return request._replace(positions=array("H", positions).tobytes())


def _set_aside(requests: list[Request]) -> list[Answer]:
    return [_refused(request, Reason(ReasonCode.ENDED_HELPERS)) for request in requests]


def _answer(request: Request, storage: LocalStorage, view: memoryview) -> Answer:
    files, names = request.files, request.names.split(b"\0")
    try:
        open_ = storage.opener(request.folder, names)
    except OSError as error:
        return _refused(request, _reason(error))
    numbers = memoryview(request.numbers).cast("q")
    sizes, ctimes = numbers[:files].tolist(), numbers[2 * files : 3 * files].tolist()
    inodes = numbers[3 * files : 4 * files].tolist()
    full_digests, edge_digests = [_NO_FULL_DIGEST] * files, [_NO_EDGE_DIGEST] * files
    soon, racy, problems = time.time_ns() - COARSE_NS, list[int](), list[tuple[int, Reason]]()
    size_bytes = 0
    fstat, close, read, digest = os.fstat, os.close, os.read, xxh3_128_digest
    dev, wholly, from_disk = request.dev, request.wholly, request.from_disk
    lasting = storage.capabilities.stable_inodes  # else a driver may give the file another number while it is read
    positions = sorted(array("H", request.positions), key=inodes.__getitem__)
    for position in positions:
        size, whole, end = sizes[position], _NO_FULL_DIGEST, _NO_EDGE_DIGEST
        try:
            fd = open_(names[position])
            try:
                if from_disk:
                    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
                if size <= SMALL_BYTES:
                    content = read(fd, size + 1)
                    whole = digest(content if len(content) == size else _read_on(fd, content, size))
                elif wholly:
                    whole = _whole(fd, size, view)
                else:
                    end = _edge_digest(fd, size)
                seen = fstat(fd)
            finally:
                close(fd)
        except OSError as error:
            problems.append((position, _reason(error)))
            continue
        ctime_ns = seen.st_ctime_ns
        if (
            (ctime_ns != ctimes[position] and kept(ctime_ns) != ctimes[position])
            or seen.st_size != size
            or (lasting and seen.st_ino & INODE_MASK != inodes[position])
            or seen.st_dev != dev
        ):
            problems.append((position, _CHANGED))
            continue
        full_digests[position], edge_digests[position] = whole, end
        if size <= SMALL_BYTES:
            size_bytes += size
        else:
            size_bytes += min(size, seen.st_blocks * 512) if wholly else 2 * END_BYTES
        if ctime_ns > soon:
            racy.append(position)
    (full_column, full_keys), (edge_column, edge_keys) = (
        _column(full_digests, FULL_WIDTH),
        _column(edge_digests, EDGE_WIDTH),
    )
    keys = full_keys, edge_keys
    return Answer(request.batch, len(positions), full_column, edge_column, *keys, size_bytes, racy, problems)


READ_CONTENTS: TaskKind[list[Request], list[Answer]] = TaskKind(answer_all, _split, _set_aside)


def start_digest(storage: Storage, folder: bytes, name: bytes, size: int) -> bytes:
    """Return the digest of a small file, or of both ends of a large one; empty if unreadable or of another size.

    Empty digests never count as equal.
    """
    try:
        with storage.open_read(folder, name) as file:
            fd = file.fileno()
            if size > SMALL_BYTES:
                return _edge_digest(fd, size)
            return xxh3_128_digest(_read_on(fd, os.read(fd, size + 1), size))
    except OSError:
        return b""


def whole_digest(storage: Storage, folder: bytes, name: bytes, size: int) -> bytes:
    """Return the digest of a whole file; empty like that of `start_digest`."""
    try:
        with storage.open_read(folder, name) as file:
            return _whole(file.fileno(), size, memoryview(bytearray(_BUFFER_BYTES)))
    except OSError:
        return b""


def plain_digest(algorithm: str, storage: Storage, folder: bytes, name: bytes) -> str:
    """Return the digest of a file as other programs print it, by `sha256`, `md5` or `xxh3_128`. Raises `OSError`."""
    if algorithm == "sha256":
        from hashlib import sha256 as begin
    elif algorithm == "md5":
        from hashlib import md5 as begin
    else:
        from xxhash import xxh3_128 as begin  # type: ignore[assignment]
    state = begin()
    with storage.open_read(folder, name) as file:
        while part := file.read(_BUFFER_BYTES):
            state.update(part)
    return state.hexdigest()


def _column(digests: list[bytes], width: int) -> tuple[bytes, bytes]:
    """Return a column and its keys; both are empty without a digest."""
    column = b"".join(digests)
    keys = array("Q", column)[:: width // 8]
    found = array("Q", filter(None, keys))
    return (column, found.tobytes()) if found else (b"", b"")


def _reason(error: OSError) -> Reason:
    if error.errno == errno.ENOENT:
        return _GONE
    return _CHANGED if error.errno in {errno.ESTALE, errno.ELOOP} else Reason.of_error(error)


def _read_on(fd: int, content: bytes, size: int) -> bytes:
    """Read on after a short read, as network file systems may give. Raises `OSError` (ESTALE) if the size changed."""
    while len(content) < size and (more := os.read(fd, size + 1 - len(content))):
        content += more
    if len(content) != size:
        raise OSError(errno.ESTALE, "its size changed")
    return content


def _edge_digest(fd: int, size: int) -> bytes:
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_RANDOM)  # else each read of 4 KiB causes 128 KiB of readahead
    head, tail = os.pread(fd, END_BYTES, 0), os.pread(fd, END_BYTES, size - END_BYTES)
    if len(head) != END_BYTES or len(tail) != END_BYTES:
        raise OSError(errno.ESTALE, "its size changed")
    # The size is the seed: files of different sizes are never candidates for each other.
    return xxh3_64_digest(head + tail, seed=size)


def _whole(fd: int, size: int, view: memoryview) -> bytes:
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_SEQUENTIAL)
    return digest_of(fd, size, view, Counted())
