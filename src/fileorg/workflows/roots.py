"""Opens, identifies and locks the directories that a command works in, also those of an earlier operation."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from fileorg.core.errors import ErrorCode, GuardRefused, UsageError
from fileorg.core.locks import root_locks
from fileorg.core.model import DEST
from fileorg.core.names import display, is_within, real_path, scheme_of
from fileorg.core.trusted import path_of
from fileorg.core.tuples import NamedTuple
from fileorg.storage.base import Kind
from fileorg.storage.local import posix
from fileorg.storage.local.absent import AbsentStorage
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.guards import changeable_folder, existing_folder, refuse_system

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from fileorg.core.confinement import AllowedFolder
    from fileorg.core.events import Reporter
    from fileorg.core.state import StateDirectory
    from fileorg.journal.journal import Journal
    from fileorg.journal.rows import Operation, Root
    from fileorg.storage.local.mounts import Mounts
    from fileorg.workflows.guards import Allowed


def allowed_folder(root: bytes) -> tuple[AllowedFolder, int]:
    """Return the directory at a real path as one that may be used, and its descriptor: no other directory gets its
    number as long as that is open. Raises `OSError`.
    """
    from fileorg.core.confinement import AllowedFolder  # only servers need it

    fd = posix.open_root(root)
    seen = os.fstat(fd)
    return AllowedFolder(root, seen.st_dev, seen.st_ino), fd


def open_local(stack: contextlib.ExitStack, root: bytes, *, one_file_system: bool = False) -> LocalStorage:
    """Return the storage of a directory at the real path that the guards have checked; `stack` closes it.

    Raises `GuardRefused` if a symlink leads elsewhere by now, `OSError`.
    """
    storage = stack.enter_context(contextlib.closing(LocalStorage(root, cross_mounts=not one_file_system)))
    if storage.root != root:
        raise GuardRefused(
            f"Another program has just replaced {display(root)} by a symlink.",
            hint="check who else can write to the folder above it",
        )
    return storage


def open_root(stack: contextlib.ExitStack, root: bytes, *, one_file_system: bool = False) -> LocalStorage:
    """Return the storage of a directory, as `open_local` does, or of the URL of a store.

    Raises `GuardRefused`, `UsageError`, `OSError`.
    """
    if not scheme_of(root):
        return open_local(stack, root, one_file_system=one_file_system)
    from fileorg.workflows.stores import open_store

    return open_store(stack, root)


def locked(
    storages: Iterable[LocalStorage], alone: Callable[[], None] = lambda: None
) -> contextlib.AbstractContextManager[list[int]]:
    """Lock the directories of `storages` against other runs. `alone` is called if one of them has no locks.

    No lock spans machines: in stores, the preconditions of each request protect. Raises `Locked`, `TooManyOpen`.
    """
    storages = list(storages)
    if any(each.kind is not Kind.LOCAL for each in storages):
        alone()
    return root_locks({each.root: each.fd(b"") for each in storages if each.kind is Kind.LOCAL}, alone)


def identity_of(path: bytes) -> tuple[int, int]:
    """Return the device and inode numbers of `path`, and for a URL numbers that stand for it. Raises `OSError`."""
    if scheme_of(path):
        return url_identity(path)
    seen = os.stat(path)
    return seen.st_dev, seen.st_ino


def url_identity(url: bytes) -> tuple[int, int]:
    """Return two numbers that stand for a URL; no folder has them."""
    import hashlib

    return -1, int.from_bytes(hashlib.blake2b(url, digest_size=8).digest())


def readable_root(path: bytes) -> bytes:
    """Return the real path of a readable folder, or the URL of a root in a store. Raises `UsageError`."""
    if not scheme_of(path):
        return existing_folder(path)
    from fileorg.workflows.stores import store_root

    return store_root(path)


def nothing_in(storage: LocalStorage) -> UsageError | None:
    """Return the error for a folder of a store in which there is nothing; None for any other."""
    if storage.kind is Kind.LOCAL:
        return None
    from fileorg.workflows import stores

    return stores.nothing_in(storage)


def refuse_second_names(storages: Iterable[LocalStorage]) -> None:
    """Raise `UsageError` if two of the stores among the storages are one place of a bucket."""
    if stores := [storage for storage in storages if storage.kind is not Kind.LOCAL]:
        from fileorg.workflows.stores import refuse_second_names

        refuse_second_names(stores)


def readable_storage(stack: contextlib.ExitStack, root: bytes, *, one_file_system: bool = False) -> LocalStorage:
    """Return a storage as `open_root` does. Raises also `UsageError` if there is nothing in a folder of a store."""
    storage = open_root(stack, root, one_file_system=one_file_system)
    if (error := nothing_in(storage)) is not None:
        raise error
    return storage


def note_nothing(storages: Iterable[LocalStorage], reporter: Reporter) -> None:
    """Say of each folder of a store if there is nothing in it: an earlier run may have taken all of it."""
    for storage in storages:
        if (error := nothing_in(storage)) is not None:
            reporter.note(str(error))


def changeable_root(path: bytes, state: StateDirectory, allowed: Allowed) -> bytes:
    """Return the real path of a folder that the guards allow, or the URL of a root in a store."""
    if not scheme_of(path):
        return changeable_folder(path, state, allowed)
    from fileorg.workflows.stores import check_changeable, store_root

    root = store_root(path)
    check_changeable(root)
    return root


def distinct_folders(paths: Sequence[bytes]) -> list[bytes]:
    """Return the paths in their order, without paths within another and without second paths of the same folder, so
    that nothing is counted twice. Raises `OSError`.
    """
    outer = [path for path in paths if not any(path != other and is_within(path, other) for other in paths)]
    return list({identity_of(path): path for path in reversed(outer)}.values())[::-1]


def separate_folders(paths: Sequence[bytes], reporter: Reporter) -> list[bytes]:
    """Return the paths in their order; a second path of a folder is left out, with a note.

    Raises `UsageError` if one is inside another.
    """
    found: dict[tuple[int, int], bytes] = {}
    for path in paths:
        if (identity := identity_of(path)) in found:
            reporter.note(f"{display(path)} was given twice.")
        found.setdefault(identity, path)
    for path in found.values():
        outer = next((other for other in found.values() if other != path and is_within(path, other)), None)
        if outer is not None:
            raise UsageError(
                f"{display(path)} is inside {display(outer)}.",
                hint="give one of them, or run the command for one after the other",
                code=ErrorCode.OVERLAPPING,
                path=path,
            )
    return list(found.values())


def met_twice(mounts: Mounts, trees: Sequence[bytes]) -> Iterator[frozenset[bytes]]:
    """Yield for each tree the relative paths of folders not to enter, because their files are also reached by another
    path, in this tree or in another.
    """
    twice = mounts.twice(trees)
    for tree in trees:
        above = tree.rstrip(b"/") + b"/"
        yield frozenset(path[len(above) :] for path in twice if path.startswith(above))


class Reopened(NamedTuple):
    """The directories of an operation, by `Base`, and the descriptors of their locks."""

    storages: list[LocalStorage]
    locks: list[int]


@contextlib.contextmanager
def reopened(
    roots: Sequence[Root],
    state: StateDirectory,
    absent: Collection[bytes] = (),
    *,
    lock: bool = True,
    alone: Callable[[], None] = lambda: None,
) -> Iterator[Reopened]:
    """Open, check and `lock` the directories of an earlier operation; a directory with two bases is opened once.
    `alone` is called if one of them has no locks.

    `absent` directories are replaced by storages that allow no changes. Paths in `roots` had no symlinks originally.

    Raises `GuardRefused`, `Locked`, `OSError`.
    """
    real = {root.path: real_path(root.path) for root in roots}
    for path, is_now in real.items():
        if not scheme_of(path):
            refuse_system(is_now, display(path), state)
    there = list(dict.fromkeys(root.path for root in roots if root.path not in absent))
    with contextlib.ExitStack() as stack:
        opened = {path: open_root(stack, real[path]) for path in there}
        inodes = {root.path: root.inode or 0 for root in reversed(roots)}
        for path, storage in opened.items():
            if real[path] != path:
                _refuse_another(path, inodes[path], storage)
        for storage in opened.values():
            if storage.kind is Kind.LOCAL:
                refuse_system(path_of(storage.fd(b""), storage.root), display(storage.root), state)
        locks = stack.enter_context(locked(opened.values(), alone)) if lock else []
        opened |= {path: AbsentStorage(path, inodes[path]) for path in absent}
        yield Reopened([opened[root.path] for root in roots], locks)


def _refuse_another(path: bytes, inode: int, storage: LocalStorage) -> None:
    """Raise `GuardRefused` for a folder behind a new symlink, unless a stable inode number shows that it is the same
    folder in another place.
    """
    if storage.identity[1] != inode or not storage.capabilities.stable_inodes:
        raise GuardRefused(
            f"A symlink now leads from {display(path)} to {display(storage.root)}, which may be a different folder.",
            hint="move the folder back to its old place",
        )


def another_root(storages: Sequence[LocalStorage], roots: Sequence[Root]) -> Root | None:
    """Return the first root that is no longer the folder of the operation, judged by its inode number. Without stable
    inode numbers, only its files can show that.
    """
    for storage, root in zip(storages, roots, strict=True):
        if root.inode is not None and storage.identity[1] != root.inode and storage.capabilities.stable_inodes:
            return root
    return None


def check_services(journal: Journal, operation: Operation, storages: Sequence[LocalStorage]) -> None:
    """Raise `UsageError` if a URL of an operation leads to another service now; for folders, do nothing."""
    if any(storage.kind is not Kind.LOCAL for storage in storages):
        from fileorg.workflows import store_services

        store_services.check_services(journal, operation, storages)


def uncertain_roots(storages: Sequence[LocalStorage], roots: Sequence[Root]) -> dict[LocalStorage, Root]:
    """Return the roots whose inode number does not show whether they are folders of the operation."""
    pairs = zip(storages, roots, strict=True)
    return {storage: root for storage, root in pairs if not storage.capabilities.stable_inodes}


def births_of(storages: Sequence[LocalStorage]) -> list[list[int] | None]:
    """Return the inode number of each directory and when it was made; None where that is unknown."""
    return [_birth(storage) for storage in storages]


def reborn_root(storages: Sequence[LocalStorage], roots: Sequence[Root], births: object) -> Root | None:
    """Return the first root that was made at another time than the folder of the operation, which kept `births`: on
    another disk, a folder can have the same inode number.
    """
    if not isinstance(births, list):
        return None
    for storage, root, birth in zip(storages, roots, births, strict=False):
        now = _birth(storage) if isinstance(birth, list) and storage.capabilities.stable_inodes else None
        if now is not None and [root.inode] == now[:1] == birth[:1] and now != birth:
            return root
    return None


def _birth(storage: LocalStorage) -> list[int] | None:
    if storage.kind is not Kind.LOCAL:
        return None
    try:
        born_ns = posix.born_ns(storage.fd(b""), b".")
    except OSError:  # it is absent
        return None
    return None if born_ns is None else [storage.identity[1], born_ns]


def absent_roots(roots: Sequence[Root]) -> set[bytes]:
    """Return the roots that are missing or replaced, if others remain: an operation in several roots is undone where
    possible. Empty for an operation in one root, or if none remains.
    """
    if len(roots) <= DEST + 1:
        return set()
    absent = {root.path for root in roots if not is_there(root)}
    return absent if absent != {root.path for root in roots} else set()


def is_there(root: Root) -> bool:
    """Return whether a directory of an operation still has its path. Without stable inode numbers, any directory there
    counts. Raises `OSError`.
    """
    if scheme_of(root.path):
        return True
    if not os.path.isdir(root.path):
        return False
    if root.inode is None or identity_of(root.path)[1] == root.inode:
        return True
    with contextlib.closing(LocalStorage(root.path)) as storage:
        return not storage.capabilities.stable_inodes


class AnotherRoot(UsageError):
    """Raised for a folder that is not the one that an operation worked in, or if not `is_certain`, may not be."""

    code = ErrorCode.ANOTHER_FOLDER

    def __init__(self, root: Root, *, is_certain: bool = True, hint: str | None = None) -> None:
        but = "is not" if is_certain else "has none of the operation's files as they were, so it may not be"
        super().__init__(
            f"{display(root.path)} {but} the same folder as before (is its disk mounted?).", hint=hint, path=root.path
        )
