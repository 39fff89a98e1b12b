"""Plans that are saved of a store, and carried out there: before, after, and back."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.buckets import Bucket, bucket_of

from fileorg.core.errors import UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import JobState, OnConflict, RecordState
from fileorg.core.row_problems import RowFault
from fileorg.jobs.carry_out import carry_out
from fileorg.jobs.found import job
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.report.row_sentences import line_of_row
from fileorg.storage.object.memory import MemoryClient, memory_bucket
from fileorg.workflows.apply_plan import ApplyOptions, RowsRefused, applying
from fileorg.workflows.edit_plan import NamesToEdit
from fileorg.workflows.undo import UndoOptions, undoing

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.runs import Runs

    from fileorg.core.model import Outcome
    from fileorg.plan.plan_lines import PlanLines

TRASH = ".fileorg/trash/1/"


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """The folder `inbox` of a bucket in memory."""
    return bucket_of(request, "inbox/")


def move(path: str, new_path: str, **more: Any) -> dict[str, Any]:
    return {"path": path, "new_path": new_path, **more}


def trash(path: str, **more: Any) -> dict[str, Any]:
    return {"action": "trash", "path": path, **more}


def saved(lines: PlanLines) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def apply(runs: Runs, bucket: Bucket, *rows: dict[str, Any], **options: Any) -> Outcome:
    return runs.apply(rows, **{"roots": [bucket.url]} | options)


def refused(runs: Runs, bucket: Bucket, *rows: dict[str, Any], **options: Any) -> list[tuple[int, RowFault]]:
    """Return line and fault of each problem, once it is sure that nothing was changed."""
    before = bucket.snapshot()
    with pytest.raises(RowsRefused) as caught:
        apply(runs, bucket, *rows, **options)
    assert bucket.snapshot() == before
    assert all(line_of_row(problem).isprintable() for problem in caught.value.problems)
    return [(problem.line, problem.fault) for problem in caught.value.problems]


def test_a_saved_plan_does_what_the_run_would_have_done(runs: Runs, bucket: Bucket) -> None:
    clock = iter(range(1_700_000_000, 1_800_000_000))
    memory_bucket(bucket.client.bucket).now_ns = lambda: next(clock) * 10**9
    bucket.write({"Images/a.jpg": "old", "Images/b.jpg": "same"})
    bucket.write({"a.jpg": "new", "deep/b.jpg": "same", "c.cr2": "raw", "c.xmp": "edits", "d.xyz": "unknown"})
    before = bucket.snapshot()
    options = {"root": bucket.url, "recursive": True, "on_conflict": OnConflict.KEEP_NEWER}
    with runs.organizing(changes=False, **options) as run:
        rows = saved(run.plan_lines())
    assert bucket.snapshot() == before
    url = os.fsdecode(bucket.url)
    assert [(row["action"], row["path"].removeprefix(url)) for row in rows] == [
        ("trash", "/Images/a.jpg"), ("move", "/a.jpg"), ("move", "/c.cr2"), ("move", "/c.xmp"),
    ]  # fmt: skip
    assert all(row["etag"] for row in rows)
    assert apply(runs, bucket, *rows).done == 4
    applied = bucket.snapshot()
    assert {key: held.content.decode() for key, held in applied.items()} == {
        "Images/a.jpg": "new", f"{TRASH}Images/a.jpg": "old", "Images/b.jpg": "same", "deep/b.jpg": "same",
        "Images/c.cr2": "raw", "Images/c.xmp": "edits", "d.xyz": "unknown",
    }  # fmt: skip
    runs.undo()
    assert bucket.snapshot() == before
    runs.redo()
    assert bucket.snapshot() == applied


def test_a_plan_of_duplicates_names_what_stays(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "same", "deep/b.jpg": "same", "c.jpg": "same"})
    before = bucket.snapshot()
    with runs.deduping(roots=[os.fsdecode(bucket.url)], action=DedupeAction.QUARANTINE) as run:
        rows = saved(run.plan_lines())
    assert len({row["duplicate_of"] for row in rows}) == 1
    assert apply(runs, bucket, *rows).done == 2
    assert len([key for key in bucket.keys() if not key.startswith(TRASH)]) == 1  # noqa: SIM118  no dictionary
    runs.undo()
    assert bucket.snapshot() == before
    bucket.write({os.path.relpath(rows[0]["duplicate_of"], os.fsdecode(bucket.url)): "another content"})
    outcome = apply(runs, bucket, *({**row, "mtime": None} for row in rows))  # undo has given them new times
    assert (outcome.done, outcome.counts) == (0, {RecordState.CHANGED: 2})


def test_a_plan_of_clean_and_of_an_undo(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "empty.txt": ""})
    before = bucket.snapshot()
    with runs.cleaning(root=bucket.url, changes=False) as run:
        rows = saved(run.plan_lines())
    apply(runs, bucket, *rows)
    assert bucket.read() == {"a.jpg": "1", f"{TRASH}empty.txt": ""}
    with undoing(UndoOptions(), runs.state, NullReporter(), changes=False) as undo:
        rows = saved(undo.plan_lines())
    apply(runs, bucket, *rows)
    assert bucket.snapshot() == before


def test_own_rows_move_copy_and_trash(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a": "1", "b": "2", "deep/c": "3", "d": "4"}, metadata={"of": "a user"})
    before = bucket.snapshot()
    url = os.fsdecode(bucket.url)
    rows = [
        move("a", "new/place/a2"), move(f"{url}/deep/c", f"{url}/c"), trash("b"), move("d", "copy of d", action="copy"),
    ]  # fmt: skip
    assert apply(runs, bucket, *rows).done == 4
    assert bucket.read() == {"new/place/a2": "1", "c": "3", f"{TRASH}b": "2", "d": "4", "copy of d": "4"}
    assert runs.undo().done == 4
    assert bucket.snapshot() == before


@pytest.mark.parametrize("versions", [False, True])
def test_a_chain_in_any_order(runs: Runs, bucket: Bucket, *, versions: bool) -> None:
    memory_bucket(bucket.client.bucket).versions = versions
    first = {f"{number:02}": f"{number}" for number in range(30)}
    bucket.write(first)
    before = bucket.snapshot()
    rows = [move(f"{number:02}", f"{number + 1:02}") for number in (*range(0, 30, 2), *range(1, 30, 2))]
    assert apply(runs, bucket, *rows, trash("nothing"), partial=True).done == 30
    assert bucket.read() == {f"{number + 1:02}": f"{number}" for number in range(30)}
    assert runs.undo().done == 30
    assert bucket.snapshot() == before


@pytest.mark.parametrize("versions", [False, True])
def test_names_are_exchanged(runs: Runs, bucket: Bucket, *, versions: bool) -> None:
    """Also of groups and whole folders. Objects may have one content if neither gets the name of the other."""
    memory_bucket(bucket.client.bucket).versions = versions
    bucket.write({"a": "1", "b": "22", "deep/c": "333", "1": "x", "2": "y", "3": "x", "4": "z"}, metadata={"of": "me"})
    bucket.write(
        {"d.cr2": "raw", "d.xmp": "edits", "e.cr2": "other raw", "e.xmp": "other edits"},
        headers={"cache-control": "no-store"},
    )
    bucket.write({"old/x": "old x", "old/y": "old y", "new/x": "new x"})
    before = bucket.snapshot()
    rows = [
        move("a", "b"), move("b", "deep/c"), move("deep/c", "a"),
        move("1", "2"), move("2", "3"), move("3", "4"), move("4", "1"),
        move("d.cr2", "e.cr2"), move("d.xmp", "e.xmp"), move("e.cr2", "d.cr2"), move("e.xmp", "d.xmp"),
        move("old/", "new/"), move("new/", "old/"),
    ]  # fmt: skip
    assert apply(runs, bucket, *rows).done == 14
    exchanged = bucket.snapshot()
    assert exchanged == {
        "b": before["a"], "deep/c": before["b"], "a": before["deep/c"], "2": before["1"], "3": before["2"],
        "4": before["3"], "1": before["4"], "e.cr2": before["d.cr2"], "e.xmp": before["d.xmp"],
        "d.cr2": before["e.cr2"], "d.xmp": before["e.xmp"], "new/x": before["old/x"], "new/y": before["old/y"],
        "old/x": before["new/x"],
    }  # fmt: skip
    assert runs.undo().done == 14
    assert bucket.snapshot() == before
    assert runs.redo().done == 14
    assert bucket.snapshot() == exchanged


def test_what_hinders_an_exchange_takes_it_back(runs: Runs, bucket: Bucket) -> None:
    """Another program has written to one of the objects since the check."""
    for changed in "abc":
        bucket.write({"a": "1", "b": "22", "c": "333"})
        with runs.applying([move("a", "b"), move("b", "c"), move("c", "a")], roots=[bucket.url]) as run:
            bucket.write({changed: "changed"})
            outcome = run.run()
        assert outcome.done == 0
        assert bucket.read() == {"a": "1", "b": "22", "c": "333"} | {changed: "changed"}


def test_a_key_that_goes_into_the_trash_makes_room(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a": "new", "b": "old"})
    before = bucket.snapshot()
    apply(runs, bucket, move("a", "b"), trash("b"))
    assert bucket.read() == {"b": "new", f"{TRASH}b": "old"}
    runs.undo()
    assert bucket.snapshot() == before


def test_objects_that_have_changed_are_refused(runs: Runs, bucket: Bucket) -> None:
    memory_bucket(bucket.client.bucket).now_ns = lambda: 1_700_000_000 * 10**9
    bucket.write({"a.jpg": "one", "b.jpg": "two", "c.jpg": "three", "d.jpg": "four"})
    with runs.organizing(changes=False, root=bucket.url) as run:
        rows = saved(run.plan_lines())
    bucket.write({"a.jpg": "two"})  # of the same size and second
    bucket.remove("b.jpg")
    bucket.write({"c.jpg": "longer than before", "Images/d.jpg": "taken"})
    faults = [
        (1, RowFault.OTHER_CONTENT), (2, RowFault.MISSING), (3, RowFault.OTHER_SIZE), (4, RowFault.TAKEN),
    ]  # fmt: skip
    assert refused(runs, bucket, *rows) == faults
    bucket.write({"e.jpg": "five"})
    assert apply(runs, bucket, *rows, move("e.jpg", "Images/e.jpg"), partial=True).done == 1
    assert bucket.read()["Images/e.jpg"] == "five"


@pytest.mark.parametrize("facts", [{"size_bytes": 5}, {"etag": "0" * 32}])
def test_a_prefix_has_no_size_and_no_etag(runs: Runs, bucket: Bucket, facts: dict[str, object]) -> None:
    """A row that says what fileorg cannot check is refused: it may be meant for an object that is gone."""
    bucket.write({"old/a": "1", "old/b": "2"})
    before = bucket.snapshot()
    for path in ("old", "old/"):
        row = {"path": path, "new_path": "archive/", **facts}
        assert [fault for _, fault in refused(runs, bucket, row)] == [RowFault.NOT_A_FILE]
    assert bucket.snapshot() == before


def test_what_another_program_writes_between_check_and_move_stays(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a": "mine", "b": "mine", "c": "mine"})
    with runs.applying([move("a", "x"), move("b", "y"), move("c", "z")], roots=[bucket.url]) as run:
        bucket.write({"a": "theirs", "y": "theirs"})
        bucket.remove("c")
        outcome = run.run()
    assert bucket.read() == {"a": "theirs", "b": "mine", "y": "theirs"}
    assert outcome.counts == {RecordState.CHANGED: 1, RecordState.CONFLICT: 1, RecordState.MISSING: 1}


@pytest.mark.parametrize(
    ("rows", "faults"),
    [
        ([move("a", "b"), move("b", "a")], []),
        ([move("same 1", "same 2"), move("same 2", "same 1")], [RowFault.LOOKS_ALIKE, RowFault.NOT_VACATED]),
        ([move("deep/", "a"), move("a", "z")], [RowFault.BELOW_A_FILE]),
        ([move("a", "deep"), move("deep/", "z")], [RowFault.TAKEN]),
        ([move("a", "b"), move("b", "z")], []),
        ([move("same 1", "same 2"), move("same 2", "z")], [RowFault.LOOKS_ALIKE]),
        ([move("in parts 1", "in parts 2"), move("in parts 2", "z")], [RowFault.LOOKS_ALIKE]),
        ([move("deep", "z/deep")], []),
        ([trash("deep")], []),
        ([move("deep/", "other/")], [RowFault.TAKEN]),
        ([move("deep/", "a/")], [RowFault.TAKEN]),
        ([move("deep/", "deep/er/")], [RowFault.INTO_ITSELF]),
        ([move("deep/", "z"), move("deep", "y/")], [RowFault.TWO_ROWS]),
        ([move("deep/", "z"), move("other/", "z/")], [RowFault.TWICE, RowFault.TWICE]),
        ([move("deep/", "z"), move("a", "z")], [RowFault.TWICE, RowFault.TWICE]),
        ([move("deep/", "z"), move("a", "z/x")], [RowFault.TWICE]),
        ([move("deep", "z", action="copy")], [RowFault.FOLDER_ACTION]),
        ([move("a/", "z/")], [RowFault.MISSING]),
        ([move("a", "z/")], [RowFault.BAD_PATH]),
        ([move("deep//", "z")], [RowFault.BAD_PATH]),
        ([move("deep/", "/")], [RowFault.OUTSIDE]),
        ([move("deep/", f"{'x' * 200}/" * 5 + "y" * 30)], [RowFault.NAME_TOO_LONG]),
        ([move("project/src/", "src/")], [RowFault.KEPT_WHOLE]),
        ([move("project/", "z/project/")], []),
        ([move("a", "z", action="hardlink")], [RowFault.LINK_IN_STORE]),
        ([move("a", "b")], [RowFault.TAKEN]),
        ([move("a", "deep")], [RowFault.TAKEN]),
        ([move("a", "b/x")], [RowFault.BELOW_A_FILE]),
        ([move("a", "z"), move("b", "z")], [RowFault.TWICE]),
        ([move("a", "x//y")], [RowFault.BAD_PATH]),
        ([move("./a", "x")], [RowFault.BAD_PATH]),
        ([move("a", "../x")], [RowFault.OUTSIDE]),
        ([move("a", "/tmp/x")], [RowFault.OUTSIDE]),
        ([move("a", "memory://another/x")], [RowFault.OUTSIDE]),
        ([move("a", ".fileorg/x")], [RowFault.OURS]),
        ([move(".fileorg/", "z/")], [RowFault.OURS]),
        ([move(".fileorg/trash/", "z/")], [RowFault.OURS]),
        ([move("a", f"{'x' * 200}/" * 5 + "y" * 30)], [RowFault.NAME_TOO_LONG]),
        ([{"path": "a", "new_path_b64": "/w=="}], [RowFault.NAME_REFUSED]),
        ([move("a", "z", sha256="0" * 64)], [RowFault.OTHER_CONTENT]),
        ([move("a", "z", etag="0" * 32)], [RowFault.OTHER_CONTENT]),
        ([move("c.cr2", "x/c.cr2")], [RowFault.TEARS_GROUP]),
        ([trash("a", duplicate_of="b")], []),
    ],
)
def test_what_a_plan_cannot_do_in_a_store(
    runs: Runs, bucket: Bucket, rows: list[dict[str, Any]], faults: list[RowFault]
) -> None:
    bucket.write({"a": "1", "b": "2", "same 1": "x", "same 2": "x", "deep/x": "3", "c.cr2": "raw", "c.xmp": "edits"})
    bucket.write({"in parts 1": "p" * 300, "other/y": "4", "project/package.json": "{}", "project/src/x": "5"})
    bucket.write({".fileorg/trash/1/0": "6"})
    Bucket(MemoryClient(bucket.client.bucket, part_limit_bytes=100), "inbox/").write({"in parts 2": "p" * 300})
    if not faults:
        with runs.applying(rows, roots=[bucket.url], changes=False) as run:
            assert not list(run.problems())
        return
    found = [fault for _, fault in refused(runs, bucket, *rows)]
    assert found[: len(faults)] == faults


def test_names_to_edit_are_those_of_the_objects_as_they_are_now(runs: Runs, bucket: Bucket) -> None:
    bucket.write(
        {"a": "1", "b": "2", ".hidden": "3", "deep/c": "4", "deep/": "", ".x/y": "5", "a-z": "6", "deep.d": "7"}
    )
    url = os.fsdecode(bucket.url)

    def names(*paths: str, recursive: bool = False, hidden: bool = False) -> list[str]:
        found = NamesToEdit([os.fsencode(path) for path in paths], recursive=recursive, hidden=hidden)
        return [os.fsdecode(row.path).removeprefix(f"{url}/") for row in found.rows()]

    assert names(url) == ["a", "a-z", "b", "deep", "deep.d"]
    assert names(url, recursive=True) == ["a", "a-z", "b", "deep/c", "deep.d"]
    assert names(url, recursive=True, hidden=True) == [".hidden", ".x/y", "a", "a-z", "b", "deep/c", "deep.d"]
    assert names(f"{url}/deep/", f"{url}/b") == ["deep/c", "b"]
    with pytest.raises(UsageError, match="nothing in"):
        names(f"{url}/missing")
    bucket.write({"both/x": "8", "both": "9"})
    assert names(url) == ["a", "a-z", "b", "both", "both/", "deep", "deep.d"]
    assert names(url, recursive=True)[3:5] == ["both", "both/x"]
    edited = NamesToEdit([bucket.url], recursive=False, hidden=False)
    rows = [row._replace(new_path=row.path + b" new") for row in edited.rows() if row.path[-1:] in b"ab"]
    bucket.write({"b": "another"})
    options = ApplyOptions(roots=edited.roots, partial=True)
    with applying(options, lambda _: rows, runs.state, NullReporter()) as run:
        assert [problem.fault for problem in run.problems()] == [RowFault.OTHER_CONTENT]
        run.run()
    assert (bucket.read()["a new"], bucket.read()["b"]) == ("1", "another")


# Whole folders --------------------------------------------------------------------------------------------------------


def test_a_whole_folder_moves_and_comes_back(runs: Runs, bucket: Bucket) -> None:
    """What has a row of its own goes where that says; an object beside the folder that has its name is another one."""
    bucket.write(
        {"old/a": "1", "old/deep/b": "2", "old/own": "3", "old/in/c": "4", "older": "5"}, metadata={"of": "me"}
    )
    bucket.write({"old": "an object", "old/": "", "deep": "6"})
    before = bucket.snapshot()
    outcome = apply(runs, bucket, move("old/", "archive/old/"), move("old/own", "own"), move("old/in/", "in"))
    assert outcome.done == 4
    assert bucket.read() == {
        "archive/old/a": "1", "archive/old/deep/b": "2", "own": "3", "in/c": "4", "older": "5", "old": "an object",
        "old/": "", "deep": "6",
    }  # fmt: skip
    url = os.fsdecode(bucket.url)
    assert outcome.notes == [f"1 object still in {url}/old: the marker of the folder."]
    assert runs.undo().done == 4
    assert bucket.snapshot() == before
    assert apply(runs, bucket, move("old", "moved")).done == 1
    assert bucket.read()["moved"] == "an object"


def test_an_object_comes_back_beside_a_prefix_of_its_name(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"old/a": "1", "old/a/": "", "old/b": "2"})
    before = bucket.snapshot()
    assert apply(runs, bucket, move("old/", "new/")).done == 2
    assert bucket.read() == {"new/a": "1", "old/a/": "", "new/b": "2"}
    assert runs.undo(rename=True).done == 2
    assert bucket.snapshot() == before


def test_a_whole_folder_goes_to_the_trash_and_makes_room(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"old/a": "1", "old/b": "2", "new/a": "3", "c": "4"})
    before = bucket.snapshot()
    outcome = apply(runs, bucket, move("new/", "old/"), trash("old/"), move("c", "new/c"))
    assert bucket.read() == {f"{TRASH}old/a": "1", f"{TRASH}old/b": "2", "old/a": "3", "new/c": "4"}
    assert outcome.notes == []
    runs.undo()
    assert bucket.snapshot() == before


def test_objects_that_come_meanwhile_stay_and_are_named(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"old/a": "1", "old/b": "2"})
    with runs.applying([move("old/", "new/")], roots=[bucket.url]) as run:
        bucket.write({"old/late": "3", "old/b": "changed", "new/theirs": "4"})
        outcome = run.run()
    assert bucket.read() == {"old/a": "1", "old/late": "3", "old/b": "changed", "new/theirs": "4"}
    assert f"3 objects still in {os.fsdecode(bucket.url)}/old: a, b, late." in outcome.notes


def test_the_rest_of_a_folder_goes_on_after_a_stop(
    runs: Runs, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fileorg.plan.given_checks.MAX_TOGETHER", 1)
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 3)
    monkeypatch.setattr("fileorg.workflows.operations.COPIED_ROWS", 3)
    bucket.write({f"old/{number}": f"{number}" for number in range(8)})
    plan, rows = tmp_path / "plan.jsonl", [move("old/", "new/old/")]
    plan.write_text(json.dumps(rows[0]) + "\n")
    left = iter(range(3))
    with runs.applying(rows, roots=[bucket.url], plan=os.fsencode(plan)) as run:
        assert run.run(lambda: next(left, None) is None).interrupted
    assert 0 < len([key for key in bucket.keys() if key.startswith("new")]) < 8  # noqa: SIM118  no dictionary
    carry_out(runs.state, 1, NullReporter(), lambda: False)
    assert bucket.read() == {f"new/old/{number}": f"{number}" for number in range(8)}


def test_what_a_stopped_plan_has_put_into_a_folder_stays_there(
    runs: Runs, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row for `old/` is about what was there before the plan, also when the plan is read again."""
    monkeypatch.setattr("fileorg.plan.given_checks.MAX_TOGETHER", 1)
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 2)
    monkeypatch.setattr("fileorg.workflows.operations.COPIED_ROWS", 2)
    bucket.write({f"new/{number}": f"new {number}" for number in range(6)})
    bucket.write({f"old/x{number}": f"old {number}" for number in range(6)})
    before = bucket.snapshot()
    plan, rows = tmp_path / "plan.jsonl", [move("new/", "old/"), move("old/", "older/")]
    plan.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    left = iter(range(3))
    with runs.applying(rows, roots=[bucket.url], plan=os.fsencode(plan)) as run:
        assert run.run(lambda: next(left, None) is None).interrupted
    assert 0 < len([key for key in bucket.keys() if key.startswith("old/") and "x" not in key]) < 6  # noqa: SIM118
    carry_out(runs.state, 1, NullReporter(), lambda: False)
    after = {f"old/{number}": f"new {number}" for number in range(6)}
    assert bucket.read() == after | {f"older/x{number}": f"old {number}" for number in range(6)}
    runs.undo(2)
    runs.undo(1)
    assert bucket.snapshot() == before


