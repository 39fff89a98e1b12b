"""Bad input: one clear sentence that names the input, a hint, the right exit code, and no changes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.cli.screens import Fileorg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.screens import Ran
    from tests.support.tree import Tree

WRONG_WORDS = {
    ("organize", "nowhere"): "There is no folder nowhere.",
    ("organize", "tree/photo.jpg"): "tree/photo.jpg is a file, not a folder.",
    ("scan", "tree", "nowhere"): "There is no folder nowhere.",
    ("organize",): "organize needs a PATH.",
    ("organize", "tree", "--nonsense"): "organize has no option --nonsense.",
    ("--config=x.toml", "organize", "tree"): "The option --config comes before the command.",
    ("organize", "tree", "other"): "There is no folder other.",
    ("files", "1", "2"): "files takes one OP: unexpected 2.",
    ("nonsense",): "No such command 'nonsense'.",
    ("orgnize", "tree"): "No such command 'orgnize'. Did you mean 'organize'?",
    ("hlep",): "No such command 'hlep'. Did you mean 'help'?",
    ("organize", "tree", "--by", "colour"): "--by colour is not valid: choose category, date or extension.",
    ("organize", "tree", "--action", "make-folder"): "--action make-folder is not valid: choose move, copy,",
    ("organize", "tree", "--by", "date", "--template", "{year}"): "--by and --template cannot be combined.",
    ("organize", "tree", "--template", "{colour}/{name}"): "the template {colour}/{name} cannot be used: {colour} is",
    ("organize", "tree", "--template", "../{name}"): "the template ../{name} cannot be used",
    ("organize", "tree", "--template", "/x/{name}"): "the template /x/{name} cannot be used",
    ("organize", "tree", "--template", ""): "--template is empty.",
    ("organize", "tree", "--min-size", "10X"): "--min-size 10X is not a valid size.",
    ("organize", "tree", "--max-size", "-1"): "--max-size -1 is not a valid size.",
    ("organize", "tree", "--min-size", "2M", "--max-size", "1M"): "--min-size 2M is larger than --max-size 1M: no file",
    ("organize", "tree", "--min-age", "soon"): "--min-age soon is not a valid age.",
    ("organize", "tree", "--newer-than", "2024-13-01"): "--newer-than 2024-13-01 is not an age or a date.",
    ("organize", "tree", "--older-than", "yesterday"): "--older-than yesterday is not an age or a date.",
    (
        "organize",
        "tree",
        "--newer-than",
        "1d",
        "--older-than",
        "2d",
    ): "--newer-than 1d is later than --older-than",
    ("organize", "tree", "--max-depth", "2"): "--max-depth requires -r.",
    ("organize", "tree", "--max-changes", "-1"): "--max-changes -1 is not valid: give a whole number of at least 0.",
    ("organize", "tree", "--exclude", "["): "the pattern of --exclude [ cannot be used",
    ("organize", "tree", "--exclude", ""): "--exclude is empty.",
    ("organize", "tree", "--include", " "): "--include is empty.",
    ("organize", "tree", "-0"): "-0 requires --dry-run.",
    ("organize", "tree", "-n", "-o", "nowhere/plan.txt"): "Could not write the output nowhere/plan.txt",
    ("categorize", "tree", "--category", "Pictures"): "Unknown category: Pictures.",
    ("categorize", "tree", "-0", "-f", "csv"): "-0 and --format cannot be combined.",
    ("undo", "7"): "There is no operation 7.",
    ("undo", "9" * 23): f"There is no operation {'9' * 23}.",
    ("files", "9" * 23): f"There is no operation {'9' * 23}.",
    ("report", "9" * 23): f"There is no operation {'9' * 23}.",
    ("undo", "zero"): "zero is not an operation number.",
    ("history", "x", "--problems", "1"): "PATH and --problems cannot be combined.",
    ("demo", "tree"): "tree is not empty.",
    ("scan", "tree", "--progress", "loud"): "--progress loud is not valid: choose auto, always,",
}


def refused(ran: Ran, code: int, sentence: str) -> None:
    """Check for one sentence on standard error, and a hint below it."""
    first, second, *rest = [*ran.err.splitlines(), "", ""]
    assert (ran.code, first[: len("fileorg: " + sentence)]) == (code, f"fileorg: {sentence}")
    assert first.endswith((".", "?"))
    assert second.startswith("Hint: ") or not second
    assert not any(rest)
    assert ran.out == ""


@pytest.mark.parametrize("words", WRONG_WORDS, ids=" ".join)
def test_wrong_words(fileorg: Fileorg, mess: Tree, words: tuple[str, ...]) -> None:
    before = mess.snapshot()
    refused(fileorg.inside(*words), 2, WRONG_WORDS[words])
    assert mess.snapshot() == before


def test_the_number_of_a_job_alone_is_told_the_way(fileorg: Fileorg) -> None:
    ran = fileorg.inside("jobs", "3")
    refused(ran, 2, "action 3 is not valid: choose list, show,")
    assert ran.err.splitlines()[1] == "Hint: fileorg jobs show 3"


def test_no_words_show_the_help(fileorg: Fileorg) -> None:
    ran = fileorg()
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("NAME\n    fileorg - sort a messy folder")


def test_a_current_directory_that_is_gone(fileorg: Fileorg, mess: Tree) -> None:
    gone = fileorg.folder / "gone"
    script = 'mkdir "$1"; cd "$1"; rmdir "$1"; shift; exec "$@"'
    before = mess.snapshot()
    for words in (("organize", "."), ("scan", "."), ("explain", "x"), ("apply", "plan.csv")):
        program = Fileorg(fileorg.home, fileorg.folder)
        program.prefix = ["sh", "-c", script, "sh", str(gone)]
        refused(program(*words), 2, "The current directory is gone.")
    assert mess.snapshot() == before


def test_a_full_disk_behind_the_output(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({f"a name that takes some room in the output {number}.jpg": "" for number in range(200)})
    fileorg.prefix = ["sh", "-c", 'exec "$@" >/dev/full', "sh"]
    ran = fileorg("organize", "tree", "-n")
    sentence, hint = ran.err.splitlines()
    assert (ran.code, hint) == (1, "Hint: free some space on the disk")
    assert sentence == "fileorg: Could not write the output: No space left on device."


@pytest.mark.parametrize("where", [">/dev/full 2>/dev/full", "2>/dev/full", "2>&-"])
def test_a_full_disk_behind_the_errors_changes_no_exit_code(fileorg: Fileorg, mess: Tree, where: str) -> None:
    fileorg.prefix = ["sh", "-c", f'exec "$@" {where}', "sh"]
    assert fileorg("organize", "missing").code == 2
    assert fileorg("organize", "tree", "-q").code == 0


# Refused folders ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("root", ["/", "/usr", "/etc", "/home", "/tmp"])
def test_folders_of_the_system(fileorg: Fileorg, root: str) -> None:
    refused(fileorg.inside("organize", root), 5, f"{root} belongs to the system.")
    refused(fileorg.inside("organize", root, "-n"), 5, f"{root} belongs to the system.")


def test_the_home_directory_itself(fileorg: Fileorg, mess: Tree) -> None:
    refused(fileorg("organize", "tree", HOME=str(mess.root)), 5, "tree is a home directory")


def test_our_own_state(fileorg: Fileorg) -> None:
    fileorg("recover")
    refused(fileorg("organize", "state"), 5, "state is fileorg's own state directory.")


def test_a_folder_under_version_control(fileorg: Fileorg, mess: Tree) -> None:
    mess.path(".git").mkdir()
    refused(fileorg("organize", "tree"), 5, f"tree is under version control ({mess.path('.git')})")


@pytest.mark.parametrize("words", [("organize",), ("clean",), ("dedupe", "--action", "quarantine")])
def test_a_folder_in_a_project(fileorg: Fileorg, mess: Tree, words: tuple[str, ...]) -> None:
    mess.write({"package.json": "{}", "docs/guide.md": "x"})
    ran = fileorg(*words, "tree/docs")
    refused(ran, 5, f"tree/docs is part of a project ({mess.path('package.json')}): its files belong where they are.")
    assert "--inside-project" in ran.err
    assert fileorg(*words, "tree/docs", "--inside-project").code == 0


def test_inside_project_is_for_what_changes_something(fileorg: Fileorg) -> None:
    refused(fileorg("dedupe", "tree", "--inside-project"), 2, "--inside-project requires --action")


def test_more_changes_than_allowed(fileorg: Fileorg, mess: Tree) -> None:
    before = mess.snapshot()
    refused(fileorg("organize", "tree", "--max-changes", "3"), 5, "4 files would be moved, more than --max-changes 3")
    shown = fileorg("organize", "tree", "--max-changes", "3", "-n")
    assert shown.code == 5
    assert "photo.jpg -> Images/photo.jpg" in shown.out
    assert mess.snapshot() == before
    assert fileorg("history").out.startswith("No operations yet (journal: ")


def test_names_that_are_taken(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one", "Images/a.jpg": "two"})
    refused(fileorg("organize", "tree", "--on-conflict", "fail"), 5, "1 name already taken by other files: a.jpg.")


def test_a_root_inside_another_running_one(fileorg: Fileorg, mess: Tree, tmp_path: Path) -> None:
    at_work = fileorg.terminal("organize", "tree")
    at_work.wait_for("[y/N")
    other = Fileorg(tmp_path / "other state", tmp_path)
    refused(other("organize", "tree/sub"), 4, "Another fileorg is running in, above or below ")
    refused(fileorg("organize", "tree/sub"), 4, "Another fileorg is running: organizing ")
    at_work.send("y\n")
    assert at_work.end() == 0
    assert other("organize", "tree/sub").code == 0


# Unreadable folders ---------------------------------------------------------------------------------------------------


@pytest.fixture
def user() -> Iterator[Fileorg]:
    """The program as an ordinary user, subject to permissions."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        place = Path(folder)
        place.chmod(0o755)
        (place / "tree").mkdir()
        program = Fileorg(place / "state", place)
        if os.geteuid() == 0:
            if shutil.which("setpriv") is None:
                pytest.skip("root cannot be made to obey permissions here")
            program.prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        yield program


