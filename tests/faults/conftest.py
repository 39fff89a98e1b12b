"""Workers for fault injection."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.faults.case import Place
from tests.faults.crew import crew, in_memory, trial
from tests.faults.process import STRACE
from tests.storage.object.conftest import seaweedfs
from tests.support.parallel import processes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.sweep import Workers

__all__ = ["seaweedfs"]  # a fixture for the tests here, too

_ROOM_BYTES = 64 << 20


@pytest.fixture(scope="session")
def fast_folder() -> Iterator[Path]:
    """A folder in memory if possible: processes are killed here, not disks."""
    with in_memory("fileorg-faults-", _ROOM_BYTES) as place:
        yield place


@pytest.fixture(scope="session")
def other_device(fast_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path | None]:
    """A folder on another device, in memory if it can be mounted; None if there is none."""
    place = tmp_path_factory.mktemp("other-device")
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "fileorg-faults", str(place)]
    if os.geteuid() == 0 and subprocess.run(mount, check=False, capture_output=True).returncode == 0:
        yield place
        subprocess.run(["umount", "--lazy", str(place)], check=True)
    else:
        yield place if place.stat().st_dev != fast_folder.stat().st_dev else None


@pytest.fixture(scope="session")
def plain_workers(fast_folder: Path, other_device: Path | None) -> Iterator[Workers]:
    """One worker more than processors: each waits for strace part of the time. Processors are shared with other
    processes of the test run, but tests of two commands at once need two workers.
    """
    blank, places = fast_folder / "blank", list[tuple[Path, Place]]()
    for number in range(max(2, (os.cpu_count() or 1) // processes() + 1)):
        base = fast_folder / f"worker-{number}"
        other = other_device / f"worker-{number}" if other_device else None
        places.append((base / "scratch", Place(base, other, blank)))
    with crew(places) as workers:
        yield workers


@pytest.fixture(scope="session")
def workers(plain_workers: Workers) -> Workers:
    """Workers whose commands can be disturbed at any system call."""
    if STRACE is None:
        pytest.skip("NOT TESTED: faults are injected by strace, which is not installed (apt install strace)")
    worker = plain_workers.all[0]
    try:
        worker.driver.traced(trial(worker), [])
    except AssertionError as error:
        pytest.skip(f"NOT TESTED: faults are injected by strace, which is not allowed to here: {error}")
    return plain_workers
