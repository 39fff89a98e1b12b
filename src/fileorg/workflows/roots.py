"""The directories that a command works in: opened, told apart, and opened again for an operation that was."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from fileorg.core.errors import GuardRefused, UsageError
from fileorg.core.model import DEST
from fileorg.core.names import display, is_within
from fileorg.core.state import root_locks
from fileorg.core.trusted import path_of
from fileorg.storage.local.absent import AbsentStorage
from fileorg.storage.local.storage import LocalStorage
from fileorg.workflows.guards import refuse_system

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from fileorg.core.state import StateDirectory
    from fileorg.journal.rows import Root
    from fileorg.storage.local.mounts import Mounts


def open_local(stack: contextlib.ExitStack, root: bytes, *, one_file_system: bool = False) -> LocalStorage:
    """Return the storage of a directory by its real path, as the guards judged it, closed with `stack`.

    Raises `GuardRefused` if a symlink leads elsewhere by now, `OSError`.
    """
    storage = stack.enter_context(contextlib.closing(LocalStorage(root, cross_mounts=not one_file_system)))
    if storage.root != root:
        raise GuardRefused(
            f"{display(root)} was replaced by a symlink just now.", hint="see who else may write to the folder above it"
        )
    return storage


def locked(storages: Iterable[LocalStorage]) -> contextlib.AbstractContextManager[list[int]]:
    """Hold the directories of `storages` against every other run. Raises `Locked`, `TooManyOpen`."""
    return root_locks({storage.root: storage.fd(b"") for storage in storages})


def identity_of(path: bytes) -> tuple[int, int]:
    """Return device and inode number of what is there. Raises `OSError`."""
    seen = os.stat(path)
    return seen.st_dev, seen.st_ino


def distinct_folders(paths: Sequence[bytes]) -> list[bytes]:
    """Return real paths in their order, without those that lie in another of them, and of the paths of one folder the
    first: nothing is counted twice. Raises `OSError`.
    """
    outer = [path for path in paths if not any(path != other and is_within(path, other) for other in paths)]
    return list({identity_of(path): path for path in reversed(outer)}.values())[::-1]


def met_twice(mounts: Mounts, trees: Sequence[bytes]) -> Iterator[frozenset[bytes]]:
    """Yield for each tree the folders in it, by their paths there, that are not to be entered: their files are met by
    another path, there or in another tree.
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
def reopened(roots: Sequence[Root], state: StateDirectory, absent: Collection[bytes] = ()) -> Iterator[Reopened]:
    """Open, guard and lock the directories of an operation that was; one that stands for two bases is opened once.

    In place of the `absent` ones stand such as nothing can be done in. A path in `roots` had no symlink in it then.

    Raises `GuardRefused`, `Locked`, `OSError`.
    """
    real = {root.path: os.path.realpath(root.path) for root in roots}
    for path, is_now in real.items():
        refuse_system(is_now, display(path), state)
    there = list(dict.fromkeys(root.path for root in roots if root.path not in absent))
    with contextlib.ExitStack() as stack:
        opened = {path: open_local(stack, real[path]) for path in there}
        inodes = {root.path: root.inode or 0 for root in reversed(roots)}
        for path, storage in opened.items():
            if real[path] != path:
                _refuse_another(path, inodes[path], storage)
        for storage in opened.values():
            refuse_system(path_of(storage.fd(b""), storage.root), display(storage.root), state)
        locks = stack.enter_context(locked(opened.values()))
        opened |= {path: AbsentStorage(path, inodes[path]) for path in absent}
        yield Reopened([opened[root.path] for root in roots], locks)


def _refuse_another(path: bytes, inode: int, storage: LocalStorage) -> None:
    """Raises `GuardRefused` for a folder behind a symlink that did not lead there when the operation was: only its
    inode number can show that it is the same one, in another place.
    """
    if storage.identity[1] != inode or not storage.capabilities.stable_inodes:
        raise GuardRefused(
            f"A symlink leads from {display(path)} to {display(storage.root)} now, which may be another folder.",
            hint="put the folder back to where it was",
        )


def another_root(storages: Sequence[LocalStorage], roots: Sequence[Root]) -> Root | None:
    """The first that is not the folder that an operation worked in, as far as its inode number can tell: where these
    are given out anew, the files have to.
    """
    for storage, root in zip(storages, roots, strict=True):
        if root.inode is not None and storage.identity[1] != root.inode and storage.capabilities.stable_inodes:
            return root
    return None


def absent_roots(roots: Sequence[Root]) -> set[bytes]:
    """Those that are not there, or not the folders that they were, where others are: an operation in several roots is
    undone where it can be. Empty where it worked in one root, or none is left.
    """
    paths = {root.path for root in roots}
    if len(roots) <= DEST + 1:
        return set()
    absent = {path for path in paths if not os.path.isdir(path)}
    for root in roots:
        if root.path not in absent and root.inode is not None and identity_of(root.path)[1] != root.inode:
            with contextlib.closing(LocalStorage(root.path)) as storage:
                absent |= {root.path} if storage.capabilities.stable_inodes else set()
    return absent if absent != paths else set()


class AnotherRoot(UsageError):
    """A folder that is not the one that an operation worked in."""

    def __init__(self, root: Root, *, hint: str | None = None) -> None:
        super().__init__(f"{display(root.path)} is not the folder that it was (is its disk mounted?).", hint=hint)
