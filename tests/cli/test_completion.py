"""Shell completion: never fails, and never leaves files behind."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pexpect
import pytest
from tests.cli.screens import Fileorg, Ran, Terminal

from fileorg.cli.commands import COMMANDS, function_of
from fileorg.cli.parameters import PATHS, declared

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.tree import Tree


def complete(fileorg: Fileorg, line: str, shell: str = "bash") -> list[str]:
    """Return the words offered if Tab is pressed at the end of `line`, and the kind of path, if any, in brackets."""
    return [row.partition("\t")[0] for row in rows(fileorg, line, shell)]


def rows(fileorg: Fileorg, line: str, shell: str = "bash") -> list[str]:
    """Return what the script of a shell reads: words with their descriptions, and the kind of path in brackets."""
    last = line.rpartition(" ")[2]
    words = (line, last.rpartition("=")[2]) if shell == "bash" else line.split(" ")[1:]
    ran = fileorg.inside(*words, _FILEORG_COMPLETE=shell)
    assert (ran.code, ran.err) == (0, "")
    kind, *found = ran.out.splitlines()
    return [*found, *([f"[{kind}]"] if kind != "words" else [])]


@pytest.fixture
def used(fileorg: Fileorg, tree: Tree) -> Fileorg:
    """The program after three operations: 1 is undone by 2, 3 is in effect."""
    tree.write({"a.jpg": "x"})
    fileorg.inside("organize", "tree")
    fileorg.inside("undo")
    fileorg.inside("organize", "tree")
    return fileorg


def test_commands(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg re") == ["rename", "redo", "report", "recover"]
    assert complete(fileorg, "fileorg categor") == ["categorize", "categories"]


def test_options(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg organize --max") == ["--max-depth", "--max-size", "--max-changes"]


def test_operations_that_can_be_undone_and_redone(used: Fileorg) -> None:
    assert complete(used, "fileorg undo ") == ["3"]
    assert complete(used, "fileorg redo ") == ["2"]
    assert complete(used, "fileorg history --problems ") == ["3", "2", "1"]


def test_words_have_descriptions(used: Fileorg) -> None:
    assert rows(used, "fileorg undo ")[0].startswith("3\torganize tree, 1 file, 2")
    assert rows(used, "fileorg sca") == ["scan\tSummarize the contents of folders"]
    assert rows(used, "fileorg scan --max-d") == ["--max-depth\tGo at most N folders deep; 0 means the folder itself"]


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


def test_the_value_after_an_equals_sign(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg organize --by=d") == ["date"]
    assert complete(fileorg, "fileorg organize --by=d", "zsh") == ["date"]
    assert complete(fileorg, "fileorg organize --by=d", "fish") == ["--by=date"]
    whole = fileorg.inside("fileorg organize --by=d", "--by=d", _FILEORG_COMPLETE="bash")  # COMP_WORDBREAKS without =
    assert whole.out == "words\n--by=date\t\n"
    assert complete(fileorg, "fileorg organize --dest=") == ["[folders]"]


def test_folders_are_offered_for_folders_and_files_for_files(fileorg: Fileorg) -> None:
    folders = (
        "organize", "organize x --dest", "scan", "scan x", "dedupe", "dedupe x --reference", "clean",
        "undo --in", "undo 1 --root", "redo --in", "explain --root", "report", "demo", "scan --state-dir",
    )  # fmt: skip
    for line in folders:
        assert complete(fileorg, f"fileorg {line} ") == ["[folders]"], line
    for line in ("explain", "explain x", "categorize", "history", "organize x -n -o", "report -o", "scan x --output"):
        assert complete(fileorg, f"fileorg {line} ") == ["[files]"], line
    for line in ("undo", "organize x --include", "recover", "nonsense"):
        assert complete(fileorg, f"fileorg {line} ") == [], line


def test_every_path_says_what_it_takes() -> None:
    assert set(PATHS.values()) == {"files", "folders"}
    for name in COMMANDS:
        options, arguments = declared(function_of(name))
        for taken in (*options.values(), *arguments):
            if isinstance(taken.parameter.complete, str) and taken.parameter.complete:
                assert taken.parameter.details["metavar"] in PATHS


def test_an_option_is_offered_once_unless_it_may_be_repeated(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg organize x --by date --by") == ["--by-content", "--by-name"]
    assert complete(fileorg, "fileorg organize x --include a --incl") == ["--include"]


def test_the_options_of_the_program(fileorg: Fileorg) -> None:
    assert complete(fileorg, "fileorg --ma") == ["--man"]
    assert complete(fileorg, "fileorg undo --ma") == ["--man"]
    assert complete(fileorg, "fileorg help rec") == ["recover"]
    assert complete(fileorg, "fileorg --install-completion ") == ["bash", "zsh", "fish"]
    assert complete(fileorg, "fileorg scan --color ") == ["auto", "always", "never"]


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
    assert fileorg(_FILEORG_COMPLETE="bash")[1:] == (b"", b"")
    assert fileorg(_FILEORG_COMPLETE="nonsense").code == 1


# Installation ---------------------------------------------------------------------------------------------------------

START = {"bash": ".bashrc", "zsh": ".zshrc"}
SCRIPT = {
    "bash": ".local/share/bash-completion/completions/fileorg",
    "zsh": ".local/share/zsh/site-functions/_fileorg",
    "fish": ".config/fish/completions/fileorg.fish",
}
BEFORE = b"# mine, \xff\nalias ll='ls -l'"


class Home(NamedTuple):
    """A home directory, and the program that is started with it."""

    path: Path
    program: Fileorg

    def __call__(self, *words: str, **changes: str) -> Ran:
        ran = self.program.inside(*words, HOME=str(self.path), XDG_DATA_HOME="", XDG_CONFIG_HOME="", **changes)
        assert (ran.code, ran.err) == (0, "")
        return ran

    def files(self) -> dict[str, bytes]:
        return {str(each.relative_to(self.path)): each.read_bytes() for each in self.path.rglob("*") if each.is_file()}


@pytest.fixture
def home(fileorg: Fileorg) -> Home:
    """A home directory with start-up files of shells."""
    for name in START.values():
        (fileorg.folder / name).write_bytes(BEFORE)
    return Home(fileorg.folder, fileorg)


@pytest.mark.parametrize("shell", SCRIPT)
def test_installing_writes_a_script_and_at_most_one_line(home: Home, shell: str) -> None:
    before = home.files()
    ran = home("--install-completion", shell)
    after = home.files()
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {SCRIPT[shell], *([START[shell]] if shell in START else [])}
    assert all(f"~/{name}" in ran.out for name in changed)
    if shell in START:
        line = after[START[shell]].removeprefix(BEFORE + b"\n").decode()
        assert line == f"[[ ! -r ~/{SCRIPT[shell]} ]] || source ~/{SCRIPT[shell]}  # fileorg completion\n"
        assert line.strip() in ran.out

    assert home("--install-completion", shell).out == f"Completion for {shell} is installed already.\n"
    assert home.files() == after

    assert f"fileorg --remove-completion {shell}" in ran.out.replace("\n", " ")
    home("--remove-completion", shell)
    added = {START[shell]: BEFORE + b"\n"} if shell in START else {}
    assert home.files() == before | added
    assert home("--remove-completion", shell).out == f"Completion for {shell} is not installed.\n"


def test_the_mode_of_a_start_up_file_and_a_link_to_it_are_kept(home: Home) -> None:
    dotfiles = home.path / "dotfiles"
    dotfiles.mkdir()
    (home.path / ".bashrc").rename(dotfiles / "bashrc")
    (dotfiles / "bashrc").chmod(0o600)
    (home.path / ".bashrc").symlink_to("dotfiles/bashrc")
    home("--install-completion", "bash")
    assert (home.path / ".bashrc").is_symlink()
    assert (dotfiles / "bashrc").stat().st_mode & 0o777 == 0o600
    assert b"# fileorg completion" in (dotfiles / "bashrc").read_bytes()
    assert [each.name for each in dotfiles.iterdir()] == ["bashrc"]


def test_the_folders_of_the_environment_are_used(home: Home) -> None:
    data, config = str(home.path / "my data"), str(home.path / "config")
    for shell in SCRIPT:
        ran = home.program.inside(
            "--install-completion", shell, HOME=str(home.path), XDG_DATA_HOME=data, XDG_CONFIG_HOME=config
        )
        assert ran.code == 0
    assert {"my data/zsh/site-functions/_fileorg", "config/fish/completions/fileorg.fish"} <= home.files().keys()
    assert b"source ~/'my data/bash-completion/completions/fileorg'" in home.files()[".bashrc"]
    home("--install-completion", "bash")  # in another folder now: the line is replaced
    assert home.files()[".bashrc"].count(b"fileorg completion") == 1


@pytest.mark.parametrize("words", [("tcsh",), ("bash", "zsh")])
def test_other_shells_are_refused(home: Home, words: tuple[str, ...]) -> None:
    before = home.files()
    ran = home.program.inside("--install-completion", *words, HOME=str(home.path))
    assert (ran.code, ran.out) == (2, "")
    assert words[-1] in ran.err
    assert home.files() == before


# Real shells ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tab(home: Home) -> Iterator[Callable[..., str]]:
    """A function that types a line and Tab in a new shell, waits for texts, and returns the screen.

    In the folder are files, folders, and two operations in a folder with a hostile name.
    """
    hostile = home.path / "[red]$(touch got)`touch got`'\";%F{red}x"
    hostile.mkdir()
    (hostile / "a.jpg").touch()
    home.program.inside("organize", str(hostile))
    home.program.inside("undo")
    for name in ("photos one", "photos"):
        (home.path / name).mkdir()
    (home.path / "phone.txt").touch()
    for name in START.values():
        (home.path / name).write_text("PS1='$ '; PROMPT='$ '\n")
    opened = []

    def tab(shell: str, line: str, *awaited: str) -> str:
        environment = {"HOME": str(home.path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        home("--install-completion", shell)
        child = pexpect.spawn(
            shell, ["-i"], cwd=str(home.path), dimensions=(40, 80), timeout=60,
            env=home.program.environment(**environment, XDG_DATA_HOME="", ZDOTDIR=str(home.path)),
        )  # fmt: skip
        terminal = Terminal(child, 80, 40)
        opened.append(terminal)
        terminal.wait_for("$")
        terminal.send(line + "\t" * (2 if shell == "bash" else 1))  # bash lists what is ambiguous at another Tab
        for text in awaited:
            terminal.wait_for(text)
        return terminal.screen

    yield tab
    for terminal in opened:
        terminal.close()
    assert not (home.path / "got").exists()


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_in_a_real_zsh(tab: Callable[..., str]) -> None:
    tab(
        "zsh", "fileorg ", "organize    -- Sort the files of folders into subfolders",
        "scan        -- Summarize the contents of folders", "demo ",
    )  # fmt: skip
    assert "phone.txt" not in tab("zsh", "fileorg organize --dest=photos", "photos/", "photos\\ one/")
    tab("zsh", "fileorg explain pho", "phone.txt", "photos\\ one/")
    tab("zsh", "fileorg history --problems ", "1  -- organize [red]$(touch got)")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_in_a_real_bash(tab: Callable[..., str]) -> None:
    tab("bash", "fileorg ", "organize", "categorize")
    assert "phone.txt" not in tab("bash", "fileorg organize --dest=photos", "photos one/", "photos/")
    tab("bash", "fileorg explain pho", "phone.txt", "photos one/")
    tab("bash", "fileorg undo --in 'photos ", "fileorg undo --in 'photos one'/")


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_in_a_real_fish(home: Home, tab: object) -> None:
    home("--install-completion", "fish")
    lines = ("fileorg ", "fileorg organize --dest=photos", "fileorg explain pho", "fileorg history --problems ")
    script = "; echo; ".join(f"complete -C '{line}'" for line in lines)
    environment = home.program.environment(
        HOME=str(home.path), PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}", XDG_CONFIG_HOME=""
    )
    ran = subprocess.run(
        ["fish", "-c", script], env=environment, cwd=home.path, capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
    commands, folders, files, operations = (block.splitlines() for block in ran.stdout.split("\n\n"))
    assert "organize\tSort the files of folders into subfolders" in commands
    assert [each.partition("\t")[0] for each in folders] == ["--dest=photos one/", "--dest=photos/"]
    assert {"phone.txt", "photos/"} <= {each.partition("\t")[0] for each in files}
    assert operations[1].startswith("1\torganize [red]$(touch got)")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="there is no zsh")
def test_zsh_says_where_its_start_up_file_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZDOTDIR", raising=False)
    (home.path / ".zshenv").write_text("ZDOTDIR=$HOME/zsh  # not exported\n")
    home("--install-completion", "zsh")
    assert "zsh/.zshrc" in home.files()
    assert home.files()[".zshrc"] == BEFORE
