"""`fileorg demo`: the first command of the README works on any machine."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct
import tarfile
import wave
import zipfile
import zlib
from typing import TYPE_CHECKING

import pytest
from tests.support import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.screens import Fileorg


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


@pytest.mark.parametrize("place", ["demo", "demo/new"])
def test_a_link_of_another_user_is_not_followed(fileorg: Fileorg, place: str) -> None:
    if os.geteuid():
        pytest.skip("only root can give a link to another user")
    (fileorg.folder / "victim").mkdir()
    (fileorg.folder / "demo").symlink_to("victim")
    os.lchown(fileorg.folder / "demo", 65534, 65534)
    ran = fileorg("demo", place)
    assert (ran.code, ran.out) == (2, "")
    assert "a symlink of another user leads elsewhere" in ran.err
    assert os.listdir(fileorg.folder / "victim") == []


def test_a_link_in_the_folder_is_not_followed(fileorg: Fileorg) -> None:
    from fileorg.cli.demo_files import make_demo

    for name in ("made", "victim"):
        (fileorg.folder / name).mkdir()
    (fileorg.folder / "made/Images").symlink_to("../victim")
    with opened(fileorg.folder / "made") as fd, pytest.raises(NotADirectoryError):
        make_demo(fd)
    assert os.listdir(fileorg.folder / "victim") == []


def test_it_is_made_in_a_checkout_too(fileorg: Fileorg) -> None:
    """Users may run it in a clone of the repository."""
    (fileorg.folder / ".git").mkdir()
    ran = fileorg("demo")
    assert (ran.code, ran.err) == (0, "")


def test_it_shows_before_and_after_and_the_way_back(fileorg: Fileorg) -> None:
    ran = fileorg("demo")
    assert (ran.code, ran.err) == (0, "")
    before, _, after = ran.out.partition("$ fileorg organize fileorg-demo")
    assert before.startswith("A messy folder:\nfileorg-demo/\n├── Documents/\n│   └── invoice.pdf\n")
    assert "├── IMG_0412.JPG\n" in before
    assert "│   ├── IMG_0412.JPG\n" in after
    assert "│   ├── invoice (2).pdf\n" in after
    assert "  sunset.png: identical to Images/sunset.png\n" in after
    assert ran.out.splitlines()[-1] == "Undo with: fileorg undo 1"


def test_the_way_back_is_exact(fileorg: Fileorg) -> None:
    from fileorg.cli.demo_files import make_demo

    fileorg("demo", "shown")
    fresh = fileorg.folder / "fresh"
    fresh.mkdir()
    with opened(fresh) as fd:
        make_demo(fd)
    assert fileorg("undo").code == 0
    shown, made = (snapshot.take(bytes(fileorg.folder / name)) for name in ("shown", "fresh"))
    files = {path: node for path, node in made.items() if node.kind == "file"}
    assert {path: node for path, node in shown.items() if node.kind == "file"} == files
    assert shown.keys() == made.keys()


def test_it_goes_into_an_empty_folder_and_into_no_other(fileorg: Fileorg) -> None:
    (fileorg.folder / "empty").mkdir()
    assert fileorg("demo", "empty").code == 0
    again = fileorg("demo", "empty")
    assert again.code == 2
    assert again.err == "fileorg: empty is not empty.\nHint: give a new folder: fileorg demo DIR\n"


def test_in_a_terminal_it_asks_nothing(fileorg: Fileorg) -> None:
    terminal = fileorg.terminal("demo", columns=100, lines=150)
    assert terminal.end() == 0
    assert "[y/N" not in terminal.screen
    assert terminal.screen.endswith("Undo with: fileorg undo 1")


def test_the_files_are_real(fileorg: Fileorg) -> None:
    from fileorg.cli.demo_files import make_demo

    place = fileorg.folder / "made"
    place.mkdir()
    with opened(place) as fd:
        make_demo(fd)
    assert len({path.suffix.lower() for path in place.iterdir()}) >= 30
    with zipfile.ZipFile(place / "Letter to the landlord.docx") as archive:
        assert archive.testzip() is None
    with tarfile.open(place / "backup.tar.gz") as archive:
        assert archive.getnames() == ["etc/hosts"]
    with wave.open(str(place / "voice memo.wav")) as sound:
        assert sound.getnframes() == 4000
    database = sqlite3.connect(place / "orders.sqlite")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()
    png = (place / "sunset.png").read_bytes()
    width, height = struct.unpack(">II", png[16:24])
    start = png.index(b"IDAT") + 4
    [length] = struct.unpack(">I", png[start - 8 : start - 4])
    assert len(zlib.decompress(png[start : start + length])) == (width * 3 + 1) * height
    pdf = (place / "invoice.pdf").read_bytes()
    cross = int(pdf.rsplit(b"startxref\n", 1)[1].split()[0])
    assert pdf[cross : cross + 4] == b"xref"
    assert pdf[int(pdf[cross:].split(b"\n")[3][:10]) :].startswith(b"1 0 obj")
    ftyp = (place / "Beach 2023.mp4").read_bytes()
    assert ftyp[4:8] == b"ftyp"
    assert (place / "IMG_0412.JPG").read_bytes()[:4] == b"\xff\xd8\xff\xe0"
    assert (place / "rescue.iso").read_bytes()[0x8001:0x8006] == b"CD001"
