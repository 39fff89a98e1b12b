"""Other programs that work in the same tree: changes by editors, browsers and people, each as one step.

Files and folders are picked by a number, which gives the same one in the same tree. Every changed file gets a unique
time, so that all files can be distinguished, equally in every run.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from typing import TYPE_CHECKING

from tests.faults import laws

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.case import Case
    from tests.support.snapshot import Snapshot

_TIME_NS = 1_700_000_000_000_000_000
_APART_NS = 40 * 86_400 * 10**9
"""The distance of times, such that they fall into different months and years."""


class Outsiders:
    """Everyone but fileorg, in the tree of a case. Paths begin with `root` or `dest`. Impossible acts do nothing."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.carried: list[tuple[bytes, bytes]] = []
        """The old and new paths of renamed folders."""
        self.is_patient = False
        """True to wait for a file that a halted command has leased: after 45 seconds the kernel ends the lease.
        Otherwise the writer gives up, and the command has been asked for its lease.
        """
        self._times = (_TIME_NS + number % 7 * _APART_NS + number * 1_000_001 for number in itertools.count())

    def place(self, path: bytes) -> bytes:
        base, _, inside = path.partition(b"/")
        return os.path.join(os.fsencode(self._case.dest if base == b"dest" else self._case.place.root), inside)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """Give changed folders a time that does not depend on the clock."""
        before = self._case.snapshot()
        with contextlib.suppress(OSError):
            yield
        after = self._case.snapshot()
        for path, node in after.items():
            if node.kind == "folder" and before.get(path, node._replace(mtime_ns=0)).mtime_ns != node.mtime_ns:
                self._date(self.place(path))

    def _date(self, place: bytes) -> None:
        time_ns = next(self._times)
        os.utime(place, ns=(time_ns, time_ns))

    def pick(self, kind: str, which: int) -> bytes | None:
        """Return one of the files or folders, except temporary files of a killed run."""
        tree = self._case.snapshot()
        paths = [path for path in _below(tree, kind) if not laws.ours({path: tree[path]})]
        return paths[which % len(paths)] if paths else None

    def _named(self, folder: bytes, name: bytes) -> bytes:
        """Return a path for a new file and create its folder. Raises `NotADirectoryError` for a symlink on the way."""
        place = self.place(folder)
        if os.path.realpath(place) != place:
            raise NotADirectoryError
        os.makedirs(place, exist_ok=True)
        return os.path.join(place, name)

    def _write(self, place: bytes, content: bytes, mode: str) -> None:
        with open(place, mode, opener=self._opened) as file:
            file.write(content)
        self._date(place)

    def _opened(self, place: bytes | str, flags: int) -> int:
        return os.open(place, flags if self.is_patient else flags | os.O_NONBLOCK, 0o666)

    # Acts ---------------------------------------------------------------------------------------------------------

    def create(self, folder: bytes, name: bytes, content: bytes, *, is_tagged: bool = False) -> None:
        with self._at_work():
            place = self._named(folder, name)
            self._write(place, content, "xb")
            if is_tagged:
                os.setxattr(place, "user.origin", content)

    def overwrite(self, folder: bytes, name: bytes, content: bytes) -> None:
        """Write a file, whatever has its name now."""
        with self._at_work():
            self._write(self._named(folder, name), content, "wb")

    def edit(self, path: bytes, content: bytes) -> None:
        """Change the first bytes of a file in place."""
        with self._at_work():
            self._write(self.place(path), content, "r+b")

    def append(self, path: bytes, content: bytes) -> None:
        with self._at_work():
            self._write(self.place(path), content, "ab")

    def truncate(self, path: bytes) -> None:
        with self._at_work(), open(self.place(path), "r+b", opener=self._opened) as file:
            file.truncate(1)

    def replace(self, path: bytes, content: bytes) -> None:
        """Replace a file by a new one in one step, like editors."""
        with self._at_work():
            new = os.path.join(os.path.dirname(self.place(path)), b"new.qqq~")
            self._write(new, content, "xb")
            try:
                os.rename(new, self.place(path))
            except OSError:
                os.unlink(new)

    def delete(self, path: bytes) -> None:
        with self._at_work():
            os.unlink(self.place(path))

    def link(self, path: bytes, folder: bytes, name: bytes) -> None:
        with self._at_work():
            os.link(self.place(path), self._named(folder, name))

    def move(self, path: bytes, folder: bytes, name: bytes) -> None:
        """Move a file or a folder, replacing any other."""
        with self._at_work():
            os.rename(self.place(path), self._named(folder, name))
            self.carried.append((path, folder + b"/" + name))

    def make_folder(self, folder: bytes, name: bytes) -> None:
        """Create a folder, maybe with the future name of a file."""
        with self._at_work():
            os.mkdir(self._named(folder, name), 0o750)

    def delete_folder(self, path: bytes) -> None:
        with self._at_work():
            shutil.rmtree(self.place(path))

    def divert(self, path: bytes) -> None:
        """Replace a folder, or occupy its future name, by a symlink that leads out of the tree."""
        with self._at_work():
            place = self.place(path)
            if os.path.lexists(place):
                os.rename(place, place + b" moved")
                self.carried.append((path, path + b" moved"))
            os.symlink(os.fsencode(self._case.place.base / "outside"), place)


def _below(tree: Snapshot, kind: str) -> list[bytes]:
    """Return the paths of a kind below the root and the destination."""
    inside = (path for path, node in tree.items() if node.kind == kind and b"/" in path)
    return [path for path in inside if not path.startswith(b"outside/")]
