"""The limits of a job: soft, hard, the memory of its helpers, and how often it is tried."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from fileorg.cli.change import _time_stands_still
from fileorg.core import retry
from fileorg.core.events import NullReporter
from fileorg.core.limits import as_json, configuration_in, end_in_time, is_counting, of_json, stop_counting
from fileorg.core.locks import run_lock
from fileorg.core.model import GIVEN, JobState, Limits
from fileorg.core.state import find_state
from fileorg.jobs.carry_out import carry_out
from fileorg.jobs.found import job

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.screens import Fileorg
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


@pytest.fixture
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 3)


def test_limits_are_kept_with_the_job_and_read_back() -> None:
    for limits in (Limits(), Limits(90.0, 3600.0, 1 << 30, 5), Limits(attempts=1)):
        for path in (b"", b"/home/you/\xff.toml"):
            kept = as_json(limits, path)
            assert (of_json(kept), configuration_in(kept)) == (limits, path)
    for text in (
        "[]",
        '{"configuration": "relative"}',
        '{"configuration": 7}',
        '{"other": 1}',
        '{"time_limit": 0}',
        '{"attempts": true}',
        '{"kill_after": "1h"}',
        "{",
    ):
        with pytest.raises(ValueError):  # noqa: PT011  that of JSON, too
            of_json(text)


def test_a_configuration_that_is_a_named_pipe_or_has_no_end_holds_nobody_up(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "1"})
    os.mkfifo(fileorg.folder / "pipe")
    for path in ("pipe", "/dev/zero"):
        ran = fileorg("organize", "tree", "--config", path)
        assert (ran.code, "is not a regular file" in ran.err) == (2, True), ran.err
        assert fileorg("undo", FILEORG_CONFIG=path).code == 0
    assert set(tree.read()) == {"a.jpg"}


# The soft limit -------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_small_batches")
def test_a_job_whose_time_is_over_is_parked_after_its_batch_and_goes_on(
    runs: Runs, tree: Tree, state: StateDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({f"sub/{at}.jpg": str(at) for at in range(7)})
    monkeypatch.setattr(GIVEN, "limits", Limits(time_limit=1e-9))
    with runs.organizing(recursive=True) as run:
        outcome = run.run()
    assert (outcome.interrupted, outcome.parked, outcome.job) == (True, True, 1)
    parked = job(state, 1)
    assert (parked.state, parked.row.reason) == (JobState.PARKED, "its time limit of 1e-09 s was over")
    assert parked.operations[0].state == "sealed"
    done = [sum(path.startswith("Images/") for path in tree.read())]
    while job(state, 1).state is JobState.PARKED:  # its limits are kept, so it is parked again and again
        assert len(done) < 9
        carry_out(state, 1, NullReporter(), lambda: False)
        done.append(sum(path.startswith("Images/") for path in tree.read()))
    assert done == sorted(set(done))
    assert (job(state, 1).state, done[-1], job(state, 1).row.attempts) == (JobState.DONE, 7, len(done))


@pytest.mark.usefixtures("_small_batches")
def test_the_command_says_that_its_time_was_over(fileorg: Fileorg, tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write({f"{at}.jpg": str(at) for at in range(7)})
    monkeypatch.setattr("fileorg.cli.limit_options.seconds", lambda *_: 1e-9)
    ran = fileorg.inside("organize", "tree", "--time-limit", "1s")
    assert (ran.code, "of 7 files: the time limit was over" in ran.err) == (3, True), ran.err
    assert "Continue with: fileorg jobs resume 1" in ran.err
    assert GIVEN.limits == Limits()  # those of the command that has ended are no more
    ran = fileorg.inside("jobs", "resume", "1", "-f", "json")
    assert (ran.code, ran.json["status"], ran.json["limits"]["time_limit"]) == (3, "parked", 1e-9)
    monkeypatch.undo()
    ran = fileorg.inside("jobs", "show", "1", "--time-limit", "1h")
    assert (ran.code, "--time-limit is for resume, retry and approve" in ran.err) == (2, True), ran.err
    ran = fileorg.inside("jobs", "resume", "1", "--time-limit", "1h", "--kill-after", "2h", "--yes", "-f", "json")
    limits = ran.json["limits"]
    assert (ran.code, ran.json["status"], limits["time_limit"], limits["kill_after"]) == (0, "done", 3600, 7200)


# The hard limit -------------------------------------------------------------------------------------------------------


def test_a_command_that_waits_too_long_is_ended(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    fileorg.inside("organize", "tree")
    with run_lock(find_state(os.fsencode(fileorg.home)), "organizing here"):
        ran = fileorg("undo", "--wait", "--kill-after", "1s")
    assert (ran.code, "It took longer than 1 s (--kill-after)" in ran.err) == (1, True), ran.err
    assert set(tree.read()) == {"Images/a.jpg"}


def test_the_time_at_a_question_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GIVEN, "limits", Limits(kill_after=3600))
    end_in_time(print)
    try:
        with _time_stands_still():
            assert not is_counting()
        assert is_counting()
    finally:
        stop_counting()


# Wrong values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--time-limit", "0"], "--time-limit 0 is not a valid age."),
        (["--time-limit", "0s"], "--time-limit 0s leaves no time."),
        (["--kill-after=0min"], "--kill-after 0min leaves no time."),
        (["--kill-after", "soon"], "--kill-after soon is not a valid age."),
        (["--helper-memory", "0"], "--helper-memory 0 is too little: a helper needs at least 128M."),
        (["--helper-memory", "1M"], "--helper-memory 1M is too little: a helper needs at least 128M."),
        (["--helper-memory", "much"], "--helper-memory much is not a valid size."),
        (["--attempts", "0", "--background"], "--attempts 0 is not a number from 1 to 100."),
        (["--attempts", "x", "--hold"], "--attempts x is not a number from 1 to 100."),
        (["--attempts", "2"], "--attempts requires --background or --hold."),
    ],
)
def test_a_limit_that_is_none_is_refused(fileorg: Fileorg, tree: Tree, words: list[str], said: str) -> None:
    tree.write({"a.jpg": "one"})
    for command in (["organize", "tree"], ["undo"], ["purge"]):
        ran = fileorg.inside(*command, *words)
        assert (ran.code, said in ran.err) == (2, True), ran.err
    assert set(tree.read()) == {"a.jpg"}


def test_limits_of_the_configuration_and_of_the_command(fileorg: Fileorg, tree: Tree) -> None:
    tree.write({"a.jpg": "one"})
    config = fileorg.folder / "fileorg.toml"
    config.write_text('version = 1\n[jobs]\nattempts = 5\nhelper_memory = "1G"\n')
    held = ["organize", "tree", "--hold", "--config", str(config)]
    fileorg.inside(*held)
    fileorg.inside(*held, "--attempts", "2", "--helper-memory", "2G", "--time-limit", "1h", "--kill-after", "2h")
    state = find_state(os.fsencode(fileorg.home))
    assert of_json(job(state, 1).row.limits) == Limits(helper_memory=1 << 30, attempts=5)
    assert of_json(job(state, 2).row.limits) == Limits(3600.0, 7200.0, 2 << 30, 2)
    shown = fileorg.inside("jobs", "show", "2").out
    assert "--time-limit 1 h 0 min, --kill-after 2 h 0 min, --helper-memory 2048M, --attempts 2" in shown, shown
    for text, said in (
        ("attempts = 0", "line 3: attempts = 0 is not from 1 to 100"),
        ('notify = ["bin/mail"]', "line 3: notify = 'bin/mail' is a relative path"),
        ("parallel = 0", "line 3: parallel = 0 is not from 1 to 64"),
        ('helper_memory = "1M"', "line 3: 1048576 bytes are too little: a helper needs at least 128M"),
        ("attempt = 3", "line 3: the key attempt does not exist"),
    ):
        config.write_text(f"version = 1\n[jobs]\n{text}\n")
        ran = fileorg.inside(*held)
        assert (ran.code, said in ran.err) == (2, True), ran.err


# Attempts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_job_is_tried_again_if_its_failures_may_pass(
    fileorg: Fileorg, tree: Tree, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    waited = list[float]()

    class Clock(retry.Clock):
        def pause(self, seconds: float, is_over: Callable[[], bool]) -> bool:
            waited.append(seconds)
            return not is_over()

    monkeypatch.setattr(retry, "CLOCK", Clock(chance=lambda: 0.0))
    tree.write({"a.jpg": "one", "b.txt": "two"})
    assert fileorg.inside("organize", "tree", "--hold", "--attempts", str(attempts)).code == 3
    state = find_state(os.fsencode(fileorg.home))
    _busy_for(monkeypatch, b"a.jpg", times=6)
    fd = state.alive(1)
    from fileorg.jobs import detached
    from fileorg.jobs.log import JobLog

    assert fd is not None
    detached._carry_out(state, 1, fd, JobLog(state, 1), lambda: False)
    os.close(fd)
    found = job(state, 1)
    files = [0.125, 0.5, 2.0]
    if attempts == 1:
        assert (found.state, found.row.attempts, waited) == (JobState.FAILED, 1, files)
        assert (found.row.reason or "").startswith("1 file failed: ")
        assert (found.row.reason or "").endswith("/tree/a.jpg: Device or resource busy")
    else:
        assert (found.state, found.row.attempts) == (JobState.DONE, 2)
        assert waited == [*files, 7.5, *files[:2]]
        assert set(tree.read()) == {"Images/a.jpg", "Documents/b.txt"}


def _busy_for(monkeypatch: pytest.MonkeyPatch, name: bytes, *, times: int) -> None:
    """Let the renames of a name fail so often."""
    import errno

    from fileorg.storage.local import posix

    rename, left = posix.rename_noreplace, iter(range(times))

    def fails(source_fd: int, source: bytes, target_fd: int, target: bytes) -> None:
        if source == name and next(left, None) is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        rename(source_fd, source, target_fd, target)

    monkeypatch.setattr(posix, "rename_noreplace", fails)
