"""Any fsspec file system, opened from a URL. It is changed only where it refuses a taken name by itself."""

from __future__ import annotations

import errno
import os
import stat
import threading
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, cast

import fsspec

from fileorg.core.errors import UsageError
from fileorg.core.model import Entry, Listing
from fileorg.core.names import display, join, split
from fileorg.storage.base import BATCH_ENTRIES, Capabilities
from fileorg.storage.paths import check_folder, check_name, failed
from fileorg.storage.remote.io import RangeReader, ns_of, os_errors

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where `pipe_file(mode="create")` was shown to refuse a taken name (tests/storage/test_memory.py). Elsewhere
# nothing is changed: fsspec's `mv` and `cp_file` overwrite, and so does an empty `open("xb")`.
_REFUSES_TAKEN = frozenset({"memory"})
# Where a folder without files exists; object stores only have keys.
_HAS_FOLDERS = frozenset({"memory", "sftp", "ssh", "smb", "ftp", "webdav"})
_MTIME_KEYS = ("mtime", "LastModified", "last_modified", "updated", "modified")


class RemoteStorage:
    """A tree under a URL such as `memory://bucket/folder`.

    There is no inode, and a copy has a time of its own: files are told by size, mtime and digest.
    """

    # A name is looked for and taken in two steps by file systems that live in this process.
    _creating: ClassVar = threading.Lock()

    def __init__(self, url: str) -> None:
        """Raises `UsageError` for a scheme that fsspec cannot open, `OSError` where it does not answer."""
        scheme, _, rest = url.partition("://")
        self._fs, top = _open(scheme, url)
        self._top = top.rstrip("/")
        self.root = os.fsencode(f"{scheme}://{rest.rstrip('/')}")
        self.capabilities = Capabilities(
            renames=False,
            hard_links=False,
            symlinks=False,
            stable_inodes=False,
            empty_folders=scheme in _HAS_FOLDERS,
            any_bytes=False,
            name_limit=255,
            changes=scheme in _REFUSES_TAKEN,
        )

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        key = self._folder_key(folder)
        with os_errors(folder):
            found = self._fs.ls(key, detail=True)
        if len(found) == 1 and found[0]["name"] == key and found[0]["type"] == "file":
            raise failed(errno.ENOTDIR, folder)
        failure: OSError | None = None
        for start in range(0, len(found) or 1, BATCH_ENTRIES):
            listing = Listing(folder, [], [], [])
            for info in found[start : start + BATCH_ENTRIES]:
                try:
                    entry = self._listed(folder, key, info)
                except FileNotFoundError:  # gone since it was listed
                    continue
                except OSError as error:
                    failure = failure or error
                    continue
                rest = listing.folders if entry.is_folder else listing.others
                (listing.files if entry.is_file else rest).append(entry)
            yield listing
        if failure is not None:
            raise failure

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        return self._look(name, self._key(folder, name))

    def stat_folder(self, folder: bytes) -> Entry | None:
        seen = self._look(folder, self._folder_key(folder))
        return seen if seen is not None and seen.is_folder else None

    def open_read(self, folder: bytes, name: bytes) -> BinaryIO:
        seen = self._file(folder, name)
        return cast("BinaryIO", RangeReader(self._fs, self._key(folder, name), seen.size))

    def rename_noreplace(
        self, folder: bytes, name: bytes, target: RemoteStorage, target_folder: bytes, target_name: bytes
    ) -> None:
        """As the protocol says, by a copy and a removal. ESTALE, and no copy, if the source changed."""
        self._may_change(folder, name)
        before = self._file(folder, name)
        self.copy_noreplace(folder, name, target, target_folder, target_name)
        try:
            self._unchanged(folder, before)
            self.remove(folder, name)
        except FileNotFoundError:  # someone else removed it just now: the copy is all there is
            return
        except OSError:
            target.remove(target_folder, target_name)
            raise

    def copy_noreplace(
        self, folder: bytes, name: bytes, target: RemoteStorage, target_folder: bytes, target_name: bytes
    ) -> Entry:
        """As the protocol says; no metadata is kept but what the storage gives every file."""
        target._may_change(target_folder, target_name)
        before = self._file(folder, name)
        with os_errors(join(folder, name)):
            content = self._fs.cat_file(self._key(folder, name))
        self._unchanged(folder, before._replace(size=len(content)))  # all of it was read
        target._create(target_folder, target_name, content)
        made = target.lstat(target_folder, target_name)
        if made is None:
            raise failed(errno.ENOENT, join(target_folder, target_name))
        return made

    def hardlink(
        self, folder: bytes, name: bytes, target: RemoteStorage, target_folder: bytes, target_name: bytes
    ) -> None:
        del target
        raise failed(errno.ENOTSUP, join(folder, name), join(target_folder, target_name))

    def symlink(self, content: bytes, folder: bytes, name: bytes) -> None:
        raise failed(errno.ENOTSUP, content, join(folder, name))

    def remove(self, folder: bytes, name: bytes) -> None:
        self._may_change(folder, name)
        key = self._key(folder, name)
        seen = self._known(folder, name)
        if seen.is_folder:
            raise failed(errno.EISDIR, join(folder, name))
        with os_errors(join(folder, name)):
            self._fs.rm_file(key)

    def make_folder(self, folder: bytes, name: bytes, mode: int = 0o777) -> None:
        del mode  # folders have none here
        self._may_change(folder, name)
        if not self.capabilities.empty_folders:
            raise failed(errno.ENOTSUP, join(folder, name))
        key = self._key(folder, name)
        with self._creating:
            if folder and not self._known(*split(folder)).is_folder:
                raise failed(errno.ENOTDIR, folder)
            if self.lstat(folder, name) is not None:
                raise failed(errno.EEXIST, join(folder, name))
            with os_errors(join(folder, name)):
                self._fs.mkdir(key, create_parents=False)

    def remove_folder(self, folder: bytes, name: bytes) -> None:
        self._may_change(folder, name)
        key = self._key(folder, name)
        with self._creating:
            if not self._known(folder, name).is_folder:
                raise failed(errno.ENOTDIR, join(folder, name))
            with os_errors(join(folder, name)):
                if self._fs.ls(key, detail=False):
                    raise failed(errno.ENOTEMPTY, join(folder, name))
                self._fs.rmdir(key)

    def sync(self) -> None:
        """Nothing to do: a remote storage answers when it has stored, and memory survives no power cut."""

    def close(self) -> None:
        """Nothing to do: fsspec shares its instances."""

    def _folder_key(self, folder: bytes) -> str:
        check_folder(folder)
        return f"{self._top}/{_text(folder)}" if folder else self._top

    def _key(self, folder: bytes, name: bytes) -> str:
        check_name(name)
        return f"{self._folder_key(folder)}/{_text(name)}"

    def _look(self, name: bytes, key: str) -> Entry | None:
        try:
            with os_errors(os.fsencode(key)):
                return self._entry(name, self._fs.info(key))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _listed(self, folder: bytes, key: str, info: dict[str, Any]) -> Entry:
        """One row of `ls`. EINVAL for a key that is no path: `..`, `.` and `a//b` are legal keys."""
        name = info["name"].removeprefix(f"{key}/")
        if info["type"] == "directory":  # some file systems end it so
            name = name.removesuffix("/")
        try:
            encoded = name.encode()
        except UnicodeEncodeError:
            raise failed(errno.EILSEQ, join(folder, name.encode(errors="backslashreplace"))) from None
        check_name(encoded)
        with os_errors(join(folder, encoded)):
            return self._entry(encoded, info)

    def _entry(self, name: bytes, info: dict[str, Any]) -> Entry:
        match info["type"]:
            case "file":
                mode = stat.S_IFREG | 0o644
            case "directory":
                mode = stat.S_IFDIR | 0o755
            case _:
                mode = stat.S_IFLNK | 0o777
        mtime_ns = self._mtime_ns(info)
        return Entry(name, info.get("size") or 0, mtime_ns, mtime_ns, inode=0, mode=mode, nlink=1, dev=0)

    def _mtime_ns(self, info: dict[str, Any]) -> int:
        """Where a listing tells only when a file was made, ask for its last change. 0 where it is unknown."""
        for key in _MTIME_KEYS:
            if info.get(key) is not None:
                return ns_of(info[key])
        if info["type"] != "file" or info.get("created") is None:
            return 0
        try:
            return ns_of(self._fs.modified(info["name"]))
        except NotImplementedError:
            return ns_of(info["created"])

    def _known(self, folder: bytes, name: bytes) -> Entry:
        seen = self.lstat(folder, name)
        if seen is None:
            raise failed(errno.ENOENT, join(folder, name))
        return seen

    def _file(self, folder: bytes, name: bytes) -> Entry:
        seen = self._known(folder, name)
        if not seen.is_file:
            raise OSError(errno.EINVAL, "not a regular file", os.fsdecode(join(folder, name)))
        return seen

    def _unchanged(self, folder: bytes, before: Entry) -> None:
        if self._known(folder, before.name) != before:
            path = os.fsdecode(join(folder, before.name))
            raise OSError(errno.ESTALE, "it changed while it was copied", path)

    def _create(self, folder: bytes, name: bytes, content: bytes) -> None:
        key = self._key(folder, name)
        with self._creating:
            try:
                with os_errors(join(folder, name)):
                    self._fs.pipe_file(key, content, mode="create")
            except FileExistsError:
                # Also said of a folder on the way that is a file: no other name would help there.
                if self.lstat(folder, name) is None:
                    raise failed(errno.ENOTDIR, join(folder, name)) from None
                raise

    def _may_change(self, folder: bytes, name: bytes) -> None:
        if not self.capabilities.changes:
            reason = "this storage is only read: it could overwrite"
            raise OSError(errno.ENOTSUP, reason, os.fsdecode(join(folder, name)))


def _open(scheme: str, url: str) -> tuple[Any, str]:
    shown = display(scheme)
    if "::" in url:  # fsspec would open a chain of file systems: caches and archives
        raise UsageError("the URL names more than one storage", hint="give one without `::`")
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        message = f"{shown}:// needs a package that is not installed"
        raise UsageError(message, hint=display(str(error))) from error
    except ValueError as error:
        hint = "use a path, or a URL such as s3://bucket/folder"
        raise UsageError(f"{shown}:// is no storage that fileorg knows", hint=hint) from error
    with os_errors(os.fsencode(url)):
        # What another program stored meanwhile is to be seen.
        fs, top = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return fs, top


def _text(path: bytes) -> str:
    try:
        return path.decode()
    except UnicodeDecodeError:
        raise failed(errno.EILSEQ, path) from None