# Between folders and stores -------------------------------------------------------------------------------------------


def test_a_plan_from_a_folder_into_a_store(runs: Runs, bucket: Bucket) -> None:
    """The files go into the trash of their folder, as without a plan."""
    runs.tree.write({"a.jpg": "1", "deep/b.pdf": "2", "d.cr2": "raw", "d.xmp": "edits"})
    bucket.write({"Images/a.jpg": "there"})
    before, there = runs.tree.snapshot(), bucket.snapshot()
    with runs.organizing(changes=False, dest=bucket.url, recursive=True) as run:
        rows, roots = saved(run.plan_lines()), run.all_roots
    assert apply(runs, bucket, *rows, roots=roots).done == 4
    assert bucket.read() == {
        "Images/a.jpg": "there", "Images/a (2).jpg": "1", "Documents/b.pdf": "2", "Images/d.cr2": "raw",
        "Images/d.xmp": "edits",
    }  # fmt: skip
    assert {path for path in runs.tree.read() if not path.endswith("/")} == {
        f"{TRASH}a.jpg", f"{TRASH}deep/b.pdf", f"{TRASH}d.cr2", f"{TRASH}d.xmp",
    }  # fmt: skip
    runs.undo()
    assert (runs.tree.snapshot(), bucket.snapshot()) == (before, there)


