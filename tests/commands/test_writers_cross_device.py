"""A cross-device move beside programs that write to the file: the remaining file has all that they wrote."""

from __future__ import annotations

import mmap
import os
import subprocess
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from tests.support.crash import file_records, open_again, recovered
from tests.support.disks import NotTested, linux_disk
from tests.support.runs import Runs
from tests.support.tree import Tree
from tests.support.writing import WAYS, holding, writing

from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.temporaries import aside
from fileorg.storage.local.original import Original
from fileorg.storage.local.readiness import FREE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.model import Outcome
    from fileorg.core.state import StateDirectory

_MIB = 1 << 20


class Crossing:
    """A tree on one file system, and a folder on another one."""

    def __init__(self, runs: Runs, dest: Path) -> None:
        self.runs, self.dest = runs, dest

    @property
    def source(self) -> Path:
        return self.runs.tree.path("a.jpg")

    @property
    def moved(self) -> Path:
        return self.dest / "Images/a.jpg"

    def write(self, size: int = 4 * _MIB) -> None:
        self.source.write_bytes(os.urandom(size))
        os.utime(self.source, (10**9, 10**9))

    def organize(self) -> Outcome:
        return self.runs.organize(dest=self.dest)

    def left(self) -> int:
        """Return the number in the one remaining file; no temporary file is left beside it."""
        [path] = [path for path in (self.source, self.moved) if path.exists()]
        assert not [*self.dest.rglob(".fileorg-*"), *self.runs.tree.root.rglob(".fileorg-*")]
        return int(path.read_bytes()[:8])


@pytest.fixture(params=["ext4 to tmpfs", "tmpfs to ext4", "ext4 to ext4"])
def crossing(
    request: pytest.FixtureRequest, tmp_path: Path, state: StateDirectory, elsewhere: Path
) -> Iterator[Crossing]:
    one, other = tmp_path / "one", elsewhere
    one.mkdir()
    with ExitStack() as stack:
        if request.param == "tmpfs to ext4":
            one, other = other, one
        elif request.param == "ext4 to ext4":
            try:
                other = stack.enter_context(linux_disk("ext4", tmp_path))
            except NotTested as why:
                pytest.skip(str(why))
        yield Crossing(Runs(Tree(one / "tree"), state), other)


def reasons(outcome: Outcome) -> list[ReasonCode | None]:
    return [problem.reason and problem.reason.code for problem in outcome.problems]


@pytest.mark.parametrize("pause", [0.0003, 0.05])
@pytest.mark.parametrize("way", WAYS)
def test_nothing_that_was_written_is_missing(crossing: Crossing, way: str, pause: float) -> None:
    crossing.write()
    with writing(crossing.source, way, pause=pause) as writer:
        outcome = crossing.organize()
        last = writer.end()
    assert crossing.left() == last
    if way in {"maps", "holds"}:
        [problem] = outcome.problems
        assert (problem.state, problem.reason and problem.reason.code) in {
            (RecordState.SKIPPED, ReasonCode.BEING_WRITTEN),
            (RecordState.CHANGED, ReasonCode.CHANGED_SINCE_SCAN),
        }


@pytest.mark.parametrize("way", ["maps", "holds"])
def test_once_nobody_writes_it_goes(crossing: Crossing, way: str) -> None:
    crossing.write()
    with writing(crossing.source, way) as writer:
        crossing.organize()
        last = writer.end()
    assert crossing.organize().problems == []
    assert (crossing.source.exists(), crossing.left()) == (False, last)
    with writing(crossing.moved, way) as writer:
        assert reasons(crossing.runs.undo()) == [ReasonCode.BEING_WRITTEN]
        last = writer.end()
    assert crossing.runs.undo().problems == []
    assert (crossing.moved.exists(), crossing.left()) == (False, last)


# Writers that open the file meanwhile ---------------------------------------------------------------------------------


