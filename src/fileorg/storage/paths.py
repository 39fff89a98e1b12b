"""Checks of paths, which may come from untrusted sources such as a journal or a template."""

from __future__ import annotations

import errno
import os

from fileorg.core.names import is_folder, is_name


def failed(code: int, name: bytes | None = None, target: bytes | None = None) -> OSError:
    """Return an `OSError` of the subclass for `code`, with the names concerned."""
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

    Not with EXDEV, because callers answer that with a copy.
    """
    if not is_folder(folder):
        raise failed(errno.EINVAL, folder)
