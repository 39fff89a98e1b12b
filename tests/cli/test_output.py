"""Output without a terminal: text for logs; JSON, CSV and NUL for programs."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


def test_organize_without_a_terminal_runs_and_tells_in_plain_lines(fileorg: Fileorg, mess: Tree) -> None:
    ran = fileorg("organize", "tree")
    assert ran.code == 0
    assert ran.err == ""
    assert "\x1b" not in ran.out
    assert ran.out.splitlines()[-2].startswith("Moved 4 files (11 B) in ")
    assert "Images/photo.jpg" in mess.read()


def test_quiet_says_nothing(fileorg: Fileorg, mess: Tree) -> None:
    assert fileorg("organize", "tree", "--quiet")[:] == (0, b"", b"")
    assert fileorg("undo", "--quiet")[:] == (0, b"", b"")
    assert fileorg("scan", "tree", "--quiet")[:] == (0, b"", b"")


def test_verbose_names_every_file(fileorg: Fileorg, mess: Tree) -> None:
    assert "photo.jpg -> Images/photo.jpg\n" in fileorg("organize", "tree", "-v").out
    assert "Images/photo.jpg -> photo.jpg\n" in fileorg("undo", "-v").out


def test_a_dry_run_shows_the_names_that_the_run_then_uses(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one", "Images/a.jpg": "two", "same.jpg": "2", "Images/same.jpg": "2", "b.txt": "b"})
    before = tree.snapshot()
    ran = fileorg("organize", "tree", "--dry-run")
    rows, table, left, last = ran.out.split("\n\n")
    assert rows.splitlines() == [
        "a.jpg -> Images/a (2).jpg",
        "b.txt -> Documents/b.txt",
        "same.jpg skipped: identical to Images/same.jpg",
    ]
    assert table.splitlines()[-1] == "  1 file will get a number added: its name is taken."
    assert left.splitlines() == ["  Left in place", "  1  skipped (see above)"]
    assert last == "2 files (4 B) would be moved, 1 skipped. Dry run: nothing was changed.\n"
    assert tree.snapshot() == before
    fileorg("organize", "tree")
    assert tree.read() == {
        "Images/a.jpg": "two",
        "Images/a (2).jpg": "one",
        "same.jpg": "2",
        "Images/same.jpg": "2",
        "Documents/b.txt": "b",
    }


def test_a_dry_run_as_json_is_one_document(fileorg: Fileorg, mess: Tree) -> None:
    plan = fileorg("organize", "tree", "-n", "-f", "json").json
    assert plan["dry_run"] is True
    assert plan["root"] == str(mess.root)
    assert ("make-folder", str(mess.path("Images"))) in [(row["action"], row["new_path"]) for row in plan["rows"]]
    [photo] = [row for row in plan["rows"] if row["path"] == str(mess.path("photo.jpg"))]
    assert photo.pop("mtime")
    assert photo == {
        "action": "move",
        "path": str(mess.path("photo.jpg")),
        "new_path": str(mess.path("Images/photo.jpg")),
        "category": "Images",
        "status": "planned",
        "size_bytes": 3,
        "reason": None,
        "reason_code": None,
    }
    assert (plan["files"], plan["size_bytes"], plan["unknown_kind"], plan["folders_not_entered"]) == (4, 11, 1, 1)


def test_a_dry_run_with_null_holds_sources_and_targets_by_turns(fileorg: Fileorg, mess: Tree) -> None:
    names = fileorg("organize", "tree", "-n", "-0").out_bytes.split(b"\0")
    assert names.pop() == b""
    assert dict(zip(names[::2], names[1::2], strict=True)) == {
        b"photo.jpg": b"Images/photo.jpg",
        b"Letter.PDF": b"Documents/Letter.PDF",
        b"notes.txt": b"Documents/notes.txt",
        b"backup.tar.gz": b"Archives/backup.tar.gz",
    }


def test_targets_at_a_destination_elsewhere_are_absolute(fileorg: Fileorg, mess: Tree) -> None:
    target = str(fileorg.folder / "sorted/Images/photo.jpg")
    words = ("organize", "tree", "--dest", "sorted", "--include", "photo.jpg")
    assert fileorg(*words, "-n").out.startswith(f"photo.jpg -> {target}\n")
    plan = fileorg(*words, "-n", "-f", "json").json
    assert plan["dest"] == str(fileorg.folder / "sorted")
    assert [row["new_path"] for row in plan["rows"] if row["action"] == "move"] == [target]
    assert fileorg(*words, "-n", "-0").out == f"photo.jpg\0{target}\0"
    assert not (fileorg.folder / "sorted").exists()
    done = fileorg(*words)
    assert f"  Images        1   3 B  {target.removesuffix('photo.jpg')}\n" in done.out
    assert fileorg("undo", "-n").out.startswith(f"{target} -> photo.jpg\n")
    assert fileorg("history", "tree/photo.jpg").out.endswith(f"  -> {target}\n")


def test_a_new_destination_below_a_folder_of_the_tree_is_shown_where_it_is(fileorg: Fileorg, mess: Tree) -> None:
    done = fileorg("organize", "tree", "--dest", "tree/sub/new", "--include", "photo.jpg")
    assert "  Images        1   3 B  sub/new/Images/\n" in done.out
    assert "sub/new/Images/photo.jpg" in mess.read()


def test_copies_and_links_are_shown_as_removed_by_an_undo(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "x"})
    for action in ("copy", "hardlink", "symlink"):
        assert fileorg("organize", "tree", "--action", action).code == 0
        reported = fileorg("undo", "-n")
        assert reported.out.startswith(f"Images/a.jpg removed, the {action} of a.jpg\n")
        assert fileorg("undo", "-n", "-0").out_bytes == b"Images/a.jpg\0\0"
        assert fileorg("undo").code == 0
        assert tree.read() == {"a.jpg": "x"}


def test_a_run_as_json_tells_what_came_of_it(fileorg: Fileorg, mess: Tree) -> None:
    done = fileorg("organize", "tree", "-f", "json").json
    assert (done["operation"], done["files"], done["counts"], done["problems"]) == (1, 4, {"done": 4}, [])
    assert done["way_back"] == "fileorg undo 1"
    undone = fileorg("undo", "-f", "json").json
    assert (undone["kind"], undone["files"], undone["way_back"]) == ("undo", 4, "fileorg redo 2")


def test_nothing_to_do_is_said_and_is_no_failure(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    again = fileorg("organize", "tree")
    assert again.code == 0
    assert again.out.startswith("Nothing to do.\n")
    assert fileorg("organize", "tree", "-f", "json").json["operation"] is None
    assert len(fileorg("history", "-f", "json").json["operations"]) == 1


def test_scan_sums_up(fileorg: Fileorg, mess: Tree) -> None:
    ran = fileorg("scan", "tree")
    assert ran.code == 0
    assert "  Documents      2   6 B\n" in ran.out
    assert "  Skipped\n  1  hidden file or folder\n  1  unfinished download\n" in ran.out
    assert "\n6 files in 2 folders, " in ran.out
    reported = fileorg("scan", "tree", "--format", "json").json
    assert (reported["files"], reported["size_bytes"], reported["known_from_before"]) == (6, 28, 6)
    assert {"category": "Images", "files": 2, "size_bytes": 8} in reported["categories"]
    assert len(reported["largest"]) == len(reported["oldest"]) == 6
    assert reported["largest"][0]["path"] == str(mess.path("what"))
    rows = list(csv.DictReader(io.StringIO(fileorg("scan", "tree", "--format", "csv").out)))
    assert {"category": "Images", "files": "2", "size_bytes": "8"} in rows


def test_categorize_tells_what_and_why(fileorg: Fileorg, mess: Tree) -> None:
    lines = fileorg("categorize", "tree").out.splitlines()
    assert f"Archives       extension .tar.gz     {mess.path('backup.tar.gz')}" in lines
    assert f"Other          no extension, text of no known kind  {mess.path('what')}" in lines
    reported = fileorg("categorize", "tree", "-f", "json", "--category", "images").json["files"]
    assert sorted(file["path"] for file in reported) == [str(mess.path("photo.jpg")), str(mess.path("sub/inner.jpg"))]
    assert reported[0]["evidence"] == "extension .jpg"
    rows = list(csv.DictReader(io.StringIO(fileorg("categorize", "tree", "-f", "csv").out)))
    assert len(rows) == 6
    assert list(rows[0]) == ["path", "category", "evidence", "size_bytes"]
    paths = fileorg("categorize", "tree", "-0", "--category", "Documents").out_bytes.split(b"\0")
    assert sorted(paths) == [b"", os.fsencode(mess.path("Letter.PDF")), os.fsencode(mess.path("notes.txt"))]


def test_categorize_lists_files_and_folders_in_path_order(fileorg: Fileorg, mess: Tree) -> None:
    mess.write({"movie.mkv": "film", "movie.srt": "text", "b/z.jpg": "z", "b/a.jpg": "a", "B.txt": "b"})
    (mess.root / "link").symlink_to("what")
    listed = [file["path"] for file in fileorg("categorize", "tree", "-f", "json").json["files"]]
    assert listed == sorted(listed, key=lambda path: path.split("/"))
    assert len(listed) == 11
    ran = fileorg("categorize", "tree/movie.srt", "tree/.hidden", "tree/link", "tree/b", "tree/b/a.jpg", "-f", "json")
    assert (ran.code, ran.err) == (0, f"fileorg: {mess.path('link')} was skipped: it is neither a file nor a folder.\n")
    assert [(file["path"].removeprefix(f"{mess.root}/"), file["category"]) for file in ran.json["files"]] == [
        ("movie.srt", "Video"), (".hidden", "Other"), ("b/a.jpg", "Images"), ("b/z.jpg", "Images"),
    ]  # fmt: skip
    assert ran.json["files"][0]["evidence"] == "goes with movie.mkv"
    assert fileorg("categorize", "tree/nothing").code == 2


def test_a_dry_run_without_moves_has_no_empty_lines(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"what": "no extension"})
    assert fileorg("organize", "tree", "-n").out.splitlines() == [
        "  Left in place",
        "  1  file of unknown type",
        "",
        "0 files (0 B) would be moved. Dry run: nothing was changed.",
    ]


@pytest.mark.parametrize(("command", "height"), [("scan", 24), ("clean", 16)])
def test_a_summary_fits_on_a_small_screen(fileorg: Fileorg, tree: Tree, command: str, height: int) -> None:
    extensions = ["jpg", "pdf", "mp3", "mkv", "zip", "py", "deb", "iso", "ttf", "csv", "epub", "pptx", "xlsx", "svg"]
    tree.write({f"{name}.{name}": name for name in extensions} | {"empty.txt": "", "a/b/c.txt": "", ".hidden": "x"})
    tree.write({"x.part": "x", "Thumbs.db": "x", "p/.git/HEAD": "x", "~$a.doc": "x", "c.app/x": "x", "v/v.vmx": "x"})
    tree.write({"__init__.py": "", "m/.venv/x": "x"})
    for path in ("link", "gone"):
        (tree.root / path).symlink_to("nowhere")
    terminal = fileorg.terminal(command, "tree", lines=height)
    if command == "clean":
        terminal.wait_for("[y/N")
        terminal.send("n\r")
    assert terminal.end() == (3 if command == "clean" else 0)
    lines = terminal.screen.splitlines()
    first = "Category" if command == "scan" else "Kind"
    assert lines[0].split()[0] == first, terminal.screen
    assert "-v lists them" in terminal.screen or command == "scan"


def test_an_output_file_appears_whole_or_not_at_all(fileorg: Fileorg, mess: Tree) -> None:
    place = fileorg.folder / "out.json"
    place.write_text("from before")
    assert fileorg("scan", "nowhere", "-f", "json", "-o", place, "--force").code == 2
    assert place.read_text() == "from before"
    ran = fileorg("scan", "tree", "-f", "json", "-o", place, "--force")
    assert ran[:] == (0, b"", b"")
    assert json.loads(place.read_text())["files"] == 6
    assert sorted(path.name for path in fileorg.folder.iterdir()) == ["out.json", "state", "tree"]


def test_an_output_may_be_a_device(fileorg: Fileorg, mess: Tree) -> None:
    assert fileorg("scan", "tree", "-f", "json", "-o", "/dev/stdout").json["files"] == 6


def test_no_colour_is_obeyed(fileorg: Fileorg, mess: Tree) -> None:
    plain = fileorg.terminal("scan", "tree", "--progress", "never", NO_COLOR="1")
    assert plain.end() == 0
    assert b"\x1b[1m" not in plain.raw
    coloured = fileorg.terminal("scan", "tree", "--progress", "never")
    assert coloured.end() == 0
    assert b"\x1b[1m" in coloured.raw


def test_an_encoding_without_the_signs_is_no_obstacle(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"caf\u00e9 \u65e5\u672c.jpg": "x", "b.pdf": "x"})
    ran = fileorg("organize", "tree", "-v", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert ran.code == 0
    assert rb"caf\xe9 \u65e5\u672c.jpg -> " in ran.out_bytes
    assert b"  -----------" in ran.out_bytes


def test_wide_names_stay_aligned(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"\u65e5\u672c.jpg": "x", "b.pdf": "x"})
    terminal = fileorg.terminal("organize", "tree", "-n", "--template", "\u65e5\u672c/{category}")
    assert terminal.end() == 0
    assert terminal.screen.count("\u65e5\u672c") >= 2


def test_a_reader_that_has_gone_is_no_error(fileorg: Fileorg, tree: Tree) -> None:
    for number in range(3000):
        tree.path(f"{'long ' * 20}{number}.jpg").touch()
    run = fileorg.start("organize", "tree", "--dry-run", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.read(10)
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 141


def test_a_full_disk_behind_the_output_is_said(fileorg: Fileorg, mess: Tree) -> None:
    with Path("/dev/full").open("wb") as full:
        run = fileorg.start("scan", "tree", stdout=full, stderr=subprocess.PIPE)
        with run:
            assert run.stderr is not None
            reported = run.stderr.read()
    assert reported == (
        b"fileorg: Could not write the output: No space left on device.\nHint: free some space on the disk\n"
    )
    assert run.returncode == 1


def test_closed_streams_are_no_obstacle(fileorg: Fileorg, mess: Tree) -> None:
    run = subprocess.run(
        ["sh", "-c", 'exec "$0" -m fileorg organize tree >&- 2>&- <&-', sys.executable],
        cwd=fileorg.folder,
        env=fileorg.environment(),
        check=False,
    )
    assert run.returncode == 0
    assert "Images/photo.jpg" in mess.read()


def test_a_closed_input_is_an_empty_plan(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.read()
    run = subprocess.run(
        ["sh", "-c", 'exec "$0" -m fileorg apply - --root tree --yes <&-', sys.executable],
        cwd=fileorg.folder,
        env=fileorg.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "Nothing to do.\n", "")
    assert mess.read() == before


@pytest.mark.parametrize("words", [("scan", "tree"), ("categorize", "tree"), ("history",), ("organize", "tree", "-n")])
def test_json_is_pure_ascii(fileorg: Fileorg, tree: Tree, words: tuple[str, ...]) -> None:
    tree.write({"caf\u00e9.jpg": "x"})
    fileorg("organize", "tree", "--action", "copy")
    ran = fileorg(*words, "-f", "json")
    assert ran.out_bytes.isascii()
    assert ran.json
