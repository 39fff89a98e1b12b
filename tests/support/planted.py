"""A tree with planted duplicates, deterministic for a seed, and its expected groups.

For each size around a border at which a program may change how it reads: equal files, and files that differ in one
byte. Also: hard links, symlinks, holes, names of any bytes, pipes, hidden files, projects.
"""

from __future__ import annotations

import os
import random
from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum
from itertools import cycle

KB, MB = 1 << 10, 1 << 20
_BORDERS = (4 * KB, 8 * KB, 16 * KB, 64 * KB, MB)
SIZES = (0, 1, *(border + step for border in _BORDERS for step in (-1, 0, 1)), 4 * MB + 3)
_LARGE = 128 * KB
"""Above this size fewer bytes are changed, so that the tree stays small."""

ODD_NAMES = (
    b"-rf",
    b"--help",
    b"blanks  in it ",
    b" first",
    b"[red]markup[-red]",
    b"esc\x1b[31mape",
    b"caf\xe9",
    b"\xff\xfe\x80",
    b"tab\tbell\x07",
    b"back\\slash\\n",
    b"quote'\"$`",
    b"*?{a,b}",
    "Füße 写真 🙂".encode(),
    b"e\xcc\x81",
    "\N{LATIN SMALL LETTER E WITH ACUTE}".encode(),
    b"\xe2\x80\xaereversed",
    b"x" * 255,
    b"\xe9" * 255,
    b"%s%n%00",
    b"carriage\rreturn",
)
NAMES_OF_SEVERAL_LINES = (b"new\nline", b"\n", b"ends\n", b"two\n\nlines", b"\nbegins", b"a\n/etc/passwd")


class Kind(Enum):
    """The options that a file requires to be searched."""

    PLAIN = "plain"
    HIDDEN = "hidden"
    LEFT_ALONE = "left alone"
    """Part of a project, or an unfinished download."""


@dataclass(frozen=True, slots=True)
class File:
    """A file with all its names, relative to the root. Files are equal exactly if their `content` is."""

    names: tuple[bytes, ...]
    content: str
    size_bytes: int
    kind: Kind


@dataclass(slots=True)
class Planted:
    """The planted files. Large contents are only kept by label."""

    root: bytes
    files: list[File] = field(default_factory=list)

    def groups(self, *, min_size: int = 1, hidden: bool = True, all_files: bool = True) -> list[list[File]]:
        """Return the groups of equal files of at least `min_size` bytes that the options include."""
        kinds = {Kind.PLAIN} | ({Kind.HIDDEN} if hidden else set()) | ({Kind.LEFT_ALONE} if all_files else set())
        by_content: defaultdict[str, list[File]] = defaultdict(list)
        for file in self.files:
            if file.kind in kinds and file.size_bytes >= min_size:
                by_content[file.content].append(file)
        return [group for group in by_content.values() if len(group) > 1]

    def paths(self, group: list[File]) -> list[bytes]:
        """Return all names of all files of a group."""
        return [os.path.join(self.root, name) for file in group for name in file.names]


def plant(root: bytes, *, seed: int = 1, several_lines: bool = True) -> Planted:
    """Make the tree in a new folder: 60 MB. With `several_lines`, also names with line breaks."""
    os.mkdir(root)
    planter = _Planter(Planted(root), random.Random(seed).randbytes(SIZES[-1]))
    planter.sizes()
    planter.links()
    planter.holes()
    planter.names(ODD_NAMES + (NAMES_OF_SEVERAL_LINES if several_lines else ()))
    planter.not_files()
    planter.hidden()
    planter.left_alone()
    return planter.planted


