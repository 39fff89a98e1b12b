"""Two runs at once: the second is refused with a message, and may run when the first is dead; nothing is lost.

The first is halted in the middle of its work, so that the test itself has no race.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from itertools import count
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import pytest
from tests.faults import laws
from tests.faults.case import Case
from tests.faults.process import Driver, Finished, Request
from tests.faults.trees import Scenario, settle_folders, write
from tests.faults.world import is_halted
from tests.support import snapshot
from tests.support.disks import bound

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.faults.sweep import Workers

ROW = "5 two processes: two runs"
_LOCKED = 4
_AT_ONCE = 8
_OF_THE_JOURNAL = (
    r"fileorg: Another fileorg is running: ((job \d+, )?(organizing|undo).*, process \d+, since [\d:]+\."
    r"|job \d+ carries out operation \d+\.)"
)
_OF_A_FOLDER = r"fileorg: Another fileorg is running in, above or below .*"


def nested(root: Path, _dest: Path) -> None:
    for folder in (root, root / "child", root / "child/deeper"):
        for name in ("a.jpg", "b.txt", "c.mp3"):
            write(folder / name, os.fsencode(folder.name + name))
    settle_folders(root)


NESTED = Scenario("nested", nested)
_FIRST_STEP = 50
"""The first step at which files may have been moved."""
_FILES, _SORTED = 9, (b"root/Images/", b"root/Documents/", b"root/Audio/")


class Second(NamedTuple):
    """The second run: its words, in which `{root}` etc. stand for paths, and its state directory."""

    name: str
    words: str
    state: str
    said: str


SECONDS = [
    Second("the same root", "organize -r -y {root}", "{state}", _OF_THE_JOURNAL),
    Second("an undo", "undo -y", "{state}", _OF_THE_JOURNAL),
    Second("a child", "organize -r -y {root}/child/deeper", "{state}", _OF_THE_JOURNAL),
    Second("the same root, another state", "organize -r -y {root}", "{other}", _OF_A_FOLDER),
    Second("a child, another state", "organize -r -y {root}/child/deeper", "{other}", _OF_A_FOLDER),
    Second("the parent, another state", "organize -y {base}", "{other}", _OF_A_FOLDER),
    Second("as a destination, another state", "organize -r -y {outside} --dest {root}/child", "{other}", _OF_A_FOLDER),
]


class Meeting:
    """A tree, a halted first run, and a driver for the second run."""

    middle: ClassVar[dict[str, int]] = {}
    """A cache of the step in the middle of each command."""

    def __init__(self, workers: Workers, command: str = "organize") -> None:
        """`command` is the first run; for undo, the tree is organized before."""
        self.first, self.second = workers.all[0], workers.all[1]
        self.command = command
        self.start_again()
        base = self.first.place.base
        self.names = {name: str(base / name) for name in ("root", "state", "other", "outside", "bound")}
        self.names["base"] = str(base)
        subprocess.run(["rm", "-rf", self.names["other"]], check=True)

    def start_again(self) -> None:
        self.case = Case(NESTED, self.first.driver, self.first.place)
        if self.command == "undo":
            self.case.run(*self.case.organize)

    @contextlib.contextmanager
    def halted(self) -> Iterator[int]:
        """Yield the process id of the first run, halted with some of the files moved. It ends with the block, by itself
        or by a kill.
        """
        pid = self._start_halted()
        try:
            yield pid
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            self.ended = self.first.driver.end()

    def _start_halted(self) -> int:
        for step in count(self.middle.get(self.command, _FIRST_STEP), 4):
            request = self.case.request(*(self.case.organize if self.command == "organize" else ["undo", "-y"]))
            request.halt_at = step
            pid = self.first.driver.start(request)
            assert is_halted(pid), "it has ended before there was a middle"
            files = [path for path, node in self.case.snapshot().items() if node.kind == "file"]
            if 0 < sum(path.startswith(_SORTED) for path in files) < _FILES:
                self.middle[self.command] = step
                return pid
            os.kill(pid, signal.SIGKILL)
            self.first.driver.end()
            self.start_again()
        raise AssertionError("there is no end of steps")

    def run(self, words: str, state: str) -> Finished:
        """Run the second command."""
        env = {"FILEORG_HOME": state.format(**self.names)}
        return self.second.driver.run(Request([word.format(**self.names) for word in words.split()], env))

    def refused(self, second: Second) -> list[str]:
        before = self.case.snapshot()
        finished = self.run(second.words, second.state)
        found = laws.honest(finished.code, finished.output)
        if finished.code != _LOCKED or not re.search(second.said, finished.output):
            found.append(f"it is not turned away, but ends with {finished.code}: {finished.output}")
        return found + snapshot.differences(before, self.case.snapshot())

    def goes_on(self, second: Second) -> list[str]:
        finished = self.run(second.words, second.state)
        found = laws.honest(finished.code, finished.output) + laws.conserved(self.case.first, self.case.snapshot())
        return found + ([] if finished.code == 0 else [f"it ends with {finished.code}: {finished.output}"])


@pytest.mark.parametrize("second", SECONDS, ids=lambda second: second.name)
def test_the_second_is_turned_away_until_the_first_is_dead(
    plain_workers: Workers, tally: Counter[str], second: Second
) -> None:
    tally[ROW] += 1
    meeting = Meeting(plain_workers)
    with meeting.halted() as pid:
        found = meeting.refused(second)
        os.kill(pid, signal.SIGKILL)
    found += meeting.goes_on(second)
    assert found == []
    assert meeting.ended.code == -signal.SIGKILL


@pytest.mark.parametrize("command", ["organize", "undo"])
def test_the_first_ends_as_if_the_second_had_never_been(
    plain_workers: Workers, tally: Counter[str], command: str
) -> None:
    tally[ROW] += 1
    meeting = Meeting(plain_workers, command)
    found = []
    with meeting.halted():
        for second in SECONDS:
            found += meeting.refused(second)
    assert meeting.ended.code == 0, meeting.ended.output
    assert found + meeting.case.check_settled() + meeting.case.undo_all() == []


@pytest.mark.root
@pytest.mark.parametrize("words", ["organize -r -y {bound}", "organize -r -y {bound}/child"])
def test_one_root_under_two_names(plain_workers: Workers, tally: Counter[str], words: str) -> None:
    """A bind mount has another path but the same inode, and the inode is locked."""
    meeting = Meeting(plain_workers)
    second = Second("a bind mount", words, "{other}", _OF_A_FOLDER)
    with contextlib.ExitStack() as stack:
        with meeting.halted() as pid:
            stack.enter_context(bound(meeting.names["root"], meeting.names["bound"]))
            found = meeting.refused(second)
            os.kill(pid, signal.SIGKILL)
        found += meeting.goes_on(second)
    assert found == []
    tally[ROW] += 1


@pytest.mark.root
def test_a_child_that_is_mounted_elsewhere_is_not_known_as_one(plain_workers: Workers, tally: Counter[str]) -> None:
    """Its parents do not include the locked folder. Both runs work on the same files, and still nothing is lost."""
    meeting = Meeting(plain_workers)
    with meeting.halted(), bound(meeting.names["root"] + "/child", meeting.names["bound"]):
        found = meeting.goes_on(Second("a child", "organize -r -y {bound}", "{other}", ""))
    found += laws.honest(meeting.ended.code, meeting.ended.output)
    assert found + laws.conserved(meeting.case.first, meeting.case.snapshot()) == []
    tally[ROW] += 1


@pytest.mark.parametrize("states", ["one state", "a state each"])
def test_eight_at_the_same_instant_do_the_work_once(
    plain_workers: Workers, tally: Counter[str], drivers: list[Driver], states: str
) -> None:
    tally[ROW] += _AT_ONCE
    meeting = Meeting(plain_workers)
    requests = [meeting.case.request(*meeting.case.organize) for _ in drivers]
    for number, request in enumerate(requests):
        request.held = True
        if states == "a state each":
            os.makedirs(meeting.names["other"], exist_ok=True)
            request.env["FILEORG_HOME"] = f"{meeting.names['other']}/{number}"
            request.wall.append(meeting.names["other"])
    finished = all_at_once(drivers, requests)
    assert [line for one in finished for line in laws.honest(one.code, one.output)] == []
    assert {one.code for one in finished} <= {0, _LOCKED}
    worked = [one for one in finished if f"Moved {_FILES} files" in one.output]
    idle = [one for one in finished if one.code == 0 and "Nothing to do" in one.output]
    assert len(worked) == 1
    assert len(worked) + len(idle) + sum(one.code == _LOCKED for one in finished) == len(drivers)
    assert laws.conserved(meeting.case.first, meeting.case.snapshot()) == []
    if states == "one state":
        assert meeting.case.check_settled() + meeting.case.undo_all() == []


def all_at_once(drivers: Sequence[Driver], requests: Sequence[Request]) -> list[Finished]:
    """Start all commands, each held after its fork, then release all of them."""
    for driver, request in zip(drivers, requests, strict=True):
        driver.start(request)
    for driver in drivers:
        driver.let_go()
    return [driver.end() for driver in drivers]


@pytest.fixture(scope="module")
def drivers(plain_workers: Workers, fast_folder: Path) -> Iterator[list[Driver]]:
    known = [worker.driver for worker in plain_workers.all][:_AT_ONCE]
    made = [Driver(fast_folder / f"at once {number}") for number in range(_AT_ONCE - len(known))]
    yield known + made
    for driver in made:
        driver.close()
