"""Read the contents of candidates: cut batches into tasks for workers, and merge the answers."""

from __future__ import annotations

import os
import time
from array import array
from itertools import chain, islice
from typing import TYPE_CHECKING, Protocol

from fileorg.content.digest import READ_CONTENTS, SMALL_BYTES, Request, answer_all
from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fileorg.content.digest import Answer
    from fileorg.core.events import Reporter
    from fileorg.core.pool import Pool
    from fileorg.core.reasons import Reason
    from fileorg.index.digest_columns import Digested

_FILES_A_TASK, _BYTES_A_TASK = 2048, 64 << 20
_HERE_S, _HERE_BYTES = 1.0, 256 << 20
"""If the scan has started no helpers, this process reads until that time has passed or more bytes are to be read. From
the page cache, the files of such a tree take less; a slow disk takes longer, and helpers wait for it together."""
_PROBLEMS_KEPT = 1000


class Tree(NamedTuple):
    """One of the searched trees: its number in the index, and its path. `from_disk`: what is read of it comes from the
    disk, not from the page cache, where the system allows it.
    """

    number: int
    path: bytes
    from_disk: bool = False


class HashBatch(NamedTuple):
    """Files of a batch to read, by position: large ones whole, or only their ends."""

    known: Digested
    positions: list[int]
    tree: Tree
    wholly: bool


class Reads:
    """Counts of the reads, and the files that could not be read or changed meanwhile: the first ones by name.

    A file without a digest is never equal to another.
    """

    def __init__(self) -> None:
        self.files = 0
        self.size_bytes = 0
        self.failed = 0
        self.named: list[tuple[bytes, Reason]] = []

    def fail(self, path: bytes, reason: Reason) -> None:
        self.failed += 1
        if len(self.named) < _PROBLEMS_KEPT:
            self.named.append((path, reason))


class DigestConsumer(Protocol):
    """The receiver of digests: counts them as they arrive, and stores a batch when it is complete."""

    def count(self, full_digests: Iterable[int], edge_digests: Iterable[int]) -> None: ...

    def put(self, known: Iterable[Digested]) -> None: ...


def hash_files(
    hash_batches: Iterator[HashBatch],
    consumer: DigestConsumer,
    pool: Pool,
    reporter: Reporter,
    racy: dict[int, list[int]],
    reads: Reads,
) -> None:
    """Read the files and pass their digests to the consumer. This process reads the first, helpers the rest.

    Adds the racy files, whose digests must not be kept, to `racy`, as positions by batch; and the counts to `reads`.
    """
    scheduler = _Scheduler(consumer, reporter, racy, reads)
    tasks = scheduler.tasks(hash_batches)
    first = list(islice(tasks, 2))
    if len(first) <= 1:  # helpers could not share it
        for only in first:
            scheduler.take(answer_all(only))
        return
    begun = chain(first, tasks)
    rest = begun if pool.is_started else scheduler.read_here(begun)
    if rest is None:  # most runs load no module for helpers
        return
    for answers in pool.work(READ_CONTENTS, lambda: next(rest, None)):
        scheduler.take(answers)


class _Open:
    """A batch with files still being read."""

    def __init__(self, hash_batch: HashBatch) -> None:
        self.hash_batch = hash_batch
        self.digested = hash_batch.known
        self.left = len(hash_batch.positions)

    def take(self, answer: Answer) -> None:
        """Merge the digests of some files."""
        known = self.digested
        full_digests, edge_digests = (
            _merged(known.full_digests, answer.full_digests),
            _merged(known.edge_digests, answer.edge_digests),
        )
        self.digested = known._replace(full_digests=full_digests, edge_digests=edge_digests)
        self.left -= answer.asked


def _merged(column: bytes, other: bytes) -> bytes:
    """Return two columns merged; at each position at most one of them is not zero."""
    if not column or not other:
        return column or other
    return (int.from_bytes(column) | int.from_bytes(other)).to_bytes(len(column))


