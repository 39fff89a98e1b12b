"""Loose files that belong together, and files that say of a neighbour that it is not finished, or open: as tables.

docs/left-alone.md is made of them. Names are compared in lower case. What a table asks for is in `rules/grouping`.
"""

from __future__ import annotations

from typing import NamedTuple

from fileorg.rules.categories import CATEGORIES
from fileorg.rules.ignore import Reason


def _words(text: str) -> frozenset[bytes]:
    return frozenset(text.encode().split())


_SUBTITLES = _words("srt vtt webvtt sub idx ass ssa sbv smi sup ttml")
_PICTURES = frozenset(CATEGORIES["Images"]) - _words("xmp aae thm")
_FILMS = frozenset(CATEGORIES["Video"]) - _SUBTITLES
_SOUNDS = frozenset(CATEGORIES["Audio"]) - _words("lrc cue m3u m3u8 pls xspf")
_TAKEN = _PICTURES | _FILMS
"""What a camera takes."""
_DEVELOPED = _TAKEN | _words("psd pdf ai indd mp3 wav")
_BOOKS = _words("epub mobi azw azw3 kfx prc pdf djvu cbz cbr fb2")
_BIG = frozenset(CATEGORIES["Archives"]) | frozenset(CATEGORIES["Disk images"]) | frozenset(CATEGORIES["Installers"])
_ART = b"poster fanart thumb banner clearart clearlogo landscape logo disc discart keyart backdrop cover".split()
_STEM = rb"(?P<x>.+)\.[^.]+"
"""Of `a.srt`, `a`: and so of `a.jpg.json`, `a.jpg`."""


class Family(NamedTuple):
    """Which file another one goes with.

    `what`: for people, with `examples` of a name and of the one that it follows. Asked are names whose last suffix is
    one of `suffixes`, or that hold one of `signs`. A name that fits the whole `pattern` follows the one that is called
    `leader`, a template of the pattern: the whole name with `is_whole`, else without its extension. Its extension is
    one of `leaders`, any where there are none.
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
    """Up to two tags of a language or a purpose may end the leader's name, as it was found."""
    cut_at: int = 0
    """From this length on, what was found may be the beginning of the leader's name."""


class Set(NamedTuple):
    """Parts of one thing: files whose names fit the `pattern` with the same `key`, a template of it.

    One of the names `heads` leads them, if it is there; or else the part that fits `first`, or the first by name. A set
    of one file is none. As in `Family`.
    """

    what: str
    examples: tuple[tuple[str, ...], ...]
    suffixes: frozenset[bytes]
    signs: tuple[bytes, ...]
    pattern: bytes
    key: bytes
    heads: tuple[bytes, ...] = ()
    first: bytes = b""
    reason: Reason | None = None
    """Why they stay, if they do."""


class Mark(NamedTuple):
    """A file that says of another one why it stays. `names`, templates of `pattern`, are what that may be called.

    As in `Family`. With `is_tail`, up to two characters may come before that name.
    """

    what: str
    examples: tuple[tuple[str, str], ...]
    reason: Reason
    signs: tuple[bytes, ...]
    pattern: bytes
    names: tuple[bytes, ...] = (rb"\g<x>",)
    is_tail: bool = False
    says_of_itself: bool = False
    """Whether it is the one that is not finished, whatever is beside it."""
    suffixes: frozenset[bytes] = frozenset()


