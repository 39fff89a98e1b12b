"""The list of operations, the moves of a file, and the files that were not done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


def states(fileorg: Fileorg) -> dict[int, str]:
    """Return `active`, or `undone 2` for an operation that 2 undid, by operation."""
    operations = fileorg("history", "-f", "json").json["operations"]
    return {op["operation"]: " ".join(map(str, [op["status"], *op["undone_by"]])) for op in operations}


def test_before_anything_was_done(fileorg: Fileorg, mess: Tree) -> None:
    state = str(mess.root.parent / "state")
    assert fileorg("history")[:2] == (0, f"No operations yet (journal: {state}).\n".encode())
    assert fileorg("history", "-f", "json").json == {
        "operations": [], "total": 0, "page": 1, "page_size": 25, "state_dir": state
    }  # fmt: skip
    assert fileorg("history", "-f", "csv").out.count("\n") == 1


def test_operations_newest_first_and_what_became_of_them(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    assert states(fileorg) == {1: "active"}
    fileorg("undo")
    assert states(fileorg) == {2: "active", 1: "undone 2"}
    fileorg("redo")
    assert states(fileorg) == {3: "active", 2: "undone 3", 1: "undone 2"}
    lines = fileorg("history").out.splitlines()
    assert lines[0].split() == ["Op", "When", "What", "Where", "Files", "Size", "State"]
    assert [line.split()[0] for line in lines[1:]] == ["3", "2", "1", "Journal:"]
    assert " redo 2 " in lines[1]
    [*_, first] = fileorg("history", "-f", "json").json["operations"]
    assert (first["kind"], first["root"], first["files"], first["size_bytes"]) == ("organize", str(mess.root), 4, 11)
    assert first["started"].endswith("Z")


def test_pages(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    for word in ("undo", "redo", "undo"):
        fileorg(word)
    first, second = (fileorg("history", "--page-size", "3", "--page", page, "-f", "json").json for page in "12")
    assert [(op["operation"], op["status"], op["undone_by"]) for op in first["operations"]] == [
        (4, "active", []), (3, "undone", [4]), (2, "undone", [3]),
    ]  # fmt: skip
    assert [(op["operation"], op["status"], op["undone_by"]) for op in second["operations"]] == [(1, "undone", [2])]
    assert (second["total"], second["page"], second["page_size"]) == (4, 2, 3)
    assert fileorg("history", "--page-size", "3").out.splitlines()[-2] == "Page 1 of 2, 4 operations. Next: --page 2"
    assert mess.read()["photo.jpg"] == "jpg"


def test_a_partial_undo(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    mess.write({"photo.jpg": "another one"})
    ran = fileorg("undo")
    assert ran.code == 1
    assert ran.err.splitlines() == [
        "1 file could not be processed:",
        "  Images/photo.jpg: the name is taken",
        "Try the other files again with: fileorg undo 1",
        "  --rename restores a file whose old name is taken under a numbered name.",
    ]
    assert states(fileorg) == {2: "active", 1: "partly_undone 2"}
    assert fileorg("history", "--problems", "2").out == "Images/photo.jpg: conflict, the name is taken\n"
    assert fileorg("history", "--problems", "1").out == "Operation 1 has no problems.\n"
    problems = fileorg("history", "--problems", "2", "-f", "json").json["problems"]
    path = str(mess.path("Images/photo.jpg"))
    assert problems == [
        {"path": path, "status": "conflict", "reason": "the name is taken", "reason_code": "name-taken"}
    ]

    again = fileorg("undo", "1", "--rename")
    assert again.code == 0
    assert mess.read()["photo (2).jpg"] == "jpg"
    assert states(fileorg) == {3: "active", 2: "active", 1: "undone 2 3"}


def test_what_another_file_has_replaced_is_taken_back_when_asked(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    mess.write({"new": "replaced"})
    os.replace(mess.path("new"), mess.path("Images/photo.jpg"))
    ran = fileorg("undo")
    assert ran.code == 1
    assert ran.err.endswith("  --include-changed also undoes files that were replaced by different files.\n")
    assert fileorg("undo", "1", "--include-changed").code == 0
    assert mess.read()["photo.jpg"] == "replaced"


def test_an_option_that_would_not_help_is_not_named(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "same", "b.jpg": "same", "c.pdf": "text"})
    fileorg("dedupe", "tree", "--action", "quarantine")
    fileorg("undo")
    tree.write({"a.jpg": "other", "b.jpg": "other"})
    ran = fileorg("redo", "2")
    assert (ran.code, ran.err.splitlines()[-1]) == (1, "Try the other files again with: fileorg redo 2")

    fileorg("organize", "tree", "--include", "*.pdf", "--action", "copy")
    tree.write({"Documents/c.pdf": "edited"})
    number = fileorg("history", "-f", "json").json["operations"][0]["operation"]
    for more in ([], ["--include-changed"]):
        ran = fileorg("undo", str(number), *more)
        assert (ran.code, ran.err.splitlines()[-1]) == (1, f"Try the other files again with: fileorg undo {number}")


def test_more_problems_than_are_named(fileorg: Fileorg, tree: Tree) -> None:
    names = [f"{number}.jpg" for number in range(30)]
    tree.write(dict.fromkeys(names, "x"))
    for name in names:
        tree.write({name: f"content of {name}"})
    fileorg("organize", "tree")
    tree.write(dict.fromkeys(names, "taken"))
    ran = fileorg("undo")
    assert ran.code == 1
    assert ran.err.splitlines()[0] == "30 files could not be processed:"
    assert "  … and 10 more: fileorg history --problems 2" in ran.err.splitlines()
    assert len(fileorg("history", "--problems", "2").out.splitlines()) == 30
    assert "more" not in fileorg("undo", "1", "-v").err


def test_where_a_file_went(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    fileorg("organize", "tree/Images", "--by", "extension")
    reported = fileorg("history", "tree/photo.jpg")
    assert reported.code == 0
    tree = str(mess.root)
    steps = [line for line in reported.out.splitlines() if line.startswith("  ")]
    assert steps == [
        f"     {tree}/photo.jpg",
        f"  -> {tree}/Images/photo.jpg",
        f"     {tree}/Images/photo.jpg",
        f"  -> {tree}/Images/jpg/photo.jpg",
    ]
    # The same trail from every path that the file ever had.
    for place in ("tree/Images/photo.jpg", "tree/Images/jpg/photo.jpg", mess.path("photo.jpg")):
        assert fileorg("history", place).out == reported.out


def test_a_path_that_no_operation_knows(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    ran = fileorg("history", "tree/what")
    assert ran[:2] == (0, f"No recorded operation touched {mess.path('what')}.\n".encode())


def test_a_run_that_was_killed(fileorg: Fileorg, tree: Tree) -> None:
    for number in range(10_000):
        tree.path(f"{number}.jpg").touch()
    before = tree.snapshot()
    run = fileorg.start("organize", "tree", "--progress", "json", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with run:
        assert run.stderr is not None
        while b'"stage": "move"' not in run.stderr.readline():
            pass
        assert states(fileorg) == {1: "running"}
        run.send_signal(signal.SIGKILL)
    assert states(fileorg) == {1: "interrupted"}
    away = tree.root.rename(tree.root.with_name("away"))
    ran = fileorg("recover")
    assert ran.code == 1
    assert "fileorg: Could not recover operation 1.\n" in ran.err
    away.rename(tree.root)
    ran = fileorg("recover")
    assert ran.code == 0
    assert ran.err.startswith("fileorg: Recovered operation 1, which had been interrupted.")
    assert fileorg("recover").out == "No interrupted operations.\n"
    assert states(fileorg)[1] in {"no_changes", "active"}
    fileorg("undo")
    assert tree.snapshot() == before


def test_where_a_duplicate_of_a_further_root_went(fileorg: Fileorg) -> None:
    for folder in ("a", "b"):
        (fileorg.folder / folder).mkdir()
        (fileorg.folder / folder / "x").write_text("the same")
    fileorg("dedupe", "a", "b", "--keep", "first", "--action", "quarantine")
    [step] = fileorg("history", "b/x", "-f", "json").json["steps"]
    assert (step["action"], step["path"]) == ("quarantine", str(fileorg.folder / "b/x"))
    assert step["new_path"] == str(fileorg.folder / "b/.fileorg/trash/1/x")


def test_recover_as_json(fileorg: Fileorg) -> None:
    assert fileorg("recover", "-f", "json").json == {"settled": [], "open": [], "changed": []}


def test_a_narrow_terminal_leaves_out_columns(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    for columns, titles in (
        (120, ["Op", "When", "What", "Where", "Files", "Size", "State"]),
        (70, ["Op", "When", "What", "Where", "Files", "State"]),
        (40, ["Op", "What", "Files", "State"]),
    ):
        terminal = fileorg.terminal("history", columns=columns)
        assert terminal.end() == 0
        assert terminal.screen.splitlines()[0].split() == titles
        assert terminal.screen.splitlines()[2].startswith("Journal: ")


def test_a_narrow_terminal_shows_the_whole_state(fileorg: Fileorg, mess: Tree) -> None:
    mess.write({"empty.txt": "", "again.txt": "", "hollow/empty.txt": ""})
    fileorg("clean", "tree")
    (mess.root / ".fileorg/trash/1/again.txt").write_text("edited")
    fileorg("purge", "-y")
    terminal = fileorg.terminal("history", columns=40)
    assert terminal.end() == 0
    lines = terminal.screen.splitlines()
    assert [line for line in lines if "…" in line] == []
    first = next(number for number, line in enumerate(lines) if line.split()[:2] == ["1", "clean"])
    assert lines[first].endswith("active, purged in")
    assert lines[first + 1].split() == ["part"]


def test_a_run_that_was_killed_after_its_first_folder_is_undone(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.snapshot()
    killed = (
        "import os\n"
        "from fileorg.cli.app import run\n"
        "from fileorg.storage.local.storage import LocalStorage\n"
        "make = LocalStorage.make_folder\n"
        "def make_and_die(*given):\n"
        "    make(*given)\n"
        "    os.kill(os.getpid(), 9)\n"
        "LocalStorage.make_folder = make_and_die\n"
        "run()\n"
    )
    words = [sys.executable, "-c", killed, "organize", str(mess.root), "-y"]
    assert subprocess.run(words, env=fileorg.environment(), check=False).returncode == -signal.SIGKILL
    assert fileorg("recover").code == 0
    assert states(fileorg) == {1: "active"}
    fileorg("organize", "tree")
    assert states(fileorg) == {2: "active", 1: "active"}
    for number in ("2", "1"):
        assert fileorg("undo", number).code == 0
    assert mess.snapshot() == before
    assert states(fileorg) == {4: "active", 3: "active", 2: "undone 3", 1: "undone 4"}
    assert fileorg("redo", "4").code == 0
    assert states(fileorg) == {5: "active", 4: "undone 5", 3: "active", 2: "undone 3", 1: "undone 4"}
    assert fileorg("undo", "5").code == 0
    assert mess.snapshot() == before
