"""Nothing outside the folders of a server exists for its clients, whatever they write, and whatever is swapped."""

from __future__ import annotations

import base64
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.mcp.assistants import Assistant, organize

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.mcp.conftest import World

PATHS: dict[str, Callable[[World], Any]] = {
    "the neighbour": lambda world: str(world.outside),
    "the folder above": lambda world: str(world.folder),
    "the root of the system": lambda _: "/",
    "two dots": lambda _: "..",
    "two dots after a folder": lambda _: "deep/../../outside",
    "two dots after the root": lambda world: f"{world.inside}/../outside",
    "two dots that lead back": lambda world: f"{world.inside}/../inside",
    "many two dots": lambda _: "../" * 40 + "etc",
    "a path of the system": lambda _: "/etc",
    "the same with slashes": lambda _: "//etc//",
    "a name that begins like the folder": lambda world: f"{world.inside}-neighbour",
    "a symlink to the neighbour": lambda _: "link-out",
    "a symlink to a symlink": lambda _: "link-to-link",
    "behind a symlink": lambda _: "link-out/below",
    "a symlink that leads nowhere outside": lambda _: "link-nowhere",
    "the file system of processes": lambda _: f"/proc/self/cwd{os.sep}",
    "a descriptor": lambda _: "/dev/fd/0",
    "base 64 of the neighbour": lambda world: {"path_b64": base64.b64encode(bytes(world.outside)).decode()},
    "base 64 of two dots": lambda _: {"path_b64": base64.b64encode(b"../outside").decode()},
    "a store": lambda _: "s3://bucket/folder",
    "what is not there": lambda world: str(world.folder / "nowhere"),
    "the state": lambda world: str(world.folder / "state"),
}
PLAIN_NAMES = {
    "percent signs": "%2e%2e/outside",
    "a URL of a file": "file:/etc",
    "a tilde": "~",
    "dots of another alphabet": "\u2024\u2024/outside",
    "an option": "--root=/",
}


@pytest.fixture(scope="module", autouse=True)
def _links(world: World) -> None:
    (world.inside / "deep").mkdir()
    (world.outside / "below").mkdir()
    (world.folder / "inside-neighbour").mkdir()
    (world.inside / "link-out").symlink_to(world.outside)
    (world.inside / "link-to-link").symlink_to("link-out")
    (world.inside / "link-nowhere").symlink_to(world.outside / "nowhere")


@pytest.mark.parametrize("name", PATHS)
def test_all_paths_outside_look_alike(assistant: Assistant, world: World, name: str) -> None:
    path = PATHS[name](world)
    before = sorted(os.walk(world.outside))
    for tool, arguments in (
        ("list", {"folder": path}),
        ("propose_plan", {"call": {"kind": "organize", "folder": "deep", "dest": path}}),
        ("explain", {"files": [f"{path}/secret.txt" if isinstance(path, str) else path]}),
    ):
        error = assistant(tool, **arguments).error
        assert error["code"] == "outside", error
        assert error["message"].endswith(" is not in a folder that may be used here.")
        assert error["hint"] == f"use a path in one of the folders of this server: {world.inside}"
        assert "secret" not in json.dumps(error) or tool == "explain"
    assert sorted(os.walk(world.outside)) == before


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_what_only_looks_like_a_way_out_is_a_name(assistant: Assistant, name: str) -> None:
    assert assistant("scan", folder=PLAIN_NAMES[name]).error["code"] == "no-such-path"


def test_rows_stay_inside(assistant: Assistant, world: World) -> None:
    tree = world.tree()
    tree.write({"a.txt": "one", "b.txt": "two", "link": f"-> {world.outside}"})
    ways = [str(world.outside), "../../outside", f"{tree.root}/link", f"{tree.root}/../../outside", "/etc"]
    rows = [{"path": f"{tree.root}/a.txt", "new_path": f"{way}/a.txt", "action": "copy"} for way in ways]
    rows += [{"path": f"{way}/secret.txt", "new_path": f"{tree.root}/got.txt", "action": "copy"} for way in ways]
    rows.append({"path": f"{tree.root}/link/secret.txt", "new_path": f"{tree.root}/got.txt", "action": "move"})
    refused = assistant("propose_plan", call={"kind": "rows", "rows": rows})
    assert refused.error["code"] == "plan-refused"
    assert {each["line"] for each in refused.files["refused_rows"]} == {*range(1, len(rows) + 1)}
    assert sorted(os.listdir(world.outside)) == ["below", "secret.txt"]
    assert set(tree.read()) == {"a.txt", "b.txt", "link"}


def test_a_plan_of_a_symlink_that_is_swapped_before_it_is_applied(assistant: Assistant, world: World) -> None:
    tree = world.tree()
    tree.write({"in/a.jpg": "one"})
    plan = assistant("propose_plan", call=organize(tree.root / "in"))["plan"]
    (tree.root / "in").rename(tree.root / "was")
    (tree.root / "in").symlink_to(world.outside)
    error = assistant("apply_plan", plan=plan).error
    assert error["code"] == "plan-refused"
    assert sorted(os.listdir(world.outside)) == ["below", "secret.txt"]


def test_symlinks_that_are_swapped_meanwhile(assistant: Assistant, world: World) -> None:
    tree = world.tree()
    tree.write({"real/secret.txt": "mine", "spare/": ""})
    (tree.root / "swapped").symlink_to(world.outside)
    done = threading.Event()

    def swap() -> None:
        link, real = tree.root / "swapped", tree.root / "real"
        while not done.is_set():
            link.unlink()
            real.rename(link)
            link.rename(real)
            link.symlink_to(world.outside)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(4):
            found = assistant("list", folder=str(tree.root / "swapped"))
            if not found.is_error:
                assert all(str(world.outside) not in each["path"] for each in found.files["files"])
            plan = assistant("propose_plan", call=organize(tree.root / "swapped"))
            if not plan.is_error and plan["plan"] is not None:
                assistant("apply_plan", plan=plan["plan"])
    finally:
        done.set()
        thread.join()
    assert sorted(os.listdir(world.outside)) == ["below", "secret.txt"]


def test_operations_and_plans_of_other_folders_do_not_exist(assistant: Assistant, world: World) -> None:
    with Assistant(
        world.folder, "--root", str(world.folder / "inside-neighbour"), "--allow-changes", name="Other"
    ) as other:
        (world.folder / "inside-neighbour" / "a.jpg").write_text("one")
        waiting = other("propose_plan", call=organize(world.folder / "inside-neighbour"))["plan"]
        for tool in ("show_plan", "apply_plan", "cancel"):
            assert assistant(tool, plan=waiting).error["code"] == "unknown-job"
        operation = other("apply_plan", plan=waiting)["operations"][0]
    for tool in ("undo", "report"):
        assert assistant(tool, operation=operation).error["code"] == "unknown-operation"
    assert operation not in [each["operation"] for each in assistant("history").files["operations"]]
