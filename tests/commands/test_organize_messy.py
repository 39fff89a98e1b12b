"""A real, messy folder: organize and undo, a second time, and as a dry run."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from tests.support import snapshot
from tests.support.tree import SECOND_NS

from fileorg.core.model import Action, By, OnConflict, PlanRow, RecordState
from fileorg.report.sentences import sentence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs
    from tests.support.snapshot import Snapshot
    from tests.support.tree import Tree

NAMES = [
    b"IMG_0001.JPG",
    b"IMG_0001.AAE",
    b"IMG_0002.HEIC",
    b"IMG_0002.MOV",
    b"holiday photo (1).jpeg",
    b"scan 2023-01-01.tiff",
    b"raw.CR3",
    b"raw.xmp",
    b"clip.mp4",
    b"clip.en.srt",
    b"song.mp3",
    b"song.lrc",
    b"podcast.opus",
    b"letter.docx",
    b"book.pdf",
    b"notes",
    b"README",
    b"table.xlsx",
    b"bank.csv",
    b"talk.pptx",
    b"novel.epub",
    b"backup.tar.gz",
    b"backup.tar.gz.part",
    b"x.part1.rar",
    b"x.part2.rar",
    b"setup.exe",
    b"App.dmg",
    b"debian.iso",
    b"script.py",
    b"data.json",
    b"font.woff2",
    b"logo.psd",
    b"film.mkv.crdownload",
    b"movie.opdownload",
    b"~$letter.docx",
    b".bashrc",
    b".DS_Store",
    b"Thumbs.db",
    b"key.pem",
    b"-rf.jpg",
    b"[red]bold[red].png",
    b"new\nline.jpg",
    b"\x1b[31mred\x1b[0m.gif",
    b"caf\xe9.webp",
    b"\xff\xfe.pdf",
    "\u202egpj.exe".encode(),
    "na\u00efve \U0001f600.txt".encode(),
    b" leading and trailing .txt ",
    b"dots...jpg",
    b"a" * 251 + b".jpg",
    b"b" * 255,
    b"%s{}'\"\\;.sh",
]


@pytest.fixture
def messy(tree: Tree) -> Tree:
    """Some fifty kinds of files, with different times, modes and attributes."""
    root = os.fsencode(tree.root)
    for number, name in enumerate(NAMES):
        path = os.path.join(root, name)
        with open(path, "wb") as file:
            file.write(b"content of " + name)
        os.chmod(path, (0o644, 0o600, 0o755, 0o444)[number % 4])
        os.utime(path, ns=(number, (1_500_000_000 + number * 86_400) * SECOND_NS + number))
    os.setxattr(tree.path("book.pdf"), "user.from", b"https://example.org")
    tree.path("IMG_0001 copy.JPG").hardlink_to(tree.path("IMG_0001.JPG"))
    tree.write({"link.jpg": "-> IMG_0001.JPG", "broken": "-> nowhere", "up": "-> .."})
    tree.write({"Images/IMG_0001.JPG": "another one", "Images/IMG_0002.HEIC": "content of IMG_0002.HEIC", "empty/": ""})
    tree.write({"Images/" + "a" * 251 + ".jpg": "another long one"})
    tree.write(
        {"project/package.json": "{}", "project/logo.png": "1", "old stuff/deep/a.jpg": "2", "old stuff/a.mp3": ""}
    )
    tree.write({"Notes.app/Contents/icon.png": "3", "node_modules/m/index.js": "4"})
    os.mkfifo(tree.path("pipe"))
    subprocess.run(["git", "init", "-q", tree.path("checkout")], check=True)
    tree.write({"checkout/photo.jpg": "5", "checkout/docs/manual.pdf": "6"})
    for number, folder in enumerate(["Images", "empty", "old stuff/deep", "old stuff", "project", ""]):
        tree.path(folder).chmod((0o755, 0o750, 0o711)[number % 3])
        tree.set_time(folder, (1_400_000_000 + number) * SECOND_NS + 123)
    return tree


ways = pytest.mark.parametrize(
    "options",
    [
        {},
        {"recursive": True},
        {"recursive": True, "hidden": True, "by": By.EXTENSION},
        {"recursive": True, "by": By.DATE},
        {"recursive": True, "on_conflict": OnConflict.KEEP_NEWER},
        {"recursive": True, "on_conflict": OnConflict.SKIP, "template": "{name}"},
        {"action": Action.COPY, "recursive": True},
        {"action": Action.HARDLINK, "by": By.EXTENSION},
        {"action": Action.SYMLINK, "template": "Sorted/{category}/{year}/{name}"},
    ],
    ids=lambda options: " ".join(str(value) for value in options.values()) or "plain",
)


@ways
def test_undo_gives_back_the_same_tree(messy: Tree, runs: Runs, options: dict[str, Any]) -> None:
    before = messy.snapshot()
    outcome = runs.organize(**options)
    assert outcome.done > 1
    assert [problem for problem in outcome.problems if problem.state is not RecordState.SKIPPED] == []
    assert snapshot.differences(before, messy.snapshot()) != []
    undone = runs.undo()
    assert undone.problems == []
    assert undone.done == outcome.done
    assert snapshot.differences(before, messy.snapshot()) == []


@ways
def test_redo_gives_back_the_organized_tree(messy: Tree, runs: Runs, options: dict[str, Any]) -> None:
    runs.organize(**options)
    after = messy.snapshot()
    runs.undo()
    runs.redo()
    assert snapshot.differences(_without_times_of_links(after), _without_times_of_links(messy.snapshot())) == []


def _without_times_of_links(tree: Snapshot) -> Snapshot:
    """Leave out the times of symlinks: a symlink that is made again is a new one."""
    return {path: node._replace(mtime_ns=0) if node.kind == "symlink" else node for path, node in tree.items()}


@ways
def test_a_second_run_changes_nothing(messy: Tree, runs: Runs, options: dict[str, Any]) -> None:
    runs.organize(**options)
    after = messy.snapshot()
    outcome = runs.organize(**options)
    assert snapshot.differences(after, messy.snapshot()) == []
    assert outcome.done == 0


@ways
def test_a_dry_run_shows_what_the_run_does(messy: Tree, runs: Runs, options: dict[str, Any]) -> None:
    before, state = messy.snapshot(), snapshot.take(runs.state.path)
    rows = runs.dry_run(**options)
    assert snapshot.differences(before, messy.snapshot()) == []
    assert snapshot.differences(state, snapshot.take(runs.state.path)) == []
    with runs.organizing(**options) as run:
        planned = [row for batch in run.plan.batches(7) for row in batch]
        run.run()
    assert planned == [_with_trash_of(row, 1) for row in rows]
    done = [
        (record.action, record.source_name or b"", record.target_folder, record.target_name, record.state)
        for record in runs.records(1)
    ]
    assert done == [
        (row.action, row.source_name, row.target_folder, row.target_name, "skipped" if row.reason else "done")
        for row in planned
    ]


def _with_trash_of(row: PlanRow, operation: int) -> PlanRow:
    """Insert the operation's number, the only fact that a dry run cannot know."""
    here, there = b".fileorg/trash/0", b".fileorg/trash/%d" % operation
    if row.target_folder == b".fileorg/trash" and row.target_name == b"0":
        return row._replace(target_name=b"%d" % operation)
    return row._replace(target_folder=row.target_folder.replace(here, there))


