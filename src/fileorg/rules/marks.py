"""Marks as a table: files that show that a neighbour, or the file itself, is unfinished or open in a program.

The table format is that of `rules/families`, and docs/left-alone.md is generated from it. A mark may also be a folder
or a symlink, even a broken one.
"""

from __future__ import annotations

import re

from fileorg.core.tuples import NamedTuple
from fileorg.rules.ignore import UNFINISHED, IgnoreReason
from fileorg.rules.joined_names import EDGE


class Mark(NamedTuple):
    """A file that makes fileorg skip another one. `names` are templates of `pattern` for the names of the skipped file.

    The other fields are as in `Family`. With `is_tail`, the skipped name may have up to two more characters in front.
    """

    what: str
    examples: tuple[tuple[str, str], ...]
    reason: IgnoreReason
    signs: tuple[bytes, ...]
    pattern: bytes
    names: tuple[bytes, ...] = (rb"\g<x>",)
    is_tail: bool = False
    says_of_itself: bool = False
    """True if the mark itself is unfinished, regardless of its neighbours."""
    suffixes: frozenset[bytes] = frozenset()
    beside: frozenset[bytes] = frozenset()


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


_WORDS = b"|".join(map(re.escape, sorted(UNFINISHED)))

MARKS: tuple[Mark, ...] = (
    Mark(
        "An unfinished download",
        (
            *(("a.pdf.part", "a.pdf"), ("a.iso.aria2", "a.iso"), ("a.zip.crdownload", "a.zip"), ("a.zip.st", "a.zip")),
            *(("a.iso.!qB", "a.iso"), ("a.mp4.ytdl", "a.mp4"), ("a.mp4.part-Frag3", "a.mp4")),
            *(("a.mp4.part-Frag3.part", "a.mp4"), ("a.iso.lftp-pget-status", "a.iso"), ("a.doc.crswap", "a.doc")),
            *(("a.iso-lftp-pget-status", "a.iso"), ("a.zip.ocTransferId123.part", "a.zip"), ("a.iso.dtapart", "a.iso")),
            *(("a.iso.1a2b3c4d.partial", "a.iso"), ("a.zip.wkdownload", "a.zip"), ("a.bin.!abc", "a.bin")),
        ),
        IgnoreReason.UNFINISHED,
        (b".part-frag", b".!", b"-lftp-pget-status" + EDGE),
        rb"(?P<x>.+?)(?:\.(?:(?:octransferid\d+\.|[0-9a-z]{7,8}\.(?=partial))?(?:"
        + _WORDS
        + rb")|st|!\w+|\w+!|part-frag\d+(?:\.part)?)|[-.]lftp-pget-status)",
        suffixes=UNFINISHED | _words("st lftp-pget-status"),
    ),
    Mark(
        "An unfinished Firefox download, with random letters in its name",
        (("a.aB3xYz9k.mp4.part", "a.mp4"), ("a.aB3xYz9k.part", "a"), ("a.tar.aB3xYz9k.gz.part", "a.tar.gz")),
        IgnoreReason.UNFINISHED,
        (),
        rb"(?P<x>.+)\.[\w+-]{8}(?P<y>(?:\.[^.]+){0,2})\.part",
        (rb"\g<x>\g<y>",),
        suffixes=_words("part"),
    ),
    Mark(
        "A video whose streams a program is downloading or merging",
        (("a.f137.mp4.part", "a.mp4"), ("a.temp.mp4", "a.mp4"), ("a.f140.m4a.ytdl", "a.m4a")),
        IgnoreReason.UNFINISHED,
        (b".temp.",),
        rb"(?P<x>.+?)(?:\.f\w+(?:-[\w-]+)?(?P<y>\.[^.]+)\.(?:part|ytdl)|\.temp(?P<z>\.[^.]+))",
        (rb"\g<x>\g<y>\g<z>", rb"\g<x>.mp4", rb"\g<x>.mkv", rb"\g<x>.webm"),
        suffixes=_words("part ytdl"),
    ),
    Mark(
        "A fragment of a download, or its state file",
        (
            *(("a.mp4.part-Frag3", "a.mp4.part-Frag3"), ("a.f137.mp4.part-Frag12.part", "a.f137.mp4.part-Frag12.part")),
            *(("001.part.met", "001.part.met"), ("a.rar.td.cfg", "a.rar.td.cfg"), ("a.iso.!xyz", "a.iso.!xyz")),
            *(("~uTorrentPartFile_1A2B.dat", "~uTorrentPartFile_1A2B.dat"), ("001.part.met.bak", "001.part.met.bak")),
        ),
        IgnoreReason.UNFINISHED,
        (
            b".part-frag",
            b".part.met",
            EDGE + b".goutputstream-",
            EDGE + b"~utorrentpartfile",
            b".td.cfg",
            b".xltd.cfg",
            b".!",
            b"-lftp-pget-status" + EDGE,
        ),
        rb".+\.part-frag\d+.*|.+[-.]lftp-pget-status|\.goutputstream-.+|.+\.part\.met(?:\.bak|\.seeds)?"
        rb"|~utorrentpartfile.*|.+\.(?:td|xltd|baiduyun\.downloading|baiduyun\.p\.downloading)\.cfg|.+\.![a-z]{2,4}",
        says_of_itself=True,
        suffixes=_words("lftp-pget-status"),
    ),
    Mark(
        "A temporary file that will replace the file it is named after",
        (
            *(("a.jpg_exiftool_tmp", "a.jpg_exiftool_tmp"), ("a.txt___jb_tmp___", "a.txt___jb_tmp___")),
            *(("a.txt.vsctmp", "a.txt.vsctmp"), ("a.txt___jb_old___", "a.txt___jb_old___")),
        ),
        IgnoreReason.UNFINISHED,
        (b"_exiftool_tmp" + EDGE, b"___jb_"),
        rb".+(?:_exiftool_tmp|___jb_(?:tmp|old)___|\.vsctmp)",
        says_of_itself=True,
        suffixes=_words("vsctmp"),
    ),
    Mark(
        "The same: the file that it will replace",
        (("a.jpg_exiftool_tmp", "a.jpg"), ("a.txt___jb_tmp___", "a.txt"), (".a.iso.x7Gh2k", "a.iso")),
        IgnoreReason.UNFINISHED,
        (b"_exiftool_tmp" + EDGE, b"___jb_", EDGE + b"."),
        rb"(?P<x>.+)(?:_exiftool_tmp|___jb_(?:tmp|old)___)|\.(?P<y>(?!~).+\.[a-z0-9]+)\.(?!backup)[a-z0-9]{6}",
        (rb"\g<x>\g<y>",),
    ),
    Mark(
        "A file that a program is synchronizing",
        (
            *((".syncthing.a.iso.tmp", "a.iso"), ("~syncthing~a.iso.tmp", "a.iso"), (".a.odt.~5c3a", "a.odt")),
            *((".in.a.iso", "a.iso"), (".unison.a.iso.1f2e.unison.tmp", "a.iso")),
        ),
        IgnoreReason.UNFINISHED,
        (EDGE + b".syncthing.", EDGE + b"~syncthing~", b".~", EDGE + b".in.", EDGE + b".unison."),
        rb"(?:\.syncthing\.|~syncthing~)(?P<x>.+)\.tmp|\.(?P<y>.+)\.~[0-9a-f]+|\.in\.(?P<z>.+?)\.?"
        rb"|\.unison\.(?P<w>.+)\.[0-9a-f]+\.unison\.tmp",
        (rb"\g<x>\g<y>\g<z>\g<w>",),
    ),
    Mark(
        "A document that is open in an office program",
        (
            *((".~lock.a.odt#", "a.odt"), ("a.laccdb", "a.accdb"), ("a.ldb", "a.mdb"), (".~a.docx", "a.docx")),
            ("~$$a.~vsdx", "a.vsdx"),
        ),
        IgnoreReason.OPEN,
        (EDGE + b".~", EDGE + b"~$$"),
        rb"\.~lock\.(?P<x>.+)#|(?P<y>.+)\.(?:laccdb|ldb)|\.~(?P<z>(?!lock\.).+)|~\$\$(?P<v>.+)\.~(?P<w>\w+)",
        (rb"\g<x>\g<z>", rb"\g<y>.accdb", rb"\g<y>.accde", rb"\g<y>.mdb", rb"\g<y>.mde", rb"\g<v>.\g<w>"),
        suffixes=_words("laccdb ldb"),
    ),
    Mark(
        "A document that is open in Word, Excel or PowerPoint",
        (("~$a.docx", "a.docx"), ("~$port.docx", "report.docx"), ("~$udget.xlsx", "budget.xlsx")),
        IgnoreReason.OPEN,
        (EDGE + b"~$",),
        rb"~\$(?P<x>.+)",
        is_tail=True,
    ),
    Mark(
        "A file that is open in an editor",
        (
            *((".a.txt.swp", "a.txt"), (".a.txt.swo", "a.txt"), (".#a.txt", "a.txt"), ("#a.txt#", "a.txt")),
            *((".a.txt.kate-swp", "a.txt"), ("a.blend@", "a.blend"), (".a.kra-autosave.kra", "a.kra")),
            *(("_autosave-a.kicad_pcb", "a.kicad_pcb"), ("a.synctex.gz(busy)", "a.tex")),
        ),
        IgnoreReason.OPEN,
        (EDGE + b".#", b"#" + EDGE, b"@" + EDGE, b"-autosave.kra" + EDGE, EDGE + b"_autosave-", b".synctex.gz(busy)"),
        rb"\.(?P<x>.+?)(?:\.(?:sw[a-z]|kate-swp)|-autosave\.kra)|\.#(?P<y>.+)|#(?P<z>.+)#|(?P<w>.+)@|_autosave-(?P<v>.+)"
        rb"|(?P<u>.+)\.synctex\.gz\(busy\)",
        (rb"\g<x>\g<y>\g<z>\g<w>\g<v>", rb"\g<u>.tex", rb"\g<u>.pdf"),
        suffixes=frozenset(b"sw%c" % letter for letter in range(ord("a"), ord("z") + 1)) - _words("swf swm")
        | _words("kate-swp"),
    ),
    Mark(
        "A drawing, layout or project that is open",
        (
            *(("a.dwl", "a.dwg"), ("a.dwl2", "a.dwg"), ("~a~1x7gt2.idlk", "a.indd"), ("a.vmdk.lck", "a.vmdk")),
            *(("~a.kicad_pcb.lck", "a.kicad_pcb"), ("a.gnucash.LCK", "a.gnucash"), ("a.prlock", "a.prproj")),
            *(("a.3dm.rhl", "a.3dm"), ("a_1_1_1234.sv$", "a.dwg"), ("a.gnucash.host.123.LNK", "a.gnucash")),
            ("a.vbox-tmp", "a.vbox"),
        ),
        IgnoreReason.OPEN,
        (),
        rb"(?P<x>.+?)(?:\.dwl2?|_\d+_\d+_\d+\.sv\$)|~(?P<y>.+?)~[\w(-]+\)?\.idlk|~?(?P<z>.+)\.(?:lck|rhl)"
        rb"|(?P<w>.+)\.prlock|(?P<v>.+\.gnucash)\..+\.\d+\.lnk|(?P<u>.+)\.vbox-tmp",
        (
            *(rb"\g<x>.dwg", rb"\g<y>.indd", rb"\g<y>.indb", rb"\g<y>.indt", rb"\g<y>.icml", rb"\g<y>.incx"),
            *(rb"\g<z>\g<v>", rb"\g<w>.prproj", rb"\g<u>.vbox"),
        ),
        suffixes=_words("dwl dwl2 sv$ idlk lck rhl prlock lnk vbox-tmp"),
    ),
    Mark(
        "A file that its program has locked",
        (
            *(("a.pst.lock", "a.pst"), ("a.sqlite.lock", "a.sqlite"), (".a.kdbx.lock", "a.kdbx")),
            *(("a.shp.HOST.123.456.sr.lock", "a.shp"), ("a.lrcat.lock", "a.lrcat"), ("data.db.lock", "data.db")),
        ),
        IgnoreReason.OPEN,
        (),
        rb"(?P<y>.+?\.[a-z]{3})\..+\.(?:sr|rd|ed)\.lock|\.?(?P<x>.+)\.lock",
        (rb"\g<x>", rb"\g<y>"),
        suffixes=_words("lock"),
    ),
)
