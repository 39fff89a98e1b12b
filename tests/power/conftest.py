"""Workers with separate disks, if available."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.faults.case import Place
from tests.faults.crew import crew, in_memory
from tests.power.filesystems import EXT4, Unmountable, logged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.sweep import Workers

_ROOM_BYTES = 2 << 30
"""Far more than the images need, which are mostly holes."""


@pytest.fixture(scope="session")
def workers() -> Iterator[Workers]:
    """One worker per processor. Each has a folder for its images, in memory if possible."""
    if os.geteuid() or not os.path.exists("/dev/fuse"):
        pytest.skip("NOT TESTED: power loss needs root, FUSE and loop devices")
    pytest.importorskip("mfusepy", reason="NOT TESTED: power loss needs mfusepy and libfuse", exc_type=ImportError)
    with in_memory("fileorg-power-", _ROOM_BYTES) as folder:
        _try_out(folder)
        places = [
            (folder / f"scratch-{number}", Place(folder / f"worker-{number}", None, folder / "blank"))
            for number in range(os.cpu_count() or 1)
        ]
        with crew(places) as workers:
            yield workers


def _try_out(folder: Path) -> None:
    """Skip all tests if this machine has no FUSE or loop devices, or forbids mounting."""
    image = folder / "trial"
    try:
        EXT4.create(image)
        with logged([image], folder / "served", folder / "log") as served, EXT4.mounted(served[0], folder / "mount"):
            pass
    except (AssertionError, OSError, Unmountable) as error:
        pytest.skip(f"NOT TESTED: power loss needs root, FUSE and loop devices, which is not to be had here: {error}")
    finally:
        image.unlink(missing_ok=True)