def test_an_unreadable_folder(user: Fileorg) -> None:
    (user.folder / "tree").chmod(0)
    refused(user("organize", "tree"), 2, "tree cannot be read: permission denied.")
    refused(user("scan", "tree"), 2, "tree cannot be read: permission denied.")


def test_a_folder_that_cannot_be_written(user: Fileorg) -> None:
    (user.folder / "tree").chmod(0o555)
    refused(user("organize", "tree"), 2, "tree cannot be written: permission denied.")
    assert user("scan", "tree").code == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_hard_link_to_the_file_of_another_user_is_not_blamed_on_the_file_system(user: Fileorg) -> None:
    user.prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    may_run = [*user.prefix, sys.executable, "-c", "import fileorg"]
    if subprocess.run(may_run, capture_output=True, check=False).returncode or not _links_are_protected():
        pytest.skip("another user may not run this Python, or may link any file")
    for path, owner in ((user.folder, 65534), (user.folder / "tree", 65534), (user.folder / "tree/a.jpg", 0)):
        path.touch()
        os.chown(path, owner, owner)
    screen = user("organize", "tree", "--action", "hardlink")
    assert screen.code == 1
    why = "could not create a hard link to a.jpg: Operation not permitted (does another user own the file?)"
    assert f"a.jpg: {why}" in screen.err


