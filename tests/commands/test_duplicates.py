"""Replacing duplicates, and undoing that: trees before and after, and everything that must not happen."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.duplicates import AFTER, all_actions, before_call, inode, linking, reasons, swap, write_duplicates

from fileorg.core.model import RecordState
from fileorg.report.sentences import sentence
from fileorg.storage.local import posix
from fileorg.storage.local.casing import Casing
from fileorg.storage.local.storage import LocalStorage

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


@pytest.fixture
def duplicates(tree: Tree) -> Tree:
    return write_duplicates(tree)


# Dedupe, undo, redo ---------------------------------------------------------------------------------------------------


@all_actions
def test_it_is_done_undone_and_redone(duplicates: Tree, runs: Runs, action: str) -> None:
    before, number = duplicates.snapshot(), inode(duplicates, "x/c")
    assert runs.dedupe(action).problems == []
    after = duplicates.read()
    assert after == AFTER[action]
    assert inode(duplicates, ".fileorg/trash/1/x/c") == number
    assert (action == "hardlink") == (after.get("x/c") == "same" and inode(duplicates, "x/c") == inode(duplicates, "a"))
    assert runs.undo().problems == []
    assert duplicates.snapshot() == before
    assert inode(duplicates, "x/c") == number
    assert runs.redo().problems == []
    assert duplicates.read() == after
    assert runs.undo().problems == []
    assert duplicates.snapshot() == before


@all_actions
def test_all_names_of_a_file_go_and_are_one_file_again(duplicates: Tree, runs: Runs, action: str) -> None:
    duplicates.path("x/d").hardlink_to(duplicates.path("x/c"))
    before = duplicates.snapshot()
    assert runs.dedupe(action).problems == []
    assert {duplicates.path(name).exists() for name in ("x/c", "x/d")} == {action != "quarantine"}
    runs.undo()
    assert duplicates.snapshot() == before
    assert inode(duplicates, "x/c") == inode(duplicates, "x/d")


@all_actions
def test_the_keeper_may_be_below_another_root(duplicates: Tree, runs: Runs, tmp_path: Path, action: str) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "z").write_text("same")
    assert runs.dedupe(action, other).problems == []
    assert (other / ".fileorg/trash/1/z").read_text() == "same"
    if action == "symlink":
        assert os.readlink(other / "z") == str(duplicates.path("a"))
    assert runs.undo().problems == []
    assert sorted(os.listdir(other)) == ["z"]
    assert not (other / "z").is_symlink()
    assert (other / "z").stat().st_nlink == 1


def test_a_large_file_with_a_difference_in_its_last_byte(duplicates: Tree, runs: Runs) -> None:
    content = "x" * ((3 << 20) + 5)
    duplicates.write({"big": content, "x/big": content})

    def edit() -> None:
        seen = duplicates.path("x/big").stat()
        with duplicates.path("x/big").open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            file.write(b"y")
        os.utime(duplicates.path("x/big"), ns=(seen.st_atime_ns, seen.st_mtime_ns))

    outcome = runs.dedupe("quarantine", between=edit)
    assert reasons(outcome) == [(RecordState.CHANGED, "its content differs from big now")]
    assert duplicates.path("x/big").read_bytes()[-1:] == b"y"


# Refusals -------------------------------------------------------------------------------------------------------------


@all_actions
@pytest.mark.parametrize(
    ("change", "becomes", "reason"),
    [
        ("keeper gone", RecordState.CHANGED, "its keeper a no longer exists"),
        ("keeper edited", RecordState.CHANGED, "its keeper a changed after the scan"),
        ("keeper replaced", RecordState.CHANGED, "its keeper a changed after the scan"),
        ("keeper a symlink", RecordState.CHANGED, "its keeper a no longer exists"),
        ("edited", RecordState.CHANGED, "it changed after the scan"),
        ("replaced", RecordState.CHANGED, "another file has taken its place"),
        ("gone", RecordState.MISSING, "it no longer exists"),
        ("edited in secret", RecordState.CHANGED, "its content differs from a now"),
    ],
)
def test_what_changed_since_the_plan_stays(
    duplicates: Tree, runs: Runs, action: str, change: str, becomes: RecordState, reason: str
) -> None:
    seen: dict[str, Any] = {}

    def interfere() -> None:
        what = change.removeprefix("keeper ")
        path = duplicates.path("a" if "keeper" in change else "x/c")
        match what:
            case "gone":
                path.unlink()
            case "edited":
                path.write_text("edit")
            case "edited in secret":
                path.write_text("edit")
                os.utime(path, ns=(3 * 10**9 + 1, 3 * 10**9 + 1))
            case "replaced":
                path.rename(path.with_name("was"))
                path.write_text("same")
            case "a symlink":
                path.rename(path.with_name("was"))
                path.symlink_to("was")
        seen["before"] = duplicates.read()

    outcome = runs.dedupe(action, between=interfere)
    assert reasons(outcome) == [(becomes, reason)]
    assert {path: it for path, it in duplicates.read().items() if ".fileorg" not in path} == seen["before"]
    runs.undo()
    assert duplicates.read() == seen["before"]


@all_actions
def test_a_file_is_not_its_own_duplicate(duplicates: Tree, runs: Runs, action: str) -> None:
    """With a bind mount, for example, the plan takes one file for two."""

    def interfere() -> None:
        duplicates.path("a").unlink()
        duplicates.path("a").hardlink_to(duplicates.path("x/c"))

    outcome = runs.dedupe(action, between=interfere)
    assert [state for state, _ in reasons(outcome)] == [RecordState.CHANGED]
    assert duplicates.path("x/c").read_text() == "same"


@all_actions
def test_a_place_in_the_trash_that_is_taken(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    before = duplicates.snapshot()

    def interfere() -> None:
        duplicates.path(".fileorg/trash/1/x").mkdir(parents=True)
        duplicates.path(".fileorg/trash/1/x/c").write_text("foreign")
        duplicates.set_time(".", 7 * 10**9 + 1)

    outcome = runs.dedupe(action, between=interfere)
    assert reasons(outcome) == [(RecordState.CONFLICT, "the name is taken")]
    now = duplicates.snapshot()
    assert {path: now[path] for path in before} == before


def test_a_file_that_takes_its_name_before_the_rename_stays(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_call(monkeypatch, "rename_noreplace", swap(duplicates, "x/c", "foreign"))
    assert reasons(runs.dedupe("quarantine")) == [(RecordState.CHANGED, "it has just changed, so it was skipped")]
    assert duplicates.path("x/c").read_text() == "foreign"
    runs.undo()
    assert duplicates.read() == {"a": "same", "b": "other", "x/c": "foreign"}


@all_actions
def test_a_keeper_that_goes_before_the_rename(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    method = "rename_noreplace" if action == "quarantine" else "exchange"
    before_call(monkeypatch, method, lambda: duplicates.path("a").unlink())
    assert reasons(runs.dedupe(action)) == [(RecordState.CHANGED, "its keeper a has just changed or was removed")]
    runs.undo()
    assert duplicates.read() == {"b": "other", "x/c": "same"}
    assert not duplicates.path("x/c").is_symlink()


@linking
def test_a_file_that_takes_its_name_before_the_exchange_stays(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    before_call(monkeypatch, "exchange", swap(duplicates, "x/c", "foreign"))
    assert reasons(runs.dedupe(action)) == [(RecordState.CHANGED, "it has just changed, so it was skipped")]
    assert os.listdir(duplicates.path("x")) == ["c"]
    runs.undo()
    assert duplicates.read() == {"a": "same", "b": "other", "x/c": "foreign"}


@linking
def test_two_files_that_take_its_name_are_both_kept(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    before_call(monkeypatch, "exchange", swap(duplicates, "x/c", "first"))
    before_call(monkeypatch, "exchange", swap(duplicates, "x/c", "second"), 2)
    [(state, reason)] = reasons(runs.dedupe(action))
    assert state is RecordState.CHANGED
    assert reason.startswith(
        "another file took its name in the meantime, so it could not be moved back: it is now x/.fileorg-1-"
    )
    found = duplicates.read()
    assert found["x/c"] == "second"
    assert "first" in found.values()


@all_actions
def test_a_disk_that_fails_at_the_last_look_leaves_it_as_it_was(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    before = duplicates.snapshot()
    lstat = LocalStorage.lstat

    def fail_at_the_trash(storage: LocalStorage, folder: bytes, name: bytes) -> Any:
        if name == (b"c" if action == "quarantine" else b"a") and folder in {b".fileorg/trash/1/x", b""}:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return lstat(storage, folder, name)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "lstat", fail_at_the_trash)
        assert reasons(runs.dedupe(action)) == [(RecordState.FAILED, "Input/output error")]
    runs.undo()
    assert duplicates.snapshot() == before


@linking
@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS])
def test_where_two_names_cannot_be_exchanged(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str, code: int
) -> None:
    before = duplicates.snapshot()

    def exchange(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(posix, "exchange", exchange)
    [(state, reason)] = reasons(runs.dedupe(action))
    assert (state, reason.partition(",")[0]) == (
        RecordState.FAILED, "the file system cannot exchange two names in one step",
    )  # fmt: skip
    runs.undo()
    assert duplicates.snapshot() == before


@linking
def test_where_inode_numbers_do_not_last(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    monkeypatch.setattr(Casing, "has_stable_inodes", lambda *_: False)
    assert [state for state, _ in reasons(runs.dedupe(action))] == [RecordState.FAILED]
    assert duplicates.path("x/c").read_text() == "same"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (errno.EMLINK, "its keeper a already has as many hard links as the file system allows"),
        (errno.EPERM, "could not create a hard link to a: Operation not permitted (does another user own the file?)"),
        (errno.ENOTSUP, "the file system does not support hard links: Operation not supported"),
        (errno.ENOENT, "its keeper a no longer exists"),
        (errno.ENOSPC, "No space left on device"),
    ],
)
def test_where_no_hard_link_can_be_made(
    duplicates: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, code: int, reason: str
) -> None:
    def hardlink(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    before = duplicates.snapshot()
    monkeypatch.setattr(LocalStorage, "hardlink", hardlink)
    assert [reason for _, reason in reasons(runs.dedupe("hardlink"))] == [reason]
    runs.undo()
    assert duplicates.snapshot() == before


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        (0o600, "a cannot be read: Permission denied"),
        (0o644, "could not create a hard link to a: Operation not permitted (does another user own the file?)"),
    ],
)
def test_a_keeper_of_someone_else(of_nobody: Runs, mode: int, reason: str) -> None:
    if os.getuid() == 0 or os.getresuid()[2] != 0:
        pytest.skip("giving a file to another user needs root")
    if "Operation" in reason and Path("/proc/sys/fs/protected_hardlinks").read_text().strip() != "1":
        pytest.skip("NOT TESTED: this kernel lets anyone link to any file")
    tree, was = of_nobody.tree, os.getuid()
    tree.write({"a": "same", "x/c": "same"})

    def interfere() -> None:
        os.setresuid(0, 0, 0)
        os.chown(tree.path("a"), 0, 0)
        tree.path("a").chmod(mode)
        os.setresuid(was, was, 0)

    assert reasons(of_nobody.dedupe("hardlink", between=interfere)) == [(RecordState.FAILED, reason)]
    assert os.listdir(tree.path("x")) == ["c"]
    of_nobody.undo()
    assert sorted(os.listdir(tree.root)) == ["a", "x"]


def test_a_keeper_on_another_disk(duplicates: Tree, runs: Runs, elsewhere: Path) -> None:
    (elsewhere / "z").write_text("same")
    [problem] = runs.dedupe("hardlink", elsewhere).problems
    assert problem.state is RecordState.SKIPPED
    assert (
        sentence(problem.reason)
        == f"it is on another file system than {duplicates.path('a')}, where no hard link can lead"
    )
    assert (elsewhere / "z").read_text() == "same"
    assert runs.dedupe("quarantine", elsewhere).problems == []
    assert (elsewhere / ".fileorg/trash/2/z").exists()


@pytest.mark.root
def test_a_trash_on_another_disk(duplicates: Tree, runs: Runs) -> None:
    import subprocess

    duplicates.path("x/disk").mkdir()
    mount = ["mount", "-t", "tmpfs", "fileorg-test", str(duplicates.path("x/disk"))]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: a disk below the root needs root")
    try:
        duplicates.write({"x/disk/z": "same"})
        why = "it is on another file system than the trash below its root"
        assert reasons(runs.dedupe("quarantine")) == [(RecordState.FAILED, why)]
        assert reasons(runs.dedupe("symlink")) == [(RecordState.FAILED, why)]
        assert duplicates.path("x/disk/z").read_text() == "same"
        assert os.listdir(duplicates.path("x/disk")) == ["z"]
    finally:
        subprocess.run(["umount", "--lazy", str(duplicates.path("x/disk"))], check=True)


# Shared blocks --------------------------------------------------------------------------------------------------------


def test_where_no_blocks_can_be_shared(runs: Runs, elsewhere: Path) -> None:
    from tests.support.runs import Runs as Others
    from tests.support.tree import Tree as Others_tree

    there = Others(Others_tree(elsewhere / "tree"), runs.state)
    there.tree.write({"a": "same" * 5000, "b": "same" * 5000})
    before = there.tree.snapshot()
    outcome = there.dedupe("reflink")
    assert reasons(outcome) == [(RecordState.FAILED, "the file system cannot share blocks between files")]
    assert there.tree.snapshot() == before
