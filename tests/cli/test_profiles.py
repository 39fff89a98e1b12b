"""`--profile NAME`: the root and the options of a profile, with those of the command line before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fileorg.cli.commands.clean import clean
from fileorg.cli.commands.dedupe import dedupe
from fileorg.cli.commands.organize import organize
from fileorg.cli.parameters import option_names
from fileorg.cli.profile import with_profile
from fileorg.rules.config_check import OPTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

TEXT = """\
version = 1

[[rule]]
name = "pdf"
tags = ["nightly"]
when = { ext = "pdf" }
to = "Papers"

[[rule]]
name = "rest"
to = "Rest"

[profile.downloads]
root = "tree"
template = "{extension}"
recursive = true
on_conflict = "skip"
exclude = ["*.tmp", "*.log"]
max_changes = 100
keep = "oldest"
tags = ["nightly"]

[profile.photos]
root = "tree"
by = "date"
timezone = "Europe/Berlin"
by_content = true
remove_empty = true
recursive = true

[profile.two]
root = ["tree", "more"]
"""


@pytest.fixture
def config(tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> str:
    tree.write({"a.jpg": "a", "sub/b.jpg": "b", "c.tmp": "c"})
    (tmp_path / "own.toml").write_text(TEXT)
    monkeypatch.setenv("FILEORG_CONFIG", str(tmp_path / "own.toml"))
    monkeypatch.chdir(tmp_path)
    return str(tmp_path / "own.toml")


PLAIN = ["--template={extension}", "--recursive", "--on-conflict=skip", "--exclude=*.tmp", "--exclude=*.log"]
LAST = ["--max-changes=100"]
ASKED = ["--profile", "downloads"]


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (ASKED, [*PLAIN, *LAST, *ASKED, "tree"]),
        ([*ASKED, "other"], [*PLAIN, *LAST, *ASKED, "other"]),
        ([*ASKED, "--by", "date", "-n"], [*PLAIN[1:], *LAST, *ASKED, "--by", "date", "-n", "tree"]),
        ([*ASKED, "--exclude=x", "-rn"], [PLAIN[0], PLAIN[2], *LAST, *ASKED, "--exclude=x", "-rn", "tree"]),
        (["--profile=downloads", "-no", "out"], [*PLAIN, *LAST, "--profile=downloads", "-no", "out", "tree"]),
        ([*ASKED, "--", "-x"], [*PLAIN, *LAST, *ASKED, "--", "-x"]),
    ],
)
def test_words_of_the_command_line_win(config: str, words: list[str], result: list[str]) -> None:
    assert with_profile(organize, words) == result  # type: ignore[arg-type]


def test_options_on_content_and_dates(config: str) -> None:
    asked = ["--profile", "photos"]
    kept = ["--by-content", "--remove-empty", "--recursive"]
    both = ["--by=date", "--timezone=Europe/Berlin"]
    assert with_profile(organize, asked) == [*both, *kept, *asked, "tree"]  # type: ignore[arg-type]
    other = [*asked, "--by-name"]
    assert with_profile(organize, other) == [*both, *kept[1:], *other, "tree"]  # type: ignore[arg-type]
    other = [*asked, "--by", "extension"]
    assert with_profile(organize, other) == [*kept, *other, "tree"]  # type: ignore[arg-type]


def test_a_command_takes_the_options_that_it_has(config: str) -> None:
    common = ["--exclude=*.tmp", "--exclude=*.log", "--max-changes=100"]
    assert with_profile(dedupe, ASKED) == [*common, "--keep=oldest", *ASKED, "tree"]  # type: ignore[arg-type]
    assert with_profile(clean, ASKED) == [*common, *ASKED, "tree"]  # type: ignore[arg-type]


def test_each_option_of_a_profile_is_one_of_a_command() -> None:
    names = [set(option_names(command)) for command in (organize, dedupe, clean)]  # type: ignore[arg-type]
    assert OPTIONS.keys() <= set().union(*names)


def test_organize_with_a_profile(fileorg: Fileorg, config: str, tree: Tree) -> None:
    ran = fileorg.inside("organize", "--profile", "downloads", "-n", "--by", "category", "--format", "json")
    assert ran.code == 0, ran.err
    assert ran.json["root"] == str(tree.root)
    assert not any(row["path"].endswith("tmp") for row in ran.json["rows"] if row["path"])
    assert fileorg.inside("dedupe", "--profile", "two", "-n", "--action", "quarantine").code == 2  # no folder `more`


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["organize", "--profile", "download"], "There is no profile download.", "did you mean downloads?"),
        (["clean", "--profile=x", "tree"], "There is no profile x.", "write one of: downloads, photos, two"),
        (["organize", "--profile", "two"], "There is no folder more.", "check the spelling"),
        (["organize", "--profile", "x", "--config", "/dev/null"], "There is no profile x.", "[profile.NAME]"),
    ],
)
def test_a_profile_that_cannot_be_used(
    fileorg: Fileorg, config: str, words: list[str], message: str, hint: str
) -> None:
    ran = fileorg.inside(*words)
    err = " ".join(ran.err.split())
    assert (ran.code, message in err, hint in err) == (2, True, True), ran.err


def test_duplicates_of_some_files_go_to_the_trash(fileorg: Fileorg, tree: Tree, tmp_path: Path) -> None:
    """Need 34: rules do not compare contents; a profile of dedupe says which duplicates go to the trash."""
    tree.write({"a.jpg": "same", "b.jpg": "same", "keep/c.jpg": "same", "a.pdf": "other", "b.pdf": "other"})
    text = f'version = 1\n[profile.photos]\nroot = "{tree.root}"\naction = "quarantine"\nprotect = ["keep/"]\n'
    (tmp_path / "own.toml").write_text(text + 'include = ["*.jpg"]\n')
    ran = fileorg("dedupe", "--profile", "photos", "--config", tmp_path / "own.toml", "-y")
    assert ran.code == 0, ran.err
    assert {path for path in tree.read() if not path.startswith(".fileorg")} == {"keep/c.jpg", "a.pdf", "b.pdf"}
    assert fileorg("undo", "-y").code == 0
    assert set(tree.read()) == {"a.jpg", "b.jpg", "keep/c.jpg", "a.pdf", "b.pdf"}


def test_rules_move_files_of_a_category_here_and_elsewhere(fileorg: Fileorg, tree: Tree, tmp_path: Path) -> None:
    tree.write({"a.pdf": "1", "b.txt": "2", "c.jpg": "3"})
    rule = f'version = 1\n[[rule]]\nwhen = {{ ext = "pdf" }}\nto = "{tmp_path}/other/{{category}}"\n'
    (tmp_path / "own.toml").write_text(rule)
    for words in (["-n"], ["-y"]):
        ran = fileorg.inside("organize", *words, "tree", "--config", "own.toml")
        assert [line.split() for line in ran.out.splitlines() if line.startswith("  Documents")] == [
            ["Documents", "2", "2", "B", "2", "folders"]
        ]
    assert (tmp_path / "other/Documents/a.pdf").read_text() == "1"


@pytest.mark.parametrize(
    ("rules", "verb"),
    [
        ([("pdf", "copy")], "copied"),
        ([("pdf", "symlink"), ("txt", "symlink")], "symlinked"),
        ([("pdf", "hardlink"), ("txt", "copy")], "organized"),
        ([("pdf", "move"), ("tar", "copy")], "moved"),
    ],
)
def test_the_summary_says_what_rules_do(
    fileorg: Fileorg, tree: Tree, tmp_path: Path, rules: list[tuple[str, str]], verb: str
) -> None:
    """The folder of a category is no target here, so nothing but the rules counts."""
    tree.write({"a.pdf": "1", "b.txt": "2"})
    shown = "".join(f'[[rule]]\nwhen = {{ ext = "{ext}" }}\nto = "x"\naction = "{way}"\n' for ext, way in rules)
    (tmp_path / "own.toml").write_text(f"version = 1\n{shown}[[rule]]\nkeep = true\n")
    ran = fileorg.inside("organize", "-n", "tree", "--config", "own.toml")
    assert f" would be {verb}." in ran.out
    ran = fileorg.inside("organize", "-y", "tree", "--config", "own.toml")
    assert f"{verb.capitalize()} {'2 files' if len(rules) > 1 and verb != 'moved' else '1 file'} " in ran.out
