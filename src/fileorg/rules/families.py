"""Tables of files that belong together. docs/left-alone.md is generated from them.

Names are compared in lower case. A sign is a part of a name; `EDGE` before or after it stands for the start or the end
of the name. Suffixes and signs should not occur in ordinary names, because each match is examined more closely.
`rules/grouping` evaluates the tables; marks of unfinished and open files are in `rules/marks`.
"""

from __future__ import annotations

import re
from unicodedata import normalize

from fileorg.core.tuples import NamedTuple
from fileorg.rules.extensions import CATEGORIES
from fileorg.rules.ignore import IgnoreReason
from fileorg.rules.joined_names import EDGE


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


def _any_of(words: str) -> bytes:
    """Return a pattern of these words, in both normal forms of Unicode that are in use."""
    forms = {normalize(form, word).encode() for form in ("NFC", "NFD") for word in words.split("|")}
    return b"(?:" + b"|".join(map(re.escape, sorted(forms, reverse=True))) + b")"


def _signs(start: str, words: str) -> tuple[bytes, ...]:
    return tuple(start.encode() + word.encode() for word in words.split("|"))


def _beginning(word: bytes) -> bytes:
    """Return a pattern of a word that may be truncated anywhere."""
    pattern = b""
    for position in reversed(range(len(word))):
        pattern = b"(?:" + re.escape(word[position : position + 1]) + pattern + b")?"
    return pattern


def _numbered(kind: str, digits: int = 2) -> frozenset[bytes]:
    return frozenset(f"{kind}{part:0{digits}}".encode() for part in range(10**digits))


_SUBTITLES = _words("srt vtt webvtt sub idx ass ssa sbv smi sup ttml dfxp sami usf mks stl scc mpl jss aqt pgs")
_TRACKS = _words("mka ac3 eac3 dts truehd thd")
_PICTURES = frozenset(CATEGORIES["Images"]) - _words("xmp aae thm")
_FILMS = frozenset(CATEGORIES["Video"]) - _SUBTITLES
_SOUNDS = frozenset(CATEGORIES["Audio"]) - _words("lrc cue m3u m3u8 pls xspf")
_RAW = _words("nef nrw cr2 cr3 crw arw srf sr2 raf orf ori rw2 rwl pef srw 3fr fff iiq erf mef mos kdc dcr mrw x3f dng")
_TAKEN = _PICTURES | _FILMS
"""Camera files."""
_DEVELOPED = _TAKEN | _words("psd pdf ai indd mp3 wav")
_BOOKS = _words("epub mobi azw azw3 kfx prc pdf djvu cbz cbr fb2 kepub")
_BIG = frozenset(CATEGORIES["Archives"]) | frozenset(CATEGORIES["Disk images"]) | frozenset(CATEGORIES["Installers"])
_KNOWN = frozenset(extension for extensions in CATEGORIES.values() for extension in extensions)
_GAMES = _words("nes fds sfc smc gb gbc gba nds 3ds n64 z64 v64 md gen sms gg pce ngp ws wsc a26 lnx vb cso chd")
_ART = (
    "poster|fanart|thumb|banner|clearart|clearlogo|landscape|logo|disc|discart|cdart|keyart|characterart|backdrop"
    "|background|cover|folder|square"
)
_EXTRAS = "trailer|sample|behindthescenes|deleted|featurette|interview|scene|short|other|clip|theme"
_EDITED = (
    "edited|effects|smile|mix|edytowane|bearbeitet|bewerkt|編集済み|modificato|modifié|ha editado|editado|editada"
    "|editat|redigerad|redigeret|redigert|muokattu|upraveno|upravené|szerkesztett|düzenlendi|изменено|отредактировано|已修改"
    "|编辑|編輯|수정됨"
)
_SUPPLEMENT = rb"(?:\." + _beginning(b"supplemental-metadata") + rb")?"
_STEM = rb"(?P<x>.+)\.[^.]+"
"""Matches `a` in `a.srt`, and `a.jpg` in `a.jpg.json`."""


class Family(NamedTuple):
    """Files that follow another file, their leader.

    `what` is for users, with `examples` of a name and its leader. Names are examined if their last suffix is one of
    `suffixes`, or if they contain one of `signs`. A name that fully matches `pattern` follows the file named by
    `leader`, a template of the pattern: the whole name with `is_whole`, else the name without extension. The leader's
    extension must be one of `leaders`, if given.
    """

    what: str
    examples: tuple[tuple[str, str], ...]
    leaders: frozenset[bytes] = frozenset()
    suffixes: frozenset[bytes] = frozenset()
    signs: tuple[bytes, ...] = ()
    pattern: bytes = _STEM
    leader: bytes = rb"\g<x>"
    is_whole: bool = False
    has_tags: bool = False
    """Language or purpose tags may follow the leader's name in the match."""
    cut_at: int = 0
    """From this length on, the match may be only the beginning of the leader's name, which then ends with the number
    `z` of the pattern, if any.
    """
    beside: frozenset[bytes] = frozenset()
    """For common suffixes: examine them only in a folder that has a file with one of these."""


class Set(NamedTuple):
    """Parts of one file or recording: names that match `pattern` with the same `key`, a template of the pattern.

    The leader is the file named by one of `heads` if it exists; else the part that matches `first`, or the first by
    name. A single file is not a set. Other fields are as in `Family`.
    """

    what: str
    examples: tuple[tuple[str, ...], ...]
    suffixes: frozenset[bytes]
    signs: tuple[bytes, ...]
    pattern: bytes
    key: bytes
    heads: tuple[bytes, ...] = ()
    first: bytes = b""
    needs_first: bool = False
    """True if parts without the first one are not a set."""
    only: bytes = b""
    """If given, exactly one of the parts must match this pattern: if several do, the others may belong to any."""
    reason: IgnoreReason | None = None
    """The reason to skip the parts, if any; not if one of `heads` exists, into which they have been merged."""
    beside: frozenset[bytes] = frozenset()


class Sheet(NamedTuple):
    """A file whose content names other files in its folder, found by the groups of `names`. Examples: name, content,
    named files.

    The first named file leads; with `leads`, the sheet does. With `of_a_kind`, the files form a group only if all those
    without another leader are of one category.
    """

    what: str
    examples: tuple[tuple[str, str, tuple[str, ...]], ...]
    suffixes: frozenset[bytes]
    signs: tuple[bytes, ...]
    pattern: bytes
    names: bytes
    leads: bool = False
    of_a_kind: bool = False
    beside: frozenset[bytes] = frozenset()


class Beside(NamedTuple):
    """A folder that belongs to a file: its name is the file's stem plus one of `endings`; with `is_whole`, the file's
    whole name plus one.

    Examples: the folder and the file. Both are left in place.
    """

    what: str
    examples: tuple[tuple[str, str], ...]
    endings: tuple[bytes, ...]
    leaders: frozenset[bytes]
    is_whole: bool = False


