"""Duplicates in an object store: found, moved to the trash, brought back, purged."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.buckets import Bucket
from tests.support.crash import open_again, recovered

from fileorg.content.keeper import Keep
from fileorg.core.errors import UsageError
from fileorg.core.model import RecordState
from fileorg.core.reasons import ReasonCode
from fileorg.plan.dedupe_plan import DedupeAction
from fileorg.storage.object.memory import MemoryBucket, MemoryClient, memory_bucket
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.support.runs import Runs

_numbers = itertools.count()


@pytest.fixture
def bucket() -> Bucket:
    """The folder `inbox` of a bucket in memory."""
    return Bucket(MemoryClient(f"dedupe-{next(_numbers)}"), "inbox/")


def _found(runs: Runs, bucket: Bucket) -> list[list[str]]:
    """Return the paths of each group, the one that stays first."""
    above = bucket.url + b"/"
    with runs.deduping(roots=[bucket.url]) as run:
        assert not run.reads.named
        return [[run.trees.path(each).removeprefix(above).decode() for each in group.listed] for group in run.groups()]


def test_duplicates_go_to_the_trash_and_back(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "same", "deep/a (1).jpg": "same", "b.jpg": "else"}, metadata={"of": "a user"})
    before = bucket.snapshot()
    assert _found(runs, bucket) == [["a.jpg", "deep/a (1).jpg"]]
    outcome = runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE)
    assert (outcome.done, outcome.problem_count) == (1, 0)
    assert bucket.read() == {"a.jpg": "same", "b.jpg": "else", ".fileorg/trash/1/deep/a (1).jpg": "same"}
    assert _found(runs, bucket) == []
    runs.undo()
    assert bucket.snapshot() == before
    runs.redo()
    assert bucket.read() == {"a.jpg": "same", "b.jpg": "else", ".fileorg/trash/1/deep/a (1).jpg": "same"}
    assert runs.purge().outcome.done == 1
    assert bucket.read() == {"a.jpg": "same", "b.jpg": "else"}


def test_objects_in_parts_are_read_only_where_the_store_cannot_tell(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts = Bucket(MemoryClient(bucket.client.bucket, part_limit_bytes=3), "inbox/")
    large = "begin" + "x" * 30_000
    bucket.write({"whole": large + "1", "small": "12345"})
    in_parts.write({"parts": large + "1", "again": large + "1", "other": large + "2", "small too": "12345"})
    in_parts.write({"alone": "no other of this size", "twin": "twins", "twin too": "twins"})
    read: list[bytes] = []
    fetch = MemoryClient.read

    def noted(client: MemoryClient, key: bytes, start: int, stop: int, *, etag: str) -> bytes:
        read.append(key.rpartition(b"/")[2])
        return fetch(client, key, start, stop, etag=etag)

    monkeypatch.setattr(MemoryClient, "read", noted)
    expected = [["again", "parts", "whole"], ["small", "small too"], ["twin", "twin too"]]
    assert sorted(sorted(group) for group in _found(runs, bucket)) == expected
    # Both ends of all but one of two uploads with one ETag, then the parts whose ends another one has.
    assert sorted(read) == [b"again"] * 3 + [b"other"] * 2 + [b"small too"] + [b"twin"] + [b"whole"] * 2
    read.clear()
    assert sorted(sorted(group) for group in _found(runs, bucket)) == expected
    outcome = runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE)
    assert (outcome.done, outcome.problem_count) == (4, 0)
    assert len([key for key in bucket.read() if not key.startswith(".fileorg")]) == 5


def test_checksums_of_whole_objects_decide_without_a_read(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_parts = Bucket(MemoryClient(bucket.client.bucket, part_limit_bytes=3), "inbox/")
    in_parts.write({"a": "same", "b": "same", "c": "else"}, metadata={"one": "etag"})
    held = memory_bucket(bucket.client.bucket)
    for number, key in enumerate((b"inbox/a", b"inbox/b", b"inbox/c")):
        _describe(held, key, etag=f"{number}" * 32 + "-2", checksums={"SHA256": "c" if key.endswith(b"c") else "ab"})
    monkeypatch.setattr(MemoryClient, "read", lambda *_, **__: pytest.fail("the content was read"))
    assert _found(runs, bucket) == [["a", "b"]]
    assert runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE).done == 1


def test_the_duplicates_of_two_buckets(runs: Runs, bucket: Bucket) -> None:
    other = Bucket(MemoryClient("archive-" + bucket.client.bucket))
    bucket.write({"a.jpg": "same", "b.jpg": "mine"})
    other.write({"old.jpg": "same"})
    outcome = runs.dedupe_of(roots=[bucket.url], references=[other.url], action=DedupeAction.QUARANTINE)
    assert outcome.done == 1
    assert (bucket.read(), other.read()) == ({"b.jpg": "mine", ".fileorg/trash/1/a.jpg": "same"}, {"old.jpg": "same"})
    other.write({"old.jpg": "edited"})
    purged = runs.purge().outcome
    assert [problem.reason.code for problem in purged.problems if problem.reason] == [ReasonCode.LAST_COPY]
    runs.undo()
    assert bucket.read() == {"a.jpg": "same", "b.jpg": "mine"}


@pytest.mark.parametrize("edited", ["a.jpg", "b.jpg"])
def test_what_changed_since_the_search_stays(runs: Runs, bucket: Bucket, edited: str) -> None:
    bucket.write({"a.jpg": "same", "b.jpg": "same"})
    outcome = runs.dedupe_of(
        roots=[bucket.url],
        action=DedupeAction.QUARANTINE,
        keep=[Keep.SHORTEST_PATH],
        between=lambda: bucket.write({edited: "new content"}),
    )
    assert (outcome.done, outcome.counts) == (0, {RecordState.CHANGED: 1})
    assert bucket.read() == {"a.jpg": "same", "b.jpg": "same"} | {edited: "new content"}


def test_a_duplicate_stays_if_the_other_goes_after_the_copy(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.write({"a.jpg": "same", "b.jpg": "same"})
    copying = MemoryClient.copying

    def then_gone(client: MemoryClient, *what: Any, **more: Any) -> Generator[Any]:
        yield from copying(client, *what, **more)
        bucket.remove("a.jpg")

    monkeypatch.setattr(MemoryClient, "copying", then_gone)
    outcome = runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE)
    assert [problem.reason.code for problem in outcome.problems if problem.reason] == [
        ReasonCode.KEEPER_CHANGED_JUST_NOW
    ]
    assert bucket.read() == {"b.jpg": "same"}


@pytest.mark.parametrize("versions", [False, True])
def test_a_last_copy_is_not_purged(runs: Runs, bucket: Bucket, versions: bool) -> None:
    memory_bucket(bucket.client.bucket).versions = versions
    bucket.write({"a.jpg": "same", "b.jpg": "same", "c.pdf": "2", "d.pdf": "2", "e": "3", "f": "3"})
    assert runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE).done == 3
    bucket.remove("a.jpg")
    bucket.write({"e": "edited"})
    run = runs.purge()
    assert run.outcome.done == 1
    assert [problem.path for problem in run.outcome.problems] == [b".fileorg/trash/1/b.jpg", b".fileorg/trash/1/f"]
    assert sorted(bucket.read().values()) == ["2", "3", "edited", "same"]


def test_a_last_copy_is_found_where_fileorg_has_moved_it(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "same", "b.jpg": "same"})
    runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE)
    runs.organize(root=bucket.url)
    assert runs.purge().outcome.done == 1
    assert bucket.read() == {"Images/a.jpg": "same"}


def test_a_dry_run_shows_the_rows_and_changes_nothing(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "same", "b.jpg": "same"})
    before = bucket.snapshot()
    with runs.deduping(roots=[bucket.url], action=DedupeAction.QUARANTINE) as run:
        rows = [row for batch in run.rows.batches(100) for row in batch]
    assert [(row.source_name, row.target_folder) for row in rows] == [(b"b.jpg", b".fileorg/trash/0")]
    assert bucket.snapshot() == before


def test_what_a_store_cannot_do_is_refused(runs: Runs, bucket: Bucket, tmp_path: Path) -> None:
    bucket.write({"a.jpg": "same", "b.jpg": "same"})
    for action in (DedupeAction.HARDLINK, DedupeAction.SYMLINK, DedupeAction.REFLINK):
        with pytest.raises(UsageError, match="A store has no links"):
            runs.dedupe_of(roots=[bucket.url], action=action)
    with pytest.raises(UsageError, match="folders and stores"):
        runs.dedupe_of(roots=[bucket.url, tmp_path])
    assert bucket.read() == {"a.jpg": "same", "b.jpg": "same"}


def test_a_file_and_its_sidecar_go_together(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.cr2": "raw", "a.xmp": "edits", "old/a.cr2": "raw", "old/a.xmp": "edits", "b/a.cr2": "raw"})
    before = bucket.snapshot()
    outcome = runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE, keep=[Keep.SHORTEST_PATH])
    assert outcome.done == 3
    assert bucket.read().keys() == {
        "a.cr2", "a.xmp", ".fileorg/trash/1/old/a.cr2", ".fileorg/trash/1/old/a.xmp", ".fileorg/trash/1/b/a.cr2",
    }  # fmt: skip
    runs.undo()
    assert bucket.snapshot() == before


def test_a_duplicate_stays_if_the_store_does_not_tell_of_the_other(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.write({"a.jpg": "same", "b.jpg": "same", "c.pdf": "2", "d.pdf": "2"})
    head = MemoryClient.head

    def denied(client: MemoryClient, keys: list[bytes]) -> list[object]:
        error = StoreError(StoreCode.DENIED, "AccessDenied")
        return [
            error if key.endswith(b"a.jpg") else answer for key, answer in zip(keys, head(client, keys), strict=True)
        ]

    with monkeypatch.context() as patch:
        patch.setattr(MemoryClient, "head", denied)
        outcome = runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE)
    assert (outcome.done, outcome.counts[RecordState.FAILED]) == (1, 1)
    assert bucket.read() == {"a.jpg": "same", "b.jpg": "same", "c.pdf": "2", ".fileorg/trash/1/d.pdf": "2"}


@pytest.mark.parametrize("is_recorded", [False, True])
def test_recovery_keeps_a_duplicate_whose_other_object_went_meanwhile(
    runs: Runs, bucket: Bucket, is_recorded: bool
) -> None:
    bucket.write({"a.jpg": "same", "b.jpg": "same"})
    runs.dedupe_of(roots=[bucket.url], action=DedupeAction.QUARANTINE)
    if is_recorded:
        open_again(runs, state="copied")
    else:
        open_again(runs, target_inode=None, target_mtime_ns=None)
    bucket.write({"b.jpg": "same"})
    bucket.remove("a.jpg")
    assert recovered(runs)[0][0] == "changed"
    assert bucket.read() == {"b.jpg": "same"}


def _describe(held: MemoryBucket, key: bytes, **facts: object) -> None:
    """Change what a bucket in memory says of an object."""
    [version] = held._kept[key]
    held._kept[key] = [version._replace(stored=version.stored._replace(**facts))]  # type: ignore[arg-type]