def _links_are_protected() -> bool:
    try:
        return Path("/proc/sys/fs/protected_hardlinks").read_text() == "1\n"
    except OSError:
        return False


def test_an_unreadable_folder_further_down_is_named_and_the_rest_is_done(user: Fileorg) -> None:
    tree = user.folder / "tree"
    (tree / "secret").mkdir(mode=0)
    (tree / "a.jpg").touch()
    note = "fileorg: secret could not be read: Permission denied.\n"
    for words in (
        ("scan", "tree"),
        ("categorize", "tree"),
        ("organize", "tree", "-r", "-n"),
        ("organize", "tree", "-r"),
    ):
        ran = user(*words)
        assert (ran.code, ran.err) == (1, note), words
    reported = user("scan", "tree", "-f", "json").json
    assert reported["unreadable"] == [
        {"path": str(tree / "secret"), "reason": "Permission denied", "reason_code": "system-error"}
    ]
    assert (tree / "Images/a.jpg").exists()
    (tree / "secret").chmod(0o700)


def test_what_dedupe_could_not_read_is_named_also_where_some_of_it_failed(user: Fileorg) -> None:
    tree = user.folder / "tree"
    for folder in ("kept", "locked", "secret"):
        (tree / folder).mkdir()
    for path in ("kept/a", "locked/a"):
        (tree / path).write_text("the same")
    (tree / "locked").chmod(0o555)
    (tree / "secret").chmod(0)
    ran = user("dedupe", "tree", "--keep", "shortest-path", "--action", "quarantine")
    (tree / "locked").chmod(0o755)
    (tree / "secret").chmod(0o700)
    assert ran.code == 1
    assert "  locked/a: " in ran.err
    assert "fileorg: secret could not be read: Permission denied.\n" in ran.err


def test_a_state_directory_that_cannot_be_made(user: Fileorg) -> None:
    ran = user("organize", "tree", "--state-dir", "/proc/fileorg")
    refused(ran, 2, "The state directory /proc/fileorg cannot be used")


# The state directory --------------------------------------------------------------------------------------------------


