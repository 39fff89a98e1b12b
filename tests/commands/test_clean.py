"""Clean: the entries that are removed, those that stay and why; undo restores the same tree."""

from __future__ import annotations

import errno
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support import snapshot

from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.model import Action, RecordState
from fileorg.report.sentences import sentence
from fileorg.scan.leftovers import Leftover
from fileorg.storage.local.casing import Casing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.tree import Tree

MESS = {"a.txt": "", "full": "x", "b/c": "", "b/full": "x", "e/f/g/": "", "l": "-> nowhere", "good": "-> full"}


@pytest.fixture
def mounted(tree: Tree) -> Iterator[Path]:
    """An empty folder of the tree with another disk mounted on it."""
    yield from _mounted(tree.path("mount"), "-t", "tmpfs", "-o", "size=1m", "fileorg-clean")


@pytest.fixture
def bound(tree: Tree, tmp_path: Path) -> Iterator[Path]:
    """An empty folder of the tree with another folder of the same disk mounted on it."""
    (tmp_path / "elsewhere").mkdir()
    yield from _mounted(tree.path("bound"), "--bind", str(tmp_path / "elsewhere"))


def _mounted(place: Path, *what: str) -> Iterator[Path]:
    place.mkdir()
    done = subprocess.run(["mount", *what, str(place)], check=False, capture_output=True)
    if done.returncode:
        pytest.skip(f"NOT TESTED: nothing can be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def reasons(runs: Runs) -> dict[str, str]:
    """Return path → why a dry run would keep it."""
    rows = [row for row in runs.clean_dry_run() if row.reason]
    return {
        os.fsdecode(os.path.join(row.source_folder or row.target_folder, row.source_name or row.target_name)): sentence(
            row.reason
        )
        for row in rows
    }


def test_what_is_left_over_goes_and_the_rest_stays(tree: Tree, runs: Runs) -> None:
    tree.write(MESS)
    outcome = runs.clean()
    assert (outcome.done, outcome.problems) == (6, [])
    trash = {f".fileorg/trash/1/{path}": MESS[path] for path in ("a.txt", "b/c", "l")}
    assert tree.read() == {"full": "x", "b/full": "x", "good": "-> full"} | trash
    assert runs.clean_dry_run() == []


def test_undo_gives_back_the_same_files_and_folders_as_they_were(tree: Tree, runs: Runs) -> None:
    tree.write(MESS | {"only/a": "", "only/l": "-> x", "only/deep/b": ""})
    tree.path("e/f").chmod(0o2711)
    tree.path("only").chmod(0o700)
    tree.path("b/c").chmod(0o400)
    os.link(tree.path("b/c"), tree.path("b/full too"))
    for number, path in enumerate(("e/f/g", "e/f", "e", "only/deep", "only", "b", "l", "a.txt", ".")):
        tree.set_time(path, 10**18 + number)
    before = tree.snapshot()
    inodes = {path: os.lstat(tree.path(path)).st_ino for path in ("a.txt", "b/c", "l", "only/l")}
    runs.clean()
    after = tree.snapshot()
    for _ in range(2):
        assert runs.undo().problems == []
        assert snapshot.differences(before, tree.snapshot()) == []
        assert {path: os.lstat(tree.path(path)).st_ino for path in inodes} == inodes
        assert runs.redo().problems == []
        assert snapshot.differences(after, tree.snapshot()) == []


@pytest.mark.parametrize("kind", Leftover)
def test_one_kind_alone(tree: Tree, runs: Runs, kind: Leftover) -> None:
    tree.write(MESS)
    runs.clean(goes=frozenset({kind}))
    gone = {
        Leftover.EMPTY_FILE: {"a.txt", "b/c"},
        Leftover.EMPTY_FOLDER: {"e/f/g/"},
        Leftover.BROKEN_SYMLINK: {"l"},
    }[kind]
    left = {path: content for path, content in tree.read().items() if not path.startswith(".fileorg")}
    assert left == {path: content for path, content in MESS.items() if path not in gone}


def test_a_folder_of_nothing_but_what_goes_goes_too(tree: Tree, runs: Runs) -> None:
    tree.write({"a/b/empty": "", "a/link": "-> x", "full": "x"})
    before = tree.snapshot()
    runs.clean()
    assert not tree.path("a").exists()
    runs.undo()
    assert tree.snapshot() == before
    runs.clean(goes=frozenset({Leftover.EMPTY_FILE, Leftover.BROKEN_SYMLINK}))
    assert tree.path("a/b").is_dir()  # no folder is removed without a request
    runs.undo()
    runs.clean(goes=frozenset({Leftover.EMPTY_FILE, Leftover.EMPTY_FOLDER}))
    assert tree.read()["a/link"] == "-> x"
    assert not tree.path("a/b").exists()


def test_what_means_something_stays_and_is_counted(tree: Tree, runs: Runs) -> None:
    tree.write({"pkg/__init__.py": "", "pkg/py.typed": "", ".gitkeep": "", "lock": "-> 127.0.0.1:+1", "full": "x"})
    before = tree.snapshot()
    with runs.cleaning(hidden=True) as run:
        assert run.plan.files == 0
        assert {str(reason): number for reason, number in run.seen.ignored.items()} == {"empty on purpose": 4}
    assert tree.snapshot() == before


def test_projects_repositories_and_maildirs_stay_whole(tree: Tree, runs: Runs) -> None:
    tree.write({"p/Cargo.toml": "", "p/src/": "", "mail/cur/": "", "mail/new/": "", "mail/tmp/": "", ".x/": ""})
    tree.write({"bare/HEAD": "x", "bare/objects/pack/": "", "bare/refs/heads/": ""})
    assert runs.clean_dry_run() == []


def test_what_a_symlink_leads_to_stays_and_the_folders_above_it(tree: Tree, runs: Runs) -> None:
    """Otherwise the symlink would break."""
    tree.write({"a/b/file": "", "a/c/": "", "d/e/": "", "links/l": "-> ../a/b/file", "links/.m": "-> ../d/e", "x": ""})
    outcome = runs.clean()
    assert {problem.path: sentence(problem.reason) for problem in outcome.problems} == {
        b"a/b/file": "a symlink points to it",
        b"d/e": "a symlink points to it",
    }
    assert sorted(path for path in tree.read() if not path.startswith(".fileorg")) == [
        "a/b/file", "d/e/", "links/.m", "links/l",
    ]  # fmt: skip
    assert runs.clean().done == 0


def test_a_folder_that_could_not_be_made_again_as_it_is_stays(tree: Tree, runs: Runs) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    tree.write({"given/a/": "", "group/": "", "plain/": "", "attribute/": ""})
    os.chown(tree.path("given/a"), 1234, 0)
    os.chown(tree.path("group"), 0, 4321)
    try:
        os.setxattr(tree.path("attribute"), "user.colour", b"red")
    except OSError as error:
        assert error.errno == errno.ENOTSUP  # noqa: PT017
        tree.path("attribute").rmdir()
    reported = reasons(runs)
    assert reported.pop("attribute", "attributes").count("attributes")
    assert reported.keys() == {"given/a", "group"}
    assert all("owner or group" in reason for reason in reported.values())
    before = tree.snapshot()
    assert runs.clean().done == 1
    assert not tree.path("plain").exists()
    assert tree.path("given").is_dir()
    runs.undo()
    assert tree.snapshot() == before


def test_a_folder_in_one_that_passes_its_group_on(tree: Tree, runs: Runs) -> None:
    tree.write({"a/": ""})
    if os.geteuid() == 0:
        os.chown(tree.path("a"), 0, 4321)
    tree.path("a").chmod(0o2755)
    tree.write({"a/b/c/": "", "a/full": "x"})
    before = tree.snapshot()
    assert runs.clean().done == 2
    runs.undo()
    assert tree.snapshot() == before


@pytest.mark.root
def test_a_mounted_disk_is_no_empty_folder(tree: Tree, runs: Runs, mounted: Path) -> None:
    tree.write({"x/": ""})
    assert reasons(runs) == {"mount": "another file system is mounted there"}
    (mounted / "empty").touch()
    (mounted / "link").symlink_to("nowhere")
    (mounted / "folder").mkdir()
    on_another = "it is on another file system than fileorg's trash: run fileorg clean on that folder itself"
    assert reasons(runs) == {"mount/empty": on_another, "mount/link": on_another}
    outcome = runs.clean()
    assert outcome.done == 2  # x, and the folder on the other disk
    assert outcome.counts[RecordState.SKIPPED] == 2
    assert os.path.ismount(mounted)
    assert runs.undo().done == 2
    assert (mounted / "folder").is_dir()


@pytest.mark.root
def test_a_mount_that_is_told_only_when_it_is_tried(tree: Tree, runs: Runs, bound: Path) -> None:
    """On the same disk, only the kernel knows of the mount."""
    tree.write({"x/": ""})
    outcome = runs.clean()
    assert [(problem.path, sentence(problem.reason)) for problem in outcome.problems] == [
        (b"bound", "in use, or a mount point")
    ]
    assert outcome.problems[0].state is RecordState.FAILED
    (bound / "link").symlink_to("nowhere")
    outcome = runs.clean()
    assert [sentence(problem.reason) for problem in outcome.problems if problem.state is RecordState.SKIPPED] == [
        "it is a symlink, and fileorg does not move symlinks to another file system"
    ]
    assert os.readlink(bound / "link") == "nowhere"


def test_something_in_the_place_of_the_trash(tree: Tree, runs: Runs) -> None:
    tree.write({".fileorg": "not a folder", "a/empty": "", "b/": ""})
    outcome = runs.clean()
    assert [(problem.path, sentence(problem.reason)) for problem in outcome.problems] == [
        (b"a/empty", ".fileorg exists but is not a folder")
    ]
    assert tree.read() == {".fileorg": "not a folder", "a/empty": ""}


def test_the_trash_of_another_journal_is_not_mixed_up(tree: Tree, runs: Runs) -> None:
    """The state directory was lost, so operations are numbered from 1 again."""
    tree.write({".fileorg/trash/1/a/x": "older", "a/x": "", "a/y": "", "b": "", "full": "x"})
    before = tree.snapshot()
    assert runs.clean().problems == []
    assert tree.path(".fileorg/trash/1-2/a/x").exists()
    assert runs.undo().problems == []
    assert tree.snapshot() == before


def test_what_changed_after_the_scan_stays(tree: Tree, runs: Runs) -> None:
    tree.write({"a": "", "b/": "", "c/d/": "", "l": "-> nowhere", "m": "-> nowhere"})
    with runs.cleaning() as run:
        tree.write({"a": "written", "b/new": "x"})
        tree.path("l").unlink()
        tree.write({"l": "-> elsewhere"})
        tree.path("m").unlink()
        tree.write({"m": "a file"})
        outcome = run.run()
    assert {problem.path: problem.state for problem in outcome.problems} == {
        b"a": RecordState.CHANGED,
        b"b": RecordState.SKIPPED,
        b"l": RecordState.CHANGED,
        b"m": RecordState.CHANGED,
    }
    left = {path: content for path, content in tree.read().items() if not path.startswith(".fileorg")}
    assert left == {"a": "written", "b/new": "x", "l": "-> elsewhere", "m": "a file"}


def test_guards(tree: Tree, runs: Runs) -> None:
    tree.write({"a": "", "b/": "", "c": "-> x"})
    before = tree.snapshot()
    with pytest.raises(GuardRefused, match="3 items would be removed, more than --max-changes 2 allows"):
        runs.clean(max_changes=2)
    tree.write({".git/": ""})
    with pytest.raises(GuardRefused, match="under version control"):
        runs.clean()
    tree.path(".git").rmdir()
    tree.set_time("", before[b""].mtime_ns)
    assert tree.snapshot() == before
    with pytest.raises(UsageError, match="Nothing to undo"):
        runs.undo()


def test_undo_without_a_number_finds_a_clean(tree: Tree, runs: Runs) -> None:
    tree.write({"a.jpg": "x", "b/": ""})
    runs.organize()
    runs.clean(exclude=["Images"])
    assert runs.undo().done == 1
    assert tree.path("b").is_dir()
    assert runs.undo().done == 1
    assert tree.read() == {"a.jpg": "x", "b/": ""}


def test_undo_where_others_were_at_work(tree: Tree, runs: Runs) -> None:
    tree.write({"a/b/": "", "c/d/": "", "e/empty": "", "e/full": "x", "l": "-> nowhere"})
    runs.clean()
    tree.write({"a/b/": "", "c": "a file now", "e/empty": "taken"})
    os.utime(tree.path(".fileorg/trash/1/l"), ns=(0, 5), follow_symlinks=False)
    outcome = runs.undo()
    assert {problem.path: problem.state for problem in outcome.problems} == {
        b"a": RecordState.SKIPPED,
        b"a/b": RecordState.SKIPPED,
        b"c": RecordState.CONFLICT,
        b"c/d": RecordState.FAILED,
        b".fileorg/trash/1/e/empty": RecordState.CONFLICT,
    }
    assert tree.read() == {
        "a/b/": "", "c": "a file now", "e/empty": "taken", "e/full": "x", "l": "-> nowhere",
        ".fileorg/trash/1/e/empty": "",
    }  # fmt: skip
    for path in ("c", "e/empty"):
        tree.path(path).unlink()
    assert {problem.path for problem in runs.undo().problems} == {b"a", b"a/b"}  # these folders exist
    assert tree.read() == {"a/b/": "", "c/d/": "", "e/empty": "", "e/full": "x", "l": "-> nowhere"}


# Symlinks are moved like files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("stable", [True, False])
@pytest.mark.parametrize("cannot", ["nothing", "rename", "rename and link"])
def test_symlinks_by_whatever_the_file_system_has(
    tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch, cannot: str, stable: bool
) -> None:
    tree.write({"l": "-> nowhere", "a/m": "-> l", "a/full": "x"})
    before = tree.snapshot()
    monkeypatch.setattr(Casing, "has_stable_inodes", lambda *_: stable)
    if cannot != "nothing":
        monkeypatch.setattr("fileorg.storage.local.posix.rename_noreplace", _fails(errno.EINVAL))
    if cannot == "rename and link":
        monkeypatch.setattr("os.link", _fails(errno.EPERM))
    for _ in range(2):
        outcome = runs.clean()
        assert (outcome.done, outcome.problems) == (2, [])
        assert tree.read()[f".fileorg/trash/{outcome.operation}/a/m"] == "-> l"
        assert runs.undo().problems == []
        assert tree.snapshot() == before


def _fails(code: int) -> object:
    def failing(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return failing


def test_a_symlink_with_a_new_number_is_known_where_numbers_do_not_last(
    tree: Tree, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk was plugged in again: the symlink is made again here to get another inode number."""
    tree.write({"l": "-> nowhere", "full": "x"})
    tree.set_time("l", 10**18)
    runs.clean()
    place = tree.path(".fileorg/trash/1/l")
    place.unlink()
    (tree.root / "other").touch()
    place.symlink_to("nowhere")
    os.utime(place, ns=(10**18, 10**18), follow_symlinks=False)
    (tree.root / "other").unlink()
    monkeypatch.setattr(Casing, "has_stable_inodes", lambda *_: False)
    assert runs.undo().problems == []
    assert tree.read()["l"] == "-> nowhere"


def test_a_file_in_the_place_of_a_symlink_is_not_taken_for_it(tree: Tree, runs: Runs) -> None:
    tree.write({"l": "-> nowhere", "full": "x"})
    runs.clean()
    place = tree.path(".fileorg/trash/1/l")
    place.unlink()
    place.mkdir()
    assert [problem.state for problem in runs.undo(include_changed=True).problems] == [RecordState.CHANGED]
    assert place.is_dir()


def test_folders_are_what_the_operation_is_about(tree: Tree, runs: Runs) -> None:
    tree.write({"a/b/": "", "full": "x"})
    outcome = runs.clean()
    assert (outcome.done, outcome.size_bytes) == (2, 0)
    removed = [record.target_name for record in runs.records(1) if record.action == Action.REMOVE_FOLDER]
    assert removed == [b"b", b"a"]
    undone = runs.undo()
    assert (undone.done, undone.size_bytes) == (2, 0)
