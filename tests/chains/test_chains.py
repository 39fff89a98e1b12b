"""A fixed set of chains in every test run. `pytest -m slow tests/chains` runs many more.

The number of each slow part is its seed, so a chain can be replayed: `python -m tests.chains --forks --replay 7:12`.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.chains import many
from tests.chains.many import Assignment
from tests.chains.places import Places
from tests.chains.play import play
from tests.chains.steps import draw
from tests.support.parallel import processes
from tests.support.share import SHARE

if TYPE_CHECKING:
    from collections import Counter

_FAST_STEPS = 250
_PARTS = 100
_STEPS_IN_FORKS, _STEPS_AS_PROCESSES = 300_000 // _PARTS, 30_000 // _PARTS
_JOBS = max(1, (os.cpu_count() or 1) // processes())


def test_chains(tally: Counter[str]) -> None:
    judge(Assignment("i", _FAST_STEPS), tally)


def test_a_real_process_counts_its_steps_as_a_fork_does(tally: Counter[str]) -> None:
    judge(Assignment("processes", 6, forks=False, plain=True), tally)


@pytest.mark.parametrize(
    ("control", "about"),
    [("journal after acting", ""), ("shutil.move", "fileorg alone"), ("stray", ""), ("stray", "plans")],
)
def test_a_missing_safeguard_is_found(control: str, about: str) -> None:
    """Negative control: the chains must find a missing safeguard soon."""
    came = many.run(Assignment("0", 300, control=control, about=about, shrink=0, plain=True))
    assert came.found


def test_a_chain_is_the_same_again() -> None:
    """A replay of a printed chain gives the same violations."""
    assert draw("1:1") == draw("1:1") != draw("1:2")
    with Places.opened() as places:
        runner = many.runner_for(Assignment("1", 1), places)
        first, again = (play(draw("1:1"), runner, places) for _ in range(2))
        runner.close()
    assert first.counts == again.counts


def test_the_time_of_a_folder_where_the_disk_refused_a_name_is_set_back_after_a_kill() -> None:
    """A copy had been created and removed there, which only the killed run knew."""
    chain = {
        "root": "tmpfs", "dest": "exfat", "state_inside": False, "max_open": 0, "end": "newest first",
        "tree": [
            {"path": "root/Images/caf\xe9.png", "content": None}, {"path": "dest/Images/x.qqq", "content": None},
            {"path": "root/b/song.mp3", "content": None},
        ],
    }  # fmt: skip
    kill = {"do": "run", "words": ["organize", "-y", "ROOT", "-r", "--dest", "DEST"]}
    with Places.opened() as places:
        if not places.has("exfat"):
            pytest.skip("NOT TESTED: there is no disk of exFAT here")
        runner = many.runner_for(Assignment("1", 1), places)
        steps = [[{**kill, "die_at": number}, {"do": "run", "words": ["recover"]}] for number in range(44, 54)]
        wrong = [play({**chain, "steps": each}, runner, places).wrong for each in steps]
        runner.close()
    assert not [each for each in wrong if each]


def test_the_time_of_a_folder_that_others_changed_between_a_crash_and_its_recovery_stays() -> None:
    """The interrupted operation had listed the folder, but done nothing in it; a later undo set an older time."""
    chain = {
        "root": "tmpfs", "dest": "tmpfs", "state_inside": False, "max_open": 0, "end": "newest first",
        "tree": [
            {"path": "root/Images/.hidden.txt", "content": None, "linked": "root/b.txt"},
            {"path": "root/x.qqq", "content": "", "linked": "root/a.jpg", "private": True},
        ],
    }  # fmt: skip
    copy = ["organize", "-y", "ROOT", "-r", "--include", "*.jpg", "--action", "copy", "--on-conflict", "fail"]
    replace = {
        "do": "act",
        "act": "replace",
        "which": 4,
        "moved": True,
        "keeps_time": True,
        "empty": True,
        "recent": True,
    }
    after = [
        {"do": "run", "words": ["purge", "-y"]},
        {
            "do": "run",
            "words": ["organize", "-y", "ROOT", "--dest", "DEST/new", "-r", "--hidden", "--action", "hardlink"],
        },
        {"do": "run", "words": ["clean", "-y", "ROOT"]},
    ]
    with Places.opened() as places:
        runner = many.runner_for(Assignment("1", 1), places)
        wrong = []
        for number in (19, 20):
            kill = {"do": "run", "words": ["organize", "-y", "ROOT", "--by", "extension", "-r"], "die_at": number}
            steps = [{"do": "run", "words": copy}, kill, replace, *after]
            wrong.append(play({**chain, "steps": steps}, runner, places).wrong)
        runner.close()
    assert not [each for each in wrong if each]


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.skipif(os.geteuid() != 0, reason="NOT TESTED: mounting needs root")
def test_one_that_is_stopped_keeps_its_counts_and_leaves_nothing_mounted(tmp_path: Path, jobs: int) -> None:
    results = tmp_path / "results"
    command = [sys.executable, "-m", "tests.chains", "--forks", "--jobs", str(jobs), "--results", str(results)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, process_group=0) as run:
        children = Path(f"/proc/{run.pid}/task/{run.pid}/children")
        while not (places := [f"fileorg-chains-{child}-" for child in children.read_text().split()]) or not any(
            place in Path("/proc/mounts").read_text() for place in places
        ):
            assert run.poll() is None
            time.sleep(0.1)
        os.killpg(run.pid, signal.SIGINT)
        reported, _ = run.communicate(timeout=60)
    mounts = Path("/proc/mounts").read_text()
    assert not [place for place in places if place in mounts]
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert 0 < len(lines) <= jobs
    if steps := sum(line["counts"].get("steps", 0) for line in lines):
        assert re.search(rf"^steps .* together +{steps}$", reported, re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, _PARTS + 1))
def test_many_chains_in_forks(tally: Counter[str], number: int) -> None:
    judge(Assignment(_seed(number), _STEPS_IN_FORKS // SHARE.of, jobs=_JOBS), tally)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, _PARTS + 1))
def test_many_chains_as_processes(tally: Counter[str], number: int) -> None:
    judge(Assignment(f"p{_seed(number)}", _STEPS_AS_PROCESSES // SHARE.of, jobs=_JOBS, forks=False), tally)


def _seed(number: int) -> str:
    return str(number + (SHARE.number - 1) * _PARTS)


def judge(assignment: Assignment, tally: Counter[str]) -> None:
    came = many.run(assignment)
    how = "in forks" if assignment.forks else "as processes"
    tally[f"chains: steps {how}"] += came.counts["steps"]
    assert not came.violations, "\n".join(many.reported(*one) for one in came.found)