FAMILIES: tuple[Family, ...] = (
    Family(
        "Edits and metadata of a picture, a film or a document",
        (("a.xmp", "a.cr2"), ("a.aae", "a.heic"), ("a.thm", "a.mp4"), ("a.pp3", "a.nef"), ("a_01.xmp", "a.raf")),
        _DEVELOPED,
        _words("xmp aae thm lrv dop pp3 cos cof comask arp nksc vrd on1 spd acr pxd"),
        pattern=rb"(?P<x>.+?)(?:_\d\d)?\.[^.]+",
    ),
    Family(
        "The same, with the whole name in front",
        (("a.nef.pp3", "a.nef"), ("a.cr2.xmp", "a.cr2"), ("a_01.cr2.xmp", "a.cr2"), ("a.jpg.out.pp3", "a.jpg")),
        _DEVELOPED,
        _words("xmp aae thm dop pp3 cos cof comask arp nksc vrd on1 spd acr"),
        pattern=rb"(?P<x>.+?)(?:_\d\d)?(?P<y>\.[^.]+?)(?:\.out)?\.[^.]+",
        leader=rb"\g<x>\g<y>",
        is_whole=True,
    ),
    Family(
        "What Google Takeout knows of a picture or a film",
        (
            ("a.jpg.json", "a.jpg"),
            ("a.jpg.supplemental-metadata.json", "a.jpg"),
            ("a.jpg.suppl.json", "a.jpg"),
            ("a.jpg(1).json", "a(1).jpg"),
            ("a.jpg.supplemental-metadata(2).json", "a(2).jpg"),
        ),
        _TAKEN,
        _words("json"),
        pattern=rb"(?P<x>.+?)(?P<y>\.[^.()]+)(?:\.s[uplemnta.d\-]*)?(?P<z>\(\d+\))?\.json",
        leader=rb"\g<x>\g<z>\g<y>",
        is_whole=True,
    ),
    Family(
        "The same, of a long name that was cut, or without its extension",
        (("a.json", "a.jpg"), ("a(1).json", "a(1).jpg"), (f"{'a' * 46}.json", f"{'a' * 50}.jpg")),
        _words("jpg jpeg heic png gif webp mp4 mov 3gp"),
        _words("json"),
        pattern=rb"(?P<x>.+?)(?:\.s[uplemnta.d\-]*)?\.json",
        cut_at=46,
    ),
    Family(
        "Subtitles of a film",
        (("a.srt", "a.mkv"), ("a.en.srt", "a.mkv"), ("a.pt-BR.forced.srt", "a.mp4"), ("a.idx", "a.avi")),
        _FILMS,
        _SUBTITLES,
        has_tags=True,
    ),
    Family(
        "What media centres know of a film",
        (("a.nfo", "a.mkv"), ("a-poster.jpg", "a.mkv"), ("a-fanart2.png", "a.mp4"), ("a-trailer.mp4", "a.mkv")),
        _FILMS,
        _words("nfo tbn bif edl"),
        (*(b"-" + art for art in _ART), b"-trailer.", b"-320-10.", b".trickplay"),
        rb"(?P<x>.+?)(?:\.(?:nfo|tbn|bif|edl)|-(?:" + b"|".join(_ART) + rb"|trailer|320-10)\d*\.[^.]+)",
    ),
    Family(
        "Words and drawings of a sound",
        (("a.lrc", "a.mp3"), ("a.sfk", "a.wav"), ("a.pek", "a.aiff")),
        _SOUNDS,
        _words("lrc sfk pek pkf cfa sfap0 sfl mxm"),
    ),
    Family(
        "The same, with the whole name in front",
        (("a.wav.asd", "a.wav"), ("a.flac.reapeaks", "a.flac"), ("a.mp3.sfk", "a.mp3")),
        _SOUNDS,
        _words("asd reapeaks sfk sfap0 lrc pkf"),
        is_whole=True,
    ),
    Family(
        "The film of a Live Photo or of a motion photo",
        (("IMG_1.MOV", "IMG_1.HEIC"), ("PXL_1.MP", "PXL_1.MP.jpg"), ("PXL_1.MP.mp4", "PXL_1.MP.jpg")),
        _words("heic heif jpg jpeg"),
        _words("mov mp mp4"),
        pattern=rb"(?P<x>.+?)(?P<y>\.mp)?(?:\.mov|(?<=\.mp)\.mp4)?",
        leader=rb"\g<x>\g<y>",
    ),
    Family(
        "What a phone made of a picture",
        (("IMG_E1234.JPG", "IMG_1234.HEIC"), ("a-edited.jpg", "a.jpg"), ("IMG_1_edited.jpg", "IMG_1.jpg")),
        _words("heic heif jpg jpeg png dng mov mp4 webp"),
        signs=(b"img_e", b"-edited", b"_edited", b"-bearbeitet", b"-modifi", b"-editad", b"-modificat", b"-bewerkt"),
        pattern=rb"(?:(?P<x>.+?)[-_](?:edited(?:-animation)?|bearbeitet|modifi\xc3\xa9|editad[oa]|modificato|bewerkt)"
        rb"(?P<z>\(\d+\))?|(?P<y>img_)e(?P<w>\d.*))\.[^.]+",
        leader=rb"\g<y>\g<x>\g<w>\g<z>",
    ),
    Family(
        "What repairs an archive",
        (("x.vol003+04.par2", "x.par2"), ("x.rev", "x.rar"), ("x.part1.rev", "x.part1.rar")),
        suffixes=_words("par2 rev"),
        leaders=_words("par2 rar"),
        pattern=rb"(?P<x>.+?)(?:\.vol\d+[+-]\d+\.par2|\.rev)",
    ),
    Family(
        "What an installer brings with it",
        (
            ("setup_x-1.bin", "setup_x.exe"),
            ("setup-2a.bin", "setup.exe"),
            ("x.msi", "x.exe"),
            ("data1.hdr", "data1.cab"),
        ),
        _words("exe cab"),
        _words("bin hdr msi"),
        pattern=rb"(?P<x>.+?)(?:-\d+[a-z]?\.bin|\.hdr|\.msi)",
    ),
    Family(
        "Checksums and signatures",
        (("x.iso.sha256", "x.iso"), ("x.tar.gz.asc", "x.tar.gz"), ("x.zip.sig", "x.zip"), ("x.pdf.p7s", "x.pdf")),
        suffixes=_words("""
            md5 sha1 sha224 sha256 sha384 sha512 sha3 b2 blake2 blake3 b3 crc crc32 xxh asc sig sign minisig p7s p7m
            sigstore             md5sum sha1sum sha256sum sha512sum zsync cosign att intoto ots tsr gpg
        """),
        is_whole=True,
    ),
    Family(
        "The same, without the extension",
        (("x.md5", "x.iso"), ("x.sha256", "x.zip"), ("x.sfv", "x.rar"), ("x.mf", "x.ova")),
        _BIG,
        _words("md5 sha1 sha256 sha512 sfv mf"),
    ),
    Family(
        "The log of a database",
        (("a.db-wal", "a.db"), ("a.sqlite-shm", "a.sqlite"), ("a.db-journal", "a.db"), ("a-wal", "a")),
        signs=(b"-wal", b"-shm", b"-journal"),
        pattern=rb"(?P<x>.+)-(?:wal|shm|journal)",
        is_whole=True,
    ),
    Family(
        "Parts of a database",
        (("a.frm", "a.ibd"), ("a.myi", "a.myd"), ("a.dbt", "a.dbf"), ("a.ldf", "a.mdf"), ("a.log", "a.edb")),
        _words("ibd myd dbf mdf edb mdb"),
        _words("frm myi dbt cdx fpt ldf ndf jfm log"),
        pattern=rb"(?P<x>.+?)(?:_log)?\.[^.]+",
    ),
    Family(
        "Parts of a map",
        (("a.dbf", "a.shp"), ("a.shp.xml", "a.shp"), ("a.shx", "a.shp"), ("a.sbn", "a.shp")),
        _words("shp"),
        _words("shx dbf prj cpg sbn sbx qix qpj fbn fbx ain aih atx ixs mxs idm ind qmd qml sld xml fix lyr"),
        pattern=rb"(?P<x>.+?)(?:\.shp)?\.[^.]+",
    ),
    Family(
        "Where a picture lies on the map",
        (
            ("a.tfw", "a.tif"),
            ("a.jgw", "a.jpg"),
            ("a.aux.xml", "a.tif"),
            ("a.tif.aux.xml", "a.tif"),
            ("a.ovr", "a.tif"),
        ),
        _words("tif tiff jpg jpeg png bmp sid ecw jp2 img"),
        _words("tfw tifw tiffw jgw jpw jpgw pgw pngw bpw sdw eww j2w ovr rrd wld xml"),
        pattern=rb"(?P<x>.+?)(?:\.(?:tiff?|jpe?g|png|bmp|sid|ecw|jp2|img))?(?:\.aux\.xml|\.(?!xml)[^.]+)",
    ),
    Family(
        "Parts of a MapInfo table",
        (("a.dat", "a.tab"), ("a.map", "a.tab"), ("a.id", "a.tab")),
        _words("tab"),
        _words("dat map id ind"),
    ),
    Family(
        "The image of a disc and its sheet",
        (("a.cue", "a.bin"), ("a.ccd", "a.img"), ("a.sub", "a.img"), ("a.mds", "a.mdf"), ("a.toc", "a.bin")),
        _words("bin img mdf iso wav flac ape wv tta nrg"),
        _words("cue ccd sub mds toc cdt isi"),
    ),
    Family(
        "Parts of a virtual disk",
        (("a-flat.vmdk", "a.vmdk"), ("a-s001.vmdk", "a.vmdk"), ("a-000001.vmdk", "a.vmdk"), ("a-disk1.vmdk", "a.ovf")),
        _words("vmdk ovf"),
        _words("vmdk"),
        pattern=rb"(?P<x>.+?)-(?:flat|delta|sesparse|ctk|rdmp?|[sf]\d{3}|\d{6}|disk\d+)\.vmdk",
    ),
    Family(
        "Parts of a model",
        (("a.mtl", "a.obj"), ("a.bin", "a.gltf"), ("a.fbm", "a.fbx")),
        _words("obj gltf fbx"),
        _words("mtl bin fbm"),
    ),
    Family(
        "Measures of a font",
        (("a.afm", "a.pfb"), ("a.pfm", "a.pfb"), ("a.inf", "a.pfb")),
        _words("pfb pfa"),
        _words("afm pfm inf"),
    ),
    Family(
        "What a book has beside it",
        (("a.opf", "a.epub"), ("a.mbp", "a.mobi"), ("a.apnx", "a.azw3"), ("a.phl", "a.azw3")),
        _BOOKS,
        _words("opf mbp mbp1 mbs apnx phl pds"),
    ),
    Family(
        "Halves and marks of other systems",
        (("._a.jpg", "a.jpg"), ("a.jpg:Zone.Identifier", "a.jpg"), ("a.pdf:com.apple.quarantine", "a.pdf")),
        signs=(b"._", b":zone.identifier", b":com.apple.", b":afp_"),
        pattern=rb"(?:\._(?P<y>.+)|(?P<x>.+?):(?:zone\.identifier|com\.apple\.[^:]*|afp_[^:]*)(?::\$data)?)",
        leader=rb"\g<x>\g<y>",
        is_whole=True,
    ),
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
    *(
        Set(
            f"Parts of an archive of {kinds[-1].upper()}, as older programs name them",
            ((f"x.{kinds[-1]}", f"x.{letters[0]}00", f"x.{letters[0]}01"), ("x.exe", f"x.{letters[0]}01")),
            frozenset(b"%c%02d" % (letter, part) for letter in letters.encode() for part in range(100)),
            (),
            rb"(?P<x>.+)\.[%b]\d\d" % letters.encode(),
            rb"\g<x>",
            tuple(rb"\g<x>." + kind.encode() for kind in reversed(kinds)),
        )
        for letters, kinds in (
            ("rs", ("exe", "rar")),
            ("z", ("exe", "zip")),
            ("c", ("exe", "ace")),
            ("a", ("exe", "arj")),
        )
    ),
    Set(
        "Parts of any file",
        (("x.7z.001", "x.7z.002"), ("x.mkv.001", "x.mkv.002", "x.mkv.003")),
        frozenset(b"%03d" % part for part in range(1000)),
        (),
        rb"(?P<x>.+)\.\d{3}",
        rb"\g<x>",
    ),
    Set(
        "Pictures of one burst",
        (
            ("IMG_1_BURST001_COVER.jpg", "IMG_1_BURST002.jpg"),
            ("00001IMG_00001_BURST20180101120000_COVER.jpg", "00002IMG_00002_BURST20180101120000.jpg"),
            ("PXL_1.RAW-01.COVER.jpg", "PXL_1.RAW-02.ORIGINAL.dng"),
        ),
        frozenset(),
        (b"burst", b".raw-0"),
        rb"(?:\d{5}img_\d{5}_burst(?P<y>\d{8,})(?:_cover)?|(?P<x>.+?)(?:_burst\d{1,4}(?:_cover)?|\.raw-0\d\..+))\.[^.]+",
        rb"\g<x>\g<y>",
        first=rb".*cover.*",
    ),
    Set(
        "Streams of a film that are about to be put together",
        (("a.f137.mp4", "a.f140.m4a"),),
        frozenset(),
        (b".f1", b".f2", b".f3", b".f4", b".f5", b".f6", b".f7", b".f8", b".f9", b".fhls", b".fdash"),
        rb"(?P<x>.+)\.f(?:\d{1,4}|hls|dash)(?:-[\w-]+)?\.(?:mp4|m4a|webm|mkv|mp3|opus|ts)",
        rb"\g<x>",
        reason=Reason.UNFINISHED,
    ),
)

