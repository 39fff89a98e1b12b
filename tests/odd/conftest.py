"""Disks with other file systems, one of each kind per module; each test has a separate folder on it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.disks import KINDS, NotTested, plugged_in
from tests.support.runs import Runs
from tests.support.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.disks import Disk

    from fileorg.core.state import StateDirectory


@contextlib.contextmanager
def disk_of(kind: str) -> Iterator[Disk]:
    """Yield an empty disk with its image in memory; skip the test if it is not available."""
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fileorg-odd-", dir=shared)))
        try:
            disk = stack.enter_context(plugged_in(kind, folder / "plugged in"))
        except NotTested as why:
            pytest.skip(str(why))
        yield disk


@pytest.fixture(scope="module", params=KINDS)
def any_disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    with disk_of(request.param) as disk:
        yield disk


@pytest.fixture(scope="module", params=[name for name, kind in KINDS.items() if not kind.has_case])
def caseless_disk(request: pytest.FixtureRequest) -> Iterator[Disk]:
    with disk_of(request.param) as disk:
        yield disk


@pytest.fixture(scope="module")
def exfat_disk() -> Iterator[Disk]:
    with disk_of("exfat") as disk:
        yield disk


@pytest.fixture
def there(any_disk: Disk, state: StateDirectory) -> Iterator[Runs]:
    """Runs with the tree on the disk."""
    yield from _runs(any_disk, state)


@pytest.fixture
def caseless(caseless_disk: Disk, state: StateDirectory) -> Iterator[Runs]:
    yield from _runs(caseless_disk, state)


@pytest.fixture
def exfat(exfat_disk: Disk, state: StateDirectory) -> Iterator[Runs]:
    yield from _runs(exfat_disk, state)


def _runs(disk: Disk, state: StateDirectory) -> Iterator[Runs]:
    yield Runs(Tree(disk.place / "tree"), state)
    for left in disk.place.iterdir():
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
