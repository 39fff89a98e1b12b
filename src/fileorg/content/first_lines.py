"""The format of a text by its first lines. Formats are keys of `file_formats.FORMATS`."""

from __future__ import annotations

import re
from functools import cache

_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\f\r\x08\x1b\x1a") | {0x7F}
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_CHARACTERS = 8192
_LINES = 40
_LINE_CHARACTERS = 240


def text_of(head: bytes) -> str | None:
    """Return the beginning of a text; None if the head is not text."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            text = _plain(head[len(bom) : 4 * _CHARACTERS].decode(encoding, "replace").lstrip("\ufeff"))
            return text if all(each.isprintable() or each in "\n\t\f" for each in text) else None
    if not head or not _CONTROLS.isdisjoint(head):
        return None
    return _plain(head[: 2 * _CHARACTERS].decode("utf-8", "replace"))


def head_text(head: bytes) -> str:
    """Return all of the head of a text, in which a character at the end may be cut; empty if the head is not text."""
    if text_of(head) is None:
        return ""
    encoding = next((encoding for bom, encoding in _BOMS if head.startswith(bom)), "utf-8")
    return head.decode(encoding, "replace").lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _plain(text: str) -> str:
    return text[:_CHARACTERS].replace("\r\n", "\n").replace("\r", "\n")


def _shortened(text: str) -> str:
    """Return the beginning of a text with short lines and no two blank lines in a row.

    So no pattern takes long, whatever the text is.
    """
    lines, was_blank = list[str](), False
    for line in text.split("\n"):
        is_blank = not line.strip()
        if not (is_blank and was_blank):
            lines.append("" if is_blank else line[:_LINE_CHARACTERS])
        was_blank = is_blank
    return "\n".join(lines)


@cache
def _compiled(pairs: tuple[tuple[str, str], ...]) -> tuple[tuple[bytes, re.Pattern[str]], ...]:
    """Return the patterns compiled, on first use: that takes 50 ms."""
    return tuple((name.encode(), re.compile(pattern, re.MULTILINE | re.ASCII)) for name, pattern in pairs)


# What a first line says: nothing else begins like this.
_TELLS = (
    ("vcs", r"\ABEGIN:VCALENDAR\n(?:.*\n){0,4}VERSION:1\.0"),
    ("ics", r"\ABEGIN:VCALENDAR$"),
    ("vcf", r"\ABEGIN:VCARD$"),
    ("vtt", r"\AWEBVTT(?:\s|$)"),
    ("srt", r"\A\s*\d+\n\d\d?:\d\d:\d\d[,.]\d{1,3} *-->"),
    ("ass", r"\A\[Script Info\]"),
    ("sub", r"\A\{\d+\}\{\d+\}"),
    ("lrc", r"\A(?:\[(?:ti|ar|al|by|offset|length|re|ve):.*\]\n)+|\A\[\d\d:\d\d[.:]\d\d\]"),
    ("cue", r"\A(?:(?:REM|PERFORMER|TITLE|CATALOG|SONGWRITER|CDTEXTFILE) .*\n)*FILE .*\n\s+TRACK \d"),
    ("m3u", r"\A#EXTM3U"),
    ("pls", r"\A\[playlist\]"),
    ("ra", r"\A(?:rtsp|pnm)://\S+\s*\Z"),
    ("pem", r"\A(?:.*\n){0,3}-----BEGIN [A-Z0-9 ]+-----$"),
    ("pub-key", r"\A(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S+|sk-\S+@openssh\.com) AAAA"),
    ("desktop", r"\A(?:#.*\n)*\[Desktop Entry\]"),
    ("url", r"\A\[InternetShortcut\]"),
    ("diff", r"\AFrom [0-9a-f]{40} |\Adiff --git |\A--- \S+.*\n\+\+\+ "),
    ("rtf", r"\A\{\\rtf"),
    ("pfa", r"\A%!(?:PS-AdobeFont|FontType1)"),
    ("ps", r"\A%!PS"),
    ("tex", r"\A(?:[ \t]*(?:%.*)?\n)*\s*\\(?:documentclass|documentstyle|input|usepackage|begin|section|chapter)\b"),
    ("bib", r"\A(?:[ \t]*(?:%.*)?\n)*\s*@(?:\w+)\s*\{\s*[\w:.+/-]+\s*,"),
    ("ris", r"\ATY  - "),
    ("enw", r"\A%[0A-Z] .*\n%[0-9A-Z] "),
    ("stl", r"\Asolid\b.*\n\s*facet normal"),
    ("ply", r"\Aply\nformat "),
    ("dxf", r"\A\s*0\nSECTION\n"),
    ("step", r"\AISO-10303-21;"),
    ("obj", r"\A(?:#.*\n|[ \t]*\n)*(?:mtllib .*\n|[og] .*\n|v -?\d)"),
    ("gcode", r"\A(?:;.*\n|[ \t]*\n)*(?:[GM]\d{1,3}(?: .*)?\n){2}"),
    ("cube", r"\A(?:#.*\n|[ \t]*\n|TITLE .*\n)*LUT_[13]D_SIZE"),
    ("igc", r"\AA[A-Z]{3}.*\nH[FOP]"),
    ("qif", r"\A!(?:Type|Account|Option):"),
    ("ofx", r"\AOFXHEADER:|\A\s*<\?OFX |\A\s*<OFX>"),
    ("ldif", r"\A(?:#.*\n|[ \t]*\n|version: \d\n)*dn:{1,2} "),
    ("po", r"\A(?:#.*\n|[ \t]*\n)*msgid \""),
    ("ttl", r"\A(?:#.*\n|[ \t]*\n)*@(?:prefix|base) .*<"),
    ("pbm", r"\AP[14]\s+(?:#.*\n)*\d+\s+\d+\s"),
    ("pgm", r"\AP[25]\s+(?:#.*\n)*\d+\s+\d+\s"),
    ("ppm", r"\AP[36]\s+(?:#.*\n)*\d+\s+\d+\s"),
    ("pfm", r"\AP[Ff]\n\d+ \d+\n"),
    ("xpm", r"\A/\* XPM \*/"),
    ("xbm", r"\A(?:#define \w+_(?:width|height|x_hot|y_hot) \d+\n)+static "),
    ("hdr", r"\AENVI\n|\A#\?RADIANCE"),
    ("vmdk", r"\A# Disk DescriptorFile"),
    ("uue", r"\Abegin(?:-base64)? [0-7]{3} \S"),
    ("afm", r"\AStartFontMetrics"),
    ("bdf-font", r"\ASTARTFONT "),
    ("slk", r"\AID;P"),
    ("eml", r"\A\d+\s*\n(?:Return-Path|Received|From|Date|Delivered-To|X-[\w-]+):"),
    ("mbox", r"\AFrom \S+.*\d\d:\d\d.*\d{4}"),
    (
        "eml",
        r"\A(?=(?:.*\n){0,60}(?:From|Received|Message-I[Dd]|Return-Path|M(?:IME|ime)-Version|DKIM-Signature|Delivered-To): )(?:[A-Za-z][\w-]*:.*\n(?:[ \t].*\n)*){2}",
    ),
    ("aspx", r"\A\s*<%@ "),
    ("yaml", r"\A%YAML "),
    ("dtd", r"\A(?:\s|<\?xml[^>]*>|<!--(?:[^-]|-(?!->))*-->)*<!(?:ELEMENT|ENTITY|ATTLIST) "),
)  # fmt: skip

_INTERPRETERS = (
    ("python", "py"), ("node", "js"), ("deno", "js"), ("bun", "js"), ("perl", "pl"), ("ruby", "rb"), ("php", "php"),
    ("lua", "lua"), ("tclsh", "tcl"), ("wish", "tcl"), ("Rscript", "r"), ("pwsh", "ps1"), ("osascript", "js"),
)  # fmt: skip

_ROOTS = {
    "svg": "svg", "html": "html", "kml": "kml", "gpx": "gpx", "rss": "rss", "feed": "atom", "opml": "opml",
    "plist": "plist", "FictionBook": "fb2", "schema": "xsd", "stylesheet": "xsl", "transform": "xsl",
    "TrainingCenterDatabase": "tcx", "osm": "osm", "RDF": "rdf", "xmpmeta": "xmp", "xfdf": "xfdf", "xdp": "xdp",
    "tt": "ttml", "mxfile": "drawio", "COLLADA": "dae", "playlist": "xspf", "smil": "ttml", "SAMI": "smi",
}  # fmt: skip
_ROOT = re.compile(
    r"\A\s*(?:<\?[^>]*\?>\s*|<!--(?:[^-]|-(?!->))*-->\s*|<!DOCTYPE\s[^\[>]*(?:\[[^\]]*\]\s*)?>\s*)*"
    r"<(?:[\w.-]+:)?([\w.-]+)([^>]*)",
)
_HTML = re.compile(
    r"\A\s*(?:<!--(?:[^-]|-(?!->))*-->\s*)*<(?:!doctype html|html|head|body|title|div|h[1-6]|table|script|style|meta|p)\b",
    re.IGNORECASE,
)
_FLAT_OFFICE = (
    ("opendocument.text", "fodt"),
    ("opendocument.spreadsheet", "fods"),
    ("opendocument.presentation", "fodp"),
)
_JSON_KEYS = (
    ("excalidraw", r'"type"\s*:\s*"excalidraw"'), ("gltf", r'"asset"\s*:\s*\{[^}]*"version"\s*:\s*"[12]\.'),
    ("ipynb", r'"(?:nbformat|cell_type)"\s*:'), ("geojson", r'"type"\s*:\s*"(?:FeatureCollection|Feature)"'),
)  # fmt: skip
_JSON = re.compile(r'\A\s*(?:\{\s*(?:"(?:[^"\\\n]|\\.)*"\s*:|\})|\[\s*(?:[\[{"\d\]-]|true|false|null))')
_COMMENTED_JSON = re.compile(r'\A\s*(?://.*\n\s*|/\*(?:[^*]|\*(?!/))*\*/\s*)+\{\s*(?:"|//|/\*)')

# What a text looks like.
_GUESSES = (
    ("diff", r"^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@|^diff -[a-zA-Z]+ "),
    ("bat", r"\A\s*(?i:@echo |@rem\b|@setlocal|rem |@if )|^(?i:@?if exist |goto :?\w+$|%~dp0)"),
    ("go", r"^package \w+\s*(?://.*)?$(?=(?:.*\n)*?(?:import|func|type|var|const) )"),
    ("cs", r"^(?:using [A-Z][\w.]*;|namespace [A-Z][\w.]*(?:;|\s*\{?\s*)$)"),
    ("swift", r"^import (?:Foundation|UIKit|SwiftUI|Cocoa)$|^[ \t]*func \w+\(.*\)(?: ->|.*\{)|^(?:class|struct|extension) \w+: \w+.*\{$"),
    ("rs", r"^[ \t]*(?:pub )?(?:fn \w+.*[({]|mod \w+;|use (?:std|crate|super|core)::|impl\b.*\{|extern crate)|^pub type \w+ =|^//! "),
    ("java", r"^(?:import (?:static )?java|public (?:final |abstract )?(?:class|interface|enum) \w+|package [\w.]+;)"),
    ("erl", r"^-(?:module|export|include)\("),
    ("ex", r"^[ \t]*defmodule [A-Z]"),
    ("hs", r"^module [A-Z][\w.]*|^import (?:qualified )?(?:Data|Control|System)\.|^\w+ :: .*->"),
    ("pas", r"^(?i:unit|program) \w+;|^\{\$mode "),
    ("f90", r"^[ \t]*(?i:program \w+|implicit none|subroutine \w+\(|end program)"),
    ("vb", r"^(?:Module \w+|Imports [\w.]+|Public Class|Option Explicit|Dim \w+ As |[ \t]*End Sub$|[ \t]*(?:Private|Public) Sub )"),
    ("cmake", r"^[ \t]*(?:cmake_minimum_required|add_(?:executable|library|test)|set|project|include|endif|macro|function|find_package)\s*\("),
    ("hcl", r'^(?:resource|variable|provider|module|data|output|terraform) (?:"[\w-]+" )*\{|^resource "'),
    ("tcl", r"^[ \t]*(?:proc [\w:]+ \{|package (?:require|ifneeded|provide) |namespace eval )|^set \w+ \["),
    ("proto", r"^syntax\s*=\s*\"proto|^message \w+ \{"),
    ("r", r"^[ \t]*[\w.]+\s*<- |^(?:library|require)\(\w+\)|^#' "),
    ("m", r"^[ \t]*function (?:\[?[\w, ]+\]?\s*=\s*)?\w+(?:\(.*\))?\s*$|^%% |^(?:clear all|clc|close all|clear)\s*;?$|^\w+\s*=.*;\s*%|^\w+ *= *[\w.]+; *$"),
    ("ps1", r"\A<#|^[ \t]*function \w+-\w+|^[ \t]*\[CmdletBinding|^[ \t]*param\s*\(|^[ \t]*\$\w+ = (?:Get|New|Split)-"),
    ("sql", r"^[ \t]*(?i:create (?:or replace )?(?:table|function|view|index|database|type|procedure|extension|trigger)|drop \w+ |alter \w+ |insert into|select .*|update \w+ set|\\echo use|begin;|set \w+ = )"),
    ("css", r"^[ \t]*[@.#:*\w\[][^{}\n;=]*\{[ \t]*\n?[ \t]*(?:/\*.*\*/\s*)?(?:--)?[a-z-]+[ \t]*:[ \t]*[^{}\n]+;|^[@$][\w-]+:[ \t].*;$"),
    ("lisp", r"\A(?:;.*\n|[ \t]*\n)*\((?i:def|in-package|require|setq|provide|ns )|^\((?:defun|define|defmacro) "),
    ("lua", r"^local \w+ = |^[ \t]*function \w+[.:]\w+\("),
    ("asm", r"^[ \t]*\.(?:text|data|section|globl|global|bss)\b|^[ \t]+(?:mov|push|pop|xor|lea|call|jmp)[lqbw]?\s+[%$\[\w]|^[ \t]*(?:macro|struct|format PE)\b"),
    ("yar", r"^(?:private |global )*rule \w+(?: : [\w ]+)?\s*\{?$(?=(?:.*\n)*?\s*(?:strings|condition):)"),
    ("js", r"^[ \t]*(?:(?:var|let|const) [\w{$][\w$, }]* ?=|export (?:default|const|function|class|\{|\*)|import .* from ['\"]|(?:async )?function\*? ?\w*\(|window\.\w+ ?=|module\.exports|'use strict'|\"use strict\"|define\(|\(function ?\()|^[\w$]+\(\"[A-Za-z0-9+/=]{40}|^(?:\w+\.)?\w+ = (?:require\b|function|\w+ \() ?"),
    ("ts-code", r"^[ \t]*(?:export )?(?:interface|enum|declare|namespace) \w+.*\{|^[ \t]*constructor\((?:public|private|readonly) "),
    ("py", r"^(?:import \w+(?:\.\w+)*(?: as \w+)?$|from [\w.]+ import |def \w+\(.*\).*:$|class \w+(?:\(.*\))?:$|if __name__ == )"),
    ("pl", r"^[ \t]*(?:use (?:strict|warnings)|my [$@%]\w+|sub \w+\s*\{|print \")|^\w+\(.*\)\s*:-$|^[ \t]*-?\s*\w+\(.*\) :-"),
    ("rb", r"^[ \t]*(?:require ['\"]|def \w+.*\n|module [A-Z]\w*$|attr_(?:reader|accessor) )|^class [A-Z]\w*(?: < \w+)?$"),
    ("java", r"^[ \t]*(?:fun \w+\(|(?:data )?class \w+\($|val \w+ ?(?::|=))|^println |^(?:type|input|schema|enum|query|fragment)(?: \w+)* \{$|^(?:type|extend type) \w+"),
    ("c", r"^[ \t]*#\s*(?:include|define|ifdef|ifndef|pragma) |^[ \t]*(?:static |extern |const )*(?:int|void|char|float|double) \**\w+\(|^(?:module|endmodule|sphere|cube|cylinder|translate)\b *(?:\w+)?\s*(?:#?\(|;|$)"),
    ("sh", r"^[ \t]*(?:if \[|fi$|export \w+=|esac$|then$|done$)|^\w+='.*'$"),
)  # fmt: skip

_HEADED = re.compile(r"\A(?:[#;].*\n|[ \t]*\n|[\w.-]+\s*=.*\n)*\[{1,2}[^\[\]\n]+\]{1,2}\s*(?:[#;].*)?\n")
_ASSIGNED = re.compile(r"^\s*[\w.\-\"\[\] ]+\s*=", re.MULTILINE)
_YAML_START = re.compile(r"\A(?:#.*\n|[ \t]*\n)*(?:---.*\n)?(?:#.*\n|[ \t]*\n)*(?:- )?[\w\"'$.-]+:(?: \S.*| *)\n")
_YAML_LINE = re.compile(r"^\s*(?:- .*|(?:- )*[\w\"'$.\-/ ]+:(?: .*| *))$")
_STAMPED = re.compile(
    r"^\W{0,2}(?:\d{4}[-/]\d\d[-/]\d\d|\d\d[-/]\w{2,3}[-/]\d{4}|\d\d:\d\d:\d\d|[A-Z][a-z]{2} +\d+ \d\d:|\d+ (?:verbose|info|silly|"
    r"http|warn|timing|error) |\$G[PN]\w{3},|\d+\.\d+\.\d+\.\d+ \S+ \S+ \[)"
)
_MARKS = re.compile(
    r"^#{1,6} \S.*\n\s*$|^```|\]\((?:https?://|#|\.{0,2}/|\w)|^(?:={4,}|-{4,})$|\*\*\w[^*\n]*\*\*|^\.\. [\w-]+::|``\w|^#\+\w+:|^\* .*\n\*\* |^=+ .* =+$",
    re.MULTILINE,
)
_CODE_START = re.compile(
    r"\A(?:#.*\n|[ \t]*\n)*(?:import |from |use |using |package |///?|/\*|\"\"\"|#(?![ #])|require|\w+ = |\w+\()|\A# .*\n#"
)


def certain_format(text: str) -> bytes | None:
    """Return what the first lines of a text tell; None if they tell nothing."""
    if text.startswith("#!"):
        line = text.partition("\n")[0]
        if " " in line or "/" in line:
            return next((form for word, form in _INTERPRETERS if word in line), "sh").encode()
    if text.lstrip()[:1] == "<" and (found := _markup(text)):
        return found
    if _JSON.match(text):
        return next((name for name, pattern in _JSON_KEYS if re.search(pattern, text)), "json").encode()
    if _COMMENTED_JSON.match(text):
        return b"json"
    short = _shortened(text)
    for name, pattern in _compiled(_TELLS):
        if pattern.search(short):
            return name
    return None


def _markup(text: str) -> bytes:
    if re.match(r"\s*<(?:script|style|template)\b", text) and not re.search(r"(?i)<(?:html|head|body)\b", text):
        return b"vue"
    if _HTML.match(text):
        return b"html"
    if "<?aid " in text[:500]:
        return b"inx"
    if "<x:xmpmeta" in text[:500]:
        return b"xmp"
    match = _ROOT.match(text)
    if match is None:
        return b"xml" if text.lstrip().startswith("<?xml") else b""
    name, attributes = match[1], match[2]
    if name == "document" and "opendocument" in attributes:
        mime = text[match.start() : match.end() + 4000]
        return next(
            (form for kind, form in _FLAT_OFFICE if f'mimetype="application/vnd.oasis.{kind}' in mime), "xml"
        ).encode()
    known = _ROOTS.get(name)
    if known == "html" and "xhtml" in text[:400]:
        return b"xhtml"
    if known is not None:
        return known.encode()
    return (
        b"xml"
        if text.lstrip().startswith("<?xml") or f"</{name}>" in text or attributes.rstrip().endswith("/")
        else b""
    )


def guessed_format(text: str) -> bytes | None:
    """Return what a text without a telling first line looks like; None for prose and what is unknown."""
    text = _shortened(text)
    lines = [line for line in text.split("\n")[:_LINES] if line]
    if found := _data(text, lines):
        return found
    if _is_marked_up(text):
        return b"md"
    for name, pattern in _compiled(_GUESSES):
        if pattern.search(text):
            return name
    return None


def _is_marked_up(text: str) -> bool:
    """Return whether a text begins with a title or prose and has marks of Markdown or its like."""
    kinds = {re.sub(r"\w+", "w", match[0].strip())[:2] for match in _MARKS.finditer(text)}
    return len(kinds) > 1 and _CODE_START.match(text) is None


def _data(text: str, lines: list[str]) -> bytes:
    settings = [line for line in lines if not line.lstrip().startswith(("#", ";", "!", "//"))]
    if _HEADED.search(text) and (_ASSIGNED.search(text) or len(settings) < 3):
        return b"ini"
    if not settings:
        return b""
    if len(lines) > 1:
        for separator, name in ((";", b"csv"), ("\t", b"tsv"), (",", b"csv"), (":", b"csv")):
            counts = {line.count(separator) for line in lines[:10] if not line.startswith('"')}
            needed = 2 if separator in ":," and len(lines) < 4 else 1
            is_odd = (separator != "\t" and lines[0].endswith(separator)) or (separator == ":" and " " in lines[0])
            if len(counts) == 1 and counts.pop() >= needed and not is_odd:
                return name
    stamped = sum(_STAMPED.match(line) is not None for line in lines)
    if len(lines) > 1 and stamped >= 0.6 * len(lines):
        return b"log"
    assigned = sum(re.match(r"\s*[\w.\-]+\s*=", line) is not None for line in settings)
    if assigned >= 0.8 * len(settings) and not any(line.rstrip().endswith((";", "{", "(")) for line in settings):
        return b"properties"
    if _YAML_START.match(text) and sum(_YAML_LINE.match(line) is not None for line in settings) >= 0.5 * len(settings):
        return b"yaml"
    return b""
