"""The report on an operation as a file to keep. A command writes it: a report of a million records is large."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from fileorg.core.errors import ErrorCode, FileorgError
from fileorg.core.names import display
from fileorg.serve.journal_pages import check_operation
from fileorg.serve.problems import HttpProblem

if TYPE_CHECKING:
    from starlette.responses import Response

    from fileorg.serve.endpoints import ApiRequest

_AT_ONCE = threading.BoundedSemaphore(4)
"""Each is a process that reads a whole operation, and a thread that waits for it."""
TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}


def report(asked: ApiRequest) -> Response:
    """Return the report on an operation. It is a file to save, not a page of this server: it brings its own script."""
    if not _AT_ONCE.acquire(blocking=False):
        raise HttpProblem(
            HTTPStatus.CONFLICT,
            ErrorCode.LOCKED,
            "Several reports are being written already.",
            "wait until one is there",
        )
    try:
        return _written(asked)
    finally:
        _AT_ONCE.release()


def _written(asked: ApiRequest) -> Response:
    number, kind = asked.number, asked.query.get("format", "html")
    check_operation(asked.served, number)
    fd, path = tempfile.mkstemp(prefix="fileorg-report-")
    try:
        words = ["report", *asked.served.options, f"--format={kind}", "--output=-", "--", str(number)]
        with open(fd, "wb") as file:
            ran = subprocess.run(
                [sys.executable, "-P", "-m", "fileorg", *words],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.PIPE,
                check=False,
            )
        if ran.returncode:
            said = display(ran.stderr.decode(errors="replace").strip().partition("\n")[0].removeprefix("fileorg: "))
            raise FileorgError(said or "The report could not be written.", code=ErrorCode.OUTPUT_FAILED)
    except BaseException:
        os.unlink(path)
        raise
    name = f"fileorg-operation-{number}.{kind}"
    return FileResponse(path, media_type=TYPES[kind], filename=name, background=BackgroundTask(os.unlink, path))
