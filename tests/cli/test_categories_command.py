"""`fileorg categories`: changes of `fileorg.toml`, and taking them back."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.core.state import open_state
from fileorg.workflows import categories as workflow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg, Ran
    from tests.support.tree import Tree

TEXT = """\
# mine
version = 1

[categories.Games]  # retro
extensions = ["nes"]

# about rules
[[rule]]
when = { category = "Games" }
to = "Play"
"""


class Edits:
    """The command on one file, in this process."""

    def __init__(self, fileorg: Fileorg, file: Path) -> None:
        self._fileorg = fileorg
        self.file = file

    def __call__(self, *words: str) -> Ran:
        return self._fileorg.inside("categories", *words, "--config", str(self.file))

    @property
    def text(self) -> str:
        return self.file.read_text()


@pytest.fixture
def edits(fileorg: Fileorg, tmp_path: Path) -> Edits:
    (tmp_path / "own.toml").write_text(TEXT)
    return Edits(fileorg, tmp_path / "own.toml")


def test_changes_and_back(edits: Edits) -> None:
    assert edits("edit", "games", "+ISO", ".gba", "--without", "nes").code == 0
    assert 'extensions = ["+iso", "gba"]' in edits.text
    assert edits("add", "Books", "q9").code == 0
    assert edits("edit", "Images", "rawx", "--without", "svg").code == 0
    assert 'extensions = ["rawx", "-svg"]' in edits.text
    assert edits("remove", "fonts").code == 0
    assert "[categories.Fonts]" in edits.text
    assert "Took back the change 4 (remove Fonts)" in edits("restore").out
    assert "Took back the change 1 (edit Games)" in edits("restore", "games").out
    assert 'Games]  # retro\nextensions = ["nes"]\n' in edits.text
    edits("restore")
    edits("restore")
    assert edits.text == TEXT
    assert "Nothing to take back" in edits("restore").out
    changes = edits("changes", "--format", "json").json["changes"]
    assert [(each["kind"], each["restores"]) for each in changes[:3]] == [
        ("restore", 2),
        ("restore", 3),
        ("restore", 1),
    ]


def test_a_change_is_no_operation(edits: Edits, fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "a"})
    fileorg.inside("organize", "tree", "-q")
    edits("edit", "Games", "gba")
    assert "operation 1" in fileorg.inside("undo").out.lower()
    assert (tree.root / "a.jpg").exists()
    assert "gba" in edits.text
    assert fileorg.inside("history").out.count("organize") == 1


def test_an_edit_by_hand_is_kept(edits: Edits) -> None:
    edits("edit", "Games", "gba")
    edits.file.write_text(edits.text.replace("# about", "# more about"))
    assert edits("restore").code == 0
    assert edits.text == TEXT.replace("# about", "# more about")
    edits("edit", "Games", "gba")
    edits.file.write_text(edits.text.replace('"gba"', '"gba", "sfc"'))
    ran = edits("restore")
    assert (ran.code, "was edited in" in ran.err) == (5, True)
    assert "sfc" in edits.text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["add", "Games", "x"], "There is a category Games already."),
        (["add", "images", "x"], "There is a category Images already."),
        (["add", "a/b", "x"], "holds a slash"),
        (["add", "..", "x"], "ends with a period"),
        (["add", "a\nb", "x"], "cannot be displayed"),
        (["add", "a\x7fb", "x"], "cannot be displayed"),
        (["add", "a\udcffb", "x"], "is not UTF-8"),
        (["add", "New", "a b"], "holds a blank"),
        (["add", "New", "iso"], "The extension iso of New belongs to Disk images."),
        (["add", "New"], "add requires extensions."),
        (["edit", "Gams", "x"], "Unknown category: Gams."),
        (["remove", "Games"], "The category Games does not exist."),
        (["remove", "Other"], "cannot be changed"),
        (["remove", "Games", "x"], "remove takes no x."),
        (["show"], "show requires the name of a category."),
        (["list", "--without", "x"], "--without requires edit, not list."),
    ],
)
def test_what_is_wrong_changes_nothing(edits: Edits, words: list[str], message: str) -> None:
    """Removing Games is wrong because a rule needs it."""
    ran = edits(*words)
    assert (ran.code, message in ran.err, edits.text == TEXT) == (2, True, True), ran.err
    assert "Hint: " in ran.err
    assert list(edits.file.parent.glob("*.tmp")) == []


def test_the_file_is_made_and_removed_again(edits: Edits, tmp_path: Path) -> None:
    edits.file = tmp_path / "deep" / "new.toml"
    assert edits("add", "Games", "nes").code == 0
    assert edits.text == 'version = 1\n\n[categories.Games]\nextensions = ["nes"]\n'
    assert edits("restore").code == 0
    assert not edits.file.exists()


def test_a_symlink_and_the_mode_of_its_file_stay(edits: Edits, tmp_path: Path) -> None:
    edits.file.chmod(0o640)
    (tmp_path / "link.toml").symlink_to("own.toml")
    kept, edits.file = edits.file, tmp_path / "link.toml"
    edits("edit", "Games", "gba")
    assert edits.file.is_symlink()
    assert (kept.stat().st_mode & 0o777, "gba" in kept.read_text()) == (0o640, True)


def test_a_file_with_a_fault_is_not_edited(edits: Edits) -> None:
    edits.file.write_text("version = 1\n[categorie.A]\n")
    ran = edits("edit", "Images", "q9")
    assert (ran.code, "own.toml, line 2" in ran.err) == (2, True)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_change_that_was_killed(edits: Edits, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, when: str) -> None:
    """The content of the file decides whether the change was made."""
    replace = workflow._replace

    def killed(file: workflow.ConfigurationFile, after: bytes | None) -> None:
        if when == "after":
            replace(file, after)
        raise KeyboardInterrupt

    path, state = os.fsencode(edits.file), open_state(os.fsencode(tmp_path / "state"))
    monkeypatch.setattr(workflow, "_replace", killed)
    with pytest.raises(KeyboardInterrupt):
        workflow.change_configuration(path, "edit", "Games", lambda text: text.replace('"nes"', '"gba"'), state)
    monkeypatch.undo()
    assert ('"gba"' in edits.text) == (when == "after")
    restored = workflow.restore_category(path, None, state)
    assert (restored is None) == (when == "before")
    assert edits.text == TEXT


def test_show(edits: Edits) -> None:
    assert edits("show", "games").out == "Games (your own)\n  nes\n"
    listed = edits("--format", "json").json["categories"]
    games = next(each for each in listed if each["name"] == "Games")
    assert games == {"id": "games", "name": "Games", "extensions": ["nes"], "is_custom": True}
    assert next(each for each in listed if each["id"] == "disk-images")["is_custom"] is False