def test_a_plan_from_a_store_into_a_folder_and_back(runs: Runs, bucket: Bucket) -> None:
    runs.tree.write({"x": "mine", "y": "old"})
    bucket.write({"a": "1", "b": "2"}, metadata={"of": "a user"})
    before, there = runs.tree.snapshot(), bucket.snapshot()
    root, url = os.fsdecode(runs.tree.root), os.fsdecode(bucket.url)
    rows = [
        move(f"{url}/a", f"{root}/new/a"), move(f"{root}/y", f"{url}/b"), move(f"{url}/b", f"{url}/c"),
        move(f"{root}/x", f"{url}/x", action="copy"),
    ]  # fmt: skip
    assert apply(runs, bucket, *rows, roots=[os.fsencode(runs.tree.root), bucket.url]).done == 4
    assert bucket.read() == {"b": "old", "c": "2", "x": "mine"}
    assert runs.tree.read() == {"x": "mine", "new/a": "1", f"{TRASH}y": "old"}
    runs.undo()
    assert (runs.tree.snapshot(), bucket.snapshot()) == (before, there)


@pytest.mark.parametrize(
    ("rows", "fault"),
    [
        ([move("ROOT/a", "URL/b"), move("URL/b", "ROOT/a")], RowFault.CYCLE_IN_STORE),
        ([move("ROOT/same", "URL/same"), move("URL/same", "URL/z")], RowFault.LOOKS_ALIKE),
        ([move("ROOT/deep", "URL/deep")], RowFault.FOLDER_IN_STORE),
        ([move("ROOT/deep", "ROOT/a"), move("ROOT/a", "URL/z")], RowFault.CYCLE_IN_STORE),
        ([move("ROOT/a", "URL/z", action="symlink")], RowFault.LINK_IN_STORE),
        ([move("ROOT/two names", "URL/z")], RowFault.HARD_LINKS_TORN),
        ([trash("ROOT/same", duplicate_of="URL/same")], RowFault.KEEPER_ELSEWHERE),
    ],
)
def test_what_a_plan_cannot_do_between_a_folder_and_a_store(
    runs: Runs, bucket: Bucket, rows: list[dict[str, Any]], fault: RowFault
) -> None:
    runs.tree.write({"a": "1", "same": "x", "deep/c": "3", "two names": "4"})
    os.link(runs.tree.path("two names"), runs.tree.path("again"))
    bucket.write({"b": "2", "same": "x"})
    before = runs.tree.snapshot()
    places = {"ROOT": os.fsdecode(runs.tree.root), "URL": os.fsdecode(bucket.url)}
    text = json.dumps(rows)
    for word, place in places.items():
        text = text.replace(word, place)
    roots = [os.fsencode(place) for place in places.values()]
    assert fault in {found for _, found in refused(runs, bucket, *json.loads(text), roots=roots)}
    assert runs.tree.snapshot() == before


