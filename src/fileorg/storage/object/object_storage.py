"""A tree in an object store: the keys below a prefix, as folders and files.

A folder exists as long as a key begins with its path. The inode of a file is a number of 63 bits that stands for its
ETag, so that it changes with the content; the ETag itself stays in `KnownKeys`, for the requests that need it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import stat
from bisect import insort
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from fileorg.core.model import Entry, Listing
from fileorg.core.names import is_folder, join, split
from fileorg.storage.base import BATCH_ENTRIES, Capabilities, Kind
from fileorg.storage.object.client import KEY_BYTES, etag_token, head_one
from fileorg.storage.object.known_keys import KnownKey, KnownKeys, is_odd, plain_above
from fileorg.storage.object.store_error import StoreCode, StoreError
from fileorg.storage.paths import check_folder, check_name, failed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from fileorg.storage.local.attributes import FileAttributes
    from fileorg.storage.local.copying import StagedCopy
    from fileorg.storage.local.readiness import Readiness
    from fileorg.storage.local.storage import LocalStorage
    from fileorg.storage.object.client import ObjectClient, StoredObject

_FILE_MODE, _FOLDER_MODE = stat.S_IFREG | 0o644, stat.S_IFDIR | 0o755
_CHUNK_BYTES = 1 << 20
_LAST = "\U0010ffff".encode()
"""The character that sorts behind all others."""
_NAMED = 20
_MARK = b"_$folder$"
"""The end of an empty key that Hadoop and its kin make for a folder: no file of anybody."""


class ObjectStorage:
    """The keys below a prefix of a bucket.

    What was listed is not asked for again: a change by someone else shows when a request states what it expects.
    """

    kind: Final = Kind.OBJECT
    cross_mounts: Final = True

    def __init__(self, client: ObjectClient, prefix: bytes = b"") -> None:
        """`prefix` is a plain path in the bucket, empty for all of it. The storage closes the client."""
        check_folder(prefix)
        self.client = client
        self._above = prefix + b"/" if prefix else b""
        self.root = os.fsencode(client.url) + (b"/" + prefix if prefix else b"")
        self.capabilities = Capabilities(
            empty_folders=False, stable_inodes=True, renames=False, name_limit=KEY_BYTES - len(self._above)
        )
        self.dev = _number(f"{client.service}\0{client.url}".encode()) | 1 << 62  # no disk has such a number
        self.known = KnownKeys()
        self.lists_all = False
        """True to list the whole tree at once: a request for a thousand keys, whatever their folders."""
        self.odd: list[bytes] = []
        """The first keys that are no plain paths: they are left alone."""
        self.odd_count = 0
        self.has_any = True
        """False if there was no key below the prefix when it was opened; a whole bucket may be empty."""

    def ask_first(self) -> None:
        """Send a first request. Raises `StoreError` if nothing can be listed."""
        self.has_any = next(self.client.pages(self._above), None) is not None or not self._above

    @cached_property
    def may_lock(self) -> bool:
        """True if objects of the bucket may be under a legal hold or a retention. Raises `StoreError`."""
        return self.client.has_locks()

    @property
    def identity(self) -> tuple[int, int]:
        return self.dev, _number(self._above)

    def key(self, folder: bytes, name: bytes) -> bytes:
        """Return the key of a file. Raises `OSError`, EINVAL for a path that leaves the tree."""
        check_folder(folder)
        check_name(name)
        return self._above + join(folder, name)

    def number_of(self, folder: bytes, name: bytes) -> int:
        """Return a number that stands for a key, where objects of the same content are to be told apart."""
        return _number(self._above + join(folder, name))

    # Listings -----------------------------------------------------------------------------------------------------

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        self._list(folder)
        found = self.known.in_folder(folder)
        some = list(islice(found, BATCH_ENTRIES))
        while True:
            files, folders = [], []
            for each in some:
                if not isinstance(each, KnownKey):
                    folders.append(self._folder_entry(folder, each))
                elif each.path.endswith(b"/"):
                    name = split(each.path[:-1])[1]
                    folders.append(self._folder_entry(folder, name)._replace(mtime_ns=each.mtime_ns))
                else:
                    files.append(self._entry(each))
            yield Listing(folder, files, folders, [])
            if not (some := list(islice(found, BATCH_ENTRIES))):
                return

    def name_parts(self, folder: bytes) -> Iterator[list[bytes]]:
        for listing in self.list_folder(folder):
            yield [entry.name for kind in (listing.files, listing.folders) for entry in kind]

    def names(self, folder: bytes) -> Iterator[tuple[bytes, int]]:
        """Yield (name, kind) of a folder's entries: 0 a file, 1 a folder."""
        for listing in self.list_folder(folder):
            yield from ((entry.name, 0) for entry in listing.files)
            yield from ((entry.name, 1) for entry in listing.folders)

    def symlinks(self, _folder: bytes, _limit: int) -> tuple[list[Entry], list[bytes], int]:
        """Return nothing: a store has no symlinks."""
        return [], [], 0

    def _list(self, folder: bytes) -> None:
        """List a folder, unless it is known already; with `lists_all`, all that is below it, too."""
        check_folder(folder)
        if self.known.is_listed(folder):
            return
        prefix = self._above + (folder + b"/" if folder else b"")
        if self.lists_all:
            for page in self.client.pages_in_any_order(prefix):
                self._add(page)
        else:
            self._list_level(prefix)
        self.known.has_listed(folder, whole_tree=self.lists_all)

    def _list_level(self, prefix: bytes) -> None:
        """List the keys directly below a prefix. A subfolder is passed over once it has filled the end of a page: never
        more requests than for all keys, and few for a folder of large ones.
        """
        after: bytes | None = b""
        while after is not None:
            start, after = after, None
            for page in self.client.pages(prefix, after=start):
                inside = [each.key[len(prefix) :].partition(b"/") for each in page]
                above = prefix[len(self._above) :]
                folders = {above + name for name, slash, rest in inside if slash and rest}
                self.known.add_folders(path for path in folders if not is_odd(path + b"/"))
                # A marker of a folder is added as a key.
                is_own = [not slash or not rest or is_odd(name + slash) for name, slash, rest in inside]
                self._add(each for each, is_own_key in zip(page, is_own, strict=True) if is_own_key)
                last, slash, _ = inside[-1] if inside else (b"", b"", b"")
                if slash:
                    after = prefix + last + b"/" + _LAST
                    break

    def _add(self, objects: Iterable[StoredObject]) -> None:
        rows, marked, held = [], [], set[bytes]()
        for each in objects:
            path = each.key[len(self._above) :]
            if not path:
                continue  # the marker of the root
            if is_odd(path):
                self.odd_count += 1
                insort(self.odd, path)
                del self.odd[_NAMED:]
                held.add(plain_above(path))
            elif not each.size and path.endswith(_MARK):
                if is_folder(folder := path.removesuffix(_MARK)) and folder:
                    marked.append(folder)
                    held.add(folder)
                else:
                    held.add(split(path)[0])
            else:
                if each.size and path.endswith(b"/"):  # it has content: no mere marker
                    held.add(path[:-1])
                rows.append(_known(path, each))
        self.known.add(rows)
        self.known.add_folders(marked)
        if held:
            self.known.hold(held)

    # Markers of folders ---------------------------------------------------------------------------------------------

    def marker_key(self, folder: bytes) -> bytes:
        """Return the key that marks a folder and is no file. Raises `OSError`, EINVAL for a path that leaves the
        tree.
        """
        return self.key(*split(folder)) + b"/"

    def marker(self, folder: bytes) -> KnownKey | None:
        """Return what was listed of the marker of a folder; None if it has none, or one with content."""
        known = self.known.key(folder + b"/")
        return None if known is None or known.size else known

    def head_marker(self, folder: bytes) -> StoredObject | None:
        """Return what the store says of a marker now. Raises `StoreError`."""
        return head_one(self.client, self.marker_key(folder))

    # One file -----------------------------------------------------------------------------------------------------

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        path = join(folder, name)
        if self.known.is_listed(folder):
            known = self.known.key(path)
            return self.folder_entry(folder, name) if known is None else self._entry(known)
        there = self.head(folder, name)
        return self.folder_entry(folder, name) if there is None else self._entry(_known(path, there))

    def folder_entry(self, folder: bytes, name: bytes) -> Entry | None:
        """Return the entry of a folder, even if an object has the same path; None if there is nothing in it."""
        key, path = self.key(folder, name), join(folder, name)
        if self.known.is_listed(folder):
            has_any = self.known.has_folder(path)
        else:
            has_any = any(page for page in islice(self.client.pages(key + b"/"), 1))
        return self._folder_entry(folder, name) if has_any else None

    def lstat_listed(self, folder: bytes, name: bytes) -> Entry | None:
        """Return what `lstat` does: a store has no names that only a cache has."""
        return self.lstat(folder, name)

    def lstat_all(self, folder: bytes, names: Sequence[bytes]) -> list[os.stat_result | OSError | None]:
        """Return the `os.lstat` of many names of one folder; None for a missing one, and errors as values."""
        found: list[os.stat_result | OSError | None] = []
        try:
            self._list(folder)
        except OSError as error:
            return [error] * len(names)
        for name in names:
            try:
                entry = self.lstat(folder, name)
            except OSError as error:
                found.append(error)
            else:
                found.append(None if entry is None else _stat_result(entry))
        return found

    def listed(self, folder: bytes, name: bytes) -> KnownKey | None:
        """Return what was listed of a file, None if it is not known."""
        return self.known.key(join(folder, name))

    def head(self, folder: bytes, name: bytes) -> StoredObject | None:
        """Return what the store says of a file now, whatever was listed. Raises `StoreError`."""
        return head_one(self.client, self.key(folder, name))

    def open_read(self, folder: bytes, name: bytes) -> BinaryIO:
        key, known = self.key(folder, name), self.known.key(join(folder, name))
        if known is not None:
            return cast("BinaryIO", ObjectReader(self.client, key, known.size, known.etag))
        there = None if self.known.is_listed(folder) else self.head(folder, name)
        if there is None:
            raise failed(errno.ENOENT, name)
        return cast("BinaryIO", ObjectReader(self.client, key, there.size, there.etag))

    def stage_copy(
        self,
        folder: bytes,
        name: bytes,
        target: LocalStorage,
        target_folder: bytes,
        temporary: bytes,
        *,
        check: Callable[[], None] = lambda: None,
        there: StoredObject | None = None,
        attributes: FileAttributes | None = None,
        **_: object,
    ) -> StagedCopy:
        """Make a file of an object: see `download`. `there` is what HEAD has told of it, if it was asked. Without
        `attributes`, it gets those of any new file. ESTALE if the object is not the one that was listed.
        """
        from fileorg.storage.object.download import download

        there, listed = there or self.head(folder, name), self.listed(folder, name)
        if there is None:
            raise failed(errno.ENOENT, name)
        if listed is None or listed.etag != there.etag:
            raise OSError(errno.ESTALE, "it changed while it was copied", os.fsdecode(name))
        return download(self.client, there, target, target_folder, temporary, check, attributes)

    def _entry(self, known: KnownKey) -> Entry:
        path, size, mtime_ns, etag, _ = known
        return Entry(split(path)[1], size, mtime_ns, mtime_ns, etag_token(etag), _FILE_MODE, 1, self.dev)

    def _folder_entry(self, folder: bytes, name: bytes) -> Entry:
        inode = _number(self._above + join(folder, name) + b"/")
        return Entry(name, 0, 0, 0, inode, _FOLDER_MODE, 2, self.dev)

    # What a store does not have -----------------------------------------------------------------------------------

    def stat_folder(self, folder: bytes) -> Entry | None:
        """Return the entry of the root. Other folders have nothing that could be kept or restored."""
        return None if folder else Entry(b"", 0, 0, 0, self.identity[1], _FOLDER_MODE, 2, self.dev)

    def readlink(self, _folder: bytes, name: bytes) -> bytes:
        raise failed(errno.EINVAL, name)

    def follow_symlink(self, _folder: bytes, _name: bytes) -> Entry | None:
        return None

    def is_case_insensitive(self) -> bool:
        return False

    def actual_folder(self, folder: bytes, known: dict[bytes, bytes]) -> bytes:  # noqa: ARG002  nothing to look up
        return folder

    def has_stable_inodes(self, _folder: bytes) -> bool:
        return True

    def reuses_inodes(self, _folder: bytes) -> bool:
        return False

    def born_ns(self, _folder: bytes, _name: bytes) -> None:
        return None

    def is_network(self, _folder: bytes) -> bool:
        """Return False: the client repeats requests itself."""
        return False

    def is_flagged(self, _folder: bytes) -> bool:
        return False

    def held(self, _folder: bytes, _name: bytes) -> contextlib.AbstractContextManager[Readiness]:
        """Yield that no one writes: an object is there as a whole, or not yet."""
        from fileorg.storage.local.readiness import FREE

        return contextlib.nullcontext(FREE)

    def set_folder_times(self, folder: bytes, mtime_ns: int) -> None:
        pass

    def forget(self, _folder: bytes) -> None:
        pass

    def sync(self) -> None:
        """Return at once: what a store has confirmed is kept."""

    def close(self) -> None:
        self.known.close()
        self.client.close()


