"""Confirmation of extensions by the first bytes of a file."""

from __future__ import annotations

import pytest

from fileorg.rules import heads
from fileorg.rules.extensions import CATEGORIES
from fileorg.rules.heads import DOUBTFUL, HEAD_BYTES, agrees, is_weak, neighbours, second_meaning

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
TS = (b"G" + bytes(187)) * 20
M2TS = (bytes(4) + b"G" + bytes(187)) * 20


@pytest.mark.parametrize(
    ("extension", "head"),
    [
        (b"ts", TS),
        (b"ts", b"cut" + TS),
        (b"ts", TS[:400]),
        (b"ts", TS[:188]),
        (b"mts", M2TS),
        (b"mts", TS),
        (b"264", bytes.fromhex("00000001 6742001e")),
        (b"264", bytes.fromhex("000001 09f0")),
        (b"264", bytes.fromhex("0000000000000001 65b8")),
        (b"265", bytes.fromhex("00000001 40010c01")),
        (b"265", bytes.fromhex("000001 4601 50")),
        (b"123", bytes.fromhex("00001a00 0510 0400")),
        (b"123", bytes.fromhex("00000200 0604 0600")),
        (b"001", b"7z\xbc\xaf\x27\x1c\0\4"),
        (b"001", b"Rar!\x1a\7\1\0"),
        (b"001", b"PK\7\10PK\3\4"),
        (b"001", b"\x1f\x8b\x08\0"),
        (b"001", bytes(257) + b"ustar\0"),
        (b"z", b"\x1f\x9d\x90"),
        (b"r00", b"Rar!\x1a\7\0"),
        (b"z01", b"PK\7\10PK\3\4"),
        (b"key", b"PK\3\4\x14\0"),
        (b"pub", OLE),
        (b"pot", OLE),
        (b"aa", bytes.fromhex("00a1b2c3 57907536")),
        (b"nsf", b"NESM\x1a\1"),
        (b"raw", b"IIU\0\x18"),
        (b"obj", b"# made by hand\nv 0 0 0\nf 1 2 3\n"),
        (b"mdf", b"\0" + b"\xff" * 10 + b"\0"),
        (b"vhd", b"conectix\0\0\0\2"),
        (b"vhd", bytes(64)),
    ],
)
def test_a_head_that_agrees(extension: bytes, head: bytes) -> None:
    assert extension in DOUBTFUL
    assert agrees(extension, head)
    assert not agrees(extension, b"")


@pytest.mark.parametrize(
    ("extension", "head"),
    [
        (b"ts", b'import { Component } from "@angular/core";\n'),
        (b"ts", b"Good morning, Graham: " + b"G" * 50),
        (b"ts", b'<?xml version="1.0"?>\n<!DOCTYPE TS>\n'),
        (b"mts", b"export const x: number = 1;\n"),
        (b"264", b"The chapter begins.\n"),
        (b"264", bytes.fromhex("00000001 e742")),  # the first bit of a unit is always zero
        (b"265", bytes.fromhex("00000001 fe")),
        (b"264", bytes(64)),
        (b"123", b"a\n"),
        (b"001", b"second draft\n"),
        (b"z", b"the last letter"),
        (b"r00", b"Room 0"),
        (b"z01", b"zone one"),
        (b"key", b"-----BEGIN OPENSSH PRIVATE KEY-----\n"),
        (b"key", b"\x30\x82\x04\xa4\2\1\0"),
        (b"pub", b"ssh-ed25519 AAAAC3Nza me@host\n"),
        (b"pot", b'msgid ""\nmsgstr ""\n'),
        (b"aa", b"the first part of what was split"),
        (b"nsf", b"\x1a\0\0\4\0\0"),
        (b"raw", b"QFI\xfb"),
        (b"obj", b"\x64\x86\3\0\0\0\0\0"),
        (b"mdf", b"\1\x0f\0\0\x08\0"),
        (b"vhd", b"library ieee;\nuse ieee.std_logic_1164.all;\n"),
    ],
)
def test_a_head_that_says_otherwise(extension: bytes, head: bytes) -> None:
    assert extension in DOUBTFUL
    assert not agrees(extension, head)


