"""A folder that is seen twice, by itself and through an overlay or FUSE: a duplicate there is the only copy."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from tests.commands.test_import import imported
from tests.support.disks import NotTested, overlay, plugged_in
from tests.support.runs import Runs
from tests.support.tree import Tree
from tests.watch import passthrough

from fileorg.core.events import NullReporter
from fileorg.core.reasons import ReasonCode
from fileorg.workflows.compare import CompareOptions, comparing
from fileorg.workflows.import_files import ImportOptions, importing
from fileorg.workflows.seen_twice import SeenTwice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.state import StateDirectory

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


@contextlib.contextmanager
def mounted(place: Path, program: str, *arguments: str) -> Iterator[Path]:
    """Mount by `bindfs` or `mergerfs`."""
    if shutil.which(program) is None:
        pytest.skip(f"NOT TESTED: {program} is missing")
    place.mkdir(parents=True, exist_ok=True)
    if subprocess.run([program, *arguments, str(place)], check=False, capture_output=True).returncode:
        pytest.skip(f"NOT TESTED: {program} cannot mount")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False, capture_output=True)


@pytest.mark.parametrize("program", ["bindfs", "mergerfs"])
@pytest.mark.parametrize(
    "names", [("DCIM/1.jpg", "dcim/1.jpg"), ("DCIM/1.jpg", "DCIM/1.JPG"), ("dcim/1.JPG", "DCIM/1.jpg")]
)
def test_a_row_keeps_the_only_copy_whatever_its_case(
    tmp_path: Path, state: StateDirectory, program: str, names: tuple[str, str]
) -> None:
    victim, keeper = names
    try:
        with plugged_in("exfat", tmp_path) as disk, mounted(tmp_path / "view", program, str(disk.place)) as view:
            tree = Tree(disk.place / "tree")
            tree.write({"DCIM/1.jpg": "the only copy"})
            row = {"action": "trash", "path": str(tree.path(victim)), "duplicate_of": str(view / "tree" / keeper)}
            roots = [os.fsencode(tree.root), os.fsencode(view / "tree")]
            assert Runs(tree, state).apply([row], roots=roots).done == 0
            assert tree.path("DCIM/1.jpg").read_text() == "the only copy"
    except NotTested as why:
        pytest.skip(str(why))


@pytest.fixture
def card(runs: Runs) -> Path:
    runs.tree.write({"DCIM/a.jpg": "the only copy", "DCIM/b.jpg": "another only one"})
    return runs.tree.root


@pytest.fixture(params=["bindfs", "bindfs with other times", "mergerfs", "overlay", "passthrough"])
def shown(request: pytest.FixtureRequest, card: Path, tmp_path: Path) -> Iterator[Path]:
    """The card, seen a second time."""
    place = tmp_path / "shown"
    match request.param:
        case "bindfs":
            made = mounted(place, "bindfs", str(card))
        case "bindfs with other times":
            made = mounted(place, "bindfs", "--ctime-from-mtime", str(card))
        case "mergerfs":
            more = tmp_path / "another branch"
            more.mkdir()
            made = mounted(place, "mergerfs", f"{more}:{card}")
        case "overlay":
            try:
                with overlay(card, tmp_path / "layers") as layers:
                    yield layers.place
            except NotTested as why:
                pytest.skip(str(why))
            return
        case _:
            pytest.importorskip("mfusepy")
            made = through_fuse(card, place)
    with made:
        yield place


def _refuses_import(runs: Runs, card: Path, dest: Path) -> None:
    before = runs.tree.read()
    with pytest.raises(SeenTwice, match="seen through another file system"):
        imported(card, dest, runs.state)
    assert runs.tree.read() == before


def test_a_view_of_the_card_has_no_certificate(runs: Runs, card: Path, shown: Path) -> None:
    os.utime(card / "DCIM/a.jpg", ns=(10**18, 10**18))  # as on a card with a clock, or after a copy
    runs.tree.write({"new.jpg": "a second folder"})
    _refuses_import(runs, card, shown)
    _refuses_import(runs, shown, card)
    _refuses_import(runs, card / "DCIM", shown)


def test_a_view_of_the_card_in_the_destination_has_no_certificate(runs: Runs, card: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "dest/view", "bindfs", str(card)):
        _refuses_import(runs, card, tmp_path / "dest")


def test_a_view_that_comes_during_the_import_has_no_certificate(runs: Runs, card: Path, tmp_path: Path) -> None:
    dest = tmp_path / "dest"
    dest.mkdir()
    with contextlib.ExitStack() as stack:

        def come() -> None:
            shutil.rmtree(dest / "Images")
            stack.enter_context(mounted(dest / "view", "bindfs", str(card)))

        with pytest.raises(SeenTwice):
            imported(card, dest, runs.state, after=come)


def test_two_views_of_one_folder_are_told_by_their_times(runs: Runs, card: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "1", "bindfs", str(card)) as one, mounted(tmp_path / "2", "bindfs", str(card)) as two:
        _refuses_import(runs, one, two)


def test_a_file_in_use_is_told_by_its_times(runs: Runs, card: Path, tmp_path: Path) -> None:
    with (
        mounted(tmp_path / "view", "bindfs", str(card)) as view,
        open(card / "DCIM/a.jpg", "rb"),
        open(card / "DCIM/b.jpg", "rb"),
    ):
        _refuses_import(runs, card, view)


def test_compare_refuses_a_view(runs: Runs, card: Path, shown: Path) -> None:
    options = CompareOptions(os.fsencode(card), [os.fsencode(shown)])
    with pytest.raises(SeenTwice), comparing(options, runs.state, NullReporter()):
        pass


@pytest.mark.parametrize("program", ["bindfs", "mergerfs"])
@pytest.mark.parametrize("in_use", [False, True])
def test_copies_in_a_view_of_another_folder_are_certified(
    runs: Runs, card: Path, tmp_path: Path, program: str, in_use: bool
) -> None:
    shutil.copytree(card, tmp_path / "behind")
    runs.tree.write({"new.jpg": "not copied yet"})
    with mounted(tmp_path / "dest", program, str(tmp_path / "behind")) as dest, contextlib.ExitStack() as stack:
        if in_use:
            stack.enter_context(open(card / "DCIM/a.jpg", "rb"))
        assert imported(card, dest, runs.state).copied == 1
        assert imported(card, dest, runs.state).is_complete  # the first one may have found a copy with old times
    with mounted(tmp_path / "shown", program, str(card)) as shown:
        assert imported(shown, tmp_path / "behind", runs.state).is_complete


def test_copies_in_the_upper_layer_of_an_overlay_are_certified(runs: Runs, card: Path, tmp_path: Path) -> None:
    lower = tmp_path / "lower"
    lower.mkdir()
    try:
        with overlay(lower, tmp_path / "layers") as made:
            assert imported(card, made.place, runs.state).is_complete
    except NotTested as why:
        pytest.skip(str(why))


def test_a_new_folder_on_a_view_of_the_card_is_refused(runs: Runs, card: Path, tmp_path: Path) -> None:
    with mounted(tmp_path / "view", "bindfs", str(card.parent)) as view:
        for dest in (view / card.name / "new/photos", view / card.name / "DCIM/photos"):
            _refuses_import(runs, card, dest)
            _refuses_import(runs, view / card.name, card / dest.relative_to(view / card.name))


def test_the_disk_of_the_card_seen_through_another_file_system_is_that_of_the_card(
    runs: Runs, card: Path, tmp_path: Path
) -> None:
    with mounted(tmp_path / "view", "bindfs", str(card)) as view:
        imported(card / "DCIM", view / "photos", runs.state)
        options = ImportOptions(os.fsencode(card / "DCIM"), os.fsencode(view / "photos"))
        with importing(options, runs.state, NullReporter()) as run, run.certificate() as certificate:
            assert certificate.is_complete
            assert certificate.verdict.startswith("Do not format")
