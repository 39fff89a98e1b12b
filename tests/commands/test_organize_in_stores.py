"""Organize, undo and redo in an object store: before, after, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.buckets import Bucket, bucket_of

from fileorg.cli.plan_view import left_alone
from fileorg.core.errors import UsageError
from fileorg.core.events import NullReporter
from fileorg.core.model import Action, By, LookInto, OnConflict, RecordState
from fileorg.rules.filters import Filters
from fileorg.scan.leftovers import Leftover
from fileorg.storage.object.memory import MemoryClient, memory_bucket
from fileorg.workflows.scan import scan_trees

if TYPE_CHECKING:
    from tests.support.runs import Runs

    from fileorg.core.state import StateDirectory


@pytest.fixture
def bucket(request: pytest.FixtureRequest) -> Bucket:
    """The folder `inbox` of a bucket in memory."""
    return bucket_of(request, "inbox/")


def test_files_go_to_the_folders_of_their_categories_and_back(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "picture", "b.pdf": "text", "c.xyz": "unknown"})
    before = bucket.snapshot()
    outcome = runs.organize(root=bucket.url)
    assert (outcome.done, outcome.problem_count) == (2, 0)
    assert bucket.read() == {"Images/a.jpg": "picture", "Documents/b.pdf": "text", "c.xyz": "unknown"}
    assert runs.undo().done == 2
    assert bucket.snapshot() == before
    assert runs.redo().done == 2
    assert bucket.read() == {"Images/a.jpg": "picture", "Documents/b.pdf": "text", "c.xyz": "unknown"}
    runs.undo()
    assert bucket.snapshot() == before


def test_metadata_and_headers_stay_as_they_are(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "x"}, metadata={"camera": "one"}, headers={"content-type": "image/x-own"})
    before = bucket.snapshot()["a.jpg"]
    runs.organize(root=bucket.url)
    assert bucket.snapshot() == {"Images/a.jpg": before}
    runs.undo()
    assert bucket.snapshot() == {"a.jpg": before}


def test_a_scan_counts_the_objects_below_a_prefix(state: StateDirectory, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "picture", "deep/er/b.pdf": "text", "deep/c.jpg": "x", "empty/": "", "odd//d.jpg": "y"})
    report = scan_trees([bucket.url], Filters(), state, NullReporter())
    assert report.totals.files == {"Images": 2, "Documents": 1}
    assert report.seen.notes == ["1 key left alone, because no path can name it: odd//d.jpg"]
    assert [(number, noun.of(number)) for number, noun in left_alone(report.seen) if number] == [
        (1, "key that no path can name")
    ]
    again = scan_trees([bucket.url + b"/"], Filters(), state, NullReporter())
    assert again.seen.unchanged == 3


def test_keys_that_mark_folders_are_no_files(runs: Runs, state: StateDirectory, bucket: Bucket) -> None:
    """Consoles make `old/`, and Hadoop `old_$folder$`: they are not counted, moved, or taken for empty files."""
    bucket.write(
        {"a.jpg": "1", "old/": "", "old_$folder$": "", "deep/er/": "", "deep/er_$folder$": "", "_$folder$": ""}
    )
    before = bucket.snapshot()
    report = scan_trees([bucket.url], Filters(), state, NullReporter())
    assert (report.totals.files, report.seen.empty_files) == ({"Images": 1}, 0)
    assert runs.organize(root=bucket.url, recursive=True).done == 1
    assert runs.clean(root=bucket.url, goes=frozenset({Leftover.EMPTY_FILE})).done == 0
    markers = {key: held for key, held in before.items() if key != "a.jpg"}
    assert bucket.snapshot() == markers | {"Images/a.jpg": before["a.jpg"]}
    runs.undo()
    assert bucket.snapshot() == before


def test_an_object_with_content_and_the_name_of_a_marker_is_a_file(state: StateDirectory, bucket: Bucket) -> None:
    bucket.write({"x_$folder$": "content"})
    assert scan_trees([bucket.url], Filters(), state, NullReporter()).seen.files == 1


def test_only_the_top_level_is_organized_without_r(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "deep/b.jpg": "2", "deep/c.jpg": "3"})
    runs.organize(root=bucket.url)
    assert bucket.read() == {"Images/a.jpg": "1", "deep/b.jpg": "2", "deep/c.jpg": "3"}


def test_taken_names_get_numbers_and_identical_files_stay(runs: Runs, bucket: Bucket) -> None:
    bucket.write(
        {"a.jpg": "new", "b.jpg": "same", "Images/a.jpg": "old", "Images/b.jpg": "same", "deep/a.jpg": "other"}
    )
    before = bucket.snapshot()
    runs.organize(root=bucket.url, recursive=True)
    assert bucket.read() == {
        "Images/a.jpg": "old", "Images/a (2).jpg": "new", "Images/a (3).jpg": "other", "Images/b.jpg": "same",
        "b.jpg": "same",
    }  # fmt: skip
    runs.undo()
    assert bucket.snapshot() == before


def test_an_older_object_is_displaced_into_the_trash_and_comes_back(runs: Runs, bucket: Bucket) -> None:
    clock = iter(range(1_700_000_000, 1_800_000_000))
    memory_bucket(bucket.client.bucket).now_ns = lambda: next(clock) * 10**9
    bucket.write({"Images/a.jpg": "old"})
    bucket.write({"a.jpg": "new"})
    before = bucket.snapshot()
    runs.organize(root=bucket.url, on_conflict=OnConflict.KEEP_NEWER)
    assert bucket.read() == {"Images/a.jpg": "new", ".fileorg/trash/1/Images/a.jpg": "old"}
    runs.undo()
    assert bucket.snapshot() == before


def test_a_file_and_its_sidecar_go_together(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.cr2": "raw", "a.xmp": "edits"})
    before = bucket.snapshot()
    runs.organize(root=bucket.url)
    assert bucket.read() == {"Images/a.cr2": "raw", "Images/a.xmp": "edits"}
    runs.undo()
    assert bucket.snapshot() == before


def test_a_destination_inside_the_source_is_not_organized(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "sorted/b.pdf": "2", "sorted/Images/c.jpg": "3"})
    before = bucket.snapshot()
    runs.organize(root=bucket.url, dest=bucket.url + b"/sorted", recursive=True)
    assert bucket.read() == {"sorted/Images/a.jpg": "1", "sorted/b.pdf": "2", "sorted/Images/c.jpg": "3"}
    runs.undo()
    assert bucket.snapshot() == before


def test_a_destination_in_another_bucket(runs: Runs, bucket: Bucket) -> None:
    other = Bucket(MemoryClient("other-" + bucket.client.bucket))
    bucket.write({"a.jpg": "1"})
    before = bucket.snapshot()
    runs.organize(root=bucket.url, dest=other.url)
    assert (bucket.read(), other.read()) == ({}, {"Images/a.jpg": "1"})
    runs.undo()
    assert (bucket.snapshot(), other.read()) == (before, {})


def test_the_whole_bucket_is_a_root(runs: Runs, bucket: Bucket) -> None:
    whole = Bucket(bucket.client)
    whole.write({"a.jpg": "1", "b.jpg/": "", "B.JPG": "2", "b.jpg": "3"})
    before = whole.snapshot()
    runs.organize(root=whole.url)
    assert whole.read() == {"Images/a.jpg": "1", "Images/B.JPG": "2", "Images/b.jpg": "3", "b.jpg/": ""}
    runs.undo()
    assert whole.snapshot() == before


def test_what_is_organized_stays_organized(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "deep/b.jpg": "2", "deep/": ""})
    runs.organize(root=bucket.url, recursive=True)
    before = bucket.snapshot()
    assert runs.organize(root=bucket.url, recursive=True).done == 0
    assert bucket.snapshot() == before


def test_a_dry_run_shows_the_same_rows_and_changes_nothing(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "deep/b.jpg": "2"})
    before = bucket.snapshot()
    rows = runs.dry_run(root=bucket.url, recursive=True)
    assert [(row.source_name, row.target_folder) for row in rows] == [(b"a.jpg", b"Images"), (b"b.jpg", b"Images")]
    assert bucket.snapshot() == before


def test_what_someone_else_writes_meanwhile_stays(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "mine", "b.jpg": "mine", "c.jpg": "mine"})
    with runs.organizing(root=bucket.url) as run:
        bucket.write({"a.jpg": "theirs", "Images/b.jpg": "theirs"})
        bucket.remove("c.jpg")
        outcome = run.run()
    assert bucket.read() == {"a.jpg": "theirs", "b.jpg": "mine", "Images/b.jpg": "theirs"}
    assert outcome.counts == {RecordState.CHANGED: 1, RecordState.CONFLICT: 1, RecordState.MISSING: 1}


def test_undo_leaves_what_was_replaced_since(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "b.jpg": "2", "c.jpg": "3"})
    runs.organize(root=bucket.url)
    bucket.write({"Images/a.jpg": "edited", "b.jpg": "taken"})
    outcome = runs.undo()
    assert bucket.read() == {"Images/a.jpg": "edited", "b.jpg": "taken", "Images/b.jpg": "2", "c.jpg": "3"}
    assert (outcome.done, outcome.problem_count) == (1, 2)
    runs.undo(include_changed=True, rename=True)
    assert bucket.read() == {"a.jpg": "edited", "b.jpg": "taken", "b (2).jpg": "2", "c.jpg": "3"}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (b"s3://key:secret@bucket/inbox", "A URL of s3:// holds no user and no password."),
        (
            b"memory://bucket/a//b",
            "memory://bucket/a//b cannot be used: its path has an empty part, a dot or two dots.",
        ),
        (
            b"memory://bucket/../b",
            "memory://bucket/../b cannot be used: its path has an empty part, a dot or two dots.",
        ),
        (
            b"memory://bucket/\xff",
            r"memory://bucket/\xff cannot be used: it is not UTF-8, as all names in a store are.",
        ),
        (b"memory://b\xff/b", r"memory://b\xff/b cannot be used: it is not UTF-8, as all names in a store are."),
        (b"memory:///b", "memory:///b cannot be used: it names no bucket."),
        (b"gopher://host/b", "fileorg cannot open gopher:// URLs: gopher://host/b."),
        (b"sftp://host/b", "fileorg cannot yet change anything on sftp://."),
        (b"ftp://user:secret@host/b", "A URL of ftp:// holds no user and no password."),
    ],
)
def test_a_url_that_cannot_be_used(runs: Runs, url: bytes, says: str) -> None:
    with pytest.raises(UsageError) as raised:
        runs.organize(root=url)
    assert str(raised.value) == says
    assert "secret" not in f"{raised.value} {raised.value.hint} {raised.value.path!r}"


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"action": Action.HARDLINK}, "use --action hardlink"),
        ({"by": By.DATE}, "use --by date"),
        ({"look_into": LookInto.ALL}, "use --by-content"),
    ],
)
def test_what_does_not_work_in_stores_is_refused(
    runs: Runs, bucket: Bucket, options: dict[str, Any], what: str
) -> None:
    bucket.write({"a.jpg": "1"})
    with pytest.raises(UsageError, match=f"^fileorg cannot yet {what} on memory://.$"):
        runs.organize(root=bucket.url, **options)
    assert bucket.read() == {"a.jpg": "1"}


def test_clean_takes_empty_objects_to_the_trash_and_back(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "empty.txt": "", "deep/none.log": "", "marker/": ""})
    before = bucket.snapshot()
    assert runs.clean(root=bucket.url).done == 3
    assert bucket.read() == {
        "a.jpg": "1", ".fileorg/trash/1/empty.txt": "", ".fileorg/trash/1/deep/none.log": "",
    }  # fmt: skip
    runs.undo()
    assert bucket.snapshot() == before
    runs.redo()
    runs.purge()
    assert bucket.read() == {"a.jpg": "1"}


def test_purge_removes_what_a_run_displaced(runs: Runs, bucket: Bucket) -> None:
    clock = iter(range(1_700_000_000, 1_800_000_000))
    memory_bucket(bucket.client.bucket).now_ns = lambda: next(clock) * 10**9
    bucket.write({"Images/a.jpg": "old", "Images/b.jpg": "old"})
    bucket.write({"a.jpg": "new", "b.jpg": "new"})
    runs.organize(root=bucket.url, on_conflict=OnConflict.KEEP_NEWER)
    bucket.write({".fileorg/trash/1/Images/b.jpg": "edited"})
    purged = runs.purge()
    assert bucket.read() == {"Images/a.jpg": "new", "Images/b.jpg": "new", ".fileorg/trash/1/Images/b.jpg": "edited"}
    assert (purged.outcome.done, purged.outcome.problem_count) == (1, 1)
    runs.undo()
    assert bucket.read() == {"a.jpg": "new", "b.jpg": "new", ".fileorg/trash/1/Images/b.jpg": "edited"}


def test_an_undo_with_new_names_lists_a_folder_once(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.write({f"{number}.jpg": f"{number}" for number in range(40)})
    runs.organize(root=bucket.url)
    bucket.write({"7.jpg": "new"})
    monkeypatch.setattr(MemoryClient, "head", lambda *_: pytest.fail("a name was asked for on its own"))
    assert runs.undo(rename=True).done == 40
    monkeypatch.undo()
    assert (bucket.read()["7.jpg"], bucket.read()["7 (2).jpg"]) == ("new", "7")
