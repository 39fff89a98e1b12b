#!/usr/bin/env python3
"""Create a tree of files for measurements: the same tree for the same arguments, in constant memory.

The program remembers no files: if a file shares its content (a duplicate) or its name (a clash) with an earlier file,
the program computes both again from the number of the earlier file.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from pathlib import Path
from struct import unpack

from kinds import KIND_OF_PERMILLE, LEAF_FOLDERS, MAGIC, MIDDLE_FOLDERS, TOP_FOLDERS, Kind

DUPLICATES_PERMILLE = 100
CONFLICTS_PERMILLE = 1
FIRST_MTIME_NS = 1_420_070_400_000_000_000  # 2015: no file looks as if a program were still writing to it
MTIME_RANGE_NS = 9 * 365 * 86_400 * 1_000_000_000
POOL_BYTES = 4 << 20


class Bytes(Enum):
    """The part of a file's size that is really written."""

    FULL = "full"
    SCALED = "scaled"
    SPARSE = "sparse"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The properties of one file. `content` is the number of the file with the same content."""

    name: str
    kind: Kind
    size: int
    head: bytes
    content: int
    mtime_ns: int


class Tree:
    """The recipes of the files of a tree, by number."""

    def __init__(self, *, seed: int, per_folder: int, scale: float = 1.0) -> None:
        self.per_folder = per_folder
        self._key = seed.to_bytes(8, "big", signed=True)
        self._scale = scale

    def recipe(self, number: int) -> Recipe:
        content = self._content(number)
        namesake = self._namesake(content)
        kind_draw, extension_draw, size_draw, unique = self._draws(content)
        if namesake is not None:
            kind_draw, extension_draw, _, _ = self._draws(namesake)
        kind = KIND_OF_PERMILLE[kind_draw % 1000]
        extension = kind.extensions[extension_draw % len(kind.extensions)]
        head = MAGIC.get(extension, b"") + f"{unique:016x}{content:08x}\n".encode()
        own_draw = self._draws(number)[3]
        return Recipe(
            name=self._name(number, kind, extension, namesake if content == number else None),
            kind=kind,
            size=max(len(head), int(self._size(kind, size_draw) / self._scale)),
            head=head,
            content=content,
            mtime_ns=FIRST_MTIME_NS + own_draw % MTIME_RANGE_NS,
        )

    def folder(self, index: int) -> str:
        """Return the path of a folder below the root; the first folder is the root itself."""
        if index == 0:
            return ""
        top = TOP_FOLDERS[index % len(TOP_FOLDERS)]
        middle = f"{MIDDLE_FOLDERS[index // len(TOP_FOLDERS) % len(MIDDLE_FOLDERS)]} {2010 + index % 14}"
        leaf = f"{LEAF_FOLDERS[index % len(LEAF_FOLDERS)]} {index}"
        return f"{top}/{leaf}" if index % 3 == 0 else f"{top}/{middle}/{leaf}"

    def _draws(self, number: int) -> tuple[int, int, int, int]:
        digest = blake2b(number.to_bytes(8, "big"), digest_size=32, key=self._key).digest()
        a, b, c, d = unpack(">4Q", digest)
        return a, b, c, d

    def _is_duplicate(self, number: int) -> bool:
        return number > 0 and self._draws(number)[1] // 1000 % 1000 < DUPLICATES_PERMILLE

    def _content(self, number: int) -> int:
        while self._is_duplicate(number):
            number = self._draws(number)[2] % number
        return number

    def _namesake(self, number: int) -> int | None:
        """Return the file in another folder that has the same name, None if the name does not clash.

        Both files have the same position in their folders, so two files of one folder never get the same name.
        """
        folder = number // self.per_folder
        draw = self._draws(number)[0] // 1000
        if folder == 0 or draw % 1000 >= CONFLICTS_PERMILLE or self._is_duplicate(number):
            return None
        other = number - self.per_folder * (1 + draw // 1000 % folder)
        if self._is_duplicate(other) or self._namesake(other) is not None:
            return None
        return other

    def _name(self, number: int, kind: Kind, extension: str, namesake: int | None) -> str:
        owner = number if namesake is None else namesake
        stem = kind.stems[self._draws(owner)[1] // 1_000_000 % len(kind.stems)]
        return f"{stem}{owner:07d}.{extension}"

    @staticmethod
    def _size(kind: Kind, draw: int) -> int:
        # Uniform over the logarithm: many small and few large files, as in real folders.
        return int(kind.smallest * (kind.largest / kind.smallest) ** (draw / 2**64))


class Pools:
    """Random bytes and random text, created once; the contents of full files are slices of them."""

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        words = [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 9))) for _ in range(2000)]
        text = b" ".join(rng.choices(words, k=POOL_BYTES // 6)) + b"\n"
        self._binary = memoryview(rng.randbytes(POOL_BYTES))
        self._text = memoryview(text)

    def pieces(self, recipe: Recipe) -> Iterator[memoryview]:
        """Yield the bytes after the head: a slice of a pool that starts anywhere and wraps around."""
        pool = self._text if recipe.kind.is_text else self._binary
        start = recipe.content * 7919 % len(pool)
        left = recipe.size - len(recipe.head)
        while left > 0:
            piece = pool[start : start + left]
            yield piece
            left -= len(piece)
            start = 0


def _write_all(fd: int, data: bytes | memoryview) -> None:
    while data:
        data = data[os.write(fd, data) :]


def _make_file(recipe: Recipe, directory: int, pools: Pools | None) -> None:
    fd = os.open(recipe.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644, dir_fd=directory)
    try:
        _write_all(fd, recipe.head)
        if pools is None:
            os.ftruncate(fd, recipe.size)
        else:
            for piece in pools.pieces(recipe):
                _write_all(fd, piece)
        os.utime(fd, ns=(recipe.mtime_ns, recipe.mtime_ns))
    finally:
        os.close(fd)


def make_tree(
    root: Path, files: int, *, written: Bytes, seed: int = 1, per_folder: int = 1000, scale: float = 1.0
) -> int:
    """Create `files` files below `root`, which must be empty or absent. Return the sum of their sizes in bytes."""
    root.mkdir(parents=True, exist_ok=True)
    if any(root.iterdir()):
        raise FileExistsError(f"{root} is not empty")
    tree = Tree(seed=seed, per_folder=per_folder, scale=scale if written is Bytes.SCALED else 1.0)
    pools = None if written is Bytes.SPARSE else Pools(seed)
    total_bytes = 0
    for first in range(0, files, per_folder):
        folder = root / tree.folder(first // per_folder)
        folder.mkdir(parents=True, exist_ok=True)
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for number in range(first, min(first + per_folder, files)):
                recipe = tree.recipe(number)
                _make_file(recipe, directory, pools)
                total_bytes += recipe.size
        finally:
            os.close(directory)
    return total_bytes


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _divisor(text: str) -> float:
    value = float(text)
    if not value >= 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("dir", type=Path, help="a folder that is empty or does not exist yet")
    parser.add_argument("--files", type=_positive, required=True, metavar="N")
    parser.add_argument(
        "--kind", choices=[written.value for written in Bytes], default="sparse", help="default: sparse"
    )
    parser.add_argument(
        "--scale", type=_divisor, default=100.0, metavar="F", help="divide sizes by F (scaled; default 100)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    parser.add_argument("--per-folder", type=_positive, default=1000, metavar="K", help="files each (default 1000)")
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    started = time.perf_counter()
    try:
        total_bytes = make_tree(
            arguments.dir,
            arguments.files,
            written=Bytes(arguments.kind),
            seed=arguments.seed,
            per_folder=arguments.per_folder,
            scale=arguments.scale,
        )
    except OSError as error:
        print(f"tree: {error}", file=sys.stderr)
        return 1
    seconds = time.perf_counter() - started
    print(f"{arguments.files:,} files, {total_bytes / 1e9:,.1f} GB in sizes, created in {seconds:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
