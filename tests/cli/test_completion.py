"""Shell completion: never fails, and never leaves files behind."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree


def complete(fileorg: Fileorg, line: str) -> list[str]:
    """Return the completions for bash if Tab is pressed at the end of `line`."""
    words = line.split(" ")
    ran = fileorg.inside(_FILEORG_COMPLETE="complete_bash", COMP_WORDS=line, COMP_CWORD=str(len(words) - 1))
    assert (ran.code, ran.err) == (0, "")
    return ran.out.split()


@pytest.fixture
def used(fileorg: Fileorg, tree: Tree) -> Fileorg:
    """The program after three operations: 1 is undone by 2, 3 is in effect."""
    tree.write({"a.jpg": "x"})
    fileorg("organize", "tree")
    fileorg("undo")
    fileorg("organize", "tree")
    return fileorg


def test_commands(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg re") == ["redo", "report", "recover"]
    assert complete(fileorg, "fileorg categor") == ["categorize"]


def test_options(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg organize --max") == ["--max-depth", "--max-size", "--max-changes"]


def test_operations_that_can_be_undone_and_redone(used: Fileorg) -> None:
    assert complete(used, "fileorg undo ") == ["3"]
    assert complete(used, "fileorg redo ") == ["2"]
    assert complete(used, "fileorg history --problems ") == ["3", "2", "1"]


def test_other_shells_are_told_what_they_were(used: Fileorg) -> None:
    line = "fileorg undo "
    zsh = used(_FILEORG_COMPLETE="complete_zsh", _TYPER_COMPLETE_ARGS=line)
    assert '"3":"organize tree, 1 file, 2' in zsh.out
    action = "get-args"
    fish = used(_FILEORG_COMPLETE="complete_fish", _TYPER_COMPLETE_FISH_ACTION=action, _TYPER_COMPLETE_ARGS=line)
    assert fish.out.startswith("3\torganize tree, 1 file, 2")
    assert fish.out.count("\n") == 1


def test_a_hostile_folder_does_nothing_in_a_shell(fileorg: Fileorg) -> None:
    hostile = fileorg.folder / "[red]$(touch got)`touch got`'\";x"
    hostile.mkdir()
    (hostile / "a.jpg").touch()
    fileorg("organize", hostile)
    for shell in ("zsh", "fish", "powershell"):
        ran = fileorg(
            _FILEORG_COMPLETE=f"complete_{shell}",
            _TYPER_COMPLETE_ARGS="fileorg undo ",
            _TYPER_COMPLETE_FISH_ACTION="get-args",
        )
        assert ran.code == 0
        assert "?red???touch got" in ran.out


def test_categories_in_the_case_that_was_begun(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg categorize --category D") == ["Documents", "Disk-images", "Data", "Design"]
    assert complete(fileorg, "fileorg categorize --category di") == ["disk-images"]
    (fileorg.folder / "tree").mkdir()
    assert fileorg("categorize", "tree", "--category", "disk-images").code == 0


def test_the_values_of_options(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg organize --by ") == ["category", "date", "extension"]
    assert complete(fileorg, "fileorg organize --action h") == ["hardlink"]
    assert complete(fileorg, "fileorg scan --format ") == ["text", "json", "csv"]
    assert complete(fileorg, "fileorg scan --progress ") == ["auto", "always", "never", "json"]


def test_nothing_is_made(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg undo ") == []
    assert complete(fileorg, "fileorg undo --state-dir elsewhere ") == []
    assert list(fileorg.folder.iterdir()) == []


def test_nothing_is_said_of_a_journal_that_cannot_be_read(used: Fileorg) -> None:
    (used.home / "journal.db").write_bytes(b"nonsense" * 1000)
    assert complete(used, "fileorg undo ") == []
    other = used.folder / "other"
    other.mkdir()
    database = sqlite3.connect(other / "journal.db")
    database.execute("CREATE TABLE recipes (id)")
    database.close()
    assert complete(used, f"fileorg undo --state-dir {other} ") == []


def test_half_written_lines_are_no_obstacle(fileorg: Fileorg) -> None:
    for line in (
        "fileorg scan --min-size 10X --max-",
        "fileorg organize --by colour --o",
        "fileorg undo x ",
        "fileorg nonsense ",
        "fileorg organize 'unclosed ",
        "fileorg undo --state-dir ",
    ):
        complete(fileorg, line)
    assert fileorg(_FILEORG_COMPLETE="complete_bash")[1:] == (b"", b"")
    assert fileorg(_FILEORG_COMPLETE="nonsense").code == 1


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_in_a_real_bash(used: Fileorg) -> None:
    script = (
        'eval "$("$PYTHON" -m fileorg --show-completion bash)"\n'
        'fileorg() { "$PYTHON" -m fileorg "$@"; }\n'
        "COMP_WORDS=(fileorg undo '')\nCOMP_CWORD=2\n"
        'env() { command env "${@:1:3}" "$PYTHON" -m fileorg; }\n'
        "_fileorg_completion fileorg\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    environment = used.environment(PYTHON=sys.executable, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    ran = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (ran.stdout, ran.stderr) == ("3\n", "")
