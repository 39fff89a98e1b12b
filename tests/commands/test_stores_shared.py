"""Several programs on one store: each key that others write stays as they wrote it. A move costs one request."""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.object import servers
from tests.storage.object.conftest import seaweedfs
from tests.support.buckets import Bucket
from tests.support.runs import Runs

from fileorg.core.state import open_state
from fileorg.storage.object.client import DELETED_KEYS, ObjectDeletion, Precondition
from fileorg.storage.object.memory import MemoryClient, memory_bucket
from fileorg.storage.object.s3 import S3Client
from fileorg.workflows import stores

if TYPE_CHECKING:
    from pathlib import Path

    from tests.storage.object.servers import S3Server
    from tests.support.tree import Tree

    from fileorg.storage.object.client import ObjectClient

__all__ = ["seaweedfs"]  # a fixture for the tests here, too
_FILES, _WRITERS = 200, 20
_DELETED_ROUNDS = 27


class CountingClient:
    """Counts the requests of a client, as a service would bill them."""

    def __init__(self, client: ObjectClient, requests: Counter[str]) -> None:
        self._client = client
        self._requests = requests

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._client, name)
        if name in {"copying", "head"}:
            return lambda rows, **more: (self._requests.update({name: len(rows)}), found(rows, **more))[1]
        if name == "deleting":
            return lambda rows: (self._requests.update({name: -(-len(rows) // DELETED_KEYS)}), found(rows))[1]
        if name in {"read", "tags", "put"}:
            return lambda *what, **more: (self._requests.update([name]), found(*what, **more))[1]
        if name == "pages":
            return lambda *what, **more: (self._requests.update([name]) or page for page in found(*what, **more))
        return found


def test_a_move_costs_one_request(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, requests = Bucket(MemoryClient("counted"), "inbox/"), Counter[str]()
    bucket.write({f"{number}.jpg": str(number) for number in range(_FILES)})
    before = bucket.snapshot()
    monkeypatch.setattr(stores, "_open_client", lambda *of: CountingClient(MemoryClient(of[2]), requests))
    runs.organize(root=bucket.url)
    assert (requests["copying"], requests["deleting"]) == (_FILES, _FILES // DELETED_KEYS)
    assert requests.total() - _FILES <= 8  # listings, and a look for the trash
    requests.clear()
    runs.undo()
    assert (requests["copying"], requests["deleting"]) == (_FILES, _FILES // DELETED_KEYS)
    assert requests.total() - _FILES <= 4
    assert bucket.snapshot() == before


def _race(runs: Runs, bucket: Bucket) -> None:
    """Organize while others write: over the sources, at the targets, and on keys of their own."""
    bucket.write({f"{number}.jpg": f"first {number}" for number in range(_FILES)})
    begin, written = threading.Barrier(_WRITERS + 1), {}

    def write(writer: int) -> None:
        begin.wait()
        for number in range(writer, _FILES, _WRITERS):
            key = (f"{number}.jpg", f"Images/{number}.jpg", f"own {number}.txt")[number % 3]
            written[key] = f"theirs {number}"
            bucket.write({key: written[key]})

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(_WRITERS)]
    for thread in threads:
        thread.start()
    with runs.organizing(root=bucket.url) as run:
        begin.wait()
        run.run()
    for thread in threads:
        thread.join()
    _check(bucket, written)


def _check(bucket: Bucket, written: dict[str, str]) -> None:
    contents = Counter(bucket.read().values())
    missing = {content for content in written.values() if not contents[content]}
    assert not missing


def test_what_twenty_writers_write_meanwhile_is_kept(runs: Runs) -> None:
    for number in range(3):
        _race(runs, Bucket(MemoryClient(f"raced-{number}"), "inbox/"))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_what_twenty_writers_write_meanwhile_is_kept_in_thousands_of_rounds(runs: Runs, part: int) -> None:
    for number in range(100):
        _race(runs, Bucket(MemoryClient(f"raced-{part}-{number}"), "inbox/"))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_what_is_written_over_objects_that_are_deleted_is_kept_on_a_real_server(
    seaweedfs: S3Server, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    """SeaweedFS deletes one new object of a hundred if it gets the keys in one request."""
    name, threads = f"raced-{part}", ThreadPoolExecutor(24)
    servers.make_bucket(seaweedfs, name)
    for variable, value in seaweedfs.environment.items():
        monkeypatch.setenv(variable, value)
    with threads, contextlib.closing(S3Client(name, seaweedfs.settings)) as client:
        for number in range(_DELETED_ROUNDS):
            keys = [b"%d/%d" % (number, at) for at in range(20)]
            old = list(threads.map(lambda key: client.put(key, b"old").etag, keys))
            deletion = threads.submit(client.delete, list(map(ObjectDeletion, keys, old)))
            list(threads.map(lambda key: client.put(key, b"new", if_absent=False), keys))
            deletion.result()
            left = [each.key for page in client.pages(b"%d/" % number) for each in page]
            assert sorted(left) == sorted(keys), (part, number, [each.result for each in deletion.result()])


def test_the_race_is_lost_on_a_store_that_ignores_preconditions(runs: Runs) -> None:
    """The control: the same race must fail where nothing protects."""
    client = MemoryClient("careless")
    memory_bucket("careless").honoured = frozenset[Precondition]()
    bucket = Bucket(client, "inbox/")
    bucket.write({"a.jpg": "mine"})
    with runs.organizing(root=bucket.url) as run:
        bucket.write({"Images/a.jpg": "theirs"})
        run.run()
    with pytest.raises(AssertionError):
        _check(bucket, {"Images/a.jpg": "theirs"})


def test_two_runs_in_one_store_lose_nothing(tree: Tree, tmp_path: Path) -> None:
    for number in range(3):
        _two_runs(tree, tmp_path, f"two-{number}")


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_two_runs_in_one_store_lose_nothing_in_thousands_of_rounds(tree: Tree, tmp_path: Path, part: int) -> None:
    for number in range(100):
        _two_runs(tree, tmp_path, f"two-{part}-{number}")


def _two_runs(tree: Tree, tmp_path: Path, name: str) -> None:
    bucket = Bucket(MemoryClient(name), "inbox/")
    contents = {f"{number}.jpg": str(number) for number in range(_FILES)}
    bucket.write(contents)
    begin = threading.Barrier(2)

    def organize(state: str) -> None:
        runs = Runs(tree, open_state(bytes(tmp_path / state)))
        with runs.organizing(root=bucket.url) as run:
            begin.wait()
            run.run()

    threads = [threading.Thread(target=organize, args=(state,)) for state in ("one", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bucket.read() == {f"Images/{name}": content for name, content in contents.items()}
