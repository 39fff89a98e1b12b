"""All output of fileorg, stored in `snapshots/`, and its man pages, in `man/`: a diff shows changes.

`pytest tests/cli/test_snapshots.py --update-snapshots` updates them.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.recorder import Session
from tests.support.man_pages import pages
from tests.support.tree import Tree

from fileorg.cli.commands import COMMANDS
from fileorg.cli.demo_files import make_demo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Scene = Callable[[Session, Tree], None]

_MAN = Path(__file__).parents[2] / "man"
_KEPT = Path(__file__).parent / "snapshots"
_JUNE = 1_717_243_200 * 10**9  # 2024-06-01 12:00 UTC


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder with a path of constant length, because it affects line breaks and column widths."""
    with tempfile.TemporaryDirectory(prefix="snapshot-", dir="/tmp") as folder:
        os.utime(folder, ns=(_JUNE, _JUNE))
        yield Path(folder)


def scenes() -> list[object]:
    return [
        pytest.param(scene, id=name.removeprefix("scene_"))
        for name, scene in globals().items()
        if name.startswith("scene_")
    ]


# Scenes ---------------------------------------------------------------------------------------------------------------


def scene_manual(session: Session, _: Tree) -> None:
    session.run("--help")
    session.run("--version")
    session.run()


def scene_organize(session: Session, tree: Tree) -> None:
    demo(tree)
    session.run("organize", "tree", "-n", in_order=False)
    session.run("organize", "tree", "-n", "-v", in_order=False)
    session.run("organize", "tree", "-n", "-f", "json", in_order=False)
    session.run("organize", "tree", "-n", "-r", "--by", "date", in_order=False)
    session.run(
        "organize", "tree", "-n", "--template", "{category}/{year}/{name}", "--include", "*.JP*G", in_order=False
    )
    session.terminal("organize", "tree", answers=["n"])
    session.terminal("organize", "tree", answers=["?", "y"])
    session.run("organize", "tree")
    session.terminal("undo", answers=["y"])
    session.run("redo", "-y")
    session.run("history")


def scene_organize_colours(session: Session, tree: Tree) -> None:
    demo(tree)
    session.terminal("organize", "tree", answers=["y"], colour=True)
    session.terminal("history", colour=True)
    session.terminal("files", "--status", "skipped", colour=True)
    session.terminal("undo", answers=["n"], colour=True)
    session.terminal("dedupe", "tree", colour=True)
    session.terminal("scan", "tree", colour=True)
    session.terminal("organize", "nowhere", colour=True)
    session.terminal("organize", "--help", colour=True)


def scene_organize_json(session: Session, tree: Tree) -> None:
    demo(tree)
    session.run("organize", "tree", "-y", "-f", "json", in_order=False)
    session.run("undo", "-y", "-f", "json")


def scene_organize_actions(session: Session, tree: Tree) -> None:
    write(tree, {"photo.jpg": "1", "film.mp4": "22"})
    for action in ("copy", "hardlink", "symlink"):
        session.run("organize", "tree", "--dest", f"{action} to", "--action", action)
        session.run("undo", "-y")
    session.run("organize", "tree", "-q")
    session.run("organize", "tree", "--dest", "tree/Images", "-r")


def scene_organize_conflicts(session: Session, tree: Tree) -> None:
    write(tree, {"Images/a.jpg": "old!", "a.jpg": "new", "b.jpg": "same", "Images/b.jpg": "same", "c.jpg": "c"})
    for choice in ("rename", "skip", "keep-newer", "fail"):
        session.run("organize", "tree", "-n", "--on-conflict", choice, in_order=False)
    session.terminal("organize", "tree", "--on-conflict", "keep-newer", answers=["y"])
    session.terminal("purge", answers=["y"])
    session.run("organize", "tree", "--on-conflict", "keep-newer")


def scene_what_stays(session: Session, tree: Tree) -> None:
    write(
        tree,
        {
            "photo.jpg": "1", "photo.xmp": "x", "no type": "1", "other": "1", ".hidden": "1", "film.mkv.part": "1",
            "a.zip.crdownload": "1", "report.docx": "1", "~$report.docx": "1", "Thumbs.db": "1",
            "project/.git/HEAD": "x", "tool/package.json": "{}", "tool/src/main.js": "x", "page.html": "1",
            "page_files/a.css": "1", "Notes.app/Contents/x": "1", "socket": "-> nowhere", "sub/inner.jpg": "1",
            "set.part1.rar": "Rar!", "set.part2.rar": "Rar!",
            "Invoice No.123": "1", "skipped.png": "1", ".fileorgignore": "skipped.*\n[\n", "song.mp3": "1",
        },
    )  # fmt: skip
    session.terminal("organize", "tree", answers=["l", "n"])
    session.run("explain", "tree/report.docx", "tree/photo.xmp", "tree/no type", "tree/song.mp3", "tree/project/.git")
    session.run("explain", "tree/report.docx", "-f", "json")
    session.run("organize", "tree", "-v", "-y", in_order=False)
    session.run("categorize", "tree", in_order=False)
    session.run("categorize", "tree", "-f", "json", in_order=False)
    session.run("categorize", "tree", "-f", "csv", in_order=False)
    session.run("scan", "tree")
    session.run("scan", "tree", "-f", "json")


