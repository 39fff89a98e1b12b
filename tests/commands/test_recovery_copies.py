"""After a crash in a copy or a move to another file system: several steps, each recognised by the files on disk."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.crash import CUT_SHORT, DONE, NOT_DONE, alter, file_records, open_again, recovered, reserved

from fileorg.core.errors import UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import RESERVED_MTIME_NS, Action, RecordState
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.execute.temporaries import aside, temporary
from fileorg.report.sentences import sentence
from fileorg.storage.local import posix
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree


YEAR_2001 = 1_000_000_000_000_000_000

# A copy ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def copied(tree: Tree, runs: Runs) -> Tree:
    tree.write({"a.jpg": "1"})
    runs.organize(action=Action.COPY)
    return tree


def part(runs: Runs, name: Any = temporary) -> str:
    [record] = file_records(runs)
    return f"Images/{os.fsdecode(name(1, record.id))}"


def test_a_copy_that_is_whole_is_done(copied: Tree, runs: Runs) -> None:
    open_again(runs, state="copied")
    copied.path(part(runs)).hardlink_to(copied.path("Images/a.jpg"))
    assert recovered(runs) == DONE
    assert copied.read() == {"a.jpg": "1", "Images/a.jpg": "1"}


def test_a_copy_that_was_never_recorded_did_not_happen(copied: Tree, runs: Runs) -> None:
    open_again(runs, digest=None, target_inode=None, target_mtime_ns=None)
    copied.path(part(runs)).hardlink_to(copied.path("Images/a.jpg"))
    assert recovered(runs) == CUT_SHORT
    assert copied.read() == {"a.jpg": "1", "Images/": ""}


@pytest.mark.parametrize("record", [{"digest": None, "target_inode": None, "target_mtime_ns": None}, {}])
def test_a_copy_that_was_edited_since_the_crash_is_kept(copied: Tree, runs: Runs, record: dict[str, Any]) -> None:
    """Undo keeps and names the copy, too: it is not the copy that was made."""
    open_again(runs, **record)
    copied.write({"Images/a.jpg": "edited"})
    copied.path(part(runs)).hardlink_to(copied.path("Images/a.jpg"))
    assert [state for state, _ in recovered(runs)] == [RecordState.CHANGED]
    assert [problem.state for problem in runs.undo().problems] == [RecordState.CHANGED]
    assert copied.read() == {"a.jpg": "1", "Images/a.jpg": "edited"}


@pytest.mark.parametrize("action", [Action.COPY, Action.MOVE])
def test_a_copy_whose_flush_failed_leaves_no_trace_in_the_time_of_its_folder(
    tree: Tree, runs: Runs, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    """The run was killed after it had removed the temporary file, and before it restored the time."""
    tree.write({"a.jpg": "1"})
    folder = elsewhere / "Images"
    folder.mkdir()
    (folder / "kept.jpg").write_text("kept")
    os.utime(folder, ns=(YEAR_2001, YEAR_2001))
    failure = OSError(errno.EIO, os.strerror(errno.EIO))

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(posix, "flush_all", lambda fds: [failure for _ in fds])
        patch.setattr("fileorg.execute.run.seal", killed)
        with pytest.raises(KeyboardInterrupt):
            runs.organize(dest=elsewhere, action=action)
    assert os.stat(folder).st_mtime_ns != YEAR_2001
    assert [state for state, _ in recovered(runs)] == [RecordState.FAILED]
    assert os.stat(folder).st_mtime_ns == YEAR_2001
    assert (tree.read(), os.listdir(folder)) == ({"a.jpg": "1"}, ["kept.jpg"])


@pytest.mark.parametrize("content", ["edited", "2", ""])
@pytest.mark.parametrize("where", ["beside", "elsewhere"])
def test_an_edited_copy_is_named_also_when_the_recovery_was_killed(
    tree: Tree, runs: Runs, elsewhere: Path, content: str, where: str
) -> None:
    """It was killed just after it had removed the name that identified the copy."""
    tree.write({"a.jpg": "1"})
    if where == "beside":
        runs.organize(action=Action.COPY)
        copy = tree.path("Images/a.jpg")
    else:
        runs.organize(dest=elsewhere)
        copy = elsewhere / "Images/a.jpg"
        tree.write({"a.jpg": "1"})
    [record] = file_records(runs)
    open_again(runs, digest=None, target_inode=None, target_mtime_ns=None)
    alter(runs, "UPDATE records SET inode = ? WHERE id = ?", tree.path("a.jpg").stat().st_ino, record.id)
    os.utime(tree.path("a.jpg"), ns=(record.mtime_ns, record.mtime_ns))
    copy.write_text(content)
    part = copy.with_name(os.fsdecode(temporary(1, record.id)))
    part.hardlink_to(copy)
    killed_after_discard(runs)
    assert not part.exists()
    [(state, reason)] = recovered(runs)
    assert (state, reason) == (RecordState.CHANGED, sentence(Reason(ReasonCode.CHANGED_IN_CRASH)))
    assert [unsure.files for unsure in recover_all(runs.state, NullReporter()).unsure] == [1]
    assert (copy.read_text(), tree.path("a.jpg").read_text()) == (content, "1")


def killed_after_discard(runs: Runs) -> None:
    child = os.fork()
    if child == 0:
        discard = LocalStorage.discard

        def dying(self: LocalStorage, folder: bytes, temporary: bytes) -> None:
            discard(self, folder, temporary)
            os._exit(9)

        LocalStorage.discard = dying  # type: ignore[method-assign]
        try:
            recover_all(runs.state, NullReporter())
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_a_copy_under_way_is_taken_away(copied: Tree, runs: Runs) -> None:
    open_again(runs, digest=None, target_inode=None, target_mtime_ns=None)
    copied.path("Images/a.jpg").unlink()
    copied.write({part(runs): "ha"})
    assert recovered(runs) == CUT_SHORT
    assert copied.read() == {"a.jpg": "1", "Images/": ""}


def test_a_disk_that_is_not_well_is_left_for_later(of_nobody: Runs) -> None:
    """The rest of a copy cannot be removed now: the operation stays open until it can."""
    runs, tree = of_nobody, of_nobody.tree
    tree.write({"a.jpg": "1", "b.mp3": "2"})
    runs.organize(action=Action.COPY)
    open_again(runs, digest=None, target_inode=None, target_mtime_ns=None)
    for folder, name in (("Images", "a.jpg"), ("Audio", "b.mp3")):
        tree.path(f"{folder}/{name}").unlink()
    [first, _] = file_records(runs)
    part = f"Images/{os.fsdecode(temporary(1, first.id))}"
    tree.write({part: "ha"})
    tree.path("Images").chmod(0o555)
    settled, left, _ = recover_all(runs.state, NullReporter())
    assert (settled, [operation.id for operation in left]) == ([], [1])
    assert tree.path(part).exists()
    with pytest.raises(UsageError, match="Operation 1 was interrupted and is not recovered yet"):
        runs.undo(1)
    tree.path("Images").chmod(0o755)
    assert recovered(runs) == [*CUT_SHORT, *NOT_DONE]
    assert tree.read() == {"a.jpg": "1", "b.mp3": "2", "Images/": "", "Audio/": ""}


def test_a_copy_that_was_being_withdrawn_is_taken_away(copied: Tree, runs: Runs) -> None:
    open_again(runs, state="copied")
    copied.path("Images/a.jpg").rename(copied.path(part(runs, aside)))
    assert recovered(runs) == CUT_SHORT
    assert copied.read() == {"a.jpg": "1", "Images/": ""}


def test_a_copy_whose_name_is_taken(copied: Tree, runs: Runs) -> None:
    open_again(runs, digest=None, target_inode=None, target_mtime_ns=None)
    copied.path("Images/a.jpg").unlink()
    copied.write({"Images/a.jpg": "someone else's", part(runs): "1"})
    assert recovered(runs) == [("conflict", "the name is taken")]
    assert copied.read() == {"a.jpg": "1", "Images/a.jpg": "someone else's"}


def test_a_copy_that_had_only_reserved_its_name(copied: Tree, runs: Runs) -> None:
    """Without hard links, a staged copy is renamed over a placeholder."""
    open_again(runs, state="intent")
    copied.path("Images/a.jpg").rename(copied.path(part(runs)))
    copied.write({"Images/a.jpg": ""})
    seen = copied.path("Images/a.jpg").stat()
    reserved(runs, inode=seen.st_ino, ctime_ns=seen.st_ctime_ns)
    assert recovered(runs) == CUT_SHORT
    assert copied.read() == {"a.jpg": "1", "Images/": ""}


@pytest.mark.parametrize("known", ["intent", "copied"])
def test_someone_has_put_an_empty_file_in_the_place_of_a_copy(copied: Tree, runs: Runs, known: str) -> None:
    open_again(runs, state=known)
    copied.path("Images/a.jpg").rename(copied.path(part(runs)))
    copied.write({"Images/a.jpg": ""})
    assert recovered(runs) == [("conflict", "the name is taken")]
    assert copied.read() == {"a.jpg": "1", "Images/a.jpg": ""}


def test_a_second_recovery_goes_on_where_the_first_was_killed(copied: Tree, runs: Runs) -> None:
    open_again(runs, digest=None, target_inode=None, target_mtime_ns=None, reason=ReasonCode.CUT_SHORT)
    copied.path("Images/a.jpg").unlink()
    assert recovered(runs) == CUT_SHORT


def test_what_a_first_recovery_took_away_may_be_back(copied: Tree, runs: Runs) -> None:
    """The power failed when the journal had the verdict, but the disk did not have the changes yet."""
    open_again(runs, state="skipped", digest=None, target_inode=None, target_mtime_ns=None, reason=ReasonCode.CUT_SHORT)
    copied.path(part(runs)).hardlink_to(copied.path("Images/a.jpg"))
    assert recovered(runs) == CUT_SHORT
    assert copied.read() == {"a.jpg": "1", "Images/": ""}


# To another file system -----------------------------------------------------------------------------------------------


@pytest.fixture
def crossed(tree: Tree, runs: Runs, elsewhere: Path) -> Path:
    """The file was copied, and the original is still there; return the path of the copy."""
    tree.write({"a.jpg": "1"})
    runs.organize(dest=elsewhere)
    tree.write({"a.jpg": "1"})
    seen = tree.path("a.jpg").stat()
    open_again(runs, state="copied", inode=seen.st_ino, mtime_ns=seen.st_mtime_ns)
    return elsewhere / "Images"


def set_aside(tree: Tree, runs: Runs) -> Path:
    [record] = file_records(runs)
    return tree.path("a.jpg").rename(tree.path(os.fsdecode(aside(1, record.id))))


def test_the_copy_is_whole_so_the_original_goes(tree: Tree, runs: Runs, crossed: Path) -> None:
    assert recovered(runs) == DONE
    assert (tree.read(), (crossed / "a.jpg").read_text()) == ({}, "1")


def test_the_original_was_aside(tree: Tree, runs: Runs, crossed: Path) -> None:
    set_aside(tree, runs)
    assert [state for state, _ in recovered(runs)] == [RecordState.DONE]
    assert (tree.read(), (crossed / "a.jpg").read_text()) == ({}, "1")


def test_the_original_was_aside_and_the_copy_is_not_whole(tree: Tree, runs: Runs, crossed: Path) -> None:
    set_aside(tree, runs)
    (crossed / "a.jpg").write_text("edited")
    assert [state for state, _ in recovered(runs)] == [RecordState.CHANGED]
    assert (tree.read(), (crossed / "a.jpg").read_text()) == ({"a.jpg": "1"}, "edited")


@pytest.mark.parametrize("record", [{"digest": None, "target_inode": None, "target_mtime_ns": None}, {}])
def test_the_copy_was_edited_since_the_crash(tree: Tree, runs: Runs, crossed: Path, record: dict[str, Any]) -> None:
    """Neither the edit nor the original is removed."""
    open_again(runs, **record)
    (crossed / "a.jpg").write_text("edited")
    [of_file] = file_records(runs)
    (crossed / os.fsdecode(temporary(1, of_file.id))).hardlink_to(crossed / "a.jpg")
    seen = tree.path("a.jpg").stat()
    alter(runs, "UPDATE records SET inode = ?, mtime_ns = ? WHERE id = ?", seen.st_ino, seen.st_mtime_ns, of_file.id)
    assert [state for state, _ in recovered(runs)] == [RecordState.CHANGED]
    assert (tree.read(), (crossed / "a.jpg").read_text()) == ({"a.jpg": "1"}, "edited")
    assert os.listdir(crossed) == ["a.jpg"]


def test_the_original_was_edited_meanwhile(tree: Tree, runs: Runs, crossed: Path) -> None:
    """The original is another file now: both are kept."""
    tree.write({"a.jpg": "edited"})
    assert recovered(runs) == DONE
    assert (tree.read(), (crossed / "a.jpg").read_text()) == ({"a.jpg": "edited"}, "1")


def test_what_was_aside_is_another_file(tree: Tree, runs: Runs, crossed: Path) -> None:
    set_aside(tree, runs).write_text("an outsider's")
    assert [state for state, _ in recovered(runs)] == [RecordState.CHANGED]
    assert (tree.read(), (crossed / "a.jpg").read_text()) == ({"a.jpg": "an outsider's"}, "1")


def test_between_a_name_and_aside(tree: Tree, runs: Runs, crossed: Path) -> None:
    """Without a rename that never replaces, a file gets its temporary name by a hard link."""
    tree.path("a.jpg").hardlink_to(set_aside(tree, runs))
    assert [state for state, _ in recovered(runs)] == [RecordState.DONE]
    assert tree.read() == {}


def test_a_name_aside_that_was_only_reserved(tree: Tree, runs: Runs, crossed: Path) -> None:
    [record] = file_records(runs)
    tree.write({os.fsdecode(aside(1, record.id)): ""})
    assert [state for state, _ in recovered(runs)] == [RecordState.DONE]
    assert tree.read() == {}


# Folder times ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("copy", ["whole", "removed", "edited"])
def test_a_name_aside_that_was_only_reserved_leaves_no_trace_in_the_time(
    tree: Tree, runs: Runs, crossed: Path, copy: str
) -> None:
    """Whatever came of the copy: where the file stays, so does the time of its folder."""
    alter(runs, "UPDATE folders SET mtime_ns = ? WHERE base = 0 AND path = ?", YEAR_2001, b"")
    tree.write({os.fsdecode(aside(1, file_records(runs)[0].id)): ""})
    if copy == "removed":
        (crossed / "a.jpg").unlink()
    elif copy == "edited":
        (crossed / "a.jpg").write_text("edited")
    recover_all(runs.state, NullReporter())
    assert tree.read() == ({} if copy == "whole" else {"a.jpg": "1"})
    assert (tree.root.stat().st_mtime_ns == YEAR_2001) == (copy != "whole")


def test_so_does_one_for_a_copy_that_undo_was_about_to_remove(copied: Tree, runs: Runs) -> None:
    """The copy was replaced since: it stays."""
    copied.write({"saved": "edited"})
    runs.undo()
    copied.write({"Images/": ""})
    copied.path("saved").rename(copied.path("Images/a.jpg"))
    open_again(runs, 2)
    alter(runs, "UPDATE folders SET mtime_ns = ? WHERE operation = 2 AND path = ?", YEAR_2001, b"Images")
    [record] = file_records(runs, 2)
    reservation = f"Images/{os.fsdecode(aside(2, record.id))}"
    copied.write({reservation: ""})
    os.utime(copied.path(reservation), ns=(RESERVED_MTIME_NS, RESERVED_MTIME_NS))
    assert [state for state, _ in recovered(runs, 2)] == [RecordState.CHANGED]
    assert copied.read() == {"a.jpg": "1", "Images/a.jpg": "edited"}
    assert copied.path("Images").stat().st_mtime_ns == YEAR_2001


# On a disk where names have to be reserved ----------------------------------------------------------------------------


@pytest.fixture
def as_on_exfat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LocalStorage, "reuses_inodes", lambda *_: True)
    monkeypatch.setattr(LocalStorage, "has_stable_inodes", lambda *_: False)


@pytest.mark.usefixtures("as_on_exfat")
@pytest.mark.parametrize("now", [None, "", "edited"])
def test_a_name_aside_that_was_reserved_just_before_the_crash_goes(
    tree: Tree, runs: Runs, crossed: Path, now: str | None
) -> None:
    """It has no special time yet. Someone has replaced or removed the original since: the copy stays for it."""
    tree.path("a.jpg").unlink()
    tree.write({os.fsdecode(aside(1, file_records(runs)[0].id)): ""} | ({} if now is None else {"a.jpg": now}))
    assert recovered(runs) == DONE
    assert tree.read() == ({} if now is None else {"a.jpg": now})
    assert (crossed / "a.jpg").read_text() == "1"


@pytest.mark.usefixtures("as_on_exfat")
def test_an_original_that_a_program_truncates_while_it_is_aside_stays(tree: Tree, runs: Runs, crossed: Path) -> None:
    name = set_aside(tree, runs)
    with name.open("r+b") as file:
        file.truncate()
        assert [state for state, _ in recovered(runs)] == [RecordState.CHANGED]
        file.write(b"written later")
    assert (tree.read(), (crossed / "a.jpg").read_text()) == ({"a.jpg": "written later"}, "1")


@pytest.mark.usefixtures("as_on_exfat")
def test_an_empty_original_is_not_taken_for_a_reserved_name(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    tree.write({"a.jpg": ""})
    tree.set_time("a.jpg", YEAR_2001)
    runs.organize(dest=elsewhere)
    open_again(runs, state="copied")
    (elsewhere / "Images/a.jpg").write_text("edited")
    name = os.fsdecode(aside(1, file_records(runs)[0].id))
    tree.write({name: ""})
    tree.set_time(name, YEAR_2001)
    assert [state for state, _ in recovered(runs)] == [RecordState.CHANGED]
    assert tree.read() == {"a.jpg": ""}
