"""Read the contents that are in doubt: batches are cut into tasks for processes, and put together as they come back."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from fileorg.hashing import SMALL_BYTES, Request, answer_all
from fileorg.index import ENDS_WIDTH, WHOLE_WIDTH, Columns
from fileorg.names import join

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fileorg.events import Reporter
    from fileorg.hashing import Answer
    from fileorg.index import Digested
    from fileorg.pool import Processes

_FILES_A_TASK, _BYTES_A_TASK = 2048, 64 << 20
_COARSE_NS = 2_000_000_000
"""How coarse the times of a file system may be: what changed just before it was read may change again unseen."""
_PROBLEMS_KEPT = 1000


class Tree(NamedTuple):
    """One of the trees that are searched: its number in the index, and its path."""

    number: int
    path: bytes


class Reading(NamedTuple):
    """Files of a batch that are to be read, by position: wholly, or of large ones only the ends."""

    known: Digested
    positions: list[int]
    tree: Tree
    wholly: bool


@dataclass(slots=True)
class Reads:
    """How much was read, and the files that could not be, or changed meanwhile: the first ones by name.

    No digest never means equal.
    """

    files: int = 0
    bytes_: int = 0
    failed: int = 0
    named: list[tuple[bytes, str]] = field(default_factory=list)

    def fail(self, path: bytes, reason: str) -> None:
        self.failed += 1
        if len(self.named) < _PROBLEMS_KEPT:
            self.named.append((path, reason))


class Sink(Protocol):
    """Where digests go: counted as they come, and written when a batch is complete."""

    def count(self, wholes: Iterable[int], ends: Iterable[int]) -> None: ...

    def put(self, known: Iterable[Digested]) -> None: ...


def read_all(
    readings: Iterator[Reading],
    sink: Sink,
    processes: Processes,
    reporter: Reporter,
    racy: dict[int, list[int]] | None = None,
    reads: Reads | None = None,
) -> tuple[dict[int, list[int]], Reads]:
    """Read, and give the sink what was found. One task is done by this process, several by others.

    Returns what was read too soon after it changed to be remembered, positions by batch, and what could not be read.
    """
    shop = _Workshop(sink, reporter, {} if racy is None else racy, reads or Reads())
    tasks = shop.tasks(readings)
    first, second = next(tasks, None), next(tasks, None)
    if second is not None:
        early = [task for task in (second, first) if task is not None]
        for answers in processes.work(answer_all, lambda: early.pop() if early else next(tasks, None)):
            shop.take(answers)
    elif first is not None:
        shop.take(answer_all(first))
    return shop.racy, shop.reads


class _Open:
    """A batch of which parts are under way."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.started_ns = time.time_ns()
        self.parts: dict[int, list[int]] = {}
        self._digested = reading.known
        self._columns: Columns | None = None

    def take(self, positions: list[int], answer: Answer) -> None:
        """The digests of a part."""
        known, wholly = self.reading.known, self.reading.wholly
        if len(positions) == known.batch.files:  # nearly always: of all files at once, and nothing was known
            ends = known.ends if wholly else answer.ends
            self._digested = known._replace(wholes=answer.wholes, ends=ends if any(ends) else b"")
            return
        if self._columns is None:
            self._columns = Columns(known.wholes, known.ends, known.batch.files)
        for index, position in enumerate(positions):
            whole = answer.wholes[index * WHOLE_WIDTH : (index + 1) * WHOLE_WIDTH]
            self._columns.set(
                position, whole, None if wholly else answer.ends[index * ENDS_WIDTH : (index + 1) * ENDS_WIDTH]
            )

    def digested(self) -> Digested:
        """What is known of the batch now."""
        if self._columns is None:
            return self._digested
        wholes, ends = self._columns.packed()
        return self._digested._replace(wholes=wholes, ends=ends)


class _Workshop:
    def __init__(self, sink: Sink, reporter: Reporter, racy: dict[int, list[int]], reads: Reads) -> None:
        self._sink, self._reporter = sink, reporter
        self.racy, self.reads = racy, reads
        self._open: dict[int, _Open] = {}

    def tasks(self, readings: Iterator[Reading]) -> Iterator[list[Request]]:
        """What is to be read, in tasks that are worth the way to another process and back."""
        task: list[Request] = []
        files = bytes_ = 0
        for reading in readings:
            job = self._open[reading.known.id] = _Open(reading)
            parts = list(enumerate(_parts(reading, _BYTES_A_TASK)))
            job.parts = {part: positions for part, (positions, _) in parts}  # all, before an answer can come
            for part, (positions, to_read) in parts:
                task.append(_request(reading, part, positions))
                files += len(positions)
                bytes_ += to_read
                if files >= _FILES_A_TASK or bytes_ >= _BYTES_A_TASK:
                    yield task
                    task, files, bytes_ = [], 0, 0
        if task:
            yield task

    def take(self, answers: list[Answer]) -> None:
        complete = []
        for answer in answers:
            job = self._open[answer.batch]
            self._take(job, job.parts.pop(answer.part), answer)
            if not job.parts:
                del self._open[answer.batch]
                complete.append(job.digested())
        self._sink.put(complete)

    def _take(self, job: _Open, positions: list[int], answer: Answer) -> None:
        known, tree = job.reading.known, job.reading.tree
        folder = join(tree.path, known.batch.folder) if known.batch.folder else tree.path
        names = known.batch.split_names() if answer.problems else []
        for index, reason in answer.problems:
            self.reads.fail(folder + b"/" + names[positions[index]], reason)
        self._sink.count(array("Q", answer.wholes)[::2], () if job.reading.wholly else array("Q", answer.ends))
        job.take(positions, answer)
        sizes, ctimes, soon = known.batch.column(0), known.batch.column(2), job.started_ns - _COARSE_NS
        if max(ctimes) > soon and (young := [position for position in positions if ctimes[position] > soon]):
            self.racy.setdefault(known.id, []).extend(young)
        bytes_ = sum(map(sizes.__getitem__, positions))
        self.reads.files += len(positions)
        self.reads.bytes_ += bytes_ if job.reading.wholly else min(bytes_, len(positions) * SMALL_BYTES)
        self._reporter.advance(len(positions), bytes_, folder)


def _parts(reading: Reading, most: int) -> Iterator[tuple[list[int], int]]:
    """The positions in parts of about `most` bytes to read; (positions, bytes)."""
    sizes, positions = reading.known.batch.column(0), reading.positions
    if not reading.wholly:  # a batch of these is never too large
        yield positions, min(sum(sizes), len(positions) * SMALL_BYTES)
        return
    part, bytes_ = list[int](), 0
    for position in positions:
        part.append(position)
        bytes_ += sizes[position]
        if bytes_ >= most:
            yield part, bytes_
            part, bytes_ = [], 0
    if part:
        yield part, bytes_


def _request(reading: Reading, part: int, positions: list[int]) -> Request:
    batch, tree = reading.known.batch, reading.tree
    names = batch.split_names()
    sizes, mtimes, ctimes, inodes = map(batch.column, range(4))
    return Request(
        reading.known.id,
        part,
        join(tree.path, batch.folder) if batch.folder else tree.path,
        batch.dev,
        [names[position] for position in positions],
        [sizes[position] for position in positions],
        [inodes[position] for position in positions],
        [mtimes[position] for position in positions],
        [ctimes[position] for position in positions],
        reading.wholly,
    )
