"""`fileorg watch`: each burst is an ordinary operation, nothing unfinished is touched, and it never feeds itself."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.commands.test_by_date import photo
from tests.content.media_samples import film, film_header, seconds_1904
from tests.jobs.watching import Watching, wait_for

from fileorg.core.errors import FileorgError, Locked, UsageError
from fileorg.core.model import GIVEN, By, Limits
from fileorg.jobs.put_back import PutBack
from fileorg.jobs.watch_loop import WatchLoop, _ScannedFolders
from fileorg.jobs.watchers import watchers
from fileorg.rules.filters import Filters
from fileorg.rules.ignore import IgnoreReason
from fileorg.scan.gate import content_by_inode, packed
from fileorg.storage.local.change_marks import ChangeMarks
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.explain import Status, explain
from fileorg.workflows.organize import OrganizeOptions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.runs import Runs
    from tests.support.tree import Tree
    from watchdog.observers.inotify_c import InotifyEvent

    from fileorg.core.model import Listing


def undo(runs: Runs, operation: int) -> None:
    """Undo an operation as soon as the watch does not work."""

    def done() -> bool:
        try:
            runs.undo(operation=operation)
        except Locked:
            return False
        return True

    wait_for(done, "the undo")


def test_what_arrives_is_one_operation_and_undo_gives_it_back(runs: Runs, tree: Tree) -> None:
    tree.write({"before.jpg": "there at the start"})
    with Watching(runs.state, tree.root) as watching:
        watching.wait_until_moved(1)
        tree.write({f"{number}.pdf": str(number) for number in range(30)})
        watching.wait_until_moved(31)
        assert all(path.startswith("Documents/") for path in tree.read() if path.endswith(".pdf"))
        before = len(watching.runs)
        for outcome in watching.outcomes[1:]:
            undo(runs, outcome.operation)
        wait_for(lambda: len(watching.runs) > before, "another run")
        tree.write({"after.jpg": "after"})
        watching.wait_until_moved(32)  # what was undone stays where it was
        assert {path for path in tree.read() if path.endswith(".pdf")} == {f"{number}.pdf" for number in range(30)}


def test_files_arrive_by_date_and_content(runs: Runs, tree: Tree) -> None:
    with Watching(runs.state, tree.root, by=By.DATE, timezone="Asia/Tokyo") as watching:
        tree.write({"late.mp4": os.fsdecode(film(film_header(seconds_1904(1_338_505_200))))})  # 23:00 in UTC
        tree.write({"photo": os.fsdecode(photo("2011:02:03 10:00:00"))})
        watching.wait_until_moved(2)
    assert tree.read().keys() == {"2012/06/late.mp4", "2011/02/photo"}


def test_its_own_moves_cause_no_run(runs: Runs, tree: Tree) -> None:
    with Watching(runs.state, tree.root, recursive=True) as watching:
        tree.path("new/deeper").mkdir(parents=True)
        for number, name in enumerate(("a.jpg", "b.txt", "new/c.jpg", "new/deeper/d.pdf", "e.mp3"), 1):
            (tree.root.parent / "ready").write_text(name)
            os.rename(tree.root.parent / "ready", tree.path(name))  # it is complete at once
            watching.wait_until_moved(number)
        assert len(watching.runs) == 5


def test_what_is_moved_back_is_left_alone_until_it_changes(runs: Runs, tree: Tree) -> None:
    tree.write({"a.jpg": "one", "b.jpg": "two"})
    with Watching(runs.state, tree.root) as watching:
        watching.wait_until_moved(2)
        os.rename(tree.path("Images/a.jpg"), tree.path("mine.jpg"))
        wait_for(lambda: len(watching.runs) == 2, "a second run")
        tree.write({"c.jpg": "three"})
        watching.wait_until_moved(3)
        assert tree.read()["mine.jpg"] == "one"
        path = os.fsencode(tree.path("mine.jpg"))
        explained = explain(path, None, OrganizeOptions(b"", filters=Filters(recursive=False)), runs.state)
        assert (explained.status, explained.moved_by) == (Status.GOES, watching.outcomes[0].operation)
    runs.organize()  # a run by hand sorts it
    assert "Images/mine.jpg" in tree.read()
    os.rename(tree.path("Images/mine.jpg"), tree.path("mine.jpg"))
    with Watching(runs.state, tree.root) as watching:  # also after a new start
        wait_for(lambda: watching.runs, "a run")
        assert watching.files == 0
        with tree.path("mine.jpg").open("a") as file:
            file.write(", changed")
        watching.wait_until_moved(1)
        assert tree.read()["Images/mine.jpg"] == "one, changed"


def test_what_was_moved_is_read_in_parts_as_the_journal_grows(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fileorg.core.sorting._NUMBERS_AT_ONCE", 2)
    root, expected = os.fsencode(tree.root), set[int]()
    put_back = PutBack(runs.state, root, by_name=False)
    for names in (["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"], ["f.jpg"], []):
        tree.write(dict.fromkeys(names, "content"))
        for name in names:
            seen = tree.path(name).stat()
            expected.add(content_by_inode(seen.st_ino, seen.st_size, seen.st_mtime_ns))
        if names:
            runs.organize()
        assert put_back.read() == packed(expected)


def test_an_open_file_is_not_ready(runs: Runs, tree: Tree) -> None:
    with Watching(runs.state, tree.root, verbose=True) as watching, contextlib.ExitStack() as stack:
        file = stack.enter_context(tree.path("film.mp4").open("w"))
        file.write("begun")
        file.flush()
        tree.write({"a.jpg": "one", "half.zip.part": "unfinished"})
        watching.wait_until_moved(1)
        assert watching.runs[-1] == {IgnoreReason.OPEN: 1, IgnoreReason.UNFINISHED: 1}
        assert sorted(watching.stays) == [b"film.mp4", b"half.zip.part"]
        file.write(", done")
        stack.close()
        os.rename(tree.path("half.zip.part"), tree.path("half.zip"))
        watching.wait_until_moved(3)
        assert tree.read() == {
            "Video/film.mp4": "begun, done", "Images/a.jpg": "one", "Archives/half.zip": "unfinished",
        }  # fmt: skip


def test_a_group_waits_for_its_slowest_file(runs: Runs, tree: Tree) -> None:
    with Watching(runs.state, tree.root) as watching, contextlib.ExitStack() as stack:
        tree.write({"IMG_1.CR2": "raw", "other.jpg": "other"})
        file = stack.enter_context(tree.path("IMG_1.xmp").open("w"))
        watching.wait_until_moved(1)
        assert set(tree.read()) == {"IMG_1.CR2", "IMG_1.xmp", "Images/other.jpg"}
        file.write("sidecar")
        stack.close()
        watching.wait_until_moved(3)
        assert set(tree.read()) == {"Images/IMG_1.CR2", "Images/IMG_1.xmp", "Images/other.jpg"}


def test_nothing_is_missed_if_events_are_lost(runs: Runs, tree: Tree) -> None:
    tree.write({"x.unknown": "", "y.unknown": ""})
    with Watching(runs.state, tree.root, recursive=True) as watching:
        marks = watching.watch._marks
        assert marks is not None
        paths = [tree.path(name) for name in ("x.unknown", "y.unknown")]
        with marks._lock:  # its thread stops at the next event, and the queue of the kernel fills
            for _ in range(20_000):
                for path in paths:
                    os.utime(path)
            tree.write({"lost.jpg": "one", "sub/lost.pdf": "two"})
        watching.wait_until_moved(2)
        tree.write({"later.jpg": "three", "sub/later.pdf": "four"})
        watching.wait_until_moved(4)


def test_a_folder_that_is_renamed_is_watched_on(runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop may take each event by itself: that a folder is there under a new name, before that it has moved."""
    tree.path("a/deep").mkdir(parents=True)
    with Watching(runs.state, tree.root, recursive=True) as watching:
        mark, take, is_taken = ChangeMarks.on_event, WatchLoop._take_marks, threading.Event()
        (known,) = watching.watch._trees

        def take_marks(loop: WatchLoop) -> None:
            is_taken.clear()
            take(loop)
            is_taken.set()

        def one_at_a_time(marks: ChangeMarks, event: InotifyEvent) -> None:
            mark(marks, event)
            wait_for(lambda: (not marks._is_marked() and is_taken.is_set()) or watching.ends, "a look")

        def is_known(folder: bytes, before: bytes) -> bool:
            return {folder, folder + b"/deep"} <= known.folders and before not in known.folders

        monkeypatch.setattr(WatchLoop, "_take_marks", take_marks)
        monkeypatch.setattr(ChangeMarks, "on_event", one_at_a_time)
        for number, (old, new) in enumerate((("a", "b"), ("b", "c"), ("c", "b"), ("b", "a")), 1):
            tree.path(old).rename(tree.path(new))
            wait_for(partial(is_known, os.fsencode(new), os.fsencode(old)), "the new name")
            tree.write({f"{new}/{number}.jpg": "one", f"{new}/deep/{number}.pdf": "two"})
            watching.wait_until_moved(2 * number)