class _Scheduler:
    def __init__(self, consumer: DigestConsumer, reporter: Reporter, racy: dict[int, list[int]], reads: Reads) -> None:
        self._consumer, self._reporter = consumer, reporter
        self.racy, self.reads = racy, reads
        self._open: dict[int, _Open] = {}
        self._to_read = 0
        """The bytes of the tasks so far: one file may be larger than any task."""

    def tasks(self, hash_batches: Iterator[HashBatch]) -> Iterator[list[Request]]:
        """Yield the requests in tasks large enough to be worth the transfer to a worker."""
        task: list[Request] = []
        files = size_bytes = 0
        for hash_batch in hash_batches:
            self._open[hash_batch.known.id] = _Open(hash_batch)  # before an answer can arrive
            for positions, to_read in _parts(hash_batch, _BYTES_A_TASK):
                task.append(_request(hash_batch, positions))
                files += len(positions)
                size_bytes += to_read
                self._to_read += to_read
                if files >= _FILES_A_TASK or size_bytes >= _BYTES_A_TASK:
                    yield task
                    task, files, size_bytes = [], 0, 0
        if task:
            yield task

    def read_here(self, tasks: Iterator[list[Request]]) -> Iterator[list[Request]] | None:
        """Read the first tasks in this process; return those that are worth helpers, None if there are none."""
        end = time.monotonic() + _HERE_S
        for task in tasks:
            if self._to_read > _HERE_BYTES or time.monotonic() >= end:
                return chain((task,), tasks)
            self.take(answer_all(task))
        return None

    def take(self, answers: list[Answer]) -> None:
        complete = []
        for answer in answers:
            job = self._open[answer.batch]
            job.take(answer)
            self._report(job.hash_batch, answer)
            if not job.left:
                del self._open[answer.batch]
                complete.append(job.digested)
        self._consumer.put(complete)

    def _report(self, hash_batch: HashBatch, answer: Answer) -> None:
        known, tree = hash_batch.known, hash_batch.tree
        folder = os.path.join(tree.path, known.batch.folder)
        if answer.problems:
            names = known.batch.split_names()
            for position, reason in answer.problems:
                self.reads.fail(os.path.join(folder, names[position]), reason)
        if answer.racy:
            self.racy.setdefault(known.id, []).extend(answer.racy)
        self._consumer.count(array("Q", answer.full_keys), array("Q", answer.edge_keys))
        files = (len(answer.full_keys) + len(answer.edge_keys)) // 8
        self.reads.files += files
        self.reads.size_bytes += answer.size_bytes
        self._reporter.advance(files, answer.size_bytes, folder)


def _parts(hash_batch: HashBatch, limit: int) -> Iterator[tuple[list[int], int]]:
    """Yield (positions, bytes) in parts of about `limit` bytes to read."""
    batch, positions = hash_batch.known.batch, hash_batch.positions
    sizes = batch.sizes
    if not hash_batch.wholly:  # a batch read at both ends is never too large
        yield positions, min(sum(sizes), len(positions) * SMALL_BYTES)
        return
    part, size_bytes = list[int](), 0
    names = batch.split_names() if max(sizes) >= limit else []
    for position in positions:
        part.append(position)
        size = sizes[position]
        size_bytes += (
            size
            if size < limit
            else _in_blocks(os.path.join(hash_batch.tree.path, batch.folder, names[position]), size)
        )
        if size_bytes >= limit:
            yield part, size_bytes
            part, size_bytes = [], 0
    if part:
        yield part, size_bytes


def _in_blocks(path: bytes, size: int) -> int:
    """Return the bytes to read of a large file, whose holes are not read: its size on disk, or the full size."""
    try:
        return min(size, os.lstat(path).st_blocks * 512)
    except OSError:
        return size


def _request(hash_batch: HashBatch, positions: list[int]) -> Request:
    batch = hash_batch.known.batch
    chosen = array("H", positions).tobytes()
    columns = batch.files, batch.names, batch.numbers
    _, path, from_disk = hash_batch.tree
    facts = hash_batch.known.id, path, batch.folder, batch.dev
    return Request(*facts, *columns, chosen, hash_batch.wholly, from_disk)
