"""Paths come from elsewhere: a journal, a template. They are looked at before they are used."""

from __future__ import annotations

import errno
import os

from fileorg.core.names import is_folder, is_name


def failed(code: int, name: bytes | None = None, target: bytes | None = None) -> OSError:
    """The exception class that fits `errno`, with the names that it is about."""
    if name is None:
        return OSError(code, os.strerror(code))
    second = None if target is None else os.fsdecode(target)
    return OSError(code, os.strerror(code), os.fsdecode(name), None, second)


def check_name(name: bytes) -> None:
    """Raise `OSError` with EINVAL unless `name` is one component that stays in its folder."""
    if not is_name(name):
        raise failed(errno.EINVAL, name)


def check_folder(folder: bytes) -> None:
    """Raise `OSError` with EINVAL unless `folder` is the root or a plain path beneath it.

    EINVAL and not EXDEV, which says that a copy would do what a rename cannot.
    """
    if not is_folder(folder):
        raise failed(errno.EINVAL, folder)
