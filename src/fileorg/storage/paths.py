"""Paths come from elsewhere: a journal, a template. They are looked at before they are used."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

NO_NAMES = frozenset({b"", b".", b".."})


def failed(code: int, name: bytes | None = None, target: bytes | None = None) -> OSError:
    """The exception class that fits `errno`, with the names that it is about."""
    if name is None:
        return OSError(code, os.strerror(code))
    second = None if target is None else os.fsdecode(target)
    return OSError(code, os.strerror(code), os.fsdecode(name), None, second)


def check_name(name: bytes) -> None:
    """Raise `OSError` with EINVAL unless `name` is one component that stays in its folder."""
    # Integers: `b"/" in name` tries them first and takes ten times as long.
    if 0x2F in name or 0 in name or name in NO_NAMES:
        raise failed(errno.EINVAL, name)


def are_names(names: Sequence[bytes]) -> bool:
    """Whether `check_name` passes all of them, in a tenth of the time."""
    joined = b"/".join(names)
    return joined.count(b"/") == max(0, len(names) - 1) and 0 not in joined and NO_NAMES.isdisjoint(names)


def check_folder(folder: bytes) -> None:
    """Raise `OSError` with EINVAL unless `folder` is the root or a plain path beneath it.

    EINVAL and not EXDEV, which says that a copy would do what a rename cannot.
    """
    # NUL is where C would end the name.
    if folder and (0 in folder or not NO_NAMES.isdisjoint(folder.split(b"/"))):
        raise failed(errno.EINVAL, folder)