def scene_nothing_there(session: Session, tree: Tree) -> None:
    write(tree, {})
    for words in (
        ("organize", "tree"), ("organize", "tree", "-n"), ("organize", "tree", "-f", "json"), ("dedupe", "tree"),
        ("dedupe", "tree", "--action", "quarantine"), ("clean", "tree"), ("scan", "tree"), ("categorize", "tree"),
        ("undo",), ("redo",), ("history",), ("history", "tree"), ("history", "-f", "json"), ("files",), ("duplicates",),
        ("report",), ("purge",), ("recover",),
    ):  # fmt: skip
        session.run(*words)


def scene_dedupe(session: Session, tree: Tree) -> None:
    twice(tree)
    session.terminal("dedupe", "tree")
    session.run("dedupe", "tree", "-f", "json")
    session.run("dedupe", "tree", "-f", "csv")
    session.run("dedupe", "tree", "-f", "fdupes")
    session.run("duplicates", "--page-size", "1")
    session.terminal("dedupe", "tree", "--action", "quarantine", answers=["l", "y"])
    session.run("duplicates", "1")
    session.run("purge", "--dry-run")
    session.run("purge", "-n", "-f", "json")
    session.run("undo", "-y")
    for action in ("hardlink", "symlink"):
        session.run("dedupe", "tree", "--action", action, "-y")
        session.run("undo", "-y")
    session.run("dedupe", "tree", "--keep", "newest", "--protect", "*.txt", "--action", "quarantine", "-n")
    session.run("dedupe", "tree", "--reference", "tree/copy of a")


def scene_clean(session: Session, tree: Tree) -> None:
    write(
        tree, {"empty.txt": "", "old/also.txt": "", "a/b/c/": "", "link": "-> nowhere", "pkg/__init__.py": "", "x": "1"}
    )
    session.terminal("clean", "tree", answers=["l", "y"])
    session.run("clean", "tree")
    session.run("undo", "-y")
    session.run("undo", "1")
    session.run("clean", "tree", "-n", "-f", "json", in_order=False)
    session.run("clean", "tree", "--empty-files", "-y")


def scene_listings(session: Session, tree: Tree) -> None:
    write(tree, {f"photo {number}.jpg": str(number) for number in range(12)} | {"a.pdf": "1", "Documents/a.pdf": "1"})
    session.run("organize", "tree")
    session.run("undo", "-y")
    session.run("history")
    session.run("history", "-f", "json")
    session.run("history", "-f", "csv")
    session.run("history", "tree/photo 1.jpg")
    session.run("history", "--problems", "1")
    session.run("files", "1", "--page-size", "5", "--sort", "path")
    session.run("files", "1", "--page-size", "5", "--page", "9")
    session.run("files", "1", "--category", "Images", "--page-size", "2", "--sort", "path", "-f", "json")
    session.run("files", "1", "--page-size", "2", "--sort", "path", "-f", "csv")


def scene_report(session: Session, tree: Tree) -> None:
    demo(tree)
    session.run("organize", "tree")
    session.run("report")
    session.page("fileorg-organize-1.html")
    session.run("dedupe", "tree", "--action", "quarantine")
    session.run("report", "-o", "duplicates.html")
    session.page("duplicates.html")
    session.run("scan", "tree")
    session.run("report", "tree", "-o", "scan.html")
    session.page("scan.html")


def scene_report_json(session: Session, tree: Tree) -> None:
    write(tree, {"photo.jpg": "1", "no type": "2"})
    session.run("organize", "tree")
    session.run("report", "1", "-f", "json", "-o", "-")
    session.run("report", "1", "-f", "csv", "-o", "-")
    session.run("report", "tree", "-f", "json", "-o", "-")
    session.run("report", "--schema")


