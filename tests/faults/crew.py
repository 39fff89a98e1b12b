"""The lifetime of workers, and their folders."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.process import Driver, Request
from tests.faults.sweep import Worker, Workers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.faults.case import Place


@contextlib.contextmanager
def in_memory(prefix: str, room_bytes: int) -> Iterator[Path]:
    """Yield a folder in memory if possible: the speed of the disk does not matter here."""
    shared = Path("/dev/shm")
    has_room = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > room_bytes
    with tempfile.TemporaryDirectory(prefix=prefix, dir=shared if has_room else None) as folder:
        yield Path(folder)


@contextlib.contextmanager
def crew(places: Iterable[tuple[Path, Place]]) -> Iterator[Workers]:
    """Yield a worker for each (folder of its driver, place of its cases), and make their blank journals."""
    made: list[Worker] = []
    try:
        made.extend(Worker(Driver(scratch), place) for scratch, place in places)
        first = made[0].driver.run(trial(made[0]))
        if first.code:
            raise AssertionError(f"an empty journal cannot be made: {first.output}")
        yield Workers(made)
    finally:
        for worker in made:
            worker.driver.close()


def trial(worker: Worker) -> Request:
    """Return a command that only creates a journal."""
    return Request(["recover"], {"FILEORG_HOME": str(worker.place.blank)})
