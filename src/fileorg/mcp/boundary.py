"""The folders of a server. A path that a client sends is judged here first, so that all paths outside look alike; the
processes that use it judge what they open, by descriptor: see `core.confinement`.
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from fileorg.core.confinement import AllowedFolder, Outside, confined_to
from fileorg.core.errors import ErrorCode, UsageError
from fileorg.core.formats import exact
from fileorg.core.names import display, is_within, scheme_of
from fileorg.workflows.roots import allowed_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_LONGEST_PATH = 4096
_PATHS = frozenset({"path", "new_path", "kept_path", "root", "dest", "marker", "state_dir", "log", "folder"})
"""Fields of documents that hold paths."""


class ExactPath(BaseModel):
    """A path whose bytes are not UTF-8: `path_b64` of an answer."""

    model_config = ConfigDict(extra="forbid")

    path_b64: str


class Boundary:
    """The folders that the clients of this server may use. They stay open, so that no other gets their numbers."""

    def __init__(self, roots: Sequence[bytes]) -> None:
        """`roots` are real paths. Raises `OSError`."""
        self.folders: list[AllowedFolder] = []
        self._fds: list[int] = []
        for root in roots:
            folder, fd = allowed_folder(root)
            self._fds.append(fd)
            self.folders.append(folder)

    @property
    def roots(self) -> list[bytes]:
        """The paths of the folders."""
        return [folder.path for folder in self.folders]

    def environment(self, client: str) -> Mapping[str, str]:
        """Return the environment of a command that works for a client."""
        return confined_to(self.folders, client)

    def path(self, given: str | ExactPath) -> bytes:
        """Return the real path of what a client names: absolute, or from the first folder on.

        Raises `Outside` for all paths that are not in the folders, whether they exist or not, `UsageError`.
        """
        path = _bytes_of(given)
        if scheme_of(path):
            raise self.outside(path)
        whole = os.path.join(self.folders[0].path, path)
        if b".." in whole.split(b"/"):
            raise self.outside(path)
        above, name = os.path.split(whole.rstrip(b"/") or b"/")
        placed = os.path.join(os.path.realpath(above), name)
        if not self.holds([placed, os.path.realpath(placed)]):
            raise self.outside(path)
        return placed

    def holds(self, paths: Iterable[bytes]) -> bool:
        """Return whether all of the real paths are in the folders."""
        return all(any(is_within(path, folder.path) for folder in self.folders) for path in paths)

    def cleared(self, value: Any) -> Any:
        """Return a document of a command without paths that are not in the folders: they become null."""
        if isinstance(value, dict):
            hidden = {name for name in _PATHS & value.keys() if not self._may_show(name, value)}
            hidden |= {f"{name}_b64" for name in hidden}
            return {name: None if name in hidden else self.cleared(each) for name, each in value.items()}
        if isinstance(value, list):
            return [self.cleared(each) for each in value]
        return value

    def _may_show(self, name: str, fields: Mapping[str, Any]) -> bool:
        """Return whether a field of paths holds none outside: a relative one is below a field that is judged itself."""
        value = fields[name]
        if not isinstance(value, str) or not value.startswith("/"):
            return True
        try:
            return self.holds([exact(name, fields)])
        except ValueError:
            return False

    def outside(self, path: bytes) -> Outside:
        """Return the error for a path that is not in the folders."""
        error = Outside(path)
        error.hint = "use a path in one of the folders of this server: " + ", ".join(map(display, self.roots))
        return error


def _bytes_of(given: str | ExactPath) -> bytes:
    if isinstance(given, str):
        path = given.encode(errors="surrogatepass")
    else:
        try:
            path = base64.b64decode(given.path_b64, validate=True)
        except (binascii.Error, ValueError):
            raise UsageError(
                "path_b64 is not base 64.", hint="copy path_b64 from an answer", code=ErrorCode.BAD_VALUE
            ) from None
    if not path.strip():
        raise UsageError("The path is empty.", hint="give a path in a folder of this server", code=ErrorCode.BLANK_PATH)
    if b"\0" in path or len(path) > _LONGEST_PATH:
        why = "contains NUL" if b"\0" in path else f"is longer than {_LONGEST_PATH} bytes"
        raise UsageError(f"The path {why}.", hint="copy the path from an answer", code=ErrorCode.BAD_VALUE)
    return path
