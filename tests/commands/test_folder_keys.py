"""`clean` and `organize --remove-empty` in stores: empty keys that only mark a folder go like empty folders do."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.storage.object import servers
from tests.storage.object.conftest import seaweedfs
from tests.support.buckets import Bucket, bucket_of

from fileorg.core.errors import UsageError
from fileorg.core.model import EMPTIED_FOLDER, Action, RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.scan.leftovers import Leftover
from fileorg.storage.object.client import ObjectOutcome, Result
from fileorg.storage.object.memory import MemoryClient, memory_bucket
from fileorg.storage.object.s3 import S3Client
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from tests.storage.object.servers import S3Server
    from tests.support.buckets import Held
    from tests.support.runs import Runs

    from fileorg.storage.object.client import ObjectDeletion, Precondition

__all__ = ["seaweedfs"]  # a fixture for the tests here, too

OPTIONS = {"recursive": True, "remove_empty": True}


@pytest.fixture(params=[False, True], ids=["plain", "versions"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """The folder `inbox` of a bucket in memory."""
    found = bucket_of(request, "inbox/")
    memory_bucket(found.client.bucket).versions = request.param
    return found


def mark(bucket: Bucket, *folders: str) -> None:
    """Write markers with all that one can have."""
    for folder in folders:
        outcome = bucket.client.put(
            bucket.key(folder + "/"),
            b"",
            metadata={"of": folder},
            headers={"content-type": "application/x-directory"},
            tags={"made by": "a console"},
        )
        assert outcome.result is Result.DONE


def check_back_and_forth(runs: Runs, bucket: Bucket, before: dict[str, Held], after: dict[str, Held]) -> None:
    """Check that undo restores the objects of `before`, and redo those of `after`, again and again."""
    for _ in range(2):
        assert runs.undo().problems == []
        assert bucket.snapshot() == before
        assert runs.redo().problems == []
        assert bucket.snapshot() == after


def test_empty_folder_keys_go_and_come_back_as_they_were(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "full/b.jpg": "2", "unmarked/none.log": ""})
    mark(bucket, "old", "full", "deep/er", "nested", "nested/in", "nested/in/it", "half", "half/in")
    bucket.write({"half/c.jpg": "3"})
    before = bucket.snapshot()
    planned = [row for row in runs.clean_dry_run(root=bucket.url) if row.action is Action.REMOVE_FOLDER]
    assert {row.target_folder + b"/" + row.target_name for row in planned} == {
        b"/old", b"deep/er", b"/nested", b"nested/in", b"nested/in/it", b"half/in",
    }  # fmt: skip
    assert bucket.snapshot() == before
    outcome = runs.clean(root=bucket.url)
    assert (outcome.done, outcome.problems) == (7, [])
    after = bucket.snapshot()
    assert set(after) == {
        "a.jpg", "full/", "full/b.jpg", "half/", "half/c.jpg", ".fileorg/trash/1/unmarked/none.log",
    }  # fmt: skip
    check_back_and_forth(runs, bucket, before, after)


def test_folder_keys_that_a_run_empties_go_and_come_back(runs: Runs, bucket: Bucket) -> None:
    mark(bucket, "a", "a/b", "c", "e", "empty before", "Images")
    bucket.write({"a/b/x.jpg": "x", "c/y.jpg": "y", "e/z.jpg": "z", "e/stays": "?", "plain/v.jpg": "v"})
    before = bucket.snapshot()
    rows = [row for row in runs.dry_run(root=bucket.url, **OPTIONS) if row.action is Action.REMOVE_FOLDER]
    assert [(row.target_folder, row.target_name, row.category) for row in rows] == [
        (b"", b"c", EMPTIED_FOLDER), (b"a", b"b", EMPTIED_FOLDER), (b"", b"a", EMPTIED_FOLDER),
    ]  # fmt: skip
    outcome = runs.organize(root=bucket.url, **OPTIONS)
    assert (outcome.done, outcome.problems) == (4, [])
    after = bucket.snapshot()
    assert set(after) == {
        "Images/", "Images/v.jpg", "Images/x.jpg", "Images/y.jpg", "Images/z.jpg", "e/", "e/stays", "empty before/",
    }  # fmt: skip
    check_back_and_forth(runs, bucket, before, after)


@pytest.mark.parametrize(
    "beside",
    ["old/in/odd//x", "old/../x", "old/.hidden", "old_$folder$", "old/in/_$folder$", "old/in/deep_$folder$", "old//"],
    ids=["odd", "dots", "hidden", "hadoop", "of nothing", "inside", "slashes"],
)
@pytest.mark.parametrize("max_depth", [None, 9])
def test_a_folder_key_with_others_below_it_stays(
    runs: Runs, bucket: Bucket, beside: str, max_depth: int | None
) -> None:
    mark(bucket, "old", "other")
    bucket.write({beside: "", "old/a.jpg": "1"})
    before = bucket.snapshot()
    runs.organize(root=bucket.url, max_depth=max_depth, **OPTIONS)
    assert {"old/", "other/", beside} < set(bucket.keys())
    runs.undo()
    bucket.remove("old/a.jpg")
    del before["old/a.jpg"]
    goes = frozenset({Leftover.EMPTY_FOLDER})
    assert runs.clean(root=bucket.url, goes=goes, max_depth=max_depth).done == 1
    assert bucket.snapshot() == {key: held for key, held in before.items() if key != "other/"}


def test_a_folder_key_with_content_or_a_meaning_stays(runs: Runs, bucket: Bucket) -> None:
    mark(bucket, "keep", "above")
    bucket.write({"text/": "content", "above/text/": "content"})
    before = bucket.snapshot()
    assert runs.clean(root=bucket.url).done == 0
    assert bucket.snapshot() == before


@pytest.mark.parametrize("max_depth", [None, 9])
def test_the_limits_of_time_hold_for_folder_keys(runs: Runs, bucket: Bucket, max_depth: int | None) -> None:
    """A marker has the time at which it was written."""
    times = iter([10**18, *[2 * 10**18] * 9])
    memory_bucket(bucket.client.bucket).now_ns = lambda: next(times)
    mark(bucket, "old", "new")
    assert runs.clean(root=bucket.url, older_than_ns=15 * 10**17, max_depth=max_depth).done == 1
    assert bucket.keys() == ["new/"]


def test_what_comes_between_plan_and_run_holds_a_folder_key(runs: Runs, bucket: Bucket) -> None:
    mark(bucket, "a", "a/b", "c", "d")
    with runs.cleaning(root=bucket.url) as run:
        bucket.write({"a/b/new.jpg": "1"})
        bucket.remove("c/")
        outcome = run.run()
    assert outcome.done == 1
    codes = {(problem.path, problem.reason.code) for problem in outcome.problems if problem.reason is not None}
    assert codes == {(b"a", ReasonCode.NOT_EMPTY), (b"a/b", ReasonCode.NOT_EMPTY), (b"c", ReasonCode.GONE)}
    assert bucket.keys() == ["a/", "a/b/", "a/b/new.jpg"]
    mark(bucket, "d")
    undone = runs.undo()
    assert [problem.reason.code for problem in undone.problems if problem.reason] == [ReasonCode.ALREADY_THERE]
    assert bucket.keys() == ["a/", "a/b/", "a/b/new.jpg", "d/"]


def test_a_folder_key_that_was_replaced_or_refused_stays(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark(bucket, "a", "a/b", "c")
    with runs.cleaning(root=bucket.url) as run:
        bucket.write({"c/": "content"})
        locked = memory_bucket(bucket.client.bucket).locked
        locked.add(bucket.key("a/b/"))
        outcome = run.run()
    assert outcome.done == 0
    assert outcome.counts == {RecordState.CHANGED: 1, RecordState.FAILED: 1, RecordState.SKIPPED: 1}
    assert bucket.keys() == ["a/", "a/b/", "c/"]
    locked.clear()
    real, denied = MemoryClient._delete, ObjectOutcome(Result.FAILED, error=StoreError(StoreCode.DENIED))

    def refuses(client: MemoryClient, row: ObjectDeletion, needed: Precondition) -> ObjectOutcome:
        return denied if row.key == bucket.key("a/b/") else real(client, row, needed)

    monkeypatch.setattr(MemoryClient, "_delete", refuses)
    assert runs.clean(root=bucket.url).counts == {RecordState.FAILED: 1, RecordState.SKIPPED: 1}
    assert bucket.keys() == ["a/", "a/b/", "c/"]


def test_broken_symlinks_alone_are_refused(runs: Runs, bucket: Bucket) -> None:
    mark(bucket, "old")
    with pytest.raises(UsageError, match="cannot yet clean broken symlinks"):
        runs.clean(root=bucket.url, goes=frozenset({Leftover.BROKEN_SYMLINK}))
    assert runs.clean(root=bucket.url, goes=frozenset({Leftover.EMPTY_FILE})).done == 0
    with runs.cleaning(root=bucket.url, changes=False) as run:
        assert list(run.plan_lines()) == []


@pytest.mark.parametrize("versions", [False, True], ids=["plain", "versions"])
def test_folder_keys_on_a_real_server(
    runs: Runs, seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch, versions: bool
) -> None:
    """SeaweedFS keeps the content type of a marker, and neither metadata nor tags."""
    for variable, value in seaweedfs.environment.items():
        monkeypatch.setenv(variable, value)
    name = f"folder-keys-{versions:d}"
    servers.make_bucket(seaweedfs, name, versions=versions)
    with contextlib.closing(S3Client(name, seaweedfs.settings)) as client:
        bucket = Bucket(client, "inbox/")
        mark(bucket, "nested", "nested/in", "nested/in/it", "old", "full", "full/in")
        bucket.write({"full/in/a.jpg": "1", "x": "?"})
        before = bucket.snapshot()
        assert before["old/"].headers["content-type"] == "application/x-directory"
        assert runs.clean(root=bucket.url, allow_unsafe=True).done == 4
        assert bucket.keys() == ["full/", "full/in/", "full/in/a.jpg", "x"]
        assert runs.undo().problems == []
        assert bucket.snapshot() == before
        assert runs.redo().done == 4
        runs.undo()
        outcome = runs.organize(root=bucket.url, allow_unsafe=True, **OPTIONS)
        assert (outcome.done, outcome.problems) == (1, [])
        after = {"Images/a.jpg", "nested/", "nested/in/", "nested/in/it/", "old/", "x"}
        assert set(bucket.keys()) == after
        problems = runs.undo().problems
        if versions:  # the server takes the versions of the object for a folder with the key of the marker
            assert {problem.state for problem in problems} == {RecordState.CONFLICT}
            before = {key: held for key, held in before.items() if key not in {"full/", "full/in/"}}
        assert bucket.snapshot() == before
        runs.redo()
        assert set(bucket.keys()) == after
