"""Organize with moves between a folder and an object store: what stays, and what others do meanwhile. The round trip
and the kills are in tests/faults/test_transfers_killed.py.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest
from tests.support.buckets import Bucket
from tests.support.crash import alter

from fileorg.core.errors import UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions.carry_object import AT_ONCE
from fileorg.report.sentences import sentence
from fileorg.rules.filters import Filters
from fileorg.storage.object.client import ObjectOutcome, Result
from fileorg.storage.object.memory import MemoryBucket, MemoryClient, memory_bucket
from fileorg.storage.object.store_error import Permission, StoreCode, StoreError
from fileorg.workflows import stores
from fileorg.workflows.scan import scan_trees

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.runs import Runs
    from tests.support.tree import Tree

_numbers = itertools.count()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(MemoryClient(f"moves-{next(_numbers)}"), "archive/")


def test_what_a_store_cannot_keep_stays(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "led.jpg": "-> a.jpg", "c.jpg": "3"})
    os.link(tree.path("b.jpg"), tree.path("second name"))
    before = tree.snapshot()
    outcome = runs.organize(dest=bucket.url)
    assert bucket.read() == {"Images/a.jpg": "1", "Images/c.jpg": "3"}
    assert tree.read() == {"b.jpg": "2", "second name": "2", "led.jpg": "-> a.jpg"}
    assert [(each.path, each.reason and each.reason.code) for each in outcome.problems] == [
        (b"b.jpg", ReasonCode.HARD_LINKS_TORN)
    ]
    runs.undo()
    assert (tree.snapshot(), bucket.read()) == (before, {})


def test_a_file_that_is_written_during_its_upload_stays(
    runs: Runs, tree: Tree, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"a.jpg": "before", "b.jpg": "2"})
    put = MemoryClient.put

    def put_and_write(self: MemoryClient, key: bytes, source: bytes, **more: object) -> object:
        if key.endswith(b"a.jpg"):
            tree.write({"a.jpg": "after!"})
        return put(self, key, source, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryClient, "put", put_and_write)
    outcome = runs.organize(dest=bucket.url)
    assert (tree.read(), bucket.read()) == ({"a.jpg": "after!"}, {"Images/b.jpg": "2"})
    assert outcome.counts[RecordState.CHANGED] == 1


def test_an_object_that_is_replaced_during_its_download_stays(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "mine", "b.jpg": "mine"})
    with runs.organizing(root=bucket.url, dest=tree.root) as run:
        bucket.write({"a.jpg": "theirs"})
        bucket.remove("b.jpg")
        outcome = run.run()
    assert (tree.read(), bucket.read()) == ({"Images/": ""}, {"a.jpg": "theirs"})
    assert outcome.counts == {RecordState.CHANGED: 1, RecordState.MISSING: 1}, outcome.problems


def test_what_was_edited_in_the_store_comes_home_only_if_asked(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize(dest=bucket.url)
    bucket.write({"Images/a.jpg": "edited"})
    outcome = runs.undo()
    assert (tree.read(), bucket.read()) == ({"b.jpg": "2"}, {"Images/a.jpg": "edited"})
    assert outcome.problem_count == 1
    runs.undo(include_changed=True)
    assert (tree.read(), bucket.read()) == ({"a.jpg": "edited", "b.jpg": "2"}, {})


class _WithoutTags(MemoryClient):
    """A service that has no tags, and says nothing."""

    def tags(self, key: bytes) -> Mapping[str, str]:
        raise StoreError(StoreCode.UNSUPPORTED, key.decode())


@pytest.mark.parametrize("keeps_tags", [True, False])
def test_an_object_with_tags_goes_only_where_tags_are_kept(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, keeps_tags: bool
) -> None:
    there = (MemoryClient if keeps_tags else _WithoutTags)(f"moves-{next(_numbers)}", MemoryBucket())
    there.url = f"other://{there.bucket}"
    monkeypatch.setattr(stores, "_open_client", lambda *place: there if place[1] == "other" else bucket.client)
    bucket.client.put(bucket.key("a.jpg"), b"1", tags={"of": "a user"})
    bucket.write({"b.jpg": "2"})
    before = bucket.snapshot()
    outcome = runs.organize(root=bucket.url, dest=os.fsencode(there.url))
    went = {"Images/b.jpg"} | ({"Images/a.jpg"} if keeps_tags else set())
    assert set(Bucket(there).keys()) == went
    assert outcome.counts.get(RecordState.FAILED, 0) == (0 if keeps_tags else 1)
    runs.undo()
    assert bucket.snapshot() == before


def test_objects_that_are_locked_or_archived_stay(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "b.jpg": "2"})
    bucket.client.put(bucket.key("c.jpg"), b"3", storage_class="GLACIER")
    memory_bucket(bucket.client.bucket).locked.add(bucket.key("a.jpg"))
    for dest in (None, tree.root):
        outcome = runs.organize(root=bucket.url, dest=dest)
        assert {os.fsdecode(each.path): sentence(each.reason) for each in outcome.problems} == {
            "a.jpg": "it is under a legal hold or a retention",
            "c.jpg": "it is in an archive, and must be restored in the store first",
        }
        runs.undo()
        assert bucket.read() == {"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"}


def test_a_run_that_is_stopped_copies_no_more_and_leaves_nothing_twice(runs: Runs, bucket: Bucket) -> None:
    bucket.write({f"{number}.jpg": str(number) for number in range(9)})
    before = bucket.snapshot()
    asked = itertools.count()
    with runs.organizing(root=bucket.url) as run:
        outcome = run.run(lambda: next(asked) > 5)
    assert outcome.interrupted
    assert 0 < outcome.done < 9
    assert sorted(bucket.read().values()) == [str(number) for number in range(9)]
    runs.undo()
    assert bucket.snapshot() == before


def test_a_run_to_another_service_that_is_stopped_leaves_nothing_twice(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = MemoryClient(f"moves-{next(_numbers)}", MemoryBucket())
    there.url = f"other://{there.bucket}"
    monkeypatch.setattr(stores, "_open_client", lambda *place: there if place[1] == "other" else bucket.client)
    names = [f"{number:02}.jpg" for number in range(AT_ONCE + 4)]
    bucket.write({name: name for name in names})
    with runs.organizing(root=bucket.url, dest=os.fsencode(there.url)) as run:
        bucket.write({"00.jpg": "replaced"})
        before = bucket.snapshot()
        outcome = run.run(lambda: bool(Bucket(there).keys()))
    assert outcome.interrupted
    assert (outcome.done, outcome.counts) == (
        AT_ONCE - 1,
        {RecordState.DONE: AT_ONCE - 1, RecordState.CHANGED: 1, RecordState.SKIPPED: 4},
    )
    assert [each.path for each in outcome.problems] == [b"00.jpg"]
    assert sorted([*bucket.read().values(), *Bucket(there).read().values()]) == [*names[1:], "replaced"]
    runs.undo()
    assert (bucket.snapshot(), Bucket(there).keys()) == (before, [])


def test_a_group_that_a_stop_has_torn_comes_back(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "picture", "a.xmp": "edit", "a.aae": "another"})
    before, stopped = bucket.snapshot(), list[bool]()

    def stop() -> bool:
        stopped.append(any(key.startswith("Images/") for key in bucket.read()))
        return any(stopped)

    with runs.organizing(root=bucket.url) as run:
        outcome = run.run(stop)
    assert outcome.interrupted
    assert outcome.done == 0
    assert bucket.snapshot() == before


def test_a_folder_of_a_store_in_which_there_is_nothing(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"typos/a.jpg": "1"})
    with pytest.raises(UsageError, match=r"^There is nothing in memory://.*/typo\.$"):
        scan_trees([bucket.url + b"/typo"], Filters(), runs.state, NullReporter())
    assert runs.organize(root=bucket.url + b"/typo").done == 0


def test_a_missing_permission_is_named(runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.write({"a.jpg": "1"})
    denied = StoreError(StoreCode.DENIED, "AccessDenied", permission=Permission.WRITE)
    monkeypatch.setattr(
        MemoryClient, "copy", lambda _, rows, **__: [ObjectOutcome(Result.FAILED, error=denied) for _ in rows]
    )
    [problem] = runs.organize(root=bucket.url).problems
    assert sentence(problem.reason) == "access denied: the permission s3:PutObject is missing"


def test_an_undo_says_what_a_file_did_not_get_back(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1"})
    os.setxattr(tree.path("a.jpg"), "user.note", b"note")
    runs.organize(dest=bucket.url)
    # Another file system, which has no such attributes: here a name that none can have.
    alter(runs, "UPDATE kept_attributes SET attributes = replace(attributes, 'user.note', 'odd.note')")
    said = "Could not preserve all metadata of 1 file (attributes of 1): see fileorg files 2"
    assert runs.undo().notes == [said]
    assert tree.read() == {"a.jpg": "1"}
