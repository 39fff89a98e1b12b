"""An empty path, from an unset variable of a script, is refused everywhere: it is never the current directory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from fileorg.cli.commands import COMMANDS, function_of
from fileorg.cli.parameters import PATHS, Argument, declarations
from fileorg.core.errors import UsageError
from fileorg.workflows.guards import existing_folder

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.runs import Runs
    from tests.support.tree import Tree

NO_PATHS = {
    "PATTERN", "SIZE", "TIME", "[TIME]", "AGE", "TEXT", "CATEGORY", "NAME", "EXT", "N", "OP", "URL",
    "WHEN", "[WHEN]", "ZONE",
}  # fmt: skip
"""The metavars of the other values that are text."""


STEPS = {"rules": ["import"], "categories": ["list"], "import": ["--dest", "new"]}
"""The first words of commands that have several steps, or an option that is required."""


def parameters() -> list[tuple[str, str, str, bool]]:
    """Return command, name of a text parameter, its metavar, and whether it is an argument."""
    found = []
    for command in COMMANDS:
        function: Any = function_of(command)
        for _, kind, parameter in declarations(function):
            if kind in (str, str | None, list[str], list[str] | None):
                name = max(parameter.names, key=len, default="")
                found.append((command, name, parameter.details["metavar"], isinstance(parameter, Argument)))
    return found


TAKING_PATHS = [(command, name) for command, name, metavar, _ in parameters() if metavar in PATHS]


def test_each_text_is_known_as_a_path_or_not() -> None:
    assert {metavar for _, _, metavar, _ in parameters()} <= set(PATHS) | NO_PATHS
    assert len(TAKING_PATHS) > 30


@pytest.mark.parametrize("blank", ["", " ", "\t"], ids=["empty", "space", "tab"])
@pytest.mark.parametrize(("command", "name"), TAKING_PATHS)
def test_a_blank_path_is_refused(fileorg: Fileorg, mess: Tree, command: str, name: str, blank: str) -> None:
    before = mess.snapshot()
    arguments = sum(each == command and is_argument for each, _, _, is_argument in parameters())
    words = [f"{name}={blank}", *["tree"] * arguments] if name else [blank] * arguments
    ran = fileorg.inside(command, *STEPS.get(command, []), *words)
    assert (ran.code, ran.out) == (2, "")
    assert " is empty: no path was given." in ran.err
    assert mess.snapshot() == before
    assert not fileorg.home.exists()


def test_a_blank_path_among_others_is_refused(fileorg: Fileorg, mess: Tree) -> None:
    for words in (("scan", "tree", ""), ("dedupe", "", "tree"), ("explain", "tree/photo.jpg", "")):
        assert fileorg.inside(*words).err.startswith("fileorg: PATH is empty: no path was given.\nHint: ")


@pytest.mark.parametrize("command", [["organize", "tree"], ["history"], ["undo"], ["scan", "tree"], ["purge", "-n"]])
def test_a_blank_variable_is_refused(fileorg: Fileorg, mess: Tree, command: list[str]) -> None:
    for blank in ("", "  "):
        ran = fileorg.inside(*command, FILEORG_HOME=blank)
        assert (ran.code, ran.out) == (2, "")
        assert " is empty: no path was given." in ran.err


def test_the_current_directory_is_not_sorted(fileorg: Fileorg) -> None:
    (fileorg.folder / "photo.jpg").write_text("jpg")
    assert fileorg("organize", "").code == 2
    assert sorted(path.name for path in fileorg.folder.iterdir()) == ["photo.jpg"]


def test_names_of_spaces_have_a_spelling(fileorg: Fileorg) -> None:
    (fileorg.folder / " ").mkdir()
    (fileorg.folder / " " / "photo.jpg").write_text("jpg")
    assert fileorg("organize", "./ ").code == 0
    assert (fileorg.folder / " " / "Images" / "photo.jpg").exists()


def test_python_callers_are_refused_too(runs: Runs) -> None:
    with pytest.raises(UsageError, match="PATH is empty"):
        existing_folder(b"")
    for options in ({"root": b""}, {"dest": b""}):
        with pytest.raises(UsageError, match="is empty"):
            runs.organize(**options)
