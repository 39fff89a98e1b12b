"""exFAT, NTFS with Windows rules, case-insensitive ext4: organize, undo and redo as on any other disk.

Attributes that they do not keep (modes, owners, fractions of a second) cannot be restored; everything else must be.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import NOT_DONE, open_again, recovered

from fileorg.core.events import NullReporter
from fileorg.core.model import Action, OnConflict, RecordState
from fileorg.core.row_problems import RowFault
from fileorg.journal.journal import Journal
from fileorg.report.sentences import sentence
from fileorg.rules.config_file import parse_configuration
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.apply_plan import RowsRefused
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from tests.support.disks import Disk
    from tests.support.runs import Runs
    from tests.support.tree import Tree

pytestmark = pytest.mark.root

_FILES = {"a.jpg": "1", "x/A.JPG": "2", "x/B.jpg": "3", "x/y/empty.txt": "", "x/y/song.mp3": "5", "nothing/": ""}


def drop_what_the_system_remembers() -> None:
    """Drop cached names and files, so that drivers without stable inode numbers assign new ones."""
    Path("/proc/sys/vm/drop_caches").write_text("2")


def test_there_and_back_and_there_again(there: Runs) -> None:
    tree = there.tree
    tree.write(_FILES)
    before = tree.snapshot()
    assert there.organize(recursive=True).problems == []
    organized = tree.snapshot()
    assert sorted(tree.read().values()) == sorted([*_FILES.values(), ""])  # one more empty folder: x/y
    assert there.organize(recursive=True).done == 0
    assert there.undo().problems == []
    assert tree.snapshot() == before
    assert there.redo().problems == []
    assert tree.snapshot().keys() == organized.keys()
    assert there.undo().problems == []
    assert tree.snapshot() == before


def test_empty_folders_are_removed_and_come_back(there: Runs) -> None:
    """Also where a file system has no attributes that could be asked for."""
    tree = there.tree
    tree.write({**_FILES, "deep/in/it/": ""})
    for number, path in enumerate(sorted(tree.snapshot(), reverse=True)):
        tree.set_time(os.fsdecode(path), (1_600_000_000 + number * 1000) * 10**9)
    before = tree.snapshot()
    assert there.clean().problems == []
    assert not {path for path in tree.snapshot() if path.startswith((b"deep", b"nothing"))}
    assert there.undo().problems == []
    assert tree.snapshot() == before
    assert there.organize(recursive=True, remove_empty=True).problems == []
    assert not os.path.exists(tree.path("x"))
    assert there.undo().problems == []
    assert tree.snapshot() == before


def test_what_is_planned_at_one_time_is_done_at_another(there: Runs) -> None:
    """Files are recognised after their inode numbers changed, between plan and run, and after a remount."""
    tree = there.tree
    tree.write(_FILES)
    before = tree.snapshot()
    with there.organizing(recursive=True) as run:
        drop_what_the_system_remembers()
        assert run.run().problems == []
    assert there.undo().problems == []
    assert tree.snapshot() == before


def test_undo_after_the_disk_was_out(there: Runs, any_disk: Disk) -> None:
    tree = there.tree
    tree.write(_FILES)
    before = tree.snapshot()
    there.organize(recursive=True)
    any_disk.plug_in_again()
    assert there.undo().problems == []
    assert tree.snapshot() == before
    any_disk.plug_in_again()
    assert there.redo().problems == []
    assert tree.read()["x/y/"] == ""


def test_a_crash_is_settled_after_the_disk_was_out(there: Runs, any_disk: Disk) -> None:
    tree = there.tree
    tree.write({"a.jpg": "1", "b.mp3": "2", "c.txt": "3"})
    before = tree.snapshot()
    there.organize()
    open_again(there)
    any_disk.plug_in_again()
    assert recovered(there) == [("done", None)] * 3
    assert there.undo().problems == []
    assert tree.snapshot() == before


def test_another_disk_in_its_place_is_not_taken_for_it(there: Runs, any_disk: Disk) -> None:
    """Files are not reported as missing: the right disk may be mounted later."""
    tree = there.tree
    tree.write({"a.jpg": "1"})
    there.organize()
    open_again(there)
    (any_disk.place / "tree").rename(any_disk.place / "the right one")
    (any_disk.place / "tree").mkdir()
    any_disk.plug_in_again()
    recover_all(there.state, NullReporter())
    with Journal(there.state.journal, read_only=True) as journal:
        assert [operation.id for operation in journal.open_operations()] == [1]
    (any_disk.place / "tree").rmdir()
    (any_disk.place / "the right one").rename(any_disk.place / "tree")
    assert recovered(there) == [("done", None)]
    assert there.undo().problems == []
    assert tree.read()["a.jpg"] == "1"


def test_a_file_that_someone_replaced_is_left_to_him(there: Runs, any_disk: Disk) -> None:
    """Size and mtime decide, without stable inode numbers."""
    tree = there.tree
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    there.organize()
    tree.path("Images/a.jpg").unlink()
    tree.write({"Images/a.jpg": "another one"})
    any_disk.plug_in_again()
    outcome = there.undo()
    assert [problem.state for problem in outcome.problems] == [RecordState.CHANGED]
    assert {"another one", "2"} == set(tree.read().values())


# Between this disk and an ordinary one --------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_names_that_it_does_not_take(tree: Tree, runs: Runs, there: Runs, any_disk: Disk, action: Action) -> None:
    """Each such file has a message, and the others are moved; none is reported as missing."""
    refused = [os.fsdecode(name) for name in any_disk.kind.refuses]
    tree.write(dict.fromkeys(refused, "stays") | {"fine.jpg": "1", "sub/fine too.mp3": "2"})
    before = tree.snapshot()
    outcome = runs.organize(dest=there.tree.root, recursive=True, action=action)
    expected = {name for name in refused if name.endswith(".jpg")}  # the others have no category
    assert {os.fsdecode(problem.path) for problem in outcome.problems} == expected
    assert {problem.state for problem in outcome.problems} <= {RecordState.FAILED}
    assert all("does not allow this name" in sentence(problem.reason) for problem in outcome.problems)
    assert outcome.done == 2
    assert sorted(lower(there.tree)) == ["audio/fine too.mp3", "images/fine.jpg"]
    assert runs.undo().problems == []
    assert tree.snapshot() == before
    assert there.tree.read() == {}


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_there_and_back_after_it_was_out(tree: Tree, runs: Runs, there: Runs, any_disk: Disk, action: Action) -> None:
    """Times are rounded there and modes are not kept; both are restored. A copy is recognised by its content."""
    tree.write({"a.jpg": "1", "x/A.jpg": "2", "x/b.mp3": "3", "x/empty.txt": ""})
    tree.path("a.jpg").chmod(0o640)
    tree.set_time("a.jpg", 1_700_000_001_123_456_789)
    before = tree.snapshot()
    assert runs.organize(dest=there.tree.root, recursive=True, action=action).problems == []
    second = "A.jpg" if any_disk.kind.has_case else "A (2).jpg"
    assert {name.lower() for name in os.listdir(there.tree.path("Images"))} <= {"a.jpg", second.lower()}
    time_ns = there.tree.path("Images/a.jpg").stat().st_mtime_ns
    assert any_disk.kind.rounded(1_700_000_001_123_456_789) == time_ns or any_disk.kind.has_case
    any_disk.plug_in_again()
    assert runs.undo().problems == []
    assert tree.snapshot() == before
    assert there.tree.read() == {}


def test_a_copy_of_other_content_is_kept(tree: Tree, runs: Runs, exfat: Runs, exfat_disk: Disk) -> None:
    """It has the size and mtime of fileorg's copy, and no stable inode number: only the content differs."""
    tree.write({"a.jpg": "ours"})
    runs.organize(dest=exfat.tree.root, action=Action.COPY)
    time_ns = exfat.tree.path("Images/a.jpg").stat().st_mtime_ns
    exfat.tree.path("Images/a.jpg").unlink()
    exfat_disk.plug_in_again()
    for number in range(9):
        exfat.tree.write({f"{number}": "to have another inode number"})
    exfat.tree.write({"Images/a.jpg": "his!"})
    exfat.tree.set_time("Images/a.jpg", time_ns)
    outcome = runs.undo()
    assert [problem.state for problem in outcome.problems] == [RecordState.CHANGED]
    assert exfat.tree.read()["Images/a.jpg"] == "his!"


