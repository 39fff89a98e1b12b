"""Runs in a store are killed at each request, and so is each recovery; or a request or its answer gets lost.

After each step, every content is in the bucket, and nothing of others was overwritten. After recovery, nothing is open,
and an undo brings back the first bucket exactly.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from functools import partial
from hashlib import md5
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tests.faults.faulty_stores import LateRequests, Rights, faults_of_all_stores, late_deletions, make_probed_bucket
from tests.support.buckets import Bucket
from tests.support.faulty_client import KILLS, Fault, Faults, Killed, Order

from fileorg.core.errors import StorageFailure
from fileorg.core.events import NullReporter
from fileorg.core.model import OperationState
from fileorg.core.names import is_step_name
from fileorg.core.reasons import ReasonCode
from fileorg.execute.recovery import give_up
from fileorg.journal.journal import Journal
from fileorg.rules.config_file import parse_configuration
from fileorg.storage.object import memory
from fileorg.storage.object.client import ObjectOutcome, Result
from fileorg.storage.object.memory import MemoryClient, memory_bucket
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.store_error import Permission, StoreCode, StoreError
from fileorg.workflows.apply_plan import RowsRefused
from fileorg.workflows.recover import recover_all
from fileorg.workflows.undo import NothingToUndo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from tests.storage.object.servers import S3Server
    from tests.support.buckets import Held
    from tests.support.runs import Runs

    from fileorg.storage.object.client import ObjectDeletion

_numbers = itertools.count()
_MAX_REQUESTS = 200
_EACH, _SOME = 1, 4
_slow = partial(pytest.param, marks=pytest.mark.slow)
_RULES = b"""
version = 1

[[rule]]
when = { ext = "pdf" }
action = "trash"

