"""What waits for the person is left to them, and a plan is carried out only as long as nothing has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from tests.mcp.assistants import Assistant, moves, organize

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.mcp.conftest import World
    from tests.support.tree import Tree


def fileorg(world: World, *words: str) -> str:
    """Return what a command prints that the person runs in a terminal."""
    environment = os.environ | {
        "FILEORG_HOME": str(world.folder / "state"),
        "XDG_CONFIG_HOME": str(world.folder / "settings"),
    }
    program = [sys.executable, "-m", "fileorg", *words]
    return subprocess.run(program, env=environment, capture_output=True, text=True, check=False).stdout


def photos(tree: Tree, count: int) -> None:
    tree.write({f"{number:04}.jpg": str(number) for number in range(count)})


def test_a_large_plan_waits_for_the_person(assistant: Assistant, world: World) -> None:
    tree = world.tree()
    photos(tree, 21)
    plan = assistant("propose_plan", call=organize(tree.root))
    number = plan["plan"]
    for answer in (plan, assistant("apply_plan", plan=number), assistant("apply_plan", plan=number)):
        assert answer["status"] == "waiting"
        assert answer["say"].endswith(f"they do, in a terminal, with: fileorg jobs approve {number}")
    assert len(tree.read()) == 21
    assert "Asked by" in fileorg(world, "jobs", "show", str(number))
    assert "Test client" in fileorg(world, "jobs", "show", str(number))
    fileorg(world, "jobs", "approve", str(number))
    fileorg(world, "jobs", "attach", str(number))
    done = assistant("show_plan", plan=number)
    assert (done["status"], done["files_done"]) == ("done", 21)
    operation = done["operations"][0]
    undo = assistant("undo", operation=operation)
    assert (undo["status"], undo["files"], len(tree.read())) == ("waiting", 21, 21)
    assert assistant("undo", operation=operation, only=[str(tree.root / "Images" / "0001.jpg")])["files_done"] == 1
    assert "organize by Test client" in fileorg(world, "history")


@pytest.mark.slow
def test_63_000_moves_wait_and_are_undone(assistant: Assistant, world: World) -> None:
    tree = world.tree()
    photos(tree, 63_000)
    names = sorted(os.listdir(tree.root))
    rows = [{"path": f"{tree.root}/{name}", "new_path": f"{tree.root}/new/{name}"} for name in names]
    plan = assistant("propose_plan", call={"kind": "rows", "rows": rows})
    assert (plan["files"], plan["status"], len(plan.files["rows"])) == (63_000, "waiting", 20)
    assert assistant("apply_plan", plan=plan["plan"])["status"] == "waiting"
    fileorg(world, "jobs", "approve", str(plan["plan"]))
    fileorg(world, "jobs", "attach", str(plan["plan"]))
    done = assistant("show_plan", plan=plan["plan"], first=62_990, rows=50)
    assert (done["files_done"], done["next"]) == (63_000, None)
    assert len(os.listdir(tree.root / "new")) == 63_000
    fileorg(world, "undo", str(done["operations"][0]), "--yes")
    assert sorted(os.listdir(tree.root)) == names


def test_what_the_person_keeps_waiting_is_not_for_assistants(assistant: Assistant, world: World) -> None:
    tree = world.tree()
    photos(tree, 2)
    assert "waits for your approval" in fileorg(world, "organize", str(tree.root), "--hold", "--yes")
    number = max(range(1, 200), key=lambda each: (world.folder / "state" / f"job-{each}.plan").exists() * each)
    for tool in ("show_plan", "apply_plan", "cancel"):
        assert assistant(tool, plan=number).error["code"] == "unknown-job"
    assert len(tree.read()) == 2


def test_all_plans_may_wait_or_none(world: World) -> None:
    tree = world.tree()
    photos(tree, 3)
    root = ("--root", str(tree.root), "--allow-changes")
    with Assistant(world.folder, *root, "--approve", "always", name="Careful") as careful:
        small = careful("propose_plan", call=moves(tree.root, **{"0001_jpg": "x.jpg"}))["plan"]
        assert careful("apply_plan", plan=small)["status"] == "waiting"
    with Assistant(world.folder, *root, "--approve", "never", "--max-changes", "2", name="Free") as free:
        error = free("propose_plan", call=organize(tree.root)).error
        assert (error["code"], error["hint"][:7]) == ("too-many-changes", "propose")
        assert free("apply_plan", plan=small)["files_done"] == 1
    assert set(tree.read()) == {"0000.jpg", "0002.jpg", "x.jpg"}


def _swap(tree: Tree) -> None:
    tree.path("0001.jpg").rename(tree.path("was.jpg"))
    tree.path("0001.jpg").write_text("1")


def _replace(tree: Tree) -> None:
    tree.root.rename(f"{tree.root}-was")
    tree.root.mkdir()


CHANGES: dict[str, tuple[Callable[[Tree], Any], str]] = {
    "edited": (lambda tree: tree.path("0001.jpg").write_text("other"), "has changed since"),
    "touched": (lambda tree: os.utime(tree.path("0001.jpg"), (1, 1)), "has changed since"),
    "removed": (lambda tree: tree.path("0001.jpg").unlink(), "is not there any more"),
    "another file of its name": (_swap, "has changed since"),
    "its new name is taken": (
        lambda tree: tree.write({"Images/0001.jpg": "new"}),
        "has been taken by another file since",
    ),
    "the folder is another one": (_replace, "is another folder now"),
    "the folder is gone": (lambda tree: tree.root.rename(f"{tree.root}-was"), "cannot be opened now"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_plan_is_refused_whole_if_something_has_changed(assistant: Assistant, world: World, change: str) -> None:
    tree = world.tree()
    photos(tree, 3)
    number = assistant("propose_plan", call=organize(tree.root))["plan"]
    make, why = CHANGES[change]
    make(tree)
    before = sorted(os.walk(world.inside))
    error = assistant("apply_plan", plan=number).error
    assert (error["code"], error["hint"]) == ("plan-refused", "propose the plan again")
    assert why in error["message"]
    assert sorted(os.walk(world.inside)) == before


def test_a_duplicate_is_not_given_up_for_a_keeper_that_has_changed(assistant: Assistant, world: World) -> None:
    tree = world.tree()
    tree.write({"a.jpg": "same", "long name.jpg": "same"})
    call = {"kind": "dedupe", "folders": [str(tree.root)], "keep": ["shortest-name"]}
    number = assistant("propose_plan", call=call)["plan"]
    tree.write({"a.jpg": "else"})
    assert "a.jpg has changed since" in assistant("apply_plan", plan=number).error["message"]
    assert len(tree.read()) == 2
