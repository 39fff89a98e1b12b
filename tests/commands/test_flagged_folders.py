"""Folders with the chattr(1) flag a or i: files may be added, or nothing may; nothing is ever removed."""

from __future__ import annotations

import os
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.crash import file_records, open_again
from tests.support.disks import NotTested, linux_disk
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core.errors import StorageFailure, UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import Action, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions import copy
from fileorg.execute.temporaries import aside, temporary
from fileorg.journal.journal import Journal
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory

pytestmark = pytest.mark.root

_FILES = {"a.jpg": "1", "x/b.txt": "2"}


def flag(change: str, *paths: Path) -> None:
    subprocess.run(["chattr", change, *map(str, paths)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            place = stack.enter_context(linux_disk("ext4", tmp_path))
        except NotTested as why:
            pytest.skip(str(why))
        yield place
        flag("-ai", place, *(path for path in place.rglob("*") if path.is_dir()))


@pytest.fixture
def there(disk: Path, state: StateDirectory) -> Runs:
    runs = Runs(Tree(disk / "tree"), state)
    runs.tree.write(_FILES)
    return runs


def reasons(outcome: Outcome) -> set[tuple[RecordState, ReasonCode, bytes | None]]:
    return {(each.state, each.reason.code, each.reason.about) for each in outcome.problems if each.reason}


def refused(about: bytes) -> tuple[RecordState, ReasonCode, bytes | None]:
    return RecordState.FAILED, ReasonCode.FOLDER_FLAGGED, about


@pytest.mark.parametrize("change", ["+a", "+i"])
@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY, Action.HARDLINK, Action.SYMLINK])
@pytest.mark.parametrize("where", ["the root", "the folder itself", "another disk"])
def test_nothing_is_put_there(
    there: Runs, disk: Path, elsewhere: Path, change: str, action: Action, where: str
) -> None:
    """Nor into a missing folder in it, which cannot be made."""
    tree = there.tree
    dest, about = tree.root, b"."
    flagged = tree.root
    if where == "the folder itself":
        tree.write({"Images/": "", "Documents/": ""})
        flagged, about = tree.path("Images"), b"Images"
    elif where == "another disk":
        flagged = dest = disk / "dest"
        dest.mkdir()
        about = os.fsencode(dest)
    before = tree.snapshot()
    flag(change, flagged)
    if change == "+i" and where != "the folder itself":
        with pytest.raises(UsageError, match="cannot be written"):
            there.organize(dest=dest, action=action)
    else:
        assert reasons(there.organize(dest=dest, action=action)) == {refused(about)}
    assert tree.snapshot() == before
    assert where != "another disk" or list(dest.iterdir()) == []


@pytest.mark.parametrize("change", ["+a", "+i"])
def test_nothing_is_taken_away_from_there(there: Runs, elsewhere: Path, change: str) -> None:
    flag(change, there.tree.path("x"))
    assert reasons(there.organize(dest=elsewhere, recursive=True)) == {refused(b"x")}
    assert there.tree.read() == {"x/b.txt": "2"}
    assert there.organize(dest=elsewhere, recursive=True, action=Action.COPY).problems == []
    assert (elsewhere / "Documents/b.txt").read_text() == "2"


def test_a_folder_of_the_destination_is_named_by_its_path(there: Runs, disk: Path) -> None:
    (disk / "dest/Images").mkdir(parents=True)
    flag("+a", disk / "dest/Images")
    outcome = there.organize(dest=disk / "dest", recursive=True)
    assert reasons(outcome) == {refused(os.fsencode(disk / "dest/Images"))}
    flag("-a", disk / "dest/Images")
    assert there.undo().problems == []
    assert there.tree.read() == _FILES


def test_what_was_flagged_since_stays_and_comes_back_later(there: Runs) -> None:
    before = there.tree.snapshot()
    there.organize(recursive=True)
    flag("+a", there.tree.path("Images"))
    assert refused(b"Images") in reasons(there.undo())
    assert there.tree.read() == {"Images/a.jpg": "1", "x/b.txt": "2"}
    flag("-a", there.tree.path("Images"))
    assert there.undo().problems == []
    assert there.tree.snapshot() == before


