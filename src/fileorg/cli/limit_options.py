"""The limits of a command that changes files, such as `--time-limit`, and of the runs beside it."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from fileorg.cli import values
from fileorg.cli.parameters import given_words
from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.limits import end_in_time, is_counting, stop_counting
from fileorg.core.model import GIVEN, MOST_PARALLEL, Limits
from fileorg.core.names import display
from fileorg.core.pool import LEAST_MEMORY_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FunctionType


_MOST_ATTEMPTS = 100
_LATER = frozenset({"background", "hold"})


@contextlib.contextmanager
def limited(command: FunctionType, words: Sequence[str]) -> Iterator[None]:
    """Limit what the block does by the words of its command and the table `[jobs]` of the configuration.

    A block inside another one has its time. Raises `UsageError`, `ConfigError`.
    """
    if is_counting():
        yield
        return
    before, named = GIVEN.limits, GIVEN.configuration
    GIVEN.configuration = values.named_configuration(words)
    try:
        _begin(command, words)
        yield
    finally:
        stop_counting()
        GIVEN.limits, GIVEN.configuration = before, named


def _begin(command: FunctionType, words: Sequence[str]) -> None:
    given, _ = given_words(command, words)
    limits = _configured(values.configuration_of(words))
    if "time_limit" in given:
        limits = limits._replace(time_limit=seconds("--time-limit", given["time_limit"]))
    if "kill_after" in given:
        limits = limits._replace(kill_after=seconds("--kill-after", given["kill_after"]))
    if "helper_memory" in given:
        limits = limits._replace(helper_memory=_memory("--helper-memory", given["helper_memory"]))
    is_later = bool(_LATER & given.keys())
    if "attempts" in given:
        if not is_later:
            raise UsageError("--attempts requires --background or --hold.", hint="add --background, or drop --attempts")
        limits = limits._replace(attempts=_number("--attempts", given["attempts"], _MOST_ATTEMPTS))
    if "parallel" in given:
        limits = limits._replace(parallel=_number("--parallel", given["parallel"], MOST_PARALLEL))
    if is_later:
        GIVEN.limits = limits  # of the job; this process only plans
    else:
        GIVEN.limits = limits._replace(attempts=None)
        end_in_time(say_end)


def say_end(reason: str) -> None:
    """Print on standard error why this process ends now, in one system call."""
    os.write(2, f"fileorg: {reason}\nHint: the next command recovers the files in progress\n".encode())


def seconds(option: str, text: str) -> float:
    """Return a time such as `90s` or `1h` in seconds. Raises `UsageError` for none, and for one of 0."""
    found = values.elapsed(option, text)
    if found < 0.5:
        raise UsageError(
            f"{option} {display(text)} leaves no time.", hint=f"for example: {option} 1h", code=ErrorCode.BAD_VALUE
        )
    return float(round(found))


def _memory(option: str, text: str) -> int:
    size_bytes = values.size(option, text)
    if size_bytes < LEAST_MEMORY_BYTES:
        raise UsageError(
            f"{option} {display(text)} is too little: a helper needs at least {LEAST_MEMORY_BYTES >> 20}M.",
            hint=f"for example: {option} 1G",
            code=ErrorCode.BAD_VALUE,
        )
    return size_bytes


def _number(option: str, text: str, highest: int) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= highest):
        raise UsageError(
            f"{option} {display(text)} is not a number from 1 to {highest}.",
            hint=f"for example: {option} 1",
            code=ErrorCode.BAD_VALUE,
        )
    return int(text)


def _configured(path: bytes) -> Limits:
    """Return the limits of the table `[jobs]`. A configuration without this word is not parsed for it.

    A fault in it is reported by the commands that sort by it; undo goes on, and the log of its job says so.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a named pipe would wait for its writer
        with open(fd, "rb") as file:
            if not stat.S_ISREG(os.fstat(fd).st_mode) or b"jobs" not in file.read():
                return Limits()
    except OSError:  # whoever needs the configuration reports it
        return Limits()
    from fileorg.rules.config_file import read_configuration

    try:
        jobs = read_configuration(path, with_rules=False).jobs
    except UsageError:
        return Limits()
    return Limits(helper_memory=jobs.helper_memory, attempts=jobs.attempts, parallel=jobs.parallel)
