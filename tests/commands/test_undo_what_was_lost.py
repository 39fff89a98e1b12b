"""Undo restores the attributes of a file that another file system did not keep, and no others."""

from __future__ import annotations

import errno
import os
import struct
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import alter
from tests.support.disks import NotTested, linux_disk
from tests.support.remembered import Remembered
from tests.support.runs import Runs
from tests.support.tree import Tree

from fileorg.core.model import Action, RecordState
from fileorg.core.reasons import Lost, Reason, ReasonCode
from fileorg.storage.local import posix
from fileorg.workflows.recover import recover_all

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory

pytestmark = pytest.mark.root


@pytest.fixture
def ramfs(tmp_path: Path) -> Iterator[Path]:
    """A disk that keeps modes, owners and times, but no extended attributes."""
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
    (ramfs / "Images/a.jpg").chmod(0o600)  # by another program, meanwhile
    assert runs.undo().done == 1
    assert tree.path("a.jpg").stat().st_mode & 0o777 == 0o600


def lost(runs: Runs, operation: int) -> list[Reason | None]:
    return [record.reason for record in runs.records(operation, RecordState.DONE) if record.source_name]


# The owner ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def of_another(elsewhere: Path, of_nobody: Runs) -> Runs:
    """The user nobody could move another user's file away, but not restore its owner."""
    if os.getresuid()[2] != 0:
        pytest.skip("giving a file to another user needs root")
    tree = of_nobody.tree
    tree.write({"a.jpg": "1", "b.jpg": "own"})
    euid = os.geteuid()
    os.setresuid(0, 0, 0)
    elsewhere.chmod(0o777)
    os.chown(tree.path("a.jpg"), 1234, 1234)
    os.setresuid(euid, euid, 0)
    return of_nobody


def reported(outcome: Outcome) -> list[str]:
    return [note for note in outcome.notes if "Could not preserve" in note]


def test_what_another_may_be_writing_to_stays_on_its_disk(of_another: Runs, elsewhere: Path) -> None:
    """Only root can tell whether the file is being written, so the file stays and never loses its owner."""
    outcome = of_another.organize(dest=elsewhere)
    assert [(problem.path, problem.reason.code) for problem in outcome.problems if problem.reason] == [
        (b"a.jpg", ReasonCode.WRITERS_UNKNOWN)
    ]
    assert of_another.tree.path("a.jpg").stat().st_uid == 1234
    assert os.listdir(elsewhere / "Images") == ["b.jpg"]


def test_that_the_owner_of_a_copy_is_another_is_reported(of_another: Runs, elsewhere: Path) -> None:
    """The file has not been written to for a while."""
    runs = of_another
    euid = os.geteuid()
    os.setresuid(0, 0, 0)
    runs.tree.date("a.jpg", "2020-01-01")
    os.setresuid(euid, euid, 0)
    owner = Reason(ReasonCode.NOT_KEPT, None, None, Lost.OWNER)
    outcome = runs.organize(dest=elsewhere, action=Action.COPY)
    assert sorted(map(str, lost(runs, 1))) == sorted(map(str, [owner, None]))
    assert reported(outcome) == ["Could not preserve all metadata of 1 file (owner of 1): see fileorg files 1"]
    assert (elsewhere / "Images/a.jpg").stat().st_uid == os.geteuid()


def test_nothing_is_reported_where_all_is_kept(runs: Runs, elsewhere: Path) -> None:
    runs.tree.write({"a.jpg": "1"})
    os.chown(runs.tree.path("a.jpg"), 1234, 1234)
    assert reported(runs.organize(dest=elsewhere)) == []
    assert reported(runs.undo()) == []
    assert runs.tree.path("a.jpg").stat().st_uid == 1234


# Flags of chattr(1) ---------------------------------------------------------------------------------------------------

_NO_DUMP, _NO_ATIME = 0x40, 0x80
_ACL_OF_ANOTHER = struct.pack("<I", 2) + b"".join(
    struct.pack("<HHI", *entry)
    for entry in ((1, 6, 0xFFFFFFFF), (2, 4, 77), (4, 4, 0xFFFFFFFF), (16, 4, 0xFFFFFFFF), (32, 0, 0xFFFFFFFF))
)


