"""A state machine: fileorg, kills and other programs in random order.

The fast part is the same in every run. `pytest -m slow tests/faults/test_machine.py` takes many more steps; the number
of each part is its seed. Failures are not shrunk, because that takes minutes: add `Phase.shrink`.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from tests.faults.trees import Scenario
from tests.faults.world import KILLED, World
from tests.support.share import SHARE

if TYPE_CHECKING:
    from tests.faults.sweep import Worker, Workers

ROW = "state machine"
_STEPS = 40
_FAST, _WHOLE, _PARTS = 10, 60, 8

EMPTY = Scenario("empty", lambda _root, _dest: None, other_device=True)

folders = st.sampled_from(
    [b"root", b"root", b"root/sub", b"root/sub/deep", b"root/Images", b"root/Documents", b"dest/Images"]
)
clashing = [b"a.jpg", b"a.jpg", b"a (2).jpg", b"A.JPG", b"b.txt", b"b.TXT", b"a.jpg.xmp", b"film.mkv", b"film.srt"]
odd = [b"plain", b"x.qqq", b".a.jpg", b"-rf.txt", b"caf\xe9.png", b"new\nline\x1b[31m.png", b"n" * 251 + b".mp3"]
names = st.sampled_from([*clashing, *odd, b"c.tar.gz"])
contents = st.sampled_from([b"", b"one", b"two", b"six", b"longer than one"])
which = st.integers(0, 40)
steps = st.integers(1, 45)
rows = st.sampled_from([0, 0, 1, 3])

duplicates = st.sampled_from(["quarantine", "hardlink", "symlink"])
backwards = st.sampled_from(["undo", "undo", "redo"])
operations = st.one_of(st.none(), st.none(), st.integers(0, 20))

Chosen = tuple[str, str, str, bool, bool]
options = st.tuples(
    st.sampled_from(["move", "move", "move", "copy", "hardlink", "symlink"]),
    st.sampled_from(["category", "category", "date", "extension"]),
    st.sampled_from(["rename", "rename", "skip", "keep-newer", "fail"]),
    st.sampled_from([True, True, False]),
    st.sampled_from([False, False, True]),
)


class Machine(RuleBasedStateMachine):
    """The life of one tree. `taken` counts the steps of all trees."""

    worker: Worker
    taken: Counter[str]
    control: str

    def __init__(self) -> None:
        super().__init__()
        self.world = World(EMPTY, self.worker, self.control)
        self.outsiders = self.world.outsiders
        for name in (b"a.jpg", b"b.txt", b"c.tar.gz"):
            self.others("create", b"root", name, b"first " + name, is_tagged=False)

    # Other programs -----------------------------------------------------------------------------------------------

    def others(self, what: str, *facts: Any, **named: Any) -> None:
        self.taken[f"{ROW}: others"] += 1
        self.world.others(partial(getattr(self.outsiders, what), *facts, **named))

    def others_on(self, kind: str, which: int, what: str, *facts: Any) -> None:
        if (path := self.outsiders.pick(kind, which)) is not None:
            self.others(what, path, *facts)

    @rule(folder=folders, name=names, content=contents, is_tagged=st.booleans())
    def create(self, folder: bytes, name: bytes, content: bytes, is_tagged: bool) -> None:
        self.others("create", folder, name, content, is_tagged=is_tagged)

    @rule(folder=folders, name=names, content=contents, is_tagged=st.booleans())
    def create_another(self, folder: bytes, name: bytes, content: bytes, is_tagged: bool) -> None:
        """Create more files, or the tree would soon be empty."""
        self.others("create", folder, name, content, is_tagged=is_tagged)

    @rule(which=which, content=contents)
    def edit(self, which: int, content: bytes) -> None:
        self.others_on("file", which, "edit", content)

    @rule(which=which, content=contents)
    def replace(self, which: int, content: bytes) -> None:
        self.others_on("file", which, "replace", content)

    @rule(which=which, folder=folders, name=names)
    def link(self, which: int, folder: bytes, name: bytes) -> None:
        self.others_on("file", which, "link", folder, name)

    @rule(which=which, folder=folders, name=names)
    def move(self, which: int, folder: bytes, name: bytes) -> None:
        self.others_on("file", which, "move", folder, name)

    @rule(which=which)
    def delete(self, which: int) -> None:
        self.others_on("file", which, "delete")

    @rule(folder=folders, name=names)
    def make_folder(self, folder: bytes, name: bytes) -> None:
        self.others("make_folder", folder, name)

    @rule(which=which, folder=folders, name=names, how=st.sampled_from(["move", "delete_folder", "divert"]))
    def change_folder(self, which: int, folder: bytes, name: bytes, how: str) -> None:
        self.others_on("folder", which, how, *([folder, name] if how == "move" else []))

    # fileorg ------------------------------------------------------------------------------------------------------

    def run(self, *words: str, die_at: int = 0, rows: int = 0) -> None:
        finished = self.world.run(*words, die_at=die_at, rows=rows)
        self.taken[f"{ROW}: {'kills' if finished.code == KILLED else 'commands'}"] += 1

    def organize_words(self, chosen: Chosen) -> list[str]:
        action, by, on_conflict, is_recursive, is_elsewhere = chosen
        case = self.world.case
        words = ["organize", "-y", str(case.place.root), "--action", action, "--by", by, "--on-conflict", on_conflict]
        return [*words, *(["-r"] if is_recursive else []), *(["--dest", str(case.dest)] if is_elsewhere else [])]

    def back_words(self, command: str, number: int | None) -> list[str]:
        """Return the command for the last operation, or for an earlier one."""
        operations = sorted(self.world.ledger.operations)
        chosen = [] if number is None or not operations else [str(operations[number % len(operations)])]
        return [command, "-y", *chosen]

    @rule(chosen=options, rows=rows)
    def organize(self, chosen: Chosen, rows: int) -> None:
        self.run(*self.organize_words(chosen), rows=rows)

    @rule(chosen=options, rows=rows, step=steps)
    def kill_organize(self, chosen: Chosen, rows: int, step: int) -> None:
        self.run(*self.organize_words(chosen), rows=rows, die_at=step)

    @rule(command=backwards, number=operations, rows=rows)
    def go_back(self, command: str, number: int | None, rows: int) -> None:
        self.run(*self.back_words(command, number), rows=rows)

    @rule(command=backwards, number=operations, rows=rows, step=steps)
    def kill_going_back(self, command: str, number: int | None, rows: int, step: int) -> None:
        self.run(*self.back_words(command, number), rows=rows, die_at=step)

    @precondition(lambda self: self.world.has_open)
    @rule(step=steps)
    def kill_recover(self, step: int) -> None:
        self.run("recover", die_at=step)

    @precondition(lambda self: self.world.has_open)
    @rule()
    def recover(self) -> None:
        self.run("recover")

    @rule(action=duplicates, rows=rows)
    def dedupe(self, action: str, rows: int) -> None:
        self.run(*self.dedupe_words(action), rows=rows)

    @rule(action=duplicates, rows=rows, step=steps)
    def kill_dedupe(self, action: str, rows: int, step: int) -> None:
        self.run(*self.dedupe_words(action), rows=rows, die_at=step)

    def dedupe_words(self, action: str) -> list[str]:
        return ["dedupe", "-y", "--action", action, str(self.world.case.place.root)]

    # Sequences of fileorg commands --------------------------------------------------------------------------------

    @precondition(lambda self: self.world.can_take_all_back)
    @rule()
    def take_all_back(self) -> None:
        self.taken[f"{ROW}: several commands"] += 1
        self.world.take_all_back()

    @precondition(lambda self: self.world.ledger.operations)
    @rule()
    def there_and_back(self) -> None:
        self.taken[f"{ROW}: several commands"] += 1
        self.world.there_and_back()

    @rule(chosen=options)
    def organize_until_done(self, chosen: Chosen) -> None:
        self.taken[f"{ROW}: several commands"] += 1
        self.world.organize_until_done(self.organize_words(chosen))


def test_any_order_of_steps(plain_workers: Workers, tally: Counter[str]) -> None:
    run_machine(plain_workers, tally, examples=_FAST, number=0)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, _PARTS + 1))
def test_many_orders_of_steps(plain_workers: Workers, tally: Counter[str], number: int) -> None:
    run_machine(plain_workers, tally, examples=-(-_WHOLE // SHARE.of), number=number + (SHARE.number - 1) * _PARTS)


def test_a_journal_written_after_acting_is_found_out(plain_workers: Workers) -> None:
    """Negative control: the machine must soon find a missing safeguard."""
    with pytest.raises(AssertionError, match="I6 made without a record"):
        run_machine(plain_workers, Counter(), examples=_FAST, number=0, control="journal after acting")


def run_machine(workers: Workers, tally: Counter[str], *, examples: int, number: int, control: str = "") -> None:
    """Run `examples` trees, each with its steps; `number` is the seed."""

    def task(worker: Worker) -> None:
        seeded = hypothesis.seed(number)(
            type("Machine", (Machine,), {"worker": worker, "taken": tally, "control": control})
        )
        chosen = settings(
            max_examples=examples, stateful_step_count=_STEPS, deadline=None, database=None, print_blob=True,
            phases=[Phase.generate], report_multiple_bugs=False, suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        run_state_machine_as_test(seeded, settings=chosen)

    workers.one(task)
