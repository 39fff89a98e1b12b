"""The remote storage, on the file system that fsspec keeps in memory."""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tests.storage.contract import StorageContract, content_of, names_of, seen

from fileorg.errors import UsageError
from fileorg.model import Entry
from fileorg.storage import LocalStorage, open_storage
from fileorg.storage.remote import RemoteStorage
from fileorg.storage.remote_io import ns_of, os_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from fileorg.storage import Storage


class LimitedMemory(MemoryFileSystem):  # type: ignore[misc]
    """The same memory, only read, for someone who may not list folders named `locked`."""

    protocol = "limited"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("limited://")))

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> Any:
        if path.endswith("/locked"):
            raise PermissionError(path)
        return super().ls(path, detail, **kwargs)


fsspec.register_implementation("limited", LimitedMemory)
fsspec.register_implementation("uninstalled", "no_such_package.FileSystem", errtxt="Install no_such_package")


def memory() -> Any:
    return fsspec.filesystem("memory")


def key(storage: Storage, path: bytes) -> str:
    return os.fsdecode(storage.root).partition("://")[2] + "/" + os.fsdecode(path)


@pytest.fixture
def storage() -> Iterator[RemoteStorage]:
    bucket = f"bucket-{uuid.uuid4()}"
    memory().mkdir(f"{bucket}/top")
    opened = RemoteStorage(f"memory://{bucket}/top/")
    yield opened
    opened.close()
    memory().rm(bucket, recursive=True)


class TestMemory(StorageContract):
    def plant(self, storage: Storage, files: Mapping[bytes, bytes]) -> None:
        for path, content in files.items():
            memory().pipe_file(key(storage, path), content)

    def tree(self, storage: Storage) -> dict[bytes, bytes]:
        top = "/" + key(storage, b"")
        return {
            os.fsencode(path.removeprefix(top) + "/" * (info["type"] == "directory")): (
                b"" if info["type"] == "directory" else memory().cat_file(path)
            )
            for path, info in memory().find(top, withdirs=True, detail=True).items()
            if path != top.rstrip("/")
        }

    @contextlib.contextmanager
    def unreadable(self, storage: Storage, folder: bytes) -> Iterator[Storage]:
        assert folder.endswith(b"/locked")
        yield RemoteStorage(os.fsdecode(storage.root).replace("memory://", "limited://"))


# Opening


def test_a_url_is_opened_and_a_path_is_local(tmp_path: Path) -> None:
    url = "memory://bucket/some folder"
    assert open_storage(url + "/").root == url.encode()
    assert isinstance(open_storage(url), RemoteStorage)
    for path in (str(tmp_path), os.fsencode(tmp_path), f"file://{tmp_path}"):
        local = open_storage(path)
        assert isinstance(local, LocalStorage)
        assert local.root == os.fsencode(tmp_path)
        local.close()


def test_local_files_do_not_load_fsspec() -> None:
    code = "import sys, fileorg.storage as s; s.open_storage('/').close(); sys.exit('fsspec' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("url", "message", "hint"),
    [
        ("gopher\x1b://host/a", r"gopher\\x1b:// is no storage", "use a path"),
        ("uninstalled://bucket/a", "uninstalled:// needs a package", "Install no_such_package"),
        ("simplecache::memory://bucket/a", "more than one storage", "without `::`"),
    ],
)
def test_a_url_that_cannot_be_opened_is_one_sentence(url: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        open_storage(url)
    assert hint in caught.value.hint
    assert "\n" not in str(caught.value)


# One memory


def test_every_storage_sees_the_same_memory(storage: RemoteStorage) -> None:
    other = open_storage(storage.root)
    memory().pipe_file(key(storage, b"one"), b"content")
    assert names_of(other) == {b"one"}
    other.rename_noreplace(b"", b"one", storage, b"", b"two")
    assert names_of(storage) == {b"two"}


def test_neighbours_with_the_same_beginning_are_outside(storage: RemoteStorage) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    memory().pipe_file(key(storage, b"").rstrip("/") + "-2/other", b"content")
    assert names_of(storage) == {b"one"}


def test_the_top_of_the_memory_can_be_the_root(storage: RemoteStorage) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    top = open_storage("memory://")
    bucket = key(storage, b"").partition("/")[0].encode()
    assert bucket in names_of(top)
    assert content_of(top, bucket + b"/top", b"one") == b"content"


def test_a_root_that_is_not_there_is_said() -> None:
    missing = open_storage("memory://no/such/place")
    with pytest.raises(FileNotFoundError):
        names_of(missing)
    assert missing.stat_folder(b"") is None


# Keys


@pytest.mark.parametrize("bad", ["..", ".", "a\ud800b"])
def test_a_key_that_is_no_path_is_reported_and_the_rest_is_listed(storage: RemoteStorage, bad: str) -> None:
    memory().store[f"/{key(storage, b'')}{bad}"] = memory().open(key(storage, b"one"), "wb")
    listings = storage.list_folder(b"")
    assert [entry.name for entry in next(listings).files] == [b"one"]
    with pytest.raises(OSError, match="Invalid") as caught:
        next(listings)
    assert caught.value.errno in {errno.EINVAL, errno.EILSEQ}


def test_an_empty_component_in_a_key_is_reported(storage: RemoteStorage) -> None:
    memory().store[f"/{key(storage, b'')}/hidden"] = memory().open(key(storage, b"one"), "wb")
    with pytest.raises(OSError, match="Invalid"):
        names_of(storage)


def test_times_are_those_of_the_last_change(storage: RemoteStorage) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    first = seen(storage, b"", b"one")
    assert abs(first.mtime_ns - datetime.now(UTC).timestamp() * 1e9) < 60e9
    assert next(storage.list_folder(b"")).files == [first]
    with memory().open(key(storage, b"one"), "ab") as file:
        file.write(b" and more")
        file.commit()
    second = seen(storage, b"", b"one")
    assert second.mtime_ns > first.mtime_ns
    assert next(storage.list_folder(b"")).files == [second]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (datetime(2024, 5, 1, 12, 0, 0, 123456, tzinfo=UTC), 1714564800123456000),
        (datetime(2024, 5, 1, 12, 0, 0, 123456), 1714564800123456000),  # noqa: DTZ001  some say it so
        ("2024-05-01T12:00:00.123456Z", 1714564800123456000),
        ("2024-05-01T14:00:00.123456+02:00", 1714564800123456000),
        (1714564800.123456, 1714564800123456000),
        (1714564800, 1714564800000000000),
        ("Wed, 01 May", 0),
    ],
)
def test_times_as_storages_tell_them(told: Any, expected: Any) -> None:
    assert ns_of(told) == expected


