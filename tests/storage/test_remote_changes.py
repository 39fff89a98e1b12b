"""What a remote storage does when it may not change anything, and when another program does meanwhile."""

from __future__ import annotations

import errno
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from tests.storage.memory import key, memory
from tests.storage.ways import content_of, names_of

from fileorg.storage.remote.storage import RemoteStorage

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_storage_that_could_overwrite_is_only_read(remote: RemoteStorage) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    limited = RemoteStorage("limited://" + key(remote, b""))
    assert not limited.capabilities.changes
    assert content_of(limited, b"", b"one") == b"content"
    calls: list[Callable[[], Any]] = [
        lambda: limited.rename_noreplace(b"", b"one", limited, b"", b"two"),
        lambda: limited.copy_noreplace(b"", b"one", limited, b"", b"two"),
        lambda: remote.copy_noreplace(b"", b"one", limited, b"", b"two"),
        lambda: limited.remove(b"", b"one"),
        lambda: limited.make_folder(b"", b"new"),
        lambda: limited.remove_folder(b"", b"new"),
    ]
    for call in calls:
        with pytest.raises(OSError, match="only read") as caught:
            call()
        assert caught.value.errno == errno.ENOTSUP
    assert names_of(remote) == {b"one"}


def test_a_copy_from_a_storage_that_is_only_read(remote: RemoteStorage) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    limited = RemoteStorage("limited://" + key(remote, b""))
    limited.copy_noreplace(b"", b"one", remote, b"", b"two")
    assert content_of(remote, b"", b"two") == b"content"


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
def meddling(remote: RemoteStorage, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], RemoteStorage]:
    """A storage where `act` runs, once, at `moment`."""
    monkeypatch.setattr("fileorg.storage.remote.storage._REFUSES_TAKEN", {"memory", "meddling"})

    def at(moment: str, act: Any) -> RemoteStorage:
        left = [moment]

        def meddle(now: str) -> None:
            if now in left:
                left.remove(now)
                act()

        monkeypatch.setattr(Meddling, "meddle", meddle)
        return RemoteStorage("meddling://" + key(remote, b""))

    return at


def test_a_source_that_changes_while_it_is_read_is_not_copied(
    remote: RemoteStorage, meddling: Callable[[str, Any], RemoteStorage]
) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    other = meddling("read", lambda: memory().pipe_file(key(remote, b"one"), b"CONTENT"))
    with pytest.raises(OSError, match="changed") as caught:
        other.copy_noreplace(b"", b"one", other, b"", b"two")
    assert caught.value.errno == errno.ESTALE
    assert names_of(remote) == {b"one"}
    assert content_of(remote, b"", b"one") == b"CONTENT"


def test_a_source_that_changes_while_it_is_renamed_stays(
    remote: RemoteStorage, meddling: Callable[[str, Any], RemoteStorage]
) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    other = meddling("created", lambda: memory().pipe_file(key(remote, b"one"), b"CONTENT"))
    with pytest.raises(OSError, match="changed") as caught:
        other.rename_noreplace(b"", b"one", other, b"", b"two")
    assert caught.value.errno == errno.ESTALE
    assert names_of(remote) == {b"one"}
    assert content_of(remote, b"", b"one") == b"CONTENT"


@pytest.mark.parametrize("moment", ["created", "removing"])
def test_a_source_that_goes_while_it_is_renamed_is_not_lost(
    remote: RemoteStorage, meddling: Callable[[str, Any], RemoteStorage], moment: str
) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    other = meddling(moment, lambda: memory().rm_file(key(remote, b"one")))
    other.rename_noreplace(b"", b"one", other, b"", b"two")
    assert names_of(remote) == {b"two"}
    assert content_of(remote, b"", b"two") == b"content"


def test_a_copy_that_goes_at_once_is_said(remote: RemoteStorage, meddling: Callable[[str, Any], RemoteStorage]) -> None:
    memory().pipe_file(key(remote, b"one"), b"content")
    other = meddling("created", lambda: memory().rm_file(key(remote, b"two")))
    with pytest.raises(FileNotFoundError):
        other.copy_noreplace(b"", b"one", other, b"", b"two")


def test_a_file_that_shrinks_while_it_is_read_just_ends(remote: RemoteStorage) -> None:
    memory().pipe_file(key(remote, b"one"), b"0123456789")
    with remote.open_read(b"", b"one") as file:
        memory().pipe_file(key(remote, b"one"), b"0123")
        assert file.read() == b"0123"
        assert file.read() == b""


def test_a_file_that_goes_while_it_is_listed_is_left_out(
    remote: RemoteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (b"one", b"two"):
        memory().pipe_file(key(remote, path), b"content")
    modified = MemoryFileSystem.modified

    def going(self: Any, path: str) -> Any:
        memory().store.pop("/" + key(remote, b"one"), None)
        return modified(self, path)

    monkeypatch.setattr(MemoryFileSystem, "modified", going)
    assert names_of(remote) == {b"two"}


class Slow(MemoryFileSystem):  # type: ignore[misc]
    """Takes its time between looking whether a name is free and taking it."""

    protocol = "slow"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.removeprefix("slow://")))

    def exists(self, path: str, **kwargs: Any) -> bool:
        known = bool(super().exists(path, **kwargs))
        time.sleep(0.01)
        return known


fsspec.register_implementation("slow", Slow)


def test_a_slow_storage_gives_a_name_once(remote: RemoteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fileorg.storage.remote.storage._REFUSES_TAKEN", {"slow"})
    slow = RemoteStorage("slow://" + key(remote, b""))
    for number in range(4):
        memory().pipe_file(key(remote, b"%d" % number), b"content %d" % number)

    def take(number: int) -> str | None:
        try:
            slow.copy_noreplace(b"", b"%d" % number, slow, b"", b"name")
        except FileExistsError:
            return None
        return f"content {number}"

    with ThreadPoolExecutor(4) as pool:
        (winner,) = filter(None, pool.map(take, range(4)))
    assert content_of(remote, b"", b"name") == winner.encode()
