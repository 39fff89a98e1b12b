"""Undo gives back what another file system did not keep of a file, and nothing else."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from fileorg.core.model import RecordState
from fileorg.core.reasons import Lost, Reason, ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

pytestmark = pytest.mark.root


@pytest.fixture
def ramfs(tmp_path: Path) -> Iterator[Path]:
    """A disk that keeps modes, owners and times, and no extended attributes."""
    place = tmp_path / "ramfs"
    place.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "ramfs", "fileorg-test", str(place)], check=False).returncode
    ):
        pytest.skip("mounting a ramfs needs root, with the right to mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("name", ["user.a", "user.a, mode", "user.mode, mode", "user.\x1b, owner, mode, times"])
def test_the_name_of_a_lost_attribute_says_nothing_of_the_mode(name: str, tree: Tree, runs: Runs, ramfs: Path) -> None:
    tree.write({"a.jpg": "1"})
    tree.path("a.jpg").chmod(0o644)
    os.setxattr(tree.path("a.jpg"), name, b"note")
    runs.organize(dest=ramfs)
    lost = Reason(ReasonCode.NOT_KEPT, os.fsencode(name), None, Lost.ATTRIBUTE)
    assert [record.reason for record in runs.records(1, RecordState.DONE) if record.source_name] == [lost]
    (ramfs / "Images/a.jpg").chmod(0o600)  # by someone, since
    assert runs.undo().done == 1
    assert tree.path("a.jpg").stat().st_mode & 0o777 == 0o600