FAMILIES: tuple[Family, ...] = (
    Family(
        "Edits and metadata of an image, video or document",
        (
            *(("a.xmp", "a.cr2"), ("a.aae", "a.heic"), ("a.thm", "a.mp4"), ("a.pp3", "a.nef"), ("a_01.xmp", "a.raf")),
            *(("a.dop", "a.nef"), ("a.vrd", "a.cr2"), ("a.dr4", "a.cr3"), ("a.onphoto", "a.arw")),
        ),
        _DEVELOPED,
        _words("xmp aae thm lrv dop pp3 cos cof cop comask arp nksc vrd dr4 on1 onphoto spd acr pxd exif mie"),
        pattern=rb"(?P<x>.+?)(?:_\d\d)?\.[^.]+",
    ),
    Family(
        "The same, appended to the full file name",
        (("a.nef.pp3", "a.nef"), ("a.cr2.xmp", "a.cr2"), ("a_01.cr2.xmp", "a.cr2"), ("a.jpg.out.pp3", "a.jpg")),
        _DEVELOPED,
        _words("xmp aae thm dop pp3 cos cof cop comask arp nksc vrd dr4 on1 spd acr exif"),
        pattern=rb"(?P<x>.+?)(?:_\d\d)?(?P<y>\.[^.]+?)(?:\.out)?\.[^.]+",
        leader=rb"\g<x>\g<y>",
        is_whole=True,
    ),
    Family(
        "Google Takeout metadata of a photo or video",
        (
            ("a.jpg.json", "a.jpg"),
            ("a.jpg.supplemental-metadata.json", "a.jpg"),
            ("a.jpg.suppl.json", "a.jpg"),
            ("a.jpg..json", "a.jpg"),
            ("a.jpg(1).json", "a(1).jpg"),
            ("a.jpg.supplemental-metadata(2).json", "a(2).jpg"),
            ("a.jpg.supplemental-me(2).json", "a(2).jpg"),
        ),
        _TAKEN,
        _words("json"),
        pattern=rb"(?P<x>.+?)(?P<y>\.[^.()]+)" + _SUPPLEMENT + rb"(?P<z>\(\d+\))?\.json",
        leader=rb"\g<x>\g<z>\g<y>",
        is_whole=True,
    ),
    Family(
        "The same, for a long name that was truncated, or without its extension",
        (
            *(("a.json", "a.jpg"), ("a(1).json", "a(1).jpg"), (f"{'a' * 46}.json", f"{'a' * 50}.jpg")),
            *((f"{'é' * 46}.json", f"{'é' * 47}.jpg"), (f"{'a' * 46}(1).json", f"{'a' * 47}(1).jpg")),
        ),
        _words("jpg jpeg heic png gif webp mp4 mov 3gp dng"),
        _words("json"),
        pattern=rb"(?P<x>.+?)" + _SUPPLEMENT + rb"(?P<z>\(\d+\))?\.json",
        leader=rb"\g<x>\g<z>",
        cut_at=46,
    ),
    Family(
        "Edited versions of a photo from a phone",
        (
            *(("IMG_E1234.JPG", "IMG_1234.HEIC"), ("IMG_O1234.AAE", "IMG_1234.HEIC"), ("a-edited.jpg", "a.jpg")),
            *(("IMG_1_edited.jpg", "IMG_1.jpg"), ("a-bearbeitet(1).jpg", "a(1).jpg"), ("a(Edited).jpg", "a.heic")),
            *(("a-modifié.jpg", "a.jpg"), ("a-編集済み.jpg", "a.jpg"), ("a-ha editado.png", "a.png")),
            *(("a~2.jpg", "a.jpg"), ("PXL_1.MP~2.jpg", "PXL_1.MP.jpg")),
        ),
        _words("heic heif jpg jpeg png dng mov mp4 webp gif"),
        signs=(
            *(EDGE + b"img_e", EDGE + b"img_o", b"_edited", b"(edited)", *_signs("~", "2.|3.|4.|5.|6.|7.|8.|9.")),
            *(b"-" + normalize(form, word).encode() for form in ("NFC", "NFD") for word in _EDITED.split("|")),
        ),
        pattern=rb"(?:(?P<x>.+?)(?:[-_]" + _any_of(_EDITED) + rb"(?:-animation)?|\(edited\)|~[2-9])(?P<z>\(\d+\))?"
        rb"|(?P<y>img_)[eo](?P<w>\d.*))\.(?:heic|heif|jpe?g|png|dng|mov|mp4|webp|gif|aae)",
        leader=rb"\g<y>\g<x>\g<w>\g<z>",
    ),
    Family(
        "The video of a Live Photo or motion photo",
        (
            *(("IMG_1.MOV", "IMG_1.HEIC"), ("IMG_1_HEVC.MOV", "IMG_1.HEIC")),
            *(("PXL_1.MP", "PXL_1.MP.jpg"), ("PXL_1.MP.mp4", "PXL_1.MP.jpg")),
        ),
        _words("heic heif jpg jpeg"),
        _words("mov mp"),
        (b".mp.mp4" + EDGE,),
        rb"(?P<x>.+?)(?:(?P<y>\.mp)(?:\.mp4)?|(?:_hevc)?\.mov)",
        rb"\g<x>\g<y>",
    ),
    Family(
        "The same, as Google exports it",
        (("IMG_1.MP4", "IMG_1.HEIC"),),
        _words("heic heif"),
        _words("mp4"),
        beside=_words("heic heif"),
    ),
    Family(
        "Files that a camera writes beside a video",
        (
            ("DJI_1.LRF", "DJI_1.MP4"),
            ("C0001M01.XML", "C0001.MP4"),
            ("C0001T01.JPG", "C0001.MP4"),
            ("a.sidecar", "a.braw"),
        ),
        _FILMS,
        _words("lrf sidecar"),
        (EDGE + b"c0",),
        rb"(?P<x>c\d{4}|.+)(?:m01\.xml|t01\.jpg|\.lrf|\.sidecar)",
    ),
    *(
        Family(
            "The low-resolution copy of a GoPro video",
            ((f"GL010001.{kind.upper()}", f"{of.upper()}010001.MP4"),),
            _words("mp4"),
            _words("lrv thm"),
            pattern=rb"gl(?P<x>\d{6})\.[^.]+",
            leader=of.encode() + rb"\g<x>",
        )
        for of, kind in (("gx", "lrv"), ("gh", "lrv"))
    ),
    Family(
        "Voice memos about a photo",
        (("DSC_0001.WAV", "DSC_0001.NEF"), ("IMG_0001.WAV", "IMG_0001.JPG")),
        _RAW | _words("jpg jpeg"),
        _words("wav"),
        pattern=rb"(?P<x>[a-z0-9_]{4}\d{4})\.wav",
        beside=_RAW | _words("jpg jpeg"),
    ),
    Family(
        "Subtitles and audio tracks of a video",
        (
            *(("a.srt", "a.mkv"), ("a.en.srt", "a.mkv"), ("a.pt-BR.forced.srt", "a.mp4"), ("a.idx", "a.avi")),
            *(("a.zh-Hans-CN.srt", "a.mkv"), ("a.en.forced.sdh.srt", "a.mkv"), ("a.English (SDH).srt", "a.mkv")),
            *(("a_eng.srt", "a.mkv"), ("a-de.ass", "a.mkv"), ("a.en.2.vtt", "a.mkv"), ("a.de.ac3", "a.mkv")),
            *(("a.hearing_impaired.srt", "a.mkv"), ("a.[Eng].srt", "a.mkv")),
        ),
        _FILMS,
        _SUBTITLES | _TRACKS,
        has_tags=True,
    ),
    Family("The second file of a pair of subtitle files", (("a.sub", "a.idx"),), _words("idx"), _words("sub")),
    Family(
        "Media centre metadata, artwork and extras of a video",
        (
            *(("a.nfo", "a.mkv"), ("a-poster.jpg", "a.mkv"), ("a-fanart2.png", "a.mp4"), ("a-trailer.mp4", "a.mkv")),
            *(("a-clearlogo.png", "a.mkv"), ("a-behindthescenes.mkv", "a.mkv"), ("a-320-10.bif", "a.mp4")),
        ),
        _FILMS,
        _words("nfo tbn bif edl"),
        (*_signs("-", _ART), *_signs("-", _EXTRAS)),
        rb"(?P<x>.+?)(?:\.(?:nfo|tbn|edl)|(?:-\d+-\d+)?\.bif|-(?:"
        + _ART.encode()
        + rb")\d*\.(?:jpe?g|png|tbn|webp|gif|bmp)|-(?:"
        + _EXTRAS.encode()
        + rb")\d*\.(?:mp4|mkv|avi|mov|wmv|m4v|webm|mp3))",
    ),
    Family(
        "The thumbnail that a downloader wrote",
        (("a.webp", "a.mp4"), ("a.webp", "a.m4a"), ("a [dQw4w9WgXcQ].jpg", "a [dQw4w9WgXcQ].webm")),
        _FILMS | _SOUNDS,
        _words("webp"),
        (b"].jpg" + EDGE, b"].png" + EDGE),
        rb"(?P<x>.+)\.webp|(?P<y>.+ \[[\w-]{6,}\])\.(?:jpg|png)",
        rb"\g<x>\g<y>",
        beside=_words("mp4 mkv webm m4a mp3 opus ogg"),
    ),
    Family(
        "Metadata that a recorder or downloader wrote about a video or audio file",
        (
            *(("a.info.json", "a.mp4"), ("a.description", "a.webm"), ("a.live_chat.json", "a.mp4"), ("a.eit", "a.ts")),
            *(("a.chapters.xml", "a.mkv"), ("a.annotations.xml", "a.mkv"), ("a.chapters.txt", "a.mp3")),
        ),
        _FILMS | _SOUNDS,
        _words("json description xml eit hmt nts ccyes ccno"),
        (b".chapters.txt" + EDGE,),
        rb"(?P<x>.+?)\.(?:(?:info|live_chat|chapters)\.json|description|(?:annotations|chapters)\.xml|chapters\.txt|eit"
        rb"|hmt|nts|ccyes|ccno)",
    ),
    Family(
        "The same, appended to the full file name",
        (("a.ts.meta", "a.ts"), ("a.ts.cuts", "a.ts"), ("a.rec.inf", "a.rec")),
        _words("ts trp rec mpg m2ts"),
        _words("meta ap sc cuts markings inf nav"),
        is_whole=True,
    ),
    Family(
        "Lyrics, graphics, waveforms and metadata of an audio file",
        (
            *(("a.lrc", "a.mp3"), ("a.sfk", "a.wav"), ("a.pek", "a.aiff"), ("a.accurip", "a.flac")),
            *(("a.cdg", "a.mp3"), ("a.voucher", "a.aaxc"), ("a.wvc", "a.wv")),
        ),
        _SOUNDS | _words("aaxc"),
        _words("lrc sfk pek pkf cfa sfap0 sfl mxm accurip ffp st5 wvc cdg voucher annot gpk mrk npk mpgindex"),
    ),
    Family(
        "The same, appended to the full file name",
        (("a.wav.asd", "a.wav"), ("a.flac.reapeaks", "a.flac"), ("a.mp3.sfk", "a.mp3"), ("a.wav 48000.pek", "a.wav")),
        _SOUNDS | _FILMS,
        _words("asd reapeaks reapindex sfk sfap0 lrc pkf pek cfa mpgindex"),
        pattern=rb"(?P<x>.+?\.[^.]+?)(?: \d{4,6})?\.[^.]+",
        is_whole=True,
    ),
    Family(
        "The rip log and cue sheet of an audio file",
        (("a.log", "a.flac"), ("a.cue", "a.ape"), ("a.log", "a.cue")),
        _words("flac ape wv tak tta wav cue"),
        _words("log cue"),
    ),
    Family(
        "Recovery data of an archive",
        (("x.vol003+04.par2", "x.par2"), ("x.rev", "x.rar"), ("x.part1.rev", "x.part1.rar"), ("x.par2", "x.zip")),
        _words("par2") | _BIG,
        _words("par2 rev"),
        pattern=rb"(?P<x>.+?)(?:(?:\.vol\d+[+-]\d+)?\.par2|\.rev)",
    ),
    Family(
        "Data files of an installer",
        (
            ("setup_x-1.bin", "setup_x.exe"),
            ("setup-2a.bin", "setup.exe"),
            ("x.msi", "x.exe"),
            ("x.mst", "x.msi"),
            ("x.cab", "x.msi"),
            ("x.obb", "x.apk"),
        ),
        _words("exe msi apk"),
        _words("bin msi mst cab obb"),
        pattern=rb"(?P<x>.+?)(?:-\d+(?:-?[a-z])?\.bin|\.(?:msi|mst|cab|obb))",
    ),
    Family(
        "The same, for an archive of an installer", (("data1.hdr", "data1.cab"),), _words("exe cab msi"), _words("hdr")
    ),
    Family(
        "The same, with the names that InstallShield and others use",
        (
            *(("data2.cab", "setup.exe"), ("layout.bin", "setup.exe"), ("setup.inx", "setup.exe")),
            *(("fg-01.bin", "setup.exe"), ("0x0409.ini", "setup.exe"), ("setup.ini", "setup.exe")),
        ),
        _words("exe"),
        _words("cab hdr inx isn iss boot"),
        (*_signs("\0", "layout.bin|setup.ini|issetup.dll|_setup.dll|0x04|fg-"),),
        rb"(?:(?P<x>setup)\.(?:inx|isn|iss|boot|ini)|data\d+\.(?:cab|hdr)|layout\.bin|_setup\.dll|issetup\.dll"
        rb"|engine32\.cab|0x[0-9a-f]{4}\.ini|fg-[\w-]+\.bin)",
        b"setup",
    ),
    Family(
        "Companion files of a program",
        (("a.exe.config", "a.exe"), ("a.exe.manifest", "a.exe"), ("a.dll.config", "a.dll"), ("a.js.map", "a.js")),
        suffixes=_words("config manifest map"),
        is_whole=True,
    ),
    Family(
        "The same, without the extension",
        (("a.pdb", "a.exe"), ("a.chw", "a.chm"), ("a.cnt", "a.hlp"), ("a.gid", "a.hlp"), ("a-sources.jar", "a.jar")),
        _words("exe dll chm hlp jar"),
        _words("pdb chw cnt gid fts"),
        (b"-sources.jar" + EDGE, b"-javadoc.jar" + EDGE),
        rb"(?P<x>.+?)(?:-(?:sources|javadoc)\.jar|\.(?:pdb|chw|cnt|gid|fts))",
    ),
    Family("The settings of a program", (("a.ini", "a.exe"),), _words("exe"), _words("ini"), beside=_words("exe")),
    Family(
        "A program with a library of the same name",
        (("a.exe", "a.dll"),),
        _words("dll"),
        _words("exe"),
        beside=_words("dll"),
    ),
    Family(
        "Checksums and signatures",
        (
            *(("x.iso.sha256", "x.iso"), ("x.tar.gz.asc", "x.tar.gz"), ("x.zip.sig", "x.zip"), ("x.pdf.p7s", "x.pdf")),
            *(("x.iso.md5sum", "x.iso"), ("x.tar.xz.minisig", "x.tar.xz"), ("x.iso.zsync", "x.iso")),
            *(("x.iso.torrent", "x.iso"), ("x.iso.DIGESTS", "x.iso"), ("x.whl.metadata", "x.whl")),
        ),
        suffixes=_words("""
            md5 sha1 sha224 sha256 sha384 sha512 sha3 b2 b2sum blake2 blake3 b3 b3sum crc crc32 sfv xxh tth ed2k
            whirlpool md5sum sha1sum sha224sum sha256sum sha384sum sha512sum digests checksum asc sig sign signature gpg
            pgp minisig p7s p7m sigstore cosign att attestation provenance intoto ots tsr tsq rsa zsync meta4 metalink
            torrent par2 sbom metadata
        """),
        is_whole=True,
    ),
    Family(
        "The same, with two suffixes",
        (("x.whl.sigstore.json", "x.whl"), ("x.iso.md5.txt", "x.iso"), ("x.jar.spdx.json", "x.jar")),
        suffixes=_words("json jsonl bundle"),
        signs=tuple(b"." + kind.encode() + b".txt" + EDGE for kind in ("md5", "sha1", "sha256", "sha512")),
        pattern=rb"(?P<x>.+?)\.(?:(?:sigstore|spdx|cdx|intoto)\.jsonl?|(?:cosign|sigstore)\.bundle"
        rb"|(?:md5|sha1|sha256|sha512)\.txt)",
        is_whole=True,
    ),
    Family(
        "The same, without the extension",
        (("x.mf", "x.ova"), ("x.tar.sign", "x.tar.xz"), ("x.sig", "x.pdf"), ("x.p7s", "x.docx"), ("x.zsync", "x.iso")),
        _BIG | frozenset(CATEGORIES["Documents"]) | _words("xls xlsx ods"),
        _words("mf cert crc sign sig asc p7s minisig tsr torrent zsync metalink meta4"),
    ),
    Family(
        "The same, for a file of any known type",
        (("x.md5", "x.iso"), ("x.sha256", "x.zip"), ("x.sfv", "x.rar"), ("x.md5", "x.mkv"), ("x.sha512", "x.csv")),
        _KNOWN,
        _words("md5 sha1 sha224 sha256 sha384 sha512 sfv b2 b3 blake3 md5sum sha1sum sha256sum sha512sum"),
    ),
    Family(
        "Log files of a database",
        (
            ("a.db-wal", "a.db"),
            ("a.sqlite-shm", "a.sqlite"),
            ("a.db-journal", "a.db"),
            ("a-wal", "a"),
            ("a.db-mj1A2B3C4D5", "a.db"),
            ("a.duckdb.wal", "a.duckdb"),
        ),
        suffixes=_words("wal"),
        signs=(b"-wal" + EDGE, b"-shm" + EDGE, b"-journal" + EDGE, b"-mj"),
        pattern=rb"(?P<x>.+)(?:-(?:wal|shm|journal|mj[0-9a-f]{8,9})|\.wal)",
        is_whole=True,
    ),
    Family(
        "Parts of a database",
        (
            *(("a.frm", "a.ibd"), ("a.myi", "a.myd"), ("a.dbt", "a.dbf"), ("a.ldf", "a.mdf"), ("a_log.ldf", "a.mdf")),
            *(
                ("a.log", "a.edb"),
                ("a.cdx", "a.dbf"),
                ("a.dct", "a.dbc"),
                ("a.px", "a.db"),
                ("a.sas7bndx", "a.sas7bdat"),
            ),
        ),
        _words("ibd myd dbf mdf edb dbc db sas7bdat"),
        _words("frm myi dbt cdx fpt mdx ndx ntx ldf ndf jfm log dct dcx px sas7bndx"),
        pattern=rb"(?P<x>.+?)(?:_log)?\.[^.]+",
    ),
    *(
        Family(
            "The second file of a form, report or similar pair",
            ((f"a.{half}", f"a.{whole}"),),
            _words(whole),
            _words(half),
        )
        for half, whole in (
            *(("pjt", "pjx"), ("sct", "scx"), ("frt", "frx"), ("vct", "vcx"), ("mnt", "mnx"), ("frx", "frm")),
            *(("dfm", "pas"), ("fdt", "set"), ("sch", "brd"), ("ozf2", "map"), ("ori", "orf")),
        )
    ),
    Family(
        "Companion files of other databases and of mail programs",
        (("a.realm.note", "a.realm"), ("Inbox.msf", "Inbox"), ("a.qbw.tlg", "a.qbw"), ("a.qbw.nd", "a.qbw")),
        suffixes=_words("note msf cmeta tlg nd"),
        is_whole=True,
    ),
    Family(
        "Backups and logs of a GnuCash file",
        (("a.gnucash.20200102030405.gnucash", "a.gnucash"), ("a.gnucash.20200102030405.log", "a.gnucash")),
        _words("gnucash"),
        _words("gnucash log"),
        pattern=rb"(?P<x>.+\.gnucash)\.\d{14}\.(?:gnucash|log)",
        is_whole=True,
    ),
    Family(
        "Parts of a shapefile",
        (
            *(("a.dbf", "a.shp"), ("a.shp.xml", "a.shp"), ("a.shx", "a.shp"), ("a.sbn", "a.shp")),
            *(("a.cpg", "a.shp"), ("a.NAME.atx", "a.shp"), ("a.qmd", "a.shp"), ("a.prj", "a.shp")),
        ),
        _words("shp"),
        _words("shx dbf prj cpg sbn sbx qix qpj fbn fbx ain aih atx ixs mxs idm ind qmd qml sld xml fix lyr"),
        pattern=rb"(?P<x>.+?)(?:\.shp|\.[^.]+(?=\.atx))?\.[^.]+",
    ),
    Family(
        "Georeferencing files of an image",
        (
            *(("a.tfw", "a.tif"), ("a.jgw", "a.jpg"), ("a.pgwx", "a.png"), ("a.wld", "a.jp2")),
            *(("a.aux.xml", "a.tif"), ("a.tif.aux.xml", "a.tif"), ("a.ovr", "a.tif"), ("a.prj", "a.tif")),
        ),
        _words("tif tiff jpg jpeg png gif bmp sid ecw jp2 img vrt"),
        _words("""
            tfw tifw tiffw tfwx jgw jpw jpgw jgwx pgw pngw pgwx gfw bpw sdw eww blw j2w wld ovr msk rrd xml aux ige prj
        """),
        pattern=rb"(?P<x>.+?)(?:\.(?:tiff?|jpe?g|png|gif|bmp|sid|ecw|jp2|img|vrt))?(?:\.aux\.xml|\.(?!xml)[^.]+)",
    ),
    Family(
        "Parts of a grid, scan or measurement",
        (
            *(("a.hdr", "a.img"), ("a.hdr", "a.bil"), ("a.prj", "a.asc"), ("a.sdat", "a.sgrd"), ("a.lax", "a.laz")),
            *(("a.csvt", "a.csv"), ("a.vmrk", "a.vhdr"), ("a.eeg", "a.vhdr"), ("a.zraw", "a.mhd"), ("a.bval", "a.nii")),
            *(("a.bim", "a.bed"), ("a.fam", "a.bed"), ("a.pvar", "a.pgen"), ("a.mid", "a.mif")),
        ),
        _words("img bil bip bsq flt asc sgrd las laz csv vhdr mhd nii bed pgen mif e00"),
        _words("hdr prj clr stx sdat mgrd lax csvt vmrk eeg zraw bval bvec bim fam pvar psam mid"),
    ),
    Family(
        "The same, for a compressed scan",
        (("a.bvec", "a.nii.gz"), ("a.json", "a.nii.gz")),
        _words("gz"),
        _words("json bval bvec"),
        leader=rb"\g<x>.nii",
    ),
    Family(
        "The index of a large file",
        (("a.bam.bai", "a.bam"), ("a.vcf.gz.tbi", "a.vcf.gz"), ("a.fa.fai", "a.fa"), ("a.cram.crai", "a.cram")),
        suffixes=_words("bai csi crai tbi fai gzi amb ann bwt pac sa ndpa lifext"),
        is_whole=True,
    ),
    Family(
        "The same, without the extension",
        (("a.bai", "a.bam"), ("a.dict", "a.fa")),
        _words("bam fa fasta"),
        _words("bai dict"),
    ),
    Family(
        "Parts of a MapInfo table",
        (("a.dat", "a.tab"), ("a.map", "a.tab"), ("a.id", "a.tab")),
        _words("tab"),
        _words("dat map id ind"),
    ),
    Family(
        "Sheets and other companion files of a disc image",
        (
            *(("a.cue", "a.bin"), ("a.ccd", "a.img"), ("a.sub", "a.img"), ("a.mds", "a.mdf"), ("a.toc", "a.bin")),
            *(("a.sbi", "a.bin"), ("a.dvd", "a.iso")),
        ),
        _words("bin img mdf iso wav flac ape wv tta nrg"),
        _words("cue ccd sub mds toc cdt isi sbi lsd dvd"),
    ),
    Family(
        "Data files of a disc image",
        (("a.b5i", "a.b5t"), ("a.b6i", "a.b6t"), ("a.bwi", "a.bwt"), ("a.002.dmgpart", "a.dmg"), ("a.wbf1", "a.wbfs")),
        _words("b5t b6t bwt dmg wbfs"),
        _words("b5i b6i bwi bws dmgpart") | _numbered("wbf", 1),
        pattern=rb"(?P<x>.+?)(?:\.\d{3}(?=\.dmgpart))?\.[^.]+",
    ),
    Family(
        "Parts of a system image",
        (("a2.swm", "a.swm"),),
        _words("swm"),
        _words("swm"),
        pattern=rb"(?P<x>.+?)\d+\.swm",
    ),
    Family(
        "The same, from Ghost, which truncates the name",
        (("a001.ghs", "a.gho"), ("backu001.ghs", "backup.gho")),
        _words("gho"),
        _words("ghs"),
        pattern=rb"(?P<x>.+?)\d{3}\.ghs",
        cut_at=5,
    ),
    Family(
        "Parts of a virtual disk",
        (("a-flat.vmdk", "a.vmdk"), ("a-s001.vmdk", "a.vmdk"), ("a-000001.vmdk", "a.vmdk"), ("a-disk1.vmdk", "a.ovf")),
        _words("vmdk ovf"),
        _words("vmdk"),
        pattern=rb"(?P<x>.+?)-(?:flat|delta|sesparse|ctk|rdmp?|[sf]\d{3}|\d{6}|disk\d+)\.vmdk",
    ),
    Family(
        "Companion files of a virtual machine",
        (
            ("a.mf", "a.ovf"),
            ("a.cert", "a.ovf"),
            ("a.avhdx", "a.vhdx"),
            ("a.vbox-prev", "a.vbox"),
            ("a.nvram", "a.vmx"),
        ),
        _words("ovf ova vhdx vhd vbox vmx"),
        _words("mf cert avhdx avhd mrt rct vbox-prev nvram vmsd vmxf"),
    ),
    Family(
        "Parts of a 3D model",
        (("a.mtl", "a.obj"), ("a.bin", "a.gltf"), ("a.vvd", "a.mdl"), ("a.dx90.vtx", "a.mdl")),
        _words("obj gltf mdl"),
        _words("mtl bin vvd vtx phy"),
        pattern=rb"(?P<x>.+?)(?:\.(?:dx80|dx90|sw)(?=\.vtx))?\.[^.]+",
    ),
    Family(
        "Font metrics",
        (("a.afm", "a.pfb"), ("a.pfm", "a.pfb"), ("a.inf", "a.pfb")),
        _words("pfb pfa"),
        _words("afm pfm inf mmm"),
    ),
    Family(
        "Companion files of an e-book",
        (("a.opf", "a.epub"), ("a.mbp", "a.mobi"), ("a.apnx", "a.azw3"), ("a.phl", "a.azw3"), ("a.azw3r", "a.azw3")),
        _BOOKS,
        _words("opf mbp mbp1 mbs apnx phl pds tan ea yjr yjf azw3r azw3f"),
    ),
    Family(
        "Files that TeX generates from a source file",
        (("a.aux", "a.tex"), ("a.toc", "a.tex"), ("a.synctex.gz", "a.tex"), ("a.run.xml", "a.tex"), ("a.log", "a.tex")),
        _words("tex ltx"),
        _words("""
            aux bbl blg toc out log fls fdb_latexmk lof lot idx ind ilg nav snm vrb bcf acn acr glo gls glg ist xml
        """),
        (b".synctex.gz" + EDGE,),
        rb"(?P<x>.+?)(?:\.run\.xml|\.synctex\.gz|\.(?!xml|gz)[^.]+)",
    ),
    Family(
        "Saves, states and patches of a game",
        (("a.sav", "a.gba"), ("a.srm", "a.sfc"), ("a.state1", "a.nes"), ("a.dsv", "a.nds"), ("a.ips", "a.smc")),
        _GAMES,
        _words("sav srm state dsv sgm cht ips bps ups rtc ppf") | _numbered("state", 1) | _numbered("ss", 1),
    ),
    Family(
        "The public half of a key pair",
        (("id_ed25519.pub", "id_ed25519"), ("id_rsa.pub", "id_rsa")),
        suffixes=_words("pub"),
        is_whole=True,
    ),
    Family(
        "The key and the signing request of a certificate",
        (("a.key", "a.crt"), ("a.csr", "a.pem")),
        _words("crt pem cer"),
        _words("key csr"),
    ),
    Family(
        "Backups of a file",
        (
            *(("a.txt~", "a.txt"), ("a.txt.~1~", "a.txt"), ("a.conf.bak", "a.conf"), ("a.c.orig", "a.c")),
            *(("a.ini.old", "a.ini"), ("a.jpg_original", "a.jpg")),
        ),
        suffixes=_words("bak orig old"),
        signs=(b"~" + EDGE, b"_original" + EDGE),
        pattern=rb"(?P<x>.+?)(?:\.~\d+~|~|\.bak|\.orig|\.old|_original)",
        is_whole=True,
    ),
    Family(
        "The same, without the extension",
        (
            *(("a.blend1", "a.blend"), ("a.blend12", "a.blend"), ("a.3dmbak", "a.3dm"), ("a.skb", "a.skp")),
            *(("a.FCStd1", "a.FCStd"), ("a.20200102-030405.FCBak", "a.FCStd"), ("a.rpp-bak", "a.rpp")),
            *(("a.0001.rvt", "a.rvt"), ("a.bpn", "a.pln"), ("a.asv", "a.m")),
        ),
        _words("blend 3dm skp fcstd rpp rvt rfa pln m"),
        _words("3dmbak skb fcstd1 fcbak rpp-bak rpp-undo rvt rfa bpn asv")
        | frozenset(f"blend{number}".encode() for number in range(1, 33)),
        pattern=rb"(?P<x>.+?)(?:\.\d{8}-\d{6}(?=\.fcbak)|\.\d{4}(?=\.r))?\.[^.]+",
    ),
    Family("The same, for a drawing", (("a.bak", "a.dwg"), ("a.bak", "a.dxf")), _words("dwg dxf"), _words("bak")),
    Family(
        "Metadata that other systems keep beside a file",
        (
            *(("._a.jpg", "a.jpg"), ("a.jpg:Zone.Identifier", "a.jpg"), ("a.pdf:com.apple.quarantine", "a.pdf")),
            *(
                ("a.jpg\uf03aZone.Identifier", "a.jpg"),
                ("a.jpgZone.Identifier", "a.jpg"),
                ("a.exe:SmartScreen", "a.exe"),
            ),
        ),
        suffixes=_words("identifier identifier:$data"),
        signs=(
            *(EDGE + b"._", b":com.apple.", b":afp_", b":smartscreen", b":mshield"),
            *(b"\xef\x80\xba" + word for word in (b"smartscreen", b"afp_", b"com.apple.")),
        ),
        pattern=rb"(?:\._(?P<y>.+)|(?P<x>.+?)(?:(?:[:_]|\xef\x80\xba)?zone\.identifier"
        rb"|(?::|\xef\x80\xba)(?:com\.apple\.[^:]*|afp_[^:]*|smartscreen|mshield))(?::\$data)?)",
        leader=rb"\g<x>\g<y>",
        is_whole=True,
    ),
)