def test_an_empty_disk_is_taken_for_what_it_is(tree: Tree, runs: Runs, exfat: Runs, exfat_disk: Disk) -> None:
    """An empty disk has no entry to test case sensitivity with: the type of the file system decides."""
    exfat.tree.root.rmdir()
    tree.write({"a.jpg": "1", "x/A.jpg": "2"})
    outcome = runs.organize(dest=exfat_disk.place, recursive=True)
    assert (outcome.done, outcome.problems) == (2, [])
    assert sorted(os.listdir(exfat_disk.place / "Images")) == ["A (2).jpg", "a.jpg"]
    runs.undo()


@pytest.mark.parametrize("action", [Action.HARDLINK, Action.SYMLINK])
def test_links_that_cannot_be_are_told(exfat: Runs, action: Action) -> None:
    exfat.tree.write({"a.jpg": "1"})
    before = exfat.tree.snapshot()
    outcome = exfat.organize(action=action)
    (problem,) = outcome.problems
    assert (problem.state, f"makes no {action[:4]}" in sentence(problem.reason).replace(" ", "")) == (
        RecordState.FAILED,
        False,
    )
    assert sentence(problem.reason).startswith("the file system does not support ")
    exfat.undo()
    assert exfat.tree.snapshot() == before


# Case-insensitive disks -----------------------------------------------------------------------------------------------


