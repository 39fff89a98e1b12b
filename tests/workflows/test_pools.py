"""A search for duplicates on any executor, and while its helpers are killed: the same groups as undisturbed."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
from array import array
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from fileorg.content import evidence_reading, hashing
from fileorg.content.digest import READ_CONTENTS, Request
from fileorg.core.events import NullReporter
from fileorg.core.pool import Pool, Processes
from fileorg.core.reasons import Reason, ReasonCode
from fileorg.rules.filters import Filters
from fileorg.scan import walk
from fileorg.scan.selection import Selection
from fileorg.scan.walk import READ_FOLDERS, Reader, Task
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.dedupe import DedupeOptions, deduping
from fileorg.workflows.scan import scan_trees

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from tests.support.runs import Runs

    from fileorg.core.events import Reporter

Groups = list[list[bytes]]


@pytest.fixture
def large(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """A tree with tasks for several helpers, of folders and of contents."""
    runs.tree.write({f"{number % 20}/{number}": f"content {number % 37}" for number in range(120)})
    monkeypatch.setattr(walk, "_FEW_FILES", -1)
    monkeypatch.setattr(walk, "_FEW_FOLDERS", 0)
    monkeypatch.setattr(walk, "_FOLDERS_A_TASK", 3)
    monkeypatch.setattr(hashing, "_FILES_A_TASK", 10)
    return runs


def groups(runs: Runs, pool: Pool | None = None, reporter: Reporter | None = None) -> Groups:
    with contextlib.suppress(FileNotFoundError):
        os.truncate(runs.state.index, 0)  # nothing is known from the search before
    options = DedupeOptions([os.fsencode(runs.tree.root)])
    with deduping(options, runs.state, reporter or NullReporter(), pool=pool) as run:
        assert run.reads.named == []
        return sorted(sorted(run.trees.path(member) for member in group.listed) for group in run.groups())


@contextlib.contextmanager
def dask() -> Iterator[Pool]:
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield Pool(client.get_executor(), 4)


def test_threads_and_processes_find_the_same(large: Runs) -> None:
    with ThreadPoolExecutor(3) as threads:
        assert groups(large, Pool(threads, 3)) == groups(large)


@pytest.mark.slow
def test_dask_finds_the_same(large: Runs) -> None:
    expected = groups(large)
    with dask() as pool:
        assert groups(large, pool) == expected
        large.tree.write({"0/0": "content 1"})  # the same client: no result of the run before is given again
        assert groups(large, pool) == groups(large) != expected


class Killing(NullReporter):
    """Kills all helpers at some of the reports."""

    def __init__(self, at: set[int]) -> None:
        self.reports = self.killed = 0
        self.at = at

    def advance(self, files: int, size_bytes: int = 0, folder: bytes = b"") -> None:  # noqa: ARG002  the interface
        self.reports += 1
        if self.reports in self.at:
            for helper in multiprocessing.active_children():
                helper.kill()
                self.killed += 1


def test_helpers_that_are_killed_are_replaced(large: Runs) -> None:
    expected = groups(large)
    # One report for each folder, then one for each batch that was read.
    killing = Killing({3, 12, 24, 33})
    with Processes(2) as pool:
        assert groups(large, pool, killing) == expected
        assert killing.killed >= 4
        assert pool.lost


def test_a_scan_starts_helpers_once(large: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that list the folders also read what the files are."""
    started = list[Processes]()
    start = Processes._start

    def counted(pool: Processes) -> Executor:
        started.append(pool)
        return start(pool)

    monkeypatch.setattr(Processes, "_start", counted)
    monkeypatch.setattr(evidence_reading, "_FEW_FILES", 0)
    report = scan_trees([os.fsencode(large.tree.root)], Filters(), large.state, NullReporter())
    assert report.totals.files == {"Other": 120}
    assert len(started) == 1


def test_a_folder_and_a_file_that_end_their_helpers_are_named(large: Runs) -> None:
    """The results that stand for them, without the deaths of tests/core/test_pool.py."""
    with contextlib.closing(LocalStorage(os.fsencode(large.tree.root))) as storage:
        arguments = pickle.dumps(Reader(storage, Selection()).arguments)
    [part], too_large = READ_FOLDERS.set_aside((arguments, [Task(b"3", 1, None)]))
    assert (part.batch.folder, part.error, too_large) == (b"3", Reason(ReasonCode.ENDED_HELPERS), [])
    request = Request(1, b"/", b"", 0, 5, b"a\0b\0c\0d\0e", b"", array("H", [1, 2, 4]).tobytes(), wholly=True)
    tasks = READ_CONTENTS.split([request, request._replace(batch=2)], 4)
    asked = [[(each.batch, array("H", each.positions).tolist()) for each in task] for task in tasks]
    assert asked == [[(1, [1, 2])], [(1, [4]), (2, [1])], [(2, [2, 4])]]
    [answer] = READ_CONTENTS.set_aside([request])
    assert (answer.asked, answer.problems) == (3, [(at, Reason(ReasonCode.ENDED_HELPERS)) for at in (1, 2, 4)])


@pytest.mark.parametrize(("seconds", "is_started"), [(1e9, False), (0, True)])
def test_helpers_are_started_only_for_what_takes_long(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, seconds: float, *, is_started: bool
) -> None:
    runs.tree.write({f"{number}/file": "one content" for number in range(6)})
    monkeypatch.setattr(hashing, "_FILES_A_TASK", 1)
    monkeypatch.setattr(hashing, "_HERE_S", seconds)
    with Processes(1) as pool:
        assert list(map(len, groups(runs, pool))) == [6]
        assert pool.is_started == is_started


def test_a_few_large_files_are_read_by_helpers(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that alone is larger than a task is worth a helper."""
    monkeypatch.setattr(hashing, "_BYTES_A_TASK", 100_000)
    monkeypatch.setattr(hashing, "_HERE_BYTES", 400_000)
    runs.tree.write(dict.fromkeys("abc", "one content" * 15_000))
    with Processes(1) as pool:
        assert list(map(len, groups(runs, pool))) == [3]
        assert pool.is_started
