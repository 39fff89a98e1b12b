"""File systems in image files: created, mounted by a loop device, and always unmounted."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.faults.process import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SOON = 30.0
_PROGRAM = Path(__file__).with_name("disks.py")


class Unmountable(Exception):
    """Raised if the file system itself cannot be mounted, with the kernel's message."""


@dataclass(frozen=True)
class FileSystem:
    """A small file system, without background writes, which would appear in the log."""

    name: str
    mib: int
    make: tuple[str, ...]
    options: str = "noatime"

    def __str__(self) -> str:
        return self.name

    @property
    def is_there(self) -> bool:
        """Return whether it can be created here. Mounting will show if the kernel supports it."""
        return shutil.which(f"mkfs.{self.name}") is not None

    def create(self, image: Path) -> None:
        with open(image, "xb") as file:
            file.truncate(self.mib << 20)
        run(f"mkfs.{self.name}", *self.make, str(image))

    @contextlib.contextmanager
    def mounted(self, image: Path, place: Path) -> Iterator[None]:
        """Mount an image during the block; unmounting also removes the loop device. Raises `Unmountable`."""
        if self.name == "btrfs":
            # btrfs identifies disks by an id, which all states of one image share, and refuses an older state.
            run("btrfs", "device", "scan", "--forget")
        place.mkdir(exist_ok=True)
        command = ["mount", "-t", self.name, "-o", f"loop,{self.options}", str(image), str(place)]
        mounted = subprocess.run(command, check=False, capture_output=True, text=True)
        if mounted.returncode:
            raise Unmountable(mounted.stderr)
        try:
            yield
        finally:
            unmount(place)


EXT4 = FileSystem(
    "ext4", 64, ("-q", "-b", "4096", "-I", "256", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard")
)
XFS = FileSystem("xfs", 320, ("-q", "-K"))
BTRFS = FileSystem("btrfs", 160, ("-q", "-K"), "noatime,nodiscard")


def run(*command: str) -> None:
    finished = subprocess.run(command, check=False, capture_output=True, text=True)
    if finished.returncode:
        raise AssertionError(f"{command} ends with {finished.returncode}: {finished.stderr}")


def unmount(place: Path) -> None:
    """Unmount, lazily if the file system is still in use."""
    if subprocess.run(["umount", str(place)], check=False, capture_output=True).returncode:
        run("umount", "--lazy", str(place))


def copy_image(source: Path, target: Path) -> None:
    """Copy an image and keep its holes: most of an image is empty."""
    run("cp", "--sparse=always", str(source), str(target))


@contextlib.contextmanager
def logged(images: Sequence[Path], place: Path, log: Path) -> Iterator[list[Path]]:
    """Yield paths of the images at which every write is logged and passed on to the image."""
    place.mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    environment = {**os.environ, **ENVIRONMENT}
    command = [sys.executable, str(_PROGRAM), str(place), str(log), *map(str, images)]
    server = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
    served = [place / image.name for image in images]
    try:
        late = time.monotonic() + _SOON
        while not os.path.ismount(place):
            if server.poll() is not None or time.monotonic() > late:
                server.kill()
                raise AssertionError(f"the disks are not served: {server.communicate()[1]!r}")
            time.sleep(0.01)
        yield served
    finally:
        if os.path.ismount(place):
            unmount(place)
        try:
            server.communicate(timeout=_SOON)
        except subprocess.TimeoutExpired:
            server.kill()
            server.communicate()
