"""What a storage can do: a small interface with declared capabilities. "Cannot" is a value, not a surprise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol, Self

from fileorg.model import Entry, Listing

BATCH_ENTRIES = 4096
"""How many entries of one folder are listed at a time: bounds the memory, whatever the folder holds."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the storage answers for. Where one is false, its method raises `NotImplementedError`-free `OSError`
    with `ENOTSUP`; callers look here first.
    """

    renames: bool  # a rename is one step; otherwise it is a copy and a removal
    hard_links: bool
    symlinks: bool
    stable_inodes: bool  # an inode number still names the same file tomorrow
    empty_folders: bool  # a folder without files exists
    any_bytes: bool  # names need not be UTF-8
    name_limit: int  # bytes


class Storage(Protocol):
    """A tree of files under one root. Paths are `(folder, name)`: the root-relative folder (`b""` is the root), one name.

    All methods raise `OSError` with a meaningful `errno`; `FileExistsError` says that a target is taken.
    No method follows a symlink below the root, and none ever replaces an existing file.
    """

    @property
    def root(self) -> bytes:
        """Where the tree is, as the user knows it: an absolute path, or a URL."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        """The entries of one folder, at most `BATCH_ENTRIES` at a time. Raises `OSError` if it cannot be read."""
        ...

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        """What `name` is, or None where there is nothing (also where `folder` is missing)."""
        ...

    def open_read(self, folder: bytes, name: bytes) -> BinaryIO:
        """The content of a regular file."""
        ...

    def rename_noreplace(
        self, folder: bytes, name: bytes, target: Self, target_folder: bytes, target_name: bytes
    ) -> None:
        """Give the file another name, in `target`. `FileExistsError` if that is taken; EXDEV across devices."""
        ...

    def copy_noreplace(
        self, folder: bytes, name: bytes, target: Self, target_folder: bytes, target_name: bytes
    ) -> Entry:
        """Copy content and metadata; what was made. `FileExistsError` if the name is taken; never a torn file there."""
        ...

    def remove(self, folder: bytes, name: bytes) -> None:
        """Remove one file or symlink."""
        ...

    def make_folder(self, folder: bytes, name: bytes, mode: int = 0o777) -> None:
        """Make one folder. `FileExistsError` if there is anything of that name."""
        ...

    def remove_folder(self, folder: bytes, name: bytes) -> None:
        """Remove one empty folder; ENOTEMPTY if it is not."""
        ...

    def sync(self) -> None:
        """Return when everything done so far survives a power cut."""
        ...

    def close(self) -> None: ...