class Telling(MemoryFileSystem):  # type: ignore[misc]
    """Tells of each file what a test wants to hear."""

    protocol = "telling"
    told: dict[str, Any] = {}  # noqa: RUF012  set by the tests

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("telling://")))

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        return {**super().info(path, **kwargs), **self.told}

    def modified(self, path: str) -> Any:
        raise NotImplementedError


fsspec.register_implementation("telling", Telling)


@pytest.mark.parametrize(
    ("told", "mtime_ns", "is_file"),
    [
        ({"LastModified": datetime(2024, 5, 1, tzinfo=UTC)}, 1714521600000000000, True),
        ({"mtime": 1.5, "LastModified": None}, 1_500_000_000, True),
        ({"created": 2.5}, 2_500_000_000, True),
        ({"created": None}, 0, True),
        ({"type": "link"}, 0, False),
    ],
)
def test_facts_as_file_systems_tell_them(
    storage: RemoteStorage, monkeypatch: pytest.MonkeyPatch, told: Any, mtime_ns: int, is_file: bool
) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    monkeypatch.setattr(Telling, "told", told)
    telling = RemoteStorage("telling://" + key(storage, b""))
    entry = seen(telling, b"", b"one")
    assert (entry.mtime_ns, entry.is_file, entry.is_folder) == (mtime_ns, is_file, False)
    if not is_file:
        with pytest.raises(OSError, match="not a regular file"):
            telling.open_read(b"", b"one")


# Changes


def test_a_storage_that_could_overwrite_is_only_read(storage: RemoteStorage) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    limited = RemoteStorage("limited://" + key(storage, b""))
    assert not limited.capabilities.changes
    assert content_of(limited, b"", b"one") == b"content"
    calls: list[Callable[[], Any]] = [
        lambda: limited.rename_noreplace(b"", b"one", limited, b"", b"two"),
        lambda: limited.copy_noreplace(b"", b"one", limited, b"", b"two"),
        lambda: storage.copy_noreplace(b"", b"one", limited, b"", b"two"),
        lambda: limited.remove(b"", b"one"),
        lambda: limited.make_folder(b"", b"new"),
        lambda: limited.remove_folder(b"", b"new"),
    ]
    for call in calls:
        with pytest.raises(OSError, match="only read") as caught:
            call()
        assert caught.value.errno == errno.ENOTSUP
    assert names_of(storage) == {b"one"}


def test_a_copy_from_a_storage_that_is_only_read(storage: RemoteStorage) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    limited = RemoteStorage("limited://" + key(storage, b""))
    limited.copy_noreplace(b"", b"one", storage, b"", b"two")
    assert content_of(storage, b"", b"two") == b"content"


class Meddling(MemoryFileSystem):  # type: ignore[misc]
    """Another program acts on the source at a chosen moment: after `quiet` readings of a file."""

    protocol = "meddling"
    quiet = 0
    meddle: Any = None

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("meddling://")))

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **kwargs: Any) -> None:
        super().pipe_file(path, value, mode, **kwargs)
        type(self).meddle("created")

    def cat_file(self, path: str, start: Any = None, end: Any = None, **kwargs: Any) -> Any:
        content = super().cat_file(path, start, end, **kwargs)
        type(self).meddle("read")
        return content

    def rm_file(self, path: str) -> None:
        type(self).meddle("removing")
        super().rm_file(path)