[[rule]]
when = { name = "a*" }
to = "Pictures/{stem:upper}.{ext}"
"""


EXCHANGE = (
    {"path": "a.jpg", "new_path": "b.pdf"},
    {"path": "b.pdf", "new_path": "c.jpg"},
    {"path": "c.jpg", "new_path": "a.jpg"},
)
"""A plan of a cycle of three names."""


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> Faults:
    return faults_of_all_stores(monkeypatch)


class Notes(NullReporter):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


class Step:
    """A bucket that a command works on, and what must hold of it."""

    def __init__(self, runs: Runs, faults: Faults, bucket: Bucket) -> None:
        self.bucket = bucket
        self.bucket.write({"a.jpg": "one", "b.pdf": "two"}, metadata={"of": "a user"})
        self.bucket.write({"c.jpg": "three", "Images/c.jpg": "there before"})
        self.first = self.bucket.snapshot()
        self.runs, self._faults = runs, faults

    def organize(self) -> None:
        self.runs.organize(root=self.bucket.url)

    def organize_by_rules(self) -> None:
        self.runs.organize(root=self.bucket.url, configuration=parse_configuration(b"fileorg.toml", _RULES))

    def apply(self) -> None:
        """Carry out a plan: a chain of names, one that the trash makes free, a copy, and an object that does not go."""
        rows = [
            {"path": "a.jpg", "new_path": "b.pdf"},
            {"path": "b.pdf", "new_path": "c.jpg"},
            {"path": "c.jpg", "action": "trash"},
            {"path": "Images/c.jpg", "new_path": "copy", "action": "copy"},
        ]
        self.runs.apply(rows, roots=[self.bucket.url])

    def exchange(self) -> None:
        self.runs.apply(EXCHANGE, roots=[self.bucket.url])

    def recover(self) -> None:
        recover_all(self.runs.state, NullReporter())

    def undo(self) -> None:
        self.runs.undo()

    def redo(self) -> None:
        self.runs.redo()

    def ended_by(self, fault: Fault, at: int, do: Callable[[], object]) -> bool:
        """Do something with a fault; return whether it happened."""
        self._faults.arm(fault, at)
        try:
            do()
        except (Killed, OSError, StorageFailure, RowsRefused):
            assert self._faults.happened
        self._faults.disarm()
        self.check_contents()
        return self._faults.happened

    def check_contents(self) -> None:
        """Assert that every content is in the bucket, and that what was there before others came is in its place."""
        held = self.bucket.snapshot()
        missing = Counter(self._unique(self.first)) - Counter(self._unique(held))
        assert not missing
        assert held.get("Images/c.jpg") == self.first["Images/c.jpg"]

    @staticmethod
    def _unique(held: dict[str, Held]) -> set[bytes]:
        return {each.content for each in held.values()}

    def check_recovered(self) -> None:
        """Recover, and assert that nothing is open and each content is in one place."""
        self.recover()
        with Journal(self.runs.state.journal, read_only=True) as journal:
            assert {each.state for each in journal.operations()} <= {OperationState.SEALED}
        assert not self.bucket.client.uploads()
        contents = Counter(held.content for key, held in self.bucket.snapshot().items() if key != "copy")
        assert set(contents.values()) == {1}

    def check_undone(self) -> None:
        """Undo what is left, and assert that the bucket is as it was first."""
        if self.bucket.snapshot() != self.first:
            self.undo()
        assert self.bucket.snapshot() == self.first


def _points(
    fault: Fault, made: Callable[[], Step], do: Callable[[Step], object], stride: int = _EACH
) -> Iterator[Step]:
    """Yield a step after a fault at each request of a command, or at every second, third …"""
    for at in range(0, _MAX_REQUESTS, stride):
        step = made()
        if not step.ended_by(fault, at, lambda step=step: do(step)):  # type: ignore[misc]
            return
        yield step
    raise AssertionError("the command does not end")


def _in_memory(*, versions: bool) -> Bucket:
    client = MemoryClient(f"killed-{next(_numbers)}")
    memory_bucket(client.bucket).versions = versions
    return Bucket(client, "inbox/")


@pytest.fixture(params=[False, True], ids=["plain", "versions"])
def made(request: pytest.FixtureRequest, runs: Runs, faults: Faults) -> Callable[[], Step]:
    return lambda: Step(runs, faults, _in_memory(versions=request.param))


@pytest.fixture(params=[False, True], ids=["plain", "versions"])
def on_server(
    request: pytest.FixtureRequest, runs: Runs, faults: Faults, seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], Step]]:
    """The same on a real server, below a new prefix each time."""
    name = f"killed-{next(_numbers)}"
    make_probed_bucket(seaweedfs, name, runs.state, monkeypatch, versions=request.param)
    with contextlib.closing(S3Client(name, seaweedfs.settings)) as client:
        yield lambda: Step(runs, faults, Bucket(client, f"inbox-{next(_numbers)}/"))


def _organized(made: Callable[[], Step]) -> Step:
    step = made()
    step.organize()
    return step


def _exchanged(made: Callable[[], Step]) -> Step:
    step = made()
    step.exchange()
    return step


def _undone(made: Callable[[], Step]) -> Step:
    step = _organized(made)
    step.undo()
    return step


@pytest.mark.parametrize("fault", KILLS)
def test_organize_is_killed_at_each_request(made: Callable[[], Step], fault: Fault) -> None:
    points = 0
    for step in _points(fault, made, Step.organize):
        step.check_recovered()
        step.check_undone()
        points += 1
    assert points > 6


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("stride", [_slow(_EACH), _SOME])
def test_a_run_by_rules_ends_at_a_request(made: Callable[[], Step], fault: Fault, stride: int) -> None:
    points = 0
    for step in _points(fault, made, Step.organize_by_rules, stride):
        step.check_recovered()
        step.check_undone()
        points += 1
    assert points > 6 // stride


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("stride", [_slow(_EACH), _SOME])
@pytest.mark.parametrize("do", [Step.apply, Step.exchange])
def test_a_plan_ends_at_a_request(
    made: Callable[[], Step], fault: Fault, stride: int, do: Callable[[Step], None]
) -> None:
    points = 0
    for step in _points(fault, made, do, stride):
        step.check_recovered()
        step.check_undone()
        points += 1
    assert points > 6 // stride


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("stride", [_slow(_EACH), _SOME])
@pytest.mark.parametrize("do", [Step.organize_by_rules, Step.apply, Step.exchange])
def test_an_undo_ends_at_a_request(
    made: Callable[[], Step], do: Callable[[Step], None], fault: Fault, stride: int
) -> None:
    def done() -> Step:
        step = made()
        do(step)
        return step

    for step in _points(fault, done, Step.undo, stride):
        step.check_recovered()
        step.check_undone()


def test_a_chain_of_equal_contents_would_lose_one_if_it_were_not_refused(
    runs: Runs, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Recovery takes an object with the content of another one for its copy."""
    monkeypatch.setattr("fileorg.plan.given_checks._may_be_copies", lambda *_: False)
    lost = 0
    for at in range(_MAX_REQUESTS):
        bucket = _in_memory(versions=False)
        bucket.write({"a": "the same"})
        Bucket(MemoryClient(bucket.client.bucket, part_limit_bytes=3), "inbox/").write({"b": "the same"})
        faults.arm(Fault.KILL_BEFORE, at)
        rows = [{"path": "a", "new_path": "b"}, {"path": "b", "new_path": "c"}]
        with contextlib.suppress(Killed):
            runs.apply(rows, roots=[bucket.url])
        faults.disarm()
        recover_all(runs.state, NullReporter())
        lost += len(bucket.keys()) < 2
        if not faults.happened:
            assert lost
            return
    raise AssertionError("the command does not end")


