"""What a storage can do: a small interface with declared capabilities. "Cannot" is a value, no surprise."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fileorg.core.model import Entry, Listing

BATCH_ENTRIES = 4096
"""How many entries of one folder are listed at a time: bounds the memory, whatever the folder holds."""


class Kind(Enum):
    """By what means a storage is changed: what an action does there, and what a crash of it leaves, depends on it."""

    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the storage answers for; callers look here first.

    Where one of them is false, a method that needs it raises `OSError` (ENOTSUP) and changes nothing.
    """

    renames: bool  # a rename is one step; otherwise it is a copy and a removal
    hard_links: bool
    symlinks: bool
    stable_inodes: bool  # an inode number still names the same file tomorrow; otherwise it is 0, or only for now
    empty_folders: bool  # a folder without files exists
    any_bytes: bool  # names need not be UTF-8; otherwise EILSEQ
    name_limit: int  # bytes


class Storage(Protocol):
    """A tree of files under one root.

    Paths are `(folder, name)`: the root-relative folder (`b""` is the root) and one name in it. What is no
    such path (`..`, an empty component, a slash in a name, NUL) is refused with EINVAL.

    All methods raise `OSError` with a meaningful `errno`; `FileExistsError` says that a target is taken.
    No method follows a symlink below the root, and none ever replaces an existing file.
    """

    @property
    def kind(self) -> Kind: ...

    @property
    def root(self) -> bytes:
        """Where the tree is: an absolute path."""
        ...

    @property
    def capabilities(self) -> Capabilities: ...

    def list_folder(self, folder: bytes) -> Iterator[Listing]:
        """The entries of one folder, at most `BATCH_ENTRIES` at a time; an empty folder is one empty batch.

        Raises `OSError` when it is iterated: at once if the folder cannot be read, after the last batch if
        single entries could not be looked at. Entries that vanish meanwhile are left out.
        """
        ...

    def lstat(self, folder: bytes, name: bytes) -> Entry | None:
        """What `name` is, or None where there is nothing (also where `folder` is missing)."""
        ...

    def stat_folder(self, folder: bytes) -> Entry | None:
        """What the folder itself is, or None where there is none. Its name is the whole of `folder`."""
        ...

    def open_read(self, folder: bytes, name: bytes) -> BinaryIO:
        """The content of a regular file, unbuffered: a `read` may return less than asked for."""
        ...

    def rename_noreplace(
        self, folder: bytes, name: bytes, target: Self, target_folder: bytes, target_name: bytes
    ) -> None:
        """Give the file another name, in `target`. `FileExistsError` if it is taken; EXDEV across devices."""
        ...

    def copy_noreplace(
        self, folder: bytes, name: bytes, target: Self, target_folder: bytes, target_name: bytes
    ) -> Entry:
        """Copy content and metadata; what was made. `FileExistsError` if the name is taken.

        There is never a torn file of that name; ESTALE if the source changed meanwhile.
        """
        ...

    def hardlink(self, folder: bytes, name: bytes, target: Self, target_folder: bytes, target_name: bytes) -> None:
        """A second name for the same file. `FileExistsError` if it is taken; EXDEV across devices."""
        ...

    def symlink(self, content: bytes, folder: bytes, name: bytes) -> None:
        """A symlink that says `content`. `FileExistsError` if the name is taken."""
        ...

    def remove(self, folder: bytes, name: bytes) -> None:
        """Remove one file or symlink; EISDIR for a folder."""
        ...

    def make_folder(self, folder: bytes, name: bytes, mode: int = 0o777) -> None:
        """Make one folder. `FileExistsError` if there is anything of that name.

        A mode with the bits of its type (as `lstat` gives it) is set exactly, any other through the umask.
        """
        ...

    def remove_folder(self, folder: bytes, name: bytes) -> None:
        """Remove one empty folder; ENOTEMPTY if it is not, ENOTDIR for a file."""
        ...

    def sync(self) -> None:
        """Return when everything done so far survives a power cut."""
        ...

    def close(self) -> None: ...
