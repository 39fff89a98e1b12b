"""A store that fsspec opens, such as `gs://`, `az://` and `sftp://`: for reading only.

No condition can be given to a change there, so nothing is changed: the methods that would are refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn

from fileorg.core.errors import StorageFailure
from fileorg.storage.object.client import PAGE_KEYS, RowsAtOnce, StoredObject, key_error
from fileorg.storage.object.store_error import StoreCode, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from fsspec import AbstractFileSystem

_NS = 1_000_000_000
_TIMES = ("mtime", "LastModified", "last_modified", "updated", "modified", "timeModified", "created")
_ETAGS = ("ETag", "etag", "md5Hash", "content_md5", "checksum")
_HOSTS = frozenset({"sftp", "ssh", "ftp", "smb", "webdav", "hdfs"})
"""Schemes whose URL names a computer; its keys are absolute paths there."""
_DRIVERS = {
    "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "sftp": "paramiko", "ssh": "paramiko",
    "smb": "smbprotocol", "webdav": "webdav4", "oss": "ossfs", "hf": "huggingface_hub",
}  # fmt: skip


def open_readable(scheme: str, bucket: str) -> FsspecClient:
    """Return the client of `SCHEME://BUCKET`. Raises `StorageFailure` if its driver is not installed."""
    import fsspec

    options: dict[str, Any] = {"host": bucket} if scheme in _HOSTS else {}
    try:
        system = fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False, **options)
    except ImportError:
        driver = _DRIVERS.get(scheme, scheme)
        raise StorageFailure(
            f"{scheme}:// needs a driver that is not installed.", hint=f"install it with: pip install {driver}"
        ) from None
    except Exception as error:  # drivers connect at once, and raise what they like
        raise StorageFailure(
            f"{scheme}://{bucket} cannot be reached: {type(error).__name__}.", hint="check the name and the credentials"
        ) from None
    return FsspecClient(system, scheme, bucket)


class FsspecClient(RowsAtOnce):
    """An `ObjectClient` of a file system of fsspec that reads."""

    endpoint = ""
    deletes_many = False

    def __init__(self, system: AbstractFileSystem, scheme: str, bucket: str, top: str | None = None) -> None:
        """`top` is the path of the bucket in the file system."""
        self._system = system
        self.bucket = bucket
        self.url = f"{scheme}://{bucket}"
        self.service = f"{scheme}://"
        self._top = top if top is not None else "" if scheme in _HOSTS else bucket

    def _path(self, key: bytes) -> str:
        return f"{self._top}/{key.decode()}"

    def _call(self, name: str, *what: Any, **more: Any) -> Any:
        """Call a method of the file system. Raises `StoreError`."""
        try:
            return getattr(self._system, name)(*what, **more)
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(StoreCode.GONE) from None
        except PermissionError as error:
            raise StoreError(StoreCode.DENIED, type(error).__name__) from None
        except TimeoutError:
            raise StoreError(StoreCode.TIMED_OUT) from None
        except OSError as error:
            raise StoreError(StoreCode.NO_NETWORK, type(error).__name__) from None
        except Exception as error:
            raise StoreError(StoreCode.UNKNOWN, type(error).__name__) from None

    # Reading

    def pages(self, prefix: bytes = b"", *, after: bytes = b"") -> Iterator[list[StoredObject]]:
        page: list[StoredObject] = []
        for found in self._objects(prefix, after):
            page.append(found)
            if len(page) == PAGE_KEYS:
                yield page
                page = []
        if page:
            yield page

    def _objects(self, prefix: bytes, after: bytes) -> Iterator[StoredObject]:
        """Yield the objects in the order of their keys: a folder at a time is in memory."""
        pending: list[tuple[bytes, StoredObject | None]] = []
        self._enter(prefix.rpartition(b"/")[0], prefix, pending)
        while pending:
            key, found = heapq.heappop(pending)
            if found is not None:
                if key > after:
                    yield found
            elif key >= after or after.startswith(key) or not after:  # the last key in it may come after `after`
                self._enter(key.rstrip(b"/"), prefix, pending)

    def _enter(self, folder: bytes, prefix: bytes, pending: list[tuple[bytes, StoredObject | None]]) -> None:
        try:
            listed = self._call("ls", self._path(folder) if folder else self._top or "/", detail=True)
        except StoreError as error:
            if error.code is StoreCode.GONE and folder:
                return
            raise StoreError(StoreCode.NO_BUCKET) if error.code is StoreCode.GONE else error from None
        above = folder + b"/" if folder else b""
        for each in listed:
            name = str(each["name"]).rstrip("/").rpartition("/")[2].encode(errors="surrogateescape")
            key = above + name
            if not name or key == folder:
                continue
            if each.get("type") == "directory":
                key += b"/"
                if key.startswith(prefix) or prefix.startswith(key):
                    heapq.heappush(pending, (key, None))
            elif each.get("type") == "file" and key.startswith(prefix):
                heapq.heappush(pending, (key, _stored(key, each)))

    def head(self, keys: Sequence[bytes]) -> list[StoredObject | StoreError | None]:
        return [self._head(key) for key in keys]

    def _head(self, key: bytes) -> StoredObject | StoreError | None:
        if (fault := key_error(key)) is not None:
            return fault
        try:
            found = self._call("info", self._path(key))
        except StoreError as error:
            return None if error.code is StoreCode.GONE else error
        return _stored(key, found) if found.get("type") == "file" else None

    def tags(self, key: bytes) -> Mapping[str, str]:
        raise StoreError(StoreCode.UNSUPPORTED, key.decode())

    def read(self, key: bytes, start: int, stop: int, *, etag: str) -> bytes:
        there = self._head(key)
        if isinstance(there, StoreError):
            raise there
        if there is None:
            raise StoreError(StoreCode.GONE)
        if there.etag != etag:
            raise StoreError(StoreCode.CHANGED)
        return bytes(self._call("cat_file", self._path(key), start=start, end=stop)) if start < stop else b""

    def uploads(self, prefix: bytes = b"") -> NoReturn:
        self._refuse(prefix)

    def has_versions(self) -> bool:
        return False

    def has_locks(self) -> bool:
        return False

    def cancel_by(self, is_over: Callable[[], bool]) -> None:
        """Do nothing: there are no copies and uploads."""

    # Changing

    def _refuse(self, *_: object, **_more: object) -> NoReturn:
        raise StoreError(StoreCode.UNSUPPORTED)

    put = copying = copy = deleting = delete = remove_markers = abort = _refuse

    def refuse_parts(self) -> None:
        """Do nothing: there are no copies and uploads."""

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._system.clear_instance_cache()


def _stored(key: bytes, fields: Mapping[str, Any]) -> StoredObject:
    size = int(fields.get("size") or 0)
    mtime_ns = next((_ns(fields[name]) for name in _TIMES if fields.get(name) is not None), 0)
    etag = next((str(fields[name]).strip('"') for name in _ETAGS if isinstance(fields.get(name), str)), "")
    # Without one, what the listing says stands for the content. The mark: no driver says what its ETags are digests of.
    etag = "-" + (
        etag or hashlib.blake2b(f"{size}\0{mtime_ns}\0{fields.get('ino', '')}".encode(), digest_size=8).hexdigest()
    )
    return StoredObject(key, size, mtime_ns, etag)


def _ns(time: Any) -> int:
    """Return a time of a listing as whole seconds in nanoseconds, 0 for what is no time."""
    if isinstance(time, str):
        try:
            time = datetime.fromisoformat(time)
        except ValueError:
            return 0
    if isinstance(time, datetime):
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    return int(time) * _NS if isinstance(time, int | float) else 0
