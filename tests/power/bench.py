"""The disks of one worker: before a command, logged while it runs, and after a power loss."""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tests.faults.case import Place
from tests.power.filesystems import copy_image, logged
from tests.power.log import read_log, write_to

from fileorg.storage.local import posix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from random import Random

    from tests.faults.case import Case
    from tests.faults.process import Driver, Finished, Request
    from tests.faults.sweep import Worker
    from tests.power.filesystems import FileSystem
    from tests.power.log import Entry
    from tests.support.snapshot import Snapshot

_LONGEST_PAUSE = 0.01


@dataclass(frozen=True)
class Layout:
    """The disks. The tree is on the first, the destination on the last, the journal on either."""

    disks: tuple[FileSystem, ...]
    journal_on_last: bool = False

    def __str__(self) -> str:
        on = ", journal on the second" if self.journal_on_last else ""
        return " and ".join(map(str, self.disks)) + on


@dataclass(frozen=True)
class PlaceOnDisks(Place):
    journal_on_last: bool = False

    @property
    def state(self) -> Path:
        return (self.other if self.journal_on_last and self.other else self.base) / "state"


class Logged(NamedTuple):
    """A command, and all writes from mounting to unmounting; those of the command are from start to end."""

    finished: Finished
    log: list[Entry]
    start: int
    end: int
    before: Snapshot
    after: Snapshot


class Bench:
    """Disk images and their mount points, for one command at a time, always at the same paths."""

    def __init__(self, layout: Layout, worker: Worker) -> None:
        self._layout = layout
        self._folder = worker.place.base
        self._folder.mkdir(parents=True, exist_ok=True)
        self._log = self._folder / "log"
        self.images = [self._folder / f"disk-{number}" for number in range(len(layout.disks))]
        self._kept = [self._folder / f"{image.name}-before" for image in self.images]
        self._mounts = [self._folder / f"mount-{number}" for number in range(len(layout.disks))]
        other = self._mounts[-1] if len(layout.disks) > 1 else None
        self.place = PlaceOnDisks(self._mounts[0], other, worker.place.blank, journal_on_last=layout.journal_on_last)

    def create(self) -> None:
        """Create empty disks."""
        for disk, image in zip(self._layout.disks, self.images, strict=True):
            image.unlink(missing_ok=True)
            disk.create(image)

    def keep(self) -> None:
        """Store the current disks as the state before the command."""
        for image, kept in zip(self.images, self._kept, strict=True):
            copy_image(image, kept)

    def crash(self, entries: Iterator[Entry] | Sequence[Entry]) -> None:
        """Reset the disks to the state before the command, then apply these writes."""
        for image, kept in zip(self.images, self._kept, strict=True):
            copy_image(kept, image)
        write_to(self.images, entries)

    @contextlib.contextmanager
    def mounted(self, images: Sequence[Path]) -> Iterator[None]:
        """Mount the images during the block. Raises `Unmountable`."""
        with contextlib.ExitStack() as stack:
            for disk, image, mount in zip(self._layout.disks, images, self._mounts, strict=True):
                stack.enter_context(disk.mounted(image, mount))
            yield

    def logged(self, case: Case, driver: Driver, request: Request, others: Random | None) -> Logged:
        """Run a command on logged disks. `others`: other programs flush a disk now and then."""
        with logged(self.images, self._folder / "served", self._log) as served:
            with self.mounted(served):
                before, start = case.snapshot(), len(read_log(self._log))
                with self._flushed_by(others) if others else contextlib.nullcontext():
                    finished = driver.run(request)
                end, after = len(read_log(self._log)), case.snapshot()
            return Logged(finished, read_log(self._log), start, end, before, after)

    @contextlib.contextmanager
    def _flushed_by(self, chance: Random) -> Iterator[None]:
        """Flush random disks during the block, so that unflushed writes reach one disk but not another."""
        ended = threading.Event()
        fds = [os.open(mount, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for mount in self._mounts]

        def flush() -> None:
            while not ended.wait(chance.uniform(0, _LONGEST_PAUSE)):
                posix.sync_file_system(chance.choice(fds))

        thread = threading.Thread(target=flush)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            for fd in fds:
                os.close(fd)
