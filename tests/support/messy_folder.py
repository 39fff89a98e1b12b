"""A messy folder for trials by hand: `python -m tests.support.messy_folder DIR` makes one of real files of many kinds.

It holds the files of `fileorg demo`, and what people have besides: camera files with their sidecars, discs, fonts,
files that are open or unfinished, hidden and system files, names of any bytes, links, empty files and folders.
"""

from __future__ import annotations

import bz2
import io
import lzma
import os
import struct
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from fileorg.cli.demo_files import make_demo

_CHANGED, _STEP_SECONDS = 1_600_000_000, 864_321
_SECTOR = 2048


class Made(NamedTuple):
    """What is in a folder: the number of names, folders included, and the suffixes of its files."""

    entries: int
    kinds: set[str]


def make_messy_folder(folder: Path) -> Made:
    """Fill a folder, which is made if it is not there. Raises `FileExistsError` if it holds one of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        make_demo(opened)
    finally:
        os.close(opened)
    root = os.fsencode(folder)
    for number, (name, content) in enumerate(_all_files().items()):
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as file:
            file.write(content)
        os.utime(path, (_CHANGED + number * _STEP_SECONDS,) * 2)
    _links_and_folders(folder)
    return _count(folder)


def _links_and_folders(folder: Path) -> None:
    for name in ("New folder", "New folder (2)", "Empty/in/empty"):
        (folder / name).mkdir(parents=True)
    (folder / "newest letter").symlink_to("scan letter.rtf")
    (folder / "gone").symlink_to("no/such/file")
    (folder / "hosts").symlink_to("/etc/hosts")
    (folder / "self").symlink_to("self")
    (folder / "hard link of the tape.flac").hardlink_to(folder / "tape side A.flac")
    (folder / "tool.sh").chmod(0o755)
    (folder / "scan letter.rtf").chmod(0o400)
    os.mkfifo(folder / "pipe")


def _count(folder: Path) -> Made:
    entries, kinds = 0, set[str]()
    for _, folders, files in os.walk(folder):
        entries += len(folders) + len(files)
        kinds.update(Path(name).suffix.lower() for name in files)
    return Made(entries, kinds - {""})


def _all_files() -> dict[bytes, bytes]:
    named = {
        **_images(),
        **_films_and_sound(),
        **_papers(),
        **_packed(),
        **_programs(),
        **_in_subfolders(),
        **_left_alone(),
    }
    return {os.fsencode(name): content for name, content in named.items()} | _odd_names()


def _images() -> dict[str, bytes]:
    raw = struct.pack("<2sHI2sBBI", b"II", 42, 16, b"CR", 2, 0, 0) + _directory()
    tiff = struct.pack("<2sHI", b"II", 42, 8) + _directory()
    jpeg = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xd9"
    return {
        "DCIM_2041.CR2": raw,
        "DCIM_2041.JPG": jpeg,
        "DCIM_2041.xmp": b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>\n',
        "DSC_0007.NEF": tiff,
        "DSC_0007.NEF.pp3": b"[Version]\nAppVersion=5.9\n",
        "IMG_9001.HEIC": _box(b"ftyp", b"heic\0\0\0\0mif1heic") + _box(b"mdat", b"photo"),
        "IMG_9001.MOV": _box(b"ftyp", b"qt  \0\0\2\0qt  ") + _box(b"mdat", b"live"),
        "IMG_9001.AAE": b'<?xml version="1.0"?><plist version="1.0"><dict/></plist>\n',
        "PXL_20210203.jpg": jpeg + b"taken out",
        "PXL_20210203.jpg.supplemental-metadata.json": b'{"title": "PXL_20210203.jpg", "photoTakenTime": {}}\n',
        "scan 300dpi.tif": tiff + b"scan",
        "raw.dng": tiff + b"dng",
        "screen.avif": _box(b"ftyp", b"avif\0\0\0\0avifmif1") + _box(b"mdat", b"screen"),
        "favicon.ico": struct.pack("<HHHBBBBHHII", 0, 1, 1, 1, 1, 0, 0, 1, 32, 0, 22),
        "poster.psd": struct.pack(">4sH6xHIIHH", b"8BPS", 1, 3, 8, 8, 8, 3) + bytes(14),
        "layers.xcf": b"gimp xcf v011\0" + struct.pack(">III", 8, 8, 0),
    }


def _directory() -> bytes:
    """Return the directory of a TIFF image: two entries, width and height."""
    return struct.pack("<HHHIIHHIII", 2, 256, 3, 1, 8, 257, 3, 1, 8, 0)


def _films_and_sound() -> dict[str, bytes]:
    flac = b"fLaC\x80\0\0\x22" + struct.pack(">HH", 4096, 4096) + bytes(30)
    matroska = b"\x1a\x45\xdf\xa3\x93\x42\x82\x88matroska\x42\x87\x81\4\x42\x85\x81\2"
    return {
        "The Film (1999).mkv": matroska + bytes(4096),
        "The Film (1999).en.srt": b"1\n00:00:01,000 --> 00:00:02,000\nHello.\n",
        "The Film (1999).nfo": b"<movie><title>The Film</title></movie>\n",
        "clip.webm": matroska.replace(b"\x88matroska", b"\x84webm").replace(b"\x93", b"\x8f", 1) + bytes(64),
        "clip.vtt": b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello.\n",
        "old camera.avi": b"RIFF" + struct.pack("<I", 20) + b"AVI LIST\4\0\0\0hdrl",
        "stream.flv": b"FLV\1\5\0\0\0\x09\0\0\0\0",
        "evening news.ts": (b"\x47\x1f\xff\x10" + b"\xff" * 184) * 8,
        "vhs.mpg": b"\0\0\1\xba\x44\0\4\0\4\1\0\0\x03\xf8\0\0\1\xb9",
        "tape side A.flac": flac,
        "podcast.ogg": b"OggS\0\2" + bytes(20) + b"\1\x1e\1vorbis" + bytes(22) + b"\1",
        "message.opus": b"OggS\0\2" + bytes(20) + b"\1\x13OpusHead\1\1" + bytes(9),
        "audiobook.m4b": _box(b"ftyp", b"M4B \0\0\0\0M4B mp42") + _box(b"mdat", b"book"),
        "song.m4a": _box(b"ftyp", b"M4A \0\0\0\0M4A mp42") + _box(b"mdat", b"song"),
        "sample.aiff": b"FORM\0\0\0\x1eAIFFCOMM\0\0\0\x12" + bytes(18),
        "party.m3u": b"#EXTM3U\nsong.m4a\n",
    }


def _papers() -> dict[str, bytes]:
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 62, 3, 0xFFFE, 9, 6) + bytes(478)
    return {
        "scan letter.rtf": rb"{\rtf1\ansi Dear all,\par}",
        "thesis.doc": ole,
        "taxes 2019.xls": ole + b"sheet",
        "slides.ppt": ole + b"slide",
        "table.ods": _zip({"mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}),
        "talk.odp": _zip({"mimetype": b"application/vnd.oasis.opendocument.presentation"}),
        "form.pdf": b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n",
        "Invoice No.123": b"Pay soon.\n",
        "paper.tex": b"\\documentclass{article}\\begin{document}Text\\end{document}\n",
        "comic.cbz": _zip({"01.png": b"\x89PNG\r\n\x1a\n"}),
        "map.djvu": b"AT&TFORM\0\0\0\x16DJVUINFO\0\0\0\x0a" + bytes(10),
        "guide.mobi": b"Guide".ljust(60, b"\0") + b"BOOKMOBI" + bytes(10),
        "bank.ofx": b"OFXHEADER:100\nDATA:OFXSGML\n\n<OFX></OFX>\n",
        "hike.gpx": b'<?xml version="1.0"?><gpx version="1.1"></gpx>\n',
        "server.log": b"2024-01-02 started\n",
        "settings.yaml": b"answer: 42\n",
        "feed.xml": b'<?xml version="1.0"?><feed/>\n',
        "shop.url": b"[InternetShortcut]\r\nURL=https://example.com/\r\n",
    }


def _packed() -> dict[str, bytes]:
    tar = _tar({"a.txt": b"a\n"})
    descriptor = b"\1CD001\1".ljust(_SECTOR, b"\0") + b"\xffCD001\1".ljust(_SECTOR, b"\0")
    return {
        "source.tar": tar,
        "source.tar.xz": lzma.compress(tar),
        "source.tar.bz2": bz2.compress(tar),
        "source.tar.xz.asc": b"-----BEGIN PGP SIGNATURE-----\n\n-----END PGP SIGNATURE-----\n",
        "photos.7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(24),
        "parts.part1.rar": b"Rar!\x1a\7\1\0" + bytes(16),
        "parts.part2.rar": b"Rar!\x1a\7\1\0" + bytes(17),
        "dump.zst": b"\x28\xb5\x2f\xfd\x20\1\x09\0\0a",
        "linux.iso": bytes(16 * _SECTOR) + descriptor,
        "linux.iso.sha256": b"%s  linux.iso\n" % (b"0" * 64),
        "linux.torrent": b"d4:infod6:lengthi1e4:name9:linux.iso12:piece lengthi1e6:pieces0:ee",
        "card.img": bytes(510) + b"\x55\xaa",
        "Tool.dmg": bytes(512) + b"koly\0\0\0\4\0\0\2\0" + bytes(500),
        "debian.qcow2": b"QFI\xfb\0\0\0\3" + bytes(96),
    }


def _programs() -> dict[str, bytes]:
    windows = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0\x64\x86" + bytes(20)
    elf = b"\x7fELF\2\1\1\0AI\2" + bytes(53)
    font = struct.pack(">IHHHH", 0x00010000, 0, 0, 0, 0)
    return {
        "setup.exe": windows,
        "player.AppImage": elf,
        "app.apk": _zip({"AndroidManifest.xml": b"\3\0\x08\0", "classes.dex": b"dex\n035\0"}),
        "server.jar": _zip({"META-INF/MANIFEST.MF": b"Manifest-Version: 1.0\n"}),
        "tool.rpm": b"\xed\xab\xee\xdb\3\0\0\0\0\1tool".ljust(96, b"\0"),
        "tool.sh": b"#!/bin/sh\necho tool\n",
        "main.c": b"int main(void) { return 0; }\n",
        "lib.rs": b"fn main() {}\n",
        "app.js": b"console.log(1)\n",
        "types.ts": b"export const answer: number = 42\n",
        "style.css": b"p { color: red }\n",
        "plot.ipynb": b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}\n',
        "Sans.ttf": font,
        "Serif.otf": b"OTTO" + font[4:],
        "web.woff2": b"wOF2OTTO" + bytes(40),
        "rows.parquet": b"PAR1\x15\0PAR1",
        "part.stl": b"solid part\nendsolid part\n",
        "scene.blend": b"BLENDER-v300" + bytes(16),
        "private.key": b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n",
    }


def _in_subfolders() -> dict[str, bytes]:
    return {
        "From the phone/voice.amr": b"#!AMR\n\x3c",
        "From the phone/chat.txt": b"Hello.\n",
        "From the phone/2020/beach.gif": b"GIF89a\1\0\1\0\0\0\0;",
        "music/mix.mp3": b"ID3\4\0\0\0\0\0\0" + (b"\xff\xfb\x90\x64" + bytes(413)) * 2,
        "checkout/.git/HEAD": b"ref: refs/heads/main\n",
        "checkout/src/a.py": b"a = 1\n",
        "Calculator.app/Contents/Info.plist": b"<plist/>\n",
        "saved.html": b'<!doctype html><img src="saved_files/logo.gif">\n',
        "saved_files/logo.gif": b"GIF89a\1\0\1\0\0\0\0;",
    }


def _left_alone() -> dict[str, bytes]:
    return {
        ".bashrc.old": b"alias l=ls\n",
        ".DS_Store": b"\0\0\0\1Bud1",
        "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "desktop.ini": b"[.ShellClassInfo]\r\n",
        "._form.pdf": b"\0\5\x16\7\0\2\0\0",
        "game.zip.crdownload": b"PK\3\4",
        "disk.iso": b"",
        "disk.iso.aria2": b"\0\1\0\0",
        "~$thesis.doc": b"\3Ada",
        ".paper.tex.swp": b"b0VIM 9.0",
        "empty.txt": b"",
        "empty.qqq": b"",
    }


def _odd_names() -> dict[bytes, bytes]:
    names = (
        b"-rf.txt",
        b"--help.txt",
        b" blanks  in it .txt",
        b"[red]markup[-red].txt",
        b"esc\x1b[31mape.txt",
        b"caf\xe9.txt",
        b"new\nline.txt",
        b"quote'\"$`*?.txt",
        "Füße 写真 🙂.txt".encode(),
        b"e\xcc\x81.txt",
        b"\xc3\xa9.txt",
        b"\xe2\x80\xaereversed.txt",
        b"x" * 251 + b".txt",
        "写真".encode() * 41 + b".txt",
        b"UPPER.TXT",
        b"Upper.txt",
        b"no suffix",
        b"dots...txt",
    )
    return {name: b"%d: an odd name\n" % number for number, name in enumerate(names)}


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + kind + data


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()


def _tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


if __name__ == "__main__":
    made = make_messy_folder(Path(sys.argv[1]))
    print(f"{made.entries} entries of {len(made.kinds)} kinds in {sys.argv[1]}")
