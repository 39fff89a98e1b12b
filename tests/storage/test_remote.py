"""URLs, keys, times and errors of remote storages."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tests.storage.memory import key, memory
from tests.storage.ways import content_of, names_of, seen

from fileorg.core.errors import UsageError
from fileorg.core.model import Entry
from fileorg.storage import open_storage
from fileorg.storage.local.storage import LocalStorage
from fileorg.storage.remote.io import ns_of, os_errors
from fileorg.storage.remote.storage import RemoteStorage

if TYPE_CHECKING:
    from pathlib import Path

fsspec.register_implementation("uninstalled", "no_such_package.FileSystem", errtxt="Install no_such_package")


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


def test_every_storage_sees_the_same_memory(remote: RemoteStorage) -> None:
    other = open_storage(remote.root)
    memory().pipe_file(key(remote, b"one"), b"content")
    assert names_of(other) == {b"one"}
    other.rename_noreplace(b"", b"one", remote, b"", b"two")
    assert names_of(remote) == {b"two"}


def test_neighbours_with_the_same_beginning_are_outside(remote: RemoteStorage) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    memory().pipe_file(key(remote, b"").rstrip("/") + "-2/other", b"content")
    assert names_of(remote) == {b"one"}


def test_the_top_of_the_memory_can_be_the_root(remote: RemoteStorage) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    top = open_storage("memory://")
    bucket = key(remote, b"").partition("/")[0].encode()
    assert bucket in names_of(top)
    assert content_of(top, bucket + b"/top", b"one") == b"content"


def test_a_root_that_is_not_there_is_said() -> None:
    missing = open_storage("memory://no/such/place")
    with pytest.raises(FileNotFoundError):
        names_of(missing)
    assert missing.stat_folder(b"") is None


# Keys


@pytest.mark.parametrize("bad", ["..", ".", "a\ud800b"])
def test_a_key_that_is_no_path_is_reported_and_the_rest_is_listed(remote: RemoteStorage, bad: str) -> None:
    memory().store[f"/{key(remote, b'')}{bad}"] = memory().open(key(remote, b"one"), "wb")
    listings = remote.list_folder(b"")
    assert [entry.name for entry in next(listings).files] == [b"one"]
    with pytest.raises(OSError, match="Invalid") as caught:
        next(listings)
    assert caught.value.errno in {errno.EINVAL, errno.EILSEQ}


def test_an_empty_component_in_a_key_is_reported(remote: RemoteStorage) -> None:
    memory().store[f"/{key(remote, b'')}/hidden"] = memory().open(key(remote, b"one"), "wb")
    with pytest.raises(OSError, match="Invalid"):
        names_of(remote)


def test_times_are_those_of_the_last_change(remote: RemoteStorage) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    first = seen(remote, b"", b"one")
    assert abs(first.mtime_ns - datetime.now(UTC).timestamp() * 1e9) < 60e9
    assert next(remote.list_folder(b"")).files == [first]
    with memory().open(key(remote, b"one"), "ab") as file:
        file.write(b" and more")
        file.commit()
    second = seen(remote, b"", b"one")
    assert second.mtime_ns > first.mtime_ns
    assert next(remote.list_folder(b"")).files == [second]


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
    remote: RemoteStorage, monkeypatch: pytest.MonkeyPatch, told: Any, mtime_ns: int, is_file: bool
) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    monkeypatch.setattr(Telling, "told", told)
    telling = RemoteStorage("telling://" + key(remote, b""))
    entry = seen(telling, b"", b"one")
    assert (entry.mtime_ns, entry.is_file, entry.is_folder) == (mtime_ns, is_file, False)
    if not is_file:
        with pytest.raises(OSError, match="not a regular file"):
            telling.open_read(b"", b"one")


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


def test_an_entry_of_a_remote_file_says_what_is_not_known(remote: RemoteStorage) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    entry = seen(remote, b"", b"one")
    assert entry == Entry(b"one", 7, entry.mtime_ns, entry.mtime_ns, inode=0, mode=0o100644, nlink=1, dev=0)
