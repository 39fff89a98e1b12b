"""The worker process that renames files while its parent prepares the next batch: most of a rename is spent in the
kernel.

Receives journaled renames only, and never replaces a file. Exits with its parent and holds the parent's locks until
then.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from array import array
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, Protocol

from fileorg.core.errors import StorageFailure
from fileorg.core.model import GIVEN
from fileorg.core.pool import end_with_parent, limit_memory
from fileorg.core.tuples import NamedTuple
from fileorg.storage.base import Kind
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from subprocess import Popen

    from fileorg.core.model import Base

_HEADER = struct.Struct("<QII")  # length of the body, source base, target base
_LENGTH = struct.Struct("<Q")
_READY = b"ready"
_FEW_FILES = 5000
"""Up to this number, files are moved in this process: starting another one takes as long."""


class Moves(NamedTuple):
    """Renames between bases. `paths` holds source folder, source name, target folder, target name of each."""

    source_base: Base
    target_base: Base
    paths: list[bytes]


def pack(moves: Moves) -> bytes:
    """Return the moves in the format for the worker: a header, and the paths joined by NUL, which no path holds."""
    body = b"\0".join(moves.paths)
    if body.count(0) != len(moves.paths) - 1:
        raise AssertionError("names are checked before they come here")
    return _HEADER.pack(len(body), moves.source_base, moves.target_base) + body


def unpack(packed: bytes) -> Moves:
    """Return the packed moves."""
    _, source, target = _HEADER.unpack_from(packed)
    return Moves(source, target, packed[_HEADER.size :].split(b"\0"))


class RenamerDied(Exception):
    """Raised if the worker process has ended, such as by a system that was out of memory."""


class Renamer(Protocol):
    """A worker that renames files. `start` may return before the end; `finish` returns the failures."""

    def start(self, packed: bytes) -> None:
        """Start moves packed by `pack`. The ones before must have been finished."""
        ...

    def finish(self) -> list[tuple[int, int]]:
        """Wait for the end; return (position, errno) of each failure. Raises `RenamerDied`: some of the moves may have
        been made. Another one must then be started by `replace`.
        """
        ...

    def replace(self) -> None:
        """Start another worker in the place of one that has died. Raises `StorageFailure` if it cannot be started."""
        ...

    def close(self) -> None: ...


def rename_all(storages: Sequence[LocalStorage], moves: Moves) -> list[tuple[int, int]]:
    """Carry out all moves in order; return (position, errno) of each failure."""
    for storage in storages:
        storage.forget(b"")  # do not follow a folder that was moved away meanwhile
    return storages[moves.source_base].rename_all(storages[moves.target_base], moves.paths)


class InlineRenamer:
    """Renames in this process, for few files, where starting another process takes longer."""

    def __init__(self, storages: Sequence[LocalStorage]) -> None:
        self._storages = storages
        self._failed: list[tuple[int, int]] = []

    def start(self, packed: bytes) -> None:
        self._failed = rename_all(self._storages, unpack(packed))

    def finish(self) -> list[tuple[int, int]]:
        return self._failed

    def replace(self) -> None: ...

    def close(self) -> None: ...


class RenameProcess:
    """Renames in a worker process."""

    def __init__(self, storages: Sequence[LocalStorage], locks: Sequence[int] = ()) -> None:
        """Start the process, which inherits the flocks `locks` and holds them as long as it lives."""
        identities = [f"{number:d}" for storage in storages for number in storage.identity]
        paths = [os.fsdecode(storage.root) for storage in storages]
        memory_bytes = GIVEN.limits.helper_memory or 0
        self._arguments = [str(os.getpid()), str(memory_bytes), str(len(storages)), *paths, *identities]
        self._locks = tuple(locks)
        self._process = self._started()

    def _started(self) -> Popen[bytes]:
        import subprocess

        return subprocess.Popen(
            [sys.executable, "-P", "-m", "fileorg.storage.local.worker", *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=self._locks,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, packed: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # it has died: `finish` tells
            self._pipe("stdin").write(packed)
            self._pipe("stdin").flush()

    def finish(self) -> list[tuple[int, int]]:
        stdout = self._pipe("stdout")
        length = stdout.read(_LENGTH.size)
        answer = stdout.read(*_LENGTH.unpack(length)) if len(length) == _LENGTH.size else b""
        if len(length) != _LENGTH.size or len(answer) != _LENGTH.unpack(length)[0]:
            raise RenamerDied
        numbers = array("q", answer)
        return list(zip(numbers[::2], numbers[1::2], strict=True))

    def _pipe(self, name: str) -> BinaryIO:
        pipe: BinaryIO | None = getattr(self._process, name)
        if pipe is None:
            raise AssertionError("it was opened with pipes")
        return pipe

    def is_ready(self) -> bool:
        """Return whether the process has started and uses the same directories as this one."""
        return self._pipe("stdout").read(len(_READY)) == _READY

    def replace(self) -> None:
        self._process.kill()  # it may have closed its end only
        self.close()
        self._process = self._started()
        if not self.is_ready():
            raise StorageFailure(
                "The process that moves files ends before it has moved any.",
                hint="free some memory, or give it more with --helper-memory; then run fileorg recover",
            )

    def end(self) -> None:
        """Close a process that has nothing to do, which may still be starting."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe("stdin").close()
        self._process.wait()
        self._pipe("stdout").close()


