"""Other programs at work in the same tree: what editors, browsers and people do to files, each as one step.

Files and folders can be picked by a number among those that are there: in the same tree, always the same one. Whatever
is changed gets a time that nothing else has, so that each file can be told from every other, in every run alike.
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
"""So far apart that some of them are of another year or month."""


class Outsiders:
    """Everyone but fileorg, in the tree of a case. Paths begin with `root` or `dest`. What cannot be done is not."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.carried: list[tuple[bytes, bytes]] = []
        """Folders that were renamed, from where and to where."""
        self._times = (_TIME_NS + number % 7 * _APART_NS + number * 1_000_001 for number in itertools.count())

    def place(self, path: bytes) -> bytes:
        base, _, inside = path.partition(b"/")
        return os.path.join(os.fsencode(self._case.dest if base == b"dest" else self._case.place.root), inside)

    @contextlib.contextmanager
    def _at_work(self) -> Iterator[None]:
        """Folders that are changed get a time that does not depend on when that is."""
        before = self._case.look()
        with contextlib.suppress(OSError):
            yield
        after = self._case.look()
        for path, node in after.items():
            if node.kind == "folder" and before.get(path, node._replace(mtime_ns=0)).mtime_ns != node.mtime_ns:
                self._date(self.place(path))

    def _date(self, place: bytes) -> None:
        time_ns = next(self._times)
        os.utime(place, ns=(time_ns, time_ns))

    def pick(self, kind: str, which: int) -> bytes | None:
        """One of the files or folders, but not what a run that was killed has left half done."""
        tree = self._case.look()
        paths = [path for path in _below(tree, kind) if not laws.ours({path: tree[path]})]
        return paths[which % len(paths)] if paths else None

    def _named(self, folder: bytes, name: bytes) -> bytes:
        """A place for something new. Its folder is made; where a symlink is on the way there is none."""
        place = self.place(folder)
        if os.path.realpath(place) != place:
            raise NotADirectoryError
        os.makedirs(place, exist_ok=True)
        return os.path.join(place, name)

    def _write(self, place: bytes, content: bytes, mode: str) -> None:
        with open(place, mode) as file:
            file.write(content)
        self._date(place)

    # What they do, each as an act of its own ----------------------------------------------------------------------

    def create(self, folder: bytes, name: bytes, content: bytes, *, is_tagged: bool = False) -> None:
        with self._at_work():
            place = self._named(folder, name)
            self._write(place, content, "xb")
            if is_tagged:
                os.setxattr(place, "user.origin", content)

    def overwrite(self, folder: bytes, name: bytes, content: bytes) -> None:
        """Whatever is there, or nothing."""
        with self._at_work():
            self._write(self._named(folder, name), content, "wb")

    def edit(self, path: bytes, content: bytes) -> None:
        """The same file, and its first bytes are others."""
        with self._at_work():
            self._write(self.place(path), content, "r+b")

    def append(self, path: bytes, content: bytes) -> None:
        with self._at_work():
            self._write(self.place(path), content, "ab")

    def truncate(self, path: bytes) -> None:
        with self._at_work():
            os.truncate(self.place(path), 1)

    def replace(self, path: bytes, content: bytes) -> None:
        """As editors do: a new file takes the place of the old one in one step."""
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
        """A file or a folder, over whatever is there."""
        with self._at_work():
            os.rename(self.place(path), self._named(folder, name))
            self.carried.append((path, folder + b"/" + name))

    def make_folder(self, folder: bytes, name: bytes) -> None:
        """A folder may have a name that a file is to get."""
        with self._at_work():
            os.mkdir(self._named(folder, name), 0o750)

    def delete_folder(self, path: bytes) -> None:
        with self._at_work():
            shutil.rmtree(self.place(path))

    def divert(self, path: bytes) -> None:
        """A symlink that leads out of the tree takes the place of a folder, or is there before it is made."""
        with self._at_work():
            place = self.place(path)
            if os.path.lexists(place):
                os.rename(place, place + b" moved")
                self.carried.append((path, path + b" moved"))
            os.symlink(os.fsencode(self._case.place.base / "outside"), place)


def _below(tree: Snapshot, kind: str) -> list[bytes]:
    """Those of a kind in the tree or at its destination, without these two."""
    inside = (path for path, node in tree.items() if node.kind == kind and b"/" in path)
    return [path for path in inside if not path.startswith(b"outside/")]
