"""What fsspec opens is read: by its file system of local folders, which is at hand."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest
from fsspec.implementations.local import LocalFileSystem

from fileorg.core.errors import StorageFailure, UsageError
from fileorg.core.events import NullReporter
from fileorg.rules.filters import Filters
from fileorg.scan.walk import Seen
from fileorg.storage.object.fsspec_client import FsspecClient, open_readable
from fileorg.storage.object.store_error import StoreCode, StoreError
from fileorg.workflows import stores
from fileorg.workflows.scan import categorize, scan_trees

if TYPE_CHECKING:
    from tests.support.runs import Runs
    from tests.support.tree import Tree

    from fileorg.core.state import StateDirectory


@pytest.fixture
def client(tree: Tree) -> FsspecClient:
    return FsspecClient(LocalFileSystem(), "gs", "bucket", str(tree.root))


def _keys(client: FsspecClient, prefix: bytes = b"", after: bytes = b"") -> list[str]:
    return [os.fsdecode(each.key) for page in client.pages(prefix, after=after) for each in page]


def test_keys_are_listed_in_order(tree: Tree, client: FsspecClient) -> None:
    tree.write({"a/b": "1", "a-b": "2", "a/c/d": "3", "b": "4", "é": "5", "empty/": ""})
    assert _keys(client) == ["a-b", "a/b", "a/c/d", "b", "é"]
    assert _keys(client, b"a/") == ["a/b", "a/c/d"]
    assert _keys(client, b"a") == ["a-b", "a/b", "a/c/d"]
    assert _keys(client, b"none/") == []
    for after in ("a-b", "a/b", "a/c/d", "b"):
        assert _keys(client, after=after.encode()) == [key for key in _keys(client) if key > after]


def test_an_object_is_described_and_read_as_long_as_it_is_the_same(tree: Tree, client: FsspecClient) -> None:
    tree.write({"a": "content"})
    tree.set_time("a", 1_600_000_000_123_456_789)
    [there, missing] = client.head([b"a", b"b"])
    assert there is not None
    assert not isinstance(there, StoreError)
    assert missing is None
    assert (there.size, there.mtime_ns) == (7, 1_600_000_000_000_000_000)
    assert [each for page in client.pages() for each in page] == [there]
    assert client.read(b"a", 2, 5, etag=there.etag) == b"nte"
    tree.write({"a": "longer content"})
    with pytest.raises(StoreError, match="changed"):
        client.read(b"a", 2, 5, etag=there.etag)


def test_nothing_is_changed(tree: Tree, client: FsspecClient) -> None:
    tree.write({"a": "1"})
    for change in (client.put, client.copy, client.delete, client.abort, client.remove_markers):
        with pytest.raises(StoreError) as raised:
            change([])
        assert raised.value.code is StoreCode.UNSUPPORTED


def test_commands_that_read(
    tree: Tree, client: FsspecClient, state: StateDirectory, runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree.write({"inbox/a.jpg": "1", "inbox/deep/b.pdf": "2", "c.jpg": "3"})
    monkeypatch.setattr(stores, "_open_client", lambda *_: client)
    url = b"gs://bucket/inbox"
    report = scan_trees([url], Filters(), state, NullReporter())
    assert report.totals.files == {"Images": 1, "Documents": 1}
    found = categorize([url], Filters(), Seen(), NullReporter())
    assert [os.fsdecode(each.path) for each in found] == ["gs://bucket/inbox/a.jpg", "gs://bucket/inbox/deep/b.pdf"]
    with pytest.raises(UsageError, match=r"^fileorg cannot yet change anything on gs://\.$"):
        runs.organize(root=url)
    assert tree.read() == {"inbox/a.jpg": "1", "inbox/deep/b.pdf": "2", "c.jpg": "3"}


@pytest.mark.parametrize(("scheme", "driver"), [("gs", "gcsfs"), ("az", "adlfs"), ("sftp", "paramiko")])
def test_a_driver_that_is_not_installed(scheme: str, driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, driver, None)
    with pytest.raises(StorageFailure) as raised:
        open_readable(scheme, "bucket")
    assert str(raised.value) == f"{scheme}:// needs a driver that is not installed."
    assert raised.value.hint == f"install it with: pip install {driver}"