@pytest.fixture
def flagged(tmp_path: Path, state: StateDirectory) -> Iterator[Runs]:
    """A tree on ext4, with a file that has flags."""
    with ExitStack() as stack:
        try:
            place = stack.enter_context(linux_disk("ext4", tmp_path))
        except NotTested as why:
            pytest.skip(str(why))
        runs = Runs(Tree(place / "tree"), state)
        runs.tree.write({"a.jpg": "1"})
        give(runs.tree.path("a.jpg"), _NO_DUMP | _NO_ATIME)
        yield runs
        for path in runs.tree.root.rglob("*.jpg"):
            subprocess.run(["chattr", "-ia", str(path)], check=True)


def give(path: Path, flags: int) -> None:
    fd = os.open(path, os.O_RDONLY)
    assert posix.add_flags(fd, flags) == 0
    os.close(fd)


def flags_of(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        return posix.flags(fd)
    finally:
        os.close(fd)


def test_flags_go_along(flagged: Runs, tmp_path: Path) -> None:
    """From one ext4 file system to another, and back."""
    (tmp_path / "other").mkdir()
    with linux_disk("ext4", tmp_path / "other") as dest:
        assert reported(flagged.organize(dest=dest)) == []
        assert flags_of(dest / "Images/a.jpg") == _NO_DUMP | _NO_ATIME
        assert reported(flagged.undo()) == []
    assert flags_of(flagged.tree.path("a.jpg")) == _NO_DUMP | _NO_ATIME


def test_flags_that_are_lost_are_reported_and_come_back(flagged: Runs, ramfs: Path) -> None:
    reason = Reason(ReasonCode.NOT_KEPT, None, _NO_DUMP | _NO_ATIME, Lost.FLAGS)
    for number in (1, 3):
        outcome = flagged.organize(dest=ramfs) if number == 1 else flagged.redo()
        assert reported(outcome) == [
            f"Could not preserve all metadata of 1 file (flags of 1): see fileorg files {number}"
        ]
        assert lost(flagged, number) == [reason]
        assert reported(flagged.undo()) == []
        assert flags_of(flagged.tree.path("a.jpg")) == _NO_DUMP | _NO_ATIME


@pytest.mark.parametrize("flag", [posix.IMMUTABLE, posix.APPEND])
def test_what_may_not_be_removed_is_not_moved(flagged: Runs, ramfs: Path, flag: int) -> None:
    """A rename cannot remove the file either. A copy does not get that flag."""
    give(flagged.tree.path("a.jpg"), flag)
    outcome = flagged.organize(dest=ramfs)
    assert [problem.reason for problem in outcome.problems] == [Reason(ReasonCode.SYSTEM_ERROR, None, errno.EPERM)]
    assert flagged.tree.read() == {"a.jpg": "1"}
    assert flagged.organize(action=Action.COPY).problems == []
    assert lost(flagged, 2) == [Reason(ReasonCode.NOT_KEPT, None, flag, Lost.FLAGS)]
    assert flags_of(flagged.tree.path("Images/a.jpg")) == _NO_DUMP | _NO_ATIME
    assert flagged.undo().problems == []
    assert flagged.tree.read() == {"a.jpg": "1"}


def test_no_copy_on_write(tmp_path: Path, state: StateDirectory) -> None:
    """Only an empty file can get this flag."""
    with ExitStack() as stack:
        try:
            one, other = (stack.enter_context(linux_disk("btrfs", tmp_path / name)) for name in made(tmp_path))
        except NotTested as why:
            pytest.skip(str(why))
        runs = Runs(Tree(one / "tree"), state)
        runs.tree.write({"a.jpg": ""})
        give(runs.tree.path("a.jpg"), posix.NO_COPY_ON_WRITE)
        runs.tree.write({"a.jpg": "1" * 100_000})
        assert reported(runs.organize(dest=other)) == []
        assert flags_of(other / "Images/a.jpg") == posix.NO_COPY_ON_WRITE
        assert reported(runs.undo()) == []
        assert flags_of(runs.tree.path("a.jpg")) == posix.NO_COPY_ON_WRITE


@pytest.mark.parametrize("flag", [posix.COMPRESSED, posix.NOT_COMPRESSED, posix.COMPRESSED | _NO_ATIME])
@pytest.mark.parametrize("where", ["btrfs", "tmpfs", "ext4"])
def test_flags_of_compression(tmp_path: Path, state: StateDirectory, where: str, flag: int) -> None:
    """The flags are kept where the disk supports them, or reported; undo restores them with the data of btrfs."""
    with ExitStack() as stack:
        one, other = made(tmp_path)
        try:
            place = stack.enter_context(linux_disk("btrfs", tmp_path / one))
            dest = stack.enter_context(linux_disk(where, tmp_path / other))
        except NotTested as why:
            pytest.skip(str(why))
        runs = Runs(Tree(place / "tree"), state)
        runs.tree.write({"a.jpg": "1" * 100_000})
        give(runs.tree.path("a.jpg"), flag)
        before = runs.tree.snapshot()
        outcome = runs.organize(dest=dest)
        kept = flags_of(dest / "Images/a.jpg")
        assert kept == flag if where == "btrfs" else reported(outcome) != []
        runs.undo()
        assert (flags_of(runs.tree.path("a.jpg")), runs.tree.snapshot()) == (flag, before)


@pytest.mark.parametrize("change", ["+d", "+A", "+S"])
def test_flags_of_a_folder_do_not_come_home(flagged: Runs, tmp_path: Path, change: str) -> None:
    """A file that is restored does not keep the flags of its folder there either."""
    (tmp_path / "other").mkdir()
    give_away = flagged.tree.path("b.jpg")
    give_away.write_text("2")
    with linux_disk("ext4", tmp_path / "other") as dest:
        subprocess.run(["chattr", change, str(dest), str(flagged.tree.root)], check=True)
        assert reported(flagged.organize(dest=dest)) == []
        assert reported(flagged.undo()) == []
    assert flags_of(give_away) == 0
    assert flags_of(flagged.tree.path("a.jpg")) == _NO_DUMP | _NO_ATIME


@pytest.mark.parametrize("home", ["ext4", "tmpfs", "btrfs"])
def test_an_access_list_through_xfs(tmp_path: Path, state: StateDirectory, home: str) -> None:
    """XFS shows root a second attribute for the access list, which belongs to XFS."""
    with ExitStack() as stack:
        one, other = made(tmp_path)
        try:
            place = stack.enter_context(linux_disk(home, tmp_path / one))
            dest = stack.enter_context(linux_disk("xfs", tmp_path / other))
        except NotTested as why:
            pytest.skip(str(why))
        runs = Runs(Tree(place / "tree"), state)
        runs.tree.write({"a.jpg": "1"})
        os.setxattr(runs.tree.path("a.jpg"), "system.posix_acl_access", _ACL_OF_ANOTHER)
        before = runs.tree.snapshot()
        assert reported(runs.organize(dest=dest)) == []
        assert os.getxattr(dest / "Images/a.jpg", "system.posix_acl_access") == _ACL_OF_ANOTHER
        assert reported(runs.undo()) == []
        assert runs.tree.snapshot() == before


def test_an_attribute_that_would_be_an_access_list_is_reported(flagged: Runs, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    path = flagged.tree.path("a.jpg")
    os.setxattr(path, "trusted.SGI_ACL_FILE", b"\0")
    try:
        with linux_disk("xfs", tmp_path / "other") as dest:
            flagged.organize(dest=dest)
            [reason] = lost(flagged, 1)
            assert reason is not None
            assert b"trusted.SGI_ACL_FILE" in (reason.about or b"")
            flagged.undo()
    except NotTested as why:
        pytest.skip(str(why))
    assert path.read_text() == "1"


def made(tmp_path: Path) -> list[str]:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    return ["one", "other"]


# After a crash --------------------------------------------------------------------------------------------------------


def test_recovery_says_what_was_lost(tree: Tree, runs: Runs, elsewhere: Path) -> None:
    """The run that was killed has said nothing. ext4 has no times before 1901."""
    (elsewhere / "a.jpg").write_text("old")
    os.utime(elsewhere / "a.jpg", ns=(0, -9_300_000_000 * 10**9))
    tree.root.mkdir(exist_ok=True)
    ran = runs.organize(root=elsewhere, dest=tree.root)
    said = "Could not preserve all metadata of 1 file (times of 1): see fileorg files 1"
    assert ran.notes == [said]
    alter(runs, "UPDATE operations SET state = 'running'")
    reporter = Remembered()
    recover_all(runs.state, reporter)
    assert said in reporter.notes
    assert runs.undo().problems == []
    assert (elsewhere / "a.jpg").stat().st_mtime_ns == -9_300_000_000 * 10**9
