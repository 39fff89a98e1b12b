"""Removals and renames in steps through temporary names, so that recovery can tell after which step a crash came.

The names are made from ids: never too long, and recovery knows their record.
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
    from collections.abc import Callable

    from fileorg.core.model import Reserving
    from fileorg.execute.identity import Identity
    from fileorg.storage.local.original import Original
    from fileorg.storage.local.storage import LocalStorage


class Stuck(StorageFailure):
    """A step that can be neither finished nor rolled back: the disk fails. The operation stays open for recovery."""

    hint = "no data was lost; run fileorg recover once the disk is available again"


def temporary(operation: int, record: int) -> bytes:
    """Return the temporary name of an unfinished copy, beside the target."""
    return b".fileorg-%d-%d.part" % (operation, record)


def aside(operation: int, record: int) -> bytes:
    """Return the temporary name of a file that is checked before its removal, beside it and so on its file system."""
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
    dispose: Callable[[bytes, bytes], None] | None = None,
) -> bool:
    """Remove a file if it is the expected one: move it aside, check it there, and only then remove it.

    With a `digest`, the content must match too, checked through `original`, the open file, or else by reading.

    `dispose` gets the folder and the name aside, and takes the file away in another way.

    Under its own name, another program could replace the file between check and unlink. Returns False if it was
    another file, which has its name back. Raises `OSError` if nothing was changed, and `Stuck` if it is still aside.
    """
    put_aside(storage, folder, name, aside_name)
    facts = expected, digest, original
    return settle_aside(storage, folder, name, aside_name, *facts, reserving=reserving, dispose=dispose)


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
    dispose: Callable[[bytes, bytes], None] | None = None,
) -> bool:
    """The second half of `remove_checked`: remove the file that is aside if it matches, or put it back.

    Returns True also if another program has removed it meanwhile.
    """
    failure: OSError | None = None
    try:
        if storage.lstat(folder, aside_name) is None:
            return True
        # `original`, if open, has checked for writers already; without a digest the file is a link.
        is_asked = original is None and digest is not None
        with storage.held(folder, aside_name) if is_asked else contextlib.nullcontext(FREE) as answer:
            is_free = answer.state is not State.IN_USE
            if is_free and _may_go(storage, folder, aside_name, expected, digest, original):
                (dispose or storage.discard)(folder, aside_name)
                return True
    except OSError as error:
        failure = error
    try:
        put_back(storage, folder, name, aside_name, reserving)
    except Stuck:
        if storage.stat_folder(folder) is not None and storage.lstat(folder, aside_name) is None:
            return True  # removed by another program just now
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
    """Rename a file that is aside back to its name. Raises `Stuck`."""
    try:
        rename_beside(storage, folder, aside_name, name, reserving)
    except OSError as error:
        path, now = display(join(folder, name)), display(aside_name)
        raise Stuck(f"Could not move {path} back to its name ({error.strerror}): it is now {now}.") from error


def put_aside(storage: LocalStorage, folder: bytes, name: bytes, aside_name: bytes) -> None:
    """Rename a file to its temporary name; recovery derives the name from the record. Raises `OSError`."""
    rename_beside(storage, folder, name, aside_name, lambda _: None)


def rename_beside(storage: LocalStorage, folder: bytes, name: bytes, new_name: bytes, reserving: Reserving) -> None:
    """Rename a file within its folder as `rename_to_free` does. Raises `OSError`."""
    rename_to_free(storage, folder, name, storage, folder, new_name, reserving)


def rename_to_free(
    source: LocalStorage,
    folder: bytes,
    name: bytes,
    target: LocalStorage,
    target_folder: bytes,
    target_name: bytes,
    reserving: Reserving,
) -> None:
    """Rename a file to a free name, by any method that the file system supports. Raises `OSError`."""
    try:
        source.rename_noreplace(folder, name, target, target_folder, target_name)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        rename_over_reserved(source, folder, name, target, target_folder, target_name, reserving)


def rename_over_reserved(
    source: LocalStorage,
    folder: bytes,
    name: bytes,
    target: LocalStorage,
    target_folder: bytes,
    target_name: bytes,
    reserving: Reserving,
) -> None:
    """Rename without replacing on a file system with neither RENAME_NOREPLACE nor hard links: create an empty
    placeholder under the new name, then rename over it.
    """
    reserving(None)
    reserved = target.reserve(target_folder, target_name)
    reserving(reserved)
    try:
        source.rename_onto_reserved(folder, name, target, target_folder, reserved)
    except OSError:
        if identity(reserved).fits(target.lstat(target_folder, target_name)):
            target.remove(target_folder, target_name)
        raise
