"""Errors that pass: the files are tried again after the computed waits, and nothing else changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.faults import laws
from tests.faults.process import MUTATING
from tests.faults.sweep import spread
from tests.faults.test_kills import course_of
from tests.faults.trees import BY_NAME
from tests.support.share import part

if TYPE_CHECKING:
    from collections import Counter

    from tests.faults.process import Call
    from tests.faults.sweep import Course, Worker, Workers
    from tests.support.snapshot import Snapshot

WAITS = [0.1875, 0.75, 3.0]
"""The waits for a batch, if each random half is half as long as it may be."""
_READS = (*MUTATING, "preadv", "preadv2")
_BOTH_READS = "preadv,preadv2"


def run_with(
    worker: Worker, course: Course, faults: list[str], *, on_network: bool = False
) -> tuple[int, str, list[float], list[str]]:
    """Return exit code, output and waits of the command, and violations up to the undo of all."""
    case, words = course.sweep.ready(worker)
    request = case.request(*words)
    request.on_network = on_network
    finished = worker.driver.traced(request, [*course.sweep.scenario.others, *faults], _READS)
    waits = worker.driver.waits
    found = laws.honest(finished.code, finished.output)
    if finished.code == 0:
        found += [f"not as without the error: {path!r}" for path in _differing(case.snapshot(), course.after)]
    return finished.code, finished.output, waits, found + case.check_settled() + case.undo_all()


@pytest.mark.parametrize("error", ["EBUSY", "EAGAIN", "ESTALE"])
@pytest.mark.parametrize("scenario", ["messy", "clean in batches"])
def test_a_rename_that_fails_once_is_done_after_one_wait(
    workers: Workers, tally: Counter[str], scenario: str, error: str
) -> None:
    course = course_of(workers, BY_NAME[scenario], "organize")
    tally["2 failing calls: that pass"] += 1
    code, output, waits, found = workers.one(
        partial(run_with, course=course, faults=[f"renameat2:error={error}:when=2"])
    )
    assert (code, waits, found) == (0, WAITS[:1], []), output


def test_a_symlink_that_is_busy_once_is_rewritten_after_one_wait(workers: Workers, tally: Counter[str]) -> None:
    """At each step of the rewrite: the new link, the exchange, and the way of the old one to the trash."""
    course = course_of(workers, BY_NAME["symlinks to what moves"], "organize")
    made = next(call for call in course.calls if call.name == "symlinkat" and call.about == "user")
    before = sum(call.name == "renameat2" for call in course.calls[: course.calls.index(made)])
    steps = [(made.name, made.number), ("renameat2", before + 1), ("renameat2", before + 2)]
    tally["2 failing calls: that pass"] += len(steps)
    for name, number in steps:
        code, output, waits, found = workers.one(
            partial(run_with, course=course, faults=[f"{name}:error=EBUSY:when={number}"])
        )
        assert (code, waits, found) == (0, WAITS[:1], []), (name, number, output)


def test_folders_in_one_that_is_busy_once_are_made_after_one_wait(workers: Workers, tally: Counter[str]) -> None:
    """The folders of the trash are made together, one in the other, for the symlink that is rewritten."""
    course = course_of(workers, BY_NAME["messy"], "organize")
    made = next(call for call in course.calls if call.name == "symlinkat" and call.about == "user")
    before = [call for call in course.calls[: course.calls.index(made)] if call.name == "mkdirat"]
    for call in before[-3:]:
        tally["2 failing calls: that pass"] += 1
        code, output, waits, found = workers.one(
            partial(run_with, course=course, faults=[f"mkdirat:error=EBUSY:when={call.number}"])
        )
        assert (code, waits, found) == (0, WAITS[:1], []), (call, output)


def test_a_file_that_stays_busy_is_named_after_all_tries(workers: Workers, tally: Counter[str]) -> None:
    course = course_of(workers, BY_NAME["messy"], "organize")
    tally["2 failing calls: that pass"] += 1
    code, output, waits, found = workers.one(partial(run_with, course=course, faults=["renameat2:error=EBUSY:when=2+"]))
    # Six series of this batch fail: the trouble lasts, so later ones wait only once.
    assert (code, waits, found) == (1, [*WAITS, *WAITS[:2], *WAITS[:1] * 4], [])
    assert "Device or resource busy" in output


def test_a_read_that_fails_on_a_network_mount_is_repeated(workers: Workers, tally: Counter[str]) -> None:
    course = course_of(workers, BY_NAME["copy across devices"], "organize")
    tally["2 failing calls: that pass"] += 1
    faults = [f"{_BOTH_READS}:error=EIO:when=2"]
    code, output, waits, found = workers.one(partial(run_with, course=course, faults=faults, on_network=True))
    assert (code, waits, found) == (0, WAITS[:1], []), output
    code, output, waits, found = workers.one(partial(run_with, course=course, faults=faults))
    assert (code, waits, found) == (1, [], []), output
    assert "Input/output error" in output


@pytest.mark.parametrize("error", ["EIO", "EBUSY"])
def test_a_flush_that_failed_is_not_repeated(workers: Workers, tally: Counter[str], error: str) -> None:
    course = course_of(workers, BY_NAME["copy across devices"], "organize")
    tally["2 failing calls: that pass"] += 1
    flush = next(call for call in course.calls if call.name == "fsync" and call.about == "user")
    faults = [f"fsync:error={error}:when={flush.number}"]
    code, output, waits, found = workers.one(partial(run_with, course=course, faults=faults, on_network=True))
    assert (code, waits, found) == (1, [], []), output


def _differing(one: Snapshot, other: Snapshot) -> list[bytes]:
    """Return the paths of files that only one tree has, or with another content."""
    found = {(path, node.kind, node.content) for path, node in one.items()}
    return [path for path, *_ in found ^ {(path, node.kind, node.content) for path, node in other.items()}]


_KINDS = (
    "messy",
    "across devices",
    "copy",
    "groups in batches",
    "hard links",
    "symlinks",
    "no renameat2",
    "quarantine",
)


_TRIED_AGAIN = frozenset({"renameat2", "linkat", "symlinkat", "openat"})
"""The steps of files that are tried again. Attributes and times that cannot be set are only reported."""


def _fail_and_kill(worker: Worker, course: Course, call: Call, then: Call) -> list[str]:
    """Let one call fail by an error that passes, and kill the command at a later one."""
    case, words = course.sweep.ready(worker)
    finished = case.with_faults(words, [f"{call.name}:error=EBUSY:when={call.number}", then.kill])
    found = [] if finished.code in {-9, 0, 1} else [f"it ends with {finished.code}: {finished.output}"]
    return found + case.check_wreck(course.before, course.after, 2) + course.aftermath(case, then.number)


def _points(course: Course, limit: int | None) -> list[tuple[Call, Call]]:
    """Return pairs of a call that fails, and one of the next of another name: strace counts each name once."""
    user = [call for call in course.calls if call.about == "user"]
    points = []
    for number, call in enumerate(user):
        if call.name not in _TRIED_AGAIN:
            continue
        later = [then for then in user[number + 1 :] if then.name != call.name]
        points += [(call, then) for then in later[:3]]
    if limit is None:
        return part(points)
    chosen = spread([call for call, _ in points], limit)
    return [next(point for point in points if point[0] is call) for call in chosen]


def _sweep(workers: Workers, tally: Counter[str], scenario: str, command: str, limit: int | None) -> None:
    course = course_of(workers, BY_NAME[scenario], command)
    points = _points(course, limit)
    tally["2 failing calls: that pass, then a kill"] += len(points)
    tasks = [partial(_fail_and_kill, course=course, call=call, then=then) for call, then in points]
    found = [
        f"{course.sweep}: EBUSY at {call}, killed at {then}: {violation}"
        for (call, then), violations in zip(points, workers.each(tasks), strict=True)
        for violation in violations
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scenario", ["across devices", "groups in batches", "quarantine"])
def test_a_kill_after_an_error_that_passes(workers: Workers, tally: Counter[str], scenario: str) -> None:
    _sweep(workers, tally, scenario, "organize", 2)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", _KINDS)
@pytest.mark.parametrize("command", ["organize", "undo"])
def test_every_kill_after_an_error_that_passes(
    workers: Workers, tally: Counter[str], scenario: str, command: str
) -> None:
    _sweep(workers, tally, scenario, command, None)


@pytest.mark.slow
@pytest.mark.parametrize("scenario", _KINDS)
@pytest.mark.parametrize("command", ["organize", "undo"])
def test_every_call_that_fails_by_an_error_that_passes(
    workers: Workers, tally: Counter[str], scenario: str, command: str
) -> None:
    course = course_of(workers, BY_NAME[scenario], command)
    calls = part([call for call in course.calls if call.about == "user"])
    tally["2 failing calls: that pass"] += len(calls)
    tasks = [partial(course.fail, call=call, error="EBUSY", ending=number) for number, call in enumerate(calls)]
    found = [
        f"{course.sweep}: EBUSY at {call}: {violation}"
        for call, violations in zip(calls, workers.each(tasks), strict=True)
        for violation in violations
    ]
    assert not found, "\n".join(found)