def test_duplicates_and_what_is_empty(there: Runs) -> None:
    tree = there.tree
    tree.write({"x/twin.jpg": "1", "x/empty.txt": ""})
    flag("+a", tree.path("x"))
    before = tree.read()
    assert reasons(there.dedupe("quarantine")) == {refused(b"x")}
    assert reasons(there.dedupe("hardlink")) == {refused(b"x")}
    assert reasons(there.clean()) == {refused(b"x")}
    assert {path: content for path, content in tree.read().items() if not path.startswith(".")} == before


# The flag was set meanwhile -------------------------------------------------------------------------------------------


def flagged_after_the_copy(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    mark = copy._mark

    def mark_and_flag(*arguments: Any) -> Any:
        marked = mark(*arguments)
        flag("+a", folder)
        return marked

    monkeypatch.setattr(copy, "_mark", mark_and_flag)


@pytest.mark.parametrize("action", [Action.MOVE, Action.COPY])
def test_what_is_left_is_told_and_taken_away_later(
    there: Runs, disk: Path, tmp_path: Path, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    with linux_disk("ext4", tmp_path / "other") as dest:
        with monkeypatch.context() as patched:
            flagged_after_the_copy(patched, dest / "Images")
            with pytest.raises(StorageFailure, match="Could not finish or remove"):
                there.organize(dest=dest, action=action)
        settled(there, dest / "Images")
        assert (dest / "Images/a.jpg").read_text() == "1"
        assert there.undo().problems == []
        assert there.tree.read() == _FILES


def settled(runs: Runs, folder: Path) -> None:
    """Recovery seals the operation, names the leftover file, and removes it when it can."""
    [left] = folder.glob(".fileorg-*")
    for _ in range(2):
        found = recover_all(runs.state, NullReporter())
        assert found.left == []
        [(_, reason)] = [each for unsure in found.unsure for each in unsure.first]
        assert reason is not None
        assert (reason.code, os.path.basename(reason.about or b"")) == (
            ReasonCode.LEFT_AFTER_CRASH,
            os.fsencode(left.name),
        )
        assert left.exists()
    with Journal(runs.state.journal) as journal:
        assert journal.open_operations() == []
    flag("-a", folder)
    found = recover_all(runs.state, NullReporter())
    assert (found.left, found.unsure) == ([], [])
    assert list(folder.glob(".fileorg-*")) == []


@pytest.mark.parametrize("what", [temporary, aside])
def test_what_a_copy_left(there: Runs, what: object) -> None:
    there.organize(action=Action.COPY)
    open_again(there)
    [record] = file_records(there)
    images = there.tree.path("Images")
    name = os.fsdecode((temporary if what is temporary else aside)(1, record.id))
    if what is temporary:
        (images / name).hardlink_to(images / "a.jpg")
    else:
        (images / "a.jpg").rename(images / name)
    flag("+a", images)
    settled(there, images)
    assert there.tree.path("a.jpg").exists()


def test_what_a_move_to_another_disk_left(there: Runs, elsewhere: Path) -> None:
    """The copy is complete; the original has its temporary name in a folder that is flagged now."""
    tree = there.tree
    there.organize(dest=elsewhere)
    tree.write({"a.jpg": "1"})
    seen = tree.path("a.jpg").stat()
    open_again(there, state="copied", inode=seen.st_ino, mtime_ns=seen.st_mtime_ns)
    [record] = file_records(there)
    tree.path("a.jpg").rename(tree.path(os.fsdecode(aside(1, record.id))))
    flag("+a", tree.root)
    settled(there, tree.root)
    assert (tree.read(), (elsewhere / "Images/a.jpg").read_text()) == ({"x/b.txt": "2"}, "1")
    assert there.undo().problems == []
    assert tree.read() == _FILES
