"""Workers with disks of their own, where such can be had."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.faults.case import Place
from tests.faults.process import Driver, Request
from tests.faults.sweep import Worker, Workers
from tests.power.filesystems import EXT4, Unmountable, logged

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOM_BYTES = 2 << 30
"""Images are mostly holes: this is far more than they take."""


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """One a processor. Each has a folder for its images, in memory if there is some."""
    if os.geteuid() or not os.path.exists("/dev/fuse"):
        pytest.skip("NOT TESTED: power loss needs root, FUSE and loop devices")
    pytest.importorskip("mfusepy", reason="NOT TESTED: power loss needs mfusepy and libfuse", exc_type=ImportError)
    shared = Path("/dev/shm")
    has_room = os.access(shared, os.W_OK) and shutil.disk_usage(shared).free > _ROOM_BYTES
    with tempfile.TemporaryDirectory(prefix="fileorg-power-", dir=shared if has_room else None) as folder:
        _try_out(Path(folder))
        blank, made = Path(folder, "blank"), list[Worker]()
        try:
            for number in range(os.cpu_count() or 1):
                driver = Driver(Path(folder, f"scratch-{number}"))
                made.append(Worker(driver, Place(Path(folder, f"worker-{number}"), None, blank)))
            first = made[0].driver.run(Request(["recover"], {"FILEORG_HOME": str(blank)}))
            if first.code:
                raise AssertionError(f"an empty journal cannot be made: {first.output}")
            yield Workers(made)
        finally:
            for worker in made:
                worker.driver.close()


def _try_out(folder: Path) -> None:
    """Skip all if this machine has no FUSE, no loop devices, or forbids mounting."""
    image = folder / "trial"
    try:
        EXT4.create(image)
        with logged([image], folder / "served", folder / "log") as served, EXT4.mounted(served[0], folder / "mount"):
            pass
    except (AssertionError, OSError, Unmountable) as error:
        pytest.skip(f"NOT TESTED: power loss needs root, FUSE and loop devices, which is not to be had here: {error}")
    finally:
        image.unlink(missing_ok=True)
