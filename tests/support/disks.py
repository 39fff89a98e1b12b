"""Disks with other file systems than those native to Linux, on loop devices, for the duration of a test.

An unavailable one raises `NotTested` with the reason; tests skip with that text.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIZE_BYTES = 32 << 20


@dataclass(frozen=True)
class Kind:
    """A kind of file system: how to make and mount it, and its properties."""

    make: tuple[str, ...]
    mount: tuple[str, ...]
    needs_device: bool
    refuses: tuple[bytes, ...]
    """Names that it refuses."""
    step_ns: int
    """Its resolution of times."""
    links: bool
    has_case: bool
    shows_case: bool
    """True if it lists names in their original case."""

    def rounded(self, time_ns: int) -> int:
        return time_ns - time_ns % self.step_ns


_REFUSED_BY_WINDOWS = (b"a:b.jpg", b"what?.jpg", b"back\\slash.jpg", b"star*.jpg", b"ctrl\x01.jpg")
_NOT_UTF_8 = b"caf\xe9.jpg"

KINDS = {
    "exfat": Kind(
        ("mkfs.exfat",),
        ("mount.exfat-fuse",),
        needs_device=True,
        refuses=(*_REFUSED_BY_WINDOWS, _NOT_UTF_8),
        step_ns=10**9,
        links=False,
        has_case=False,
        shows_case=True,
    ),
    "ntfs": Kind(
        ("mkfs.ntfs", "-F", "-q"),
        ("lowntfs-3g", "-o", "ignore_case"),
        needs_device=False,
        refuses=(_NOT_UTF_8,),
        step_ns=100,
        links=True,
        has_case=False,
        shows_case=False,
    ),
    "ntfs, names of Windows": Kind(
        ("mkfs.ntfs", "-F", "-q"),
        ("ntfs-3g", "-o", "windows_names"),
        needs_device=False,
        refuses=(*_REFUSED_BY_WINDOWS, b"dot.", b"space ", _NOT_UTF_8),
        step_ns=100,
        links=True,
        has_case=True,
        shows_case=True,
    ),
    "ext4, casefold": Kind(
        ("mkfs.ext4", "-q", "-O", "casefold"),
        ("mount", "-t", "ext4"),
        needs_device=True,
        refuses=(),
        step_ns=1,
        links=True,
        has_case=False,
        shows_case=True,
    ),
}


CARDS = {
    "exfat": KINDS["exfat"],
    "fat": Kind(
        ("mkfs.vfat",),
        ("fusefat", "-o", "rw+"),
        needs_device=False,
        refuses=_REFUSED_BY_WINDOWS,
        step_ns=2 * 10**9,
        links=False,
        has_case=False,
        shows_case=True,
    ),
}
"""The kinds of disks that cameras write."""


class NotTested(Exception):
    """The reason why such a disk is unavailable."""

    def __init__(self, why: str) -> None:
        super().__init__(f"NOT TESTED: {why}")


def _kind(name: str) -> Kind:
    return KINDS.get(name) or CARDS[name]


class Disk:
    """A file system in an image file, mounted at `place`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.kind = _kind(name)
        self._name = name
        self._image, self.place = folder / "image", folder / "disk"
        self.place.mkdir(parents=True)
        self._make()

    def _make(self) -> None:
        with self._image.open("wb") as file:
            file.truncate(_SIZE_BYTES)
        subprocess.run([*self.kind.make, str(self._image)], check=True, capture_output=True)

    def mount(self, *, read_only: bool = False) -> None:
        device = str(self._image)
        mount = self.kind.mount
        if read_only:
            mount = (mount[0], "-o", "ro")
        if self.kind.needs_device:
            device = _said("losetup", "--find", "--show", device).strip()
        try:
            _said(*mount, device, str(self.place))
        finally:
            if device != str(self._image):  # from now on the device lasts as long as the mount
                subprocess.run(["losetup", "--detach", device], check=True)
        if self._name == "ext4, casefold":
            _said("chattr", "+F", str(self.place))

    def unmount(self) -> None:
        """Unmount, waiting for other programs that use the disk; after 5 seconds, detach it lazily."""
        late = time.monotonic() + 5
        while self._is_mounted():
            patient = time.monotonic() < late
            command = ["umount", *([] if patient else ["--lazy"]), str(self.place)]
            if subprocess.run(command, check=False, capture_output=True).returncode:
                time.sleep(0.05)
        while self._drivers() and time.monotonic() < late:  # a driver still writes when it is unmounted
            time.sleep(0.005)

    def unmount_lazily(self) -> None:
        """Take the disk out of the tree, while programs still use it."""
        subprocess.run(["umount", "--lazy", str(self.place)], check=True, capture_output=True)

    def _is_mounted(self) -> bool:
        try:
            os.lstat(self.place)
        except OSError:  # its driver has ended
            return True
        return os.path.ismount(self.place)

    def pull(self) -> None:
        """Take the disk away from all programs that use it, as if it were unplugged: end its driver, a process."""
        for driver in self._drivers():
            with contextlib.suppress(OSError):
                os.kill(driver, signal.SIGKILL)

    def _drivers(self) -> list[int]:
        """Return the processes that serve the disk; none if the kernel does."""
        program, place = os.fsencode(self.kind.mount[0]), os.fsencode(self.place)
        found = []
        for process in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                words = Path("/proc", process, "cmdline").read_bytes().split(b"\0")
                if words[0].endswith(program) and place in words:
                    found.append(int(process))
        return found

    def plug_in_again(self, *, read_only: bool = False) -> None:
        """Mount the same disk again, with all kernel caches of it dropped."""
        self.unmount()
        self.mount(read_only=read_only)

    def another(self, folder: Path) -> Disk:
        """Return another empty disk with the same label and place, which is not mounted."""
        other = copy(self)
        other._image = folder / "image"
        other._make()
        return other

    @contextlib.contextmanager
    def image(self) -> Iterator[BinaryIO]:
        """Yield the bytes of the disk, which is not mounted meanwhile."""
        self.unmount()
        with self._image.open("r+b") as file:
            yield file
        self.mount()