# Jobs -----------------------------------------------------------------------------------------------------------------


def test_a_plan_that_was_stopped_goes_on_with_what_is_left(
    runs: Runs, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects with equal contents have one ETag. What took a name that is in the plan, too, stays where it is."""
    monkeypatch.setattr("fileorg.workflows.operations.BATCH_ROWS", 3)
    monkeypatch.setattr("fileorg.workflows.operations.COPIED_ROWS", 3)
    first = {f"{number}": "same" for number in range(8)} | {"a": "new", "b": "old"}
    bucket.write(first)
    before = bucket.snapshot()
    rows = [*(move(f"{number}", f"to/{number}") for number in range(8)), trash("b"), move("a", "b")]
    plan = tmp_path / "plan.jsonl"
    plan.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    left = iter(range(3))
    with runs.applying(rows, roots=[bucket.url], plan=os.fsencode(plan)) as run:
        outcome = run.run(lambda: next(left, None) is None)
    assert outcome.interrupted
    assert 0 < outcome.done < 10
    carry_out(runs.state, 1, NullReporter(), lambda: False)
    after = {f"to/{number}": "same" for number in range(8)} | {"b": "new", f"{TRASH}b": "old"}
    assert {key.replace("trash/2/", "trash/1/"): content for key, content in bucket.read().items()} == after
    assert job(runs.state, 1).state is JobState.DONE
    carry_out(runs.state, 1, NullReporter(), lambda: False)
    assert sorted(bucket.read().values()) == sorted(after.values())
    runs.undo(2)
    runs.undo(1)
    assert bucket.snapshot() == before
