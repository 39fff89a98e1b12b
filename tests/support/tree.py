"""A test folder: written from a dictionary, read back as one, or compared exactly (`snapshot`)."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support import snapshot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.snapshot import Snapshot

SECOND_NS = 10**9
DAY_NS = 86_400 * SECOND_NS


class Tree:
    r"""A test folder. Paths are relative to `root`; bytes that are not UTF-8 are surrogate-escaped (`"caf\udce9"`)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def path(self, path: str) -> Path:
        return self.root / path

    def write(self, files: Mapping[str, str]) -> None:
        """Write contents by path. A path that ends in `/` is an empty folder, a content `-> there` a symlink."""
        for path, content in files.items():
            place = self.path(path)
            if path.endswith("/"):
                place.mkdir(parents=True, exist_ok=True)
                continue
            place.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith("-> "):
                place.symlink_to(content.removeprefix("-> "))
            else:
                place.write_bytes(os.fsencode(content))

    def read(self) -> dict[str, str]:
        """Return the tree in the form of `write`; folders are listed only if they are empty."""
        found: dict[str, str] = {}
        for folder, folders, files in os.walk(self.root):
            inside = os.path.relpath(folder, self.root)
            inside = "" if inside == "." else inside + "/"
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            if inside and not folders and not files:
                found[inside] = ""
            for name in files + links:
                place = Path(folder, name)
                found[inside + name] = _content(place)
        return found

    def date(self, path: str, when: str) -> None:
        """Set the local mtime of a file or folder: `2023-04-05` or `2023-04-05T06:07:08`."""
        self.set_time(path, int(datetime.fromisoformat(when).timestamp()) * SECOND_NS)

    def set_time(self, path: str, mtime_ns: int) -> None:
        os.utime(self.path(path), ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def snapshot(self) -> Snapshot:
        """Return names, content, modes, times, attributes, links and empty folders, root included."""
        return snapshot.take(os.fsencode(self.root))


def _content(place: Path) -> str:
    if place.is_symlink():
        return f"-> {os.readlink(place)}"
    return os.fsdecode(place.read_bytes()) if place.is_file() else "(special)"