@contextlib.contextmanager
def plugged_in(name: str, folder: Path) -> Iterator[Disk]:
    """Yield an empty disk of that kind, in a new folder. Raises `NotTested`."""
    kind = _kind(name)
    if os.geteuid() != 0:
        raise NotTested(f"mounting a disk ({name}) needs root")
    for tool in (kind.make[0], kind.mount[0], "losetup"):
        if shutil.which(tool) is None:
            raise NotTested(f"{tool} is not installed, so there is no disk of {name}")
    if "casefold" in kind.make and not os.path.exists("/sys/fs/ext4/features/casefold"):
        raise NotTested("the ext4 of this kernel knows no casefold")
    disk = Disk(name, folder)
    try:
        disk.mount()
        yield disk
    finally:
        disk.unmount()


def _said(*command: str) -> str:
    answer = subprocess.run(command, check=False, capture_output=True, text=True)
    if answer.returncode:
        raise NotTested(f"{' '.join(command)}: {answer.stderr.strip()[-200:]}")
    return answer.stdout


_OF_LINUX = {
    "ext4": ("mkfs.ext4", "-q", "-F", "-I", "256"),
    "xfs": ("mkfs.xfs", "-q", "-m", "bigtime=1"),
    "btrfs": ("mkfs.btrfs", "-q"),
}
LINUX_DISKS = ("tmpfs", *_OF_LINUX)
_LINUX_SIZE_BYTES = 400 << 20


@contextlib.contextmanager
def linux_disk(name: str, folder: Path) -> Iterator[Path]:
    """Yield an empty folder on a native file system of Linux, one of `LINUX_DISKS`. Raises `NotTested`."""
    if os.geteuid() != 0:
        raise NotTested(f"mounting {name} needs root")
    place, image = folder / name, folder / f"{name}.image"
    place.mkdir()
    if name == "tmpfs":
        _said("mount", "-t", "tmpfs", "tmpfs", str(place))
    else:
        command = _OF_LINUX[name]
        if shutil.which(command[0]) is None:
            raise NotTested(f"{command[0]} is not installed, so there is no disk of {name}")
        with image.open("wb") as file:
            file.truncate(_LINUX_SIZE_BYTES)
        _said(*command, str(image))
        _said("mount", "-t", name, "-o", "loop", str(image), str(place))
    try:
        inside = place / "inside"
        inside.mkdir()
        yield inside
    finally:
        _said("umount", str(place))
        image.unlink(missing_ok=True)


class Overlay:
    """An overlayfs over a `lower` layer, mounted at `place`."""

    def __init__(self, lower: Path, layers: Path) -> None:
        """Take `layers`, a new folder for the upper layer, on the file system of `lower` or another one."""
        self.place = layers / "overlay"
        for folder in (layers, self.place, layers / "upper", layers / "work"):
            folder.mkdir()
        # Overrides the kernel's defaults, for the least stable inode numbers.
        options = f"lowerdir={lower},upperdir={layers / 'upper'},workdir={layers / 'work'},index=off,xino=off"
        self._mount = ("mount", "-t", "overlay", "-o", options, "overlay", str(self.place))

    def mount(self) -> None:
        _said(*self._mount)

    def unmount(self) -> None:
        _said("umount", str(self.place))

    def mount_again(self) -> None:
        """Mount again, with all kernel caches dropped."""
        self.unmount()
        self.mount()


@contextlib.contextmanager
def overlay(lower: Path, layers: Path) -> Iterator[Overlay]:
    """Yield a mounted `Overlay`. Raises `NotTested`."""
    if os.geteuid() != 0:
        raise NotTested("mounting an overlay needs root")
    made = Overlay(lower, layers)
    made.mount()
    try:
        yield made
    finally:
        subprocess.run(["umount", "--lazy", str(made.place)], check=False, capture_output=True)


@contextlib.contextmanager
def bound(folder: str, place: str) -> Iterator[None]:
    """Bind-mount a folder at `place`, which is created."""
    os.makedirs(place, exist_ok=True)
    mount = ["mount", "--bind", folder, place]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("NOT TESTED: a bind mount needs root, with the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)
