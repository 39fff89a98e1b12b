"""How programs write a file, imitated call by call. Each way yields between its steps; it is complete at its end."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_OLD_NS = 1_500_000_000 * 10**9


def _write(fd: int, text: str) -> None:
    os.write(fd, text.encode())


def _create(path: Path, flags: int = 0) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | flags, 0o644)


def firefox(folder: Path, name: str) -> Iterator[None]:
    """An empty file has the name already; the content goes into another one, which then replaces it."""
    os.close(_create(folder / name, os.O_EXCL))
    stem, _, suffix = name.rpartition(".")
    part = folder / f"{stem}.aB3xYz9k.{suffix}.part"
    fd = _create(part, os.O_EXCL)
    _write(fd, "first half,")
    yield
    _write(fd, "second half")
    yield
    os.close(fd)
    os.rename(part, folder / name)


def chrome(folder: Path, name: str) -> Iterator[None]:
    """A hidden file until the user has chosen the name, then an unconfirmed one."""
    hidden = folder / f".com.google.Chrome.{name[:2]}3aBc"
    fd = _create(hidden, os.O_EXCL)
    _write(fd, "first half,")
    yield
    unconfirmed = folder / "Unconfirmed 417318.crdownload"
    os.rename(hidden, unconfirmed)
    yield
    _write(fd, "second half")
    os.fsync(fd)
    os.close(fd)
    yield
    os.rename(unconfirmed, folder / f"{name}.crdownload")
    os.rename(folder / f"{name}.crdownload", folder / name)


def curl(folder: Path, name: str) -> Iterator[None]:
    """The file has its name from the start, and stays open."""
    fd = _create(folder / name, os.O_TRUNC)
    _write(fd, "first half,")
    yield
    yield
    _write(fd, "second half")
    yield
    os.close(fd)


def rsync(folder: Path, name: str) -> Iterator[None]:
    """A hidden file with random letters gets its times and its mode before its name."""
    hidden = folder / f".{name}.x7Gh2k"
    fd = _create(hidden, os.O_EXCL)
    _write(fd, "first half,")
    yield
    _write(fd, "second half")
    os.fchmod(fd, 0o640)
    os.close(fd)
    os.utime(hidden, ns=(_OLD_NS, _OLD_NS))
    yield
    os.rename(hidden, folder / name)


def rsync_inplace(folder: Path, name: str) -> Iterator[None]:
    """The file has its name from the start; its time is set to an old one after it is closed."""
    fd = _create(folder / name)
    _write(fd, "first half,")
    yield
    _write(fd, "second half")
    yield
    os.ftruncate(fd, 22)
    os.close(fd)
    os.utime(folder / name, ns=(_OLD_NS, _OLD_NS))


def yt_dlp(folder: Path, name: str) -> Iterator[None]:
    """Two streams, one after the other, are merged into a third file."""
    stem, _, suffix = name.rpartition(".")
    streams = [folder / f"{stem}.f137.{suffix}", folder / f"{stem}.f140.m4a"]
    for stream in streams:
        part = stream.with_name(stream.name + ".part")
        fd = _create(part, os.O_TRUNC)
        _write(fd, "half of it")
        if stream is streams[1]:
            os.rename(streams[0].with_name(streams[0].name + ".part"), streams[0])
        yield
        os.close(fd)
    os.rename(streams[1].with_name(streams[1].name + ".part"), streams[1])
    merged = folder / f"{stem}.temp.{suffix}"
    fd = _create(merged, os.O_TRUNC)
    _write(fd, "first half,")
    yield
    _write(fd, "second half")
    os.close(fd)
    os.rename(merged, folder / name)
    for stream in streams:
        os.unlink(stream)


def office(folder: Path, name: str) -> Iterator[None]:
    """A lock file lies beside the document while it is open; a save writes another file and renames it."""
    lock = folder / f".~lock.{name}#"
    os.close(_create(lock, os.O_EXCL))
    (folder / name).write_text("first half,")
    yield
    saved = folder / "lu4711x2.tmp"
    fd = _create(saved, os.O_EXCL)
    _write(fd, "first half,second half")
    yield
    os.close(fd)
    os.rename(saved, folder / name)
    yield
    os.unlink(lock)


WAYS: dict[str, Callable[[Path, str], Iterator[None]]] = {
    "a.zip": firefox,
    "b.pdf": chrome,
    "c.iso": curl,
    "d.jpg": rsync,
    "e.mp3": rsync_inplace,
    "f.mp4": yt_dlp,
    "g.odt": office,
}
"""The ways by the name of the file that each writes."""
CONTENT = "first half,second half"
