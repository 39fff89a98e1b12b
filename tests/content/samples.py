"""Small files of many kinds, made here: the beginning that tells what each is."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile

OOXML = "[Content_Types].xml"


def zipped(*names: str, mimetype: str = "") -> bytes:
    """Return a zip with these names. `mimetype` is stored first, as OpenDocument and EPUB have it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        if mimetype:
            archive.writestr(zipfile.ZipInfo("mimetype"), mimetype)
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"content of " + name.encode())
    return buffer.getvalue()


def compound(*names: str, directory_after: int | None = None) -> bytes:
    """Return a compound file of OLE whose directory has these names. `directory_after`: the sector that the table
    gives after the one with the directory, else the end.
    """
    header = bytearray(512)
    header[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    struct.pack_into("<5H", header, 24, 0x3E, 3, 0xFFFE, 9, 6)
    struct.pack_into("<2L", header, 44, 1, 1)  # one table sector; the directory is in sector 1
    struct.pack_into("<109L", header, 76, 0, *[0xFFFFFFFF] * 108)
    after = 0xFFFFFFFE if directory_after is None else directory_after
    table = struct.pack("<128L", 0xFFFFFFFD, after, *[0xFFFFFFFF] * 126)
    entries = b""
    for name in ("Root Entry", *names):
        encoded = name.encode("utf-16-le")[:62]
        entry = encoded.ljust(64, b"\0") + struct.pack("<HB", len(encoded) + 2, 2)
        entries += entry.ljust(128, b"\0")
    return bytes(header) + table + entries.ljust(512, b"\0")


def iso_media(brand: bytes, *compatible: bytes) -> bytes:
    """Return the beginning of a film, a song or a picture in ISO media."""
    content = brand + bytes(4) + b"".join(compatible)
    return struct.pack(">L", len(content) + 8) + b"ftyp" + content + struct.pack(">L4s", 8, b"free") + bytes(64)


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">L4s2L5BL", 13, b"IHDR", 1, 1, 8, 2, 0, 0, 0, 0x907753DE) + bytes(20)
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + bytes(64)
GIF = b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\4" + bytes(32)
PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"
ELF = b"\x7fELF\2\1\1\0" + bytes(8) + struct.pack("<2HL", 2, 62, 1) + bytes(64)
GZIP = gzip.compress(b"some text\n", mtime=0)
SQLITE = b"SQLite format 3\0\x10\0\1\1\0\x40\x20\x20" + bytes(80)
HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>gone</body></html>\n"
PROSE = b"Dear Anna,\n\nthank you for your letter. We shall be there on Sunday.\n"

BINARY: dict[str, bytes] = {
    "png": PNG,
    "jpg": JPEG,
    "gif": GIF,
    "webp": b"RIFF\x24\0\0\0WEBPVP8 \x18\0\0\0" + bytes(32),
    "bmp": b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\2\0\0\0\2\0\0\0\1\0\x18\0" + bytes(48),
    "tif": b"II*\0\x08\0\0\0\1\0\0\1\3\0\1\0\0\0\1\0\0\0\0\0\0\0" + bytes(40),
    "heic": iso_media(b"heic", b"mif1", b"heic"),
    "avif": iso_media(b"avif", b"mif1", b"miaf"),
    "cr3": iso_media(b"crx ", b"crx ", b"isom"),
    "mp4": iso_media(b"isom", b"isom", b"mp41"),
    "mov": iso_media(b"qt  "),
    "m4a": iso_media(b"M4A ", b"M4A ", b"isom"),
    "3gp": iso_media(b"3gp4", b"isom"),
    "flac": b"fLaC\0\0\0\x22\x10\0\x10\0" + bytes(32),
    "wav": b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x44\xac\0\0\x88\x58\1\0\2\0\x10\0data" + bytes(16),
    "mp3": b"ID3\3\0\0\0\0\0\x0aTIT2\0\0\0\2\0\0\0a" + b"\xff\xfb\x90\x64" + bytes(64),
    "mid": b"MThd\0\0\0\6\0\1\0\2\0\x60MTrk" + bytes(16),
    "pdf": PDF,
    "docx": zipped(OOXML, "word/document.xml"),
    "xlsx": zipped(OOXML, "xl/workbook.xml"),
    "pptx": zipped(OOXML, "ppt/presentation.xml"),
    "odt": zipped("content.xml", mimetype="application/vnd.oasis.opendocument.text"),
    "ods": zipped("content.xml", mimetype="application/vnd.oasis.opendocument.spreadsheet"),
    "epub": zipped("META-INF/container.xml", mimetype="application/epub+zip"),
    "jar": zipped("META-INF/MANIFEST.MF", "a/B.class"),
    "apk": zipped("AndroidManifest.xml", "classes.dex"),
    "kmz": zipped("doc.kml"),
    "whl": zipped("a/__init__.py", "a-1.dist-info/WHEEL"),
    "doc": compound("WordDocument", "1Table"),
    "xls": compound("Workbook"),
    "ppt": compound("PowerPoint Document"),
    "msg": compound("__nameid_version1.0", "__properties_version1.0"),
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(40),
    "gz": GZIP,
    "zip": zipped("a.txt", "b.txt"),
    "rar": b"Rar!\x1a\7\1\0" + bytes(40),
    "db": SQLITE,
    "elf": ELF,
    "woff2": b"wOF2\0\1\0\0" + bytes(40),
    "stl": b"made here".ljust(80) + struct.pack("<L", 2) + bytes(100),
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b"),
    "wma": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + bytes(64),
}  # fmt: skip