def test_who_wants_to_write_waits_and_gets_the_file(crossing: Crossing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal that does not end the process informs it of the writer."""
    crossing.write()
    opened: list[subprocess.Popen[bytes]] = []
    is_untouched = Original.is_untouched

    def when_someone_waits(file: Original) -> bool:
        if not opened and file._is_leased:
            opened.append(subprocess.Popen(["sh", "-c", 'printf 00000007 1<>"$0"', str(crossing.source)]))
            while not file.is_waited_for():
                time.sleep(0.001)
        return is_untouched(file)

    monkeypatch.setattr(Original, "is_untouched", when_someone_waits)
    outcome = crossing.organize()
    assert opened[0].wait(60) == 0
    assert reasons(outcome)[0] in {ReasonCode.CHANGED_WHILE_MOVED, ReasonCode.CHANGED_WHILE_COPIED}
    assert crossing.left() == 7


@pytest.fixture
def unknown_to_us(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without leases, or with a writer of another user or on another machine."""
    monkeypatch.setattr(Original, "ask", lambda _: FREE)


@pytest.fixture
def mapped(crossing: Crossing) -> Iterator[mmap.mmap]:
    """The file, mapped with a dirty page."""
    crossing.write()
    with crossing.source.open("r+b") as file, mmap.mmap(file.fileno(), 0) as store:
        store[:8] = b"00000001"
        yield store


@pytest.mark.usefixtures("unknown_to_us")
@pytest.mark.parametrize("step", ["is_untouched", "is_untouched_aside"])
@pytest.mark.parametrize("kept", [False, True], ids=["new time", "time put back"])
def test_without_leases_each_look_finds_a_store(
    crossing: Crossing, mapped: mmap.mmap, step: str, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the copy has its name, after that, and when the original has its temporary name."""
    original_step = getattr(Original, step)
    seen = crossing.source.stat()
    if kept:  # an old time
        os.utime(crossing.source, (10**9, 10**9))
        seen = crossing.source.stat()

    def store_and_check(file: Original, *arguments: bytes) -> bool:
        mapped[:8] = b"00000002"
        if kept:
            mapped.flush()
            os.utime(file.fd, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        return bool(original_step(file, *arguments))

    monkeypatch.setattr(Original, step, store_and_check)
    assert reasons(crossing.organize())[0] in {ReasonCode.CHANGED_WHILE_MOVED, ReasonCode.CHANGED_WHILE_COPIED}
    assert (crossing.source.exists(), crossing.left()) == (True, 2)


@pytest.mark.usefixtures("unknown_to_us")
def test_an_idle_writer_that_nobody_knows_of_is_no_reason_to_stay(crossing: Crossing, mapped: mmap.mmap) -> None:
    assert crossing.organize().problems == []
    assert (crossing.source.exists(), crossing.left()) == (False, int(mapped[:8]))


# After a crash --------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["under its name", "aside"])
def crashed(request: pytest.FixtureRequest, crossing: Crossing) -> Path:
    """The copy has its name and the journal says so; return the path of the original."""
    runs = crossing.runs
    crossing.write()
    content = crossing.source.read_bytes()
    crossing.organize()
    crossing.source.write_bytes(content)
    os.utime(crossing.source, (10**9, 10**9))
    seen = crossing.source.stat()
    open_again(runs, state="copied", inode=seen.st_ino, mtime_ns=seen.st_mtime_ns)
    [record] = file_records(runs)
    if request.param == "under its name":
        return crossing.source
    return crossing.source.rename(crossing.source.with_name(os.fsdecode(aside(1, record.id))))


def test_recovery_sees_what_left_no_other_trace(crossing: Crossing, crashed: Path) -> None:
    with crashed.open("r+b") as file:
        file.write(b"00000002")
    os.utime(crashed, (10**9, 10**9))
    assert [state for state, _ in recovered(crossing.runs)] == [RecordState.CHANGED]
    assert (crossing.source.exists(), crossing.left()) == (True, 2)


@pytest.mark.parametrize("way", ["maps", "holds"])
def test_recovery_leaves_what_is_being_written(crossing: Crossing, crashed: Path, way: str) -> None:
    with writing(crashed, "maps" if way == "maps" else "holds") as writer:
        os.utime(crashed, (10**9, 10**9))
        recovered(crossing.runs)
        last = writer.end()
    assert crossing.source.exists()
    assert int(crossing.source.read_bytes()[:8]) == last


def test_recovery_takes_no_copy_away_that_someone_writes_to(crossing: Crossing, crashed: Path) -> None:
    with crashed.open("r+b") as file:
        file.write(b"00000002")
    os.utime(crashed, (10**9, 10**9))
    with holding(crossing.moved, "appends"):
        assert [state for state, _ in recovered(crossing.runs)] == [RecordState.CHANGED]
    assert (crossing.moved.exists(), crossing.source.exists()) == (True, True)


def test_recovery_ends_the_move_of_a_file_that_is_as_it_was(crossing: Crossing, crashed: Path) -> None:
    content = crashed.read_bytes()
    assert [state for state, _ in recovered(crossing.runs)] == [RecordState.DONE]
    assert (crashed.exists(), crossing.moved.read_bytes()) == (False, content)