def test_to_another_file_system_and_back(messy: Tree, runs: Runs, elsewhere: Path) -> None:
    """The hard-linked pair stays together; everything else is restored."""
    before = messy.snapshot()
    outcome = runs.organize(dest=elsewhere, recursive=True)
    assert {problem.path: sentence(problem.reason)[:11] for problem in outcome.problems} == {
        b"IMG_0001.JPG": "it has 2 na",
        b"IMG_0001.AAE": "kept with I",
        b"IMG_0001 copy.JPG": "it has 2 na",
        b"Images/IMG_0002.HEIC": "identical t",
    }
    assert not messy.path("book.pdf").exists()
    assert os.getxattr(elsewhere / "Documents/book.pdf", "user.from") == b"https://example.org"
    assert runs.undo().problems == []
    assert snapshot.differences(before, messy.snapshot()) == []
    assert os.listdir(elsewhere) == []


def test_every_file_of_a_category_is_where_it_belongs(messy: Tree, runs: Runs) -> None:
    runs.organize()
    after = messy.read()
    assert {path for path in after if "/" not in path} == {
        *("notes", "README", ".bashrc", ".DS_Store", "Thumbs.db", "key.pem", "~$letter.docx", "b" * 255),
        *("backup.tar.gz.part", "film.mkv.crdownload", "movie.opdownload", "link.jpg", "broken", "up", "pipe"),
        *(" leading and trailing .txt ", "IMG_0002.HEIC", "IMG_0002.MOV"),
    }
    assert after["Images/IMG_0001 (2).JPG"] == "content of IMG_0001.JPG"
    assert after["Images/IMG_0001 (2).AAE"] == "content of IMG_0001.AAE"
    assert after["Images/" + "a" * 247 + " (2).jpg"] == "content of " + "a" * 251 + ".jpg"
    assert after["Images/caf\udce9.webp"] == "content of caf\udce9.webp"
    assert {"checkout/photo.jpg", "project/logo.png", "old stuff/deep/a.jpg", "empty/"} <= after.keys()
