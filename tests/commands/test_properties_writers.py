"""A file that is open for writing keeps every byte that its writer wrote, whatever fileorg does with it meanwhile.

The writer lives in this process and acts at one step of the command: it opens the file there, or has it open already.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.runs import Runs
from tests.support.tree import Tree
from tests.support.writing import Mapped

from fileorg.core.errors import UsageError
from fileorg.core.model import Action, OnConflict
from fileorg.core.state import open_state
from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

tried = settings(
    deadline=None,
    suppress_health_check=list(HealthCheck),
    max_examples=4000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 60,
)

_OF_OS = (
    "open", "close", "lstat", "fstat", "preadv", "pwrite", "link", "unlink", "rename", "fsync", "utime", "fchmod",
    "mkdir",
)  # fmt: skip
_OF_POSIX = ("rename_noreplace", "exchange", "write_out", "sync_file_system")
_MANY_STEPS = 250
_SIZE = 3000


class Writer:
    """The content that the writer expects in its file, if it has one."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._fd = -1
        self._mapped: Mapped | None = None
        self._number = 0
        self.believes: bytearray | None = None

    def open(self, path: Path) -> None:
        """Open the file. Do nothing if the file is missing, or if fileorg holds a lease, for which the writer would
        have to wait.
        """
        if self.believes is not None:
            return
        with suppress(FileNotFoundError, BlockingIOError, NotADirectoryError):
            if self._way == "renames over":
                self._rename_over(path)
                return
            append = os.O_APPEND if self._way == "appends" else 0
            self._fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | append)
            self.believes = bytearray(os.pread(self._fd, 1 << 20, 0))
            if self._way == "maps":
                self._mapped = Mapped(self._fd, len(self.believes))
                os.close(self._fd)
                self._fd = -1

    def _rename_over(self, path: Path) -> None:
        os.lstat(path)
        self.believes = bytearray(b"written anew")
        beside = path.with_name(".beside")
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT, 0o600)
        os.write(fd, self.believes)
        os.close(fd)
        os.rename(beside, path)

    def write(self) -> None:
        """Write bytes that were not written before."""
        self._number += 1
        text = b"%08d" % self._number
        if self._fd < 0 and self._mapped is None:
            return
        assert self.believes is not None
        if self._mapped is not None:
            self._mapped.store(text)
            self.believes[:8] = text
        elif self._way == "appends":
            os.write(self._fd, text)
            self.believes += text
        else:
            if self._way == "truncates":
                del self.believes[len(self.believes) // 2 :]
                os.ftruncate(self._fd, len(self.believes))
            os.pwrite(self._fd, text, 0)
            self.believes[:8] = text

    def close(self) -> None:
        if self._mapped is not None:
            self._mapped.close()
        elif self._fd >= 0:
            os.close(self._fd)


class World:
    """A tree with duplicates and conflicts on one file system, a folder on another, and the commands to run on them."""

    def __init__(self, place: Path, other: Path) -> None:
        self.places = (place, other)
        self.tree, self.dest = Tree(place / "tree"), other
        self.runs = Runs(self.tree, open_state(os.fsencode(place / "state")))
        for name, content in (("a.mkv", b"a"), ("b.mkv", b"a"), ("empty.log", b""), ("Video/a.mkv", b"older")):
            path = self.tree.path(name)
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content * (_SIZE // len(content)) if content else b"")
            os.utime(path, (10**9 - len(content), 10**9 - len(content)))

    def is_held(self, content: bytes) -> bool:
        """Return whether any file has exactly this content."""
        return any(
            path.read_bytes() == content
            for place in self.places
            for path in place.rglob("*")
            if path.is_file() and path.parent.name != "state" and not path.name.endswith(".part")
        )


_COMMANDS: dict[str, Callable[[World], Any]] = {
    "in place": lambda world: world.runs.organize(),
    "across": lambda world: world.runs.organize(dest=world.dest),
    "copy": lambda world: world.runs.organize(action=Action.COPY),
    "copy across": lambda world: world.runs.organize(action=Action.COPY, dest=world.dest),
    "hard link": lambda world: world.runs.organize(action=Action.HARDLINK),
    "keep newer": lambda world: world.runs.organize(on_conflict=OnConflict.KEEP_NEWER),
    "quarantine": lambda world: world.runs.dedupe("quarantine"),
    "replace by hard link": lambda world: world.runs.dedupe("hardlink"),
    "replace by symlink": lambda world: world.runs.dedupe("symlink"),
    "clean": lambda world: world.runs.clean(),
}
_THEN: dict[str, Callable[[World], Any]] = {
    "undo": lambda world: world.runs.undo(),
    "undo and redo": lambda world: (world.runs.undo(), world.runs.redo()),
    "purge": lambda world: world.runs.purge(),
}
_PATHS = (
    "tree/a.mkv", "tree/b.mkv", "tree/empty.log", "tree/Video/a.mkv", "tree/Video/a (2).mkv", "tree/Video/b.mkv",
    "Video/a.mkv", "Video/b.mkv", "tree/.fileorg/trash/1/b.mkv", "tree/.fileorg/trash/1/Video/a.mkv",
)  # fmt: skip


@contextmanager
def acting_at(step: int, interfere: Callable[[], None]) -> Iterator[None]:
    """Run `act` once, before the step with that number, or at the end."""
    left = [step]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def step_and_do(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0:
                interfere()
            return real(*arguments, **named)

        return step_and_do

    with pytest.MonkeyPatch.context() as patch:
        for module, names in ((os, _OF_OS), (posix, _OF_POSIX), (fcntl, ("fcntl", "ioctl"))):
            for name in names:
                patch.setattr(module, name, counted(getattr(module, name)))
        yield
    if left[0] > 0:
        interfere()


@contextmanager
def a_world(*, swapped: bool) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        place, dest = (other, one) if swapped else (one, other)
        yield World(Path(place), Path(dest))


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="there is no second file system to write to")
@tried
@given(
    command=st.sampled_from(sorted(_COMMANDS)),
    then=st.sampled_from(["", *sorted(_THEN)]),
    way=st.sampled_from(["appends", "rewrites", "maps", "truncates", "renames over"]),
    path=st.sampled_from(_PATHS),
    step=st.integers(1, _MANY_STEPS),
    is_open_before=st.booleans(),
    swapped=st.booleans(),
)
def test_what_was_written_is_there(
    command: str, then: str, way: str, path: str, step: int, is_open_before: bool, swapped: bool
) -> None:
    with a_world(swapped=swapped) as world:
        if then:
            _COMMANDS[command](world)
        do = _THEN[then] if then else _COMMANDS[command]
        place = (world.tree.root.parent if path.startswith("tree") else world.dest) / path
        if way == "maps" and (not place.exists() or not place.stat().st_size):
            return
        writer = Writer(way)
        if is_open_before:
            writer.open(place)

        def interfere() -> None:
            writer.open(place)
            writer.write()

        with acting_at(step, interfere), suppress(UsageError):  # there may be nothing to undo
            do(world)
        writer.write()
        writer.close()
        assert writer.believes is None or world.is_held(bytes(writer.believes))
        with suppress(UsageError):
            world.runs.undo()
        assert writer.believes is None or world.is_held(bytes(writer.believes))