def test_a_folder_that_goes_and_comes_back(runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileorg.jobs.watch_loop._TROUBLE_SECONDS", 0.1)
    with Watching(runs.state, tree.root) as watching:
        tree.write({"a.jpg": "one"})
        watching.wait_until_moved(1)
        away = tree.root.with_name("away")
        os.rename(tree.root, away)
        wait_for(lambda: watching.troubles, "a word about the folder")
        assert "There is no folder" in watching.troubles[0]
        tree.root.symlink_to(away)
        wait_for(lambda: "is now behind a symlink" in watching.troubles[-1], "a word about the symlink")
        (away / "b.jpg").write_text("two")
        tree.root.unlink()
        os.rename(away, tree.root)
        watching.wait_until_moved(2)
        assert set(tree.read()) == {"Images/a.jpg", "Images/b.jpg"}


@pytest.mark.root
def test_a_folder_above_that_is_replaced(runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """No event tells of it. What a symlink leads to was not asked for; a new folder at the path was."""
    monkeypatch.setattr("fileorg.jobs.watch_loop._TROUBLE_SECONDS", 0.1)
    tree.write({"above/root/a.jpg": "one", "other/root/theirs.jpg": "two"})
    with Watching(runs.state, tree.path("above/root")) as watching:
        watching.wait_until_moved(1)
        tree.path("above").rename(tree.path("before"))
        tree.path("above").symlink_to("other")
        tree.write({"before/root/b.jpg": "three"})
        wait_for(lambda: any("is now behind a symlink" in each for each in watching.troubles), "a word")
        assert tree.path("other/root/theirs.jpg").exists()
        tree.path("above").unlink()
        tree.write({"above/root/c.jpg": "four"})
        watching.wait_until_moved(2)
    assert tree.path("above/root/Images/c.jpg").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_disk_that_is_unmounted_and_mounted_again(runs: Runs, tree: Tree, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "--bind", str(disk), str(tree.root)]
    bound = subprocess.run(mount, check=False, capture_output=True)
    if bound.returncode:
        pytest.skip("nothing can be mounted here")
    with contextlib.ExitStack() as stack:
        stack.callback(subprocess.run, ["umount", "-l", str(tree.root)], check=False, capture_output=True)
        watching = stack.enter_context(Watching(runs.state, tree.root))
        tree.write({"a.jpg": "one"})
        watching.wait_until_moved(1)

        def unmounted() -> bool:
            return subprocess.run(["umount", str(tree.root)], check=False, capture_output=True).returncode == 0

        wait_for(unmounted, "the unmounting")  # a look holds the folder open for a moment
        wait_for(lambda: watching.troubles, "a word about the disk")
        assert "is not mounted" in watching.troubles[-1]
        tree.write({"below.jpg": "in the folder below the disk"})
        (disk / "b.jpg").write_text("two")
        subprocess.run(mount, check=True)
        watching.wait_until_moved(2)
        subprocess.run(["umount", "-l", str(tree.root)], check=True)
        assert tree.read() == {"below.jpg": "in the folder below the disk"}
    assert sorted(os.listdir(disk / "Images")) == ["a.jpg", "b.jpg"]


@pytest.mark.skipif(shutil.which("fusermount3") is None, reason="there is no FUSE")
def test_a_mount_that_reports_nothing_is_listed(
    runs: Runs, tree: Tree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that arrives behind a FUSE mount causes no event."""
    pytest.importorskip("mfusepy")
    monkeypatch.setattr("fileorg.jobs.watched_tree._POLL_SECONDS", 0.1)
    behind = tmp_path / "behind"
    behind.mkdir()
    program = Path(__file__).parents[1] / "watch" / "passthrough.py"
    server = subprocess.Popen([sys.executable, str(program), str(behind), str(tree.root)])
    try:
        wait_for(lambda: os.path.ismount(tree.root) or server.poll() is not None, "the mount")
        if server.poll() is not None:
            pytest.skip("FUSE cannot be used here")
        with Watching(runs.state, tree.root, recursive=True) as watching:
            (behind / "a.jpg").write_text("one")
            watching.wait_until_moved(1)
            (behind / "new" / "deeper").mkdir(parents=True)
            (behind / "new" / "deeper" / "b.pdf").write_text("two")
            watching.wait_until_moved(2)
        assert {path for path, text in tree.read().items() if text} == {"Images/a.jpg", "Documents/b.pdf"}
    finally:
        subprocess.run(["fusermount3", "-u", "-z", str(tree.root)], check=False)
        server.kill()  # it would go on while another mount namespace has the mount
        server.wait()


def test_a_limit_of_the_kernel_that_is_reached_later(runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """New folders beyond the limit are listed regularly."""
    monkeypatch.setattr("fileorg.jobs.watched_tree._POLL_SECONDS", 0.1)
    with Watching(runs.state, tree.root, recursive=True) as watching:

        def refused(*_: object) -> int:
            ctypes.set_errno(errno.ENOSPC)
            return -1

        monkeypatch.setattr("watchdog.observers.inotify_c.inotify_add_watch", refused)
        tree.write({"new/deeper/a.jpg": "one"})
        watching.wait_until_moved(1)
        tree.write({"new/deeper/b.jpg": "two"})
        watching.wait_until_moved(2)
        assert any("The kernel watches no more folders" in sentence for sentence in watching.troubles)


def test_a_folder_that_could_not_be_listed_is_looked_at_again(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a network mount that fails for a moment: no event tells that it is well again."""
    monkeypatch.setattr("fileorg.jobs.watched_tree._AGAIN_SECONDS", 0.1)
    with Watching(runs.state, tree.root) as watching:
        list_folder, failed = LocalStorage.list_folder, threading.Event()

        def fails_once(storage: LocalStorage, folder: bytes) -> Iterator[Listing]:
            if not failed.is_set():
                failed.set()
                raise OSError(errno.EIO, "Input/output error")
            return list_folder(storage, folder)

        monkeypatch.setattr(LocalStorage, "list_folder", fails_once)
        tree.write({"a.jpg": "one"})
        watching.wait_until_moved(1)
        assert failed.is_set()


def test_a_folder_made_while_the_tree_is_scanned_is_found(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan has listed the folder above it already, and that one is watched once the scan has ended."""
    tree.path("a").mkdir()
    advance = _ScannedFolders.advance

    def make(scanned: _ScannedFolders, files: int, size_bytes: int = 0, folder: bytes = b"") -> None:
        advance(scanned, files, size_bytes, folder)
        if folder == b"a" and not tree.path("a/new").exists():
            tree.write({"a/new/x.jpg": "one"})

    monkeypatch.setattr(_ScannedFolders, "advance", make)
    with Watching(runs.state, tree.root, recursive=True) as watching:
        watching.wait_until_moved(1)


def test_a_polled_folder_that_cannot_be_listed_is_asked_for_rarely(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fileorg.jobs.watched_tree.is_polled", lambda _: True)
    monkeypatch.setattr("fileorg.jobs.watched_tree._POLL_SECONDS", 0.05)
    monkeypatch.setattr("fileorg.jobs.watched_tree._AGAIN_SECONDS", 1.0)
    turns, failures, pause = 0, [], WatchLoop._pause

    def fails(*_: object) -> Iterator[Listing]:
        failures.append(turns)
        raise OSError(errno.EIO, "Input/output error")

    def counted(loop: WatchLoop) -> bool:
        nonlocal turns
        turns += 1
        return pause(loop)

    monkeypatch.setattr(WatchLoop, "_pause", counted)
    with Watching(runs.state, tree.root):
        monkeypatch.setattr(LocalStorage, "list_folder", fails)
        wait_for(lambda: len(failures) > 1, "a second try")
    assert failures[1] - failures[0] < 100


def test_the_next_look_takes_what_a_time_limit_has_left(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 4)
    monkeypatch.setattr(GIVEN, "limits", Limits(time_limit=1e-9))
    tree.write({f"{number}.jpg": str(number) for number in range(10)})
    with Watching(runs.state, tree.root) as watching:
        watching.wait_until_moved(10)
    assert len(watching.outcomes) > 1


def test_a_run_by_hand_has_the_lock_first(runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileorg.jobs.watch_loop._LOCKED_SECONDS", 0.05)
    with Watching(runs.state, tree.root) as watching:
        with runs.organizing():
            tree.write({"a.jpg": "one"})
            wait_for(lambda: watching.troubles, "a word about the lock")
            assert "Another fileorg is running" in watching.troubles[0]
            assert set(tree.read()) == {"a.jpg"}
        watching.wait_until_moved(1)


def test_far_more_than_usual_waits_for_a_person(runs: Runs, tree: Tree) -> None:
    for number in range(4):
        tree.write({f"{number}.jpg": str(number)})
        runs.organize()
    with Watching(runs.state, tree.root) as watching:
        tree.write({f"{number}.pdf": str(number) for number in range(201)})
        wait_for(lambda: watching.plans_held, "a plan that waits")
        assert [(held.job, held.files, held.limit) for held in watching.plans_held] == [(5, 201, 200)]
        tree.write({"later.jpg": "later"})
        wait_for(lambda: watching.troubles, "a word about the plan")
        assert "Job 5 waits for your approval" in watching.troubles[-1]
        assert len(watching.plans_held) == 1
        assert len([path for path in tree.read() if path.endswith(".pdf") and "/" not in path]) == 201


def test_a_cancelled_plan_is_not_made_again(runs: Runs, tree: Tree) -> None:
    from fileorg.jobs.control import cancel

    tree.write({"a.pdf": "one", "b.pdf": "two"})
    with Watching(runs.state, tree.root, max_changes=1) as watching:
        wait_for(lambda: watching.plans_held, "a plan that waits")
    cancel(runs.state, watching.plans_held[0].job)
    with Watching(runs.state, tree.root, max_changes=1) as watching:
        tree.write({"c.pdf": "three"})
        watching.wait_until_moved(1)
        assert (watching.plans_held, sorted(tree.read())) == ([], ["Documents/c.pdf", "a.pdf", "b.pdf"])


def test_a_journal_whose_creation_was_cut_short(runs: Runs, tree: Tree) -> None:
    """Killed between the first page of its database and its tables, as a storm has shown."""
    with contextlib.closing(sqlite3.connect(os.fsdecode(runs.state.journal))) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(
            "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at)"
        )
        db.commit()
    with Watching(runs.state, tree.root) as watching:
        tree.write({"a.jpg": "one"})
        watching.wait_until_moved(1)


def test_two_watches_of_one_tree(runs: Runs, tree: Tree) -> None:
    tree.path("sub").mkdir()
    with Watching(runs.state, tree.root):
        for root in (tree.root, tree.path("sub"), tree.root.parent):
            with pytest.raises(Locked, match="is watched already: process"):
                Watching(runs.state, root)
    with Watching(runs.state, tree.path("sub")):
        pass


def test_many_folders_with_long_names_are_known_as_watched(runs: Runs, tree: Tree) -> None:
    folders = [tree.path(f"{'long' * 40}{number}") for number in range(30)]
    for folder in folders:
        folder.mkdir()
    with Watching(runs.state, *folders):
        (found,) = watchers(runs.state)
        assert found.roots == [os.fsencode(folder) for folder in folders]
        with pytest.raises(Locked, match="is watched already: process"):
            Watching(runs.state, folders[-1])


def test_once(runs: Runs, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    watching = Watching(runs.state, tree.root, recursive=True)
    with contextlib.closing(watching.watch), tree.path("b.jpg").open("w"):
        assert watching.watch.once() == []
    assert (watching.files, watching.runs) == (1, [{IgnoreReason.OPEN: 1}])
    assert set(tree.read()) == {"Images/a.jpg", "b.jpg"}
    assert threading.active_count() == 1 or threading.current_thread() in threading.enumerate()


def test_folders_that_make_no_sense(runs: Runs, tree: Tree, tmp_path: Path) -> None:
    tree.path("sub").mkdir()
    refused = {
        (tree.path("none"),): "There is no folder",
        (tmp_path.parents[-1],): "belongs to the system",
        (tree.root, tree.path("sub")): "is inside",
        (tree.root, tree.root): "is given twice",
    }
    for roots, said in refused.items():
        with pytest.raises(FileorgError, match=said):
            Watching(runs.state, *roots)
    with pytest.raises(UsageError, match="is inside the watched folder"):
        Watching(runs.state, tree.root, dest=os.fsencode(tree.path("sub")))