def scene_changed_since(session: Session, tree: Tree) -> None:
    write(tree, {"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"})
    session.run("organize", "tree")
    tree.write({"a.jpg": "another"})
    tree.path("Images/b.jpg").unlink()
    session.run("undo", "-y")
    session.run("undo", "-y")
    session.run("undo", "-y", "--rename")
    session.run("organize", "tree", "--max-changes", "0")
    session.run("undo", "1")


def scene_errors(session: Session, tree: Tree) -> None:
    """Includes `organize tree`, in which a file has the name of a folder to be created."""
    write(tree, {"photo.jpg": "jpg", "sub/.git/HEAD": "x", "sub/docs/a.md": "x", "Images": "in the way"})
    for line in ERRORS.strip().splitlines():
        session.run(*(word.replace("''", "") for word in line.split()))
    session.run("organize", "tree", "--template", "{colour}/{name}")
    session.run("nonsense", "--progress", "json")


ERRORS = """
nonsense
orgnize tree
organize
organize nowhere
organize tree/photo.jpg
organize tree other
organize tree --nonsense
organize tree --by colour
organize tree --by date --template {year}
organize tree --template ../{name}
organize tree --template ''
organize tree --min-size 10X
organize tree --min-size 2M --max-size 1M
organize tree --min-age soon
organize tree --newer-than 2024-13-01
organize tree --older-than yesterday
purge --older-than 6m
organize tree --newer-than 1d --older-than 2d
organize tree --max-depth 2
organize tree --max-depth -1
organize tree --max-changes -1
organize tree --exclude [
organize tree -0
organize tree
organize tree -n -o nowhere/plan.txt
organize tree -n -o tree/photo.jpg/x
organize /
organize ~
organize *.jpg
organize tree/sub
organize tree/sub/docs
organize tree --dest tree/sub/docs
scan tree nowhere
scan tree tree
scan tree --progress loud
scan tree --top many
categorize tree --category Pictures
categorize tree -0 -f json
dedupe tree --keep biggest
dedupe tree --inside-project
dedupe tree --isolate --action quarantine
dedupe tree --reference nowhere
clean nowhere
undo 7
undo zero
undo 1 2
redo 7
history x --problems 1
history --page 0
history --page-size many
files 7
files 1 --sort colour
duplicates 7
report 7
report nowhere
report -f xml
purge 7
purge --older-than yesterday
recover now
demo tree
explain nowhere
explain
"""


def scene_demo(session: Session, _: Tree) -> None:
    session.run("demo", "mess")
    session.run("demo", "mess")


# Files ----------------------------------------------------------------------------------------------------------------


def write(tree: Tree, files: dict[str, str]) -> None:
    """Write files with times in June 2024, a minute apart."""
    tree.write(files)
    for number, path in enumerate(files):
        tree.set_time(path, _JUNE + number * 60 * 10**9)


def twice(tree: Tree) -> None:
    write(
        tree,
        {
            "a/film.mp4": "film" * 500, "a/photo.jpg": "photo" * 90, "copy of a/film.mp4": "film" * 500,
            "copy of a/photo.jpg": "photo" * 90, "notes.txt": "notes", "notes (1).txt": "notes", "empty": "",
            "gone/": "",
        },
    )  # fmt: skip


def demo(tree: Tree) -> None:
    folder = os.open(tree.root, os.O_RDONLY)
    try:
        make_demo(folder)
    finally:
        os.close(folder)


# Comparison -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scene", scenes())
def test_what_is_printed(scene: Scene, home: Path, request: pytest.FixtureRequest) -> None:
    session = Session(home)
    scene(session, Tree(home / "tree"))
    compare(request.node.callspec.id, session.text(), request.config)


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, home: Path, request: pytest.FixtureRequest) -> None:
    session = Session(home)
    session.run(command, "--help")
    compare(f"help-{command}", session.text(), request.config)


def test_man_pages(request: pytest.FixtureRequest) -> None:
    made = pages()
    assert {path.stem for path in _MAN.iterdir()} <= made.keys()
    for name, text in made.items():
        _compare(_MAN / f"{name}.1", text, request.config)


def compare(name: str, text: str, config: pytest.Config) -> None:
    _compare(_KEPT / f"{name}.txt", text, config)


def _compare(kept: Path, text: str, config: pytest.Config) -> None:
    if config.getoption("--update-snapshots"):
        kept.write_text(text)
    assert text == kept.read_text()


def test_no_snapshot_is_left_over() -> None:
    wanted = {name.removeprefix("scene_") for name in globals() if name.startswith("scene_")}
    assert {path.stem for path in _KEPT.iterdir()} == wanted | {f"help-{command}" for command in COMMANDS}
