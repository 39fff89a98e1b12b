"""Compare, with a store on either side or on both."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import pytest
from tests.support.buckets import Bucket

from fileorg.core.errors import UsageError
from fileorg.core.events import NullReporter
from fileorg.storage.object.memory import MemoryClient
from fileorg.workflows import stores
from fileorg.workflows.compare import CompareOptions, comparing
from fileorg.workflows.dedupe import DedupeOptions, deduping

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory

_numbers = itertools.count()


@pytest.fixture
def bucket() -> Bucket:
    return Bucket(MemoryClient(f"compare-{next(_numbers)}", part_limit_bytes=3), "inbox/")


def _missing(state: StateDirectory, old: bytes, *new: bytes, **options: bool) -> set[str]:
    """Return the missing files, as paths below `old`."""
    with comparing(CompareOptions(old, new, **options), state, NullReporter()) as run:  # type: ignore[arg-type]
        assert not run.reads.named
        [side] = run.sides
        found = {side.path(each.tree, each.folder, each.name) for each in side.found.files()}
    return {os.fsdecode(path.removeprefix((new[0] if options.get("reverse") else old) + b"/")) for path in found}


@pytest.mark.parametrize("paranoid", [False, True])
def test_a_folder_and_a_store(state: StateDirectory, tree: Tree, bucket: Bucket, paranoid: bool) -> None:
    large = "begin" + "x" * 20_000
    tree.write({"a": "one", "deep/b": "in parts", "c": "only here", "d": large + "1", "e": "same size", "f": ""})
    in_one = Bucket(MemoryClient(bucket.client.bucket), "inbox/")
    in_one.write({"x": "one", "y": "same SIZE", "only there": "2"})
    bucket.write({"deep/z": "in parts", "d": large + "2"})
    folder = os.fsencode(tree.root)
    assert _missing(state, folder, bucket.url, paranoid=paranoid) == {"c", "d", "e"}
    assert _missing(state, bucket.url, folder, paranoid=paranoid) == {"only there", "y", "d"}
    assert _missing(state, folder, bucket.url, paranoid=paranoid, reverse=True) == {"only there", "y", "d"}


def test_two_stores(state: StateDirectory, bucket: Bucket) -> None:
    other = Bucket(MemoryClient("other-" + bucket.client.bucket))
    bucket.write({"a": "in parts", "b": "gone"})
    other.write({"c": "in parts"})
    assert _missing(state, bucket.url, other.url) == {"b"}


def test_digests_of_a_folder_that_was_compared_with_a_store_are_not_kept(
    state: StateDirectory, tree: Tree, bucket: Bucket, tmp_path: Path
) -> None:
    tree.write({"a": "one"})
    bucket.write({"a": "one"})
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "b").write_text("one")
    folder, other = os.fsencode(tree.root), os.fsencode(tmp_path / "other")
    for _ in range(2):
        assert _missing(state, folder, bucket.url) == set()
        assert _missing(state, folder, other) == set()


def test_what_cannot_be_told_is_refused(state: StateDirectory, tree: Tree, bucket: Bucket) -> None:
    tree.write({"a": "one"})
    bucket.write({"a": "one"})
    folder = os.fsencode(tree.root)
    with pytest.raises(UsageError, match="There is nothing in"):
        _missing(state, bucket.url + b"/misspelled", folder)
    options = CompareOptions(bucket.url, [folder], dest=folder)
    with pytest.raises(UsageError, match="cannot yet copy what is missing"), comparing(options, state, NullReporter()):
        pass


def test_a_bucket_is_not_compared_with_itself(
    state: StateDirectory, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheme of the configuration may stand for the service of another one."""

    def client(_: bytes, scheme: str, name: str) -> MemoryClient:
        found = MemoryClient(name)
        found.url = f"{scheme}://{name}"
        return found

    monkeypatch.setattr(stores, "_open_client", client)
    bucket.write({"a": "one", "deep/b": "two"})
    alias = bucket.url.replace(b"memory://", b"alias://")
    for other in (alias, alias + b"/deep"):
        with pytest.raises(UsageError, match="lead to one bucket"):
            _missing(state, bucket.url, other)
        with (
            pytest.raises(UsageError, match="lead to one bucket"),
            deduping(DedupeOptions([bucket.url, other]), state, NullReporter()),
        ):
            pass
