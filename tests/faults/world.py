"""A tree in which fileorg and other programs work in turn, and a model that is checked after each step.

The model knows only the changes of the other programs: the least number of files of each content. The changes that
fileorg may make are those in its journal, which is read after each command as a later process would find it.
"""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tests.faults import laws
from tests.faults.case import Case
from tests.faults.outsiders import Outsiders
from tests.support import snapshot

from fileorg.core.model import RELOCATIONS
from fileorg.core.names import display
from fileorg.core.reasons import ReasonCode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.faults.laws import Ledger
    from tests.faults.process import Finished
    from tests.faults.sweep import Worker
    from tests.faults.trees import Scenario
    from tests.support.snapshot import Snapshot

KILLED = -9
_NOTHING_LEFT = "has nothing left to undo"
_MAX_UNDONE = 6


class Settled(NamedTuple):
    """A moment without open operations, since which only fileorg has changed files."""

    tree: Snapshot
    last_operation: int


class World:
    """One tree, its destination on another device, and a state directory. `check` raises if anything is violated."""

    def __init__(self, scenario: Scenario, worker: Worker, control: str = "") -> None:
        self.case = Case(scenario, worker.driver, worker.place, control)
        self.outsiders = Outsiders(self.case)
        self._driver = worker.driver
        self._outside = {path: node for path, node in self.case.first.items() if path.startswith(b"outside")}
        self.tree = self.case.first
        self.ledger = self.case.ledger()
        self._fewest = laws.kept(self.tree)
        self._excused: set[tuple[int, int]] = set()
        self.said = ""
        self.settled: Settled | None = Settled(self.tree, 0)
        self.is_all_ours = True
        """True if only fileorg has changed files since the first command."""

    # Other programs ---------------------------------------------------------------------------------------------

    def others(self, step: Callable[[], object]) -> None:
        """Let another program change files; contents that it removes are no longer required.

        Of several files with one content, it may have removed one that fileorg copied: then one less is required.
        """
        before, had = self.tree, laws.kept(self.tree)
        step()
        self.tree = self.case.snapshot()
        has = laws.kept(self.tree)
        self._fewest = (self._fewest + (has - had) - (had - has)) & has
        moved = laws.ours(before).items() - laws.ours(self.tree).items()
        self._excused |= {numbers for _, numbers in moved}  # a temporary file in a moved folder cannot be found
        self.settled = None if self.has_open else Settled(self.tree, self.last_operation)
        self.is_all_ours &= not self.ledger.operations

    # fileorg ----------------------------------------------------------------------------------------------------

    @property
    def has_open(self) -> bool:
        return any(state != "sealed" for state in self.ledger.operations.values())

    @property
    def can_take_all_back(self) -> bool:
        return self.settled is not None and self.last_operation > self.settled.last_operation

    @property
    def last_operation(self) -> int:
        return max(self.ledger.operations, default=0)

    def run(self, *words: str, die_at: int = 0, rows: int = 0) -> Finished:
        """Run a command, maybe killed at a step, then check everything that must hold after any command."""
        request = self.case.request(*words)
        request.die_at, request.rows = die_at, rows
        finished = self._driver.run(request)
        before = self._snapshot()
        self._judge(words, finished, self._always(*before) + self._conserved(before[0]))
        return finished

    def race(self, *words: str, halt_at: int, meanwhile: Callable[[], object]) -> bool:
        """Run a command, halted at a step while another program acts. Return False if it ends before the step."""
        request = self.case.request(*words)
        request.halt_at = halt_at
        pid = self._driver.start(request)
        if not is_halted(pid):
            self._driver.end()
            return False
        before = self._snapshot()
        try:
            check(self._always(*before) + self._conserved(before[0]), f"{' '.join(words)}, halted at {halt_at}")
            halted = self.tree
            self.outsiders.carried.clear()
            self.others(meanwhile)
        finally:
            os.kill(pid, signal.SIGCONT)
            finished = self._driver.end()
        files = ((path, node) for path, node in self.tree.items() if node.kind == "file")
        theirs = {path: node for path, node in files if path not in halted or halted[path].alone != node.alone}
        before, carried = self._snapshot(), self.outsiders.carried
        found = self._always(*before, carried) + self._conserved() + self._untouched(theirs, carried)
        self._judge(words, finished, found)
        return True

    def _snapshot(self) -> tuple[Snapshot, Ledger]:
        """Take a new snapshot and ledger, and return the previous ones."""
        before = self.tree, self.ledger
        self.tree, self.ledger = self.case.snapshot(), self.case.ledger()
        return before

    def _judge(self, words: tuple[str, ...], finished: Finished, found: list[str]) -> None:
        self.said += finished.output
        if finished.code != KILLED:
            found += laws.honest(finished.code, finished.output) + self._ended()
        check(found, f"{' '.join(words)}, which ended with {finished.code}: {finished.output}")
        if self.settled is None and not self.has_open:
            self.settled = Settled(self.tree, self.last_operation)

    def _untouched(self, theirs: Snapshot, carried: Sequence[tuple[bytes, bytes]]) -> list[str]:
        """I2: files that others created meanwhile still exist, unless they were moved like any file."""
        rows = [row for row in laws.carried(self.ledger, carried).rows if row.state == "done"]
        moved = {row.source for row in rows if row.action in RELOCATIONS} | laws.ours(theirs).keys()
        gone = {path for path, node in theirs.items() if self.tree.get(path, node.alone).alone != node.alone}
        gone |= theirs.keys() - self.tree.keys()
        # One of several names of a file may have been a link that fileorg made.
        gone -= {path for path in gone if any(self._has(other, theirs[path].content) for other in theirs[path].links)}
        return [f"I2 of others: {display(path)}" for path in gone - moved]

    def _has(self, path: bytes, content: bytes) -> bool:
        return path in self.tree and self.tree[path].content == content

    def _always(self, before: Snapshot, known: Ledger, carried: Sequence[tuple[bytes, bytes]] = ()) -> list[str]:
        """I2, I3, I5, I6: at every moment, also after a kill."""
        fresh = {number for number in self.ledger.operations if known.operations.get(number) != "sealed"}
        outside = {path: node for path, node in self.tree.items() if path.startswith(b"outside")}
        return [
            *laws.accounted(laws.carried(self.ledger, carried), fresh, before, self.tree),
            *laws.whole(before, self.tree),
            *[f"I5 outside: {line}" for line in snapshot.differences(self._outside, outside)],
            *laws.only_our_state(self.case.place.state),
        ]

    def _conserved(self, before: Snapshot | None = None) -> list[str]:
        """I1: each content exists as often as others wrote it; and as in `before`, if only fileorg was running."""
        now = laws.kept(self.tree)
        fewest = self._fewest
        if any(row.action == "replace-by-hardlink" for row in self.ledger.rows):
            # Names that others removed may have been hard links to one file: one file of each content must be left.
            fewest = Counter(fewest.keys())
        lost = Counter(laws.kept(before or {}).keys() - now.keys()) + (fewest - now)
        return [f"I1 lost: {content[:40]!r}" for content in lost]

    def _ended(self) -> list[str]:
        """I6: the state after a command that ended by itself."""
        self._excused |= {
            (row.operation, row.record) for row in self.ledger.rows if row.reason == ReasonCode.NOT_PUT_BACK
        }
        litter = {path: numbers for path, numbers in laws.ours(self.tree).items() if numbers not in self._excused}
        found = laws.nothing_open(self.ledger, litter) + laws.tidy_state(self.case.place.state)
        return found + (laws.as_recorded(self.ledger, self.tree) if self.is_all_ours else [])

    # Sequences of commands ----------------------------------------------------------------------------------------

    def take_all_back(self) -> None:
        """I4: recover, and undo everything since the last act of others: the tree of then, exactly."""
        since = self.settled
        assert since is not None
        self.run("recover")
        for operation in sorted(self.ledger.operations, reverse=True):
            if operation > since.last_operation:
                self._take_back(operation)
        self._same(since.tree, "I4")

    def _take_back(self, operation: int) -> None:
        for _ in range(_MAX_UNDONE):
            finished = self.run("undo", "-y", str(operation))
            if finished.code or _NOTHING_LEFT in finished.output:
                break
        is_gone = finished.code in {0, 2} and _NOTHING_LEFT in finished.output  # 2: its trash was purged
        is_done = is_gone or (finished.code == 1 and self._only_lacks_removed_files())
        check([] if is_done else ["I4 it cannot be taken back"], finished.output)

    def _only_lacks_removed_files(self) -> bool:
        """Return whether the last operation failed only for files that others had removed: a crash left them open, so
        undo tries them again. I1 tells whether fileorg has lost one.
        """
        rows = [row for row in self.ledger.rows if row.operation == self.last_operation]
        return all(row.reason == ReasonCode.GONE for row in rows if row.state not in {"done", "undone"})

    def there_and_back(self) -> None:
        """I9: redo after undo is the identity, also after a partial undo. After acts of others, redo may be impossible,
        but then it is reported: for example, undo removed a link whose file others had removed before.
        """
        self.run("recover")
        before = self.tree
        undone = self.run("undo", "-y")
        if undone.code not in {0, 1} or "Nothing to undo" in undone.output:
            return
        undo = self.last_operation
        redone = self.run("redo", "-y", str(undo))
        if redone.code == 1 and not self.is_all_ours:
            return
        nothing = redone.code == 2 and before == self.tree
        check([] if redone.code == 0 or nothing else ["I9 it cannot be redone"], redone.output)
        self._same(before, "I9")

    def organize_until_done(self, words: list[str]) -> None:
        """I8: the same run again does nothing. A file that was blocked may be moved by the next run."""
        self.run("recover")
        was_all_done = False
        for _ in range(len(self.tree) + 1):
            before, last = self.tree, self.last_operation
            if self.run(*words).code not in {0, 1}:
                return
            states = [row.state for row in self.ledger.rows if row.operation > last]
            if was_all_done or "done" not in states:
                self._same(before, "I8")
                return
            was_all_done = set(states) == {"done"}
        check(["I8 there is no end of it"], "")

    def _same(self, before: Snapshot, law: str) -> None:
        now = laws.but_for_what_was_said(self.tree, before, self.said, self.ledger)
        lines = snapshot.differences(_but_times_of_links(before), _but_times_of_links(now))
        check([f"{law} {line}" for line in lines], "")


def is_halted(pid: int) -> bool:
    """Wait until the process has halted or ended. Return whether it has halted."""
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        if state in {"T", "Z", "X"}:
            return state == "T"
        time.sleep(0.0005)


def check(found: list[str], said: str) -> None:
    assert not found, "\n".join([*found, said])


def _but_times_of_links(tree: Snapshot) -> Snapshot:
    """Return the tree without the times of symlinks: a symlink that is recreated has a new time."""
    return {path: node._replace(mtime_ns=0) if node.kind == "symlink" else node for path, node in tree.items()}
