"""Pictures of files in the roots, for a browser: the bytes of the file, of a few types that it can show safely."""

from __future__ import annotations

import contextlib
import os
import stat
from http import HTTPStatus
from typing import TYPE_CHECKING

from fileorg.core.confinement import Outside, check_opened_folder
from fileorg.core.names import display, is_within
from fileorg.serve.opened_file import OpenedFile
from fileorg.serve.problems import HttpCode, HttpProblem
from fileorg.serve.served import outside
from fileorg.serve.shapes import GivenPath
from fileorg.storage.local import posix

if TYPE_CHECKING:
    from starlette.responses import Response

    from fileorg.serve.endpoints import ApiRequest
    from fileorg.serve.served import Served

MOST_BYTES = 32 << 20
_HEAD_BYTES = 32
_TYPES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)
"""The first bytes decide, not the name. SVG is not here: it is a document that may run scripts."""


def picture(asked: ApiRequest) -> Response:
    """Return the bytes of a picture."""
    path = GivenPath(asked.query.get("path", ""), asked.query.get("path_b64", "")).raw
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open(open_file(asked.served, path), "rb"))
        kind = _type_of(file.read(_HEAD_BYTES))
        if kind is None:
            raise HttpProblem(
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                HttpCode.BAD_REQUEST,
                f"{display(path)} is no picture that a browser shows.",
                "shown are PNG, JPEG, GIF, BMP, WebP and AVIF",
            )
        size = os.fstat(file.fileno()).st_size
        if size > MOST_BYTES:
            raise HttpProblem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                HttpCode.TOO_LARGE,
                f"{display(path)} is larger than {MOST_BYTES >> 20} MB.",
                "open it in another program",
            )
        file.seek(0)
        stack.pop_all()  # the response closes it
    return OpenedFile(file, size, kind, {"cache-control": "no-store", "content-disposition": "inline"})


def _type_of(head: bytes) -> str | None:
    for start, kind in _TYPES:
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return "image/avif" if head[4:12] in {b"ftypavif", b"ftypavis"} else None


def open_file(served: Served, path: bytes) -> int:
    """Return a descriptor of a file in a root: no symlink on the way is followed. Raises `HttpProblem`."""
    root = next((each for each in served.roots if is_within(path, each) and path != each), None)
    if root is None:
        raise outside(path)
    folder, _, name = path[len(root) :].strip(b"/").rpartition(b"/")
    fd = at = above = -1
    try:
        above = posix.open_root(root)
        at = posix.open_beneath(above, folder)
        check_opened_folder(at, path)  # the root may be another folder by now
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError
    except (OSError, ValueError):
        if fd >= 0:
            os.close(fd)
        raise HttpProblem(
            HTTPStatus.NOT_FOUND, HttpCode.NOT_FOUND, f"There is no file {display(path)} that can be shown."
        ) from None
    except Outside:
        raise outside(path) from None
    finally:
        for each in (at, above):
            if each >= 0:
                os.close(each)
    return fd
