"""Import: a card that has the copies must not be formatted, also if they are behind a view of it."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.disks import NotTested, linux_disk, overlay

from fileorg.core.events import NullReporter
from fileorg.workflows.import_files import ImportOptions, importing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fileorg.core.state import StateDirectory

pytestmark = pytest.mark.root

_SAME = "Do not format the card: copies are on the same file system."


def verdict(card: Path, dest: Path, state: StateDirectory) -> str:
    (card / "1.jpg").write_text("one")
    options = ImportOptions(os.fsencode(card), os.fsencode(dest))
    with importing(options, state, NullReporter()) as run:
        run.run()
        with run.certificate() as certificate:
            assert certificate.is_complete
            return certificate.verdict


def made(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


@contextmanager
def mounted(*command: str, place: Path) -> Iterator[Path]:
    if shutil.which(command[0]) is None:
        pytest.skip(f"NOT TESTED: {command[0]} is not installed")
    if error := subprocess.run([*command, str(place)], capture_output=True, check=False).stderr:
        pytest.skip(f"NOT TESTED: {error.decode().strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def _disk(stack: ExitStack, kind: str, folder: Path) -> Path:
    try:
        return stack.enter_context(linux_disk(kind, folder))
    except NotTested as reason:
        pytest.skip(str(reason))


def test_two_subvolumes(stack: ExitStack, tmp_path: Path, state: StateDirectory) -> None:
    disk = _disk(stack, "btrfs", tmp_path)
    for name in ("card", "photos"):
        subprocess.run(["btrfs", "subvolume", "create", str(disk / name)], check=True, capture_output=True)
    assert os.stat(disk / "card").st_dev != os.stat(disk / "photos").st_dev
    assert verdict(disk / "card", disk / "photos", state) == _SAME


def test_an_overlay_whose_upper_layer_is_on_the_card(stack: ExitStack, tmp_path: Path, state: StateDirectory) -> None:
    disk = _disk(stack, "xfs", tmp_path)
    try:
        layers = stack.enter_context(overlay(made(tmp_path / "lower"), disk / "layers"))
    except NotTested as reason:
        pytest.skip(str(reason))
    assert verdict(made(disk / "card"), layers.place, state) == _SAME


@pytest.mark.parametrize("program", ["bindfs", "mergerfs"])
def test_a_view(stack: ExitStack, tmp_path: Path, state: StateDirectory, program: str) -> None:
    disk = _disk(stack, "xfs", tmp_path)
    shown = [str(made(disk / "photos")), *([str(made(tmp_path / "others"))] if program == "mergerfs" else [])]
    place = stack.enter_context(mounted(program, ":".join(shown), place=made(tmp_path / "view")))
    assert verdict(made(disk / "card"), place, state) == _SAME


def test_an_image_on_the_card(stack: ExitStack, tmp_path: Path, state: StateDirectory) -> None:
    disk = _disk(stack, "xfs", tmp_path)
    image = disk / "image"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", str(image)], check=True)
    inner = stack.enter_context(mounted("mount", "-o", "loop", str(image), place=made(tmp_path / "inner")))
    assert verdict(made(disk / "card"), inner, state) == _SAME


def test_a_card_that_is_an_image_on_the_disk_of_the_copies(
    stack: ExitStack, tmp_path: Path, state: StateDirectory
) -> None:
    card = _disk(stack, "ext4", made(tmp_path / "image"))
    assert verdict(made(card / "DCIM"), made(tmp_path / "photos"), state) == "The card may be formatted."