class LateRenamer:
    """Renames in a worker process, which is not waited for until the first batch; in this one if it does not start."""

    def __init__(self, storages: Sequence[LocalStorage], locks: Sequence[int]) -> None:
        self._storages = storages
        self._starting: RenameProcess | None = RenameProcess(storages, locks)

    @cached_property
    def chosen(self) -> Renamer:
        """The renamer that has the work; waits until the process is ready, or has ended."""
        process, self._starting = self._starting, None
        if process is not None and process.is_ready():
            return process
        if process is not None:
            process.close()
        return InlineRenamer(self._storages)

    def start(self, packed: bytes) -> None:
        self.chosen.start(packed)

    def finish(self) -> list[tuple[int, int]]:
        return self.chosen.finish()

    def replace(self) -> None:
        self.chosen.replace()

    def close(self) -> None:
        if self._starting is None:
            self.chosen.close()
        else:
            self._starting.end()


def renamer_for(files: int, storages: Sequence[LocalStorage], locks: Sequence[int]) -> Renamer:
    """Return a renamer in this process for few files, in another process for many if possible."""
    return LateRenamer(storages, locks) if is_process_worth_it(files, storages) else InlineRenamer(storages)


def is_process_worth_it(files: int, storages: Sequence[LocalStorage]) -> bool:
    """Return whether another process would rename so many files sooner than this one, and could."""
    return files > _FEW_FILES and all(storage.kind is Kind.LOCAL for storage in storages)


def _serve(arguments: Sequence[str]) -> None:
    """Run the worker: rename until the pipe is closed."""
    parent, memory_bytes, count, *rest = arguments
    paths, identities = rest[: int(count)], [int(number) for number in rest[int(count) :]]
    if not end_with_parent(int(parent)):
        return
    if int(memory_bytes):
        limit_memory(int(memory_bytes))
    storages = [LocalStorage(os.fsencode(path)) for path in paths]
    if [number for storage in storages for number in storage.identity] != identities:
        return  # another directory has that path now
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    stdout.write(_READY)
    stdout.flush()
    while header := stdin.read(_HEADER.size):
        length = _HEADER.unpack(header)[0]
        body = stdin.read(length)
        if len(body) != length:  # the parent has died
            return
        failed = rename_all(storages, unpack(header + body))
        answer = array("q", [number for pair in failed for number in pair]).tobytes()
        stdout.write(_LENGTH.pack(len(answer)) + answer)
        stdout.flush()


if __name__ == "__main__":
    try:
        _serve(sys.argv[1:])
    except MemoryError:  # no traceback: the parent starts another one
        os._exit(1)