def test_a_state_directory_that_is_not_ours(fileorg: Fileorg, mess: Tree) -> None:
    refused(
        fileorg("organize", "tree", "--state-dir", "tree"), 2, str(mess.root) + " is not a state directory of fileorg"
    )
    (fileorg.folder / "link").symlink_to(fileorg.folder / "elsewhere")
    refused(fileorg("history", FILEORG_HOME="link"), 2, "The state directory ")


def test_a_journal_that_is_damaged(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    journal = fileorg.home / "journal.db"
    content = bytearray(journal.read_bytes())
    content[100:3000] = b"\xa5" * 2900
    journal.write_bytes(content)
    before = mess.snapshot()
    for words in (("organize", "tree"), ("undo",), ("history",), ("recover",)):
        refused(fileorg(*words), 1, "The journal ")
    assert mess.snapshot() == before


def test_a_journal_of_a_newer_version(fileorg: Fileorg, mess: Tree) -> None:
    fileorg("organize", "tree")
    with sqlite3.connect(fileorg.home / "journal.db") as database:
        database.execute("PRAGMA user_version = 999")
    database.close()
    ran = fileorg("undo")
    refused(ran, 1, "The journal ")
    assert "written by a newer fileorg" in ran.err
    assert "pip install --upgrade fileorg" in ran.err


def test_a_journal_of_another_program(fileorg: Fileorg) -> None:
    fileorg.home.mkdir(mode=0o700)
    with sqlite3.connect(fileorg.home / "journal.db") as database:
        database.execute("CREATE TABLE recipes (id)")
    database.close()
    ran = fileorg("history")
    assert ran.code == 1
    assert "is a database of another program." in ran.err


@pytest.mark.root
@pytest.mark.parametrize("room", ["500k", "1500k"])
def test_a_full_disk_below_the_state_directory(fileorg: Fileorg, tree: Tree, room: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    for number in range(6000):
        tree.path(f"a name that takes some room in the journal {number}.jpg").touch()
    before = tree.snapshot()
    fileorg.home.mkdir(mode=0o700)
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}", "none", fileorg.home], check=False).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        ran = fileorg("organize", "tree")
        assert ran.code in {0, 1}
        if ran.code:
            sentence, hint = ran.err.splitlines()
            assert "full" in sentence
            assert hint.startswith("Hint: free some space")
        subprocess.run(["mount", "-o", "remount,size=64m", fileorg.home], check=True)
        assert fileorg("recover").code == 0
        fileorg("undo")
        assert tree.snapshot() == before
    finally:
        subprocess.run(["umount", fileorg.home], check=True)


# Unexpected errors ----------------------------------------------------------------------------------------------------


def test_a_traceback_only_with_debug(fileorg: Fileorg) -> None:
    assert "Traceback" not in fileorg("scan", "nowhere").err
    reported = fileorg("scan", "nowhere", "--debug").err
    assert reported.startswith("fileorg: There is no folder nowhere.\nHint: check the spelling\nTraceback ")
    assert "in existing_folder" in reported


def test_an_error_of_the_program_is_one_sentence(tmp_path: Path) -> None:
    broken = (
        "import sys, fileorg.workflows.scan as w\n"
        "def fail(*_): raise ZeroDivisionError('here \\x1b[31m')\n"
        "w.scan_trees = fail\n"
        "from fileorg.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    program = Fileorg(tmp_path / "state", tmp_path)
    for words, traces in (["scan", "."], False), (["scan", ".", "--debug"], True):
        ran = subprocess.run(
            [sys.executable, "-c", broken, *words],
            capture_output=True, text=True, cwd=tmp_path, env=program.environment(), check=False,
        )  # fmt: skip
        assert ran.returncode == 1
        assert ran.stderr.startswith(
            "fileorg: Unexpected error: ZeroDivisionError: here \\x1b[31m.\n"
            "Hint: run the command again with --debug for a traceback\n"
        )
        assert ("Traceback" in ran.stderr) is traces


def test_a_store_that_fails_between_two_requests_is_not_called_a_disk(fileorg: Fileorg, mess: Tree) -> None:
    broken = (
        "import sys, fileorg.workflows.scan as w\n"
        "from fileorg.storage.object.store_error import StoreCode, StoreError\n"
        "def fail(*_): raise StoreError(StoreCode.NO_NETWORK)\n"
        "w.scan_trees = fail\n"
        "from fileorg.cli.app import run\n"
        "sys.exit(run(sys.argv[1:]))\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", broken, "scan", "tree"],
        capture_output=True, text=True, cwd=fileorg.folder, env=fileorg.environment(), check=False,
    )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr == (
        "fileorg: A request to an object store failed: the store could not be reached.\n"
        "Hint: test the store with fileorg storage check URL, then run the command again\n"
    )
