"""What is asked of every storage, and what each says of itself. How it is changed is between a kind and its actions."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.model import Entry, Listing

BATCH_ENTRIES = 4096
"""How many entries of one folder are listed at a time: bounds the memory, whatever the folder holds."""


class Kind(Enum):
    """By what means a storage is changed: what an action does there, and what a crash of it leaves, depends on it."""

    LOCAL = "local"


class Capabilities(NamedTuple):
    """What is possible in a storage, and what is cheap; callers look here first."""

    empty_folders: bool  # a folder without files exists; otherwise there is none to be made or removed
    stable_inodes: bool  # an inode number still names the same file tomorrow; otherwise only for now
    renames: bool  # a rename takes no longer for a large file; otherwise its content is copied
    name_limit: int  # bytes


class Storage(Protocol):
    """A tree of files under one root.

    Paths are `(folder, name)`: the root-relative folder (`b""` is the root) and one name in it. What is no
    such path (`..`, an empty component, a slash in a name, NUL) is refused with EINVAL.

    All methods raise `OSError` with a meaningful `errno`. None follows a symlink below the root, but for `follow`.
    """

    @property
    def kind(self) -> Kind: ...

    @property
    def root(self) -> bytes:
        """Where the tree is: an absolute path."""
        ...

    @property
    def identity(self) -> tuple[int, int]:
        """(dev, inode) of the root: what it is, whatever leads there."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        """The entries of one folder, at most `BATCH_ENTRIES` at a time; an empty folder is one empty batch.

        Raises `OSError` when it is iterated: at once if the folder cannot be read, after the last batch if
        single entries could not be looked at. Entries that vanish meanwhile are left out.
        """
        ...

    def name_parts(self, folder: bytes) -> Iterator[list[bytes]]:
        """All names in a folder, in parts of bounded size, in a fraction of the time: nothing is looked at.

        Raises `OSError` when it is iterated.
        """
        ...

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        """What `name` is, or None where there is nothing (also where `folder` is missing)."""
        ...

    def stat_folder(self, folder: bytes) -> Entry | None:
        """What the folder itself is, or None where there is none. Its name is the whole of `folder`, and its mtime
        exact, even if that takes more than 64 bits.

        Raises `OSError` also where it may not be used.
        """
        ...

    def open_read(self, folder: bytes, name: bytes) -> BinaryIO:
        """The content of a regular file, unbuffered: a `read` may return less than asked for."""
        ...

    def readlink(self, folder: bytes, name: bytes) -> bytes:
        """What a symlink says."""
        ...

    def follow(self, folder: bytes, name: bytes) -> Entry | None:
        """What a symlink leads to, None where it leads nowhere, or in a circle.

        A disk that is not mounted is not there. Raises `OSError` where it cannot be told, as behind a closed folder.
        """
        ...

    def is_case_insensitive(self) -> bool:
        """Whether `a` and `A` are one name, as far as the entries of the root can tell."""
        ...

    def spelled(self, folder: bytes, known: dict[bytes, bytes]) -> bytes:
        """The folder as it is listed, as far as it is there. `known` remembers what was asked before."""
        ...

    def set_folder_times(self, folder: bytes, mtime_ns: int) -> None:
        """Give the folder the time of its last change back; its access time stays."""
        ...

    def sync(self) -> None:
        """Return when everything done so far survives a power cut."""
        ...

    def close(self) -> None: ...