TEXTS: dict[str, bytes] = {
    "html": HTML,
    "svg": b'<?xml version="1.0"?>\n<!-- drawn -->\n<svg xmlns="http://www.w3.org/2000/svg" width="1"/>\n',
    "kml": b'<?xml version="1.0"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"></kml>\n',
    "gpx": b'<?xml version="1.0"?>\n<gpx version="1.1"></gpx>\n',
    "plist": b'<?xml version="1.0"?>\n<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "x">\n<plist/>\n',
    "fb2": b'<?xml version="1.0"?>\n<FictionBook></FictionBook>\n',
    "xml": b'<?xml version="1.0"?>\n<anything><here/></anything>\n',
    "xmp": b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>\n<x:xmpmeta xmlns:x="adobe:ns:meta/"/>\n',
    "json": b'{"a": 1, "b": [2, 3]}\n',
    "geojson": b'{"type": "FeatureCollection", "features": []}\n',
    "ipynb": b'{"cells": [], "nbformat": 4}\n',
    "ics": b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n",
    "vcs": b"BEGIN:VCALENDAR\nVERSION:1.0\nEND:VCALENDAR\n",
    "vcf": b"BEGIN:VCARD\nVERSION:3.0\nFN:A\nEND:VCARD\n",
    "eml": b"Return-Path: <a@example.org>\nReceived: from b\n\tby c\nFrom: a@example.org\nSubject: x\n\nhello\n",
    "mbox": b"From a@example.org Sat Jan  3 01:05:34 2009\nFrom: a@example.org\n\nhello\n",
    "diff": b"From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: a\nSubject: b\n",
    "srt": b"1\n00:00:01,000 --> 00:00:03,000\nHello.\n",
    "vtt": b"WEBVTT\n\n00:01.000 --> 00:04.000\nHello.\n",
    "ass": b"[Script Info]\nTitle: x\n",
    "cue": b'PERFORMER "A"\nFILE "b.wav" WAVE\n  TRACK 01 AUDIO\n',
    "m3u": b"#EXTM3U\na.mp3\n",
    "py": b"#!/usr/bin/env python3\nprint(1)\n",
    "sh": b"#!/bin/sh\necho 1\n",
    "pem": b"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n",
    "pub-key": b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJEx a@b\n",
    "tex": b"% a letter\n\\documentclass{letter}\n\\begin{document}\n",
    "bib": b"@article{knuth84,\n  title={Literate Programming}\n}\n",
    "rtf": b"{\\rtf1\\ansi hello}\n",
    "dxf": b"  0\nSECTION\n  2\nHEADER\n",
    "obj": b"# mesh\nv 0 0 0\nv 1 0 0\nf 1 2 3\n",
    "qif": b"!Type:Bank\nD01/03/2024\nT-12.50\n^\n",
}
"""Texts whose first lines say what they are, by their key in `file_formats.FORMATS`."""

GUESSED: dict[str, bytes] = {
    "csv": b"Datum;Betrag;Zweck\n03.01.2024;-12,50;Brot\n05.01.2024;2100,00;Lohn\n",
    "tsv": b"id\tname\n0\ta\n1\tb\n",
    "ini": b"[core]\nautocrlf = false\n",
    "yaml": b"name: CI\non: [push]\njobs:\n  test:\n    steps: []\n",
    "log": b"2024-01-01 10:00:00 INFO start\n2024-01-01 10:00:01 INFO end\n",
    "go": b'// Copyright\npackage main\n\nimport "fmt"\n\nfunc main() {\n}\n',
    "sql": b"-- dump\nDROP TABLE IF EXISTS t;\nCREATE TABLE t (id int);\n",
    "css": b".message {\n  color: red;\n}\n",
    "md": b"# Title\n\nSome **bold** text and a [link](https://example.org).\n",
}
