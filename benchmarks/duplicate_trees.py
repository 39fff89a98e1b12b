#!/usr/bin/env python3
"""Create trees with duplicates: many small files of source and text, or a few large files, all fully written."""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FIRST_MTIME_NS = 1_420_070_400_000_000_000  # 2015: no file looks as if a program were still writing to it
MTIME_RANGE_NS = 9 * 365 * 86_400 * 1_000_000_000

SMALLEST_BYTES, LARGEST_BYTES = 200, 20_000
PER_FOLDER = 50
COPIES_PERMILLE = 200
ALMOST_COPIES_PERMILLE = 20
_EXTENSIONS = ("py", "js", "ts", "c", "h", "go", "rs", "java", "css", "md", "txt", "json", "html", "xml")
_STEMS = ("parser", "test", "util", "handler", "model", "view", "query", "migration", "notes", "index")
_POOL_BYTES = 4 << 20

LARGE_SMALLEST_BYTES, LARGE_LARGEST_BYTES = 50_000_000, 700_000_000
_CHUNK_BYTES = 1 << 20


def _log_uniform(rng: random.Random, smallest: int, largest: int) -> int:
    """Return a random size: many are small and few are large, as in real folders."""
    return int(smallest * (largest / smallest) ** rng.random())


@dataclass(frozen=True, slots=True)
class _Text:
    """A small content: a licence at its start, then a part of the pool, and maybe one changed byte."""

    size: int
    header: bytes
    start: int
    changed: int | None = None

    def data(self, pool: bytes) -> bytes:
        rest = self.size - len(self.header)
        text = bytearray(self.header + pool[self.start : self.start + rest])
        if self.changed is not None:
            text[self.changed] ^= 1
        return bytes(text)


class _Texts:
    """Contents like those of source trees: many begin with one of a few licences, some differ only in one byte."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        words = [
            bytes(self._rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=self._rng.randint(2, 9))) for _ in range(2000)
        ]
        self.pool = b" ".join(self._rng.choices(words, k=_POOL_BYTES // 5))
        self._headers = [self.pool[at * 5000 : at * 5000 + self._rng.randint(300, 1200)] for at in range(8)]
        self._made: list[_Text] = []

    def next(self) -> _Text:
        draw = self._rng.randrange(1000)
        if self._made and draw < COPIES_PERMILLE:
            return self._rng.choice(self._made)
        if self._made and draw < COPIES_PERMILLE + ALMOST_COPIES_PERMILLE:
            like = self._rng.choice(self._made)
            return _Text(like.size, like.header, like.start, self._rng.randrange(like.size))
        size = _log_uniform(self._rng, SMALLEST_BYTES, LARGEST_BYTES)
        header = self._rng.choice(self._headers) if draw % 2 else b""
        text = _Text(
            size,
            header if 2 * len(header) < size else b"",
            self._rng.randrange(len(self.pool) - LARGEST_BYTES),
        )
        self._made.append(text)
        return text


def make_small(root: Path, files: int, seed: int = 1) -> int:
    """Create `files` files of 0.2 to 20 KB, 50 per folder, one in five a copy of an earlier one. Return their bytes."""
    texts, rng = _Texts(seed), random.Random(seed + 1)
    total_bytes = 0
    for number in range(files):
        folder = root / _folder(number // PER_FOLDER)
        if number % PER_FOLDER == 0:
            folder.mkdir(parents=True)
        data = texts.next().data(texts.pool)
        name = f"{_STEMS[rng.randrange(len(_STEMS))]}_{number:06d}.{_EXTENSIONS[rng.randrange(len(_EXTENSIONS))]}"
        _write(folder / name, iter((data,)), FIRST_MTIME_NS + rng.randrange(MTIME_RANGE_NS))
        total_bytes += len(data)
    return total_bytes


def _folder(index: int) -> str:
    return f"part {index % 20:02d}/group {index // 20 % 20:02d}/set {index}"


def make_large(root: Path, total_bytes: int, seed: int = 1) -> int:
    """Create files of 50 to 700 MB of noise, `total_bytes` together. Return their number.

    The pairs alternate: a file and its copy; two files that differ in the last byte; in the middle byte; and two files
    that share only their size. The last file may be smaller.
    """
    rng = random.Random(seed)
    noise = rng.randbytes(64 * _CHUNK_BYTES)
    left, files = total_bytes, 0
    while left > 0:
        size = min(_log_uniform(rng, LARGE_SMALLEST_BYTES, LARGE_LARGEST_BYTES), left // 2 or 1)
        other, changed = ((0, None), (0, size - 1), (0, size // 2), (1, None))[files // 2 % 4]
        folder = root / f"disc {files // 8}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, content, place in (("take", files, None), ("again", files + other, changed)):
            _write(folder / f"{name} {files}.mkv", _noise(noise, content, size, place), FIRST_MTIME_NS + files)
        files += 2
        left -= 2 * size
    return files


def _noise(noise: bytes, content: int, size: int, changed: int | None) -> Iterator[bytes]:
    """Yield chunks of a large content, each from another part of the noise."""
    rng = random.Random(content)
    for at in range(0, size, _CHUNK_BYTES):
        start = rng.randrange(len(noise) - _CHUNK_BYTES)
        chunk = noise[start : start + min(_CHUNK_BYTES, size - at)]
        if changed is not None and at <= changed < at + len(chunk):
            altered = bytearray(chunk)
            altered[changed - at] ^= 1
            chunk = bytes(altered)
        yield chunk


def _write(path: Path, chunks: Iterator[bytes], mtime_ns: int) -> None:
    with path.open("xb", buffering=0) as file:
        for chunk in chunks:
            file.write(chunk)
        os.utime(file.fileno(), ns=(mtime_ns, mtime_ns))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dir", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--files", type=int, metavar="N", help="number of small files")
    parser.add_argument("--gigabytes", type=float, metavar="G", help="size of the large files together")
    parser.add_argument("--seed", type=int, default=1, metavar="S")
    arguments = parser.parse_args()
    started = time.perf_counter()
    arguments.dir.mkdir()
    if arguments.files:
        made = f"{make_small(arguments.dir / 'small', arguments.files, arguments.seed) / 1e9:.2f} GB in small files"
        print(f"{made}, {time.perf_counter() - started:.1f} s")
    if arguments.gigabytes:
        files = make_large(arguments.dir / "large", int(arguments.gigabytes * 1e9), arguments.seed)
        print(f"{files} large files, {time.perf_counter() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
