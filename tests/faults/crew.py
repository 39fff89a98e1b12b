"""Workers from their first to their last moment, and where they work."""

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
    """A folder in memory, if there is some: what is tried is not how fast the disk is."""
    shared = Path("/dev/shm")
    has_room = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > room_bytes
    with tempfile.TemporaryDirectory(prefix=prefix, dir=shared if has_room else None) as folder:
        yield Path(folder)


@contextlib.contextmanager
def crew(places: Iterable[tuple[Path, Place]]) -> Iterator[Workers]:
    """A worker for each (folder of its driver, place of its cases), and an empty journal at their blank."""
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
    """A command that does nothing but to make sure of a journal."""
    return Request(["recover"], {"FILEORG_HOME": str(worker.place.blank)})
