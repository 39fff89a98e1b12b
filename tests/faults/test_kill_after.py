"""A run that is ended by its hard limit: its job says so, and goes on afterwards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.faults.case import Case
from tests.faults.trees import BY_NAME

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.sweep import Worker, Workers


def test_a_job_that_takes_too_long_is_ended_and_says_so(workers: Workers, tally: Counter[str]) -> None:
    tally["1 kills: by --kill-after"] += 1
    assert workers.one(_end_in_a_rename) == []


def _end_in_a_rename(worker: Worker) -> list[str]:
    """End a command in a system call that takes four seconds; return what is wrong then."""
    case = Case(BY_NAME["messy"], worker.driver, worker.place)
    words = [*case.organize, "--kill-after", "1s"]
    ended = case.with_faults(words, ["renameat2:delay_enter=4000000:when=3"])
    found = [] if ended.code == 1 else [f"it ends with {ended.code}: {ended.output}"]
    if "It took longer than 1 s (--kill-after)" not in ended.output:
        found.append(ended.output)
    shown = json.loads(case.run("jobs", "show", "1", "-f", "json").output)
    found += case.recover()
    after = json.loads(case.run("jobs", "show", "1", "-f", "json").output)
    for said in (shown, after):
        if said["status"] != "failed" or "--kill-after" not in said["reason"]:
            found.append(str(said))
    resumed = case.run("jobs", "retry", "1")  # it has the same limit, and is not slow now
    found += [] if resumed.code == 0 else [resumed.output]
    return found + case.check_settled() + case.undo_all()