MARKS: tuple[Mark, ...] = (
    Mark(
        "A download that is not finished",
        (
            ("a.pdf.part", "a.pdf"),
            ("a.iso.aria2", "a.iso"),
            ("a.zip.crdownload", "a.zip"),
            ("a.zip.st", "a.zip"),
            ("a.iso.!qB", "a.iso"),
            ("a.mp4.ytdl", "a.mp4"),
            ("a.mp4.part-Frag3", "a.mp4"),
            ("a.mp4.part-Frag3.part", "a.mp4"),
            ("a.iso.lftp-pget-status", "a.iso"),
            ("a.iso-lftp-pget-status", "a.iso"),
        ),
        Reason.UNFINISHED,
        (
            *(b".part", b".aria2", b".crdownload", b".st", b"lftp-pget", b".ytdl", b".!", b".download", b".opdownload"),
            *(b".filepart", b".fdmdownload", b".bc!", b".jc!", b".td", b".dctmp", b".xltd", b".mega", b".tmp", b".met"),
        ),
        rb"(?P<x>.+?)(?:\.(?:part(?:ial)?|aria2(?:__temp)?|crdownload|st|opdownload|filepart|fdmdownload|download|bc!|jc!"
        rb"|td|dctmp|xltd|mega|!\w+|ytdl|tmp|part-frag\d+(?:\.part)?|part\.met)|[-.]lftp-pget-status)",
    ),
    Mark(
        "A download of Firefox, with letters of its own in its name",
        (("a.aB3xYz9k.mp4.part", "a.mp4"), ("a.aB3xYz9k.part", "a"), ("a.tar.aB3xYz9k.gz.part", "a.tar.gz")),
        Reason.UNFINISHED,
        (b".part",),
        rb"(?P<x>.+)\.[\w-]{8}(?P<y>\.[^.]+)?\.part",
        (rb"\g<x>\g<y>",),
    ),
    Mark(
        "A film whose streams are being fetched or put together",
        (("a.f137.mp4.part", "a.mp4"), ("a.temp.mp4", "a.mp4"), ("a.f140.m4a.ytdl", "a.m4a")),
        Reason.UNFINISHED,
        (b".temp.", b".part", b".ytdl"),
        rb"(?P<x>.+?)(?:\.f\d+(?:-[\w-]+)?(?P<y>\.[^.]+)\.(?:part|ytdl)|\.temp(?P<z>\.[^.]+))",
        (rb"\g<x>\g<y>\g<z>",),
    ),
    Mark(
        "A piece of a download",
        (("a.mp4.part-Frag3", "a.mp4.part-Frag3"), ("a.f137.mp4.part-Frag12.part", "a.f137.mp4.part-Frag12.part")),
        Reason.UNFINISHED,
        (b".part-frag", b"lftp-pget-status", b".goutputstream-"),
        rb"(?P<x>.+\.part-frag\d+.*|.+[-.]lftp-pget-status|\.goutputstream-.+)",
        says_of_itself=True,
    ),
    Mark(
        "A file that is being synchronized",
        ((".syncthing.a.iso.tmp", "a.iso"), ("~syncthing~a.iso.tmp", "a.iso"), (".a.odt.~5c3a", "a.odt")),
        Reason.UNFINISHED,
        (b".syncthing.", b"~syncthing~", b".~"),
        rb"(?:\.syncthing\.|~syncthing~)(?P<x>.+)\.tmp|\.(?P<y>.+)\.~[0-9a-f]+",
        (rb"\g<x>\g<y>",),
    ),
    Mark(
        "A document that is open in an office program",
        ((".~lock.a.odt#", "a.odt"), ("a.laccdb", "a.accdb"), ("a.ldb", "a.mdb")),
        Reason.OPEN,
        (b".~lock.", b".laccdb", b".ldb"),
        rb"\.~lock\.(?P<x>.+)#|(?P<y>.+)\.(?:laccdb(?P<z>)|ldb)",
        (rb"\g<x>", rb"\g<y>.accdb", rb"\g<y>.accde", rb"\g<y>.mdb", rb"\g<y>.mde"),
    ),
    Mark(
        "A document that is open in Word, Excel or PowerPoint",
        (("~$a.docx", "a.docx"), ("~$port.docx", "report.docx"), ("~$udget.xlsx", "budget.xlsx")),
        Reason.OPEN,
        (b"~$",),
        rb"~\$(?P<x>.+)",
        is_tail=True,
    ),
    Mark(
        "A file that is open in an editor",
        (
            (".a.txt.swp", "a.txt"),
            (".#a.txt", "a.txt"),
            ("#a.txt#", "a.txt"),
            (".a.txt.kate-swp", "a.txt"),
            ("a.blend@", "a.blend"),
        ),
        Reason.OPEN,
        (b".sw", b".#", b"#", b".kate-swp", b"@"),
        rb"\.(?P<x>.+)\.(?:sw[a-p]|kate-swp)|\.#(?P<y>.+)|#(?P<z>.+)#|(?P<w>.+)@",
        (rb"\g<x>\g<y>\g<z>\g<w>",),
    ),
    Mark(
        "A drawing, a layout or a project that is open",
        (("a.dwl", "a.dwg"), ("a.dwl2", "a.dwg"), ("~a~1x7gt2.idlk", "a.indd"), ("a.vmdk.lck", "a.vmdk")),
        Reason.OPEN,
        (b".dwl", b".idlk", b".lck"),
        rb"(?P<x>.+?)\.dwl2?|~(?P<y>.+?)~[\w(]+\.idlk|(?P<z>.+)\.lck",
        (rb"\g<x>.dwg", rb"\g<y>.indd", rb"\g<z>"),
    ),
    Mark(
        "A file with the lock of its program",
        (("a.pst.lock", "a.pst"), ("a.sqlite.lock", "a.sqlite"), (".a.kdbx.lock", "a.kdbx")),
        Reason.OPEN,
        (b".lock",),
        rb"\.?(?P<x>.+)\.lock",
    ),
)

PAGES = _words("html htm xhtml shtml xht mhtml php asp aspx jsp")
"""Of a page that a browser has saved with what it shows."""
PAGE_FOLDERS: tuple[bytes, ...] = tuple(
    """
    _files .files -Dateien _fichiers _bestanden _file _archivos -filer _tiedostot _pliki _soubory _elemei _ficheiros
    _arquivos _dosyalar _datoteke _fitxers _failid _fails _bylos _fajlovi _fitxategiak _filer _файлы
    _файли _αρχεία _文件 _檔案 _ファイル _파일 _súbory _fájlok _fisiere _fișiere
    """.encode().split()
)
"""What browsers and office programs put behind the page's name for its folder, in their languages."""

SHEETS = _words("cue gdi toc")
"""Sheets that name the files beside them."""
NEEDS_ITS_NAME = SHEETS | _words("ccd mds vmdk ovf obj gltf tab")
"""Of what names the files of its group: a number in the names would break it, so the group stays."""
