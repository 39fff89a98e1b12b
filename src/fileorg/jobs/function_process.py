"""Calls a function of fileorg in a process of its own, for a server that keeps reading meanwhile: only its caller's
module knows the function. The answer, or the error, is one object of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from fileorg.core.errors import ErrorCode, FileorgError
from fileorg.core.formats import named
from fileorg.jobs.command import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def call(module: str, words: Sequence[str | bytes], given: Mapping[str, Any]) -> dict[str, Any]:
    """Run `python -m MODULE WORDS` with `given` as JSON on standard input, and return its answer.

    Raises `CommandError`, `OSError`.
    """
    ran = subprocess.run(
        [sys.executable, "-P", "-m", module, *words],
        input=json.dumps(given).encode(),
        capture_output=True,
        check=False,
    )
    try:
        found = json.loads(ran.stdout)
    except ValueError:
        found = {"error": {"code": str(ErrorCode.INTERNAL), "message": f"{module} ended without an answer."}}
    if "error" in found:
        raise CommandError(found["error"], ran.returncode)
    return dict(found)


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
