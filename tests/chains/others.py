"""Acts of people, editors, and programs that hold a file open or mapped. Each act is one step; impossible acts do
nothing. Files are picked by a number among those that exist, so that a step is valid anywhere in a chain.
"""

from __future__ import annotations

import itertools
import mmap
import os
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.chains.names import is_inside, is_temporary

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.chains.world import World

_TIME_NS = 1_700_000_000_000_000_000
_APART_NS = 40 * 86_400 * 10**9
ODD_TIMES = (-9_400_000_000, -9_300_000_000, -5_000_000_000, 0, 9_300_000_000, 10_413_792_000, 12_000_000_000)
"""Times in seconds: before 1677, around 1970, after 2262."""
IGNORED = (b"*a" * 12 + b"b\n", b"[z-a]\n", b"\xff\xfe[\n*.jpg\n", b"FIFO", b"*.srt\n", b"FOLDER")

_EDITS = {"edit", "append", "write_held", "redate"}


class Held(NamedTuple):
    """A file that a program has open, and mapped if it has a `view`."""

    fd: int
    view: mmap.mmap | None


class Others:
    def __init__(self, world: World) -> None:
        self._world = world
        self._is_fine = all(place.keeps_attributes for place in world.places.values())
        self._numbers = itertools.count(1)
        self._held: list[Held] = []

    def close(self) -> None:
        for held in self._held:
            if held.view is not None:
                held.view.close()
            os.close(held.fd)
        self._held.clear()

    def intervene(self, step: dict[str, Any]) -> None:
        """Carry out a step; the world takes note of the changes."""
        what = step["act"]
        if what == "bring_back":
            self._world.bring_back()
        elif what == "send_away":
            self._send_away(step)
        elif what == "divert":
            self._divert(step)
        else:
            self._world.others(self._bound(what, step), is_edit=what in _EDITS)

    def _bound(self, what: str, step: dict[str, Any]) -> Callable[[], object]:
        return lambda: getattr(self, what)(step)

    # Unique times and contents ----------------------------------------------------------------------------------

    def time_ns(self) -> int:
        number = next(self._numbers)
        return _TIME_NS + number % 7 * _APART_NS + number * 4_000_000_000 + (number * 1_000_001 if self._is_fine else 0)

    def content(self, length: int) -> bytes:
        """Return unique content, of that length if the length allows it."""
        number = next(self._numbers)
        short = b"%c" % (0x41 + number % 26) if length < 4 else b"<%d>" % number
        return short[:length].ljust(length, b"~") if length else b""

    def date(self, place: bytes) -> None:
        time_ns = self.time_ns()
        os.utime(place, ns=(time_ns, time_ns))

    def write(self, place: bytes, content: bytes, mode: str = "xb") -> None:
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, mode, opener=_at_once) as file:
            file.write(content)
        self.date(place)

    def _pick(self, step: dict[str, Any], *, kind: str = "file") -> bytes | None:
        nodes = self._world.view.nodes
        paths = sorted(path for path, node in nodes.items() if node.kind == kind and b"/" in path and is_inside(path))
        paths = [path for path in paths if not is_temporary(path)]
        if kind == "file":
            moved = [path for path in paths if (name := self._world.names.at.get(path)) and name.home != path]
            paths = moved if moved and step["moved"] else paths
            if step["recent"] and (recent := [path for path in paths if path in self._world.fresh]):
                paths = recent
        return paths[step["which"] % len(paths)] if paths else None

    def _picked(self, step: dict[str, Any], **facts: Any) -> bytes:
        path = self._pick(step, **facts)
        if path is None:
            raise FileNotFoundError
        return self._world.place(path)

    # Acts -------------------------------------------------------------------------------------------------------

    def create(self, step: dict[str, Any]) -> None:
        content = step["content"].encode() if step.get("content") is not None else self.content(12)
        self.write(self._world.place(step["path"].encode("latin-1")), content)

    def create_at_an_old_name(self, step: dict[str, Any]) -> None:
        """Create a file, maybe an empty one, with the old name of another."""
        now = self._world.view.nodes
        homes = {name.home for name in self._world.names.at.values() if name.home}
        free = sorted(path for path in homes | self._world.known if path not in now and b"/.fileorg" not in path)
        if free:
            self.write(self._world.place(free[step["which"] % len(free)]), b"" if step["empty"] else self.content(9))

    def edit(self, step: dict[str, Any]) -> None:
        """Edit a file in place, with a new time or the old one."""
        place = self._picked(step)
        with open(place, "r+b", opener=_at_once) as file:
            self._change(file.fileno(), keeps_time=step["keeps_time"])

    def _change(self, fd: int, *, keeps_time: bool) -> None:
        seen = os.fstat(fd)
        os.pwrite(fd, self.content(seen.st_size), 0)
        time_ns = seen.st_mtime_ns if keeps_time else self.time_ns()
        os.utime(fd, ns=(seen.st_atime_ns, time_ns))

    def append(self, step: dict[str, Any]) -> None:
        self.write(self._picked(step), self.content(6), "ab")

    def replace(self, step: dict[str, Any]) -> None:
        """Replace a file by a new one in one step, like editors."""
        place = self._picked(step)
        new = os.path.join(os.path.dirname(place), b"new.qqq~")
        self.write(new, b"" if step["empty"] else self.content(max(4, os.stat(place).st_size)))
        os.rename(new, place)

    def delete(self, step: dict[str, Any]) -> None:
        os.unlink(self._picked(step))

    def delete_and_create(self, step: dict[str, Any]) -> None:
        place = self._picked(step)
        os.unlink(place)
        self.write(place, b"" if step["empty"] else self.content(9))

    def move(self, step: dict[str, Any]) -> None:
        place = self._picked(step)
        os.rename(place, os.path.join(os.path.dirname(place), b"by hand.qqq"))

    def delete_folder(self, step: dict[str, Any]) -> None:
        shutil.rmtree(self._picked(step, kind="folder"))

    def rename_folder(self, step: dict[str, Any]) -> None:
        place = self._picked(step, kind="folder")
        os.rename(place, place + b" renamed")

    def make_folder(self, step: dict[str, Any]) -> None:
        os.mkdir(self._world.place(step["path"].encode("latin-1")))

    def redate(self, step: dict[str, Any]) -> None:
        place = self._picked(step, kind=step["kind"])
        os.utime(place, ns=(0, step["seconds"] * 10**9))

    def ignore(self, step: dict[str, Any]) -> None:
        folder = self._picked(step, kind="folder")
        place, content = os.path.join(folder, b".fileorgignore"), IGNORED[step["content"]]
        if content == b"FIFO":
            if self._is_fine:  # exFAT through FUSE makes a file, and the kernel then shows an old time of the folder
                os.mkfifo(place)
        elif content == b"FOLDER":
            os.mkdir(place)
        else:
            self.write(place, content)
            if b"*a" in content:
                self.write(os.path.join(folder, b"a" * 60 + b".txt"), self.content(9))

    # Programs that have a file open -------------------------------------------------------------------------------

    def hold(self, step: dict[str, Any]) -> None:
        place = self._picked(step)
        fd = os.open(place, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        view = None
        if step["mapped"] and self._is_fine and os.fstat(fd).st_size:
            view = mmap.mmap(fd, 0)
            seen = os.fstat(fd)
            view[0:1] = view[0:1]  # makes the page dirty: later writes to it change no time
            os.utime(fd, ns=(seen.st_atime_ns, seen.st_mtime_ns))
        self._held.append(Held(fd, view))
        self._world.touch({path for path in self._world.view.files if self._world.place(path) == place})

    def write_held(self, step: dict[str, Any]) -> None:
        if not self._held:
            return
        held = self._held[step["which"] % len(self._held)]
        if os.fstat(held.fd).st_nlink == 0:
            return
        if held.view is not None:
            held.view[:] = self.content(len(held.view))
        else:
            self._change(held.fd, keeps_time=step["keeps_time"])

    # Whole bases --------------------------------------------------------------------------------------------------

    def _send_away(self, step: dict[str, Any]) -> None:
        base = step["base"].encode()
        if not self._world.away and self._is_there(base):
            self._world.send_away(base)

    def _divert(self, step: dict[str, Any]) -> None:
        """Replace the folder of a base by a symlink to a refused folder."""
        base = step["base"].encode()
        if not self._world.away and self._is_there(base) and self._is_fine:
            self._world.send_away(base)
            os.symlink(os.path.join(self._world.bases[b"outside"], b"victim"), self._world.bases[base])

    def _is_there(self, base: bytes) -> bool:
        place = self._world.bases[base]
        holds_state = base == b"root" and self._world.state_inside
        return not holds_state and not os.path.islink(place) and not os.path.ismount(place)


def _at_once(path: Any, flags: int) -> int:
    """Open without blocking: a halted command that holds a lease would block the open forever."""
    return os.open(path, flags | os.O_NONBLOCK, 0o644)
