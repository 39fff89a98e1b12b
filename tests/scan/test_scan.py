"""The files that a scan finds, the entries that it reports as left alone, and the same result with many processes."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import socket
import stat
from typing import TYPE_CHECKING

import pytest

from fileorg.core.events import NullReporter
from fileorg.core.names import join
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.rules.filters import Filters
from fileorg.rules.ignore import IgnoreReason
from fileorg.scan import walk as scan_module
from fileorg.scan.selection import Selection
from fileorg.scan.walk import Reader, Seen, scan
from fileorg.storage.base import BATCH_ENTRIES
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.scan import categorize, scan_trees

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


def files_of(tree: Tree, seen: Seen, selection: Selection | None = None) -> set[bytes]:
    storage = LocalStorage(os.fsencode(tree.root))
    reader = Reader(storage, selection or Selection())
    found = {
        join(batch.folder, name) for _, batch in scan(reader, seen, NullReporter()) for name in batch.split_names()
    }
    storage.close()
    return found


def test_everything_is_counted_where_it_belongs(tree: Tree) -> None:
    tree.write({
        "a.jpg": "x", ".hidden": "x", "b.part": "x", "Thumbs.db": "x", "project/package.json": "{}",
        "project/x.js": "x", "Photos.photoslibrary/1.jpg": "x", "node_modules/x.js": "x", "deep/er/c.txt": "x",
    })  # fmt: skip
    os.symlink("a.jpg", os.path.join(tree.root, "link.jpg"))
    os.mkfifo(os.path.join(tree.root, "pipe"))
    seen = Seen()
    assert files_of(tree, seen) == {b"a.jpg", b"deep/er/c.txt"}
    assert seen.files == 2
    assert seen.links == 2
    assert dict(seen.ignored) == {
        IgnoreReason.HIDDEN: 1, IgnoreReason.UNFINISHED: 1, IgnoreReason.SYSTEM: 1, IgnoreReason.PROJECT: 1,
        IgnoreReason.BUNDLE: 1, IgnoreReason.TOOLING: 1,
    }  # fmt: skip


def test_a_marker_in_a_later_batch_still_makes_a_project(tree: Tree) -> None:
    tree.write({f"big/{number:05}.txt": "" for number in range(BATCH_ENTRIES + 10)} | {"big/Cargo.toml": ""})
    seen = Seen()
    assert files_of(tree, seen) == set()
    assert seen.ignored[IgnoreReason.PROJECT] == 1


def test_an_ignore_file_in_a_later_batch_still_holds(tree: Tree) -> None:
    tree.write({f"{number:05}.txt": "" for number in range(BATCH_ENTRIES + 10)} | {".fileorgignore": "0*\n"})
    assert files_of(tree, Seen()) == set()


def test_an_ignore_file_that_cannot_be_read_is_told_and_the_scan_goes_on(of_nobody: Runs) -> None:
    of_nobody.tree.write({"a.jpg": "x", ".fileorgignore": "a.jpg"})
    os.chmod(os.path.join(of_nobody.tree.root, ".fileorgignore"), 0)
    seen = Seen()
    assert files_of(of_nobody.tree, seen) == {b"a.jpg"}
    assert seen.notes == [".fileorgignore is ignored: it could not be read: Permission denied"]


def _fifo(path: str) -> None:
    os.mkfifo(path)


def _device(path: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("making a device needs root")
    os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero: reading it never ends


def _socket(path: str) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as made, contextlib.chdir(os.path.dirname(path)):
        made.bind(os.path.basename(path))


def _link_to_nothing(path: str) -> None:
    os.symlink("missing", path)


def _huge(path: str) -> None:
    with open(path, "wb") as file:
        file.truncate(1 << 40)


@pytest.mark.parametrize("make", [_fifo, _device, _socket, os.mkdir, _link_to_nothing, _huge])
def test_what_is_no_list_of_patterns_is_told_and_the_scan_goes_on(tree: Tree, make: Callable[[str], None]) -> None:
    tree.write({"a.jpg": "x", "unpacked/b.jpg": "x"})
    make(str(tree.path("unpacked/.fileorgignore")))
    seen = Seen()
    assert files_of(tree, seen) == {b"a.jpg", b"unpacked/b.jpg"}
    (note,) = seen.notes
    assert note.startswith("unpacked/.fileorgignore is ignored: ")


def test_bad_lines_are_told_by_number_and_the_others_hold(tree: Tree) -> None:
    tree.path("x").mkdir()
    tree.path("x/.fileorgignore").write_bytes(b"[z-a]\n*.log\n\xff\xfe[\ncaf\xe9*\n")
    tree.write({"a.log": "", "x/a.log": "", "x/b.txt": "", "x/caf\udce9.txt": ""})
    seen = Seen()
    assert files_of(tree, seen) == {b"a.log", b"x/b.txt"}
    assert [note.partition(":")[0] for note in seen.notes] == [f"x/.fileorgignore, line {at}" for at in (1, 3)]


def test_an_unreadable_folder_is_reported_and_the_rest_goes_on(of_nobody: Runs) -> None:
    of_nobody.tree.write({"a.jpg": "x", "closed/b.jpg": "x", "deep/closed/c.jpg": "x", "deep/d.jpg": "x"})
    closed = [os.path.join(of_nobody.tree.root, path) for path in ("closed", "deep/closed")]
    for path in closed:
        os.chmod(path, 0)
    seen = Seen()
    try:
        assert files_of(of_nobody.tree, seen) == {b"a.jpg", b"deep/d.jpg"}
    finally:
        for path in closed:
            os.chmod(path, 0o700)
    denied = Reason(ReasonCode.SYSTEM_ERROR, None, errno.EACCES)
    assert sorted(seen.unreadable) == [(b"closed", denied), (b"deep/closed", denied)]
    assert seen.unreadable_count == 2


def test_folders_of_ours_are_never_entered(tree: Tree) -> None:
    tree.write({"a.jpg": "x", "state/b.jpg": "x"})
    state = os.stat(os.path.join(tree.root, "state"))
    seen = Seen()
    assert files_of(tree, seen, Selection(never=frozenset({(state.st_dev, state.st_ino)}))) == {b"a.jpg"}
    assert seen.ignored[IgnoreReason.OURS] == 1


def test_several_processes_see_what_one_sees(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write({f"{folder}/sub/{number}.txt": "" for folder in range(40) for number in range(5)})
    tree.write({"3/.fileorgignore": "1.txt\n", "4/.git/config": "", "5/.hidden": ""})
    alone, together = Seen(), Seen()
    expected = files_of(tree, alone, Selection(Filters(exclude=["2.txt"])))
    monkeypatch.setattr(scan_module, "_FEW_FILES", -1)
    monkeypatch.setattr(scan_module, "_FEW_FOLDERS", 0)
    assert files_of(tree, together, Selection(Filters(exclude=["2.txt"]))) == expected
    hooks = {"partial", "leading", "stays"}
    reported = [
        {name: reported for name, reported in vars(seen).items() if name not in hooks} for seen in (together, alone)
    ]
    assert reported[0] == reported[1]
    assert len(expected) == 39 * 4 - 1


def test_a_folder_that_is_too_large_for_a_worker_is_read_by_the_parent(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = LocalStorage(os.fsencode(tree.root))
    tree.write({f"big/{number:05}.txt": "" for number in range(BATCH_ENTRIES + 1)} | {"small/a.txt": ""})
    monkeypatch.setattr(scan_module, "_PARTS_A_FOLDER", 2)
    big, small = (scan_module.Task(folder, 1, None) for folder in (b"big", b"small"))
    arguments = pickle.dumps(Reader(storage, Selection()).arguments)
    parts, too_large = scan_module._read((arguments, [big, small]))
    storage.close()
    assert [part.batch.split_names() for part in parts] == [[b"a.txt"]]
    assert too_large == [big]


def test_a_second_scan_of_the_same_tree_knows_every_file(tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "x", "b/c.txt": "xy"})
    roots = [os.fsencode(tree.root)]
    first = scan_trees(roots, Filters(), state, NullReporter())
    tree.write({"b/d.txt": "xyz"})
    second = scan_trees(roots, Filters(), state, NullReporter())
    third = scan_trees(roots, Filters(), state, NullReporter())
    assert (first.seen.unchanged, second.seen.unchanged, third.seen.unchanged) == (0, 1, 3)


def test_totals_name_the_largest_and_the_oldest(tree: Tree, state: StateDirectory) -> None:
    tree.write({f"{size:02}.jpg": "x" * size for size in range(20)} | {"a.pdf": "x" * 100})
    for age, name in enumerate(["07.jpg", "03.jpg"], 1):
        os.utime(os.path.join(tree.root, name), ns=(0, 10**18 - age))
    report = scan_trees([os.fsencode(tree.root)], Filters(), state, NullReporter())
    assert dict(report.totals.files) == {"Images": 20, "Documents": 1}
    assert dict(report.totals.size_bytes) == {"Images": sum(range(20)), "Documents": 100}
    assert [file.size for file in report.totals.largest] == [100, *range(19, 10, -1)]
    assert [os.path.basename(file.path) for file in report.totals.oldest][:2] == [b"03.jpg", b"07.jpg"]


def test_roots_within_each_other_are_counted_once(tree: Tree, state: StateDirectory) -> None:
    tree.write({"a.jpg": "x", "b/c.txt": "xy"})
    roots = [os.fsencode(tree.root), os.fsencode(tree.root) + b"/b", os.fsencode(tree.root) + b"/./b/.."]
    assert scan_trees(roots, Filters(), state, NullReporter()).seen.files == 2


def test_a_file_is_told_with_the_evidence(tree: Tree) -> None:
    tree.write({"A.TAR.GZ": "x", "notes": "x", "b.qqq": "x"})
    found = categorize([os.fsencode(tree.root)], Filters(), Seen(), NullReporter())
    assert {os.path.basename(row.path): (row.evidence.category, row.evidence.rule) for row in found} == {
        b"A.TAR.GZ": ("Archives", "extension .tar.gz"),
        b"notes": ("Other", "no extension"),
        b"b.qqq": ("Other", "unknown extension .qqq"),
    }
