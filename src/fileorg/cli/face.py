"""Becomes another face of fileorg: a server that keeps nothing of the command line in memory."""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING

from fileorg.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def check_installed(face: str, needs: str) -> None:
    """Raise `UsageError` if the package `needs`, which the extra of the name of the face brings, is not installed."""
    if importlib.util.find_spec(needs) is None:
        raise UsageError(
            f"fileorg {face} needs the package {needs}, which is not installed.", hint=f"pip install 'fileorg[{face}]'"
        )


def become(face: str, words: Sequence[str]) -> NoReturn:
    """Replace this process by `python -m fileorg.<face>` with `words`."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", f"fileorg.{face}", *words])  # noqa: S606  no shell