@pytest.mark.parametrize(
    ("letter", "source"),
    [
        (b"c", "#include <stdio.h>\n"),
        (b"c", "/* Copyright */\n"),
        (b"c", "int main(void) { return 0; }\n"),
        (b"c", "static const char *names[] = {\n"),
        (b"c", "\ufeff// with a mark\r\nvoid f(void)\r\n{\r\n}\r\n"),
        (b"h", "#ifndef A_H\n#define A_H\n"),
        (b"h", "@interface Thing : NSObject\n"),
        (b"d", "module app;\nimport std.stdio;\n"),
        (b"d", "main.o: main.c main.h\n"),
        (b"m", "function y = f(x)\n  y = x.^2;\nend\n"),
        (b"m", "% plots\nplot(x, y);\n"),
        (b"m", "#import <Foundation/Foundation.h>\n@implementation Thing\n"),
        (b"v", "module adder(input a, output b);\nendmodule\n"),
        (b"v", "Require Import List.\nTheorem t : True.\nProof.\n"),
        (b"v", "fn main() {\n\tprintln('v')\n}\n"),
        (b"r", "library(ggplot2)\nx <- c(1, 2)\n"),
        (b"r", "area <- function(r) pi * r^2\n"),
        (b"s", "\t.globl main\nmain:\n\tpush %rbp\n"),
        (b"s", "_start:\n    mov eax, 1\n    int 0x80\n"),
        (b"f", "C     A program\n      PROGRAM HELLO\n      END\n"),
        (b"f", "program hello\n  implicit none\nend program hello\n"),
        (b"l", "%{\n#include <stdio.h>\n%}\n%%\n"),
        (b"y", "%token NUMBER\n%%\n"),
    ],
)
def test_a_letter_is_an_extension_of_text_that_looks_like_its_code(letter: bytes, source: str) -> None:
    assert is_weak(letter)
    assert letter in DOUBTFUL
    assert agrees(letter, source.encode())
    assert agrees(letter, source.encode("utf-16"))
    assert not agrees(letter, source.encode() + b"\0\1\2")


PROSE = (
    b"A third appendix.\nIt was a long story; the double room, for two (or three) was taken.\n",
    b"Notes: buy bread, milk\n# heading\n- one\n- two\n",
    b"Dear Mrs. C,\n\nfor your information: the module is late, and real life goes on.\nEnd\n",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    b"a\n",
    b"",
)


@pytest.mark.parametrize("letter", [b"c", b"h", b"d", b"m", b"v", b"r", b"s", b"f", b"l", b"y"])
@pytest.mark.parametrize("head", PROSE)
def test_a_letter_behind_a_dot_is_no_extension_of_prose(letter: bytes, head: bytes) -> None:
    assert not agrees(letter, head)


def test_every_extension_of_digits_or_one_letter_is_in_doubt() -> None:
    known = {extension for extensions in CATEGORIES.values() for extension in extensions}
    weak = {extension for extension in known if extension.isdigit() or len(extension) == 1}
    assert {extension for extension in known if is_weak(extension)} == weak
    assert weak <= DOUBTFUL


@pytest.mark.parametrize(("extension", "weak"), [(b"2019", True), (b"q", True), (b"7z", False), (b"tar.z", False)])
def test_what_is_weak_without_being_known(extension: bytes, weak: bool) -> None:
    assert is_weak(extension) is weak


@pytest.mark.parametrize(
    ("extension", "beside"),
    [(b"001", {b"002"}), (b"r00", {b"rar", b"r01"}), (b"r07", {b"rar", b"r06", b"r08"}), (b"z01", {b"zip", b"z02"})],
)
def test_the_parts_that_bear_out_a_part(extension: bytes, beside: set[bytes]) -> None:
    assert set(neighbours(extension)) == beside
    assert neighbours(b"264") == ()  # may be a chapter of a series


def test_a_head_is_read_in_one_go() -> None:
    assert HEAD_BYTES == 4096


@pytest.mark.parametrize(
    ("extension", "head", "category"),
    [
        (b"ts", b'import { Component } from "@angular/core";\n', "Code"),
        (b"ts", "const \u00e9 = 1;\n".encode(), "Code"),
        (b"ts", b'<?xml version="1.0"?>\n<!DOCTYPE TS>\n', "Code"),
        (b"mts", b"export const x: number = 1;\n", "Code"),
        (b"pot", b'msgid ""\nmsgstr ""\n', "Data"),
        (b"pot", b"# A title\n#, fuzzy\nmsgid", "Data"),
        (b"vhd", b"library ieee;\nuse ieee.std_logic_1164.all;\n", "Code"),
        (b"ts", b"", None),
        (b"ts", bytes(64), None),
        (b"pot", b"Water it twice a week.\n", None),
        (b"key", b"-----BEGIN OPENSSH PRIVATE KEY-----\n", None),
        (b"pub", b"ssh-ed25519 AAAAC3Nza me@host\n", None),
        (b"obj", b"\x64\x86\3\0\0", None),
    ],
)
def test_a_second_meaning(extension: bytes, head: bytes, category: str | None) -> None:
    assert second_meaning(extension, head) == category


def test_a_second_meaning_is_of_another_category() -> None:
    for extension, (category, _) in heads._SECOND_MEANINGS.items():
        assert extension in DOUBTFUL
        assert extension not in CATEGORIES[category]
