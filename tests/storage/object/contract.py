"""The contract of every client of object stores as one suite. A client runs it with a fixture `store`: an empty prefix
in a bucket that others use too.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import threading
from typing import TYPE_CHECKING, NamedTuple

import pytest

from fileorg.storage.object.client import (
    DELETED_KEYS,
    DeleteMarker,
    ObjectClient,
    ObjectCopy,
    ObjectDeletion,
    ObjectOutcome,
    Result,
    StoredObject,
    etag_token,
)
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

ODD_KEYS = (
    b"a b", b"a+b", b"a%20b", b"a//b", b"/a", b"a/", b"a/..", b"..", b"./a", b"a\\b", b"#?&=", b"<a>&amp;", b"'\"",
    "ü".encode(), "u\u0308".encode(), "日本/\U0001f600".encode(), b"[red]-rf*", b"~", b"A", b"a", b"k" * 200,
)  # fmt: skip
CONTROL_KEYS = (b"new\nline", b"tab\tbed", b"esc\x1b[31m", b"return\rtoo")
"""Keys that are no text of XML 1.0, or that XML changes."""


class Store(NamedTuple):
    """A client, and a prefix that belongs to one test."""

    client: ObjectClient
    prefix: bytes
    part_bytes: int
    """Contents above this size go in parts."""
    odd_keys: Sequence[bytes] = ODD_KEYS + CONTROL_KEYS
    """Keys that this server can hold."""
    is_flat: bool = True
    """Whether `a` and `a/b` can both be keys."""

    def key(self, name: bytes) -> bytes:
        return self.prefix + name

    def write(self, name: bytes, content: bytes = b"content") -> StoredObject:
        """Write an object that is not there, and return what HEAD tells of it."""
        assert self.client.put(self.key(name), content).result is Result.DONE
        return self.of(name)

    def replace(self, name: bytes, content: bytes) -> StoredObject:
        assert self.client.put(self.key(name), content, if_absent=False).result is Result.DONE
        return self.of(name)

    def of(self, name: bytes) -> StoredObject:
        found = self.client.head([self.key(name)])[0]
        assert isinstance(found, StoredObject), found
        return found

    def read(self) -> dict[bytes, bytes]:
        """Return the contents below the prefix, by name."""
        return {
            each.key.removeprefix(self.prefix): self.client.read(each.key, 0, max(1, each.size), etag=each.etag)
            for page in self.client.pages(self.prefix)
            for each in page
        }

    def copy(self, source: StoredObject, name: bytes, *, etag: str | None = None) -> ObjectOutcome:
        row = ObjectCopy(source.key, source.etag if etag is None else etag, self.key(name), source.size)
        return self.client.copy([row])[0]

    def delete(self, each: StoredObject, *, etag: str | None = None) -> ObjectOutcome:
        return self.client.delete([ObjectDeletion(each.key, each.etag if etag is None else etag)])[0]


WRONG = hashlib.md5(b"wrong").hexdigest()


class ObjectContract:
    """The base class of a `Test…` class for one client."""

    # Listings

    def test_a_page_and_head_agree(self, store: Store) -> None:
        written = store.write(b"a/b.txt", b"12345")
        listed = [each for page in store.client.pages(store.prefix) for each in page]
        assert [(each.key, each.size, each.etag, each.mtime_ns) for each in listed] == [
            (written.key, 5, written.etag, written.mtime_ns)
        ]
        assert written.mtime_ns % 1_000_000_000 == 0
        assert written.etag == hashlib.md5(b"12345").hexdigest()

    def test_each_key_is_listed_once(self, store: Store) -> None:
        names = [b"b", b"a/z", b"a.x", b"a-x", b"Z", "é".encode(), b"a/a"] + [b"a"] * store.is_flat
        for name in names:
            store.write(name)
        listed = [each.key for page in store.client.pages(store.prefix) for each in page]
        assert sorted(listed) == sorted(store.key(name) for name in names)

    def test_a_listing_begins_behind_a_key(self, store: Store) -> None:
        for name in (b"a", b"b", b"c"):
            store.write(name)
        pages = list(store.client.pages(store.prefix, after=store.key(b"a")))
        assert [each.key for page in pages for each in page] == [store.key(b"b"), store.key(b"c")]
        assert list(store.client.pages(store.prefix, after=store.key(b"c"))) == []

    def test_a_prefix_without_objects_has_no_page(self, store: Store) -> None:
        assert list(store.client.pages(store.prefix)) == []

    def test_any_key_comes_back(self, store: Store) -> None:
        for name in store.odd_keys:
            store.write(name, name)
        assert store.read() == {name: name for name in store.odd_keys}
        moved = [store.of(name) for name in store.odd_keys]
        rows = [ObjectCopy(each.key, each.etag, each.key + b".copy", each.size) for each in moved]
        assert {each.result for each in store.client.copy(rows)} == {Result.DONE}
        outcomes = store.client.delete([ObjectDeletion(each.key, each.etag) for each in moved])
        assert {each.result for each in outcomes} == {Result.DONE}
        assert store.read() == {name + b".copy": name for name in store.odd_keys}

    # Content

    def test_a_range_is_read_of_the_expected_object_only(self, store: Store) -> None:
        each = store.write(b"a", b"0123456789")
        assert store.client.read(each.key, 2, 5, etag=each.etag) == b"234"
        assert store.client.read(each.key, 8, 100, etag=each.etag) == b"89"
        assert store.client.read(each.key, 10, 20, etag=each.etag) == b""
        assert store.client.read(each.key, 5, 5, etag=each.etag) == b""
        with pytest.raises(StoreError) as changed:
            store.client.read(each.key, 0, 5, etag=WRONG)
        assert changed.value.code is StoreCode.CHANGED
        with pytest.raises(StoreError) as gone:
            store.client.read(store.key(b"none"), 0, 5, etag=each.etag)
        assert gone.value.code is StoreCode.GONE

    def test_an_empty_object_is_read(self, store: Store) -> None:
        each = store.write(b"folder/", b"")
        assert each.size == 0
        assert store.client.read(each.key, 0, 10, etag=each.etag) == b""

    def test_head_finds_what_is_there(self, store: Store) -> None:
        each = store.write(b"a")
        assert store.client.head([store.key(b"none"), each.key]) == [None, each]
        assert store.client.head([]) == []
        assert each.token == etag_token(each.etag) > 0

    # Writing

    def test_put_does_not_overwrite(self, store: Store) -> None:
        each = store.write(b"a", b"first")
        assert store.client.put(each.key, b"second").result is Result.TARGET_EXISTS
        assert store.read() == {b"a": b"first"}

    def test_put_tells_what_it_wrote(self, store: Store) -> None:
        outcome = store.client.put(store.key(b"a"), io.BytesIO(b"from a file"))
        found = store.of(b"a")
        assert (outcome.result, outcome.etag, outcome.version) == (Result.DONE, found.etag, found.version)
        assert store.read() == {b"a": b"from a file"}

    def test_a_file_in_parts(self, store: Store) -> None:
        content = bytes(range(256)) * (store.part_bytes // 256) + b"the rest"
        begun: list[str] = []
        outcome = store.client.put(
            store.key(b"a"), io.BytesIO(content), metadata={"fileorg-mtime": "1.5"}, begun=begun.append
        )
        assert outcome.result is Result.DONE
        assert len(begun) == 1
        assert store.client.put(store.key(b"a"), io.BytesIO(content[1:])).result is Result.TARGET_EXISTS
        assert store.read() == {b"a": content}
        assert store.of(b"a").metadata == {"fileorg-mtime": "1.5"}
        assert store.client.uploads(store.prefix) == []

    def test_a_file_that_cannot_be_read_to_its_end_leaves_nothing(self, store: Store) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if size is None or size < 0 or self.tell() > store.part_bytes:
                    raise OSError(errno.EIO, os.strerror(errno.EIO))
                return super().read(size)

        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            store.client.put(store.key(b"a"), Broken(bytes(2 * store.part_bytes)))
        assert store.read() == {}
        assert store.client.uploads(store.prefix) == []

    def test_impossible_keys_fail_alone(self, store: Store) -> None:
        too_long = store.prefix + b"k" * (1025 - len(store.prefix))
        assert_failed(store.client.put(too_long, b"x"), StoreCode.KEY_TOO_LONG)
        assert_failed(store.client.put(b"\xff", b"x"), StoreCode.INVALID_KEY)
        source = store.write(b"a")
        rows = [
            ObjectCopy(source.key, source.etag, too_long, source.size),
            ObjectCopy(source.key, source.etag, store.key(b"b"), source.size),
        ]
        refused, done = store.client.copy(rows)
        assert_failed(refused, StoreCode.KEY_TOO_LONG)
        assert done.result is Result.DONE

    # Copies

    def test_a_copy_keeps_everything(self, store: Store) -> None:
        key = store.key(b"a.txt")
        headers = {"content-type": "text/x-own", "cache-control": "max-age=7", "content-disposition": "inline"}
        store.client.put(key, b"hello", metadata={"colour": "blue"}, headers=headers)
        source = store.of(b"a.txt")
        outcome = store.copy(source, b"b.txt")
        copied = store.of(b"b.txt")
        assert outcome.result is Result.DONE
        assert (copied.etag, copied.mtime_ns, copied.version) == (outcome.etag, outcome.mtime_ns, outcome.version)
        assert (copied.etag, copied.size) == (source.etag, 5)
        assert copied.metadata == {"colour": "blue"}
        assert headers.items() <= copied.headers.items()
        assert store.read() == {b"a.txt": b"hello", b"b.txt": b"hello"}

    def test_a_copy_does_not_overwrite(self, store: Store) -> None:
        source = store.write(b"a", b"one")
        store.write(b"b", b"two")
        assert store.copy(source, b"b").result is Result.TARGET_EXISTS
        assert store.read() == {b"a": b"one", b"b": b"two"}

    def test_a_changed_source_is_not_copied(self, store: Store) -> None:
        source = store.write(b"a", b"one")
        store.replace(b"a", b"two")
        assert store.copy(source, b"b").result is Result.CHANGED
        assert store.read() == {b"a": b"two"}

    def test_a_missing_source_is_gone(self, store: Store) -> None:
        source = store.write(b"a")
        store.delete(source)
        assert store.copy(source, b"b").result is Result.GONE
        assert store.read() == {}

    def test_a_copy_onto_itself_does_nothing(self, store: Store) -> None:
        source = store.write(b"a", b"one")
        assert store.copy(source, b"a").result is Result.TARGET_EXISTS
        assert store.read() == {b"a": b"one"}
        assert store.of(b"a") == source

    def test_many_rows_have_their_results_in_order(self, store: Store) -> None:
        sources = [store.write(b"%02d" % number, b"%d" % number) for number in range(30)]
        store.write(b"to/07", b"taken")
        rows = [
            ObjectCopy(each.key, WRONG if number == 3 else each.etag, store.key(b"to/%02d" % number), each.size)
            for number, each in enumerate(sources)
        ]
        results = [each.result for each in store.client.copy(rows)]
        assert results[3] is Result.CHANGED
        assert results[7] is Result.TARGET_EXISTS
        assert [each for number, each in enumerate(results) if number not in {3, 7}] == [Result.DONE] * 28

    def test_copies_of_any_keys_after_a_first_one_keep_everything(self, store: Store) -> None:
        """Later requests may be made from the first one."""
        assert store.copy(store.write(b"first"), b"copy of first").result is Result.DONE
        headers = {"content-type": "text/x-own", "cache-control": "max-age=7"}
        for number, name in enumerate(store.odd_keys):
            store.client.put(store.key(name), name, metadata={"number": str(number)}, headers=headers)
        sources = [store.of(name) for name in store.odd_keys]
        rows = [ObjectCopy(each.key, each.etag, each.key + b".copy", each.size) for each in sources]
        outcomes = store.client.copy(rows)
        assert {each.result for each in outcomes} == {Result.DONE}
        for number, (name, outcome) in enumerate(zip(store.odd_keys, outcomes, strict=True)):
            copied = store.of(name + b".copy")
            assert (copied.etag, copied.version) == (outcome.etag, outcome.version)
            assert copied.metadata == {"number": str(number)}
            assert headers.items() <= copied.headers.items()
        assert {each.result for each in store.client.copy(rows)} == {Result.TARGET_EXISTS}
        assert store.read().items() >= {name + b".copy": name for name in store.odd_keys}.items()

    def test_copies_come_while_others_are_made(self, store: Store) -> None:
        source = store.write(b"a")
        count = DELETED_KEYS + 20
        rows = [ObjectCopy(source.key, source.etag, store.key(b"to/%03d" % at), source.size) for at in range(count)]
        with contextlib.closing(store.client.copying(rows)) as groups:
            groups_found = list(groups)
        assert len(groups_found) > 1
        assert sorted(number for group in groups_found for number, _ in group) == list(range(count))
        copied = [outcome for group in groups_found for _, outcome in group]
        assert {each.result for each in copied} == {Result.DONE}
        results = store.client.deleting([ObjectDeletion(row.target_key, source.etag) for row in rows])
        assert [each.result for each in results()] == [Result.DONE] * count
        assert store.read() == {b"a": b"content"}

    def test_a_copy_in_parts(self, store: Store) -> None:
        content = bytes(range(256)) * (store.part_bytes // 256) + b"the rest"
        key = store.key(b"a")
        headers = {"content-type": "text/x-own"}
        store.client.put(key, io.BytesIO(content), metadata={"colour": "blue"}, headers=headers)
        source = store.of(b"a")
        begun: list[tuple[int, str, int]] = []
        rows = [ObjectCopy(key, source.etag, store.key(b"b"), source.size)]
        outcome = store.client.copy(
            rows, begun=lambda row, upload_id: begun.append((row, upload_id, threading.get_ident()))
        )[0]
        assert outcome.result is Result.DONE, outcome
        copied = store.of(b"b")
        assert outcome.etag == copied.etag
        assert [(row, thread) for row, _, thread in begun] == [(0, threading.get_ident())]
        assert copied.metadata == {"colour": "blue"}
        assert copied.headers["content-type"] == "text/x-own"
        assert copied.parts == source.parts
        assert store.read() == {b"a": content, b"b": content}
        assert store.client.uploads(store.prefix) == []

    def test_a_copy_in_parts_has_the_same_conditions(self, store: Store) -> None:
        content = b"x" * (store.part_bytes + 1)
        source = store.write(b"a", content)
        store.write(b"b", b"two")
        assert store.copy(source, b"b").result is Result.TARGET_EXISTS
        assert store.copy(source, b"c", etag=WRONG).result is Result.CHANGED
        store.delete(source)
        assert store.copy(source, b"c").result is Result.GONE
        assert store.read() == {b"b": b"two"}
        assert store.client.uploads(store.prefix) == []

    # Deletions

    def test_a_changed_object_is_not_deleted(self, store: Store) -> None:
        each = store.write(b"a", b"one")
        store.write(b"b", b"kept")
        store.replace(b"a", b"two")
        assert store.delete(each).result is Result.CHANGED
        assert store.read() == {b"a": b"two", b"b": b"kept"}

    def test_a_deletion_of_many_tells_each_result(self, store: Store) -> None:
        found = [store.write(name) for name in (b"a", b"b", b"c")]
        store.delete(found[1])
        rows = [ObjectDeletion(found[0].key, found[0].etag), ObjectDeletion(found[1].key, found[1].etag)]
        outcomes = store.client.delete([*rows, ObjectDeletion(found[2].key, WRONG)])
        assert [each.result for each in outcomes] in (
            [Result.DONE, Result.GONE, Result.CHANGED],
            [Result.DONE, Result.CHANGED, Result.CHANGED],  # some servers do not tell the two apart
        )
        assert store.read() == {b"c": b"content"}

    # Races

    def test_one_of_many_writers_wins(self, store: Store) -> None:
        sources = [store.write(b"source/%d" % number, b"%d" % number) for number in range(8)]
        results: list[Result] = []
        start = threading.Barrier(len(sources))

        def race(source: StoredObject) -> None:
            start.wait()
            results.append(store.copy(source, b"target").result)

        threads = [threading.Thread(target=race, args=(each,)) for each in sources]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert sorted(results) == [Result.DONE, *[Result.TARGET_EXISTS] * 7]


class VersionsContract:
    """What a bucket with versions adds."""

    def test_a_marker_is_removed_if_it_is_still_the_newest(self, store: Store) -> None:
        assert store.client.has_versions()
        each = store.write(b"a", b"one")
        marker = store.delete(each).version
        assert marker
        assert store.read() == {}
        markers = [DeleteMarker(each.key, marker)]
        assert store.client.remove_markers(markers)[0].result is Result.DONE
        assert store.read() == {b"a": b"one"}
        assert store.of(b"a").version == each.version
        assert store.client.remove_markers(markers)[0].result is Result.CHANGED
        marker = store.delete(each).version or ""
        store.write(b"a", b"newer")
        assert store.client.remove_markers([DeleteMarker(each.key, marker)])[0].result is Result.CHANGED
        assert store.read() == {b"a": b"newer"}


def assert_failed(outcome: ObjectOutcome, code: StoreCode) -> None:
    assert outcome.result is Result.FAILED
    assert outcome.error is not None
    assert outcome.error.code is code
    assert outcome.error.is_permanent