@dataclass(slots=True)
class _Planter:
    planted: Planted
    noise: bytes
    """Each content is the start of this with one byte changed: shorter files are the heads of longer ones."""

    def sizes(self) -> None:
        folders = cycle((b"a", b"b/bb", b"c/cc/ccc", b"d" + b"/d" * 30))
        for size in SIZES:
            for copy in range(3):
                self._put(next(folders), b"%d same %d" % (size, copy), f"{size}", self.noise[:size])
            for number, place in enumerate(_places(size)):
                content = bytearray(self.noise[:size])
                content[place] ^= 1
                # Every other one has a duplicate: a file that differs from the rest need not be unique.
                for copy in range(1 if size > _LARGE else 1 + number % 2):
                    name = b"%d byte %d, %d" % (size, place, copy)
                    self._put(next(folders), name, f"{size}, byte {place}", bytes(content))

    def links(self) -> None:
        """Plant hard links alone, with a copy, and two files of two names each; symlinks to all of them, and cycles."""
        self._put(b"links", b"alone", "links 1", b"one file", b"links/alone again", b"a/alone, too")
        self._put(b"links", b"with copy", "links 2", b"two files", b"b/with copy, again")
        self._put(b"links", b"copy", "links 2", b"two files")
        self._put(b"links", b"first", "links 3", b"four names", b"a/first again")
        self._put(b"links", b"second", "links 3", b"four names", b"links/second again")
        self._put(b"links", b"at the border", f"{4096}", self.noise[:4096], b"links/at the border, again")
        for name, target in (
            (b"to a file", b"alone"),
            (b"to a copy", b"copy"),
            (b"to a copy, too", b"copy"),
            (b"to a folder", b"../b"),
            (b"to the root", b".."),
            (b"to itself", b"to itself"),
            (b"to and fro", b"fro and to"),
            (b"fro and to", b"to and fro"),
            (b"to nowhere", b"nowhere"),
            (b"to nowhere, too", b"nowhere"),
            (b"to the outside", b"/dev/zero"),
        ):
            os.symlink(target, os.path.join(self.planted.root, b"links", name))

    def holes(self) -> None:
        """Plant holes, which equal written zeros, and data in the middle of holes."""
        size = MB
        self._put(b"holes", b"written zeros", "zeros", bytes(size))
        for name in (b"hole", b"another hole"):
            self._put_sparse(name, "zeros", size, 0, b"")
        self._put_sparse(b"longer hole", "longer hole", size + 1, 0, b"")
        for name, place, content in (
            (b"island", size // 2, "island"),
            (b"same island", size // 2, "island"),
            (b"island elsewhere", size // 2 + 1, "island elsewhere"),
            (b"island at the end", size - 6, "island at the end"),
        ):
            self._put_sparse(name, content, size, place, b"island")
        written = bytearray(size)
        written[size // 2 : size // 2 + 6] = b"island"
        self._put(b"holes", b"written island", "island", bytes(written))

    def names(self, names: tuple[bytes, ...]) -> None:
        """Plant two files of each name, in different folders, all with one content; also a folder of each name."""
        for name in names:
            self._put(b"names", name, "names", b"whatever its name")
            self._put(b"names, too", name, "names", b"whatever its name")
            self._put(b"folders/" + name, b"file", "in folders", b"whatever its folder")

    def not_files(self) -> None:
        """Plant special files; opening a pipe would block forever."""
        root = self.planted.root
        for folder in (b"empty", b"empty, too", b"nest/of/empty/folders"):
            os.makedirs(os.path.join(root, folder))
        for name in (b"pipe", b"another pipe"):
            os.mkfifo(os.path.join(root, name))

    def hidden(self) -> None:
        for folder, name in ((b"", b".hidden"), (b".folder", b"file"), (b".folder/.deep", b".file")):
            self._put(folder, name, "hidden", b"nobody sees", kind=Kind.HIDDEN)
            self._put(folder, name + b", as others", "links 2", b"two files", kind=Kind.HIDDEN)
        self._put(b"", b"as a hidden one", "hidden", b"nobody sees")

    def left_alone(self) -> None:
        for folder in (b"project", b"other project"):
            self._put(folder, b"package.json", "package", b"{}", kind=Kind.LEFT_ALONE)
            self._put(folder + b"/src", b"index.js", "source", b"// source", kind=Kind.LEFT_ALONE)
        for name in (b"film.mkv.part", b"film.mkv.crdownload"):
            self._put(b"downloads", name, "half", b"half of a film", kind=Kind.LEFT_ALONE)

    def _put(
        self, folder: bytes, name: bytes, content: str, data: bytes, *others: bytes, kind: Kind = Kind.PLAIN
    ) -> None:
        """Plant a file with that name in that folder, and hard links at `others`, paths below the root."""
        first = os.path.join(folder, name)
        with open(self._place(first), "xb") as file:
            file.write(data)
        for other in others:
            os.link(self._place(first), self._place(other))
        self.planted.files.append(File((first, *others), content, len(data), kind))

    def _put_sparse(self, name: bytes, content: str, size: int, place: int, data: bytes) -> None:
        path = os.path.join(b"holes", name)
        with open(self._place(path), "xb") as file:
            file.truncate(size)
            os.pwrite(file.fileno(), data, place)
        self.planted.files.append(File((path,), content, size, Kind.PLAIN))

    def _place(self, path: bytes) -> bytes:
        place = os.path.join(self.planted.root, path)
        os.makedirs(os.path.dirname(place), exist_ok=True)
        return place


def _places(size: int) -> list[int]:
    """Return the positions of changed bytes: the first, the last, the middle, and borders from either end."""
    places = {0, 4095, 4096, size // 2, size - 1}
    if size <= _LARGE:
        places |= {8191, 8192, 16383, 16384, 65535, 65536, size - 4096, size - 4097, size - 8193, size - 16385}
    return sorted(place for place in places if 0 <= place < size)
