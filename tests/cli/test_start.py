"""Commands import only what they need. Modules and compiled patterns are counted, not timed."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.cli.screens import Fileorg
    from tests.support.tree import Tree

SCRIPT = """
import atexit, re._compiler as compiler, runpy, sys

patterns = 0
compiled = compiler.compile

def counted(*words):
    global patterns
    patterns += 1
    return compiled(*words)

compiler.compile = counted
atexit.register(lambda: print("loaded", patterns, *sys.modules, file=sys.stderr))
runpy.run_module("fileorg", run_name="__main__")
"""

HEAVY = {
    "asyncio", "concurrent.futures", "dataclasses", "fsspec", "inspect", "jinja2", "logging", "multiprocessing",
    "pickle", "platform", "pydantic", "rich", "s3fs", "socket", "sqlite_utils", "subprocess", "typer",
    "urllib.parse", "watchdog",
}  # fmt: skip
"""Modules that a short run in a pipe does not need; each takes 2 to 100 ms."""


class Start(NamedTuple):
    """The modules and patterns that were loaded at the end of a command."""

    patterns: int
    modules: set[str]

    @property
    def ours(self) -> set[str]:
        return {name for name in self.modules if name.partition(".")[0] == "fileorg"}


def start(fileorg: Fileorg, *words: str, without: str = "COVERAGE", **changes: str) -> Start:
    environment = fileorg.environment(**changes)
    environment = {name: value for name, value in environment.items() if not name.startswith(("COVERAGE", without))}
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words],
        capture_output=True, text=True, cwd=fileorg.folder, env=environment, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    patterns, *modules = ran.stderr.rpartition("loaded ")[2].split()
    return Start(int(patterns), set(modules))


@pytest.fixture
def used(fileorg: Fileorg, mess: Tree) -> Fileorg:
    """The program with a journal that has an undone operation; creating the journal loads sqlite-utils once.

    The names of all files decide their category, so that no content is read.
    """
    mess.path("what").unlink()
    fileorg("organize", "tree")
    fileorg("undo")
    return fileorg


# Modules of fileorg, all modules, compiled patterns: a tenth above the measured numbers.
BOUNDS = {
    "history": (50, 136, 2),
    "history tree/photo.jpg": (54, 140, 2),
    "categorize tree": (86, 181, 13),
    "scan tree": (90, 185, 13),
    "organize tree": (152, 245, 15),
    "redo": (145, 228, 9),
    "dedupe tree": (142, 236, 15),
    "clean tree --empty-files --yes": (150, 234, 14),
    "files 1": (68, 168, 9),
    "purge --dry-run": (110, 210, 9),
    "recover": (104, 200, 8),
}


@pytest.mark.parametrize("line", BOUNDS)
def test_a_command_loads_only_what_it_needs(used: Fileorg, line: str) -> None:
    words = line.split()
    seen = start(used, *words)
    assert seen.modules.isdisjoint(HEAVY | {"pure_magic_rs", "fileorg.content.types"})
    assert {name for name in seen.ours if name.startswith("fileorg.cli.commands.")} <= {
        f"fileorg.cli.commands.{each}" for each in (words[0], "undo")
    }
    ours, modules, patterns = BOUNDS[line]
    assert (len(seen.ours) <= ours, len(seen.modules) <= modules, seen.patterns <= patterns) == (True, True, True), (
        len(seen.ours), len(seen.modules), seen.patterns,
    )  # fmt: skip


@pytest.mark.parametrize(("line", "other"), [("history", "execute"), ("scan tree", "execute"), ("scan tree", "plan")])
def test_who_only_looks_loads_nothing_that_changes(used: Fileorg, line: str, other: str) -> None:
    assert f"fileorg.{other}" not in start(used, *line.split()).modules


def test_the_usual_state_directory_is_found_without_a_library(used: Fileorg) -> None:
    used.home.rename(used.folder / "fileorg")
    seen = start(used, "history", without="FILEORG_HOME", XDG_STATE_HOME=str(used.folder))
    assert seen.modules.isdisjoint({"platformdirs", "pathlib"})


def test_the_version_loads_nothing(fileorg: Fileorg) -> None:
    seen = start(fileorg, "--version")
    assert seen.modules.isdisjoint(HEAVY | {"sqlite3"})
    assert seen.ours == {"fileorg", "fileorg.__main__"} & seen.modules


def test_help_loads_no_core_and_no_rich(fileorg: Fileorg) -> None:
    seen = start(fileorg, "--help")
    assert "typer" in seen.modules
    assert seen.modules.isdisjoint({"rich", "rich.console", "sqlite3", "fileorg.workflows", "fileorg.storage"})


def test_a_worker_loads_little() -> None:
    """A worker process is started for each large run."""
    code = "import sys, fileorg.storage.local.worker; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seen = set(ran.stdout.split())
    assert seen.isdisjoint(HEAVY | {"sqlite3", "json", "fileorg.cli", "fileorg.journal", "fileorg.execute"})
    assert len([name for name in seen if name.startswith("fileorg")]) <= 26