def lower(tree: Tree) -> dict[str, str]:
    return {path.lower(): content for path, content in tree.read().items()}


def test_two_of_one_plan_and_one_that_is_there(caseless: Runs) -> None:
    tree = caseless.tree
    tree.write({"b/A.jpg": "2", "b/c/a.JPG": "3", "a.jpg": "1", "Images/B.jpg": "4", "b.jpg": "5"})
    before = tree.snapshot()
    assert caseless.organize(recursive=True).problems == []
    names = {name.lower() for name in os.listdir(tree.path("Images"))}
    assert names == {"a.jpg", "a (2).jpg", "a (3).jpg", "b.jpg", "b (2).jpg"}
    assert tree.path("Images/b.jpg").read_text() == "4"
    assert caseless.organize(recursive=True).done == 0
    assert caseless.undo().problems == []
    assert tree.snapshot() == before


def test_a_folder_is_used_as_it_is_spelled(caseless: Runs, caseless_disk: Disk) -> None:
    tree = caseless.tree
    tree.write({"a.jpg": "1", "imaGES/b.jpg": "2", "sub/c.mp3": "3", "auDIO/": ""})
    before = tree.snapshot()
    assert caseless.organize(recursive=True).problems == []
    if caseless_disk.kind.shows_case:
        assert tree.read() == {"imaGES/a.jpg": "1", "imaGES/b.jpg": "2", "auDIO/c.mp3": "3", "sub/": ""}
    assert {record.target_folder for record in caseless.records(1)} == {
        os.fsencode(name) for name in os.listdir(tree.root) if name != "sub"
    }
    assert caseless.undo().problems == []
    assert tree.snapshot() == before


def test_a_template_in_another_case(caseless: Runs) -> None:
    """By extension, by year, and below a template folder: existing folders match in any case, files in place stay."""
    tree = caseless.tree
    tree.write({"sorted/JPG/b.jpg": "1", "a.jpg": "2"})
    before = tree.snapshot()
    template = "Sorted/{extension}/{name}"
    assert caseless.organize(template=template, recursive=True).done == 1
    assert lower(tree) == {"sorted/jpg/a.jpg": "2", "sorted/jpg/b.jpg": "1"}
    assert caseless.organize(template=template, recursive=True).done == 0
    assert caseless.undo().problems == []
    assert tree.snapshot() == before


def test_keep_newer_in_another_case(caseless: Runs) -> None:
    tree = caseless.tree
    tree.write({"A.jpg": "new", "images/a.JPG": "old"})
    tree.date("images/a.JPG", "2020-01-01")
    before = tree.snapshot()
    assert caseless.organize(on_conflict=OnConflict.KEEP_NEWER).problems == []
    assert lower(tree) == {"images/a.jpg": "new", ".fileorg/trash/1/images/a.jpg": "old"}
    assert caseless.undo().problems == []
    assert tree.snapshot() == before


def test_the_origin_is_taken_in_another_case(caseless: Runs) -> None:
    tree = caseless.tree
    tree.write({"a.jpg": "1"})
    caseless.organize()
    drop_what_the_system_remembers()
    tree.write({"A.JPG": "2"})
    (problem,) = caseless.undo().problems
    assert problem.state is RecordState.CONFLICT
    assert lower(tree) == {"a.jpg": "2", "images/a.jpg": "1"}
    assert caseless.undo(rename=True).problems == []
    assert lower(tree) == {"a.jpg": "2", "a (2).jpg": "1"}


def test_what_was_not_done_is_known_by_size_and_time(exfat: Runs, exfat_disk: Disk) -> None:
    tree = exfat.tree
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    exfat.organize()
    open_again(exfat)
    tree.path("Images/a.jpg").rename(tree.path("a.jpg"))
    exfat_disk.plug_in_again()
    assert sorted(recovered(exfat)) == [("done", None), *NOT_DONE]


def test_a_name_that_is_no_text_is_nothing(exfat: Runs) -> None:
    storage = LocalStorage(os.fsencode(exfat.tree.root))
    assert storage.lstat(b"", b"caf\xe9.jpg") is None
    with pytest.raises(OSError, match="multibyte") as caught:
        storage.reserve(b"", b"caf\xe9.jpg")
    assert caught.value.errno == errno.EILSEQ
    storage.close()