class ObjectReader(io.RawIOBase):
    """An object that is read in ranges, as long as it has its ETag."""

    def __init__(self, client: ObjectClient, key: bytes, size: int, etag: str) -> None:
        super().__init__()
        self._read: Callable[[int, int], bytes] = lambda start, stop: client.read(key, start, stop, etag=etag)
        self._size = size
        self._position = 0
        self._start, self._chunk = 0, b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._position = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what `RawIOBase.read` passes
        wanted = min(len(buffer), self._size - self._position)
        if wanted <= 0:
            return 0
        if not self._start <= self._position < self._start + len(self._chunk):
            stop = min(self._size, self._position + max(wanted, min(_CHUNK_BYTES, wanted * 4)))
            self._start, self._chunk = self._position, self._read(self._position, stop)
            if len(self._chunk) != stop - self._position:  # a shorter one would look like the end of the object
                self._chunk = b""
                raise StoreError(StoreCode.INCOMPLETE)
        at = self._position - self._start
        part = self._chunk[at : at + wanted]
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)


def _known(path: bytes, there: StoredObject) -> KnownKey:
    return KnownKey(path, there.size, there.mtime_ns, there.etag, there.storage_class)


def _number(name: bytes) -> int:
    """Return a number of 62 bits that stands for a name."""
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest()) >> 2


def _stat_result(entry: Entry) -> os.stat_result:
    seconds = entry.mtime_ns // 10**9
    times = {"st_mtime_ns": entry.mtime_ns, "st_ctime_ns": entry.ctime_ns}
    return os.stat_result((entry.mode, entry.inode, entry.dev, 1, 0, 0, entry.size, 0, seconds, seconds), times)
