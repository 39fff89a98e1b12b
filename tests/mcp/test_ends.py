"""Clients side by side, clients that go, servers that are killed: all is journaled, and can be undone."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from tests.mcp.assistants import Assistant, answered, busy, organize
from tests.support.tree import Tree

from fileorg.core.events import NullReporter
from fileorg.core.state import find_state
from fileorg.jobs.found import ENDED, job
from fileorg.workflows.recover import recover_all
from fileorg.workflows.undo import UndoOptions, undoing

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.mcp.conftest import World

_PATIENCE_SECONDS = 120


def wait(reached: Callable[[], Any]) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while not reached():
        assert time.monotonic() < until
        time.sleep(0.02)


def state_of(world: World, number: int) -> str:
    return str(job(find_state(os.fsencode(world.folder / "state")), number).state)


def test_two_clients_at_once(assistant: Assistant, world: World) -> None:
    mine, others = world.tree(), world.tree()
    for tree in (mine, others):
        tree.write({f"{number}.jpg": f"{tree.root}{number}" for number in range(8)})
    with Assistant(world.folder, "--root", str(world.inside), "--allow-changes", name="Second client") as second:
        pairs = [(assistant, mine), (second, others)]
        proposed = [client.begin("propose_plan", call=organize(tree.root)) for client, tree in pairs]
        plans = [answered(each.result(_PATIENCE_SECONDS))["plan"] for each in proposed]
        assert len({*plans}) == 2
        applied = [client.begin("apply_plan", plan=plan) for (client, _), plan in zip(pairs, plans, strict=True)]
        assert [answered(each.result(_PATIENCE_SECONDS))["status"] for each in applied] == ["done", "done"]
        both = [assistant.begin("propose_plan", call=organize(mine.root / "Images")) for _ in range(3)]
        assert [answered(each.result(_PATIENCE_SECONDS)).is_error for each in both] == [False] * 3
        clients = [each["client"] for each in second("history").files["operations"][:2]]
    assert {*clients} == {"Test client", "Second client"}
    assert all(path.startswith("Images/") for tree in (mine, others) for path in tree.read())


def test_a_request_that_is_cancelled_ends_its_job(assistant: Assistant, world: World) -> None:
    tree = world.tree()
    tree.write({"a.jpg": "one"})
    plan = assistant("propose_plan", call=organize(tree.root))["plan"]
    with busy(tree.root):
        request = assistant.begin("apply_plan", plan=plan)
        wait(lambda: state_of(world, plan) == "queued")
        assert assistant("apply_plan", plan=plan).error["code"] == "job-ended"
        request.cancel()
        wait(lambda: state_of(world, plan) == "cancelled")
    assert tree.read() == {"a.jpg": "one"}


def test_what_takes_long_goes_on_in_the_background(assistant: Assistant, world: World) -> None:
    tree = world.tree()
    tree.write({"a.jpg": "one"})
    plan = assistant("propose_plan", call=organize(tree.root))["plan"]
    with busy(tree.root):
        answer = assistant("apply_plan", plan=plan, wait_seconds=0)
        assert (answer["status"], "goes on in the background" in answer["say"]) == ("queued", True)
    wait(lambda: state_of(world, plan) == "done")
    assert assistant("show_plan", plan=plan)["files_done"] == 1


@pytest.mark.parametrize("how", ["closes its end", "is killed with its server"])
def test_a_job_goes_on_without_its_client(world: World, how: str) -> None:
    tree = world.tree()
    tree.write({"a.jpg": "one"})
    with Assistant(world.folder, "--root", str(tree.root), "--allow-changes", name=how) as client:
        plan = client("propose_plan", call=organize(tree.root))["plan"]
        with busy(tree.root):
            client.begin("apply_plan", plan=plan)
            wait(lambda: state_of(world, plan) == "queued")
            if how == "is killed with its server":
                os.kill(client.pid, signal.SIGKILL)
            else:
                client.__exit__()
                wait(lambda: not _is_there(client.pid))
        wait(lambda: state_of(world, plan) == "done")
    assert tree.read() == {"Images/a.jpg": "one"}


def _is_there(pid: int) -> bool:
    with contextlib.suppress(OSError):
        os.kill(pid, 0)
        return True
    return False


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 60))])
def test_a_server_that_is_killed_at_random(tmp_path: Path, seed: int) -> None:
    """Kill the server, or for every other seed the process that moves files, at any moment of `apply_plan`."""
    chance = random.Random(seed)
    tree = Tree(tmp_path / "tree")
    tree.write({f"{number:04}.{'jpg' if number % 2 else 'txt'}": str(number) for number in range(600)})
    before = tree.snapshot()
    with Assistant(tmp_path, "--root", str(tree.root), "--allow-changes", "--max-changes", "1000") as client:
        plan = client("propose_plan", call=organize(tree.root))["plan"]
        client.begin("apply_plan", plan=plan)
        time.sleep(chance.random() * 1.5)
        if seed % 2 == 0:
            found = job(find_state(os.fsencode(tmp_path / "state")), plan)
            if found.is_alive and found.row.attempts:
                with contextlib.suppress(OSError):
                    os.kill(found.row.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            os.kill(client.pid, signal.SIGKILL)
    state = find_state(os.fsencode(tmp_path / "state"))
    wait(lambda: not job(state, plan).is_alive)
    recover_all(state, NullReporter())
    found = job(state, plan)
    for operation in found.operations:
        with undoing(UndoOptions(operation.id), state, NullReporter()) as undo:
            assert not undo.run().problem_count
    assert found.state in ENDED or not found.operations
    assert tree.snapshot() == before