def test_targets_of_rules_on_a_disk_that_ignores_case(caseless: Runs) -> None:
    """Targets that differ in case only are one folder there, and names that do so are one name."""
    tree = caseless.tree
    tree.write({"a.pdf": "1", "b.jpg": "2", "sub/A.PDF": "3", "papers/c.jpg": "4"})
    before = tree.snapshot()
    rules = (
        '[[rule]]\nwhen = { ext = "pdf" }\nto = "Papers"\n'
        '[[rule]]\nwhen = { name = "B*" }\nto = "PAPERS"\n[[rule]]\nto = "papers"'
    )
    configuration = parse_configuration(b"fileorg.toml", b"version = 1\n" + rules.encode())
    said = [row.target_name for row in caseless.dry_run(recursive=True, configuration=configuration)]
    outcome = caseless.organize(recursive=True, configuration=configuration)
    assert outcome.problems == []
    assert [record.target_name for record in caseless.records(outcome.operation)] == said
    found = sorted(path.lower() for path in tree.read() if not path.endswith("/"))
    assert found == ["papers/a (2).pdf", "papers/a.pdf", "papers/b.jpg", "papers/c.jpg"]
    assert caseless.organize(recursive=True, configuration=configuration).done == 0
    assert caseless.undo().problems == []
    assert tree.snapshot() == before


def test_a_plan_exchanges_names(there: Runs) -> None:
    """Two files, three, and a file with a folder."""
    tree = there.tree
    tree.write({"a": "1", "b": "22", "c": "333", "d": "4444", "e": "55555", "f": "666666", "g/in": "7777777"})
    before = tree.snapshot()
    rows = [("a", "b"), ("b", "a"), ("c", "d"), ("d", "e"), ("e", "c"), ("f", "g"), ("g", "f")]
    for _ in range(2):
        assert there.apply([{"path": old, "new_path": new} for old, new in rows]).problems == []
        assert tree.read() == {
            "b": "1", "a": "22", "d": "333", "e": "4444", "c": "55555", "g": "666666", "f/in": "7777777",
        }  # fmt: skip
        assert there.undo().problems == []
        assert tree.snapshot() == before


def test_a_plan_in_another_case_than_the_disk(caseless: Runs) -> None:
    """Undo gives files and folders the names that they had, not those that the plan wrote."""
    tree = caseless.tree
    tree.write({"a.jpg": "1", "Sub/In/b.txt": "2", "whole/In/c.txt": "3", "d.txt": "44"})
    before = tree.snapshot()
    rows = [("A.JPG", "new.jpg"), ("sUB/iN/B.txt", "new.txt"), ("WHOLE", "other"), ("D.txt", "A.jpg")]
    for _ in range(2):
        assert caseless.apply([{"path": old, "new_path": new} for old, new in rows]).problems == []
        assert lower(tree).items() >= {"new.jpg": "1", "new.txt": "2", "other/in/c.txt": "3", "a.jpg": "44"}.items()
        assert caseless.undo().problems == []
        assert tree.snapshot() == before
    with pytest.raises(RowsRefused) as caught:
        caseless.apply([{"path": "A.JPG", "new_path": next(iter(tree.root.glob("a.jpg"))).name}])
    assert [problem.fault for problem in caught.value.problems] == [RowFault.ONTO_ITSELF]


def test_a_plan_changes_the_case_of_a_folder_in_two_steps(caseless: Runs, caseless_disk: Disk) -> None:
    """And back, although the system may still remember the folder by the other case of its name."""
    tree = caseless.tree
    shown = "Photos/a.jpg" if caseless_disk.kind.shows_case else "photos/a.jpg"
    tree.write({"Photos/a.jpg": "1", "Photos/in/b.jpg": "2", "Photos/nothing/": ""})
    before = tree.snapshot()
    with pytest.raises(RowsRefused) as caught:
        caseless.apply([{"path": "Photos", "new_path": "photos"}])
    fault = RowFault.FOLDER_CASE if caseless_disk.kind.shows_case else RowFault.ONTO_ITSELF  # as the disk lists it
    assert [problem.fault for problem in caught.value.problems] == [fault]
    caseless.apply([{"path": "Photos", "new_path": "between"}])
    caseless.apply([{"path": "between", "new_path": "photos"}])
    assert tree.read() == {"photos/a.jpg": "1", "photos/in/b.jpg": "2", "photos/nothing/": ""}
    for _ in range(2):
        assert (tree.root / "Photos/a.jpg").exists()  # the system now remembers it by that name
        assert caseless.undo().problems == []
        assert caseless.undo().problems == []
        assert shown in tree.read()
        assert tree.snapshot() == before
        assert caseless.redo().problems == []
        assert caseless.redo().problems == []
        assert tree.read() == {"photos/a.jpg": "1", "photos/in/b.jpg": "2", "photos/nothing/": ""}