fsspec.register_implementation("meddling", Meddling)


@pytest.fixture
def meddling(storage: RemoteStorage, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], RemoteStorage]:
    """A storage where `act` runs, once, at `moment`."""
    monkeypatch.setattr("fileorg.storage.remote._REFUSES_TAKEN", {"memory", "meddling"})

    def at(moment: str, act: Any) -> RemoteStorage:
        left = [moment]

        def meddle(now: str) -> None:
            if now in left:
                left.remove(now)
                act()

        monkeypatch.setattr(Meddling, "meddle", meddle)
        return RemoteStorage("meddling://" + key(storage, b""))

    return at


def test_a_source_that_changes_while_it_is_read_is_not_copied(
    storage: RemoteStorage, meddling: Callable[[str, Any], RemoteStorage]
) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    other = meddling("read", lambda: memory().pipe_file(key(storage, b"one"), b"CONTENT"))
    with pytest.raises(OSError, match="changed") as caught:
        other.copy_noreplace(b"", b"one", other, b"", b"two")
    assert caught.value.errno == errno.ESTALE
    assert names_of(storage) == {b"one"}
    assert content_of(storage, b"", b"one") == b"CONTENT"


def test_a_source_that_changes_while_it_is_renamed_stays(
    storage: RemoteStorage, meddling: Callable[[str, Any], RemoteStorage]
) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    other = meddling("created", lambda: memory().pipe_file(key(storage, b"one"), b"CONTENT"))
    with pytest.raises(OSError, match="changed") as caught:
        other.rename_noreplace(b"", b"one", other, b"", b"two")
    assert caught.value.errno == errno.ESTALE
    assert names_of(storage) == {b"one"}
    assert content_of(storage, b"", b"one") == b"CONTENT"


@pytest.mark.parametrize("moment", ["created", "removing"])
def test_a_source_that_goes_while_it_is_renamed_is_not_lost(
    storage: RemoteStorage, meddling: Callable[[str, Any], RemoteStorage], moment: str
) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    other = meddling(moment, lambda: memory().rm_file(key(storage, b"one")))
    other.rename_noreplace(b"", b"one", other, b"", b"two")
    assert names_of(storage) == {b"two"}
    assert content_of(storage, b"", b"two") == b"content"


def test_a_copy_that_goes_at_once_is_said(
    storage: RemoteStorage, meddling: Callable[[str, Any], RemoteStorage]
) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    other = meddling("created", lambda: memory().rm_file(key(storage, b"two")))
    with pytest.raises(FileNotFoundError):
        other.copy_noreplace(b"", b"one", other, b"", b"two")


def test_a_file_that_shrinks_while_it_is_read_just_ends(storage: RemoteStorage) -> None:
    memory().pipe_file(key(storage, b"one"), b"0123456789")
    with storage.open_read(b"", b"one") as file:
        memory().pipe_file(key(storage, b"one"), b"0123")
        assert file.read() == b"0123"
        assert file.read() == b""


def test_a_file_that_goes_while_it_is_listed_is_left_out(
    storage: RemoteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (b"one", b"two"):
        memory().pipe_file(key(storage, path), b"content")
    modified = MemoryFileSystem.modified

    def going(self: Any, path: str) -> Any:
        memory().store.pop("/" + key(storage, b"one"), None)
        return modified(self, path)

    monkeypatch.setattr(MemoryFileSystem, "modified", going)
    assert names_of(storage) == {b"two"}


# Errors


@pytest.mark.parametrize(
    ("raised", "expected", "code"),
    [
        (FileNotFoundError("key"), FileNotFoundError, errno.ENOENT),
        (FileExistsError("key"), FileExistsError, errno.EEXIST),
        (PermissionError("key"), PermissionError, errno.EACCES),
        (TimeoutError(), TimeoutError, errno.ETIMEDOUT),
        (NotImplementedError(), OSError, errno.ENOTSUP),
        (OSError("text"), OSError, errno.EIO),
        (RuntimeError("a client's own"), OSError, errno.EIO),
        (OSError(errno.ENOSPC, "full"), OSError, errno.ENOSPC),
    ],
)
def test_every_error_has_an_errno(raised: Exception, expected: Any, code: int) -> None:
    with pytest.raises(expected) as caught, os_errors(b"a/b"):
        raise raised
    assert caught.value.errno == code


def test_an_entry_of_a_remote_file_says_what_is_not_known(storage: RemoteStorage) -> None:
    memory().pipe_file(key(storage, b"one"), b"content")
    entry = seen(storage, b"", b"one")
    assert entry == Entry(b"one", 7, entry.mtime_ns, entry.mtime_ns, inode=0, mode=0o100644, nlink=1, dev=0)
