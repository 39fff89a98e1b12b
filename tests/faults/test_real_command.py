"""`python -m fileorg` itself under strace, from its start, to show that the driver behaves the same."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.faults.case import Case
from tests.faults.process import MUTATING, STRACE
from tests.faults.trees import BY_NAME

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.sweep import Worker, Workers


@pytest.mark.parametrize(
    "fault", ["renameat2:signal=KILL:when=7", "fdatasync:signal=KILL:when=2", "syncfs:signal=KILL"]
)
def test_a_kill_of_the_command(workers: Workers, tally: Counter[str], fault: str) -> None:
    tally["1 kills: organize, undo, redo"] += 1
    assert workers.one(lambda worker: kill_and_undo(worker, fault)) == []


def kill_and_undo(worker: Worker, fault: str) -> list[str]:
    case = Case(BY_NAME["messy"], worker.driver, worker.place)
    traced = [
        STRACE or "strace",
        "-f",
        "-qqq",
        "-o",
        os.devnull,
        "-e",
        f"trace={','.join(MUTATING)}",
        f"--inject={fault}",
    ]
    killed = command(case, [*traced, sys.executable, "-m", "fileorg", *case.organize])
    found = [] if killed.returncode in {-9, 137} else [f"it was not killed: {killed.stdout}"]
    for words in (["recover"], ["undo", "-y"]):
        finished = command(case, [sys.executable, "-m", "fileorg", *words])
        if finished.returncode not in {0, 2}:
            found.append(f"{words} end with {finished.returncode}: {finished.stdout}")
    return found + case.undo_all()


def command(case: Case, words: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **case.request().env, "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        words,
        check=False,
        cwd="/",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
