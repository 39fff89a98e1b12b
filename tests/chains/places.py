"""Folders for chains on several kinds of file systems, mounted once."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.support import disks

if TYPE_CHECKING:
    from collections.abc import Iterator

PLAIN = ("ext4", "tmpfs")
ALL = (*PLAIN, "overlay", "btrfs", "exfat")
_DISK_BYTES = 160 << 20
_MAKE = {"ext4": ("mkfs.ext4", "-q", "-I", "256"), "btrfs": ("mkfs.btrfs", "-q")}


class Places:
    """The file systems of one worker. Kinds that cannot be mounted use a plain folder and are not counted."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        prefix = f"fileorg-chains-{os.getpid()}-"
        self._home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
        shared = Path("/dev/shm") if os.access("/dev/shm", os.W_OK) else None
        self._memory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=prefix, dir=shared)))
        self._home.chmod(0o755)
        self._memory.chmod(0o755)
        self._made: dict[str, Path] = {}
        self._count = 0

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator[Self]:
        with contextlib.ExitStack() as stack:
            yield cls(stack)

    @property
    def memory(self) -> Path:
        return self._memory

    def has(self, kind: str) -> bool:
        """Return whether this kind of file system is available."""
        try:
            self._folder(kind)
        except disks.NotTested:
            return False
        return True

    @contextlib.contextmanager
    def fresh(self, kind: str) -> Iterator[Place]:
        """Yield an empty folder on this kind of file system. Raises `disks.NotTested`."""
        self._count += 1
        folder = self._folder(kind) / f"chain-{self._count}"
        folder.mkdir(parents=True)
        place = Place(kind, folder)
        try:
            yield place
        finally:
            place.close()
            _remove(folder)

    def _folder(self, kind: str) -> Path:
        if kind not in self._made:
            self._made[kind] = self._make(kind)
        return self._made[kind]

    def _make(self, kind: str) -> Path:
        match kind:
            case "ext4":
                try:  # in memory, where a flush is fast
                    return self._disk(kind)
                except disks.NotTested:
                    return self._home
            case "tmpfs":
                return self._memory
            case "overlay":
                if os.geteuid() != 0:
                    raise disks.NotTested("mounting an overlay needs root")
                return self._memory
            case "btrfs":
                return self._disk(kind)
            case _:
                return self._stack.enter_context(disks.plugged_in(kind, self._memory / kind)).place

    def _disk(self, kind: str) -> Path:
        make = _MAKE[kind]
        if os.geteuid() != 0 or shutil.which(make[0]) is None:
            raise disks.NotTested(f"a disk of {kind} needs root and {make[0]}")
        image, place = self._memory / f"{kind}.image", self._memory / kind
        place.mkdir()
        with image.open("wb") as file:
            file.truncate(_DISK_BYTES)
        subprocess.run([*make, str(image)], check=True, capture_output=True)
        mounted = subprocess.run(["mount", "-o", "loop", str(image), str(place)], check=False, capture_output=True)
        if mounted.returncode:
            raise disks.NotTested(f"{kind}: {mounted.stderr!r}")
        self._stack.callback(subprocess.run, ["umount", "--lazy", str(place)], check=False)
        return place


class Place:
    """A folder for one chain. The first files are created in `lower`; after `ready`, all files are at `path`."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self._is_overlay = kind == "overlay"
        self._is_mounted = False
        self.folder = folder
        self.lower = folder / ("lower" if self._is_overlay else "it")
        self.path = folder / "it"
        self.path.mkdir()
        self.lower.mkdir(exist_ok=True)

    @property
    def keeps_attributes(self) -> bool:
        """True if modes, links, owners and sub-second times are kept."""
        return self.kind != "exfat"

    @property
    def keeps_inodes(self) -> bool:
        return self.kind != "exfat"

    def ready(self) -> None:
        if not self._is_overlay:
            return
        for name in ("upper", "work"):
            (self.folder / name).mkdir()
        layers = f"lowerdir={self.lower},upperdir={self.folder / 'upper'},workdir={self.folder / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, str(self.path)], check=True)
        self._is_mounted = True

    def close(self) -> None:
        if self._is_mounted:
            subprocess.run(["umount", "--lazy", str(self.path)], check=True)


def _remove(folder: Path) -> None:
    """Remove a folder, also if permissions forbid it."""
    for path, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            os.chmod(path, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
