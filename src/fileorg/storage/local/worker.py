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
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from fileorg.core.errors import StorageFailure
from fileorg.core.pool import end_with_parent
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fileorg.core.model import Base

_HEADER = struct.Struct("<QII")  # length of the body, source base, target base
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


class Renamer(Protocol):
    """A worker that renames files. `start` may return before the end; `finish` returns the failures."""

    def start(self, packed: bytes) -> None:
        """Start moves packed by `pack`. The ones before must have been finished."""
        ...

    def finish(self) -> list[tuple[int, int]]:
        """Wait for the end; return (position, errno) of each failure."""
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

    def close(self) -> None: ...


class RenameProcess:
    """Renames in a worker process."""

    def __init__(self, storages: Sequence[LocalStorage], locks: Sequence[int] = ()) -> None:
        """Start the process, which inherits the flocks `locks` and holds them as long as it lives."""
        import subprocess

        identities = [f"{number:d}" for storage in storages for number in storage.identity]
        arguments = [str(len(storages)), *(os.fsdecode(storage.root) for storage in storages)]
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "fileorg.storage.local.worker", str(os.getpid()), *arguments, *identities],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=tuple(locks),
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def start(self, packed: bytes) -> None:
        try:
            self._pipe("stdin").write(packed)
            self._pipe("stdin").flush()
        except BrokenPipeError:
            raise _died() from None

    def finish(self) -> list[tuple[int, int]]:
        stdout = self._pipe("stdout")
        (size,) = struct.unpack("<Q", _read(stdout, 8))
        numbers = array("q", _read(stdout, size))
        return list(zip(numbers[::2], numbers[1::2], strict=True))

    def _pipe(self, name: str) -> BinaryIO:
        pipe: BinaryIO | None = getattr(self._process, name)
        if pipe is None:
            raise AssertionError("it was opened with pipes")
        return pipe

    def is_ready(self) -> bool:
        """Return whether the process has started and uses the same directories as this one."""
        return self._pipe("stdout").read(len(_READY)) == _READY

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._pipe("stdin").close()
        self._process.wait()
        self._pipe("stdout").close()


def renamer_for(files: int, storages: Sequence[LocalStorage], locks: Sequence[int]) -> Renamer:
    """Return a renamer in this process for few files, in another process for many if possible."""
    if files <= _FEW_FILES:
        return InlineRenamer(storages)
    other = RenameProcess(storages, locks)
    if other.is_ready():
        return other
    other.close()
    return InlineRenamer(storages)


def _died() -> StorageFailure:
    return StorageFailure(
        "The worker process that moves files has ended.",
        hint="no data was lost; run fileorg recover",
    )


def _read(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) != size:
        raise _died()
    return data


def _serve(arguments: Sequence[str]) -> None:
    """Run the worker: rename until the pipe is closed."""
    parent, count, *rest = arguments
    paths, identities = rest[: int(count)], [int(number) for number in rest[int(count) :]]
    if not end_with_parent(int(parent)):
        return
    storages = [LocalStorage(os.fsencode(path)) for path in paths]
    if [number for storage in storages for number in storage.identity] != identities:
        return  # another directory has that path now
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    stdout.write(_READY)
    stdout.flush()
    while header := stdin.read(_HEADER.size):
        failed = rename_all(storages, unpack(header + _read(stdin, _HEADER.unpack(header)[0])))
        answer = array("q", [number for pair in failed for number in pair]).tobytes()
        stdout.write(struct.pack("<Q", len(answer)) + answer)
        stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1:])