WITH_RAW = Family(
    "The picture that a camera wrote beside a raw file",
    (("IMG_1.JPG", "IMG_1.CR3"), ("DSC_0001.jpeg", "DSC_0001.NEF"), ("IMG_2.HIF", "IMG_2.CR3")),
    _RAW,
    _words("jpg jpeg jpe heic heif hif"),
    beside=_RAW,
)
"""Not a group like the others: both are pictures, and may be chosen, moved and removed alone. They share the date of
the raw file, and a number if both go to one folder.
"""


def _by_letters(letters: str, *kinds: str) -> Set:
    """Return the set of parts that older programs number from `x.r00` on, led by a file of one of these kinds."""
    return Set(
        f"{kinds[0].upper()} parts with the names of older programs",
        (
            (f"x.{kinds[0]}", f"x.{letters[0]}00", f"x.{letters[0]}01"),
            *(("x.exe", f"x.{letters[0]}01") for kind in kinds if kind == "exe"),
        ),
        frozenset[bytes]().union(*map(_numbered, letters)),
        (),
        rb"(?P<x>.+)\.[%b]\d\d" % letters.encode(),
        rb"\g<x>",
        tuple(rb"\g<x>." + kind.encode() for kind in kinds),
    )


SETS: tuple[Set, ...] = (
    Set(
        "Parts of an archive",
        (("x.part1.rar", "x.part2.rar"), ("x.part1.exe", "x.part2.rar", "x.part3.rar")),
        frozenset(),
        (b".part",),
        rb"(?P<x>.+)\.part\d+\.(?:rar|exe|rev)",
        rb"\g<x>",
        first=rb".*\.part0*1\.(?:rar|exe)",
    ),
    _by_letters("rs", "rar", "exe"),
    _by_letters("z", "zip", "exe"),
    _by_letters("c", "ace", "exe"),
    _by_letters("a", "arj", "exe", "alz"),
    _by_letters("i", "isz", "mdf"),
    _by_letters("d", "daa"),
    Set(
        "Numbered parts of any file",
        (("x.7z.001", "x.7z.002"), ("x.mkv.001", "x.mkv.002", "x.mkv.003"), ("x.exe", "x.001", "x.002")),
        _numbered("", 3),
        (),
        rb"(?P<x>.+)\.\d{3}",
        rb"\g<x>",
        (rb"\g<x>.exe",),
    ),
    Set(
        "Parts made by the split command",
        (("x.tar.gz.aa", "x.tar.gz.ab", "x.tar.gz.ac"),),
        frozenset(b"a%c" % letter for letter in range(ord("a"), ord("z") + 1)),
        (),
        rb"(?P<x>.+)\.a[a-z]",
        rb"\g<x>",
        first=rb".*\.aa",
        needs_first=True,
        beside=_words("aa"),
    ),
    Set(
        "The same, with `part` in the suffix",
        (("x.zip.part0", "x.zip.part1"), ("x.tar.partaa", "x.tar.partab")),
        _numbered("part", 1)
        | _numbered("part", 2)
        | frozenset(b"parta%c" % letter for letter in range(ord("a"), ord("z") + 1)),
        (),
        rb"(?P<x>.+)\.part(?:\d+|a[a-z])",
        rb"\g<x>",
    ),
    Set(
        "Parts of a disk image",
        (("x.E01", "x.E02", "x.EAA"), ("x.L01", "x.L02")),
        _numbered("e") | _numbered("l") | frozenset(b"ea%c" % letter for letter in range(ord("a"), ord("z") + 1)),
        (),
        rb"(?P<x>.+\.[el])(?:\d\d|a[a-z])",
        rb"\g<x>",
        first=rb".*\.[el]01",
        needs_first=True,
        beside=_words("e01 l01"),
    ),
    Set(
        "Parts of a backup",
        (("x-00-00.mrimg", "x-00-01.mrimg"), ("x1.tib", "x2.tib"), ("x.vol1.egg", "x.vol2.egg")),
        _words("mrimg tib egg"),
        (),
        rb"(?P<x>.+?)(?:-\d\d-\d\d\.mrimg|\d+\.tib|\.vol\d+\.egg)",
        rb"\g<x>",
    ),
    Set(
        "Parts of model weights",
        (("x-00001-of-00002.safetensors", "x-00002-of-00002.safetensors"),),
        frozenset(),
        (b"-of-0",),
        rb"(?P<x>.+)-\d{5}(?P<y>-of-\d{5}\.[^.]+)",
        rb"\g<x>\g<y>",
    ),
    Set(
        "The only program in a folder, and its libraries",
        (("b.dll", "a.exe", "c.dll"),),
        _words("exe dll"),
        (),
        rb".+\.(?:exe|dll)",
        b"",
        first=rb".+\.dll",
        needs_first=True,
        only=rb".+\.exe",
        beside=_words("dll"),
    ),
    Set(
        "Layers of a circuit board",
        (("x.GBL", "x.GTL", "x.GTO", "x.GKO"),),
        _words("gtl gbl gto gbo gts gbs gtp gbp gko gml gm1 g1 g2 xln drl"),
        (),
        _STEM,
        rb"\g<x>",
    ),
    Set(
        "Photos of one burst, or of one press of the shutter",
        (
            ("IMG_1_BURST001_COVER.jpg", "IMG_1_BURST002.jpg"),
            ("00001IMG_00001_BURST20180101120000_COVER.jpg", "00002IMG_00002_BURST20180101120000.jpg"),
            ("DSC_0001_BURST20190101120000123_COVER.JPG", "DSC_0002_BURST20190101120000123.JPG"),
            ("PXL_1.RAW-01.COVER.jpg", "PXL_1.RAW-02.ORIGINAL.dng"),
            ("PXL_1.PORTRAIT-01.COVER.jpg", "PXL_1.PORTRAIT-02.ORIGINAL.jpg"),
        ),
        frozenset(),
        (b"_burst", b".cover", b".original"),
        rb"(?:(?:\d{5}img_\d{5}|dsc_\d{4})_burst(?P<y>\d{8,})(?:_cover)?\.[^.]+"
        rb"|(?P<x>.+?)(?:_burst\d{1,4}(?:_cover)?\.[^.]+|\.[a-z_]+-0\d\.(?:cover|original)(?:~\d)?(?:\.[^.]+)?))",
        rb"\g<x>\g<y>",
        first=rb".*cover.*",
    ),
    Set(
        "Chapters of one GoPro video",
        (("GX010042.MP4", "GX020042.MP4", "GX030042.MP4"), ("GOPR0042.MP4", "GP010042.MP4")),
        frozenset(),
        (EDGE + b"gx0", EDGE + b"gh0", EDGE + b"gp0"),
        rb"(?P<x>g[xhp])\d\d(?P<y>\d{4})\.mp4",
        rb"\g<x>\g<y>",
        (rb"gopr\g<y>.mp4",),
    ),
    Set(
        "Halves of a 360-degree video",
        (("VID_20200102_030405_00_001.insv", "VID_20200102_030405_10_001.insv", "LRV_20200102_030405_11_001.insv"),),
        _words("insv"),
        (EDGE + b"lrv_",),
        rb"(?:vid|lrv)_(?P<x>\d{8}_\d{6})_\d\d_(?P<y>\d{3})\.(?:insv|lrv)",
        rb"\g<x>_\g<y>",
        first=rb"vid_\d{8}_\d{6}_00_.*",
    ),
    Set(
        "Streams of a video that a program has not merged yet",
        (("a.f137.mp4", "a.f140.m4a"), ("a.f137.mp4", "a.f140.m4a.part")),
        frozenset(),
        (*_signs(".f", "1|2|3|4|5|6|7|8|9|hls|dash"),),
        rb"(?P<x>.+)\.f(?:\d{2,4}|hls|dash)(?:-[\w-]+)?\.(?:mp4|m4a|webm|mkv|mp3|opus|ts)(?:\.part)?",
        rb"\g<x>",
        tuple(rb"\g<x>." + kind for kind in (b"mp4", b"mkv", b"webm")),
        reason=IgnoreReason.UNFINISHED,
    ),
)

