"""One folder given in two spellings, on disks where case is ignored: no file is found in itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from tests.support.disks import NotTested, plugged_in
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core.errors import GuardRefused, Locked, UsageError
from fileorg.core.events import NullReporter
from fileorg.core.locks import place_for_run
from fileorg.core.state import find_state, open_state
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.storage.local.casing import actual_path
from fileorg.workflows.apply_plan import RowsRefused
from fileorg.workflows.compare import CompareOptions, comparing
from fileorg.workflows.import_files import ImportOptions, importing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.state import StateDirectory

pytestmark = pytest.mark.root


@pytest.fixture(params=["exfat", "ntfs", "ext4, casefold"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tree]:
    try:
        with plugged_in(request.param, tmp_path) as found:
            tree = Tree(found.place / "tree")
            tree.write({"DCIM/Sub/1.jpg": "one", "DCIM/2.jpg": "two"})
            yield tree
    except NotTested as reason:
        pytest.skip(str(reason))


PAIRS = [("DCIM", "dcim"), ("DCIM", "dcim/sub"), ("dcim/SUB", "DCIM"), ("DCIM/Sub", "DCIM/sub")]


@pytest.mark.parametrize("pair", PAIRS)
def test_no_file_is_a_duplicate_of_itself(disk: Tree, state: StateDirectory, pair: tuple[str, str]) -> None:
    before = disk.read()
    roots = [disk.path(name) for name in pair]
    outcome = Runs(disk, state).dedupe_of(action=DedupeAction.QUARANTINE, roots=roots)
    assert (outcome.done, disk.read()) == (0, before)


@pytest.mark.parametrize("pair", PAIRS)
def test_no_file_is_compared_with_itself(disk: Tree, state: StateDirectory, pair: tuple[str, str]) -> None:
    old, new = (os.fsencode(disk.path(name)) for name in pair)
    with pytest.raises(UsageError), comparing(CompareOptions(old, [new]), state, NullReporter()):
        pass


@pytest.mark.parametrize("dest", ["dcim", "dcim/copies", "dcim/sub"])
def test_nothing_is_imported_into_itself(disk: Tree, state: StateDirectory, dest: str) -> None:
    options = ImportOptions(os.fsencode(disk.path("DCIM")), os.fsencode(disk.path(dest)))
    with pytest.raises(UsageError), importing(options, state, NullReporter()):
        pass


@pytest.mark.parametrize("action", ["copy", "hardlink", "symlink"])
def test_a_copy_under_its_own_name_leaves_the_file(disk: Tree, state: StateDirectory, action: str) -> None:
    before = disk.read()
    row = {"action": action, "path": "DCIM/2.jpg", "new_path": "DCIM/2.JPG"}
    outcome = Runs(disk, state).apply([row])
    assert outcome.done == 0
    assert disk.read() == before


@pytest.mark.parametrize("keeper", ["DCIM/2.JPG", "dcim/2.jpg"])
def test_the_keeper_of_a_row_is_not_the_file_itself(disk: Tree, state: StateDirectory, keeper: str) -> None:
    before = disk.read()
    outcome = Runs(disk, state).apply([{"action": "trash", "path": "DCIM/2.jpg", "duplicate_of": keeper}])
    assert outcome.done == 0
    assert before.items() <= disk.read().items()


@pytest.mark.parametrize("pair", [("caf\u00e9.jpg", "cafe\u0301.jpg"), ("\u212a.jpg", "k.jpg"), ("a.jpg", "A.jpg")])
def test_an_exchange_of_names_that_only_the_disk_tells_apart(
    disk: Tree, state: StateDirectory, pair: tuple[str, str]
) -> None:
    old, new = pair
    disk.write({old: "one", "x.jpg": "three"})
    before, runs = disk.read(), Runs(disk, state)
    rows = [{"path": old, "new_path": "x.jpg"}, {"path": "x.jpg", "new_path": new}]
    assert runs.apply(rows).done == 2
    assert sorted(disk.read().values()) == sorted(before.values())
    assert disk.path("x.jpg").read_text() == "one"
    assert runs.undo().problem_count == 0
    assert disk.read() == before


def test_a_group_goes_back_to_a_name_that_was_looked_up_in_another_case(disk: Tree, state: StateDirectory) -> None:
    """The kernel remembers such a name for a second after its file has left."""
    disk.write({"DCIM/IMG_1.CR2": "raw", "DCIM/IMG_1.xmp": "its settings"})
    before, runs = disk.read(), Runs(disk, state)
    rows = [{"path": f"DCIM/IMG_1.{end}", "new_path": f"Raw/IMG_1.{end}"} for end in ("CR2", "xmp")]
    assert runs.apply(rows).done == 2
    disk.write({"DCIM/img_1.cr2": "another"})
    disk.path("DCIM/IMG_1.CR2").stat()
    disk.path("DCIM/img_1.cr2").unlink()
    outcome = runs.undo()
    assert (outcome.done, outcome.problem_count) == (2, 0)
    assert disk.read() == before


def test_nothing_is_put_into_the_trash_by_its_name_in_another_case(disk: Tree, state: StateDirectory) -> None:
    disk.write({"DCIM/1 (2).jpg": "one"})
    runs = Runs(disk, state)
    assert runs.dedupe(DedupeAction.QUARANTINE).done == 1
    before = disk.read()
    with pytest.raises(GuardRefused):
        runs.organize(recursive=True, dest=disk.path(".FILEORG/trash"))
    with pytest.raises(UsageError):
        runs.organize(recursive=True, template=".FileOrg/{name}")
    with pytest.raises(RowsRefused):
        runs.apply([{"path": "DCIM/2.jpg", "new_path": ".FILEORG/trash/1/2.jpg"}])
    assert disk.read() == before


def test_a_state_directory_in_another_case_is_one(disk: Tree) -> None:
    first = open_state(os.fsencode(disk.path("State")))
    second = open_state(os.fsencode(disk.path("sTATE")))
    with place_for_run(first, "one", 1), pytest.raises(Locked), place_for_run(second, "another", 1):
        pass
    assert find_state(os.fsencode(disk.path("STATE"))).path == first.path


def test_the_trash_is_known_in_another_case(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "one", ".FILEORG/trash/1/b.jpg": "one"})
    assert not runs.duplicates(hidden=True)


def test_duplicates_that_differ_in_case_only(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "one", "A.jpg": "one"})
    assert runs.dedupe(DedupeAction.QUARANTINE).done == 1


def test_two_names_that_differ_in_case_are_two_folders(tree: Tree) -> None:
    tree.write({"Photos/1.jpg": "one", "pHOTOS/1.jpg": "one", "Other/1.jpg": "one"})
    for name in ("Photos", "pHOTOS", "Other"):
        path = os.path.realpath(os.fsencode(tree.path(name)))
        assert actual_path(path) == path
    assert actual_path(b"/") == b"/"
