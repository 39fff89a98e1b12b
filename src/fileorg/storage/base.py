"""The protocol of all storages, and their capabilities. Changes are a matter of each kind and its actions."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, BinaryIO, Protocol

from fileorg.core.tuples import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.model import Entry, Listing

BATCH_ENTRIES = 4096
"""Maximum number of entries in one listing: bounds the memory for folders of any size."""


class Kind(Enum):
    """The kind of a storage: it determines how an action works there and what a crash leaves behind."""

    LOCAL = "local"
    OBJECT = "object"


class Capabilities(NamedTuple):
    """Features of a storage and cost of operations; callers check them first."""

    empty_folders: bool  # empty folders exist, and can be made and removed
    stable_inodes: bool  # inode numbers identify files permanently
    renames: bool  # a rename does not copy the content
    name_limit: int  # bytes

    def takes_name(self, there: Entry) -> bool:
        """Return whether no file can get the name of what is there: an object can have that of a prefix."""
        return self.empty_folders or not there.is_folder


class Storage(Protocol):
    """A tree of files under one root.

    Paths are `(folder, name)`: the root-relative folder (`b""` is the root) and one name in it. Invalid paths (`..`, an
    empty component, a slash in a name, NUL) are refused with EINVAL.

    All methods raise `OSError` with a meaningful `errno`. Only `follow_symlink` follows a symlink below the root.
    """

    @property
    def kind(self) -> Kind: ...

    @property
    def root(self) -> bytes:
        """The absolute path of the tree."""
        ...

    @property
    def identity(self) -> tuple[int, int]:
        """(dev, inode) of the root: its identity under any path."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        """Yield the entries of one folder, at most `BATCH_ENTRIES` at a time; for an empty folder, one empty batch.

        Raises `OSError` during iteration: at once if the folder cannot be read, after the last batch if entries could
        not be read by `lstat`. Entries that vanish meanwhile are omitted.
        """
        ...

    def name_parts(self, folder: bytes) -> Iterator[list[bytes]]:
        """Yield all names in a folder, in parts of bounded size; much faster than `list_folder`, because no entry is
        read.

        Raises `OSError` during iteration.
        """
        ...

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        """Return the entry of `name`, None if nothing exists there (or `folder` is missing)."""
        ...

    def stat_folder(self, folder: bytes) -> Entry | None:
        """Return the entry of the folder itself, None if it is missing. Its name is the whole of `folder`, and its
        mtime exact, even beyond 64 bits.

        Raises `OSError`, also if the folder cannot be opened.
        """
        ...

    def open_read(self, folder: bytes, name: bytes) -> BinaryIO:
        """Open a regular file, unbuffered: a `read` may return less than requested."""
        ...

    def readlink(self, folder: bytes, name: bytes) -> bytes:
        """Return the target of a symlink, unresolved."""
        ...

    def follow_symlink(self, folder: bytes, name: bytes) -> Entry | None:
        """Return the entry that a symlink leads to, None if it is broken or circular.

        An unmounted disk counts as missing. Raises `OSError` where access is denied, such as behind a folder without
        search permission.
        """
        ...

    def is_case_insensitive(self) -> bool:
        """Return whether `a` and `A` are one name, as far as the entries of the root can tell."""
        ...

    def actual_folder(self, folder: bytes, known: dict[bytes, bytes]) -> bytes:
        """Return the folder in the spelling of its listing, as far as it exists, and for a symlink to another folder of
        the tree that folder. `known` caches answers.
        """
        ...

    def set_folder_times(self, folder: bytes, mtime_ns: int) -> None:
        """Restore the folder's mtime; its atime stays."""
        ...

    def sync(self) -> None:
        """Return when everything done so far survives a power cut."""
        ...

    def close(self) -> None: ...