def test_an_exchange_is_killed_where_copies_get_other_etags(
    made: Callable[[], Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a bucket that is encrypted with a key of KMS."""
    monkeypatch.setattr(memory, "hashlib", SimpleNamespace(md5=lambda _, **__: md5(b"%d" % next(_numbers))))
    for step in itertools.chain(
        _points(Fault.KILL_AFTER, made, Step.exchange), _points(Fault.KILL_BEFORE, lambda: _exchanged(made), Step.undo)
    ):
        step.check_recovered()
        step.check_undone()


def test_an_exchange_that_recovery_took_back_is_not_redone_in_part(made: Callable[[], Step]) -> None:
    taken_back = 0
    for step in _points(Fault.KILL_AFTER, made, Step.exchange, 2):
        step.check_recovered()
        if step.bucket.snapshot() == step.first:
            with contextlib.suppress(NothingToUndo):
                step.redo()
                taken_back += 1
            assert step.bucket.snapshot() == step.first
    assert taken_back > 2


@pytest.mark.parametrize("stride", [_slow(_EACH), _SOME])
def test_an_exchange_that_was_given_up_is_undone(made: Callable[[], Step], runs: Runs, stride: int) -> None:
    for step in _points(Fault.KILL_AFTER, made, Step.exchange, stride):
        with Journal(runs.state.journal) as journal:
            for operation in journal.open_operations():
                give_up(journal, operation)
        step.recover()
        with contextlib.suppress(NothingToUndo):
            step.undo()
        assert step.bucket.snapshot() == step.first


@pytest.mark.slow
@pytest.mark.parametrize("do", [Step.organize_by_rules, Step.apply, Step.exchange])
def test_each_recovery_of_rules_and_plans_is_killed(made: Callable[[], Step], do: Callable[[Step], None]) -> None:
    for first in range(_MAX_REQUESTS):
        for second in range(_MAX_REQUESTS):
            step = made()
            if not step.ended_by(Fault.KILL_AFTER, first, lambda step=step: do(step)):  # type: ignore[misc]
                return
            if not step.ended_by(Fault.KILL_AFTER, second, step.recover):
                break
            step.check_recovered()
            step.check_undone()


@pytest.mark.parametrize("order", [Order.EARLY, Order.LATE])
def test_organize_is_killed_while_some_are_copied_and_others_deleted(
    made: Callable[[], Step], faults: Faults, order: Order
) -> None:
    faults.order = order
    for step in _points(Fault.KILL_AFTER, made, Step.organize):
        step.check_recovered()
        step.check_undone()


@pytest.mark.slow
@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("order", [Order.EARLY, Order.LATE])
def test_organize_and_undo_while_some_are_copied_and_others_deleted(
    made: Callable[[], Step], faults: Faults, order: Order, fault: Fault
) -> None:
    faults.order = order
    for step in itertools.chain(
        _points(fault, made, Step.organize), _points(fault, lambda: _organized(made), Step.undo)
    ):
        step.check_recovered()
        step.check_undone()


@pytest.mark.parametrize("fault", KILLS)
def test_undo_is_killed_at_each_request(made: Callable[[], Step], fault: Fault) -> None:
    points = 0
    for step in _points(fault, lambda: _organized(made), Step.undo):
        step.check_recovered()
        step.check_undone()
        points += 1
    assert points > 6


@pytest.mark.parametrize("fault", KILLS)
def test_redo_is_killed_at_each_request(made: Callable[[], Step], fault: Fault) -> None:
    for step in _points(fault, lambda: _undone(made), Step.redo):
        step.check_recovered()
        step.check_undone()


def test_each_recovery_is_killed_at_each_request(made: Callable[[], Step]) -> None:
    """The organize run ends at each request, and then its recovery at each of its own."""
    points = 0
    for first in range(_MAX_REQUESTS):
        for second in range(_MAX_REQUESTS):
            step = made()
            if not step.ended_by(Fault.KILL_AFTER, first, step.organize):
                assert points > 20
                return
            if not step.ended_by(Fault.KILL_AFTER, second, step.recover):
                break
            step.check_recovered()
            step.check_undone()
            points += 1


@pytest.mark.parametrize("fault", [each for each in Fault if each not in KILLS])
def test_a_request_or_its_answer_gets_lost(made: Callable[[], Step], fault: Fault) -> None:
    for step in _points(fault, made, Step.organize):
        step.check_recovered()
        step.check_undone()


def test_a_deletion_without_an_answer_may_be_carried_out_late(
    made: Callable[[], Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    step, late = made(), late_deletions(monkeypatch)
    with contextlib.suppress(StorageFailure):
        step.organize()
    late.come()
    step.check_contents()
    step.check_recovered()
    step.check_undone()


@pytest.mark.parametrize("comes", ["before recovery", "in recovery 0", _slow("in recovery 1"), _slow("at the end")])
@pytest.mark.parametrize("versions", [False, _slow(True)])
def test_a_request_of_an_exchange_is_carried_out_late(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, comes: str, *, versions: bool
) -> None:
    """Without its answer the run ends: other objects are to get the names."""
    late = LateRequests(monkeypatch)
    for at in range(_MAX_REQUESTS):
        step = Step(runs, Faults(), _in_memory(versions=versions))
        late.arm(at, int(comes[-1]) if comes[-1].isdigit() else _MAX_REQUESTS)
        with contextlib.suppress(StorageFailure):
            step.exchange()
        happened = late.happened
        late.disarm()
        if comes == "before recovery":
            late.come()
        step.check_contents()
        notes = Notes()
        recover_all(runs.state, notes)
        late.come()
        step.check_contents()
        for _ in range(2):
            if step.bucket.snapshot() != step.first:
                with contextlib.suppress(NothingToUndo):
                    step.undo()
            step.check_contents()
            if step.bucket.snapshot() != step.first:  # a copy that came too late is one more, and in the way
                assert comes != "before recovery"
                assert is_step_name(late.copied.rpartition(b"/")[2]) or any(
                    "groups are split" in each for each in notes.texts
                )
                step.bucket.remove(os.fsdecode(late.copied.removeprefix(b"inbox/")))
                step.check_contents()
        assert step.bucket.snapshot() == step.first, at
        if not happened:
            return
    raise AssertionError("the command does not end")


def test_a_deletion_without_an_answer_that_is_not_allowed_has_failed(
    runs: Runs, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as if the store was too busy at first, and has no right for the user."""
    step, deleting, asked = Step(runs, faults, _in_memory(versions=False)), MemoryClient.deleting, Counter[bytes]()

    def denied(client: MemoryClient, rows: Sequence[ObjectDeletion]) -> Callable[[], list[ObjectOutcome]]:
        [row] = rows
        if row.key != b"inbox/a.jpg":
            return deleting(client, rows)
        asked[row.key] += 1
        error = StoreError(StoreCode.THROTTLED if asked[row.key] == 1 else StoreCode.DENIED)
        result = Result.AMBIGUOUS if asked[row.key] == 1 else Result.FAILED
        return lambda: [ObjectOutcome(result, error=error)]

    monkeypatch.setattr(MemoryClient, "deleting", denied)
    step.organize()
    assert asked == {b"inbox/a.jpg": 2}
    step.check_recovered()
    step.check_undone()


def test_an_original_stays_whose_copy_may_be_removed_late(
    made: Callable[[], Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The removal of its copy had no answer. Meanwhile the user may delete the original."""
    step, rights = made(), Rights(monkeypatch)
    rights.denied, rights.unanswered = {b"inbox/a.jpg"}, {b"inbox/Images/a.jpg"}
    with pytest.raises(StorageFailure):
        step.organize()
    rights.denied, rights.unanswered = set(), set()
    step.recover()
    rights.come()
    step.check_contents()
    step.check_recovered()
    step.check_undone()


def test_a_recovery_ends_where_an_original_must_not_be_removed(
    runs: Runs, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a bucket that lets nobody delete below a prefix."""
    for step in _points(Fault.KILL_AFTER, lambda: Step(runs, faults, _in_memory(versions=False)), Step.organize):
        with monkeypatch.context() as patch:
            rights = Rights(patch)
            rights.denied = {b"inbox/a.jpg", b"inbox/b.pdf"}
            step.check_recovered()
        step.check_undone()


def test_a_recovery_ends_where_nothing_can_be_removed(
    made: Callable[[], Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    step, rights = made(), Rights(monkeypatch)
    rights.denied, rights.unanswered = {b"inbox/a.jpg"}, {b"inbox/Images/a.jpg"}
    with pytest.raises(StorageFailure):
        step.organize()
    rights.denied |= rights.unanswered
    step.recover()
    step.check_contents()
    with Journal(step.runs.state.journal, read_only=True) as journal:
        [operation] = journal.operations()
        assert operation.state is OperationState.SEALED
        reasons = [record.reason for batch in journal.records(operation) for record in batch]
    assert [reason.code for reason in reasons if reason is not None] == [ReasonCode.COPY_STAYS]


def test_a_recovery_ends_where_uploads_cannot_be_aborted(
    runs: Runs, faults: Faults, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = []
    for step in _points(Fault.KILL_AFTER, lambda: Step(runs, faults, _in_memory(versions=False)), Step.organize):
        notes = Notes()
        with monkeypatch.context() as patch:
            denied = ObjectOutcome(Result.FAILED, error=StoreError(StoreCode.DENIED))
            patch.setattr(MemoryClient, "abort", lambda _, uploads: [denied] * len(uploads))  # noqa: B023
            recover_all(runs.state, notes)
        texts += [note for note in notes.texts if "abort" in note]
        with Journal(runs.state.journal, read_only=True) as journal:
            assert {each.state for each in journal.operations()} <= {OperationState.SEALED}
        step.check_contents()
        step.check_undone()
    assert texts
    assert all("1 unfinished upload (the permission s3:AbortMultipartUpload)" in note for note in texts)


def test_a_recovery_that_is_not_allowed_to_look_says_so_in_words(
    made: Callable[[], Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    step, rights, notes = made(), Rights(monkeypatch), Notes()
    rights.denied, rights.unanswered = {b"inbox/a.jpg"}, {b"inbox/Images/a.jpg"}
    with pytest.raises(StorageFailure):
        step.organize()
    error = StoreError(StoreCode.DENIED, permission=Permission.READ)
    monkeypatch.setattr(MemoryClient, "head", lambda _, keys: [error] * len(keys))
    recover_all(step.runs.state, notes)
    [note] = notes.texts
    assert "a.jpg" in note
    assert "the permission s3:GetObject is missing" in note
    assert "Errno" not in note


@pytest.mark.parametrize("fault", [each for each in Fault if each not in KILLS])
def test_a_request_of_an_undo_or_its_answer_gets_lost(made: Callable[[], Step], fault: Fault) -> None:
    for step in _points(fault, lambda: _organized(made), Step.undo):
        step.check_recovered()
        step.check_undone()


@pytest.mark.slow
@pytest.mark.parametrize("fault", Fault)
def test_organize_and_undo_on_a_real_server(on_server: Callable[[], Step], fault: Fault) -> None:
    for step in itertools.chain(
        _points(fault, on_server, Step.organize),
        _points(fault, on_server, Step.organize_by_rules, _SOME),
        _points(fault, on_server, Step.apply, _SOME),
        _points(fault, on_server, Step.exchange, _SOME),
        _points(fault, lambda: _organized(on_server), Step.undo),
    ):
        step.check_recovered()
        step.check_undone()


@pytest.mark.parametrize(("command", "at"), [("organize", 3), ("organize", 6), ("apply", 9), ("apply", 12)])
def test_a_process_is_killed_in_front_of_a_real_server(
    on_server: Callable[[], Step], runs: Runs, tmp_path: Path, command: str, at: int
) -> None:
    step, plan = on_server(), tmp_path / "plan.jsonl"
    environment = os.environ | {"PYTHONPATH": os.getcwd(), "FILEORG_HOME": os.fsdecode(runs.state.path)}
    url = os.fsdecode(step.bucket.url)
    plan.write_text("".join(f"{json.dumps(row)}\n" for row in EXCHANGE))
    more = [url] if command == "organize" else [os.fspath(plan), "--root", url]
    words = [sys.executable, "-m", "tests.support.dying_command", str(at), command, *more]
    ran = subprocess.run(words, env=environment, capture_output=True, check=False)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    step.check_contents()
    step.check_recovered()
    step.check_undone()
