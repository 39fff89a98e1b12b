"""Own categories in `fileorg.toml`: all commands use them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

TEXT = """\
version = 1

[categories.Games]
extensions = ["nes", "+iso", "+ts"]

[categories.Images]
extensions = ["-svg", "rawx"]

[categories.Fonts]
enabled = false
"""
FILES = {
    "mario.nes": "a",
    "disc.iso": "b",
    "level.ts": "c",
    "logo.svg": "d",
    "shot.rawx": "e",
    "arial.ttf": "f",
    "a.jpg": "g",
}
PLACES = {
    "mario.nes": "Games", "disc.iso": "Games", "level.ts": "Games", "logo.svg": "Other", "shot.rawx": "Images",
    "arial.ttf": "Other", "a.jpg": "Images",
}  # fmt: skip


@pytest.fixture
def config(tmp_path: Path, tree: Tree) -> str:
    tree.write(FILES)
    (tmp_path / "own.toml").write_text(TEXT)
    return str(tmp_path / "own.toml")


def test_organize_moves_to_own_categories(fileorg: Fileorg, config: str, tree: Tree) -> None:
    assert fileorg.inside("organize", "tree", "--config", config, "-q").code == 0
    for name, category in PLACES.items():
        assert (tree.root / ("" if category == "Other" else category) / name).exists(), name
    again = fileorg.inside("organize", "tree", "-r", "-n", FILEORG_CONFIG=config)
    assert "0 files" in again.out, again.out
    assert fileorg.inside("undo", "-q").code == 0
    assert all((tree.root / name).exists() for name in FILES)


def test_all_commands_agree(fileorg: Fileorg, config: str) -> None:
    environment = {"FILEORG_CONFIG": config}
    files = fileorg.inside("categorize", "tree", "--format", "json", **environment).json["files"]
    assert {file["path"].rpartition("/")[2]: file["category"] for file in files} == PLACES
    only = fileorg.inside("categorize", "tree", "--category", "games", "-0", **environment).out
    assert len(only.split("\0")) == 4
    scanned = fileorg.inside("scan", "tree", "--format", "json", **environment).json
    assert {each["category"]: each["files"] for each in scanned["categories"]} == {"Games": 3, "Images": 2, "Other": 2}
    explained = fileorg.inside("explain", "tree/disc.iso", "--format", "json", **environment).json["files"][0]
    assert (explained["category"], explained["new_path"].rpartition("tree/")[2]) == ("Games", "Games/disc.iso")
    report = fileorg.inside("report", "tree", "--format", "csv", "-o", "-", **environment)
    assert ",Games," in report.out, report.out
    assert "Games" not in fileorg.inside("categorize", "tree").out


def test_the_file_is_found_by_itself(fileorg: Fileorg, config: str, tmp_path: Path) -> None:
    (tmp_path / "xdg" / "fileorg").mkdir(parents=True)
    (tmp_path / "own.toml").rename(tmp_path / "xdg" / "fileorg" / "fileorg.toml")
    assert "Games" in fileorg.inside("categorize", "tree", XDG_CONFIG_HOME=str(tmp_path / "xdg")).out
    none = fileorg.inside("categorize", "tree", "--config", "/dev/null", XDG_CONFIG_HOME=str(tmp_path / "xdg"))
    assert "Games" not in none.out


@pytest.mark.parametrize("command", ["organize", "categorize", "scan", "explain"])
def test_nothing_is_done_with_a_file_that_has_a_fault(fileorg: Fileorg, config: str, command: str, tree: Tree) -> None:
    (fileorg.folder / "own.toml").write_text('version = 1\n[categorie.Games]\nextensions = ["nes"]\n')
    before = sorted(tree.root.rglob("*"))
    ran = fileorg.inside(command, "tree", "--config", config, "--format", "json")
    assert ran.code == 2
    assert '"code": "bad-configuration"' in ran.err
    assert "own.toml, line 2: the table or key categorie does not exist." in ran.err
    assert "did you mean categories?" in ran.err
    assert sorted(tree.root.rglob("*")) == before


def test_a_missing_file_is_an_error_only_if_it_was_named(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "a"})
    ran = fileorg.inside("organize", "tree", "-n", "--config", "none.toml")
    assert (ran.code, "none.toml: there is no such file" in ran.err) == (2, True)
    assert fileorg.inside("organize", "tree", "-n").code == 0


@pytest.mark.parametrize("by_rename", [False, True])
def test_a_file_edited_during_the_run_is_reported(
    fileorg: Fileorg, config: str, monkeypatch: pytest.MonkeyPatch, *, by_rename: bool
) -> None:
    from fileorg.plan.organize_plan import OrganizePlan

    survey = OrganizePlan.survey

    def edited(plan: OrganizePlan, *words: object) -> None:
        own = fileorg.folder / "own.toml"
        if by_rename:  # as editors save, with the old time: the file that was read is gone, or a backup now
            before = own.stat()
            own.rename(own.with_suffix(".bak"))
            (fileorg.folder / "new").write_text("version = 1 # of 9 bytes")
            os.utime(fileorg.folder / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
            (fileorg.folder / "new").rename(own)
        else:
            own.write_text("half a fi")
        survey(plan, *words)  # type: ignore[arg-type]

    monkeypatch.setattr(OrganizePlan, "survey", edited)
    ran = fileorg.inside("organize", "tree", "--config", config, "-n")
    assert ran.code == 0, ran.err
    assert "own.toml was edited during the run, which used the content from before" in ran.err
    assert "Games/mario.nes" in ran.out