_SUMS = (
    rb"(?:^|\n)(?:\\?[0-9a-fA-F]{32,128} [ *](?:\./)?([^/\r\n]+)|[A-Z0-9-]+ \(([^/\r\n]+)\) = [0-9a-fA-F]+"
    rb"|([^;/\r\n]+) [0-9a-fA-F]{8}(?=[\r\n]|$))"
)

SHEETS: tuple[Sheet, ...] = (
    Sheet(
        "Sheets of a disc",
        (
            (
                "a.cue",
                'FILE "b (Track 1).bin" BINARY\n FILE "b (Track 2).bin" BINARY',
                ("b (Track 1).bin", "b (Track 2).bin"),
            ),
            ("a.toc", 'CD_ROM\nDATAFILE "b.bin"', ("b.bin",)),
            ("a.gdi", "2\n1 0 4 2352 track01.bin 0\n", ("track01.bin",)),
        ),
        _words("cue gdi toc"),
        (),
        rb".+",
        rb'(?im)^[ \t]*(?:(?:FILE|DATAFILE|AUDIOFILE)|\d+[ \t]+\d+[ \t]+\d+[ \t]+\d+)[ \t]+(?:"([^"\r\n]+)"|(\S+))',
    ),
    Sheet(
        "Playlists of the discs of a game",
        (("a.m3u", "#EXTM3U\na (Disc 1).chd\n./a (Disc 2).chd\n", ("a (Disc 1).chd", "a (Disc 2).chd")),),
        _words("m3u m3u8"),
        (),
        rb".+",
        rb"(?im)^[ \t]*(?:\./)?([^#/\\\r\n][^/\\\r\n]*\.(?:cue|gdi|toc|ccd|chd|iso|img|bin|mdf|mds|nrg|pbp|cso|rvz))"
        rb"[ \t]*\r?$",
    ),
    Sheet(
        "3D models with the names of their data and textures",
        (
            ("a.gltf", '{"buffers": [{"uri": "b.bin"}], "images": [{"uri": "c.png"}]}', ("b.bin", "c.png")),
            ("a.obj", "mtllib b.mtl\nv 0 0 0\n", ("b.mtl",)),
            ("a.mtl", "newmtl wood\nmap_Kd -s 1 1 1 b.jpg\nmap_Bump c d.png\n", ("b.jpg", "c d.png")),
        ),
        _words("gltf obj mtl"),
        (),
        rb".+",
        rb'"uri"\s*:\s*"([^"\\/:]+)"'
        rb"|(?m:^[ \t]*(?:mtllib|map_\w+|bump|disp|decal|norm)[ \t]+(?:-[a-z]+(?:[ \t]+[\d.]+){1,3}[ \t]+)*"
        rb"([^/\\\r\n]+))",
        leads=True,
    ),
    Sheet(
        "Control files of a Debian package",
        (("a_1.dsc", "Files:\n d41d8cd98f00b204e9800998ecf8427e 20 a_1.orig.tar.xz\n", ("a_1.orig.tar.xz",)),),
        _words("dsc changes buildinfo"),
        (),
        rb".+",
        rb"(?m)^ [0-9a-f]{32,128} \d+ (?:\S+ \S+ )?([^/\s]+)$",
        of_a_kind=True,
    ),
    Sheet(
        "Checksums of several files",
        (
            ("SHA256SUMS", f"{'0a' * 32}  a.iso\n{'0b' * 32} *b.iso\n", ("a.iso", "b.iso")),
            ("CHECKSUM", f"SHA256 (a.iso) = {'0a' * 32}\n", ("a.iso",)),
            ("all.sha256", f"{'0a' * 32}  a.iso\n{'0b' * 32} *b.iso\n", ("a.iso", "b.iso")),
            ("all.sfv", "; made by a program\na.iso 0A1B2C3D\nb.iso 01234567\n", ("a.iso", "b.iso")),
        ),
        _words("md5 sha1 sha224 sha256 sha384 sha512 sfv"),
        tuple(
            start + word
            for start in (EDGE, b"-", b"_", b".")
            for word in (b"checksum", b"md5sum", b"sha1", b"sha2", b"sha5", b"shasums", b"b2sum")
        ),
        rb".*(?:(?:md5|sha\d*|b2)[-_]?sums?\d*|checksums?(?:[-_.](?:md5|sha\d*))?)(?:\.txt)?"
        rb"|[^.]+\.(?:md5|sha\d+|sfv)",
        _SUMS,
        of_a_kind=True,
    ),
)

