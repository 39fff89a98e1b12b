"""Organize with moves between a folder and an object store: what stays, and what others do meanwhile. The round trip
and the kills are in tests/faults/test_transfers_killed.py.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
from tests.support.buckets import Bucket
from tests.support.crash import DONE, alter, file_records, open_again, recovered
from tests.support.disks import bound

from fileorg.core.errors import UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.execute.actions.carry_object import AT_ONCE
from fileorg.report.sentences import sentence
from fileorg.rules.filters import Filters
from fileorg.storage.local.storage import LocalStorage
from fileorg.storage.object.client import ObjectOutcome, Result
from fileorg.storage.object.memory import MemoryBucket, MemoryClient, memory_bucket
from fileorg.storage.object.store_error import Permission, StoreCode, StoreError
from fileorg.workflows import operations, stores
from fileorg.workflows.scan import scan_trees

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.storage.object.client import ObjectCopy

_numbers = itertools.count()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(MemoryClient(f"moves-{next(_numbers)}"), "archive/")


def outside_trash(tree: Tree) -> dict[str, str]:
    return {name: content for name, content in tree.read().items() if not name.startswith(".fileorg/")}


def test_what_a_store_cannot_keep_stays(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "led.jpg": "-> a.jpg", "c.jpg": "3"})
    os.link(tree.path("b.jpg"), tree.path("second name"))
    before = tree.snapshot()
    outcome = runs.organize(dest=bucket.url)
    assert bucket.read() == {"Images/a.jpg": "1", "Images/c.jpg": "3"}
    assert outside_trash(tree) == {"b.jpg": "2", "second name": "2", "led.jpg": "-> a.jpg"}
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
    assert (outside_trash(tree), bucket.read()) == ({"a.jpg": "after!"}, {"Images/b.jpg": "2"})
    assert outcome.counts[RecordState.CHANGED] == 1


def test_a_copy_that_cannot_be_removed_again_is_named(
    runs: Runs, tree: Tree, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file changed during its upload, and the store lets nobody delete."""
    tree.write({"a.jpg": "before"})
    put = MemoryClient.put

    def put_and_write(self: MemoryClient, key: bytes, source: bytes, **more: object) -> object:
        tree.write({"a.jpg": "after!"})
        return put(self, key, source, **more)  # type: ignore[arg-type]

    def denied(_: MemoryClient, rows: list[object]) -> list[ObjectOutcome]:
        return [ObjectOutcome(Result.FAILED, error=StoreError(StoreCode.DENIED, "AccessDenied")) for _ in rows]

    monkeypatch.setattr(MemoryClient, "put", put_and_write)
    monkeypatch.setattr(MemoryClient, "delete", denied)
    [problem] = runs.organize(dest=bucket.url).problems
    assert problem.reason is not None
    assert problem.reason.code is ReasonCode.COPY_STAYS
    assert (outside_trash(tree), bucket.read()) == ({"a.jpg": "after!"}, {"Images/a.jpg": "before"})


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
    assert (outside_trash(tree), bucket.read()) == ({"b.jpg": "2"}, {"Images/a.jpg": "edited"})
    assert outcome.problem_count == 1
    runs.undo(include_changed=True)
    assert (outside_trash(tree), bucket.read()) == ({"a.jpg": "edited", "b.jpg": "2"}, {})


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


@pytest.mark.parametrize("uploads", [False, True])
def test_what_a_stop_has_cut_off_is_no_failure(
    runs: Runs, tree: Tree, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, *, uploads: bool
) -> None:
    (tree if uploads else bucket).write({"a.jpg": "1", "b.jpg": "2"})
    do, at = (MemoryClient.put, 0) if uploads else (MemoryClient._copy, 1)

    def cut_off(client: MemoryClient, *what: Any, **more: Any) -> ObjectOutcome:
        key = what[at] if uploads else what[at].target_key
        if key.endswith(b"b.jpg"):
            return ObjectOutcome(Result.AMBIGUOUS, error=StoreError(StoreCode.CANCELLED, may_be_done=True))
        return do(client, *what, **more)

    monkeypatch.setattr(MemoryClient, do.__name__, cut_off)
    outcome = runs.organize(dest=bucket.url) if uploads else runs.organize(root=bucket.url)
    assert (outcome.interrupted, outcome.problems) == (True, [])
    assert outcome.counts == {RecordState.DONE: 1, RecordState.SKIPPED: 1}


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
    failed = ObjectOutcome(Result.FAILED, error=denied)

    def refused(
        _: MemoryClient, rows: Sequence[ObjectCopy], **_more: Any
    ) -> Generator[list[tuple[int, ObjectOutcome]]]:
        yield [(number, failed) for number, _ in enumerate(rows)]

    monkeypatch.setattr(MemoryClient, "copying", refused)
    [problem] = runs.organize(root=bucket.url).problems
    assert sentence(problem.reason) == "access denied: the permission s3:PutObject is missing"


