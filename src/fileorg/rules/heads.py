"""Tests of the first bytes of files whose extension is ambiguous.

`Invoice No.123` is not a spreadsheet and `app.component.ts` not a recording. An extension counts only if the head of
the file confirms it where it is digits or one letter, or has several meanings. The head may also confirm a second
meaning, of another category, that is not harmful to move.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Test = Callable[[bytes], bool]

HEAD_BYTES = 4096
"""The number of bytes that the tests need."""

_MAX_PARTS = 99
_FEW_PACKETS = 2

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = (b"PK\3\4", b"PK\5\6", b"PK\7\10", b"PK00PK")
_RAR = b"Rar!\x1a\7"
_ARCHIVES = (
    *(*_ZIP, _RAR, b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"\x1f\x9d", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd"),
    *(b"\x04\x22\x4d\x18", b"LZIP", b"MSCF", b"\x60\xea", b"xar!", b"070701", b"\xc7\x71"),
)
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\f\r\x1b") | {0x7F}


def _begins(*magic: bytes) -> Test:
    return lambda head: head.startswith(magic)


def _is_text(head: bytes) -> bool:
    return bool(head) and _CONTROLS.isdisjoint(head)


def _is_binary(head: bytes) -> bool:
    return bool(head) and not _is_text(head)


def _is_cut_archive(head: bytes) -> bool:
    return head.startswith(_ARCHIVES) or head[257:262] == b"ustar"


def _is_transport_stream(head: bytes) -> bool:
    """Return whether the head has packets of 188 bytes that begin with a G, or framed ones of 192 or 204 bytes."""
    for size in (188, 192, 204):
        for start in range(min(size, len(head) - size + 1)):
            syncs = head[start::size]
            if syncs.count(b"G") == len(syncs) and (len(syncs) > _FEW_PACKETS or (not start and _is_binary(head))):
                return True
    return False


def _unit(head: bytes) -> int:
    """Return the first byte of the first unit of an H.264 or H.265 stream, -1 for anything else."""
    code = re.match(rb"\0{2,16}\x01([\0-\x7f])", head)
    return code[1][0] if code else -1


def _is_h264(head: bytes) -> bool:
    return _unit(head) & 0x1F in {1, 5, 6, 7, 8, 9} if _unit(head) >= 0 else head.startswith((b"HXVS", b"DHAV"))


def _is_h265(head: bytes) -> bool:
    return _unit(head) >> 1 in {1, 19, 20, 32, 33, 34, 35, 39} if _unit(head) >= 0 else head.startswith(b"HXVS")


def _code(*patterns: str) -> Test:
    """Return a test for text with a line that matches one of the patterns."""
    pattern = "|".join(f"^{each}" for each in patterns)  # compiled on first use

    def is_code(head: bytes) -> bool:
        encoding = "utf-16" if head[:2] in {b"\xff\xfe", b"\xfe\xff"} else "latin-1"
        text = head.removeprefix(b"\xef\xbb\xbf").decode(encoding, "replace").replace("\r", "")
        return _is_text(text.encode()) and re.search(pattern, text, re.MULTILINE | re.ASCII) is not None

    return is_code


_COMMENT = r"\s*(?:/\*|//)"
_BRACES = r"(?:.*\S)?\s*[{}];?\s*$"
_DECLARATION = (
    r"\s*(?:(?:static|extern|inline|const|unsigned|signed|volatile)\s+)*"
    r"(?:int|char|void|bool|float|double|long|short|size_t|auto|struct \w+|enum \w+|union \w+|u?int\d+_t)\b"
    r"[\s*&]+\w+(?:\(|\s*(?:=[^=]|;\s*$|\[|\{))"
)
_TYPEDEF = r"\s*(?:typedef|struct|union|enum|class|namespace|template)\b[\w\s*<>:]*[;{]\s*$"
_C = (r"\s*#\s*(?:include|define|undef|if|ifdef|ifndef|pragma|import)\b", _COMMENT, _BRACES, _DECLARATION, _TYPEDEF)
_OBJECTIVE_C = r"\s*@(?:interface|implementation|protocol|import|property|class|end)\b"

_TESTS: dict[bytes, Test] = {
    # Digits: files may be numbered, up to a 264th chapter or a 123rd invoice.
    b"001": _is_cut_archive,
    b"123": _begins(b"\0\0\x1a\0", b"\0\0\2\0"),
    b"264": _is_h264,
    b"265": _is_h265,
    # Letters
    b"c": _code(*_C),
    b"d": _code(*_C, r"\s*(?:module|(?:public |static )?import)\s+[\w.]+\s*[;:,]", r"[\w./-]+\.o\s*:"),
    b"f": _code(
        r"[cC*!](?:\s|$)(?=.*\n(?:[cC*!]|\s{6}|\s*$))",
        r"\s*(?i:program|subroutine)\s+\w+\s*(?:\(|$)",
        r"\s*(?i:implicit\s+none|end\s+(?:program|subroutine|function)\b)",
        r"\s{6,}(?i:integer|real|character|logical|dimension|common|call|write\s*\(|print\b)",
    ),
    b"h": _code(*_C, _OBJECTIVE_C),
    b"l": _code(r"%%\s*$", r"%\{\s*$", r"%(?:option|x|s)\b", r"\(def\w+ "),
    b"m": _code(
        *(*_C, _OBJECTIVE_C, r"\s*%", r"\s*function\b.*[=(]", r"\s*[\w.(),: ]+=[^=].*;\s*$", r"\s*\w+\(.*\);?\s*$")
    ),
    b"r": _code(r"\s*[\w.$\[\]]+\s*<-", r"\s*(?:library|require|source)\(", r"#!.*Rscript"),
    b"s": _code(
        *_C[:2],
        r"\s*\.(?:text|data|bss|globl|global|section|align|p2align|type|intel_syntax|code\d*|org|equ|byte|word|ascii\w*)\b",
        r"(?:\w+:)?\s+(?:mov|push|pop|ldr|str|add|sub|call|jmp|lea|xor|cmp|addi)[a-z]{0,2}\s+[%$#\[\w(-]+\s*(?:,|$)",
    ),
    b"v": _code(
        _COMMENT,
        _BRACES,
        r"\s*(?:module\s+\w+\s*(?:#?\(|;|$)|endmodule\b|`(?:timescale|include|define)\b|always\s*@|assign\s+\w+.*=)",
        r"(?:Require Import|From \w+ Require|Theorem|Lemma|Definition|Inductive|Fixpoint)\b.*(?:[:.]|$)",
        r"(?:Proof|Qed)\.",
    ),
    b"y": _code(r"%%\s*$", r"%\{\s*$", r"%(?:token|type|left|right|nonassoc|union|start|define)\b"),
    b"z": _begins(b"\x1f\x9d", b"\x1f\x8b", b"\x1f\x1e", b"\x1f\xa0"),
    # Parts of archives: equally likely a revision or a room number.
    **dict.fromkeys((b"r%02d" % part for part in range(100)), _begins(_RAR)),
    **dict.fromkeys((b"z%02d" % part for part in range(100)), _begins(*_ZIP)),
    # Several meanings: MPEG, not TypeScript or a translation.
    b"ts": _is_transport_stream,
    b"mts": _is_transport_stream,
    # Keynote and Publisher, not a private and a public key.
    b"key": _begins(*_ZIP),
    b"pub": _begins(_OLE),
    # PowerPoint, not gettext; Audible, not a part from split(1); sounds of the NES and the SNES, not Lotus Notes and a
    # certificate.
    b"pot": _begins(_OLE),
    b"aa": lambda head: head[4:8] == b"\x57\x90\x75\x36",
    b"nsf": _begins(b"NESM", b"NSFE"),
    b"spc": _begins(b"SNES-SPC700"),
    # A camera image, not a virtual disk; an Alembic scene, not a song.
    b"raw": _begins(b"II*\0", b"MM\0*", b"IIU\0", b"IIRO", b"IIRS", b"ARECOYK", b"FUJIFILM"),
    b"abc": _begins(b"Ogawa", b"\x89HDF"),
    # A mesh, not a compiled object; a disc image, not an SQL Server database; a disk, not VHDL.
    b"obj": _is_text,
    b"mdf": lambda head: _is_binary(head) and not head.startswith(b"\1\x0f\0\0"),
    b"vhd": _is_binary,
}

# TypeScript, or words of a translation in Qt; the words of gettext, as in `po`; VHDL.
_SECOND_MEANINGS: dict[bytes, tuple[str, Test]] = {
    b"ts": ("Code", _is_text),
    b"mts": ("Code", _is_text),
    b"pot": ("Data", _begins(b"#", b"msgid", b"\xef\xbb\xbf#", b"\xef\xbb\xbfmsgid")),
    b"vhd": ("Code", _is_text),
}

DOUBTFUL = frozenset(_TESTS)
"""The extensions that count only if the head or neighbours confirm them."""


def is_weak(extension: bytes) -> bool:
    """Return whether the extension is digits or one letter: without confirmation it is part of the name."""
    return len(extension) == 1 or extension.isdigit()


def agrees(extension: bytes, head: bytes) -> bool:
    """Return whether the first `HEAD_BYTES` of a file confirm an ambiguous extension."""
    return _TESTS[extension](head)


def second_meaning(extension: bytes, head: bytes) -> str | None:
    """Return the category of the second meaning of `extension` if the head confirms this meaning."""
    meaning = _SECOND_MEANINGS.get(extension)
    return meaning[0] if meaning is not None and meaning[1](head) else None


def neighbours(extension: bytes) -> Sequence[bytes]:
    """Return the extensions of the neighbouring parts of an archive: one such file of the same stem confirms
    `extension`.

    Empty for 123, 264 and 265: the 264th chapter has the 265th beside it.
    """
    if extension == b"001":
        return (b"002",)
    kind, part = extension[:1], extension[1:]
    if extension not in _TESTS or kind not in b"rz" or not part.isdigit():
        return ()
    head, first, number = (b"rar", 0, int(part)) if kind == b"r" else (b"zip", 1, int(part))
    beside = (other for other in (number - 1, number + 1) if first <= other <= _MAX_PARTS)
    return (head, *(b"%b%02d" % (kind, other) for other in beside))