FOLDERS: tuple[Beside, ...] = (
    Beside("Preview images that a media centre made of a video", (("a.trickplay", "a.mkv"),), (b".trickplay",), _FILMS),
    Beside("Notes of an e-reader about a book", (("a.sdr", "a.epub"), ("a.sdr", "a.azw3")), (b".sdr",), _BOOKS),
    Beside("The same, appended to the full file name", (("a.epub.sdr", "a.epub"),), (b".sdr",), _BOOKS, is_whole=True),
    Beside("The audio data of a project", (("a_data", "a.aup"),), (b"_data",), _words("aup")),
    Beside("The textures of a 3D model", (("a.fbm", "a.fbx"),), (b".fbm",), _words("fbx")),
    Beside("The data of a slide scan", (("a", "a.mrxs"),), (b"",), _words("mrxs")),
    Beside(
        "The same, appended to the full file name",
        (("a.oif.files", "a.oif"),),
        (b".files",),
        _words("oif"),
        is_whole=True,
    ),
    Beside("Backups of a building model", (("a_backup", "a.rvt"),), (b"_backup",), _words("rvt")),
    Beside("Subfolders of a mailbox", (("Inbox.sbd", "Inbox.msf"),), (b".sbd",), _words("msf")),
)

PAGES = _words("html htm xhtml shtml xht mhtml php asp aspx jsp")
"""Extensions of pages that a browser saves together with a folder."""
PAGE_FOLDERS: tuple[bytes, ...] = tuple(
    """
    _files .files -Dateien _fichiers _bestanden _file _archivos -filer _tiedostot _pliki _soubory _elemei _ficheiros
    _arquivos _dosyalar _datoteke _fitxers _failid _fails _bylos _fajlovi _fitxategiak _filer _файлы
    _файли _αρχεία _文件 _檔案 _ファイル _파일 _súbory _fájlok _fisiere _fișiere
    _файлове _датотеке _קבצים _tệp _berkas _dosieroj _dosyalar\u0131
    """.encode().split()
)
"""Localized endings that browsers and office programs append to the page's name for its folder."""

NEEDS_ITS_NAME = _words("cue gdi toc dsc changes ccd mds vmdk ovf obj gltf tab")
"""Extensions of files that name the others of their group: a number added to the names would break them."""