def test_a_file_waits_in_the_trash_until_a_purge_and_undo_takes_it_from_there(
    runs: Runs, tree: Tree, bucket: Bucket
) -> None:
    tree.write({"a.jpg": "1", "sub/b.jpg": "2"})
    before, inodes = tree.snapshot(), {name: tree.path(name).stat().st_ino for name in ("a.jpg", "sub/b.jpg")}
    for _ in range(2):
        runs.organize(dest=bucket.url, recursive=True)
        kept = {name for name in tree.read() if "/trash/" in name and not name.endswith("/")}
        assert {name.split("/", 3)[3] for name in kept} == {"a.jpg", "sub/b.jpg"}
        assert bucket.read() == {"Images/a.jpg": "1", "Images/b.jpg": "2"}
        runs.undo()
        assert (tree.snapshot(), bucket.read()) == (before, {})
        assert {name: tree.path(name).stat().st_ino for name in inodes} == inodes
    runs.redo()
    assert {name for name in tree.read() if "/trash/" in name and not name.endswith("/")} == kept
    runs.undo()
    assert tree.snapshot() == before


def test_a_purge_frees_the_files_of_a_move_and_undo_downloads_them(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "22"})
    os.setxattr(tree.path("a.jpg"), "user.note", b"note")
    before = tree.snapshot()
    runs.organize(dest=bucket.url)
    purged = runs.purge()
    assert (purged.outcome.done, purged.outcome.size_bytes) == (2, 3)
    assert [(one.files, one.wholly, one.is_whole) for one in purged.purged] == [(2, False, True)]
    assert tree.read() == {}
    assert runs.purge().files == 0
    runs.undo()
    assert (tree.snapshot(), bucket.read()) == (before, {})
    runs.redo()
    assert (tree.read(), bucket.read()) == ({}, {"Images/a.jpg": "1", "Images/b.jpg": "22"})
    runs.undo()
    assert (tree.snapshot(), bucket.read()) == (before, {})


