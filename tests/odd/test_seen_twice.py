"""A folder that is seen twice, by itself and through an overlay or FUSE: a duplicate there is the only copy."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.support.disks import NotTested, overlay
from tests.watch import passthrough

from fileorg.core.reasons import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.runs import Runs

pytestmark = pytest.mark.root


@contextlib.contextmanager
def through_fuse(behind: Path, place: Path) -> Iterator[Path]:
    place.mkdir()
    server = subprocess.Popen(
        [sys.executable, passthrough.__file__, str(behind), str(place)], stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 10
        while not os.path.ismount(place):
            if server.poll() is not None or time.monotonic() > until:
                pytest.skip("NOT TESTED: FUSE is missing")
            time.sleep(0.05)
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False, capture_output=True)
        server.kill()
        server.wait()


@pytest.fixture(params=["overlay", "fuse"])
def view(request: pytest.FixtureRequest, runs: Runs, tmp_path: Path) -> Iterator[Path]:
    """The tree, seen a second time."""
    runs.tree.write({"a.txt": "the only copy", "x/b.txt": "another only one"})
    for path in ("a.txt", "x/b.txt"):
        runs.tree.set_time(path, 10**18)  # FUSE cannot tell whether a new file is still being written
    try:
        if request.param == "overlay":
            with overlay(runs.tree.root, tmp_path / "layers") as made:
                yield made.place
        else:
            pytest.importorskip("mfusepy")
            with through_fuse(runs.tree.root, tmp_path / "view") as place:
                yield place
    except NotTested as why:
        pytest.skip(str(why))


@pytest.mark.parametrize("order", ["file first", "view first"])
@pytest.mark.parametrize("action", ["quarantine", "symlink"])
def test_dedupe_keeps_the_only_copy(runs: Runs, view: Path, action: str, order: str) -> None:
    before = runs.tree.read()
    roots = [runs.tree.root, view]
    outcome = runs.dedupe(action, roots=roots if order == "file first" else roots[::-1])
    codes = {problem.reason.code for problem in outcome.problems if problem.reason}
    # A file that is moved in an overlay is copied to its upper layer: then there are two.
    assert codes <= {
        ReasonCode.KEEPER_IS_ITSELF,
        ReasonCode.KEEPER_CHANGED_JUST_NOW,  # it is gone, too
        ReasonCode.NO_LASTING_INODES,
    }
    assert {path: content for path, content in runs.tree.read().items() if not path.startswith(".fileorg")} == before
