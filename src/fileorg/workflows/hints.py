"""Small files of the state directory that are only hints: if one is missing or unreadable, nothing is known."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fileorg.core.state import StateDirectory

_MAX_BYTES = 8 << 20


def read_hint(state: StateDirectory, name: bytes) -> Any:
    """Return the content of a file, an empty list for none."""
    try:
        with state.opened() as at:
            fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        with open(fd, "rb") as file:
            return json.loads(file.read(_MAX_BYTES))
    except (OSError, ValueError):
        return []


def write_hint(state: StateDirectory, name: bytes, content: Any) -> None:
    """Replace the content of a file as a whole, as far as possible."""
    part = name + b".part"
    with contextlib.suppress(OSError), state.opened() as at:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(part, dir_fd=at)
        fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at)
        with open(fd, "wb") as file:
            file.write(json.dumps(content).encode())
        os.replace(part, name, src_dir_fd=at, dst_dir_fd=at)
