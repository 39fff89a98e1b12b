"""Calls a function of fileorg in a process of its own, for a server that keeps reading meanwhile: only its caller's
module knows the function. The answer, or the error, is one object of JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, Exit, FileorgError
from fileorg.core.formats import named
from fileorg.jobs.command import NOT_BEGUN, CommandError, as_input

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_PAUSE_SECONDS = 0.1


def call(
    module: str,
    words: Sequence[str | bytes],
    given: Mapping[str, Any],
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Run `python -m MODULE WORDS` with `given` as JSON on standard input, and return its answer. The process is killed
    as soon as `stop` returns true: only a function that writes nothing may be stopped.

    Raises `CommandError`, `OSError`.
    """
    said = _run([sys.executable, "-P", "-m", module, *words], json.dumps(given).encode(), stop)
    if said is None:
        raise CommandError(NOT_BEGUN, int(Exit.INTERRUPTED))
    output, code = said
    try:
        found = json.loads(output)
    except ValueError:
        found = {"error": {"code": str(ErrorCode.INTERNAL), "message": f"{module} ended without an answer."}}
    if "error" in found:
        raise CommandError(found["error"], code)
    return dict(found)


def _run(line: Sequence[str | bytes], given: bytes, stop: Callable[[], bool]) -> tuple[bytes, int] | None:
    """Return what a process writes, and its exit code; None if it was stopped."""
    with contextlib.ExitStack() as stack:
        # No pipe: `communicate` forgets the rest of the input when its time is over.
        process = stack.enter_context(_started(line, stack.enter_context(as_input(given))))
        try:
            while not stop():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    return process.communicate(timeout=_PAUSE_SECONDS)[0], process.returncode
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        except BaseException:
            process.kill()
            raise
    return None


def _started(line: Sequence[str | bytes], source: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        line,
        stdin=source,
        stdout=subprocess.PIPE,  # an error that nobody expected is shown where the errors of the server are
        start_new_session=True,  # its helpers end with it, and Ctrl-C in a terminal ends the server only
    )


def answer_call(function: Callable[[dict[str, Any]], Mapping[str, Any]]) -> int:
    """Call a function with the JSON of standard input; write what it returns, or its error, to standard output."""
    found: dict[str, Any]
    try:
        found, code = dict(function(json.load(sys.stdin))), 0
    except FileorgError as error:
        code = int(error.exit_code)
        path = {} if error.path is None else named("path", error.path)
        found = {"error": {"code": str(error.code), "message": str(error), "hint": error.hint, "exit": code, **path}}
    except OSError as error:
        code = 1
        found = {"error": {"code": str(ErrorCode.SYSTEM_ERROR), "message": f"{error}.", "exit": code}}
    json.dump(found, sys.stdout)
    return code
