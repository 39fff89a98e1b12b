"""A disturbed purge of a trash that keep-newer filled: checks at any moment, and after recovery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.faults import laws
from tests.faults.case import Case
from tests.faults.trees import Scenario, settle_folders, write
from tests.support import snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from tests.faults.process import Call
    from tests.faults.sweep import Worker
    from tests.support.snapshot import Snapshot

_PURGE = ["purge", "-y"]
_TRASH = b"root/.fileorg"
_COULD_NOT = "Could not remove the folder"


def displacing(root: Path, _dest: Path) -> None:
    """Files in several folders that newer ones will replace: one is empty, one has an odd name."""
    for folder, name in (
        ("Documents", "a.txt"), ("Documents", "b.txt"), ("Documents", "empty.txt"), ("Images", "c.jpg"),
        ("Images", "odd \x1b[31m\n.jpg"), ("Audio", "d.mp3"),
    ):  # fmt: skip
        write(root / folder / name, b"" if name == "empty.txt" else b"old " + name.encode(), day=-9)
        write(root / name, b"new " + name.encode(), day=1)
    write(root / "plain.png", b"plain")
    settle_folders(root)


_KEEP_NEWER = ("--on-conflict", "keep-newer")
_NO_RENAME, _NO_LINK = "renameat2:error=EINVAL", "linkat:error=EPERM"
SCENARIOS = (
    Scenario("purge", displacing, _KEEP_NEWER),
    Scenario("purge in batches", displacing, _KEEP_NEWER, rows=2),
    Scenario("purge, no renameat2", displacing, _KEEP_NEWER, others=(_NO_RENAME,)),
    Scenario("purge, neither renameat2 nor links", displacing, _KEEP_NEWER, others=(_NO_RENAME, _NO_LINK)),
)


@dataclass(frozen=True)
class Purging:
    """A purge of the trash of a scenario, or after a kill at `wreck`, its recovery."""

    scenario: Scenario
    wreck: Call | None = None

    def ready(self, worker: Worker) -> tuple[Case, Snapshot]:
        """Return a tree with a full trash, and its snapshot before the purge."""
        case = Case(self.scenario, worker.driver, worker.place)
        finished = case.run(*case.organize)
        if finished.code:
            raise AssertionError(f"organize ends with {finished.code}: {finished.output}")
        before = case.snapshot()
        if self.wreck is not None:
            case.with_faults(_PURGE, [self.wreck.kill])
        return case, before

    @property
    def words(self) -> list[str]:
        return _PURGE if self.wreck is None else ["recover"]

    def calls(self, worker: Worker) -> list[Call]:
        """Return the calls of the undisturbed command, without those that always fail on this file system."""
        case, before = self.ready(worker)
        finished, calls = case.counted(self.words)
        violations = laws.honest(finished.code, finished.output) + _settled(case, before)
        if self.wreck is None:
            violations += _all_gone(case)
        if violations:
            raise AssertionError("\n".join([f"{self}, undisturbed:", *violations]))
        failing = {fault.partition(":")[0] for fault in self.scenario.others}
        return [call for call in calls if call.name not in failing]

    def kill(self, worker: Worker, call: Call, ending: int) -> list[str]:
        case, before = self.ready(worker)
        finished = case.with_faults(self.words, [call.kill])
        if finished.code != -9:
            return [f"it was not killed, but ended with {finished.code}: {finished.output}"]
        return _at_any_moment(case, before) + _aftermath(case, before, ending)

    def fail(self, worker: Worker, call: Call, error: str, ending: int) -> list[str]:
        case, before = self.ready(worker)
        finished = case.with_faults(self.words, [f"{call.name}:error={error}:when={call.number}"])
        found = laws.honest(finished.code, finished.output)
        return found + _at_any_moment(case, before) + _aftermath(case, before, ending, finished.output)


def _aftermath(case: Case, before: Snapshot, ending: int, said: str = "") -> list[str]:
    """Continue in one of several ways, which end with an empty trash or with the first tree."""
    match ending % 3:
        case 0:
            return [*_run(case, before, "recover"), *_run(case, before, *_PURGE), *_all_gone(case, said)]
        case 1:
            return [*_run(case, before, *_PURGE), *_all_gone(case, said)]
        case _:
            return _undone(case)


def _run(case: Case, before: Snapshot, *words: str) -> list[str]:
    finished = case.run(*words)
    found = laws.honest(finished.code, finished.output) + _settled(case, before)
    return found + ([f"{words[0]} ends with {finished.code}: {finished.output}"] if finished.code else [])


def _undone(case: Case) -> list[str]:
    """Undo restores the first tree, except files that the journal has as purged."""
    finished = case.run("undo", "-y")
    found = [f"undo ends with {finished.code}: {finished.output}"] if finished.code else []
    gone = {row.source for row in case.ledger().rows if row.state == "purged"}
    expected = {path: node for path, node in case.first.items() if path not in gone}
    found += [f"I4 {line}" for line in snapshot.differences(expected, case.excused(case.first))]
    return found + laws.settled(case.ledger(), case.snapshot()) + laws.tidy_state(case.place.state)


def _at_any_moment(case: Case, before: Snapshot) -> list[str]:
    """Only the trash changes, no file in it is torn, and missing files were recorded as purged before."""
    now, ledger = case.snapshot(), case.ledger()
    found = _outside_as_before(before, now, is_settled=False)
    found += laws.whole(before, now)
    known = laws.ours(now)
    aside = {record for _, record in known.values()}
    for row in ledger.rows:
        if row.target.startswith(_TRASH) and row.action == "move":
            is_there = row.target in now or row.record in aside
            found += [f"I1 done, and gone: {row}"] if row.state == "done" and not is_there else []
    places = {row.target for row in ledger.rows} | known.keys()
    found += [f"I6 made without a record: {path!r}" for path in now if path.startswith(_TRASH) and path not in places]
    return found


def _settled(case: Case, before: Snapshot) -> list[str]:
    """Done records have their files, purged records have none, no operation is open, no temporary file is left."""
    now, ledger = case.snapshot(), case.ledger()
    found = _outside_as_before(before, case.excused(before), is_settled=True)
    found += laws.settled(ledger, now) + laws.tidy_state(case.place.state)
    return found + [f"purged, and there: {row}" for row in ledger.rows if row.state == "purged" and row.target in now]


def _all_gone(case: Case, said: str = "") -> list[str]:
    """The trash is empty, except folders whose failed removal was reported."""
    may_stay = {"folder"} if _COULD_NOT in said else set()
    left = {path: node for path, node in case.snapshot().items() if path.startswith(_TRASH)}
    return [f"still in the trash: {path!r}" for path, node in left.items() if node.kind not in may_stay]


def _outside_as_before(before: Snapshot, now: Snapshot, *, is_settled: bool) -> list[str]:
    """Until recovery, the root may have the time at which `.fileorg` was removed."""

    def outside(tree: Snapshot) -> Snapshot:
        kept = {path: node for path, node in tree.items() if not path.startswith(_TRASH)}
        if not is_settled:
            kept[b"root"] = kept[b"root"]._replace(mtime_ns=0)
        return kept

    return [f"I5 not of the trash: {line}" for line in snapshot.differences(outside(before), outside(now))]
