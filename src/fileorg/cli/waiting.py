"""`--wait [TIME]`: run a command again until no other fileorg works in its folders."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from fileorg.cli import values
from fileorg.cli.terminal import standard_error
from fileorg.core.errors import ErrorCode, Locked, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

_OPTION = "--wait"
_TIME = r"(?a)\d+(\.\d+)?\s*[a-z]+"
_SOONEST_SECONDS, _LATEST_SECONDS = 0.05, 0.5


def run_when_free(
    words: Sequence[str],
    run: Callable[[list[str]], int],
    limits: Callable[[Sequence[str]], AbstractContextManager[None]],
) -> int:
    """Run a command line without its `--wait`, again while it is locked out, at most for the time given.

    `limits` are those of all tries together. Raises `Locked` at the end of that time, `UsageError` for no time at all.
    """
    kept, seconds = _parsed(words)
    with limits(kept):
        return _run_again(kept, seconds, run)


def _run_again(words: list[str], seconds: float, run: Callable[[list[str]], int]) -> int:
    until, said, pause = time.monotonic() + seconds, False, _SOONEST_SECONDS
    while True:
        try:
            return run(words)
        except Locked as locked:
            if time.monotonic() + pause > until:
                raise
            if not said:
                said = True
                err = standard_error()
                err.prose(f"Waiting. {locked}", "fileorg: ")
                err.flush()
        time.sleep(pause)
        pause = min(2 * pause, _LATEST_SECONDS)


def _parsed(words: Sequence[str]) -> tuple[list[str], float]:
    """Return the words without `--wait`, and the seconds to wait. A next word that is a time belongs to it."""
    kept: list[str] = []
    seconds = float("inf")
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return [*kept, word, *rest], seconds
        if word == _OPTION and rest and re.fullmatch(_TIME, rest[0]):
            seconds = _seconds(rest.pop(0))
        elif word.startswith(f"{_OPTION}="):
            seconds = _seconds(word.partition("=")[2])
        elif word != _OPTION:
            kept.append(word)
    return kept, seconds


def _seconds(text: str) -> float:
    found = values.elapsed(_OPTION, text)
    if found < 0.5:
        raise UsageError(
            f"{_OPTION} {text} is no time to wait.", hint="for example: --wait 30s", code=ErrorCode.BAD_VALUE
        )
    return found
