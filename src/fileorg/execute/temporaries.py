"""Files under a name of ours: the steps of a removal and a rename, so that a crash between any two can be told apart.

The names come from ids, so that they are never too long and recovery knows whose they are.
"""

from __future__ import annotations

import contextlib
import errno
from typing import TYPE_CHECKING

from fileorg.core.errors import StorageFailure
from fileorg.core.names import display, join
from fileorg.execute.identity import identity, is_certain, is_intact
from fileorg.storage.local.readiness import FREE, State

if TYPE_CHECKING:
    from fileorg.core.model import Reserving
    from fileorg.execute.identity import Identity
    from fileorg.storage.local.original import Original
    from fileorg.storage.local.storage import LocalStorage


class Stuck(StorageFailure):
    """A step that can neither be finished nor taken back: the disk fails. The operation stays open for recovery."""

    hint = "nothing is lost; when the disk is well again, run fileorg recover"


def temporary(operation: int, record: int) -> bytes:
    """Where a copy is written before it has its name; beside the target."""
    return b".fileorg-%d-%d.part" % (operation, record)


def aside(operation: int, record: int) -> bytes:
    """Where a file is put to be looked at before it is removed; beside where it was, so on the same file system."""
    return b".fileorg-%d-%d-old.part" % (operation, record)


def remove_checked(
    storage: LocalStorage,
    folder: bytes,
    name: bytes,
    aside_name: bytes,
    expected: Identity,
    digest: bytes | None = None,
    original: Original | None = None,
    *,
    reserving: Reserving,
) -> bool:
    """Remove a file, if it is what was expected: it is moved aside, looked at there, and only then removed.

    With a `digest`, it has to have that content, too: what tells is `original`, the file itself, open; else it is read.

    Between a look and an unlink of the same name another program could put its own file. False if it was another
    file: that is back under its name. Raises `OSError` if nothing was done, and `Stuck` if it is aside now.
    """
    put_aside(storage, folder, name, aside_name)
    return settle_aside(storage, folder, name, aside_name, expected, digest, original, reserving=reserving)


def settle_aside(
    storage: LocalStorage,
    folder: bytes,
    name: bytes,
    aside_name: bytes,
    expected: Identity,
    digest: bytes | None = None,
    original: Original | None = None,
    *,
    reserving: Reserving,
) -> bool:
    """The second half of `remove_checked`: remove what is aside if it fits, else put it back.

    True also if someone else has removed it meanwhile, as by emptying the folder: there is nothing to put back.
    """
    failure: OSError | None = None
    try:
        if storage.lstat(folder, aside_name) is None:
            return True
        # Only of what an original is not open for, and that is no link, someone may be writing to it unasked.
        is_asked = original is None and digest is not None
        with storage.held(folder, aside_name) if is_asked else contextlib.nullcontext(FREE) as answer:
            is_free = answer.state is not State.IN_USE
            if is_free and _may_go(storage, folder, aside_name, expected, digest, original):
                storage.discard(folder, aside_name)
                return True
    except OSError as error:
        failure = error
    try:
        put_back(storage, folder, name, aside_name, reserving)
    except Stuck:
        if storage.stat_folder(folder) is not None and storage.lstat(folder, aside_name) is None:
            return True  # in this very moment
        raise
    if failure is not None:
        raise failure
    return False


def _may_go(
    storage: LocalStorage,
    folder: bytes,
    name: bytes,
    expected: Identity,
    digest: bytes | None,
    original: Original | None,
) -> bool:
    if original is None:
        return is_intact(storage, folder, name, expected, digest)
    return is_certain(storage, folder, name, expected, digest) and original.is_untouched_aside(digest)


def put_back(storage: LocalStorage, folder: bytes, name: bytes, aside_name: bytes, reserving: Reserving) -> None:
    """Give what is aside its name again. Raises `Stuck`."""
    try:
        rename_beside(storage, folder, aside_name, name, reserving)
    except OSError as error:
        path, now = display(join(folder, name)), display(aside_name)
        raise Stuck(f"{path} could not be put back under its name ({error.strerror}): it is {now} now.") from error


def put_aside(storage: LocalStorage, folder: bytes, name: bytes, aside_name: bytes) -> None:
    """Give a file a name of ours, which recovery knows anyway. Raises `OSError`."""
    rename_beside(storage, folder, name, aside_name, lambda _: None)


def rename_beside(storage: LocalStorage, folder: bytes, name: bytes, new_name: bytes, reserving: Reserving) -> None:
    """Give a file another name in its folder, by whatever the file system has. Raises `OSError`."""
    try:
        storage.rename_noreplace(folder, name, storage, folder, new_name)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        rename_over_reserved(storage, folder, name, storage, folder, new_name, reserving)


def rename_over_reserved(
    source: LocalStorage,
    folder: bytes,
    name: bytes,
    target: LocalStorage,
    target_folder: bytes,
    target_name: bytes,
    reserving: Reserving,
) -> None:
    """Where the file system can neither rename without replacing nor link: take the name with an empty file first."""
    reserving(None)
    reserved = target.reserve(target_folder, target_name)
    reserving(reserved)
    try:
        source.rename_onto_reserved(folder, name, target, target_folder, reserved)
    except OSError:
        if identity(reserved).fits(target.lstat(target_folder, target_name)):
            target.remove(target_folder, target_name)
        raise
