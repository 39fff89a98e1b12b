"""Changes in a store that ignores conditions are refused in one sentence, or allowed, which the journal says."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.buckets import Bucket

from fileorg.core.errors import GuardRefused, StorageFailure
from fileorg.core.events import NullReporter
from fileorg.core.model import Action
from fileorg.journal.journal import Journal
from fileorg.storage.object.client import ALL_PRECONDITIONS, ObjectOutcome, Precondition, Result
from fileorg.storage.object.memory import MemoryBucket, MemoryClient
from fileorg.storage.object.store_error import StoreCode, StoreError
from fileorg.workflows import stores
from fileorg.workflows.import_files import ImportOptions, importing

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree


class _Remote(MemoryClient):
    """A bucket of a service that nothing is known of."""

    endpoint = "http://127.0.0.1:1"
    writes = 0

    def put(self, *what: Any, **more: Any) -> ObjectOutcome:
        type(self).writes += 1
        return super().put(*what, **more)


@pytest.fixture
def bucket(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket that ignores the conditions in `request.param`."""
    lacks: frozenset[Precondition] = getattr(request, "param", frozenset())
    client = _Remote("remote", MemoryBucket(honoured=ALL_PRECONDITIONS - lacks))
    monkeypatch.setattr(stores, "_open_client", lambda *_: client)
    return Bucket(client, "inbox/")


@pytest.mark.parametrize(
    ("bucket", "says"),
    [
        (frozenset({Precondition.COPY_IF_ABSENT}), "copy-if-absent"),
        (frozenset({Precondition.DELETE_IF_MATCH}), "delete-if-match"),
        (
            frozenset({Precondition.BATCH_DELETE_IF_MATCH, Precondition.COPY_IF_MATCH}),
            "batch-delete-if-match, copy-if-match",
        ),
    ],
    indirect=["bucket"],
)
def test_a_store_that_ignores_a_condition_is_refused_or_allowed(runs: Runs, bucket: Bucket, says: str) -> None:
    bucket.write({"a.jpg": "1", "empty.txt": ""})
    for change in (runs.organize, runs.clean):
        with pytest.raises(GuardRefused) as refused:
            change(root=bucket.url)
        assert str(refused.value) == (
            f"memory://remote/inbox ignores conditions of requests ({says}): another program could lose an object"
            " there."
        )
    rows = [{"path": "a.jpg", "new_path": "Images/a.jpg"}, {"path": "empty.txt", "new_path": "Documents/empty.txt"}]
    with pytest.raises(GuardRefused):
        runs.apply(rows, roots=[bucket.url])
    assert bucket.read() == {"a.jpg": "1", "empty.txt": ""}
    runs.organize(root=bucket.url, allow_unsafe=True)
    assert bucket.read() == {"Images/a.jpg": "1", "Documents/empty.txt": ""}
    with Journal(runs.state.journal, read_only=True) as journal:
        [operation] = journal.operations()
        assert json.loads(str(operation.options))["allow_unsafe"] is True
    runs.undo()
    assert bucket.read() == {"a.jpg": "1", "empty.txt": ""}
    assert runs.apply(rows, roots=[bucket.url], allow_unsafe=True).done == 2


def test_a_bucket_is_probed_once(runs: Runs, bucket: Bucket) -> None:
    bucket.write({"a.jpg": "1", "empty.txt": ""})
    assert runs.organize(root=bucket.url).done == 2
    assert bucket.read() == {"Images/a.jpg": "1", "Documents/empty.txt": ""}
    written = _Remote.writes
    runs.undo()
    assert runs.clean(root=bucket.url).done == 1
    assert _Remote.writes == written
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(runs.state.path, b"stores.json"))
    assert runs.dry_run(root=bucket.url)
    assert _Remote.writes == written


def test_large_objects_stay_if_the_store_would_overwrite_at_the_end_of_their_parts(
    runs: Runs, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    within = MemoryBucket(honoured=ALL_PRECONDITIONS - {Precondition.COMPLETE_IF_ABSENT})
    bucket = Bucket(_Remote("remote", within), "inbox/")
    monkeypatch.setattr(stores, "_open_client", lambda *_: _Remote("remote", within, part_limit_bytes=100))
    tree.write({"a.jpg": "1", "large.jpg": "x" * 200})
    put = _Remote.put

    def put_late(self: _Remote, key: bytes, *what: Any, **more: Any) -> ObjectOutcome:
        """Write an object of another program just before the large one, which no listing has told."""
        if key == b"inbox/Images/large.jpg":
            put(self, key, b"of others", if_absent=False)
        return put(self, key, *what, **more)

    monkeypatch.setattr(_Remote, "put", put_late)
    options = ImportOptions(os.fsencode(tree.root), bucket.url)
    for _ in range(2):  # the second run knows it from the first
        with importing(options, runs.state, NullReporter()) as run:
            run.run()
        assert bucket.read() == {"Images/a.jpg": "1", "Images/large.jpg": "of others"}
    with importing(options._replace(allow_unsafe=True), runs.state, NullReporter()) as run:
        assert run.run().done == 1
    assert bucket.read()["Images/large (2).jpg"] == "x" * 200


@pytest.mark.parametrize("name", ["put", "copy", "delete"])
def test_a_store_that_could_not_be_probed_for_a_moment_is_probed_again(
    runs: Runs, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    bucket.write({"a.jpg": "1"})
    real, faults = getattr(_Remote, name), [StoreError(StoreCode.TIMED_OUT)]

    def timed_out(self: _Remote, what: Any, *more: Any, **options: Any) -> Any:
        if faults and not (name == "put" and b"first" in what):  # the first write fails as a whole
            error = faults.pop()
            failed = ObjectOutcome(Result.AMBIGUOUS, error=error)
            return failed if name == "put" else [failed] * len(what)
        return real(self, what, *more, **options)

    monkeypatch.setattr(_Remote, name, timed_out)
    with pytest.raises(StorageFailure, match=r"^memory://remote/inbox cannot be used: timed-out\.$"):
        runs.organize(root=bucket.url)
    assert not faults
    assert runs.organize(root=bucket.url).done == 1
    assert bucket.read() == {"Images/a.jpg": "1"}


@pytest.mark.parametrize("bucket", [frozenset({Precondition.BATCH_DELETE_IF_MATCH})], indirect=True)
def test_what_only_uploads_needs_fewer_conditions(runs: Runs, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a.jpg": "1"})
    with pytest.raises(GuardRefused):
        runs.organize(dest=bucket.url)
    assert runs.organize(dest=bucket.url, action=Action.COPY).done == 1
    assert bucket.read() == {"Images/a.jpg": "1"}
    tree.write({"b.jpg": "2"})
    with importing(ImportOptions(os.fsencode(tree.root), bucket.url), runs.state, NullReporter()) as run:
        assert run.run().done == 1
    assert bucket.read() == {"Images/a.jpg": "1", "Images/b.jpg": "2"}
