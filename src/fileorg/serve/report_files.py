"""The report on an operation as a file to keep. A command writes it: a report of a million records is large."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from fileorg.core.errors import ErrorCode, FileorgError
from fileorg.core.names import display
from fileorg.serve.journal_pages import check_operation

if TYPE_CHECKING:
    from starlette.responses import Response

    from fileorg.serve.endpoints import ApiRequest

TYPES = {"html": "text/html; charset=utf-8", "json": "application/json", "csv": "text/csv; charset=utf-8"}


def report(asked: ApiRequest) -> Response:
    """Return the report on an operation. It is a file to save, not a page of this server: it brings its own script."""
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