def test_a_purge_keeps_a_file_whose_object_is_gone_or_another_one(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"})
    runs.organize(dest=bucket.url)
    bucket.remove("Images/a.jpg")
    bucket.write({"Images/b.jpg": "theirs"})
    purged = runs.purge()
    assert purged.outcome.done == 1
    assert [each.reason and each.reason.code for each in purged.outcome.problems] == [ReasonCode.LAST_COPY] * 2
    assert sorted(content for name, content in tree.read().items() if not name.endswith("/")) == ["1", "2"]
    assert runs.undo().done == 2
    assert (outside_trash(tree), bucket.read()) == ({"a.jpg": "1", "c.jpg": "3"}, {"Images/b.jpg": "theirs"})


@pytest.mark.parametrize("is_other_disk", [True, False])
def test_a_file_that_no_rename_brings_into_the_trash_stays(
    runs: Runs, tree: Tree, bucket: Bucket, tmp_path: Path, elsewhere: Path, is_other_disk: bool
) -> None:
    """On another disk, or behind a mount of the same one, whose device number is the same."""
    tree.write({"a.jpg": "1"})
    (tmp_path / "here").mkdir()
    with bound(str(elsewhere if is_other_disk else tmp_path / "here"), str(tree.path("sub"))):
        tree.write({"sub/b.jpg": "2"})
        outcome = runs.organize(dest=bucket.url, recursive=True)
        assert [each.reason and each.reason.code for each in outcome.problems] == [ReasonCode.OTHER_DISK_THAN_TRASH]
        assert bucket.read() == {"Images/a.jpg": "1"}
        assert tree.read()["sub/b.jpg"] == "2"


def test_an_undo_says_what_a_file_did_not_get_back(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1"})
    os.setxattr(tree.path("a.jpg"), "user.note", b"note")
    runs.organize(dest=bucket.url)
    runs.purge()
    # Another file system, which has no such attributes: here a name that none can have.
    alter(runs, "UPDATE kept_attributes SET attributes = replace(attributes, 'user.note', 'odd.note')")
    said = "Could not preserve all metadata of 1 file (attributes of 1): see fileorg files 3"
    assert runs.undo().notes == [said]
    assert tree.read() == {"a.jpg": "1"}


def test_a_purge_asks_just_before_it_removes(
    runs: Runs, tree: Tree, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"a.jpg": "1", "b.jpg": "2"})
    runs.organize(dest=bucket.url)
    discard = LocalStorage.discard

    def and_others_delete(storage: LocalStorage, folder: bytes, name: bytes) -> None:
        """While one file is removed, others delete the object of the other one."""
        with storage.open_read(folder, name) as file:
            content = file.read().decode()
        for key in [key for key, other in bucket.read().items() if other != content]:
            bucket.remove(key)
        discard(storage, folder, name)

    monkeypatch.setattr(operations, "OBJECT_ROWS", 1)
    monkeypatch.setattr(LocalStorage, "discard", and_others_delete)
    purged = runs.purge().outcome
    assert [each.reason and each.reason.code for each in purged.problems] == [ReasonCode.LAST_COPY]
    assert runs.undo().done == 2
    assert tree.read() == {"a.jpg": "1", "b.jpg": "2"}


def test_a_file_that_has_no_place_in_the_trash_after_a_crash_stays(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1"})
    before = tree.snapshot()
    runs.organize(dest=bucket.url)
    open_again(runs, state="copied")
    tree.path(".fileorg/trash/1/a.jpg").rename(tree.path("a.jpg"))
    shutil.rmtree(tree.path(".fileorg"))
    assert recovered(runs) == [("failed", "No such file or directory")]
    assert (tree.read(), bucket.read()) == ({"a.jpg": "1"}, {})
    assert tree.snapshot().keys() == before.keys()


@pytest.mark.parametrize("undoes", [False, True])
def test_a_rename_by_link_and_unlink_that_was_killed_in_between(
    runs: Runs, tree: Tree, bucket: Bucket, undoes: bool
) -> None:
    tree.write({"a.jpg": "1"})
    before, trash = tree.snapshot(), tree.path(".fileorg/trash/1")
    runs.organize(dest=bucket.url)
    if undoes:
        runs.undo()
        trash.mkdir(parents=True)
        os.link(tree.path("a.jpg"), trash / "a.jpg")
        open_again(runs, 2, state="copied")
    else:
        [record] = file_records(runs)
        os.link(trash / "a.jpg", tree.path(f".fileorg-1-{record.id}-old.part"))
        open_again(runs, state="copied")
    assert recovered(runs, 2 if undoes else 1) == DONE
    if undoes:
        assert (tree.path("a.jpg").stat().st_nlink, list(trash.iterdir())) == (1, [])
    else:
        assert (trash / "a.jpg").stat().st_nlink == 1
        runs.undo()
        assert (tree.snapshot(), bucket.read()) == (before, {})


def test_an_undo_of_a_deleted_object_that_was_killed_before_its_rename(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1"})
    before, trash = tree.snapshot(), tree.path(".fileorg/trash/1")
    runs.organize(dest=bucket.url)
    bucket.remove("Images/a.jpg")
    runs.undo()
    assert tree.snapshot() == before
    trash.mkdir(parents=True)
    tree.path("a.jpg").rename(trash / "a.jpg")
    open_again(runs, 2, target_inode=None, target_mtime_ns=None)
    assert recovered(runs, 2) == [("skipped", "the run was interrupted before this file")]
    assert runs.undo(1).done > 0
    assert outside_trash(tree) == {"a.jpg": "1"}


def test_a_file_that_is_replaced_while_its_object_stays_is_not_put_into_the_trash(
    runs: Runs, tree: Tree, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"a.jpg": "1"})
    runs.organize(dest=bucket.url)

    def denied(_: MemoryClient, rows: list[object]) -> list[ObjectOutcome]:
        tree.write({"new": "theirs"})
        tree.path("new").rename(tree.path("a.jpg"))
        return [ObjectOutcome(Result.FAILED, error=StoreError(StoreCode.DENIED, "AccessDenied")) for _ in rows]

    with monkeypatch.context() as patch:
        patch.setattr(MemoryClient, "delete", denied)
        assert runs.undo().problem_count == 1
    assert (outside_trash(tree), bucket.read()) == ({"a.jpg": "theirs"}, {"Images/a.jpg": "1"})


def test_a_full_trash_is_named(runs: Runs, tree: Tree, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    tree.write({"a.jpg": "1"})
    before, rename = tree.snapshot(), LocalStorage.rename_noreplace

    def full(storage: LocalStorage, folder: bytes, name: bytes, target: LocalStorage, *place: bytes) -> None:
        if place[0].startswith(b".fileorg/trash/"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        rename(storage, folder, name, target, *place)

    with monkeypatch.context() as patch:
        patch.setattr(LocalStorage, "rename_noreplace", full)
        outcome = runs.organize(dest=bucket.url)
    assert [sentence(each.reason) for each in outcome.problems] == ["No space left on device"]
    assert (outside_trash(tree), bucket.read()) == ({"a.jpg": "1"}, {})
    runs.undo()
    assert tree.snapshot() == before


def test_files_of_two_layers_are_on_one_file_system(
    runs: Runs, tree: Tree, bucket: Bucket, tmp_path: Path, elsewhere: Path
) -> None:
    """A file of an overlay has the device number of its layer, where these are on different disks."""
    (elsewhere / "a.jpg").write_text("1")
    for name in ("upper", "work"):
        (tmp_path / name).mkdir()
    tree.root.mkdir(exist_ok=True)
    layers = f"lowerdir={elsewhere},upperdir={tmp_path}/upper,workdir={tmp_path}/work"
    mount = ["mount", "-t", "overlay", "overlay", "-o", layers, str(tree.root)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: mounting an overlay needs root")
    try:
        outcome = runs.organize(dest=bucket.url)
        assert (outcome.problems, outside_trash(tree), bucket.read()) == ([], {}, {"Images/a.jpg": "1"})
        runs.undo()
        assert (outside_trash(tree), bucket.read()) == ({"a.jpg": "1"}, {})
    finally:
        subprocess.run(["umount", "--lazy", str(tree.root)], check=True)
